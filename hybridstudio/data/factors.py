"""What a picture of `shapes` shows: the combination of factors that lies nearest to it.

A picture of the data set is b + (c - b) m: background b, colour c, and the mask m of an outline. So
the distance to all 15,552 follows from the products of a picture with 864 masks.
"""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hybridstudio.data import shapes
from hybridstudio.data.shapes import BACKGROUNDS, COLOURS, LEVELS, Table
from hybridstudio.messages import Images

BLOCK = 250  # pictures looked at together
NEAR = 0.25  # of the squared contrast of a shape, up to which a picture may differ from it
GRAIN = 0.04  # of the whole range: noise (root mean square) that is let pass besides
GAIN = 0.5  # of the squared contrast, by which it has to be nearer than the empty background

Floats = npt.NDArray[np.float32]


class Recognised(NamedTuple):
    """Factors (N, 6) of the combination nearest to each picture, and whether it is `near` (N,).

    A picture is near a combination when it differs from it by less than half of what the empty
    background does (root mean square), but for a fine grain, and when it is clearly nearer to it
    than to that background.
    """

    table: Table
    near: npt.NDArray[np.bool_]


def recognised(pictures: Images) -> Recognised:
    """Tell what pictures (N, H, W, 3) of the data set `shapes`, or of a model of it, show."""
    parts = [_nearest(pictures[first:first + BLOCK]) for first in range(0, len(pictures), BLOCK)]
    return Recognised(*map(np.concatenate, zip(*parts, strict=True)))


def _nearest(pictures: Images) -> Recognised:
    outlines, masks = _outlines(pictures.shape[1])
    x = pictures.reshape(len(pictures), -1, 3).astype(np.float32) / 255.0
    products = np.einsum("npc,op->nco", x, masks, optimize=True)  # (N, 3, O)
    weight, square = masks.sum(1), (masks * masks).sum(1)
    grain = GRAIN**2 * x[0].size
    least = np.full(len(x), np.inf, np.float32)
    near = np.zeros(len(x), np.bool_)
    found = np.zeros((len(x), len(LEVELS)), np.int64)
    colours, grounds = (np.array(list(named.values()), np.float32) / 255.0
                        for named in (COLOURS, BACKGROUNDS))
    for (colour, c), (ground, b) in itertools.product(enumerate(colours), enumerate(grounds)):
        # |x - b - (c - b) m|² = |x - b|² - 2 (c - b)·⟨x - b, m⟩ + |c - b|² |m|²
        d = c - b
        energy = d @ d * square
        empty = ((x - b)**2).sum((1, 2))
        gain = 2.0 * (np.tensordot(products, d, axes=(1, 0)) - d @ b * weight) - energy
        place = gain.argmax(1)  # of the distances with this background the least
        most = np.take_along_axis(gain, place[:, None], 1)[:, 0]
        value, contrast = empty - most, energy[place]
        better = value < least
        least[better] = value[better]
        near[better] = ((value < NEAR * contrast + grain) & (most > GAIN * contrast))[better]
        shape, size, where, turn = outlines[place[better]].T
        found[better] = np.stack([shape, np.full_like(shape, colour), size, where, turn,
                                  np.full_like(shape, ground)], axis=1)
    return Recognised(found, near)


@functools.lru_cache(maxsize=2)
def _outlines(side: int) -> tuple[Table, Floats]:
    """Return shape, size, place and rotation (O, 4) of every outline, and its mask (O, side²)."""
    every = np.array(list(itertools.product(*(
        range(LEVELS[LEVELS._fields.index(name)])
        for name in ("shape", "size", "place", "rotation")))))
    masks = np.stack([shapes.outline_mask(*outline, side).reshape(-1)
                      for outline in every.tolist()])
    return every, masks.astype(np.float32) / 255.0
