"""One step back of a diffusion on a line, exactly: why few large steps need more than a Gaussian.

The data are a density q(x_0) on the grid NODES, drawn by hand or taken from PRESETS. The forward
process is the variance-preserving diffusion of Xiao 2021, seen at T + 1 evenly spaced times, so
that any number of steps T cuts the same diffusion into pieces. What undoes a piece, the true
q(x_s | x_t), follows from Bayes' rule; it stands beside the best Gaussian and DDPM's. Numpy only.

Densities are float64 arrays over NODES whose trapezoidal integral is 1. Divergences are in nats.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

REACH = 2.0  # data lie from -REACH to REACH
NODES: Floats = np.linspace(-REACH, REACH, 641)
SPACING = float(NODES[1] - NODES[0])
WIDE = REACH + 3.5  # noisy values that are looked at lie between -WIDE and WIDE
MOST = 1000  # steps: with more, the first one's noise is narrower than the grid tells apart
BETA = 0.1, 20.0  # the noise's rate of growth at time 0 and 1
COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 100, 150, 250, 400, 650, 1000)

_PLACES = 481  # at which a conditional density is told
_EVERY = 8  # the first steps back, each of which is measured; of the others some
_SOME = 14


# --- densities ------------------------------------------------------------------------------------


def _masses(density: Floats) -> Floats:
    """Return the weight of each node (N,) by the trapezoid rule."""
    masses = density * SPACING
    masses[[0, -1]] *= 0.5
    return masses


def normalised(heights: npt.ArrayLike) -> Floats:
    """Return non-negative heights over NODES as a density.

    Raises ValueError where they are not that, or all 0.
    """
    values = np.asarray(heights, np.float64)
    if values.shape != NODES.shape or not np.isfinite(values).all() or (values < 0).any():
        raise ValueError(f"a density has {len(NODES)} finite heights of at least 0")
    if (total := float(_masses(values).sum())) <= 0.0:
        raise ValueError("a density that is 0 everywhere has nothing to draw from")
    return values / total


def bells(*parts: tuple[float, float, float]) -> Floats:
    """Return a mixture of Gaussians, each with its weight, mean and standard deviation."""
    return normalised(sum(weight / std * np.exp(-0.5 * ((NODES - mean) / std) ** 2)
                          for weight, mean, std in parts))


def _uniform() -> Floats:
    return normalised(np.where(np.abs(NODES) <= 1.2, 1.0, 0.0))


def _skewed() -> Floats:
    # A gamma density of shape 2, its steep side on the left.
    away = np.maximum(NODES + 1.2, 0.0)
    return normalised(away * np.exp(-away / 0.4))


PRESETS: dict[str, Floats] = {
    "Two peaks": bells((0.55, -1.0, 0.14), (0.45, 0.9, 0.2)),
    "Uniform": _uniform(),
    "Comb": bells(*((1.0, place, 0.07) for place in (-1.4, -0.7, 0.0, 0.7, 1.4))),
    "Skewed": _skewed(),
    "One bell": bells((1.0, 0.0, 0.4)),
}


# --- the diffusion --------------------------------------------------------------------------------


def alpha_bar(time: float) -> float:
    """Return ᾱ at a time between 0 (clean) and 1 (noise).

    Xiao 2021, appendix C: ᾱ(s) = exp(-½ s² (β_max - β_min) - s β_min).
    """
    low, high = BETA
    return math.exp(-0.5 * time**2 * (high - low) - time * low)


class Step(NamedTuple):
    """A step back from ᾱ_t to ᾱ_s, by what is left of the data's variance at both."""

    at: float  # ᾱ_t
    to: float  # ᾱ_s, larger

    @property
    def beta(self) -> float:
        """The variance β that the step forward adds: q(x_t | x_s) = N(√(1 - β) x_s, β)."""
        return 1.0 - self.at / self.to

    # Ho 2020, equation 7, for a step of any size.
    @property
    def of_x0(self) -> float:
        """What x_0 weighs in the mean of q(x_s | x_t, x_0)."""
        return math.sqrt(self.to) * self.beta / (1.0 - self.at)

    @property
    def of_x_t(self) -> float:
        """What x_t weighs in it."""
        return math.sqrt(1.0 - self.beta) * (1.0 - self.to) / (1.0 - self.at)

    @property
    def variance(self) -> float:
        """The variance β̃ of q(x_s | x_t, x_0), which DDPM takes for its own; 0 where s is 0."""
        return (1.0 - self.to) / (1.0 - self.at) * self.beta


def step(steps: int, t: int, s: int | None = None) -> Step:
    """Return the step from t to s of a diffusion in `steps`; s is t - 1 where it is not given.

    Raises ValueError unless 0 <= s < t <= steps <= 1000.
    """
    s = t - 1 if s is None else s
    if not 0 <= s < t <= steps <= MOST:
        raise ValueError(f"there is no step from {t} to {s} among {steps} (1 to {MOST})")
    return Step(alpha_bar(t / steps), alpha_bar(s / steps))


# --- what is known at a noise level ---------------------------------------------------------------


def marginal(density: Floats, left: float, places: Floats) -> Floats:
    """Return q(x_t) at places (M,), where ᾱ_t is `left`; at 1 that is the density itself.

    The Gaussians are at least a grid's spacing wide, so the sum is exact to 1e-12 (Trefethen &
    Weideman 2014, theorem 5.1).
    """
    if left == 1.0:
        found: Floats = np.interp(places, NODES, density, left=0.0, right=0.0)
        return found
    sums: Floats = _bells(density, left, places).sum(axis=1)
    return sums


def _bells(density: Floats, left: float, places: Floats) -> Floats:
    """Return p(node) q(x_t | x_0 = node), (M, N), where the data have anything."""
    var = 1.0 - left
    away = places[:, None] - math.sqrt(left) * NODES
    np.square(away, out=away)
    away *= -0.5 / var
    np.exp(away, out=away)
    away *= _masses(density) / math.sqrt(2.0 * math.pi * var)
    return away


class Known(NamedTuple):
    """What is known of x_0 from x_t at places (M,): q(x_t), and mean and variance of x_0."""

    density: Floats
    mean: Floats
    variance: Floats


def known(density: Floats, left: float, places: Floats) -> Known:
    """Return what values x_t at places (M,) tell of x_0, where ᾱ_t is `left`, below 1."""
    joint = _bells(density, left, places)
    total = joint.sum(axis=1)
    share = np.maximum(total, 1e-300)
    mean = joint @ NODES / share
    return Known(total, mean, np.maximum(joint @ NODES**2 / share - mean**2, 0.0))


def seen(density: Floats, left: float, x_t: float) -> Floats:
    """Return q(x_0 | x_t) over NODES; far from all data too, where q(x_t) is too small to tell."""
    with np.errstate(divide="ignore"):
        logs = np.log(_masses(density)) - 0.5 * (x_t - math.sqrt(left) * NODES) ** 2 / (1.0 - left)
    masses = np.exp(logs - logs.max())
    return normalised(masses)


# --- one step back --------------------------------------------------------------------------------


class Reverse(NamedTuple):
    """The true q(x_s | x_t) at places (M,), and what Gaussians make of it.

    `mean` and `variance` are its own, those of the best Gaussian; DDPM's has the same mean and the
    variance `ddpm`, 0 where it draws the mean itself. `best` and `fixed` are the divergences
    KL(q ‖ ·) to both; `fixed` is infinite where DDPM's has no width.
    """

    places: Floats
    true: Floats
    mean: float
    variance: float
    ddpm: float
    best: float
    fixed: float


def reverse(density: Floats, taken: Step, x_t: float) -> Reverse:
    """Return what one step back from x_t really is, by Bayes: q(x_s | x_t) ∝ q(x_s) q(x_t | x_s).

    Its mean and variance follow from those of q(x_0 | x_t) without a grid. The best Gaussian is
    the one that shares them: none has a smaller KL(q ‖ N).
    """
    masses = _masses(seen(density, taken.at, x_t))
    mean0 = float(masses @ NODES)
    variance0 = float(masses @ (NODES - mean0) ** 2)
    mean = taken.of_x0 * mean0 + taken.of_x_t * x_t
    variance = taken.of_x0**2 * variance0 + taken.variance
    if taken.to == 1.0:
        places, true = NODES, seen(density, taken.at, x_t)
    else:
        places = _around(masses, taken, x_t)
        true = _bayes(density, taken, x_t, places)
    gap = float(places[1] - places[0])
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -float(np.nansum(true * np.log(true))) * gap
    best = max(0.0, 0.5 * math.log(2.0 * math.pi * math.e * variance) - entropy)
    fixed = math.inf
    if taken.variance > 0.0:
        fixed = max(0.0, 0.5 * math.log(2.0 * math.pi * taken.variance)
                    + 0.5 * variance / taken.variance - entropy)
    return Reverse(places, true, mean, variance, taken.variance, best, fixed)


def _around(masses: Floats, taken: Step, x_t: float) -> Floats:
    """Return evenly spaced places wherever q(x_s | x_t) is more than nothing."""
    has = NODES[masses > 1e-10]
    edge = 6.0 * math.sqrt(taken.variance)
    low, high = (taken.of_x0 * end + taken.of_x_t * x_t for end in (has[0], has[-1]))
    return np.linspace(low - edge, high + edge, _PLACES)


def _bayes(density: Floats, taken: Step, x_t: float, places: Floats) -> Floats:
    # In logarithms, and with the largest taken out: x_t may lie where hardly anything comes from.
    forward = -0.5 * (x_t - math.sqrt(1.0 - taken.beta) * places) ** 2 / taken.beta
    with np.errstate(divide="ignore"):
        logs = np.log(marginal(density, taken.to, places)) + forward
    found = np.exp(logs - logs.max())
    made: Floats = found / (found.sum() * (places[1] - places[0]))
    return made


def gaussian(places: Floats, mean: float, variance: float) -> Floats:
    """Return the density of N(mean, variance) at places (M,); variance above 0."""
    bell: Floats = np.exp(-0.5 * (places - mean) ** 2 / variance)
    return bell / math.sqrt(2.0 * math.pi * variance)


def peaks(heights: Floats, ripple: float = 0.1) -> int:
    """Count the peaks of a density that rise and fall by more than a share of the highest."""
    count, rises, extreme = 0, True, 0.0
    for height in (heights / max(float(heights.max()), 1e-300)).tolist():
        extreme = max(extreme, height) if rises else min(extreme, height)
        if abs(height - extreme) > ripple:
            count += rises
            rises, extreme = not rises, height
    return count + (rises and extreme > ripple)


# --- the divergence over all x_t, and over all steps ----------------------------------------------


def divergence(density: Floats, taken: Step) -> float:
    """Return KL(q(x_s | x_t) ‖ best Gaussian), averaged over x_t ~ q(x_t), in nats.

    Since H(x_s | x_t) = H(x_s) + H(x_t | x_s) - H(x_t), the average needs no conditional density:
    it is E ½ log(Var(x_s | x_t) / β) + H(x_t) - H(x_s).
    """
    places = _spread(taken.at)
    at = known(density, taken.at, places)
    gap = float(places[1] - places[0])
    variance = taken.of_x0**2 * at.variance + taken.variance
    with np.errstate(divide="ignore"):
        logs = np.where(at.density > 1e-30, np.log(variance / taken.beta), 0.0)
    widths = 0.5 * float(at.density @ logs) * gap
    return max(0.0, widths + _entropy(at.density, gap) - _entropy_at(density, taken.to))


def _spread(left: float) -> Floats:
    """Return places that hold q(x_t), close enough together for its narrowest parts."""
    reach = math.sqrt(left) * REACH + 6.0 * math.sqrt(1.0 - left)
    count = math.ceil(2.0 * reach / min(0.05, 0.8 * math.sqrt(1.0 - left))) + 1
    return np.linspace(-reach, reach, count)


def _entropy(values: Floats, gap: float) -> float:
    filled = values[values > 0.0]
    return -float(filled @ np.log(filled)) * gap


def _entropy_at(density: Floats, left: float) -> float:
    if left == 1.0:
        return _entropy(density, SPACING)
    places = _spread(left)
    return _entropy(marginal(density, left, places), float(places[1] - places[0]))


class Price(NamedTuple):
    """What Gaussians cost with T steps: the average step's divergence, the largest, and all's sum.

    By the chain rule of KL the sum is the divergence of the whole way back, which bounds that of
    what is drawn in the end.
    """

    steps: int
    mean: float
    largest: float
    total: float


def price(density: Floats, steps: int) -> Price:
    """Return what the best Gaussians cost over all steps; of many, those between are interpolated.
    """
    first = range(1, min(steps, _EVERY) + 1)
    rest = np.geomspace(_EVERY, steps, _SOME) if steps > _EVERY else np.empty(0)
    some = np.unique([*first, *np.rint(rest).astype(int)])
    costs = [divergence(density, step(steps, int(t))) for t in some]
    each = np.interp(np.arange(1, steps + 1), some, costs)
    return Price(steps, float(each.mean()), float(each.max()), float(each.sum()))


def prices(density: Floats, counts: Sequence[int] = COUNTS) -> Iterator[Price]:
    """Return what the best Gaussians cost with each number of steps, one after the other."""
    for steps in counts:
        yield price(density, steps)
