"""Scores from nearest neighbours: precision, recall, density, coverage, and copies of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hybridstudio.scores.frechet import Array, Rows

NEAREST = 5  # neighbours that a radius reaches to
BLOCK = 4_000_000  # distances held at once: 32 MB
COPY = 1 / 3  # of the distance to the second nearest picture, below which the nearest was copied

Flags = npt.NDArray[np.bool_]


class Neighbourhoods(NamedTuple):
    """Point by point what the four scores are the means of.

    `precise` (M,) tells which drawn pictures lie among the real ones, `density` (M,) among how
    many of k neighbourhoods; `recalled` (N,) which real ones lie among the drawn ones, `covered`
    (N,) which have a drawn one in their neighbourhood.
    """

    precise: Flags
    recalled: Flags
    density: Array
    covered: Flags


def neighbourhoods(real: Rows, drawn: Rows, nearest: int = NEAREST) -> Neighbourhoods:
    """Compare real (N, D) with drawn features (M, D) by their k nearest neighbours, block by block.

    Precision and recall after Kynkäänniemi 2019, equations 1 and 2; density and coverage after
    Naeem 2020, equations 3 and 4.
    """
    real, drawn = _centred(real, drawn)
    reach, reach_drawn = _radii(real, nearest), _radii(drawn, nearest)
    found = Neighbourhoods(np.zeros(len(drawn), bool), np.zeros(len(real), bool),
                           np.zeros(len(drawn)), np.zeros(len(real), bool))
    for rows, squares in _squared_distances(real, drawn):
        inside = squares < reach[rows, None]
        found.precise[:] |= inside.any(0)
        found.density[:] += inside.sum(0)
        found.covered[rows] = inside.any(1)
        found.recalled[rows] = (squares < reach_drawn).any(1)
    found.density[:] /= nearest
    return found


class Nearest(NamedTuple):
    """For each picture its nearest one of a set, how far it is, and how far the second nearest."""

    places: npt.NDArray[np.int64]
    first: Array
    second: Array

    @property
    def copied(self) -> Flags:
        """Which are so much nearer to one than to any other that they copy it (Yoon 2023)."""
        return self.first < COPY * self.second

    def part(self, rows: slice) -> Nearest:
        """Return some of the pictures."""
        return Nearest(self.places[rows], self.first[rows], self.second[rows])


def nearest(pictures: Rows, parts: Iterable[Rows]) -> Iterator[Nearest]:
    """Find for each of `pictures` (M, D) the nearest two of a set that comes in parts (n, D).

    Yields what is found so far after each part.
    """
    for places, squares in nearest_of(pictures, parts, 2):
        yield Nearest(places[:, 0].copy(), np.sqrt(squares[:, 0]), np.sqrt(squares[:, 1]))


def nearest_of(pictures: Rows, parts: Iterable[Rows],
               count: int) -> Iterator[tuple[npt.NDArray[np.int64], Array]]:
    """Find for each of `pictures` (M, D) the nearest `count` of a set that comes in parts (n, D).

    Yields their places (M, count) so far and squared distances, the nearest first, after each part;
    of a set with fewer the last distances are infinite.
    """
    places = np.zeros((len(pictures), count), np.int64)
    squares = np.full((len(pictures), count), np.inf)
    before = 0
    for part in parts:
        among, looked = _centred(part, pictures)
        for rows, block in _squared_distances(looked, among):
            both = np.concatenate([squares[rows], block], axis=1)
            where = np.concatenate(
                [places[rows], np.broadcast_to(np.arange(before, before + len(part)), block.shape)],
                axis=1)
            few = np.argpartition(both, count - 1, axis=1)[:, :count]
            few = np.take_along_axis(few, np.take_along_axis(both, few, 1).argsort(1), 1)
            squares[rows] = np.take_along_axis(both, few, 1)
            places[rows] = np.take_along_axis(where, few, 1)
        before += len(part)
        yield places, squares


def _centred(x: Rows, y: Rows) -> tuple[Array, Array]:
    """Return both in double precision about the mean of the first, where few digits cancel."""
    middle = x.mean(0, dtype=np.float64)
    return x - middle, y - middle


def _radii(points: Array, nearest: int) -> Array:
    """Return the squared distance (N,) of each point to its k-th neighbour but itself."""
    nearest = min(nearest, len(points) - 1)
    found = np.empty(len(points))
    for rows, squares in _squared_distances(points, points):
        # Of a tie neither is inside, whatever the rounding says.
        found[rows] = np.partition(squares, nearest, axis=1)[:, nearest] * (1.0 - 1e-12)
    return found


def _squared_distances(x: Array, y: Array) -> Iterator[tuple[slice, Array]]:
    """Yield blocks of rows of x with their squared distances (rows, M) to all of y."""
    lengths = (y * y).sum(1)
    step = max(1, BLOCK // len(y))
    for first in range(0, len(x), step):
        rows = slice(first, first + step)
        block = x[rows] @ y.T
        block *= -2.0
        block += lengths
        block += (x[rows] * x[rows]).sum(1)[:, None]
        yield rows, np.maximum(block, 0.0, out=block)
