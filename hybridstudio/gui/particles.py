"""A cloud of points on its way: how far it reaches, its modes, what a field looks like. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hybridstudio.messages import Browsed, Field, Frame, Points

REACH = 1.25  # of the square that is shown, beyond the one in which the data lie
NOISE = 2.5  # standard deviations of the noise that are in sight
MODED = ("gaussians25", "gaussians8")  # data whose classes are modes
NEAR = 4.0  # standard deviations within which a point belongs to a mode, as in scores
FEWEST = 20  # points of a class from which its place is known


class Modes(NamedTuple):
    """Where the modes of the data are (M, 2), and their standard deviation."""

    centres: Points
    std: float


class Found(NamedTuple):
    """How many modes `of` how many some points found, and the share of points near one."""

    modes: int
    of: int
    share: float


def reach(frame: Frame) -> float:
    """Return how far a frame's points may lie from the middle, as its picture shows it."""
    signal = max(0.0, 1.0 - frame.noise**2) ** 0.5
    return REACH * (signal + NOISE * frame.noise)


def modes_of(data: Browsed) -> Modes | None:
    """Return the modes of a data set whose classes are its modes; None for any other."""
    if data.points is None or data.name not in MODED:
        return None
    labels = np.asarray(data.labels)
    if len(labels) != len(data.points):
        return None
    parts = [data.points[labels == label] for label in range(len(data.classes))]
    if min(map(len, parts), default=0) < FEWEST:
        return None
    centres = np.stack([part.mean(0) for part in parts])
    spread = [part.std(0).mean() for part in parts]
    return Modes(centres.astype(np.float32), float(np.mean(spread)))


def found(points: Points, modes: Modes) -> Found:
    """Count the modes that points (N, 2) found: a point belongs to the nearest one, if near."""
    squares = ((points[:, None, :] - modes.centres) ** 2).sum(2)
    nearest, near = squares.argmin(1), squares.min(1) <= (NEAR * modes.std) ** 2
    return Found(len(np.unique(nearest[near])), len(modes.centres), float(near.mean()))


def seen(frame: Frame) -> tuple[str, Points]:
    """Return what a model expects at a frame as its name and points; at the end what it drew."""
    if frame.t > 0 and "x0" in frame.points:
        return "expected", frame.points["x0"]
    return "drawn", frame.points["x_t"]


def field_at(fields: Sequence[Field], t: float) -> Field | None:
    """Return the field at the level nearest to t; None where there is none."""
    return min(fields, key=lambda field: abs(field.t - t), default=None)


def shafts(field: Field, noise: float) -> npt.NDArray[np.float32]:
    """Return arrows (K, 4) from each place towards where the model would move a point.

    They show σ² times the score, the way to what is expected there (Tweedie's formula), each at
    most as long as the places are apart; what is next to nothing is left out.
    """
    assert field.arrows is not None
    side = round(len(field.places) ** 0.5)
    apart = float(field.places[1, 0] - field.places[0, 0]) if side > 1 else 1.0
    ways = field.arrows * max(noise, 1e-3) ** 2
    lengths = np.hypot(ways[:, 0], ways[:, 1])
    shown = 0.9 * apart * lengths / (lengths + apart)
    ways = ways * (shown / np.maximum(lengths, 1e-9))[:, None]
    kept = shown > 0.04 * apart
    return np.hstack([field.places - ways / 2, field.places + ways / 2])[kept].astype(np.float32)


def trails(frames: Sequence[Frame], until: int, count: int, most: int) -> list[Points]:
    """Return the ways (F, 2) of the first `count` points through the last frames up to one."""
    ways = [frame.points["x_t"][:count] for frame in frames[:until + 1]][-most:]
    if len(ways) < 2:
        return []
    return list(np.stack(ways, axis=1))


def words(frame: Frame, modes: Modes | None) -> str:
    """Tell how many modes are found at a frame, "" where the data have none that are known."""
    if modes is None:
        return ""
    name, points = seen(frame)
    got = found(points, modes)
    where = "in the expected points" if name == "expected" else "found"
    return f"{got.modes} of {got.of} modes {where}, {got.share:.0%} of points near one".replace(
        "%", " %")
