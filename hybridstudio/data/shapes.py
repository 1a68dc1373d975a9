"""`shapes`: drawn pictures whose factors are known exactly, so that coverage can be counted.

Every picture is one of 15,552 combinations of shape, colour, size, place, rotation and background.
The data set holds each combination once, in a fixed random order; the last sixth is the test part.
Rotations are spread over each shape's own symmetry, so no two combinations look alike.
"""

from __future__ import annotations

import functools
import math
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hybridstudio.config import DataConfig
from hybridstudio.data import cache, decode
from hybridstudio.data.dataset import Loading, Meter, chosen
from hybridstudio.messages import Images

Floats = npt.NDArray[np.floating]
Table = npt.NDArray[np.int64]


class Factors(NamedTuple):
    """What a picture shows: each an index into the tuple of the same name in capitals."""

    shape: int
    colour: int
    size: int
    place: int
    rotation: int
    background: int


SHAPES = ("square", "triangle", "star", "cross", "heart", "pie", "ring", "moon")
COLOURS = {"red": (214, 40, 40), "orange": (244, 152, 32), "yellow": (246, 226, 64),
           "green": (40, 164, 84), "blue": (48, 112, 224), "purple": (152, 72, 184)}
SIZES = (0.14, 0.20, 0.28)  # radius as a share of the picture's side
PLACES = tuple((x, y) for y in (0.3, 0.5, 0.7) for x in (0.3, 0.5, 0.7))  # of the centre
ROTATIONS = (0.0, 0.25, 0.5, 0.75)  # of the angle after which the shape looks the same again
BACKGROUNDS = {"night": (24, 26, 34), "stone": (104, 112, 120), "paper": (240, 238, 230)}

LEVELS = Factors(len(SHAPES), len(COLOURS), len(SIZES), len(PLACES), len(ROTATIONS),
                 len(BACKGROUNDS))
TOTAL = math.prod(LEVELS)
TEST = TOTAL // 6
PARTS = {"train": slice(None, TOTAL - TEST), "test": slice(TOTAL - TEST, None), "all": slice(None)}
SYMMETRY = {"square": 4, "triangle": 3, "star": 5, "cross": 4}  # the others look alike only whole
CHUNK = 1 << 24  # bytes drawn at a time


@functools.cache
def _order() -> tuple[Table, Table]:
    """Return which combination each index shows, and the inverse."""
    # RandomState's stream is frozen for good, unlike default_rng's.
    order = np.random.RandomState(20).permutation(TOTAL).astype(np.int64)
    return order, np.argsort(order)


def factor_table(indices: int | npt.ArrayLike | None = None) -> Table:
    """Return the factors (N, 6), columns as in Factors, of the first N, the given, or all indices.

    Raises IndexError for an index beyond the last, TOTAL - 1.
    """
    if indices is None or isinstance(indices, int):
        indices = np.arange(TOTAL)[:indices]
    codes = _order()[0][np.asarray(indices, np.int64)]
    return np.stack(np.unravel_index(codes, LEVELS), axis=-1).astype(np.int64)


def factors(index: int) -> Factors:
    """Return the factors of the picture at an index, 0 to TOTAL - 1."""
    return Factors(*factor_table([index])[0].tolist())


def indices_of(table: npt.ArrayLike) -> Table:
    """Return the indices (N,) of factors (N, 6): the inverse of `factor_table`."""
    columns = np.moveaxis(np.asarray(table, np.int64), -1, 0)
    return _order()[1][np.ravel_multi_index(tuple(columns), LEVELS)]


def indices(config: DataConfig) -> Table:
    """Return the index of each picture of the data set that this config asks for, in order."""
    part = np.arange(TOTAL)[PARTS[config.split]]
    return part[chosen(factor_table(part)[:, 0], SHAPES, config)[0]]


def load_shapes(config: DataConfig, root: Path, rest: str) -> Loading:
    """Open `shapes`; the labels are the shapes, drawn at any size (32 by itself), in colour."""
    rows = indices(config)
    table = factor_table(rows)
    _, labels, classes = chosen(table[:, 0], SHAPES, config.model_copy(update={"limit": None}))
    size, channels = config.size or 32, config.channels or 3
    key = cache.key(kind="shapes", size=size, channels=channels, classes=classes,
                    rows=sha256(rows.data).hexdigest())
    found = cache.recall(key)  # only large ones are kept
    if found is not None:
        return found
    shelf = cache.Shelf(key, len(rows), (size, size, channels))
    meter = Meter(len(rows))
    try:
        step = max(1, CHUNK // (size * size * 3))
        for start in range(0, len(rows), step):
            shelf.append(decode.coloured(draw(table[start:start + step], size), channels))
            yield from meter.at(start)
        yield from meter.at(len(rows), always=True)
        found, notices = shelf.finish("shapes", labels, classes, keep=shelf.is_on_disk)
        yield from notices
        return found
    finally:
        shelf.abandon()


def draw(table: npt.ArrayLike, size: int) -> Images:
    """Draw the pictures of factors (N, 6) as uint8 (N, size, size, 3), edges anti-aliased."""
    rows = np.asarray(table, np.int64).reshape(-1, len(LEVELS))
    outlines, which = np.unique(rows[:, [0, 2, 3, 4]], axis=0, return_inverse=True)
    masks = np.empty((len(outlines), size, size), np.uint8)
    for number, outline in enumerate(outlines):
        masks[number] = outline_mask(*outline.tolist(), size)
    inks = _inks()[rows[:, 1], rows[:, 5]]  # (N, 256, 3): the colour at each degree of coverage
    pictures = np.empty((len(rows), size, size, 3), np.uint8)
    for picture, ink, mask in zip(pictures, inks, which.reshape(-1), strict=True):
        np.take(ink, masks[mask], axis=0, out=picture, mode="clip")  # "raise" would copy first
    return pictures


@functools.cache
def _inks() -> Images:
    """Return (colours, backgrounds, 256, 3): background fading into colour, in linear steps."""
    share = (np.arange(256) / 255.0)[:, None]
    ink = np.array(list(COLOURS.values()), np.float64)[:, None, None]
    ground = np.array(list(BACKGROUNDS.values()), np.float64)[None, :, None]
    return np.round(ground + (ink - ground) * share).astype(np.uint8)


@functools.lru_cache(maxsize=1024)  # all there are at one size
def outline_mask(shape: int, size: int, place: int, rotation: int, side: int) -> Images:
    """Return how much of each pixel the shape covers, 0 to 255, (side, side)."""
    name, radius = SHAPES[shape], SIZES[size]
    centres = (np.arange(side, dtype=np.float32) + 0.5) / side
    near_x, near_y = (np.abs(centres - middle) < radius + 1 / side for middle in PLACES[place])
    x = (centres[None, near_x] - PLACES[place][0]) / radius
    y = (centres[near_y, None] - PLACES[place][1]) / radius
    angle = 2 * math.pi * ROTATIONS[rotation] / SYMMETRY.get(name, 1)
    turned_x = math.cos(angle) * x + math.sin(angle) * y
    turned_y = math.cos(angle) * y - math.sin(angle) * x
    # A pixel's coverage by an edge that crosses it is close to linear in its distance.
    inside = 0.5 - _distance(name, turned_x, turned_y) * (radius * side)
    mask = np.zeros((side, side), np.uint8)
    mask[np.ix_(near_y, near_x)] = np.round(255 * np.clip(inside, 0.0, 1.0))
    return mask


def _distance(name: str, x: Floats, y: Floats) -> Floats:
    """Return the signed distance to a shape of radius 1 around 0: negative inside; y down."""
    reach = np.hypot(x, y)
    match name:
        case "pie":  # a disc without a slice of 70 degrees
            half = math.radians(35)
            outside_slice = math.sin(half) * x - math.cos(half) * np.abs(y)
            return np.maximum(reach - 1, outside_slice)
        case "ring":  # with a gap, like the C of an eye test
            band = np.abs(reach - 0.74) - 0.26
            gap = np.maximum(np.abs(y) - 0.22, -x)
            return np.maximum(band, -gap)
        case "moon":
            return np.maximum(reach - 1, 0.8 - np.hypot(x - 0.5, y))
        case _:
            return _polygon_distance(_corners(name), x, y)


@functools.cache
def _corners(name: str) -> tuple[tuple[float, float], ...]:
    def around(count: int, *radii: float) -> tuple[tuple[float, float], ...]:
        angles = (-math.pi / 2 + 2 * math.pi * number / count for number in range(count))
        return tuple((radii[number % len(radii)] * math.cos(angle),
                      radii[number % len(radii)] * math.sin(angle))
                     for number, angle in enumerate(angles))

    match name:
        case "square":
            return tuple((0.7 * x, 0.7 * y) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1)))
        case "triangle":
            return around(3, 1.0)
        case "star":
            return around(10, 1.0, 0.42)
        case "cross":
            a, b = 0.32, 0.92
            return ((-a, -b), (a, -b), (a, -a), (b, -a), (b, a), (a, a),
                    (a, b), (-a, b), (-a, a), (-b, a), (-b, -a), (-a, -a))
        case _:  # the heart
            turns = [2 * math.pi * number / 32 for number in range(32)]
            return tuple((16 / 17 * math.sin(t) ** 3,
                          -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t)
                            - math.cos(4 * t)) / 17) for t in turns)


def _polygon_distance(corners: tuple[tuple[float, float], ...], x: Floats, y: Floats) -> Floats:
    """Return the distance to the nearest edge, negative where a ray crosses the outline oddly."""
    nearest = np.full(x.shape, np.inf, np.float32)
    is_inside = np.zeros(nearest.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, (*corners[1:], corners[0]), strict=True):
        dx, dy = bx - ax, by - ay
        along = np.clip(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy), 0.0, 1.0)
        nearest = np.minimum(nearest, (x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2)
        if dy:
            is_inside ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) * dx / dy)
    distance = np.sqrt(nearest)
    return np.where(is_inside, -distance, distance).astype(np.float32)
