"""The coarse stage of a hybrid: a diffusion that walks down to a level k in a few evaluations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hybridstudio.config import Shape
from hybridstudio.diffusion.inpainting import Known, begun, repaint
from hybridstudio.diffusion.inversion import ROUNDS, highest
from hybridstudio.diffusion.noise import streams
from hybridstudio.diffusion.samplers import (
    CLEAN,
    SAMPLERS,
    Level,
    Moment,
    Predict,
    Prediction,
    ddim_invert,
    levels_of,
    nfe_steps,
    posterior_step,
    sampler_for,
    timesteps_for,
)
from hybridstudio.diffusion.schedule import Schedule
from hybridstudio.families.contract import DrawPlan
from hybridstudio.families.ddpm import DDPM

INVERTED = 50  # steps of an inversion: the few of the way down would be too coarse
TEACHER = "dpm++2m"  # draws what the whole diffusion makes of a noise, in few evaluations


class Progress(nn.Module):
    """How far the training of the stages is."""

    refines: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("refines", torch.zeros((), dtype=torch.bool))


def rows_down_to(k: int, steps: int, first: int) -> list[int]:
    """Return rows of a schedule from `first` towards level k, evenly, row k - 1 not among them.

    Fewer than `steps` where there are no more; none where k is not below the first.
    """
    steps = min(steps, first - (k - 1))
    return [round(first - (first - (k - 1)) * i / steps) for i in range(steps)]


class Coarse(NamedTuple):
    """What the stage hands over: x_k, the x̂_0 that led there, levels k and labels (N,) or None.

    `full` is what the whole diffusion draws from the same noise, where that is known.
    """

    x_k: Tensor
    picture: Tensor
    k: Tensor
    labels: Tensor | None
    full: Tensor | None = None


def noised(diffusion: DDPM, real: Tensor, labels: Tensor | None, k: int, steps: int,
           noise: torch.Generator, *, learns: bool = False, strays: bool = False) -> Coarse:
    """Hand over real pictures: noised to where the last of the coarse steps begins, which is taken.

    `learns` lets gradients through that step; where it `strays` it is an ancestral one.
    """
    row = (rows_down_to(k, steps, len(diffusion.schedule) - 1) or [k - 1])[-1]
    eps = torch.randn(real.shape, generator=noise, device=real.device)
    t = torch.full((len(real),), row, device=real.device)
    x = diffusion.schedule.q_sample(real, t, eps)
    return _last_step(diffusion, x, labels, row, k, learns, noise if strays else None)


def drawn(diffusion: DDPM, shape: Shape, labels: Tensor | None, count: int, k: int, steps: int,
          noise: torch.Generator, *, learns: bool = False, full_nfe: int = 0,
          strays: bool = False) -> Coarse:
    """Hand over what DDIM's coarse steps make of pure noise; ancestral ones, where it `strays`.

    `learns` lets gradients through the last of them. With `full_nfe` the whole diffusion draws from
    the same noise too, in so many evaluations.
    """
    fresh = noise if strays else None
    *rows, last = rows_down_to(k, steps, len(diffusion.schedule) - 1) or [k - 1]
    x = torch.randn((count, *shape), generator=noise, device=noise.device)
    full = drawn_in_full(diffusion, x, labels, full_nfe) if full_nfe else None
    with torch.no_grad():
        for row, then in pairwise([*rows, last]):
            x, _ = _stepped(diffusion, x, row, then, labels, fresh)
    return _last_step(diffusion, x, labels, last, k, learns, fresh)._replace(full=full)


@torch.no_grad()
def begin_as(network: nn.Module, known: Mapping[str, Tensor], loud: float = 0.0) -> None:
    """Let a UNet start as another whose weights are `known`; what it has besides has no say yet.

    Its first layer may see more channels, behind the other's; z begins `loud` times as loud as a
    fresh layer makes it. A learned variance of the other is no part of the picture.
    """
    for name, weight in network.state_dict().items():
        if name.startswith("style.2."):
            weight.mul_(loud)
        if name not in known:
            continue
        if weight.shape == known[name].shape:
            weight.copy_(known[name])
        elif weight.ndim == 4 and name.startswith("stem."):
            weight.zero_()
            weight[:, :known[name].shape[1]].copy_(known[name])
        elif name.startswith("out."):
            weight.copy_(known[name][:len(weight)])


@torch.no_grad()
def drawn_in_full(diffusion: DDPM, x: Tensor, labels: Tensor | None, nfe: int,
                  start: int | None = None) -> Tensor:
    """Return what the diffusion makes of x at row `start` (T-1 if not given), (N, C, H, W)."""
    *_, last = SAMPLERS[TEACHER](
        diffusion.predictor(labels, 1.0), x, diffusion.schedule,
        timesteps_for(TEACHER, diffusion.schedule, nfe, start), [], diffusion.options(0.0))
    return last.x_t


def _last_step(diffusion: DDPM, x: Tensor, labels: Tensor | None, row: int, k: int,
               learns: bool, fresh: torch.Generator | None) -> Coarse:
    with torch.set_grad_enabled(learns):
        x_k, picture = _stepped(diffusion, x, row, k - 1, labels, fresh)
    return Coarse(x_k, picture, torch.full((len(x),), k, device=x.device), labels)


def joined(first: Coarse, second: Coarse) -> Coarse:
    """Put the pictures of one behind those of the other; `full` is that of the second."""
    labels = None
    if first.labels is not None and second.labels is not None:
        labels = torch.cat([first.labels, second.labels])
    return Coarse(torch.cat([first.x_k, second.x_k]), torch.cat([first.picture, second.picture]),
                  torch.cat([first.k, second.k]), labels, second.full)


class Pool(nn.Module):
    """Coarse pictures that a frozen diffusion drew, used a few times each, the oldest replaced.

    They cost as many evaluations as the diffusion takes steps, and with the full picture beside
    them many more: drawn anew for every step, they would cost more than all else in a training.
    """

    x_k: Tensor
    picture: Tensor
    k: Tensor
    labels: Tensor
    full: Tensor
    count: Tensor  # of pictures put in so far

    def __init__(self, size: int, shape: Shape) -> None:
        super().__init__()
        self.register_buffer("x_k", torch.zeros(size, *shape))
        self.register_buffer("picture", torch.zeros(size, *shape))
        self.register_buffer("full", torch.zeros(size, *shape))
        self.register_buffer("k", torch.zeros(size, dtype=torch.int64))
        self.register_buffer("labels", torch.zeros(size, dtype=torch.int64))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def put(self, coarse: Coarse) -> None:
        """Take pictures in, over the oldest ones."""
        if len(coarse.k) > len(self.k):
            raise ValueError(f"{len(coarse.k)} pictures do not fit into a pool of {len(self.k)}")
        new = torch.arange(len(coarse.k), device=self.k.device)
        places = (self.count + new) % len(self.k)
        self.x_k[places], self.picture[places] = coarse.x_k.float(), coarse.picture.float()
        self.k[places] = coarse.k
        if coarse.labels is not None:
            self.labels[places] = coarse.labels
        if coarse.full is not None:
            self.full[places] = coarse.full.float()
        self.count += len(coarse.k)

    def picked(self, count: int, noise: torch.Generator, *, labelled: bool,
               levels: Tensor | None = None) -> Coarse:
        """Return pictures picked at random, of these `levels` (N,) where they are wanted."""
        full = min(len(self.k), int(self.count))
        if levels is None:
            places = torch.randint(full, (count,), generator=noise, device=noise.device)
        else:
            fits = (self.k[:full] == levels[:, None]).float() + 1e-9  # any, where none fits
            places = torch.multinomial(fits, 1, generator=noise).flatten()
        return Coarse(self.x_k[places], self.picture[places], self.k[places],
                      self.labels[places] if labelled else None, self.full[places])


def _stepped(diffusion: DDPM, x: Tensor, row: int, then: int, labels: Tensor | None,
             fresh: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Take one step between two rows, DDIM's or with `fresh` noise an ancestral one.

    Returns where it leads and its x̂_0.
    """
    t = torch.full((len(x),), row, device=x.device)
    made = diffusion.predictor(labels, 1.0)(x, t)
    x0 = diffusion.clipped(made.x0)
    if fresh is not None:
        now, after, *_ = levels_of(diffusion.schedule, [row, then])
        return posterior_step(x, replace(made, x0=x0), now, after, streams(fresh, len(x)),
                              diffusion.options(0.0)), x0
    return diffusion.schedule.q_sample(x0, torch.full_like(t, then), made.eps), x0


def walked_down(
    diffusion: DDPM, plan: DrawPlan, x: Tensor, rows: list[torch.Generator],
    labels: Tensor | None, k: int,
) -> Iterator[tuple[Moment, Tensor | None]]:
    """Walk from noise (or the plan's noised picture) down to level k with the plan's sampler.

    One evaluation of `plan.nfe` is left for the stage after. Yields each moment with None, and at
    last the one at level k, where the diffusion is not asked any more, with the coarse picture. One
    that starts there has that picture from before.
    """
    schedule: Schedule = diffusion.schedule
    predict, options = diffusion.predictor(labels, plan.guidance), diffusion.options(plan.eta)
    first, skip = len(schedule) - 1, 0
    if plan.image is not None and plan.from_step is not None:
        first = plan.from_step - 1
    if plan.invert:
        first = highest(schedule, first)
    coarse: Tensor | None = None
    if plan.start is not None:
        x, skip, first = plan.start.moment.x_t, plan.start.skip, plan.start.first(first)
        coarse = plan.start.moment.extra.get("Coarse")
    k = min(k, first + 1)
    down = rows_down_to(k, nfe_steps(plan.sampler, max(1, plan.nfe - 1)), first)[skip:]
    steps = len(down) + 1
    known = known_of(plan, x, rows)
    higher: Moment | None = None  # where an inversion arrived
    if plan.invert and plan.image is not None and plan.start is None:
        options = replace(options, clip_x0=False)  # which has no way back
        image = plan.image.to(x.device).expand_as(x)
        for moment in ddim_invert(predict, image, schedule,
                                  timesteps_for("ddim", schedule, INVERTED, first), ROUNDS):
            if higher is not None:
                yield replace(higher, steps=higher.steps + steps), None
            higher = moment
        x = x if higher is None else higher.x_t
    elif plan.image is not None and plan.start is None:
        x = _noised(plan, x, known, levels_of(schedule, [first])[0])
    ask = _Until(predict, k - 1)
    walk = sampler_for(plan.sampler, x)(ask, x, schedule, [*down, k - 1], rows, options)
    if known is not None:
        walk = repaint(plan.sampler, ask, x, schedule, [*down, k - 1], rows, options, known)
    up, spent = (higher.step, higher.nfe) if higher is not None else (0, 0)
    for moment in walk:
        is_there = moment.t <= k
        if is_there and coarse is None:
            # Where no coarse step is left, the diffusion says from here what it sees.
            made = ask.seen or ask.asked(moment.x_t, k - 1)
            coarse = diffusion.clipped(made.x0)
        yield (replace(moment, step=up + moment.step, steps=up + steps, nfe=spent + ask.count),
               coarse if is_there else None)
        if is_there:
            return


def known_of(plan: DrawPlan, x: Tensor, rows: list[torch.Generator]) -> Known | None:
    """Return what a plan's mask leaves as it is in pictures like x; None without a mask."""
    if plan.mask is None or plan.image is None:
        return None
    return Known(plan.image.to(x.device).expand_as(x), plan.mask.to(x.device), rows)


def finished(x0: Tensor, known: Known | None) -> Tensor:
    """Return a finished picture with what was known of it in its place."""
    return x0 if known is None else known.put(x0, CLEAN)


def _noised(plan: DrawPlan, x: Tensor, known: Known | None, level: Level) -> Tensor:
    """Return the noise x with the plan's picture, or what is known of it, noised to a level."""
    if known is not None:
        return begun(x, known, level, is_noised=plan.from_step is not None)
    if plan.image is None or plan.from_step is None:
        return x
    return level.alpha * plan.image.to(x.device).expand_as(x) + level.sigma * x


class _Until:
    """Asks the diffusion down to a row of the schedule, from which on another network answers.

    There the last answer is given again, so that no sampler corrects what it had.
    """

    def __init__(self, predict: Predict, row: int) -> None:
        self.predict, self.row = predict, row
        self.seen: Prediction | None = None
        self.count = 0  # evaluations so far

    def __call__(self, x_t: Tensor, t: Tensor) -> Prediction:
        if int(t[0]) <= self.row:
            return self.seen or Prediction(x_t, torch.zeros_like(x_t))
        self.seen = self.asked(x_t, int(t[0]))
        return self.seen

    def asked(self, x_t: Tensor, row: int) -> Prediction:
        """Ask the diffusion itself."""
        self.count += 1
        return self.predict(x_t, torch.full((len(x_t),), row, device=x_t.device))
