"""Training as a generator of events: batches, curves, previews, checkpoints, and the unhappy path.

Stop is closing the generator: the run saves and keeps everything. A training also listens to words
posted into its folder (`save`, `stop`, `pause`), so that a window can steer one in another process.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Literal

import torch

from hybridstudio import data, paths, runs
from hybridstudio.config import RunConfig, with_values
from hybridstudio.engine import checkpoints, lanes, runtime
from hybridstudio.engine.draw import preview
from hybridstudio.engine.feed import Feed, Order
from hybridstudio.engine.learner import Learner, parameters
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import (
    Done,
    Event,
    Notice,
    Preview,
    Progress,
    Resume,
    Saved,
    Started,
    Train,
)
from hybridstudio.pictures import sheet, write_png

Outcome = Literal["finished", "budget", "stopped"]

SKIPS_BEFORE_ROLLBACK = 20  # steps in a row without a finite gradient
ROLLBACKS = 3  # after which training stops
LISTEN_EVERY = 0.1  # seconds between looks at the words posted into the run's folder
RETRY_EVERY = 2.0  # seconds between tries to save when the disk refuses
RATE_OVER = 50  # steps over which the speed is told


def train(request: Train) -> Iterator[Event]:
    """Train a config from scratch into a new run folder."""
    config = request.config
    if request.steps is not None:
        config = with_values(config, {"train.steps": request.steps})
    dataset = yield from data.load(config.data, paths.data_root(request.data_root))
    config = config.model_copy(update={"data": data.resolved(config.data, dataset)})
    config = RunConfig.model_validate(config.model_dump())  # the shape is known now: check it
    learner = Learner(config, runtime.device(request.device))
    session = Session(learner, dataset, request.out, request.budget)
    runs.create(request.out, config)
    yield from _sitting(session, "started")


def resume(request: Resume) -> Iterator[Event]:
    """Go on with a run from its newest valid checkpoint, exactly where it was."""
    run = runs.read(request.run)
    if run.shipped:
        raise UsageError("A model that ships is read-only", f"{run.path} came with the program",
                         "train its preset into a run of your own")
    config = run.config
    if request.steps is not None:
        config = with_values(config, {"train.steps": request.steps})
    dataset = yield from data.load(config.data, paths.data_root(request.data_root))
    learner = Learner(config, runtime.device(request.device))
    yield from _sitting(Session(learner, dataset, run.path, request.budget), "resumed")


def _sitting(session: Session, began: str) -> Iterator[Event]:
    """Hold the run's lock while it trains, and make it known to drawing in this process."""
    place = session.folder.resolve()
    with runs.lock(session.folder) as taken_over:
        if taken_over is not None:
            yield taken_over
        lanes.live[place] = session.learner
        try:
            yield from session.run(began)
        finally:
            del lanes.live[place]


class Session:
    """One sitting of a training: from its start or resumption until it ends or is stopped."""

    def __init__(self, learner: Learner, dataset: data.Dataset, folder: Path,
                 budget: float | None) -> None:
        self.learner, self.folder, self.budget = learner, folder, budget
        self.config = learner.config.train
        self.order = Order(len(dataset.images), self.config.batch_size, learner.streams["data"])
        self.feed = Feed(dataset, learner.on, flip=learner.config.data.flip,
                         labels=getattr(learner.config.model, "labels", False))
        self.before = 0.0  # seconds of training in earlier sittings
        self.active = 0.0  # seconds of training in this one, without pauses and waiting
        self.first_step = 0
        self.saved_step: int | None = None
        self.rollbacks = 0
        self.losses: dict[str, float] = {}
        self._step_seconds: collections.deque[float] = collections.deque(maxlen=RATE_OVER)
        self._listened = 0.0
        self._log_waits = False  # points of the curves wait in memory, and the user was told

    def run(self, began: str) -> Iterator[Event]:
        """Train until the steps or the budget are used up; save at the end and when stopped."""
        if began == "resumed":
            yield from self._restore()
        learner = self.learner
        self.first_step = learner.step
        self.log = runs.MetricsLog(self.folder, self.before)
        try:
            self._mark(began)
            yield Started(self.folder.name, self.folder,
                          runtime.describe(learner.on, learner.dtype), parameters(learner.family))
            outcome = yield from self._train()
            if self.saved_step != learner.step:
                yield from self._save()
            self._mark("done", outcome=outcome)
            yield Done(outcome, self.result())
        except GeneratorExit:
            # Every yield stands at a step boundary, so what is saved here is whole.
            if self.saved_step != learner.step:
                self._write_checkpoint()
            self._mark("done", outcome="stopped")
            raise
        except Exception as error:
            self._mark("failed", what=str(error).partition("\n")[0])
            raise
        finally:
            self.log.close()

    def result(self) -> dict[str, Any]:
        """Return what `train --json` tells of this sitting."""
        steps = self.learner.step - self.first_step
        return {
            "steps": self.learner.step,
            "seconds": self.active,
            "steps_per_second": steps / self.active if self.active else 0.0,
            "losses": dict(self.losses),
            "run": str(self.folder),
        }

    # --- the loop -----------------------------------------------------------------------------

    def _train(self) -> Generator[Event, None, Outcome]:
        learner, config = self.learner, self.config
        if learner.step == 0:
            yield self._preview()
        while learner.step < config.steps:
            if self.budget is not None and self.active >= self.budget:
                return "budget"
            if (yield from self._listen()) == "stop":
                return "stopped"
            began = time.perf_counter()
            with lanes.training_step() as waited:
                batch = self.feed.batch(self.order.next(), learner.streams["augment"])
                learner.learn(batch, self._share())
            events: list[Event] = []
            if learner.step % config.log_every == 0:
                events += self._log_point()
            if learner.step % config.preview_every == 0:
                events.append(self._preview())
            seconds = time.perf_counter() - began - waited.seconds
            self.active += seconds
            self._step_seconds.append(seconds)
            yield from events
            if learner.step % config.save_every == 0:
                yield from self._save()
            yield self._progress()
        return "finished"

    def _share(self) -> float:
        """Return how much of the training is over, in [0, 1]: by steps, or by the budget."""
        by_steps = self.learner.step / self.config.steps
        return max(by_steps, self.active / self.budget) if self.budget else by_steps

    def _progress(self) -> Progress:
        steps = self.config.steps - self.learner.step
        rate = len(self._step_seconds) / (sum(self._step_seconds) or 1.0)
        left = steps / rate if rate else None
        if self.budget is not None and left is not None:
            left = min(left, max(0.0, self.budget - self.active))
        return Progress(self.learner.step, self.config.steps, "steps", self.losses,
                        self.before + self.active, rate, left, runtime.memory(self.learner.on))

    def _log_point(self) -> list[Event]:
        """Add a point to the curves; here the device is waited for."""
        learner = self.learner
        notices = self._judge(int(learner.skipped))
        self.losses = learner.meters.read()
        done = self._progress()
        rates = {"images_per_second": round(done.rate * self.config.batch_size, 2),
                 "memory": done.memory}
        self.log.append(learner.step, self.losses, rates, done.seconds)
        problem = self.log.problem
        if problem is not None and not self._log_waits:
            notices.append(Notice("The curves cannot be written now", problem.why,
                                  f"{problem.fix}; training goes on, the points are kept and "
                                  "written later", "warning", learner.step))
        self._log_waits = problem is not None
        return notices

    def _mark(self, event: str, **fields: str) -> None:
        self.log.mark(event, step=self.learner.step, seconds=self.before + self.active, **fields)

    def _preview(self) -> Preview:
        images = preview(self.learner)
        step = self.learner.step
        file = runs.preview_path(self.folder, step)
        try:
            file.parent.mkdir(exist_ok=True)
            write_png(file, sheet(images), {"run": self.folder.name, "step": step}, overwrite=True)
        except (OSError, StudioError):
            pass  # the same fault stops the next save, which says so; a picture is no reason to
        return Preview(step, images)

    def _listen(self) -> Generator[Event, None, str | None]:
        """Hear the words posted into the folder; wait here while it says 'pause'."""
        if time.perf_counter() - self._listened < LISTEN_EVERY:
            return None
        while True:
            self._listened = time.perf_counter()
            words = runs.taken(self.folder)
            if "save" in words:
                yield from self._save()
            if "stop" in words:
                return "stop"
            if not runs.is_paused(self.folder):
                return None
            yield self._progress()
            time.sleep(LISTEN_EVERY)

    # --- the unhappy path ---------------------------------------------------------------------

    def _judge(self, skipped: int) -> list[Event]:
        """Look at steps that had no finite gradient: tell, then roll back, then give up."""
        if skipped == 0:
            return []
        step = self.learner.step
        if skipped < SKIPS_BEFORE_ROLLBACK:
            told = Notice(f"{skipped} steps were skipped", "their gradient was not finite",
                          "it may pass; otherwise lower train.lr", "warning", step)
        elif self.rollbacks < ROLLBACKS and (self.saved_step is not None):
            self.rollbacks += 1
            self._roll_back()
            told = Notice(f"Rolled back to step {self.learner.step}",
                          f"{skipped} steps in a row had no finite gradient",
                          "lower train.lr, or set train.grad_clip", "warning", step)
        else:
            raise StudioError("Training diverged", f"{skipped} steps in a row had no finite "
                              "gradient", "lower train.lr, set train.grad_clip, or use "
                              "train.precision = \"float32\"; the last checkpoint is finite")
        self._mark("notice", what=told.what, why=told.why, fix=told.fix)
        return [told]

    def _roll_back(self) -> None:
        """Take weights, EMA and optimisers back to the last save; the streams go on from here."""
        assert self.saved_step is not None
        kept = checkpoints.load(self.folder, self.saved_step)
        streams = {**self.learner.streams.state(), "skipped": torch.zeros(1)}
        self.learner.restore({**kept.tensors, "streams": streams}, kept.step)
        self.learner.meters.read()

    # --- checkpoints --------------------------------------------------------------------------

    def _write_checkpoint(self) -> Path:
        learner = self.learner
        tensors = learner.tensors()
        tensors["streams"] = {**tensors["streams"], "order": self.order.began}
        state = {"seconds": self.before + self.active, "place": self.order.place,
                 "meters": learner.meters.state(), "saved_by": runtime.machine(learner.on)}
        path = checkpoints.save(self.folder, learner.step, tensors, state, self.config.keep)
        self.saved_step = learner.step
        return path

    def _save(self) -> Iterator[Event]:
        """Save; where the disk refuses, say so and wait, trying again, so that nothing is lost."""
        told = ""
        while True:
            try:
                path = self._write_checkpoint()
            except StudioError as error:
                if str(error) != told:
                    told = str(error)
                    yield Notice(error.what, error.why, f"{error.fix}; training waits and tries "
                                 "again", "error", self.learner.step)
                tried = time.perf_counter()
                while time.perf_counter() - tried < RETRY_EVERY:
                    yield self._progress()
                    time.sleep(LISTEN_EVERY)
            else:
                yield Saved(self.learner.step, path)
                return

    def _restore(self) -> Iterator[Event]:
        kept = yield from checkpoints.newest(self.folder)
        if kept is None:
            yield Notice("There is no checkpoint yet", "the run stopped before its first save",
                         "it begins again from step 0")
            return
        streams = dict(kept.tensors["streams"])
        began = streams.pop("order")
        self.learner.restore({**kept.tensors, "streams": streams}, kept.step)
        self.learner.meters.restore(kept.state["meters"], self.learner.on)
        self.order.restore(began, int(kept.state["place"]))
        self.before = float(kept.state["seconds"])
        self.saved_step = kept.step
