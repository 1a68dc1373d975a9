"""Scoring in several ways as a generator of events: a run, or several, over samplers and steps."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, suppress
from typing import Any, cast

import torch

from hybridstudio import runs
from hybridstudio.commands import repeated
from hybridstudio.engine import runtime
from hybridstudio.engine.against import lens_of, opened
from hybridstudio.engine.figures import METRICS, wanted
from hybridstudio.engine.given import given
from hybridstudio.engine.score import check, score
from hybridstudio.errors import StudioError, UsageError, translate
from hybridstudio.messages import Done, Event, Notice, Progress, Score, Scored, Started, Sweep

SAME_MACHINE = ("processor", "cores", "device")
Measure = tuple[str, str]  # sha256 of the features and of the data


def sweep(request: Sweep) -> Iterator[Event]:
    """Score in every way that is asked for, telling how far the whole is."""
    if not request.scores:
        raise UsageError("There is nothing to score", "the sweep is empty",
                         "give values, as in --sweep nfe=4,8,20")
    for each in request.scores:
        check(each)
    sources = {each.source for each in request.scores}
    name = next(iter(sources)).name if len(sources) == 1 else f"{len(sources)} runs"
    yield Started(f"Scoring {name} in {len(request.scores)} ways",
                  request.scores[0].source if len(sources) == 1 else None,
                  runtime.describe(runtime.device(request.scores[0].device), torch.float32))
    results: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    todo: list[tuple[int, Score]] = []
    measures: dict[tuple[Any, ...], Measure | None] = {}
    for place, each in enumerate(request.scores):
        known = None if request.again else _known(each)
        if known is not None and not (yield from _holds(each, known, measures)):
            known = None
        if known is None:
            todo.append((place, each))
        else:
            results.append({**known, "place": place, "is_known": True})
            yield Scored(known["scores"], known["label"], known.get("distance", ""), each.source,
                         known["step"], place)
    if results:
        yield Notice(f"{len(results)} of {len(request.scores)} ways are scored already",
                     "with as many pictures, the same features and data, on this machine")
    whole, notices = _Whole([each for _, each in todo]), set[Notice]()
    for place, each in todo:
        try:
            with closing(cast(Any, score(each))) as events:
                for event in events:
                    if isinstance(event, Done):
                        results.append({**event.result, "place": place, "is_known": False})
                    elif isinstance(event, Scored):
                        yield dataclasses.replace(event, place=place)
                    elif isinstance(event, Notice) and event not in notices:
                        notices.add(event)
                        yield event
                    elif isinstance(event, Progress):
                        yield whole.progress(each, event)
        except Exception as error:
            told = translate(error)
            failed.append({"place": place, "error": told.what, "why": told.why, "fix": told.fix})
            yield Notice(f"{_words(each)} could not be scored",
                         f"{told.what}: {told.why}".rstrip(": "), told.fix, "error")
        yield whole.finished(each)
    if failed and not results:
        raise StudioError("Nothing could be scored", failed[0]["error"], failed[0]["fix"])
    yield Done("finished", {
        "scored": sum(not one["is_known"] for one in results),
        "known": sum(one["is_known"] for one in results), "failed": failed,
        "results": sorted(results, key=lambda one: int(one["place"])), "seconds": whole.seconds})


class _Whole:
    """How far a sweep is: in pictures, with the time left by their network evaluations."""

    def __init__(self, scores: list[Score]) -> None:
        self.total = sum(each.count for each in scores)
        self._cost = sum(map(_cost, scores))
        self._pictures = self._spent = 0
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    def progress(self, each: Score, event: Progress) -> Progress:
        """Turn the progress of one way into that of the whole."""
        share = 0.0
        if event.unit == "pictures" and event.total:
            share = min(1.0, event.step / event.total)
        elif event.unit == "scores":  # all are drawn by then
            share = 1.0
        return self._told(self._pictures + round(share * each.count),
                          self._spent + share * _cost(each))

    def finished(self, each: Score) -> Progress:
        """Count one way as done."""
        self._pictures += each.count
        self._spent += _cost(each)
        return self._told(self._pictures, self._spent)

    def _told(self, pictures: int, spent: float) -> Progress:
        seconds = self.seconds
        left = seconds * (self._cost - spent) / spent if spent else None
        return Progress(pictures, self.total, "pictures", {}, seconds,
                        pictures / seconds if seconds else 0.0, left)


def _cost(request: Score) -> int:
    """Return the network evaluations that a scoring takes, 1 for each picture of a file."""
    if not (request.source / "run.toml").is_file():
        return request.count
    try:
        nfe = request.nfe or runs.read(request.source).config.nfe
    except StudioError:
        nfe = 1
    return request.count * nfe


def _words(request: Score) -> str:
    """Say in a few words what one way is, as the run's name, sampler and evaluations."""
    told = [request.source.name]
    for name in ("sampler", "nfe", "eta", "guidance", "step"):
        if (value := getattr(request, name)) is not None:
            told.append(f"{name} {value}")
    return ", ".join([*told, *(f"{name} {value:g}" for name, value in request.knobs.items())])


# --- what is known already ------------------------------------------------------------------------


def _holds(request: Score, known: Mapping[str, Any],
           measures: dict[tuple[Any, ...], Measure | None],
           ) -> Generator[Progress | Notice, None, bool]:
    """Return whether the features and the data of a record are still what their names mean.

    A record of data that cannot be opened now is believed.
    """
    key = (request.source, request.data, request.data_root, request.features, request.split)
    if key not in measures:
        measures[key] = None
        on = runtime.device(request.device)
        with suppress(StudioError):
            dataset, _ = yield from opened(request, given(request, on).config)
            lens = yield from lens_of(request, dataset, on)
            measures[key] = lens.sha256, dataset.fingerprint
    theirs = known.get("features", {}).get("sha256"), known.get("data_sha256")
    return measures[key] in (None, theirs)


def _known(request: Score) -> dict[str, Any] | None:
    """Return the newest record of a run that was measured alike on this machine, or None."""
    if not (request.source / "run.toml").is_file():
        return None
    run = runs.read(request.source)
    wanted = _resolved(request, run)
    machine = runtime.machine(runtime.device(request.device))
    for record in reversed(runs.scores(run.path)):
        try:
            asked = repeated(record)
        except (UsageError, TypeError):
            continue
        found = {**_resolved(asked, run), "step": record.get("step")}
        theirs = record.get("machine")
        if (found == wanted and _metrics(request) <= _metrics(asked)
                and isinstance(theirs, Mapping) and "step" in record and "label" in record
                and all(theirs.get(part) == machine[part] for part in SAME_MACHINE)):
            return record
    return None


def _metrics(request: Score) -> set[str]:
    return {name for name in METRICS if wanted(request, name)}


def _resolved(request: Score, run: runs.Run) -> dict[str, Any]:
    """Return what makes a number, with the run's own settings where a request leaves them open."""
    config, sample = run.config, run.config.sample
    step = runs.step_of(run, request.step)
    return {
        "data": request.data or config.data.name, "count": request.count,
        "features": request.features, "split": request.split, "seed": request.seed,
        "sampler": request.sampler or config.sampler, "nfe": request.nfe or config.nfe,
        "eta": sample.eta if request.eta is None else request.eta,
        "guidance": sample.guidance if request.guidance is None else request.guidance,
        "knobs": {knob.name: float(request.knobs.get(knob.name, knob.default))
                  for knob in config.model.knobs()},
        "weights": request.weights,
        "step": max(run.checkpoints, default=None) if step is None else step}
