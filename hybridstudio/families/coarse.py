"""The coarse stage of a hybrid: a diffusion that walks down to a level k in a few evaluations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor

from hybridstudio.config import HybridConfig
from hybridstudio.diffusion.samplers import SAMPLERS, Moment, Predict, Prediction, nfe_steps
from hybridstudio.diffusion.schedule import Schedule
from hybridstudio.families.contract import DrawPlan
from hybridstudio.families.ddpm import DDPM


def rows_down_to(k: int, steps: int, first: int) -> list[int]:
    """Return rows of a schedule from `first` towards level k, evenly, row k - 1 not among them.

    Fewer than `steps` where there are no more; none where k is not below the first.
    """
    steps = min(steps, first - (k - 1))
    return [round(first - (first - (k - 1)) * i / steps) for i in range(steps)]


def coarse_states(
    diffusion: DDPM, config: HybridConfig, real: Tensor, labels: Tensor | None, k: int,
    noise: torch.Generator,
) -> tuple[Tensor, Tensor, int]:
    """Return x_k, the x̂_0 that led there, and how many of the first come from real pictures.

    Those are real pictures noised to where the last coarse step begins; the others walk down from
    pure noise as DDIM does. `joint` lets gradients through the last step.
    """
    *rows, last = rows_down_to(k, config.coarse_steps, len(diffusion.schedule) - 1) or [k - 1]
    known = len(real) - round(len(real) * config.rolled_out) if rows else 0
    x = torch.randn(real.shape, generator=noise, device=real.device)
    drawn, asked = x[known:], None if labels is None else labels[known:]
    with torch.no_grad():
        for row, then in pairwise([*rows, last] if len(drawn) else []):
            drawn, _ = _stepped(diffusion, drawn, row, then, asked)
        at_last = torch.full((known,), last, device=x.device)
        x = torch.cat([diffusion.schedule.q_sample(real[:known], at_last, x[:known]), drawn])
    with torch.set_grad_enabled(config.mode == "joint"):
        return *_stepped(diffusion, x, last, k - 1, labels), known


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
    last the one at level k, where the diffusion is not asked any more, with the coarse picture.
    """
    schedule: Schedule = diffusion.schedule
    first = len(schedule) - 1
    if plan.image is not None and plan.from_step is not None:
        first = plan.from_step - 1
        t = torch.full((plan.count,), first, device=x.device)
        x = schedule.q_sample(plan.image.to(x.device).expand_as(x), t, x)
    k = min(k, first + 1)
    down = rows_down_to(k, nfe_steps(plan.sampler, max(1, plan.nfe - 1)), first)
    ask = _Until(diffusion.predictor(labels, plan.guidance), k - 1)
    steps = len(down) + 1
    for moment in SAMPLERS[plan.sampler](ask, x, schedule, [*down, k - 1], rows,
                                         diffusion.options(plan.eta)):
        moment = replace(moment, nfe=ask.count, steps=steps)
        if moment.t <= k:
            coarse = torch.zeros_like(x) if ask.seen is None else diffusion.clipped(ask.seen.x0)
            yield moment, coarse
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
        self.count += 1
        self.seen = self.predict(x_t, t)
        return self.seen
