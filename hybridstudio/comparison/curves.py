"""Which curves of several runs are laid over each other, and thinning them to what a page shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridstudio.comparison.reading import Subject
from hybridstudio.comparison.scoring import TITLES
from hybridstudio.runs import Series

Floats = npt.NDArray[np.float64]

# Beginnings of the names that tell how learning goes, in the order in which they are shown.
FIRST = ("score/", "test/", "loss", "reconstruction", "kl", "p/", "critic/",
         "accuracy", "distillation", "moments", "vlb")
LAST = ("lr", "grad_norm/", "images_per_second", "memory")
DETAILS = ("loss/band-", "kl/", "score/frechet/", *LAST)  # not told unless somebody asks
ENDS = {"floor": "real pictures", "ceiling": "noise"}
BUCKETS = 240  # points of a curve on a page
DECADE = 8.0  # how much larger the top of a curve is than its bottom where a log axis helps


@dataclass(frozen=True)
class Overlay:
    """A curve that several runs have, or one: its name, the runs by place, whether log helps."""

    name: str
    lines: tuple[tuple[Subject, Series], ...]
    log: bool

    @property
    def title(self) -> str:
        """What the curve is called."""
        return title_of(self.name)


def overlays(subjects: Sequence[Subject], details: bool = False) -> tuple[Overlay, ...]:
    """Lay the curves of one name over each other; those of several runs come first.

    Gradients, noise bands, rates and the like are left out unless `details` are wanted.
    """
    names = dict.fromkeys(name for subject in subjects for name in subject.curves)
    found = []
    for name in names:
        if name.startswith(DETAILS) and not details:
            continue
        lines = tuple((subject, subject.curves[name]) for subject in subjects
                      if name in subject.curves and subject.curves[name].values.size)
        if lines:
            found.append(Overlay(name, lines, suits_log([series for _, series in lines])))
    return tuple(sorted(found, key=lambda one: (
        len(one.lines) < min(2, len(subjects)), _rank(one.name))))


def title_of(name: str) -> str:
    """Tell a curve's name in words: "Loss: generator", "Held out: loss"."""
    base = name.removeprefix("test/")
    head, _, rest = base.partition("/")
    if head == "score":
        of, _, end = rest.partition("/")  # score/frechet/floor
        told = TITLES.get(of, of.replace("_", " "))
        return f"{told}: {ENDS.get(end, end)}" if end else told[:1].upper() + told[1:]
    words = {"p": "probability of being real", "kl": "KL", "lr": "learning rate", "vlb": "L_vlb",
             "moments": "gap to the teacher",
             "images_per_second": "pictures a second"}
    told = words.get(head, head.replace("_", " "))
    rest = rest.replace("_", " ").replace("fake", "generated")
    told = f"{told}: {rest}" if rest else told
    told = told if base == name else f"held out: {told}"
    return told[:1].upper() + told[1:]


def suits_log(lines: Sequence[Series]) -> bool:
    """Tell whether all values are above 0 and a log axis shows more of them."""
    values = [series.values[np.isfinite(series.values)] for series in lines]
    values = [each for each in values if each.size]
    if not values or any((each <= 0).any() for each in values):
        return False
    low = min(float(np.quantile(each, 0.02)) for each in values)
    high = max(float(np.quantile(each, 0.98)) for each in values)
    return high > DECADE * low


@dataclass(frozen=True)
class Thin:
    """A curve in few points: the mean of each stretch, and the lowest and highest within it."""

    x: Floats
    mean: Floats
    low: Floats
    high: Floats


def thin(x: npt.NDArray[Any], y: Floats, buckets: int = BUCKETS) -> Thin:
    """Return a curve in at most `buckets` points; what is not finite is left out."""
    kept = np.isfinite(y) & np.isfinite(x)
    x, y = np.asarray(x, np.float64)[kept], y[kept]
    if y.size <= buckets:
        return Thin(x, y, y, y)
    starts = np.linspace(0, y.size, buckets, endpoint=False).astype(np.int64)
    counts = np.diff(np.append(starts, y.size))
    return Thin(np.add.reduceat(x, starts) / counts, np.add.reduceat(y, starts) / counts,
                np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts))


def _rank(name: str) -> int:
    """Return the place of a curve's kind in the order of showing."""
    for place, start in enumerate(FIRST):
        if name.startswith(start) and not name.startswith(DETAILS):
            return place
    return len(FIRST) + name.startswith(LAST)
