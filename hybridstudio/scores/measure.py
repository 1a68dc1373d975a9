"""Every score with its interval: how two sets of pictures in features compare."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hybridstudio.scores.classes import divergence, entropy, inception_scores
from hybridstudio.scores.frechet import Array, deviations, frechet_distance
from hybridstudio.scores.kernel import SIZE, SUBSETS, kernel_distances
from hybridstudio.scores.modes import Modes
from hybridstudio.scores.neighbours import Nearest, neighbourhoods
from hybridstudio.scores.sets import Sample

Z = 1.959964  # standard errors to each side that hold 95 %
NAMED = 100  # classes up to which each is told by its name


class Figure(NamedTuple):
    """A score, and between what it lies in 95 of 100 drawings of as many pictures."""

    value: float
    low: float
    high: float


Figures = dict[str, Figure]
Measure = Callable[[Sample, Sample, np.random.Generator, bool], Figures]


def fid(drawn: Sample, real: Sample, noise: np.random.Generator, quick: bool = False) -> Figures:
    """Measure the Fréchet distance."""
    value = frechet_distance(real.moments, drawn.moments)
    if quick or len(drawn.rows) < 2:
        return {"frechet": Figure(value, value, value)}
    apart = deviations(real.moments, drawn.rows, noise) * math.sqrt(len(drawn.rows) / drawn.count)
    low, high = np.quantile(apart, (0.025, 0.975))
    return {"frechet": Figure(value, max(0.0, value + float(low)), value + float(high))}


def kid(drawn: Sample, real: Sample, noise: np.random.Generator, quick: bool = False) -> Figures:
    """Measure the kernel distance, the mean over subsets."""
    whole = min(len(real.rows), len(drawn.rows))
    size = min(SIZE, whole // 2 if whole >= 4 else whole)
    parts = kernel_distances(real.rows, drawn.rows, noise, SUBSETS // 5 if quick else SUBSETS, size)
    # Subsets hold `size` of the pictures; the error falls at least with the root of their number.
    error = Z * float(parts.std()) * math.sqrt(size / whole)
    value = float(parts.mean())
    return {"kid": Figure(max(0.0, value), max(0.0, value - error), max(0.0, value + error))}


def prdc(drawn: Sample, real: Sample, noise: np.random.Generator, quick: bool = False) -> Figures:
    """Measure precision, recall, density and coverage."""
    found = neighbourhoods(real.rows, drawn.rows)
    return {"precision": share(found.precise), "recall": share(found.recalled),
            "density": mean(found.density), "coverage": share(found.covered)}


def inception(drawn: Sample, real: Sample, noise: np.random.Generator,
              quick: bool = False) -> Figures:
    """Measure the Inception score in the classifier's own classes; nothing where it tells none."""
    if drawn.probabilities is None:
        return {}
    shuffled = drawn.probabilities[noise.permutation(len(drawn.probabilities))]
    found = mean(inception_scores(shuffled))
    return {"is": found._replace(low=max(1.0, found.low))}


MEASURES: dict[str, Measure] = {"fid": fid, "kid": kid, "prdc": prdc, "is": inception}
"""What is measured between features; each gives one or more scores."""


# --- intervals ------------------------------------------------------------------------------------


def share(flags: npt.NDArray[np.bool_]) -> Figure:
    """Return the share of flags that are set, with Wilson's interval (1927)."""
    count, value = len(flags), float(flags.mean())
    middle = (value + Z * Z / (2 * count)) / (1 + Z * Z / count)
    reach = Z / (1 + Z * Z / count) * math.sqrt(
        value * (1 - value) / count + (Z / (2 * count))**2)
    return Figure(value, min(value, max(0.0, middle - reach)),
                  max(value, min(1.0, middle + reach)))


def mean(values: Array) -> Figure:
    """Return the mean of values, which are none of them negative, with the normal interval."""
    value = float(values.mean())
    error = Z * float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return Figure(value, max(0.0, value - error), value + error)


# --- what is told in more than a number -----------------------------------------------------------


def classes(drawn: Sample, real: Sample, names: tuple[str, ...]) -> dict[str, Any]:
    """Tell how often each class is drawn, the entropy (nats) and KL(drawn ‖ data)."""
    if drawn.counts is None or real.counts is None:
        return {}
    told: dict[str, Any] = {
        "entropy": entropy(drawn.counts), "entropy_of_data": entropy(real.counts),
        "kl": divergence(drawn.counts, real.counts),
        "seen": int((drawn.counts > 0).sum()), "of": len(drawn.counts)}
    if len(names) == len(drawn.counts) <= NAMED:
        told |= {"names": list(names), "shares": _shares(drawn.counts),
                 "shares_of_data": _shares(real.counts)}
    return told


def _shares(counts: npt.NDArray[np.int64]) -> list[float]:
    return [float(one) for one in counts / max(1, counts.sum())]


def modes(found: Modes, reach: float | None) -> dict[str, Any]:
    """Tell modes found; `reach` is within how many standard deviations a point is near one."""
    told: dict[str, Any] = {"found": found.found, "of": found.of, "kl": found.kl}
    if reach is not None:
        told |= {"near": found.share, "standard_deviations": reach}
    if found.of <= NAMED:
        told["counts"] = found.counts.tolist()
    return told


def memory(drawn: Nearest, held_out: Nearest | None, shown: int = 8) -> dict[str, Any]:
    """Tell the share of pictures that copy a training picture, beside that of pictures held out.

    `pairs` are the most suspicious: the drawn picture's place, the training picture's, and how
    much nearer it is than the second nearest.
    """
    ratio = drawn.first / np.maximum(drawn.second, np.finfo(np.float64).tiny)
    return {
        **share(drawn.copied)._asdict(),
        "floor": None if held_out is None else float(held_out.copied.mean()),
        "distance": float(np.median(drawn.first)),
        "distance_of_held_out": None if held_out is None else float(np.median(held_out.first)),
        "count": len(ratio),
        "pairs": [[int(place), int(drawn.places[place]), float(ratio[place])]
                  for place in ratio.argsort()[:shown]]}
