"""Points of the plane: small distributions whose every mode can be seen, and the user's own.

All are brought into [-1, 1] by a centre and a scale that the data set keeps. The built-in ones are
drawn from a fixed stream for each split, so that they are the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hybridstudio.config import DataConfig
from hybridstudio.data.dataset import Dataset, Labels, Loading, chosen, fingerprint
from hybridstudio.data.folders import located
from hybridstudio.data.pointfile import read_points
from hybridstudio.density import Of, of_gaussians
from hybridstudio.errors import UsageError
from hybridstudio.messages import Points

Floats = npt.NDArray[np.float64]

SPLITS = {"train": (100_000, 1), "test": (20_000, 2)}  # how many points, and their seed
HELD_OUT = 6  # one of so many of the user's own points is for testing


class Plane(NamedTuple):
    """A distribution of the plane in units of its own, centre and largest extent of which are told.

    `place` puts points of the given classes (N,) with a stream; `centres` (M, 2) and `std` are
    those of its Gaussians where it is made of nothing else. `density` is how densely the points of
    all classes lie.
    """

    classes: tuple[str, ...]
    place: Callable[[Labels, np.random.RandomState], Floats]
    centre: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    centres: Floats | None = None
    std: float = 0.0
    density: Of | None = None


def _gaussians(classes: tuple[str, ...], centres: Floats, std: float) -> Plane:
    def place(labels: Labels, stream: np.random.RandomState) -> Floats:
        return centres[labels] + std * stream.standard_normal((len(labels), 2))

    return Plane(classes, place, scale=float(np.abs(centres).max()), centres=centres, std=std,
                 density=of_gaussians(centres, std))


def _grid() -> Plane:
    """Return 25 Gaussians two apart, with a standard deviation of 0.05 (Lin 2018; Xiao 2021)."""
    ticks = (-4, -2, 0, 2, 4)
    places = [(x, y) for y in reversed(ticks) for x in ticks]
    return _gaussians(tuple(f"({x}, {y})" for x, y in places), np.array(places, np.float64), 0.05)


def _ring() -> Plane:
    """Return 8 Gaussians on a ring of radius 2, standard deviation 0.02 (Metz 2017)."""
    turns = np.arange(8) / 8
    angles = 2 * math.pi * turns
    centres = 2.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return _gaussians(tuple(f"{turn * 360:.0f}°" for turn in turns), centres, 0.02)


RINGS, RING_STD = 4, 0.06


def _rings(labels: Labels, stream: np.random.RandomState) -> Floats:
    angles = 2 * math.pi * stream.random_sample(len(labels))
    radii = labels + 1 + RING_STD * stream.standard_normal(len(labels))
    return radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _rings_density(x: Floats, y: Floats) -> Floats:
    """Return the density of radii that are normal around 1 … RINGS, all angles alike."""
    radii = np.hypot(x, y[:, None])
    along = sum(np.exp(-0.5 * ((radii - ring) / RING_STD) ** 2) for ring in range(1, RINGS + 1))
    whole = RINGS * math.sqrt(2 * math.pi) * RING_STD * 2 * math.pi
    return np.asarray(along / (whole * np.maximum(radii, 1e-9)))


ROLL = 1.5 * math.pi, 4.5 * math.pi  # the angles from which to which it rolls, also its radii
ROLL_STD, MOONS_STD = 0.25, 0.06
FINE = 2_000  # places of a line whose noise, taken together, is its density


def _roll(labels: Labels, stream: np.random.RandomState) -> Floats:
    shares = (labels + stream.random_sample(len(labels))) / 3
    noise = ROLL_STD * stream.standard_normal((len(labels), 2))
    return _spiral(ROLL[0] + (ROLL[1] - ROLL[0]) * shares) + noise


def _spiral(angles: Floats) -> Floats:
    return angles[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _swissroll() -> Plane:
    """Return the Swiss roll (Marsland 2009) seen from its end, each third of its length a class."""
    line = _spiral(np.linspace(*ROLL, 1000))
    low, high = line.min(axis=0), line.max(axis=0)
    middle = (low + high) / 2
    return Plane(("inner", "middle", "outer"), _roll, (float(middle[0]), float(middle[1])),
                 float((high - low).max() / 2),
                 density=of_gaussians(_spiral(_middles(*ROLL)), ROLL_STD))


def _middles(low: float, high: float) -> Floats:
    """Return FINE numbers evenly spread between two."""
    return low + (high - low) * (np.arange(FINE) + 0.5) / FINE


def _moons(labels: Labels, stream: np.random.RandomState) -> Floats:
    upper = _arc(math.pi * stream.random_sample(len(labels)))
    places = np.where(labels[:, None] == 0, upper, (1.0, 0.5) - upper)
    return places + MOONS_STD * stream.standard_normal((len(labels), 2))


def _arc(angles: Floats) -> Floats:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _both_moons() -> Floats:
    upper = _arc(_middles(0.0, math.pi))
    return np.concatenate([upper, (1.0, 0.5) - upper])


PLANES: dict[str, Plane] = {
    "gaussians25": _grid(),
    "gaussians8": _ring(),
    "rings": Plane(tuple(f"ring {number}" for number in range(1, RINGS + 1)), _rings,
                   scale=float(RINGS), density=_rings_density),
    "swissroll": _swissroll(),
    "moons": Plane(("upper", "lower"), _moons, (0.5, 0.25), 1.5,
                   density=of_gaussians(_both_moons(), MOONS_STD)),
}


def modes(name: str) -> tuple[Points, float] | None:
    """Return a built-in set's modes as the data has them: centres (M, 2) and standard deviation.

    None where the set is not made of Gaussians.
    """
    plane = PLANES.get(name)
    if plane is None or plane.centres is None:
        return None
    return _normalised(plane.centres, plane.centre, plane.scale), plane.std / plane.scale


def density_of(name: str, classes: tuple[str, ...]) -> Of | None:
    """Return the exact density of a built-in set as the data has it, with all its classes.

    None for any other set, and where only some of the classes are taken.
    """
    plane = PLANES.get(name)
    if plane is None or plane.density is None or plane.classes != classes:
        return None
    own, (left, low), scale = plane.density, plane.centre, plane.scale
    return lambda x, y: own(left + scale * x, low + scale * y) * scale**2


def load_plane(config: DataConfig, root: Path, rest: str) -> Loading:
    """Open one of PLANES by its name."""
    yield from ()
    plane = PLANES[config.name]
    points, labels = [], []
    for split, (count, seed) in SPLITS.items():
        if config.split in (split, "all"):
            # RandomState's stream is frozen for good, unlike default_rng's.
            stream = np.random.RandomState(seed)
            labels.append(stream.permutation(np.arange(count) % len(plane.classes)))
            points.append(plane.place(labels[-1], stream))
    return _made(config, config.name, np.concatenate(points), np.concatenate(labels),
                 plane.classes, plane.centre, plane.scale)


def load_file(config: DataConfig, root: Path, path: str) -> Loading:
    """Open `points:PATH`: a CSV, TSV or .npy file of x, y and perhaps a label.

    Every sixth point in a fixed random order is held out for testing.
    """
    file, name = located(path, root, "points")
    points, labels, classes = yield from read_points(file)
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low + high) / 2
    scale = float((high - low).max() / 2) or 1.0  # all in one place: there is nothing to scale
    order = np.random.RandomState(20).permutation(len(points))
    held_out = len(points) // HELD_OUT
    parts = {"train": order[held_out:], "test": order[:held_out], "all": order}
    part = np.sort(parts[config.split])
    if not len(part):
        raise UsageError(f"{config.name} has no {config.split} points",
                         f"one of {HELD_OUT} is held out for testing, and it has {len(points)}",
                         "give more points, or choose data.split all")
    return _made(config, name, points[part], labels[part], classes,
                 (float(middle[0]), float(middle[1])), scale)


def _made(config: DataConfig, name: str, points: Floats, labels: Labels,
          classes: tuple[str, ...], centre: tuple[float, float], scale: float) -> Dataset:
    """Make the data set of points (N, 2) in units of their own, as `config` asks."""
    places, labels, classes = chosen(labels, classes, config)
    ready = _normalised(points[places], centre, scale)
    return Dataset(name, ready, labels, classes, centre=centre, scale=scale,
                   fingerprint=fingerprint([ready], ready.shape[1:], labels, classes))


def _normalised(points: Floats, centre: tuple[float, float], scale: float) -> Points:
    return np.ascontiguousarray((points - centre) / scale, dtype=np.float32)
