"""What a training reaches within a budget, beside a peer's network in the same time.

The distance is a Fréchet distance in the features of a small digit classifier that is trained here
first, from a fixed seed. Its scale is its own: read it beside that of real pictures.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hybridstudio import engine, presets
from hybridstudio.bench.training import opened
from hybridstudio.config import with_values
from hybridstudio.diffusion.noise import normal, streams
from hybridstudio.diffusion.samplers import Options, Prediction, ddim
from hybridstudio.diffusion.schedule import Schedule
from hybridstudio.engine import runtime
from hybridstudio.engine.draw import as_images
from hybridstudio.messages import Done, Draw, Images, Train
from hybridstudio.scores.frechet import Moments, frechet_distance, moments

SECONDS = 480.0
DRAWN = 1000
NFE = 50
EPOCHS = 2  # of the classifier


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Fréchet distance (digit features) of 1,000 pictures after training for --seconds."""
    root = Path(asked.data_root) if asked.data_root else None
    seconds = asked.seconds or SECONDS
    config = with_values(presets.find(asked.preset or "ddpm-mnist"), {"train.score_every": 0})
    test = with_values(config, {"data.split": "test"})
    config, train_set = opened(config, root)
    _, test_set = opened(test, root)
    images = torch.from_numpy(train_set.images)
    features = Features(images, torch.from_numpy(train_set.labels))
    reference = features.moments(test_set.images)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        for _ in engine.run(Train(config, run, budget=seconds, device="cpu", data_root=root)):
            pass
        drawn = None
        for event in engine.run(Draw(run, DRAWN, "ddim", NFE, frames=False, device="cpu")):
            if isinstance(event, Done):
                drawn = event.images
    assert drawn is not None
    floor = features.moments(train_set.images[:DRAWN])
    figures: dict[str, Any] = {
        "ours": frechet_distance(reference, features.moments(drawn)),
        "real": frechet_distance(reference, floor),
        "seconds": seconds, "count": DRAWN, "nfe": NFE, "classifier_accuracy": features.accuracy,
    }
    if asked.peer == "diffusers":
        peer = _diffusers(images, seconds)
        figures["diffusers"] = frechet_distance(reference, features.moments(peer))
        figures["ratio"] = figures["diffusers"] / figures["ours"]
    return figures


class Features:
    """A digit classifier of two convolutions, whose 128 hidden values are the features."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            side, channels = images.shape[1] // 4, images.shape[3]
            self.body = nn.Sequential(
                nn.Conv2d(channels, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                nn.Linear(64 * side * side, 128), nn.ReLU())
            self.head = nn.Linear(128, int(labels.max()) + 1)
        self.accuracy = self._learn(images, labels)

    def _learn(self, images: Tensor, labels: Tensor) -> float:
        kept = len(images) // 20  # the last twentieth tells how good it is
        weights = [*self.body.parameters(), *self.head.parameters()]
        optimiser = torch.optim.Adam(weights, lr=1e-3)
        order = torch.Generator().manual_seed(0)
        for _ in range(EPOCHS):
            for batch in torch.randperm(len(images) - kept, generator=order).split(128):
                loss = F.cross_entropy(self.head(self.body(_pixels(images[batch]))), labels[batch])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        with torch.no_grad():
            guesses = self.head(self.body(_pixels(images[-kept:]))).argmax(1)
        return float((guesses == labels[-kept:]).float().mean())

    def moments(self, images: Images) -> Moments:
        """Return the moments of the features of pictures (N, H, W, C) uint8."""
        with torch.inference_mode():
            parts = [self.body(_pixels(part)) for part in torch.from_numpy(images).split(500)]
        return moments(torch.cat(parts).numpy())


def _pixels(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1.0


def _diffusers(images: Tensor, seconds: float) -> Images:
    """Train diffusers' UNet2DModel (32, 64, 128 channels) for the same time; draw as we draw.

    Its usual recipe: 1,000 linear steps, ε, Adam 1e-4, batch 128, and an EMA as ours.
    """
    import diffusers

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net: Any = diffusers.UNet2DModel(
            sample_size=28, in_channels=1, out_channels=1, layers_per_block=2,
            block_out_channels=(32, 64, 128),
            down_block_types=("DownBlock2D",) * 3, up_block_types=("UpBlock2D",) * 3)
    net = net.to(memory_format=torch.channels_last)
    mean = copy.deepcopy(net).eval()
    schedule, on = Schedule.named("linear", 1000), torch.device("cpu")
    dtype = torch.bfloat16 if runtime.has_fast_bfloat16("cpu") else torch.float32
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-4, fused=True)
    noise = torch.Generator().manual_seed(0)
    began, step = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        x0 = _pixels(images[torch.randint(len(images), (128,), generator=noise)])
        t = torch.randint(1000, (128,), generator=noise)
        eps = torch.randn(x0.shape, generator=noise)
        x_t = schedule.q_sample(x0, t, eps).to(memory_format=torch.channels_last)
        with runtime.arithmetic(on, dtype):
            output = net(x_t, t).sample
        F.mse_loss(output.float(), eps).backward()
        optimiser.step()
        optimiser.zero_grad()
        step += 1
        with torch.no_grad():
            torch._foreach_lerp_(list(mean.parameters()), list(net.parameters()),
                                 1.0 - min(0.999, (1 + step) / (10 + step)))

    def predict(x_t: Tensor, t: Tensor) -> Prediction:
        with runtime.arithmetic(on, dtype):
            eps = mean(x_t, t).sample.float()
        return Prediction(schedule.x0_from_eps(x_t, t, eps), eps)

    drawn = []
    for first in range(0, DRAWN, 250):
        rows = streams(torch.Generator().manual_seed(first), 250)
        moments_of = ddim(predict, normal(rows, (1, 28, 28)), schedule, schedule.timesteps(NFE),
                          rows, Options())
        drawn.append(as_images(deque(moments_of, maxlen=1).pop().x_t))
    return np.concatenate(drawn)
