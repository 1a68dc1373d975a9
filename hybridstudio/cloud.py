"""Pictures of clouds of 2-D points: antialiased, readable at sixteen points and at many thousands.

Every point is a soft dot whose size and strength follow from how many there are; where dots lie
over each other they add up like light (or ink), so that the picture shows the density. Numpy only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hybridstudio.messages import Points

Picture = npt.NDArray[np.uint8]  # (side, side, 3)
Planes = npt.NDArray[np.float32]  # (K, side, side)


class Look(NamedTuple):
    """Colours of a picture: behind the points, of the grid, where they lie densest, by label."""

    ground: tuple[int, int, int]
    line: tuple[int, int, int]
    dense: tuple[int, int, int]
    inks: tuple[tuple[int, int, int], ...]


# Okabe & Ito 2008, "Color universal design", in the order in which they stand out best.
DARK = Look((39, 41, 45), (60, 63, 69), (255, 255, 255),
            ((86, 180, 233), (230, 159, 0), (0, 158, 115), (204, 121, 167), (213, 94, 0),
             (240, 228, 66), (0, 114, 178)))
LIGHT = Look((227, 228, 231), (210, 212, 217), (16, 24, 48),
             ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0),
              (86, 180, 233), (96, 84, 0)))

FEW, MANY = 16, 20_000
SIGMA = 2.4, 0.55  # of a dot among FEW and among MANY, in pixels of a picture of 256
STRENGTH = 4.0, 0.5  # how much light a dot's middle gets, among as many
GRID = (-1.0, -0.5, 0.0, 0.5, 1.0)  # where faint lines are drawn, if the picture reaches so far


def cloud(points: Points, *, side: int = 256, reach: float = 1.25,
          colours: npt.NDArray[Any] | None = None, look: Look = DARK,
          centre: tuple[float, float] = (0.0, 0.0)) -> Picture:
    """Draw points (N, 2) as a picture (side, side, 3) of the square from -reach to reach, y up.

    `centre` is the middle of the square. `colours` (N,) are whole numbers, one ink each; without it
    all have the first. Points outside or without a finite place are left out. The same points
    always give the same picture.
    """
    places = np.asarray(points, np.float32).reshape(-1, 2) - np.asarray(centre, np.float32)
    is_inside = (np.abs(places) <= reach).all(axis=1)  # not so for NaN
    dots = (places[is_inside] * (1, -1) / reach + 1.0) * (side / 2) - 0.5
    # How far between FEW and MANY, by the logarithm: exposure is even over any count.
    share = np.clip(np.log(max(len(dots), 1) / FEW) / np.log(MANY / FEW), 0.0, 1.0)
    sigma, strength = (few * (many / few) ** share for few, many in (SIGMA, STRENGTH))
    sigma *= (side / 256) ** 0.7  # a little finer in a larger picture
    if colours is None:
        weights = np.ones((1, len(dots)), np.float32)
    else:
        inks = np.asarray(look.inks, np.float32)
        picked = inks[np.asarray(colours)[is_inside].astype(np.int64) % len(inks)]
        weights = np.concatenate([np.ones((1, len(dots)), np.float32), picked.T])
    planes = _blurred(_splatted(dots, weights, side), sigma)
    light = planes[0] * (strength * 2 * np.pi * max(sigma, 0.4) ** 2)
    ink = np.asarray(look.inks[0], np.float32)
    if colours is not None:
        ink = (planes[1:] / np.maximum(planes[0], 1e-9)).transpose(1, 2, 0)
    # Light adds up and saturates: first the ink covers the ground, then it brightens to `dense`.
    cover, bright = -np.expm1(-light)[..., None], -0.8 * np.expm1(-light / 24)[..., None]
    ink = ink + (np.asarray(look.dense, np.float32) - ink) * bright
    ground = _ground(side, reach, look, centre)
    return np.rint(ground + (ink - ground) * cover).astype(np.uint8)


def relit(picture: Picture, look: Look) -> Picture:
    """Return a cloud (side, side, 3) that was drawn in DARK, without classes, in another look.

    Blue tells how much of the ground is covered, and beyond the ink's how bright it is.
    """
    if look == DARK:
        return picture
    shades = np.arange(256, dtype=np.float32)
    ground, ink, dense = (np.asarray(part, np.float32) for part in (
        look.ground, look.inks[0], look.dense))
    low, middle, high = DARK.ground[2], DARK.inks[0][2], DARK.dense[2]
    cover, bright = (np.clip((shades - begins) / (ends - begins), 0.0, 1.0)[:, None]
                     for begins, ends in ((low, middle), (middle, high)))
    inked = ink + (dense - ink) * bright
    table = np.rint(ground + (inked - ground) * cover).astype(np.uint8)
    line = np.asarray(look.line, np.uint8)  # grid lines keep their own colour
    for part in (1.0, 0.5):
        blue = round(low + (DARK.line[2] - low) * part)
        table[blue] = np.rint(ground + (line - ground) * part).astype(np.uint8)
    return np.ascontiguousarray(table[picture[..., 2]])


def _splatted(dots: npt.NDArray[Any], weights: Planes, side: int) -> Planes:
    """Add up each row of weights (K, N) at the dots (N, 2), shared among four pixels each."""
    padded = side + 2  # what falls beside the picture lands in a border that is cut off
    corner = np.floor(dots).astype(np.int64)
    right, down = (dots - corner).T.astype(np.float32)
    first = (corner[:, 1] + 1) * padded + corner[:, 0] + 1
    shares = (((1 - right) * (1 - down), 0), (right * (1 - down), 1),
              ((1 - right) * down, padded), (right * down, padded + 1))
    planes = np.zeros((len(weights), padded * padded), np.float32)
    for plane, weight in zip(planes, weights, strict=True):
        for share, offset in shares:
            plane += np.bincount(first + offset, weight * share, minlength=plane.size)
    return planes.reshape(-1, padded, padded)[:, 1:-1, 1:-1]


def _blurred(planes: Planes, sigma: float) -> Planes:
    """Spread planes (K, side, side) by a Gaussian of `sigma` pixels, along one axis, then other."""
    reach = max(1, round(3 * sigma))
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    taps = (bell / bell.sum()).astype(np.float32)
    for _ in range(2):  # down the columns, then turned, so that slices are of whole rows
        padded = np.pad(planes, ((0, 0), (reach, reach), (0, 0)))
        spread, part = np.zeros_like(planes), np.empty_like(planes)
        for place, tap in enumerate(taps):
            spread += np.multiply(padded[:, place:place + planes.shape[1]], tap, out=part)
        planes = np.ascontiguousarray(spread.transpose(0, 2, 1))
    return planes


def _ground(side: int, reach: float, look: Look,
            centre: tuple[float, float]) -> npt.NDArray[np.float32]:
    """Return the empty picture: the ground, and a faint grid over [-1, 1]."""
    ground, line = np.asarray((look.ground, look.line), np.float32)
    page = np.empty((side, side, 3), np.float32)
    page[:] = ground
    values = np.array(GRID)
    columns, rows = (np.floor((way * (values - middle) / reach + 1) * side / 2).astype(int)
                     for way, middle in zip((1, -1), centre, strict=True))
    across, down = (slice(max(0, places.min()), max(0, places.max() + 1))
                    for places in (columns, rows))
    # The frame is stronger than the lines inside it, so it comes last.
    for value, column, row in sorted(zip(values, columns, rows, strict=True),
                                     key=lambda ends: abs(ends[0])):
        shade = line if abs(value) == 1.0 else (line + ground) / 2
        if 0 <= column < side:
            page[down, column] = shade
        if 0 <= row < side:
            page[row, across] = shade
    return page
