"""What our training loop costs beside a bare torch loop on the same network."""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hybridstudio import data, engine, paths, presets
from hybridstudio.config import RunConfig, with_values
from hybridstudio.engine import runtime
from hybridstudio.engine.learner import Learner, build
from hybridstudio.families import Batch
from hybridstudio.messages import Progress, Train

ROUNDS = 5


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Time of our steps over a bare torch loop's on the same network, in alternating rounds."""
    root = Path(asked.data_root) if asked.data_root else None
    config = presets.find(asked.preset or "ddpm-shapes")
    config, dataset = opened(config, root)
    images = torch.from_numpy(dataset.images)
    each = _steps_for(config, (asked.seconds or 60.0) / (2 * ROUNDS))
    config = with_values(config, {"train.steps": each, "train.preview_every": 10**9,
                                  "train.save_every": 10**9})
    ours, bare = [], []
    for _ in range(ROUNDS):
        ours.append(_ours(config, root))
        bare.append(_bare(config, images, each))
    ratios = [mine / theirs for mine, theirs in zip(ours, bare, strict=True)]
    return {"ratio": statistics.median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios),
            "steps": each, "rounds": ROUNDS}


def opened(config: RunConfig, root: Path | None) -> tuple[RunConfig, data.Dataset]:
    """Open a config's data; return the config with its shape, and the data set."""
    loading = data.load(config.data, paths.data_root(root))
    while True:
        try:
            next(loading)
        except StopIteration as done:
            dataset = done.value
            break
    values = data.resolved(config.data, dataset)
    return config.model_copy(update={"data": values}), dataset


def _steps_for(config: RunConfig, seconds: float) -> int:
    learner = Learner(config, torch.device("cpu"))
    shape = (config.train.batch_size, *config.shape)
    labels = torch.zeros(shape[0], dtype=torch.long)
    batch = Batch(torch.zeros(shape), labels)
    learner.learn(batch, 0.0)
    began = time.perf_counter()
    learner.learn(batch, 0.0)
    return max(10, round(seconds / (time.perf_counter() - began)))


def _ours(config: RunConfig, root: Path | None) -> float:
    """Return the seconds between our first and last step, data and log points included."""
    marks: dict[int, float] = {}  # when each step was done; a preview comes before the first
    with tempfile.TemporaryDirectory() as folder:
        for event in engine.run(Train(config, Path(folder) / "run", device="cpu", data_root=root)):
            if isinstance(event, Progress) and event.unit == "steps":
                marks.setdefault(event.step, time.perf_counter())
    last = max(marks)
    return (marks[last] - marks[1]) / (last - 1)


def _bare(config: RunConfig, images: Tensor, steps: int) -> float:
    """Return the seconds of a step as a notebook would write it: no EMA, no log, no clipping."""
    on = torch.device("cpu")
    family, dtype = build(config, on), runtime.precision(config.train, on)
    optimiser = torch.optim.Adam(family.get_submodule("unet").parameters(), lr=1e-4, fused=True)
    noise = torch.Generator().manual_seed(0)

    def update(name: str | tuple[str, ...], loss: Tensor) -> None:
        with torch.autocast("cpu", enabled=False):  # the backward pass keeps the forward's types
            loss.backward()
        optimiser.step()
        optimiser.zero_grad()

    marks = []
    for _ in range(steps):
        picked = torch.randint(len(images), (config.train.batch_size,))
        x0 = images[picked].permute(0, 3, 1, 2).float() / 127.5 - 1.0
        labels = torch.zeros(len(x0), dtype=torch.long)
        with runtime.arithmetic(on, dtype):
            family.train_step(Batch(x0, labels), update, noise)
        marks.append(time.perf_counter())
    return (marks[-1] - marks[0]) / (len(marks) - 1)
