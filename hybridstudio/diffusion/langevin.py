"""Annealed Langevin dynamics over geometric noise levels (Song & Ermon 2019 and 2020).

Rows of the levels count from the smallest noise, row 0, to the largest. Noise explodes here,
x_t = x_0 + σ ε; a `Moment` shows it as other families do, x_t/√(1 + σ²) with ᾱ = 1/(1 + σ²).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from hybridstudio.diffusion.noise import normal
from hybridstudio.diffusion.samplers import Moment

# From x (N, ...) and a row of the levels to the score ∇ log p_σ(x), float32 (N, ...).
Score = Callable[[Tensor, int], Tensor]
# Puts what is known of x (N, ...) in its place, noised to a σ with fresh noise; σ = 0 is clean.
Hold = Callable[[Tensor, float], Tensor]

SHARES = 2000  # step sizes between 0 and 1 among which `best_share` chooses


def geometric(sigma_max: float, sigma_min: float, count: int) -> list[float]:
    """Return `count` noise levels with one ratio γ between neighbours, the smallest first."""
    if count == 1:
        return [sigma_min]
    ratio = math.log(sigma_max / sigma_min) / (count - 1)
    return [sigma_min * math.exp(ratio * row) for row in range(count)]


def spread(first: int, count: int) -> list[int]:
    """Return `count` rows from `first` to 0, evenly spread; all of them where there are fewer."""
    count = min(count, first + 1)
    if count == 1:
        return [first]
    return [round(first * (count - 1 - place) / (count - 1)) for place in range(count)]


def variance_ratio(share: float, gamma: float, steps: int) -> float:
    """Return the variance after `steps` at a level over what it should be, for Gaussian data.

    Song & Ermon 2020, proposition 2, with `share` for ε/σ_L²: noise of the level before, γ² too
    large, is shrunk by (1 - share) a step while each step adds its own.
    """
    settled = 2.0 / (2.0 - share)
    return (1.0 - share) ** (2 * steps) * (gamma**2 - settled) + settled


def best_share(gamma: float, steps: int) -> float:
    """Return the step size ε/σ_L² in (0, 1] that keeps the variance nearest to what it should be.

    Song & Ermon 2020, technique 4.
    """
    shares = [place / SHARES for place in range(1, SHARES + 1)]
    return min(shares, key=lambda share: abs(variance_ratio(share, gamma, steps) - 1.0))


# --- one step: from σ and the σ after it to its share and the deviation of its fresh noise --------


class Step(NamedTuple):
    """x ← x + share · σ² s(x) + noise · z: a share of the way to the picture pointed at, and z."""

    share: float
    noise: float


Rule = Callable[[float, float], Step]


def langevin(gamma: float, steps: int, size: float) -> Rule:
    """Return the papers' step: α = ε σ²/σ_L² and noise √(2α), with ε by technique 4 times `size`.

    Song & Ermon 2020, algorithm 1. It leaves 5 to 20 % more variance than the network knows.
    """
    share = min(1.0, size * best_share(gamma, steps))
    return lambda sigma, after: Step(share, math.sqrt(2.0 * share) * sigma)


def consistent(gamma: float, steps: int, size: float) -> Rule:
    """Return the step whose fresh noise brings x to just the noise of the level after it.

    Jolicoeur-Martineau 2020 (consistent annealed sampling), proposition 1. The share that is left
    of the old noise is γ^-(1 + size): size 0 takes a deterministic step, 1 an ancestral one.
    """

    def rule(sigma: float, after: float) -> Step:
        kept = min(gamma ** -(1.0 + size), after / sigma)
        return Step(1.0 - kept, math.sqrt(after**2 - (kept * sigma) ** 2))

    return rule


RULES: dict[str, Callable[[float, int, float], Rule]] = {
    "langevin": langevin,
    "consistent": consistent,
}
"""Ways to step by the names of the config's `sample.sampler`, from γ, steps and size."""


# --- the walk -------------------------------------------------------------------------------------


@torch.no_grad()
def annealed(
    rule: str, score: Score, x: Tensor, sigmas: Sequence[float], rows: Sequence[int], steps: int,
    noise: Sequence[torch.Generator], *, size: float = 1.0, hold: Hold | None = None,
    reach: float | None = 1.0, skip: int = 0,
) -> Iterator[Moment]:
    """Walk x, noised by the first of `rows`, down the levels with `steps` at each.

    One Moment for each step, with x as it was before it and the picture that the score points at,
    kept within `reach`; then a last step without noise (Song & Ermon 2020, section 3.3) and the
    Moment of the finished picture. `hold` is asked before every step. The first `skip` steps have
    been taken already.
    """
    gamma = (sigmas[rows[0]] / sigmas[rows[-1]]) ** (1.0 / (len(rows) - 1)) if rows[1:] else 1.0
    step_at = RULES[rule](gamma, steps, size)
    walk = ([row for row in rows for _ in range(steps)] + [rows[-1]])[skip:]
    total = len(walk)
    for number, row in enumerate(walk):
        sigma = sigmas[row]
        x = x if hold is None else hold(x, sigma)
        slope = score(x, row)
        yield _moment(number, total, row, sigma, x, slope, reach)
        if number == total - 1:
            x = x + sigma**2 * slope
            break
        share, fresh = step_at(sigma, sigmas[walk[number + 1]])
        x = x + share * sigma**2 * slope + fresh * normal(noise, x.shape[1:], x.device)
    x = x if hold is None else hold(x, 0.0)
    x = x if reach is None else x.clamp(-reach, reach)
    yield Moment(total, total, 0, x, x, None, total, 1.0)


def _moment(step: int, steps: int, row: int, sigma: float, x: Tensor, slope: Tensor,
            reach: float | None) -> Moment:
    alpha_bar = 1.0 / (1.0 + sigma**2)
    x0 = x + sigma**2 * slope  # Tweedie's formula: the mean of all pictures that x may come from
    return Moment(step, steps, row + 1, alpha_bar**0.5 * x,
                  x0 if reach is None else x0.clamp(-reach, reach), -sigma * slope, step + 1,
                  alpha_bar)
