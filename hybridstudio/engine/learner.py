"""What learns: a family's networks, their moving average and optimisers, and one training step."""

from __future__ import annotations

import copy
import hashlib
import math
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from hybridstudio.config import RunConfig, TrainConfig
from hybridstudio.engine import runtime
from hybridstudio.engine.checkpoints import load_into
from hybridstudio.families import FAMILIES, Batch, Family
from hybridstudio.nets.unet import Dropout

_building = threading.Lock()

EMA_WARMUP = 10  # steps after which the moving average may reach back further than they do


def build(config: RunConfig, on: torch.device) -> Family:
    """Make a family's networks on a device, their weights drawn from the run's seed."""
    # Layers initialise themselves from the global generator: borrow it, one thread at a time, and
    # give it back as it was.
    with _building, torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.train.seed)
        family = FAMILIES[config.model.family](config)
    return family.to(on).to(memory_format=torch.channels_last)


def parameters(family: Family) -> dict[str, int]:
    """Count the parameters of each network that learns or draws."""
    return {name: sum(p.numel() for p in family.get_submodule(name).parameters())
            for name in dict.fromkeys((*family.trained, *family.drawn))}


class Meters:
    """Means of named losses between two points of the curves; they stay on the device till read."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, Tensor] = {}

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Take in one step's losses; NaN means 'not seen in this step'."""
        for name, loss in losses.items():
            value = loss.detach().double() if loss.device.type != "mps" else loss.detach()
            seen = ~value.isnan()
            if name not in self._sums:
                self._sums[name], self._counts[name] = torch.zeros_like(value), seen * 0
            self._sums[name] += value.nan_to_num(0.0, math.inf, -math.inf)
            self._counts[name] += seen

    def read(self) -> dict[str, float]:
        """Return the means and begin anew; this is where the device is waited for."""
        means = {name: float(total) / max(1, int(self._counts[name]))
                 for name, total in self._sums.items() if int(self._counts[name])}
        self._sums.clear()
        self._counts.clear()
        return means

    def state(self) -> dict[str, list[float]]:
        """Return sums and counts as plain numbers."""
        return {name: [float(total), int(self._counts[name])]
                for name, total in self._sums.items()}

    def restore(self, state: Mapping[str, list[float]], on: torch.device) -> None:
        """Go on from saved sums and counts."""
        kind = torch.float64 if on.type != "mps" else torch.float32
        self._sums = {name: torch.tensor(total, dtype=kind, device=on)
                      for name, (total, _) in state.items()}
        self._counts = {name: torch.tensor(int(count), device=on)
                        for name, (_, count) in state.items()}


class Learner:
    """A family in training: everything that a checkpoint holds, and the step that changes it."""

    def __init__(self, config: RunConfig, on: torch.device,
                 lend: Callable[[Family], None] | None = None) -> None:
        self.config, self.on = config, on
        self.dtype = runtime.precision(config.train, on)
        self.streams = runtime.Streams(config.train.seed, on)
        self.family = build(config, on)
        self.ema = copy.deepcopy(self.family)
        if lend is not None:  # a new training may begin with networks of other runs
            self.borrow(lend)
        for module in (self.family, self.ema):
            for part in module.modules():
                if isinstance(part, Dropout):
                    part.generator = self.streams["dropout"]
        self.ema.eval().requires_grad_(False)
        self.optimisers = {name: _optimiser(config.train, self.family.get_submodule(name))
                           for name in self.family.trained}
        self._only: str | None = None  # the one network that learns in this step, or all
        self._bad = torch.zeros((), dtype=torch.bool, device=on)  # a gradient was not finite
        self.meters = Meters()
        self._norms: dict[str, Tensor] = {}
        self.step = 0
        self.skipped = torch.zeros((), device=on)  # steps without a finite gradient, in a row

    def borrow(self, lend: Callable[[Family], None]) -> None:
        """Take networks of other runs, to begin with; the moving average takes them too."""
        for family in (self.family, self.ema):
            lend(family)

    # --- one step -----------------------------------------------------------------------------

    def learn(self, batch: Batch, progress: float, only: str | None = None) -> None:
        """Do one training step; `progress` in [0, 1] is how much of the training is over.

        `only` names the one network that learns in it.
        """
        train = self.config.train
        factor = lr_factor(train, self.step, self.family.stage(progress))
        rate, adversaries = train.lr * factor, (train.lr_discriminator or train.lr) * factor
        for name, optimiser in self.optimisers.items():
            for group in optimiser.param_groups:
                group["lr"] = adversaries if name in self.family.adversaries else rate
        self._norms.clear()
        self._only = only
        self._bad = torch.zeros((), dtype=torch.bool, device=self.on)
        self.family.prepare(self.ema, progress)
        batch = replace(batch, step=self.step, progress=progress, only=only)
        with runtime.arithmetic(self.on, self.dtype):
            losses = self.family.train_step(batch, self._update, self.streams["noise"])
        self.meters.add({**losses, **self._norms, "lr": torch.tensor(rate)})
        self.step += 1
        self.skipped = torch.where(self._bad, self.skipped + 1, 0.0)
        self._average()

    def _update(self, names: str | tuple[str, ...], loss: Tensor) -> None:
        """Step the optimisers of one network or several on a loss that may run through others."""
        names = (names,) if isinstance(names, str) else names
        if self._only is not None:
            names = tuple(name for name in names if name == self._only)
        weights = {name: list(self.family.get_submodule(name).parameters()) for name in names}
        if not weights:
            return
        with torch.autocast(self.on.type, enabled=False):
            loss.backward(inputs=[weight for own in weights.values() for weight in own])
        for name in names:
            self._step(name, weights[name])
        # It holds the weights in bfloat16 as they were, and what learns next may look at them.
        torch.clear_autocast_cache()

    def _step(self, name: str, weights: list[nn.Parameter]) -> None:
        """Step one network's optimiser; without a finite gradient nothing changes."""
        optimiser = self.optimisers[name]
        limit = self.config.train.grad_clip or math.inf
        norm = torch.nn.utils.clip_grad_norm_(weights, limit, foreach=True)
        bad = ~norm.isfinite()
        self._bad = self._bad | bad
        self._norms[f"grad_norm/{name}"] = norm.detach()
        heeds = self.on.type != "mps" and optimiser.defaults.get("fused")
        if not heeds:  # found_inf means nothing to it: wait for the device and look
            if not bool(bad):
                optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            return
        # The fused optimisers leave everything as it is where found_inf is set: no sync is needed.
        optimiser.found_inf = bad.float()  # type: ignore[attr-defined]
        optimiser.grad_scale = None  # type: ignore[attr-defined]
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    @torch.no_grad()
    def _average(self) -> None:
        """Move the EMA towards the weights, faster in the first steps than its decay says.

        Running statistics of batches belong to the weights, so they are averaged as well; other
        buffers are as they are.
        """
        decay = min(self.config.train.ema, (1 + self.step) / (EMA_WARMUP + self.step))
        for name in self.family.drawn:
            now, mean = self.family.get_submodule(name), self.ema.get_submodule(name)
            torch._foreach_lerp_(list(mean.parameters()), list(now.parameters()), 1.0 - decay)
            for (path, old), new in zip(mean.named_buffers(), now.buffers(), strict=True):
                if path.rpartition(".")[2].startswith("running_"):
                    old.lerp_(new, 1.0 - decay)
                else:
                    old.copy_(new)

    # --- its state ----------------------------------------------------------------------------

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """Return what a checkpoint holds, by file: weights, EMA, optimisers, random streams."""
        return {
            "model": weights(self.family, self.family.trained + self.family.kept),
            "ema": weights(self.ema, self.family.drawn),
            "optimiser": {f"{net}/{place}/{key}": _tensor(value)
                          for net, optimiser in self.optimisers.items()
                          for place, slots in optimiser.state_dict()["state"].items()
                          for key, value in slots.items()},
            "streams": {**self.streams.state(), "skipped": self.skipped.reshape(1).clone()},
        }

    def restore(self, tensors: Mapping[str, Mapping[str, Tensor]], step: int) -> None:
        """Go on from a checkpoint's tensors; StudioError where they belong to other networks."""
        family = self.family
        load_into(weights(family, family.trained + family.kept), tensors["model"], "the weights")
        load_into(weights(self.ema, family.drawn), tensors["ema"], "the EMA weights")
        frozen = tuple(name for name in family.drawn if name not in family.trained)
        load_into(weights(family, frozen), weights(self.ema, frozen), "the frozen weights")
        for net, optimiser in self.optimisers.items():
            own = list(self.family.get_submodule(net).parameters())
            slots: dict[int, dict[str, Tensor]] = {}
            for name, value in tensors["optimiser"].items():
                owner, place, key = name.split("/")
                if owner == net:
                    slots.setdefault(int(place), {})[key] = _laid_out(
                        value, own[int(place)])
            optimiser.load_state_dict({**optimiser.state_dict(), "state": slots})
        streams = dict(tensors["streams"])
        self.skipped = streams.pop("skipped").reshape(()).to(self.on)
        self.streams.restore(streams)
        self.step = step


def lr_factor(train: TrainConfig, step: int, progress: float) -> float:
    """Return the learning rate's factor: a linear warm-up, then the config's decay."""
    rise = min(1.0, (step + 1) / train.warmup) if train.warmup else 1.0
    progress = min(1.0, max(0.0, progress))
    fall = {"constant": 1.0, "linear": 1.0 - progress,
            "cosine": 0.5 * (1.0 + math.cos(math.pi * progress))}[train.decay]
    return rise * fall


def _optimiser(train: TrainConfig, network: nn.Module) -> torch.optim.Optimizer:
    weights, decay = list(network.parameters()), train.weight_decay
    if train.optimiser == "rmsprop":
        return torch.optim.RMSprop(weights, lr=train.lr, weight_decay=decay, foreach=True)
    if train.optimiser == "sgd":
        return torch.optim.SGD(weights, lr=train.lr, momentum=train.betas[0],
                               weight_decay=decay, fused=True)
    kind = torch.optim.AdamW if train.optimiser == "adamw" else torch.optim.Adam
    return kind(weights, lr=train.lr, betas=train.betas, weight_decay=decay, fused=True)


def weights(family: Family, names: Iterable[str]) -> dict[str, Tensor]:
    """Return the weights of some of a family's networks, by the network's name and theirs."""
    return {f"{name}.{key}": value for name in names
            for key, value in family.get_submodule(name).state_dict().items()}


def weights_sha256(family: Family) -> str:
    """Return the sha256 (hex) of the weights that drawing needs, whatever file they came from."""
    digest = hashlib.sha256()
    for name, value in sorted(weights(family, family.drawn).items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _laid_out(value: Tensor, weight: Tensor) -> Tensor:
    """Copy a moment of the optimiser into its weight's memory layout.

    A file holds tensors row by row; the fused optimisers walk a channels-last weight and its
    moments in step through memory, and would pair the wrong elements.
    """
    if value.shape != weight.shape:
        return value.clone()
    return torch.empty_like(weight, dtype=value.dtype, device=value.device).copy_(value)


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else torch.tensor(value)
