"""Annealed Langevin dynamics over geometric noise levels (Song & Ermon 2019 and 2020).

Rows of the levels count from the smallest noise, row 0, to the largest. Noise explodes here,
x_t = x_0 + σ ε; a `Moment` shows it as other families do, x_t/√(1 + σ²) with ᾱ = 1/(1 + σ²).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

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


@torch.no_grad()
def annealed_langevin(
    score: Score, x: Tensor, sigmas: Sequence[float], rows: Sequence[int], steps: int,
    noise: Sequence[torch.Generator], *, size: float = 1.0, denoise: bool = True,
    hold: Hold | None = None, reach: float | None = 1.0,
) -> Iterator[Moment]:
    """Walk x, noised by the first of `rows`, down the levels with `steps` of Langevin at each.

    x ← x + α s(x) + √(2α) z with α = ε σ²/σ_L² (Song & Ermon 2020, algorithm 1), ε by technique 4
    times `size`. One Moment for each step, with x as it was before it and the picture that the
    score points at, kept within `reach`; a last one with the picture, by one more step without
    noise where `denoise` says so (their section 3.3's last step). `hold` is asked at every step.
    """
    share = min(1.0, size * _share(sigmas, rows, steps))
    total = len(rows) * steps + (1 if denoise else 0)
    done = 0
    for row in rows:
        sigma = sigmas[row]
        for _ in range(steps):
            if hold is not None:
                x = hold(x, sigma)
            slope = score(x, row)
            yield _moment(done, total, row, sigma, x, slope, reach)
            done += 1
            # Of α = share · σ² the step is share of the way to the picture pointed at.
            x = x + share * sigma**2 * slope + math.sqrt(2.0 * share) * sigma * normal(
                noise, x.shape[1:], x.device)
    if denoise:
        row, sigma = rows[-1], sigmas[rows[-1]]
        if hold is not None:
            x = hold(x, sigma)
        slope = score(x, row)
        yield _moment(done, total, row, sigma, x, slope, reach)
        x = x + sigma**2 * slope
    if hold is not None:
        x = hold(x, 0.0)
    x = x if reach is None else x.clamp(-reach, reach)
    yield Moment(total, total, 0, x, x, None, total, 1.0)


def _share(sigmas: Sequence[float], rows: Sequence[int], steps: int) -> float:
    """Return technique 4's ε/σ_L² for the mean ratio between the levels of these rows."""
    if len(rows) == 1:
        gamma = 1.0 + 1.0 / steps  # there is no level to come from: some noise to shrink
    else:
        gamma = (sigmas[rows[0]] / sigmas[rows[-1]]) ** (1.0 / (len(rows) - 1))
    return best_share(gamma, steps)


def _moment(step: int, steps: int, row: int, sigma: float, x: Tensor, slope: Tensor,
            reach: float | None) -> Moment:
    alpha_bar = 1.0 / (1.0 + sigma**2)
    x0 = x + sigma**2 * slope  # Tweedie's formula: the mean of all pictures that x may come from
    return Moment(step, steps, row + 1, alpha_bar**0.5 * x,
                  x0 if reach is None else x0.clamp(-reach, reach), -sigma * slope, step + 1,
                  alpha_bar)
