"""Modes found: of a mixture of Gaussians in the plane, and the thousand of three stacked digits."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from hybridstudio.scores.classes import Counts, divergence
from hybridstudio.scores.frechet import Rows

REACH = 4.0  # standard deviations within which a point belongs to a mode


class Modes(NamedTuple):
    """How many modes were found `of` how many, the share of points near one, and how unevenly.

    `kl` is KL(drawn ‖ even) in nats over the points near a mode; `counts` (M,) are theirs.
    """

    found: int
    of: int
    share: float
    kl: float
    counts: Counts


def modes_of_points(points: Rows, centres: Rows, std: float) -> Modes:
    """Give points (N, 2) to the modes (M, 2) of a mixture of Gaussians with equal weights.

    A point belongs to the nearest mode if it lies within 4 standard deviations of it; a mode is
    found by its first point (Srivastava 2017, section 4.1, who ask for 3).
    """
    squares = ((points[:, None, :].astype(np.float64) - centres) ** 2).sum(2)
    nearest = squares.argmin(1)
    near = squares.min(1) <= (REACH * std) ** 2
    counts = np.bincount(nearest[near], minlength=len(centres)).astype(np.int64)
    return Modes(int((counts > 0).sum()), len(centres), float(near.mean()),
                 divergence(counts, np.ones(len(centres))), counts)


def modes_of_digits(counts: Counts, real: Counts) -> Modes:
    """Count the modes among 10·10·10 stacked digits: `counts` (1000,) drawn, `real` of the data.

    The data's shares are the product of those of its digits: independent by construction, and
    better known so than by counting a thousand modes (Metz 2017, section 3.3.1).
    """
    cube = real.reshape(10, 10, 10).astype(np.float64)
    sides: list[Any] = [cube.sum((1, 2)), cube.sum((0, 2)), cube.sum((0, 1))]
    expected = np.einsum("a,b,c->abc", *sides).ravel()
    return Modes(int((counts > 0).sum()), counts.size, 1.0, divergence(counts, expected), counts)
