"""A set of pictures as scores see it, gathered batch by batch in memory that does not grow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hybridstudio.scores.classes import Counts
from hybridstudio.scores.features import Features
from hybridstudio.scores.frechet import Moments, Rows, Sums

ROWS = 10_000  # pictures whose features are kept; moments and classes are those of all
KEPT = 1000  # pictures that are kept themselves, to look for copies

Pictures = npt.NDArray[Any]  # uint8 (N, H, W, C), or float32 (N, 2) where they are points


@dataclass(frozen=True)
class Sample:
    """`count` pictures in features: their moments, the features (n, D) of the first of them.

    Where the network tells classes, `probabilities` (n, K) of the same, and `counts` (K,) of all.
    """

    count: int
    moments: Moments
    rows: Rows
    probabilities: Rows | None = None
    counts: Counts | None = None


class Gatherer:
    """Takes pictures in, keeping what scores need of them."""

    def __init__(self, features: Features, on: torch.device, most: int = ROWS) -> None:
        self.features, self.on, self.most = features, on, min(most, ROWS)
        self.sums = Sums()
        self.besides: list[Callable[[Pictures], None]] = []  # who else looks at all of them
        self.pictures: list[Pictures] = []
        self._rows: list[Rows] = []
        self._probabilities: list[Rows] = []
        self._counts: Counts | None = None

    def add(self, pictures: Pictures) -> None:
        """Take in pictures (N, H, W, C) uint8, or points (N, 2)."""
        kept = sum(map(len, self.pictures))
        if kept < KEPT:
            self.pictures.append(pictures[:KEPT - kept].copy())
        for look in self.besides:
            look(pictures)
        with torch.inference_mode():
            found, told = self.features.embed(as_tensor(pictures).to(self.on))
        rows = found.float().cpu().numpy()
        room = max(0, self.most - self.sums.count)
        self.sums.add(rows)
        self._rows.append(rows[:room])
        if told is not None:
            probabilities = told.float().cpu().numpy()
            self._probabilities.append(probabilities[:room])
            counts = np.bincount(probabilities.argmax(1), minlength=probabilities.shape[1])
            self._counts = counts if self._counts is None else self._counts + counts

    def sample(self) -> Sample:
        """Return what was gathered."""
        return Sample(self.sums.count, self.sums.moments(), np.concatenate(self._rows),
                      np.concatenate(self._probabilities) if self._probabilities else None,
                      self._counts)


def joined(one: Gatherer, other: Gatherer, most: int) -> Sample:
    """Return the sample of two gatherers' pictures together, with up to `most` rows."""
    a, b = one.sample(), other.sample()
    sums = Sums()
    sums.join(one.sums)
    sums.join(other.sums)
    both = a.probabilities is not None and b.probabilities is not None
    return Sample(
        sums.count, sums.moments(), np.concatenate([a.rows, b.rows])[:most],
        np.concatenate([a.probabilities, b.probabilities])[:most] if both else None,
        a.counts + b.counts if a.counts is not None and b.counts is not None else None)


def as_tensor(pictures: Pictures) -> Tensor:
    """Turn pictures (N, H, W, C) uint8 into float32 (N, C, H, W) in [-1, 1], points as they are."""
    if pictures.ndim == 2:
        return torch.from_numpy(np.ascontiguousarray(pictures, dtype=np.float32))[:, :, None, None]
    images = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2)
    return images.float().div_(127.5).sub_(1.0)
