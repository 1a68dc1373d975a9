"""Pictures of which a part is known: the rest is drawn to go with it.

RePaint (Lugmayr 2022): a model that learned whole pictures completes one. After every step the
known part is put in its place, noised to where the walk is. The two halves do not know of each
other yet, so the walk goes back some steps with fresh noise and down again, a few times over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from hybridstudio.diffusion.noise import Randomness, normal, streams
from hybridstudio.diffusion.samplers import (
    CLEAN,
    Level,
    Moment,
    Options,
    Predict,
    ask,
    ddim_step,
    finished,
    levels_of,
    posterior_step,
)
from hybridstudio.diffusion.schedule import Schedule


class Known:
    """What is known of pictures: `image` (N, C, H, W) where `mask` bool (..., H, W) is true."""

    def __init__(self, image: Tensor, mask: Tensor, noise: Randomness) -> None:
        self.image, self.mask = image, mask
        self._rows = streams(noise, len(image))

    def put(self, x: Tensor, level: Level) -> Tensor:
        """Put the known part in its place in x, freshly noised to a level.

        Lugmayr 2022, equations 8a and 8c.
        """
        if level is CLEAN:
            return torch.where(self.mask, self.image, x)
        fresh = normal(self._rows, x.shape[1:], x.device)
        return torch.where(self.mask, level.alpha * self.image + level.sigma * fresh, x)


def begun(x: Tensor, known: Known, level: Level, is_noised: bool) -> Tensor:
    """Return noise x (N, C, H, W) as a completion begins at a level, the known part in its place.

    Where the whole picture `is_noised` its unknown part begins as it is there, else as noise.
    """
    if is_noised:
        x = level.alpha * known.image + level.sigma * x
    return known.put(x, level)


def route(steps: int, length: int, times: int) -> list[tuple[int, int]]:
    """Return the ways from place to place, 0 the noisiest and `steps` the clean picture.

    Each `length` steps are walked down `times` times, with a jump back up in between (Lugmayr 2022,
    figure 3). That is steps · times ways down, each an evaluation.
    """
    ways = []
    for top in range(0, steps, length):
        bottom = min(top + length, steps)
        down = [(place, place + 1) for place in range(top, bottom)]
        ways += ([*down, (bottom, top)] * times)[:-1]
    return ways


def noisier(x: Tensor, now: Level, then: Level, noise: Sequence[torch.Generator]) -> Tensor:
    """Draw x at a noisier level from q(x_t | x_s), s < t (Ho 2020, equation 2, over many steps)."""
    keeps = then.alpha / now.alpha
    fresh = math.sqrt(then.sigma**2 - (keeps * now.sigma) ** 2)
    return keeps * x + fresh * normal(noise, x.shape[1:], x.device)


@torch.no_grad()
def repaint(
    sampler: str, predict: Predict, x: Tensor, schedule: Schedule, timesteps: Sequence[int],
    noise: Randomness, options: Options, known: Known, length: int = 1, times: int = 1,
) -> Iterator[Moment]:
    """Walk x down the timesteps so that it agrees with what is known (Lugmayr 2022, algorithm 1).

    x has the known part in its place. `ancestral` steps are drawn from the posterior, all others
    are DDIM's, since what a sampler remembers of its last steps means nothing after a jump. One
    Moment for each evaluation.
    """
    levels = levels_of(schedule, timesteps)
    rows = streams(noise, len(x))
    step = posterior_step if sampler == "ancestral" else ddim_step
    if sampler != "ddim":
        options = replace(options, eta=0.0)
    ways = route(len(timesteps), length, times)
    total, nfe = len(timesteps) * times, 0
    for start, end in ways:
        now, then = levels[start], levels[end]
        if end < start:
            x = noisier(x, now, then, rows)
            continue
        made = ask(predict, x, now, options)
        nfe += 1
        yield Moment(nfe - 1, total, now.t + 1, x, made.x0, made.eps, nfe, now.alpha**2)
        x = known.put(step(x, made, now, then, rows, options), then)
    yield finished(total, x, nfe)
