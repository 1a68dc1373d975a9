"""Scoring as a generator of events: how good and how various pictures are, beside a data set."""

from __future__ import annotations

import datetime
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

import torch

import hybridstudio
from hybridstudio import runs
from hybridstudio.commands import as_command, as_fields
from hybridstudio.engine import runtime
from hybridstudio.engine.against import Against, against, warnings
from hybridstudio.engine.figures import METRICS, counted, described, measured, wanted
from hybridstudio.engine.given import Facts, Given, given
from hybridstudio.engine.pathlength import path_length
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import Done, Event, Notice, Progress, Score, Scored, Started
from hybridstudio.scores import neighbours
from hybridstudio.scores.sets import Gatherer

Result = dict[str, Any]  # what is told of a score, as its record and --json have it


def score(request: Score, keeps: bool = True) -> Iterator[Event]:
    """Score pictures against a data set, telling how far it is, then the scores.

    With `keeps` the result is added to the run's scores.
    """
    check(request)
    on = runtime.device(request.device)
    source = given(request, on)
    path = source.run.path if source.run else None
    yield Started(f"Scoring {source.name}", path, runtime.describe(on, torch.float32))
    result = yield from result_of(request, source, on)
    if keeps:
        yield from recorded(source, result)
    yield told(source, result)
    yield Done("finished", result)


def result_of(request: Score, source: Given,
              on: torch.device) -> Generator[Progress | Notice, None, Result]:
    """Open what pictures are held against, and score them."""
    count = request.count
    if source.total is not None and source.total < count:
        count = source.total
        yield Notice(f"{source.name} holds {count:,} pictures", "all of them are scored")
    held = yield from against(request, source.config, count, on)
    return (yield from scored(replace(request, count=count), source, held, on))


def check(request: Score) -> None:
    """Refuse a scoring that cannot be meant."""
    if request.count < 1:
        raise UsageError(f"{request.count} pictures cannot be scored", fix="ask for at least 1")
    for name in request.metrics or ():
        if name not in METRICS:
            raise UsageError(f"There is no metric {name}", fix=f"choose of {', '.join(METRICS)}")


def scored(request: Score, source: Given, held: Against,
           on: torch.device) -> Generator[Progress | Notice, None, Result]:
    """Take the pictures in and score them; return all that is needed to repeat the number."""
    began = time.perf_counter()
    dataset, lens, kept = held.dataset, held.lens, held.kept
    gatherer = Gatherer(lens, on, request.count)
    modes = counted(request, gatherer, held)
    facts: Facts = yield from source.give(gatherer, request.count, dataset)
    count = gatherer.sums.count
    notices = list(warnings(request, held, count))
    yield from notices
    scores: dict[str, dict[str, Any]] = yield from measured(request, gatherer, kept)
    scores |= yield from described(request, gatherer, held, source, modes)
    if wanted(request, "ppl"):
        scores |= yield from path_length(request, source.run, lens, on)
    if source.run is not None:  # what "newest" or "best" was, to find it again
        request = replace(request, step=facts["step"])
    return {
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "request": as_fields(request),
        "scores": scores, "label": lens.label(count), "distance": lens.distance,
        "features": {"name": lens.name, "sha256": lens.sha256,
                     "width": kept.sample.rows.shape[1]},
        "n": count, "data": dataset.name, "split": held.split, "data_sha256": dataset.fingerprint,
        "real_n": kept.sample.count, "floor_n": kept.held, "nearest": neighbours.NEAREST,
        "warnings": [{"what": one.what, "why": one.why, "fix": one.fix} for one in notices],
        "source": str(request.source), **facts, "seed": request.seed,
        "machine": runtime.machine(on), "seconds": time.perf_counter() - began,
        "hybridstudio": hybridstudio.__version__, "command": as_command(request),
    }


def told(source: Given, result: Result) -> Scored:
    """Return the event that tells a result."""
    return Scored(result["scores"], result["label"], result["distance"],
                  source.run.path if source.run else None, result["step"])


def recorded(source: Given, result: Result) -> Iterator[Notice]:
    """Keep the result: with its run, or among the user's scores, as models that ship stay so."""
    try:
        runs.keep_score(source.run.path if source.run is not None else None, result)
    except StudioError as error:
        yield Notice("The score could not be kept", f"{error.what}: {error.why}", error.fix,
                     "warning")
