"""The coarse stage of a hybrid: a diffusion that walks down to a level k in a few evaluations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hybridstudio.config import Shape
from hybridstudio.diffusion.samplers import (
    SAMPLERS,
    Moment,
    Predict,
    Prediction,
    nfe_steps,
    timesteps_for,
)
from hybridstudio.diffusion.schedule import Schedule
from hybridstudio.families.contract import DrawPlan
from hybridstudio.families.ddpm import DDPM

TEACHER = "dpm++2m"  # draws what the whole diffusion makes of a noise, in few evaluations


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
           noise: torch.Generator, *, learns: bool = False) -> Coarse:
    """Hand over real pictures: noised to where the last of the coarse steps begins, which is taken.

    `learns` lets gradients through that step.
    """
    row = (rows_down_to(k, steps, len(diffusion.schedule) - 1) or [k - 1])[-1]
    eps = torch.randn(real.shape, generator=noise, device=real.device)
    t = torch.full((len(real),), row, device=real.device)
    x = diffusion.schedule.q_sample(real, t, eps)
    return _last_step(diffusion, x, labels, row, k, learns)


def drawn(diffusion: DDPM, shape: Shape, labels: Tensor | None, count: int, k: int, steps: int,
          noise: torch.Generator, *, learns: bool = False, full_nfe: int = 0) -> Coarse:
    """Hand over what the coarse steps of DDIM make of pure noise.

    `learns` lets gradients through the last of them. With `full_nfe` the whole diffusion draws from
    the same noise too, in so many evaluations.
    """
    *rows, last = rows_down_to(k, steps, len(diffusion.schedule) - 1) or [k - 1]
    x = torch.randn((count, *shape), generator=noise, device=noise.device)
    full = _drawn_in_full(diffusion, x, labels, full_nfe) if full_nfe else None
    with torch.no_grad():
        for row, then in pairwise([*rows, last]):
            x, _ = _stepped(diffusion, x, row, then, labels)
    return _last_step(diffusion, x, labels, last, k, learns)._replace(full=full)


def _drawn_in_full(diffusion: DDPM, x: Tensor, labels: Tensor | None, nfe: int) -> Tensor:
    """Return what the diffusion makes of the noise x on its own, (N, C, H, W)."""
    *_, last = SAMPLERS[TEACHER](
        diffusion.predictor(labels, 1.0), x, diffusion.schedule,
        timesteps_for(TEACHER, diffusion.schedule, nfe), [], diffusion.options(0.0))
    return last.x_t


def _last_step(diffusion: DDPM, x: Tensor, labels: Tensor | None, row: int, k: int,
               learns: bool) -> Coarse:
    with torch.set_grad_enabled(learns):
        x_k, picture = _stepped(diffusion, x, row, k - 1, labels)
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

    def picked(self, count: int, noise: torch.Generator, *, labelled: bool) -> Coarse:
        """Return pictures picked at random."""
        full = min(len(self.k), int(self.count))
        places = torch.randint(full, (count,), generator=noise, device=noise.device)
        return Coarse(self.x_k[places], self.picture[places], self.k[places],
                      self.labels[places] if labelled else None, self.full[places])


def _stepped(diffusion: DDPM, x: Tensor, row: int, then: int,
             labels: Tensor | None) -> tuple[Tensor, Tensor]:
    """Take one step of DDIM between two rows; return where it leads and its x̂_0."""
    t = torch.full((len(x),), row, device=x.device)
    made = diffusion.predictor(labels, 1.0)(x, t)
    x0 = diffusion.clipped(made.x0)
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
    first, skip = len(schedule) - 1, 0
    if plan.image is not None and plan.from_step is not None:
        first = plan.from_step - 1
        if plan.start is None:
            t = torch.full((plan.count,), first, device=x.device)
            x = schedule.q_sample(plan.image.to(x.device).expand_as(x), t, x)
    coarse: Tensor | None = None
    if plan.start is not None:
        x, skip, first = plan.start.moment.x_t, plan.start.skip, plan.start.first(first)
        coarse = plan.start.moment.extra.get("Coarse")
    k = min(k, first + 1)
    down = rows_down_to(k, nfe_steps(plan.sampler, max(1, plan.nfe - 1)), first)[skip:]
    ask = _Until(diffusion.predictor(labels, plan.guidance), k - 1)
    steps = len(down) + 1
    for moment in SAMPLERS[plan.sampler](ask, x, schedule, [*down, k - 1], rows,
                                         diffusion.options(plan.eta)):
        moment = replace(moment, nfe=ask.count, steps=steps)
        if moment.t <= k:
            if coarse is None:
                # Where no coarse step is left, the diffusion says from here what it sees.
                made = ask.seen or ask.asked(moment.x_t, k - 1)
                coarse = diffusion.clipped(made.x0)
            yield replace(moment, nfe=ask.count), coarse
            return
        yield moment, None


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
