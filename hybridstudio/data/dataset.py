"""What a data set is once it is open, and how a part of it is chosen."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridstudio.config import DataConfig
from hybridstudio.errors import UsageError
from hybridstudio.messages import Images, Notice, Points, Progress

RESIDENT_BYTES = 1 << 30  # up to here pictures are held in memory, beyond it mapped from the cache
MAX_LISTED = 1000  # skipped pictures that are named; the rest are counted

Labels = npt.NDArray[np.int64]
Skipped = tuple[str, str]  # the name of a picture that was left out, and why


@dataclass(frozen=True)
class Dataset:
    """An open data set: uint8 pictures or points, their labels and what had to be left out.

    `images` (N, H, W, C) is an array, or a memory map where it is large; C is 1 (grey) or 3 (RGB).
    Points are float32 (N, 2) in about [-1, 1]; `scale` · point + `centre` is where they came from.
    `labels` is int64 (N,), all 0 where there are none, and then `classes` is (). `skipped` names
    the first thousand pictures left out, `skipped_count` counts all. `fingerprint` is the sha256
    of pictures, labels and class names. `name` is the data set's name with its path made absolute.
    """

    name: str
    images: npt.NDArray[Any]  # uint8 pictures, or float32 points
    labels: Labels
    classes: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    skipped_count: int = 0
    fingerprint: str = ""
    centre: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0

    def __len__(self) -> int:
        return len(self.images)

    @property
    def is_points(self) -> bool:
        """Whether these are points of the plane."""
        return self.images.ndim == 2

    @property
    def counts(self) -> tuple[int, ...]:
        """How many pictures each class has, in the order of `classes`."""
        return tuple(np.bincount(self.labels, minlength=len(self.classes))[:len(self.classes)]
                     .tolist())


Loading = Generator[Progress | Notice, None, Dataset]


def fingerprint(parts: Iterable[Images | Points], shape: Sequence[int], labels: Labels,
                classes: Sequence[str]) -> str:
    """Return the sha256 (hex) of pictures given in consecutive parts, with labels and classes.

    `shape` is (H, W, C), or (2,) of points: the same bytes in another shape are another content.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part).data)
    digest.update(np.ascontiguousarray(labels, dtype="<i8").data)
    digest.update(repr((tuple(shape), tuple(classes))).encode())
    return digest.hexdigest()


def chosen(labels: Labels, classes: tuple[str, ...],
           config: DataConfig) -> tuple[npt.NDArray[np.int64], Labels, tuple[str, ...]]:
    """Choose pictures by `config.classes` and `config.limit`.

    Returns their places (M,), their labels in the order of the classes that remain, and those
    classes. A limit takes pictures evenly spread over the whole, since many sets are sorted by
    class. Raises UsageError for a class that the data set does not have.
    """
    places = np.arange(len(labels))
    known = set(classes)
    # Names of another data set, left behind in a config, are not a choice among this one's.
    if known.intersection(config.classes) and config.classes != classes:
        wanted = tuple(dict.fromkeys(config.classes))
        if unknown := [name for name in wanted if name not in known]:
            raise UsageError(f"{config.name} has no class {unknown[0]!r}",
                             "its classes are " + listed(classes),
                             "choose among them with data.classes, or leave it empty")
        new = np.full(len(classes), -1)
        new[[classes.index(name) for name in wanted]] = np.arange(len(wanted))
        labels = new[labels]
        places = np.flatnonzero(labels >= 0)
        labels, classes = labels[places], wanted
    if config.limit is not None and config.limit < len(places):
        spread = (np.arange(config.limit) * len(places)) // config.limit
        places, labels = places[spread], labels[spread]
    return places, labels.astype(np.int64, copy=False), classes


def listed(names: Sequence[str], most: int = 12) -> str:
    """Write names as a short list: "a, b, c and 40 more"."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


@dataclass
class Meter:
    """Tells how far a count has come, at most ten times a second; `unit` names what is counted."""

    total: int | None
    unit: str = "pictures"
    _began: float = field(default_factory=time.monotonic)
    _told: float = 0.0

    def at(self, step: int, *, always: bool = False) -> list[Progress]:
        """Return the Progress to tell at `step`, or nothing when the last is too fresh."""
        now = time.monotonic()
        if not always and now - self._told < 0.1:
            return []
        self._told = now
        seconds = now - self._began
        rate = step / seconds if seconds > 0 else 0.0
        left = (self.total - step) / rate if self.total is not None and rate > 0 else None
        return [Progress(step, self.total, self.unit, seconds=seconds, rate=rate, left=left)]
