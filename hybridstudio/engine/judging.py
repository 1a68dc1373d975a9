"""Held-out pictures that a training is judged on now and then."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from hybridstudio import data
from hybridstudio.config import DataConfig
from hybridstudio.engine import lanes, runtime
from hybridstudio.engine.feed import Feed
from hybridstudio.engine.learner import Learner
from hybridstudio.errors import StudioError
from hybridstudio.families import Family
from hybridstudio.messages import Notice, Progress

MOST = 10_000  # held-out pictures that are opened
BATCH = 500


def held_out(config: DataConfig, root: Path,
             ) -> Generator[Progress | Notice, None, data.Dataset | None]:
    """Open the pictures that a training does not learn from; None where there are none."""
    if config.split != "train":
        return None
    limited = config.model_copy(update={"split": "test", "limit": MOST})
    try:
        dataset = yield from data.load(limited, root)
    except StudioError as error:
        yield Notice("There are no held-out pictures to judge by", error.what, error.fix)
        return None
    return dataset if dataset.classes == config.classes else None


def judge_of(learner: Learner, root: Path) -> Generator[Progress | Notice, None, Judge | None]:
    """Return what judges a training, where its family is judged and the data have a test part."""
    if not learner.family.judges:
        return None
    held = yield from held_out(learner.config.data, root)
    return None if held is None else Judge(learner, held)


class Judge:
    """Judges a training on held-out pictures; `told` holds the newest means as test/NAME."""

    def __init__(self, learner: Learner, dataset: data.Dataset) -> None:
        family = learner.family
        self.learner, self.count = learner, min(family.judged_on, len(dataset.images))
        self.judged = family if family.adversaries else learner.ema
        self.feed = Feed(dataset, learner.on, flip=False, labels=learner.config.model.learns_labels)
        self.told: dict[str, float] = {}

    def judge(self) -> Iterator[None]:
        """Look at all held-out pictures, giving way after each batch."""
        learner = self.learner
        sums: dict[str, float] = {}
        for first in range(0, self.count, BATCH):
            places = torch.arange(first, min(first + BATCH, self.count))
            batch = self.feed.batch(places, learner.streams["judge"])
            with lanes.training_step(), torch.inference_mode(), runtime.arithmetic(
                    learner.on, learner.dtype), _at_rest(self.judged):
                judged = self.judged.judge(batch)
            for name, mean in judged.items():  # the last batch may be smaller than the others
                sums[name] = sums.get(name, 0.0) + float(mean) * len(places)
            yield
        self.told = {f"test/{name}": total / self.count for name, total in sums.items()}


@contextmanager
def _at_rest(family: Family) -> Iterator[None]:
    """Let networks answer as they do outside of training: without dropout, and changing nothing."""
    was = family.training
    family.eval()
    try:
        yield
    finally:
        family.train(was)
