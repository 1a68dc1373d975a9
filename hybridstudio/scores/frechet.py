"""The Fréchet distance between two sets of features (Heusel 2017, with Gaussian moments)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Moments(NamedTuple):
    """Mean (D,) and covariance (D, D) of a set of features."""

    mean: Array
    covariance: Array


def moments(features: npt.NDArray[np.floating]) -> Moments:
    """Return the moments of features (N, D), N at least 2."""
    values = features.astype(np.float64)
    return Moments(values.mean(0), np.atleast_2d(np.cov(values, rowvar=False)))


def frechet_distance(a: Moments, b: Moments) -> float:
    """Return ‖μ_a - μ_b‖² + tr(Σ_a + Σ_b - 2 (Σ_a Σ_b)^½); 0 for equal moments, never negative.

    The trace of the root is the sum of the roots of the eigenvalues of A Σ_b A with A = Σ_a^½,
    which is symmetric: exact also where the covariances have no full rank (Dowson & Landau 1982).
    """
    values, vectors = np.linalg.eigh(a.covariance)
    root = vectors * np.sqrt(values.clip(min=0.0)) @ vectors.T
    crossed = np.linalg.eigvalsh(root @ b.covariance @ root)
    trace = np.sqrt(crossed.clip(min=0.0)).sum()
    distance = np.sum((a.mean - b.mean) ** 2) + np.trace(a.covariance) + np.trace(b.covariance)
    return max(0.0, float(distance - 2.0 * trace))
