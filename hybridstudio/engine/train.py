"""Training as a generator of events: batches, curves, previews, checkpoints, and the unhappy path.

Stop is closing the generator: the run saves and keeps everything. A training also listens to words
posted into its folder (`save`, `stop`, `pause`), so that a window can steer one in another process.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Literal

from hybridstudio import data, paths, runs
from hybridstudio.config import parse, with_values
from hybridstudio.engine import borrowing, lanes, runtime
from hybridstudio.engine.attending import Attending
from hybridstudio.engine.feed import Feed, Order
from hybridstudio.engine.judging import Judge, judge_of
from hybridstudio.engine.keeping import Keeping
from hybridstudio.engine.learner import Learner, parameters
from hybridstudio.engine.livescore import LiveScore
from hybridstudio.engine.pace import Pace
from hybridstudio.engine.previewing import previewed
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import (
    Done,
    Event,
    Notice,
    Progress,
    Resume,
    Scored,
    Started,
    Train,
)

Outcome = Literal["finished", "budget", "stopped"]

SKIPS_BEFORE_ROLLBACK = 20  # steps in a row without a finite gradient
ROLLBACKS = 3  # after which training stops
LISTEN_EVERY = 0.1  # seconds between looks at the words posted into the run's folder


def train(request: Train) -> Iterator[Event]:
    """Train a config from scratch into a new run folder."""
    config = request.config
    if request.steps is not None:
        config = with_values(config, {"train.steps": request.steps})
    dataset = yield from data.load(config.data, paths.data_root(request.data_root))
    config = config.model_copy(update={"data": data.resolved(config.data, dataset)})
    config = parse(config.settled().model_dump())  # the shape is known now: check it
    config, on = borrowing.filled(config), runtime.device(request.device)
    learner = Learner(config, on, borrowing.lender(config, on))
    judge = yield from judge_of(learner, paths.data_root(request.data_root))
    session = Session(learner, dataset, request.out, request, judge)
    runs.create(request.out, config)
    with runs.lock(request.out):
        yield from session.run("started")


def resume(request: Resume) -> Iterator[Event]:
    """Go on with a run from its newest valid checkpoint, exactly where it was."""
    run = runs.read(request.run)
    if run.shipped:
        raise UsageError("A model that ships is read-only", f"{run.path} came with the program",
                         "train its preset into a run of your own")
    with runs.lock(run.path) as taken_over:
        if taken_over is not None:
            yield taken_over
        config = run.config
        if request.steps is not None and request.steps != config.train.steps:
            config = with_values(config, {"train.steps": request.steps})
            runs.rewrite(run.path, config)
        dataset = yield from data.load(config.data, paths.data_root(request.data_root))
        learner = Learner(config, runtime.device(request.device))
        judge = yield from judge_of(learner, paths.data_root(request.data_root))
        yield from Session(learner, dataset, run.path, request, judge).run("resumed")


class Session:
    """One sitting of a training: from its start or resumption until it ends or is stopped."""

    def __init__(self, learner: Learner, dataset: data.Dataset, folder: Path,
                 request: Train | Resume, judge: Judge | None) -> None:
        self.learner, self.folder, self.judge = learner, folder, judge
        self.pace = Pace(request.budget)
        self.live = LiveScore(learner, folder, request.data_root, self.pace)
        self.config = learner.config.train
        self.order = Order(len(dataset.images), self.config.batch_size, learner.streams["data"])
        self.feed = Feed(dataset, learner.on, flip=learner.config.data.flip,
                         labels=learner.config.model.learns_labels)
        self.kept = Keeping(learner, self.order, folder, self._state)
        self.doctor = Attending(learner, folder, dataset)
        self.first_step = 0
        self.is_due = False  # a point of the curves waits for what is measured
        self.rollbacks = 0
        self.losses: dict[str, float] = {}
        self._listened = 0.0
        self._log_waits = False  # points of the curves wait in memory, and the user was told

    def run(self, began: str) -> Iterator[Event]:
        """Train until the steps or the budget are used up; save at the end and when stopped."""
        if began == "resumed":
            yield from self._restore()
        learner, place = self.learner, self.folder.resolve()
        self.first_step = learner.step
        self.log = runs.MetricsLog(self.folder, self.pace.before)
        lanes.live[place] = learner
        try:
            machine = runtime.describe(learner.on, learner.dtype)
            self._mark(began, device=machine)
            yield Started(self.folder.name, self.folder, machine, parameters(learner.family))
            outcome = yield from self._train()
            if self.kept.is_due:
                yield from self._save()
            self._mark("done", outcome=outcome)
            yield Done(outcome, self.result())
        except GeneratorExit:
            # Every yield stands at a step boundary, so what is saved here is whole.
            if self.kept.is_due:
                self.kept.at_once()
            self._mark("done", outcome="stopped")
            raise
        except Exception as error:
            self._mark("failed", what=str(error).partition("\n")[0])
            raise
        finally:
            del lanes.live[place]
            self.log.close()

    def result(self) -> dict[str, Any]:
        """Return what `train --json` tells of this sitting."""
        steps, active = self.learner.step - self.first_step, self.pace.active
        return {
            "steps": self.learner.step,
            "seconds": active,
            "steps_per_second": steps / active if active else 0.0,
            "losses": dict(self.losses),
            "run": str(self.folder),
        }

    # --- the loop -----------------------------------------------------------------------------

    def _train(self) -> Generator[Event, None, Outcome]:
        learner, config = self.learner, self.config
        if learner.step == 0:
            yield from self._preview()
        if self.is_due:
            yield from self._measured()
        while learner.step < config.steps:
            if self.pace.is_over:
                return "budget"
            if (yield from self._listen()) == "stop":
                return "stopped"
            yield from self._step()
        return "finished"

    def _step(self, only: str | None = None) -> Iterator[Event]:
        """Do one training step and what is due after it; `only` names a network learning alone."""
        learner, config = self.learner, self.config
        began = time.perf_counter()
        with lanes.training_step() as waited:
            batch = self.feed.batch(self.order.next(), learner.streams["augment"])
            learner.learn(batch, self.pace.share(learner.step, config.steps), only)
        self.is_due = learner.step % config.log_every == 0 or only is not None
        is_measured = self._is_judged or self.live.is_due
        notices = self._log_point() if self.is_due and not is_measured else []
        self.pace.stepped(time.perf_counter() - began - waited.seconds)
        yield from notices
        if is_measured:
            yield from self._measured()
        if learner.step % config.preview_every == 0:
            yield from self._preview()
        if learner.step % config.save_every == 0 and self.kept.is_due:
            yield from self._save()
        yield self._progress()

    @property
    def _is_judged(self) -> bool:
        """Whether the weights are judged on held-out pictures at this step."""
        return self.judge is not None and self.learner.step % self.config.preview_every == 0

    def _measured(self) -> Iterator[Event]:
        """Judge and score the weights, log the point that waited for it, and keep the best."""
        self.is_due = True  # whoever stops here goes on with this
        step, scored = self.learner.step, None
        if self._is_judged and self.judge is not None:
            for _ in self.judge.judge():
                yield self._progress()
        if self.live.is_due:
            for told in self.live.score():
                if isinstance(told, Notice):
                    self._mark("notice", what=told.what, why=told.why, fix=told.fix)
                scored = told if isinstance(told, Scored) else None
                yield told if isinstance(told, Notice) else self._progress()
        notices = self._log_point()
        is_best = (scored is not None and self.learner.step == step  # not rolled back
                   and self.kept.heed(self.live.distance))
        yield from notices
        if scored is not None:
            yield scored
        if is_best:
            yield from self._save()

    def _progress(self) -> Progress:
        return self.pace.progress(self.learner.step, self.config.steps, self.losses,
                                  self.learner.on)

    def _log_point(self) -> list[Event]:
        """Add a point to the curves; here the device is waited for."""
        learner = self.learner
        self.is_due = False
        notices = self._heed(int(learner.skipped))
        self.losses = learner.meters.read()
        if self.judge is not None:
            self.losses |= self.judge.told
            self.judge.told = {}
        for waiting in (self.live, self.doctor):
            self.losses |= waiting.values
            waiting.values = {}
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
        for rule, told in self.doctor.findings():
            self._mark("notice", what=told.what, why=told.why, fix=told.fix, rule=rule)
            notices.append(told)
        return notices

    def _mark(self, event: str, **fields: str) -> None:
        self.log.mark(event, step=self.learner.step, seconds=self.pace.seconds, **fields)

    def _preview(self) -> Iterator[Event]:
        for told in previewed(self.learner, self.folder, self.pace, self.doctor.look):
            yield told or self._progress()

    def _save(self) -> Iterator[Event]:
        for told in self.kept.patiently():
            yield told or self._progress()

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
            for word in sorted(words):
                yield from self._teach(word)
            if not runs.is_paused(self.folder):
                return None
            yield self._progress()
            time.sleep(LISTEN_EVERY)

    def _teach(self, word: str) -> Iterator[Event]:
        """Let one network learn alone for some steps, where a word asks for that."""
        if (asked := runs.steps_of(word)) is None:
            return
        network, count = asked
        if network not in self.learner.family.trained:
            yield Notice(f"This model has no network {network}", "it cannot step alone",
                         f"choose one of {', '.join(self.learner.family.trained)}", "warning")
            return
        for _ in range(count):
            if self.learner.step >= self.config.steps or not runs.is_paused(self.folder):
                return
            yield from self._step(network)

    # --- the unhappy path ---------------------------------------------------------------------

    def _heed(self, skipped: int) -> list[Event]:
        """Look at steps that had no finite gradient: tell, then roll back, then give up."""
        if skipped == 0:
            return []
        step = self.learner.step
        if skipped < SKIPS_BEFORE_ROLLBACK:
            told = Notice(f"{skipped} steps were skipped", "their gradient was not finite",
                          "it may pass; otherwise lower train.lr", "warning", step)
        elif self.rollbacks < ROLLBACKS and self.kept.step is not None:
            self.rollbacks += 1
            self.kept.roll_back()
            told = Notice(f"Rolled back to step {self.learner.step}",
                          f"{skipped} steps in a row had no finite gradient",
                          "lower train.lr, or set train.grad_clip", "warning", step)
        else:
            if self.kept.step is None:
                self.kept.write()  # bad steps were skipped, so the weights are finite
            raise StudioError("Training diverged", f"{skipped} steps in a row had no finite "
                              "gradient", "lower train.lr, set train.grad_clip, or use "
                              "train.precision = \"float32\"; the last checkpoint is finite")
        self._mark("notice", what=told.what, why=told.why, fix=told.fix)
        return [told]

    # --- its state ----------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        """Return the plain numbers that a checkpoint holds of this sitting."""
        return {"seconds": self.pace.seconds, "budget": self.pace.budget, "is_due": self.is_due,
                "seen": self.doctor.values, "saved_by": runtime.machine(self.learner.on)}

    def _restore(self) -> Iterator[Event]:
        """Go on from the newest checkpoint, or begin again where there is none."""
        state = yield from self.kept.restore()
        if state is None:
            yield Notice("There is no checkpoint yet", "the run stopped before its first save",
                         "it begins again from step 0")
            self.learner.borrow(borrowing.lender(self.learner.config, self.learner.on))
            return
        self.is_due = bool(state.get("is_due", False))
        self.doctor.values = dict(state.get("seen", {}))
        self.pace.granted(float(state["seconds"]), state.get("budget"))
