"""The checkpoints of one training: written in time, waited for, gone back to."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import torch

from hybridstudio import runs
from hybridstudio.engine import checkpoints, lanes
from hybridstudio.engine.feed import Order
from hybridstudio.engine.learner import Learner
from hybridstudio.errors import StudioError
from hybridstudio.messages import Notice, Saved

RETRY_EVERY = 2.0  # seconds between tries to save when the disk refuses
WAIT = 0.1  # seconds between looks around while it does


class Keeping:
    """Saves a learner, the order of its data, and the plain numbers that `state` tells.

    `step` is the training step of the newest checkpoint, None where there is none; `best` that of
    the one with the smallest Fréchet distance, which is never removed, and the distance.
    """

    def __init__(self, learner: Learner, order: Order, folder: Path,
                 state: Callable[[], dict[str, Any]]) -> None:
        self.learner, self.order, self.folder = learner, order, folder
        self.step: int | None = None
        self.best: tuple[int, float] | None = None
        self._state = state

    @property
    def is_due(self) -> bool:
        """Whether something was learned since the newest checkpoint."""
        return self.step != self.learner.step

    def write(self, folder: Path | None = None) -> Path:
        """Write a checkpoint into the run's folder or another; raises StudioError."""
        learner = self.learner
        tensors = learner.tensors()
        tensors["streams"] = {**tensors["streams"], "order": self.order.began}
        state = {"place": self.order.place, "meters": learner.meters.state(), "best": self.best,
                 **self._state()}
        pinned = () if self.best is None else (self.best[0],)
        path = checkpoints.save(folder or self.folder, learner.step, tensors, state,
                                learner.config.train.keep, pinned)
        self.step = learner.step
        if self.best is not None and self.best[0] == learner.step:  # now that it is there
            runs.record_best(folder or self.folder, *self.best)
        return path

    def heed(self, distance: float | None) -> bool:
        """Look at a Fréchet distance of the weights as they stand; return whether it is best."""
        if distance is None or (self.best is not None and distance >= self.best[1]):
            return False
        self.best = self.learner.step, distance
        return True

    def at_once(self) -> None:
        """Save without waiting; where the run's folder refuses, into a new run beside the others.

        Raises StudioError that names the other place.
        """
        try:
            self.write()
        except StudioError as error:
            place = runs.new_path(self.folder.name)
            runs.create(place, self.learner.config)
            self.write(place)
            raise StudioError(f"Saved in {place} instead", f"{error.what}: {error.why}",
                              f"go on with it: hybridstudio resume {place}") from error

    def patiently(self) -> Iterator[Saved | Notice | None]:
        """Save; where the disk refuses, say so and try again, so that nothing is lost.

        None stands where it waits.
        """
        told = ""
        while True:
            try:
                path = self.write()
            except StudioError as error:
                if str(error) != told:
                    told = str(error)
                    yield Notice(error.what, error.why, f"{error.fix}; training waits and tries "
                                 "again", "error", self.learner.step)
                tried = time.perf_counter()
                while time.perf_counter() - tried < RETRY_EVERY:
                    yield None
                    time.sleep(WAIT)
            else:
                yield Saved(self.learner.step, path)
                return

    def restore(self) -> Generator[Notice, None, dict[str, Any] | None]:
        """Go on from the newest sound checkpoint; return its plain numbers, None without one."""
        kept = yield from checkpoints.newest(self.folder)
        if kept is None:
            return None
        streams = dict(kept.tensors["streams"])
        began = streams.pop("order")
        self.learner.restore({**kept.tensors, "streams": streams}, kept.step)
        self.learner.meters.restore(kept.state["meters"], self.learner.on)
        self.order.restore(began, int(kept.state["place"]))
        self.step = kept.step
        if (best := kept.state.get("best")) is not None:
            self.best = int(best[0]), float(best[1])
            runs.record_best(self.folder, *self.best)
        return kept.state

    def roll_back(self) -> None:
        """Take weights, EMA and optimisers back to the last save; the streams go on from here."""
        assert self.step is not None
        kept = checkpoints.load(self.folder, self.step)
        streams = {**self.learner.streams.state(), "skipped": torch.zeros(1)}
        with lanes.training_step():
            self.learner.restore({**kept.tensors, "streams": streams}, kept.step)
        self.learner.meters.read()
