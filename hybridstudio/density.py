"""Densities of the plane: estimated from points, and the outlines of where most of them lie.

A density is float32 (S, S) over the square from -REACH to REACH, the upper row first. Numpy only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from hybridstudio.messages import Points

Floats = npt.NDArray[np.float64]
Grid = npt.NDArray[np.float32]  # (S, S)
Of = Callable[[Floats, Floats], Floats]  # of x (S,) and y (S,), densities (S, S) at (y, x)

REACH = 1.25  # of the square, beyond the one in which data lie
SIDE = 480  # places along each side
COARSE = 240  # as many while a bandwidth is chosen
BANDWIDTHS = np.geomspace(0.008, 0.3, 14)


def axis(side: int) -> Floats:
    """Return the middles of cells along an axis, (side,)."""
    return ((np.arange(side) + 0.5) / side * 2.0 - 1.0) * REACH


def of_gaussians(centres: Floats, std: float) -> Of:
    """Return the density of equally many points around each centre (M, 2).

    A round Gaussian is one along x times one along y, so that all of them are one matrix product.
    """
    def density(x: Floats, y: Floats) -> Floats:
        along = [np.exp(-0.5 * ((places - centre[:, None]) / std) ** 2)
                 for places, centre in zip((x, y), centres.T, strict=True)]
        values: Floats = along[1].T @ along[0] / (2.0 * math.pi * std**2 * len(centres))
        return values

    return density


def on_grid(density: Of, side: int = SIDE) -> Grid:
    """Return a density at every place of the square."""
    places = axis(side)
    return np.ascontiguousarray(density(places, places[::-1]), np.float32)


def estimated(points: Points, side: int = SIDE) -> Grid:
    """Estimate the density of points (N, 2) by a Gaussian kernel.

    Its width is the one under which one half of the points makes the other half likeliest (Duin
    1976), narrowed as twice the points allow (Scott 1992: N^(-1/6) in the plane).
    """
    halves = [_counted(points[place::2], COARSE) for place in (0, 1)]
    seen = halves[1] > 0
    likely = [float(np.sum(halves[1][seen] * np.log(_smoothed(halves[0], width)[seen] + 1e-12)))
              for width in BANDWIDTHS]
    width = float(BANDWIDTHS[int(np.argmax(likely))]) * 2.0 ** (-1 / 6)
    return _smoothed(_counted(points, side), width).astype(np.float32)


def _counted(points: Points, side: int) -> Floats:
    """Return the share of all points in each cell, (side, side)."""
    edges = np.linspace(-REACH, REACH, side + 1)
    counts, _, _ = np.histogram2d(points[:, 1], points[:, 0], bins=(edges, edges))
    return counts[::-1] / max(1, len(points))


def _smoothed(shares: Floats, width: float) -> Floats:
    """Spread shares (S, S) by a Gaussian of this standard deviation; return their density."""
    places = axis(len(shares))
    bell = np.exp(-0.5 * ((places[:, None] - places) / width) ** 2)
    bell /= bell.sum(0)
    cell = (places[1] - places[0]) ** 2
    values: Floats = bell @ shares @ bell.T / cell
    return values


# --- outlines -------------------------------------------------------------------------------------


def levels(density: Grid, shares: Sequence[float]) -> list[float]:
    """Return the heights above which these shares of all points lie (Hyndman 1996)."""
    values = np.sort(density, axis=None)[::-1].astype(np.float64)
    within = np.cumsum(values)
    return [float(values[np.searchsorted(within, share * within[-1])]) for share in shares]


# Of a cell's sides, 0 above, 1 right, 2 below, 3 left: those through which an outline enters and
# leaves, the higher ground on its right, by which corners are high (1, 2, 4, 8 clockwise from the
# upper left). Where two opposite ones are, they are kept apart.
_WAYS: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((3, 0),), 2: ((0, 1),), 4: ((1, 2),), 8: ((2, 3),),
    3: ((3, 1),), 6: ((0, 2),), 12: ((1, 3),), 9: ((2, 0),),
    14: ((0, 3),), 13: ((1, 0),), 11: ((2, 1),), 7: ((3, 2),),
    5: ((3, 0), (1, 2)), 10: ((0, 1), (2, 3))}


def outlines(density: Grid, level: float) -> list[Points]:
    """Return the closed lines (K, 2) along which a density has this height, in the plane.

    Marching squares (Lorensen & Cline 1987, in the plane): every side of a cell that is crossed
    ends one piece and begins the next.
    """
    heights = np.pad(density.astype(np.float64), 1)  # so that every line is closed
    side = len(heights)
    high = heights > level
    kinds = (high[:-1, :-1] + 2 * high[:-1, 1:] + 4 * high[1:, 1:] + 8 * high[1:, :-1])
    follows: dict[int, int] = {}
    for kind, ways in _WAYS.items():
        rows, columns = np.nonzero(kinds == kind)
        here = rows * side + columns
        # The number of each of a cell's sides: of those across, then of those down.
        sides = (here, side * side + here + 1, here + side, side * side + here)
        for enters, leaves in ways:
            follows.update(zip(sides[enters].tolist(), sides[leaves].tolist(), strict=True))
    lines = []
    while follows:
        first, then = follows.popitem()
        line = [first]
        while then != first:
            line.append(then)
            then = follows.pop(then)
        lines.append(_places(np.array(line), heights, level))
    return lines


def _places(line: npt.NDArray[np.int64], heights: Floats, level: float) -> Points:
    """Return where the numbered sides of cells are crossed, (K, 2)."""
    side = len(heights)
    is_down, first = line >= side * side, line % (side * side)
    row, column = first // side, first % side
    here, there = heights[row, column], heights[row + is_down, column + ~is_down]
    share = (level - here) / (there - here)
    x, y = column + share * ~is_down, row + share * is_down
    apart = 2.0 * REACH / (side - 2)  # the padding has one cell on each side
    places = np.stack([(x - 0.5) * apart - REACH, REACH - (y - 0.5) * apart], axis=1)
    return places.astype(np.float32)
