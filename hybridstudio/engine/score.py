"""Scoring as a generator of events: how good and how various pictures are, beside a data set."""

from __future__ import annotations

import datetime
import time
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import torch

import hybridstudio
from hybridstudio import data, paths, runs
from hybridstudio.commands import as_command, as_fields
from hybridstudio.data.dataset import Meter
from hybridstudio.data.points import modes
from hybridstudio.engine import runtime
from hybridstudio.engine.draw import model
from hybridstudio.engine.given import Facts, Given, given
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.families import Family
from hybridstudio.messages import Done, Event, Notice, Progress, Score, Scored, Started
from hybridstudio.scores import measure, neighbours, real
from hybridstudio.scores.features import FEATURES, Features, coloured, digest_of, resized, usual
from hybridstudio.scores.modes import REACH, modes_of_digits, modes_of_points
from hybridstudio.scores.sets import KEPT, Gatherer, Pictures, as_tensor, joined

METRICS = (*measure.MEASURES, "classes", "modes", "memory")
PART = 500  # pictures that a feature network looks at together

Telling = Generator[Progress | Notice, None, Any]


def score(request: Score) -> Iterator[Event]:
    """Score pictures against a data set, telling how far it is, then the scores."""
    began = time.perf_counter()
    _check(request)
    on = runtime.device(request.device)
    source = given(request, on)
    path = source.run.path if source.run else None
    yield Started(f"Scoring {source.name}", path, runtime.describe(on, torch.float32))
    dataset, split = yield from _opened(request, source)
    lens = yield from _lens(request, dataset, on)
    count = request.count
    if source.total is not None and source.total < count:
        count = source.total
        yield Notice(f"{source.name} holds {count:,} pictures", "all of them are scored")
    kept = yield from _real(dataset, lens, count, on)
    gatherer = Gatherer(lens, on, count)
    facts: Facts = yield from source.give(gatherer, count, dataset)
    count = gatherer.sums.count
    yield from _warnings(lens, kept, gatherer)

    scores: dict[str, dict[str, Any]] = yield from _measured(request, gatherer, kept)
    scores |= yield from _described(request, gatherer, kept, dataset, source)
    label = lens.label(count)
    result = {
        "scores": scores, "label": label, "distance": lens.distance,
        "features": {"name": lens.name, "sha256": lens.sha256,
                     "width": kept.sample.rows.shape[1]},
        "n": count, "data": dataset.name, "split": split, "data_sha256": dataset.fingerprint,
        "real_n": kept.sample.count, "floor_n": kept.held, "nearest": neighbours.NEAREST,
        "source": str(request.source), **facts, "seed": request.seed,
        "machine": runtime.machine(on), "seconds": time.perf_counter() - began,
        "hybridstudio": hybridstudio.__version__, "command": as_command(request),
    }
    yield from _recorded(request, source, result)
    yield Scored(scores, label, lens.distance, path, facts["step"])
    yield Done("finished", result)


# --- what is asked --------------------------------------------------------------------------------


def _check(request: Score) -> None:
    """Refuse a scoring that cannot be meant."""
    if request.count < 1:
        raise UsageError(f"{request.count} pictures cannot be scored", fix="ask for at least 1")
    for name in request.metrics or ():
        if name not in METRICS:
            raise UsageError(f"There is no metric {name}", fix=f"choose of {', '.join(METRICS)}")


def _wanted(request: Score, metric: str) -> bool:
    if request.metrics is None:
        return metric != "memory"  # it takes long, and the training part of the data
    return metric in request.metrics


def _opened(request: Score, source: Given,
            ) -> Generator[Progress | Notice, None, tuple[data.Dataset, str]]:
    """Open the data set to compare with, in the pictures' shape; return it and which part it is."""
    root = paths.data_root(request.data_root)
    split = request.split or ("train" if request.features == "inception" else "test")
    try:
        dataset = yield from data.load(source.config.model_copy(update={"split": split}), root)
    except UsageError:
        if request.split is not None or split == "train":
            raise
        split = "train"  # it is not divided into parts
        dataset = yield from data.load(source.config.model_copy(update={"split": split}), root)
    if len(dataset) < 2:
        raise UsageError(f"{dataset.name} holds one picture", "scores compare sets",
                         "choose a larger data set")
    return dataset, split


def _lens(request: Score, dataset: data.Dataset,
          on: torch.device) -> Generator[Notice, None, Features]:
    """Return the feature network that is asked for, or the usual one for the data."""
    name = request.features or usual(dataset.name, dataset.is_points)
    if name in FEATURES:
        lens = FEATURES[name](on)
    else:
        lens = yield from _classifier(name, on)
    if dataset.is_points and lens.name != "points" and not name.startswith("run:"):
        raise UsageError(f"{lens.name} looks at pictures, and {dataset.name} holds points",
                         fix="use --features points")
    if lens.worth and request.features is None:
        yield Notice(f"{dataset.name} is compared by its {lens.name}", lens.worth,
                     "train a classifier of these data and give it as --features run:PATH, or use "
                     "--features inception")
    return lens


def _classifier(name: str, on: torch.device) -> Generator[Notice, None, Features]:
    """Return a classifier run as a feature network."""
    try:
        run = runs.read(runs.find(name.removeprefix("run:")))
    except UsageError as error:
        known = f"choose of {', '.join(FEATURES)}, or run:PATH of a classifier"
        raise UsageError(f"There are no features {name}", error.why if ":" in name else "",
                         error.fix if ":" in name else known) from None
    if run.config.model.family != "classifier":
        raise UsageError(f"{run.name} cannot serve as feature network",
                         f"it is a {run.config.model.family}, not a classifier",
                         "train one, as with `hybridstudio train fnn-mnist`")
    family: Family = yield from model(run, "ema", None, on)
    shape = run.config.shape

    def embed(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        if not shape.is_points:
            images = coloured(resized(images, shape.height), shape.channels)
        logits, found = family.features(images)  # type: ignore[operator]
        return found, logits.softmax(1)

    return Features(f"run:{run.name}", digest_of(family.state_dict()), embed,
                    run.config.data.classes)


# --- real pictures --------------------------------------------------------------------------------


def _real(dataset: data.Dataset, lens: Features, count: int,
          on: torch.device) -> Generator[Progress, None, real.Real]:
    """Return what the data set is in these features, gathered now or kept from another time."""
    entry = real.key(data=dataset.fingerprint, features=(lens.name, lens.sha256), count=count)
    if (kept := real.recall(entry)) is not None:
        return kept
    total = len(dataset)
    order = np.random.default_rng(0).permutation(total)
    held_out = min(count, total // 2)
    held, rest, noise = (Gatherer(lens, on, count) for _ in range(3))
    meter = Meter(total + count, "real pictures")
    for gatherer, places in ((held, order[:held_out]), (rest, order[held_out:])):
        for first in range(0, len(places), PART):
            # In their order, as large sets are read from the disk.
            gatherer.add(dataset.images[np.sort(places[first:first + PART])])
            yield from meter.at(held.sums.count + rest.sums.count)
    stream = np.random.default_rng(0)
    for first in range(0, count, PART):
        noise.add(_noise(dataset, min(PART, count - first), stream))
        yield from meter.at(total + first)
    sample = joined(rest, held, min(count, rest.most))
    kept = real.anchored(sample, rest.sample(), held.sample(), noise.sample())
    yield from meter.at(total + count, always=True)
    real.keep(entry, kept)
    return kept


def _noise(dataset: data.Dataset, count: int, stream: np.random.Generator) -> Pictures:
    """Return pictures like those of the data in nothing but their shape."""
    shape = (count, *dataset.images.shape[1:])
    if dataset.is_points:
        return stream.uniform(-1.0, 1.0, shape).astype(np.float32)
    return stream.integers(256, size=shape, dtype=np.uint8)


def _warnings(lens: Features, kept: real.Real, gatherer: Gatherer) -> Iterator[Notice]:
    """Tell what keeps the figures from being taken at their word."""
    count, width = gatherer.sums.count, kept.sample.rows.shape[1]
    if count <= width:
        yield Notice(
            f"{count:,} pictures are few for {width:,} features",
            f"the {lens.distance} is too large then; compare it only with others of this N",
            f"score {10 * width:,} pictures or more", "warning")
    if kept.held < count:
        yield Notice(f"The floor comes from {kept.held:,} real pictures, not {count:,}",
                     f"the data set holds {kept.sample.count:,}", "score against --split all")


# --- the scores -----------------------------------------------------------------------------------


def _measured(request: Score, gatherer: Gatherer, kept: real.Real) -> Telling:
    """Return the scores between features, each with its interval, floor and ceiling."""
    drawn, told = gatherer.sample(), {}
    wanted = [name for name in measure.MEASURES if _wanted(request, name)]
    for step, name in enumerate(wanted):
        yield Progress(step, len(wanted), "scores")
        stream = np.random.default_rng(request.seed)
        found = measure.MEASURES[name](drawn, kept.sample, stream, False)
        if not found and request.metrics is not None:
            yield Notice(f"{name} needs a classifier", f"{gatherer.features.name} tells no classes",
                         "give one as --features run:PATH", "warning")
        for score_name, figure in found.items():
            told[score_name] = {**figure._asdict(), "floor": kept.floors.get(score_name),
                                "ceiling": kept.ceilings.get(score_name)}
    return told


def _described(request: Score, gatherer: Gatherer, kept: real.Real, dataset: data.Dataset,
               source: Given) -> Telling:
    """Return what is told in more than a number: classes, modes, copies."""
    told: dict[str, Any] = {}
    drawn, names = gatherer.sample(), gatherer.features.classes
    if _wanted(request, "classes"):
        found = measure.classes(drawn, kept.sample, names)
        told |= {"classes": found} if found else {}
    if _wanted(request, "modes"):
        mixture = modes(dataset.name)
        if mixture is not None and gatherer.features.name == "points":
            told["modes"] = measure.modes(modes_of_points(drawn.rows, *mixture), REACH)
        elif dataset.name == "stacked-mnist" and drawn.counts is not None is not kept.sample.counts:
            told["modes"] = measure.modes(modes_of_digits(drawn.counts, kept.sample.counts), None)
        elif request.metrics is not None:
            yield Notice(f"{dataset.name} has no modes that are known",
                         "gaussians25, gaussians8 and stacked-mnist have", level="warning")
    if _wanted(request, "memory"):
        if dataset.is_points:
            yield Notice("Points copy nothing", "memory is for pictures", level="warning")
        else:
            told["memory"] = yield from _memory(request, gatherer, source)
    return told


def _memory(request: Score, gatherer: Gatherer, source: Given) -> Telling:
    """Look for the nearest training pictures, by their pixels."""
    root, look = paths.data_root(request.data_root), FEATURES["pixels"](gatherer.on)
    drawn = np.concatenate(gatherer.pictures)
    config = source.config.model_copy(update={
        "size": drawn.shape[1], "channels": drawn.shape[3], "split": "train"})
    training = yield from data.load(config, root)
    pictures = _seen(look, drawn)
    try:
        held_out = yield from data.load(config.model_copy(
            update={"split": "test", "limit": KEPT}), root)
        pictures = np.concatenate([pictures, _seen(look, held_out.images)])
    except StudioError:
        pass  # there is nothing held out to compare with
    meter, step = Meter(len(training), "training pictures"), 4 * PART
    parts = (_seen(look, training.images[first:first + step])
             for first in range(0, len(training), step))
    for done, so_far in enumerate(neighbours.nearest(pictures, parts), 1):
        yield from meter.at(min(len(training), done * step))
        found = so_far
    count = len(drawn)
    rest = found.part(slice(count, None)) if len(pictures) > count else None
    return measure.memory(found.part(slice(count)), rest)


def _seen(look: Features, pictures: Pictures) -> Pictures:
    with torch.inference_mode():
        return look.embed(as_tensor(np.ascontiguousarray(pictures)))[0].numpy()


# --- what stays -----------------------------------------------------------------------------------


def _recorded(request: Score, source: Given, result: dict[str, Any]) -> Iterator[Notice]:
    """Keep the result: with its run, or among the user's scores, as models that ship stay so."""
    path = source.run.path if source.run is not None else None
    when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    try:
        runs.keep_score(path, {"when": when, "request": as_fields(request), **result})
    except StudioError as error:
        yield Notice("The score could not be kept", f"{error.what}: {error.why}",
                     error.fix, "warning")
