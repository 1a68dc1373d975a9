"""Scores of a training as it stands: curves beside the loss, a record each, the best so far."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hybridstudio import data, runs
from hybridstudio.config.scoring import terms
from hybridstudio.engine.against import Against, against
from hybridstudio.engine.given import Given, Giving, asked_of, data_of, handed_over
from hybridstudio.engine.learner import Learner
from hybridstudio.engine.pace import Pace
from hybridstudio.engine.score import recorded, scored, told
from hybridstudio.errors import translate
from hybridstudio.messages import Notice, Score, Scored
from hybridstudio.scores.sets import Gatherer

METRICS = ("fid", "prdc", "classes", "modes")
BATCH = 256  # pictures drawn at a time, or as many as a training step sees
CURVES = ("frechet", "precision", "recall", "density", "coverage")


class LiveScore:
    """Scores the averaged weights of a training now and then; they are looked at, never changed.

    `values` are the newest points for the curves, as score/NAME; `distance` the newest Fréchet
    distance, None where it is not finite or scoring failed.
    """

    def __init__(self, learner: Learner, folder: Path, root: Path | None, pace: Pace) -> None:
        self.learner, self.folder, self.root, self.pace = learner, folder, root, pace
        self.terms = terms(learner.config)
        self.values: dict[str, float] = {}
        self.distance: float | None = None
        self._held: Against | None = None
        self._failed = ""  # the last failure, told once

    @property
    def is_due(self) -> bool:
        """Whether this training step is scored."""
        return self.terms.every > 0 and self.learner.step % self.terms.every == 0

    def score(self) -> Iterator[Scored | Notice | None]:
        """Score the training as it stands; None stands where it can be stopped.

        What goes wrong is told as a Notice, and the training goes on.
        """
        self.values, self.distance = {}, None
        try:
            yield from self._score()
        except Exception as error:  # whatever it was, days of training matter more
            found = translate(error)
            if str(found) != self._failed:
                self._failed = str(found)
                yield Notice("The training could not be scored",
                             f"{found.what}: {found.why}".rstrip(": "),
                             found.fix or "training goes on; train.score_every = 0 leaves it out",
                             "warning", self.learner.step)

    def _score(self) -> Iterator[Scored | Notice | None]:
        learner, config = self.learner, self.learner.config
        run = runs.read(self.folder)
        request = Score(
            run.path, None, self.terms.count, metrics=METRICS, sampler=self.terms.sampler,
            nfe=self.terms.nfe, seed=config.sample.seed, step=learner.step,
            batch=min(BATCH, config.train.batch_size), device=learner.on.type,  # type: ignore[arg-type]
            data_root=self.root)
        if self._held is None:
            # As reading the data it counts for no training, and no notice for the user's ear.
            gathering = against(request, data_of(config), request.count, learner.on)
            while self._held is None:
                try:
                    next(gathering)
                except StopIteration as ended:
                    self._held = ended.value
                else:
                    yield None

        def give(gatherer: Gatherer, count: int, dataset: data.Dataset) -> Giving:
            return (yield from handed_over(asked_of(request, run), config, learner.ema,
                                           learner.step, learner.on, gatherer,
                                           contextlib.nullcontext))

        source = Given(run.name, data_of(config), give, run)
        scoring = scored(request, source, self._held, learner.on)
        result: dict[str, Any] | None = None
        while result is None:
            try:
                with self.pace.working():
                    next(scoring)
            except StopIteration as ended:
                result = ended.value
            else:
                yield None  # warnings lie in the record; told every time they would be in the way
        result["live"] = True
        yield from recorded(source, result)
        self.values = values(result["scores"])
        distance = result["scores"].get("frechet", {}).get("value", math.nan)
        self.distance = distance if math.isfinite(distance) else None
        yield told(source, result)


def values(scores: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return the points of the curves that scores make, by name."""
    found = {f"score/{name}": float(scores[name]["value"]) for name in CURVES if name in scores}
    for end in ("floor", "ceiling"):
        anchor = scores.get("frechet", {}).get(end)
        if anchor is not None:
            found[f"score/frechet/{end}"] = float(anchor)
    if "classes" in scores:
        found["score/class_entropy"] = float(scores["classes"]["entropy"])
    if "modes" in scores:
        found["score/modes"] = float(scores["modes"]["found"])
        if "near" in scores["modes"]:
            found["score/near"] = float(scores["modes"]["near"])
    return found
