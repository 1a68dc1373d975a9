"""The kernel distance between two sets of features (KID, Bińkowski 2018)."""

from __future__ import annotations

import numpy as np

from hybridstudio.scores.frechet import Array, Rows

SUBSETS, SIZE = 50, 1000


def kernel_distances(real: Rows, drawn: Rows, noise: np.random.Generator,
                     subsets: int = SUBSETS, size: int = SIZE) -> Array:
    """Return the squared MMD of random subsets of two sets of features (N, D), (M, D).

    Their mean is the kernel distance; it is unbiased, so it may be a little below 0. Subsets hold
    `size` features, or as many as the smaller set has; then one subset is all there is. The same
    places are chosen in both sets, so that equal sets are never found apart.
    """
    whole = min(len(real), len(drawn))
    count = min(size, whole)
    if count < 2:  # the estimate needs pairs
        return np.array([np.mean((_kernel(real, real).mean(), _kernel(drawn, drawn).mean()))
                         - _kernel(real, drawn).mean()]) * 2.0
    parts = (noise.permutation(whole)[:count] for _ in range(subsets if count < whole else 1))
    return np.array([_squared_mmd(real[part], drawn[part]) for part in parts])


def _squared_mmd(x: Rows, y: Rows) -> float:
    """Return the unbiased estimate of the squared MMD (Gretton 2012, lemma 6) of n and n rows."""
    count = len(x)
    inside = 0.0
    for kernel in (_kernel(x, x), _kernel(y, y)):
        inside += (kernel.sum() - np.trace(kernel)) / (count * (count - 1))
    return float(inside - 2.0 * _kernel(x, y).mean())


def _kernel(x: Rows, y: Rows) -> Array:
    """Return (xᵀy / D + 1)³ for every pair: Bińkowski 2018, equation 4."""
    dots = x.astype(np.float64) @ y.astype(np.float64).T
    dots /= x.shape[1]
    dots += 1.0
    return dots * dots * dots
