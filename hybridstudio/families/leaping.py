"""The steps of a diffusion of few levels: which are learned, and which a drawing takes.

A step goes from row t of the schedule, which is level t + 1, to a lower level; level 0 is the
picture itself. It leads one level down unless it leaps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hybridstudio.diffusion.schedule import Schedule
from hybridstudio.families.contract import DrawPlan


def learned(levels: int, leaps: bool, count: int, group: int,
            noise: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw rows t (N,) of 0 … levels - 1 and the levels (N,) that steps from there lead to.

    All rows are equally often where none leaps, else all lengths 1, 2, 4 … of a step, and where it
    begins. Each `group` of pictures has the same.
    """
    groups, device = -(-count // group), noise.device
    first = torch.randint(levels, (1,), generator=noise, device=device)
    order = torch.randperm(groups, generator=noise, device=device) + first
    length, to = torch.ones_like(order), order % levels
    if leaps:
        lengths = torch.tensor([2**power for power in range(levels.bit_length())], device=device)
        length = lengths[order % len(lengths)]
        place = torch.rand(groups, generator=noise, device=device)
        to = (place * (levels // length)).long() * length
    t = to + length - 1
    return t.repeat_interleave(group)[:count], to.repeat_interleave(group)[:count]


def visited(schedule: Schedule, plan: DrawPlan, leaps: bool) -> list[int]:
    """Return the levels that a drawing walks down: all, or as many as its evaluations pay for."""
    first, skip = len(schedule) - 1, 0
    if plan.image is not None and plan.from_step is not None:
        first = plan.from_step - 1
    if plan.start is not None:
        first, skip = plan.start.first(first), plan.start.skip
    steps = min(plan.nfe, first + 1) if leaps else first + 1
    return [row + 1 for row in schedule.timesteps(steps, start=first)][skip:]
