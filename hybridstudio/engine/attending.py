"""The doctor at a training's side: measures how far drawn pictures lie apart, tells findings."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from hybridstudio import data, runs
from hybridstudio.diagnosis import examine
from hybridstudio.engine.learner import Learner
from hybridstudio.messages import Notice

EVERY = 5  # points of the curves from one examination to the next
REAL = 200  # real pictures whose distances are the measure of all


class Attending:
    """Looks after one sitting of a training; it only tells, and changes nothing.

    `values` waits for the next point of the curves: sample/spread, the mean distance between two
    pictures of a preview over that between two real ones: 1 is as varied as the data are, 0 is
    one picture.
    """

    def __init__(self, learner: Learner, folder: Path, dataset: data.Dataset) -> None:
        self.learner = learner
        self.values: dict[str, float] = {}
        self._real = _apart(_some(dataset))
        self._reader = runs.MetricsReader(folder)
        self._told: set[str] = set()
        self._points = 0

    def look(self, pictures: Tensor) -> None:
        """Measure the pictures (N, C, H, W) of a preview, in [-1, 1]."""
        if len(pictures) > 3 and self._real > 0.0:
            apart = _apart(pictures[:REAL].float().cpu())
            self.values["sample/spread"] = apart / self._real if math.isfinite(apart) else math.nan

    def findings(self) -> list[tuple[str, Notice]]:
        """Return what is wrong by the curves so far and was not told yet, by the rule's name."""
        self._points += 1
        if self._points % EVERY:
            return []
        self._reader.poll()
        self._told |= {str(event["rule"]) for event in self._reader.events if "rule" in event}
        found = [one for one in examine(self.learner.config, self._reader.series())
                 if one.name not in self._told]
        self._told |= {one.name for one in found}
        return [(one.name, Notice(one.what, one.why, one.fix, "warning", self.learner.step))
                for one in found]


def _some(dataset: data.Dataset) -> Tensor:
    """Return real pictures from all over a data set, in [-1, 1]."""
    images = torch.from_numpy(dataset.images[::max(1, len(dataset.images) // REAL)][:REAL])
    return images.float() / 127.5 - 1.0 if images.dtype == torch.uint8 else images.float()


def _apart(pictures: Tensor) -> float:
    """Return the mean distance between two of the pictures."""
    return float(torch.pdist(pictures.reshape(len(pictures), -1)).mean())
