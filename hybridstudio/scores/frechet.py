"""The Fréchet distance between two sets of features (Heusel 2017, with Gaussian moments)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[Any]  # features (N, D) of any floating type

WIDE = 256  # features from which fewer replicates have to do
REPLICATES, FEW = 100, 20


class Moments(NamedTuple):
    """Mean (D,) and covariance (D, D) of a set of features."""

    mean: Array
    covariance: Array


class Sums:
    """Gathers moments part by part, in double precision, whatever the number of pictures."""

    def __init__(self) -> None:
        self.count = 0
        self._mean = np.zeros(0)
        self._scatter = np.zeros((0, 0))  # Σ (x - mean)(x - mean)ᵀ

    def add(self, rows: Rows) -> None:
        """Take in features (n, D)."""
        if len(rows):
            values = rows.astype(np.float64)
            mean = values.mean(0)
            values -= mean
            self._join(len(values), mean, values.T @ values)

    def join(self, other: Sums) -> None:
        """Take in all that another has gathered."""
        if other.count:
            self._join(other.count, other._mean, other._scatter)

    def _join(self, count: int, mean: Array, scatter: Array) -> None:
        """Combine two sets (Chan, Golub & LeVeque 1979), which cancels no digits."""
        if not self.count:
            self.count, self._mean, self._scatter = count, mean.copy(), scatter.copy()
            return
        total = self.count + count
        apart = mean - self._mean
        self._scatter += scatter + np.outer(apart, apart) * (self.count * count / total)
        self._mean = self._mean + apart * (count / total)
        self.count = total

    def moments(self) -> Moments:
        """Return the moments of all that was taken in; a single picture has no spread."""
        return Moments(self._mean, self._scatter / max(1, self.count - 1))


def moments(features: Rows) -> Moments:
    """Return the moments of features (N, D)."""
    sums = Sums()
    sums.add(features)
    return sums.moments()


def frechet_distance(a: Moments, b: Moments) -> float:
    """Return ‖μ_a - μ_b‖² + tr(Σ_a + Σ_b - 2 (Σ_a Σ_b)^½); 0 for equal moments, never negative."""
    return distance_to(a)(b)


def distance_to(a: Moments) -> Callable[[Moments], float]:
    """Return what measures the Fréchet distance to `a`; its root is then taken only once.

    The trace of the root is the sum of the singular values of AᵀB, where Σ_a = AAᵀ and Σ_b = BBᵀ:
    exact also where the covariances have no full rank (Dowson & Landau 1982).
    """
    root = _root(a.covariance)

    def distance(b: Moments) -> float:
        crossed = np.linalg.svd(root.T @ _root(b.covariance), compute_uv=False)
        spread = np.trace(a.covariance) + np.trace(b.covariance)
        rest = float(spread - 2.0 * crossed.sum())
        if rest < 1e-12 * spread:  # nothing but rounding
            rest = 0.0
        return float(np.sum((a.mean - b.mean) ** 2)) + rest

    return distance


def _root(covariance: Array) -> Array:
    """Return A with AAᵀ the covariance."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors * np.sqrt(values.clip(min=0.0)))


def deviations(real: Moments, drawn: Rows, noise: np.random.Generator) -> Array:
    """Return how the distance of `drawn` (N, D) to `real` varies over bootstrap replicates.

    A replicate draws N of the N pictures with replacement (Efron 1979). Fewer distinct pictures
    lie further away, so every replicate is too far by the same amount: deviations from their
    median are returned. `real` is taken as given.
    """
    count, width = drawn.shape
    root = _root(real.covariance)
    values = drawn.astype(np.float64) - real.mean
    turned = values @ root
    squares = (values**2).sum(1)
    distances = []
    for _ in range(REPLICATES if width <= WIDE else FEW):
        chosen = noise.integers(count, size=count)
        mean = values[chosen].mean(0)
        spread = (squares[chosen].sum() - count * mean @ mean) / max(1, count - 1)
        part = turned[chosen] - mean @ root
        crossed = np.linalg.eigvalsh(part.T @ part / max(1, count - 1))
        distances.append(mean @ mean + spread - 2.0 * np.sqrt(crossed.clip(min=0.0)).sum())
    return np.asarray(distances) - np.median(distances)
