"""What is measured of pictures: scores between features, and what is more than a number."""

from __future__ import annotations

import base64
import io
from collections.abc import Generator
from typing import Any

import numpy as np
import torch
from PIL import Image

from hybridstudio import data, paths
from hybridstudio.data.dataset import Meter
from hybridstudio.data.points import modes
from hybridstudio.data.shapes import factor_table, indices
from hybridstudio.engine.against import PART, Against
from hybridstudio.engine.given import Given
from hybridstudio.errors import StudioError
from hybridstudio.messages import Notice, Progress, Score
from hybridstudio.pictures import sheet
from hybridstudio.scores import measure, neighbours, real
from hybridstudio.scores.factors import FactorCount
from hybridstudio.scores.features import FEATURES, Features
from hybridstudio.scores.modes import REACH, modes_of_digits, modes_of_points
from hybridstudio.scores.sets import KEPT, Gatherer, Pictures, as_tensor

METRICS = (*measure.MEASURES, "classes", "modes", "memory", "ppl")
NAMED = ("memory", "ppl")  # which take long, so that they are told only where they are asked for

SHOWN = 64  # pixels of the side of a picture that a record keeps, at most

Telling = Generator[Progress | Notice, None, Any]


def wanted(request: Score, metric: str) -> bool:
    """Whether a request asks for a metric, or leaves the choice to what is usual."""
    if request.metrics is None:
        return metric not in NAMED
    return metric in request.metrics


def measured(request: Score, gatherer: Gatherer, kept: real.Real) -> Telling:
    """Return the scores between features, each with its interval, floor and ceiling."""
    drawn, told = gatherer.sample(), {}
    names = [name for name in measure.MEASURES if wanted(request, name)]
    for step, name in enumerate(names):
        yield Progress(step, len(names), "scores")
        stream = np.random.default_rng(request.seed)
        found = measure.MEASURES[name](drawn, kept.sample, stream, False)
        if not found and request.metrics is not None:
            yield Notice(f"{name} needs a classifier", f"{gatherer.features.name} tells no classes",
                         "give one as --features run:PATH", "warning")
        for score_name, figure in found.items():
            told[score_name] = {**figure._asdict(), "floor": kept.floors.get(score_name),
                                "ceiling": kept.ceilings.get(score_name)}
    return told


def counted(request: Score, gatherer: Gatherer, held: Against) -> FactorCount | None:
    """Let the factors of all pictures that come be counted, where the data set has some."""
    is_known = held.dataset.name == "shapes" and held.dataset.images.shape[-1] == 3
    if not is_known or not wanted(request, "modes"):
        return None
    count = FactorCount()
    gatherer.besides.append(count.add)
    return count


def described(request: Score, gatherer: Gatherer, held: Against, source: Given,
              factors: FactorCount | None) -> Telling:
    """Return what is told in more than a number: classes, modes, copies."""
    told: dict[str, Any] = {}
    drawn, names = gatherer.sample(), gatherer.features.classes
    dataset, kept = held.dataset, held.kept
    if wanted(request, "classes"):
        found = measure.classes(drawn, kept.sample, names)
        told |= {"classes": found} if found else {}
    if wanted(request, "modes"):
        mixture = modes(dataset.name)
        if mixture is not None and gatherer.features.name == "points":
            told["modes"] = measure.modes(modes_of_points(drawn.rows, *mixture), REACH)
        elif dataset.name == "stacked-mnist" and drawn.counts is not None is not kept.sample.counts:
            told["modes"] = measure.modes(modes_of_digits(drawn.counts, kept.sample.counts), None)
        elif factors is not None:
            config = source.config.model_copy(update={"split": held.split})
            told["modes"] = factors.told(factor_table(indices(config)))
        elif request.metrics is not None:
            yield Notice(f"{dataset.name} has no modes that are known", "gaussians25, gaussians8, "
                         "stacked-mnist and shapes in colour have", level="warning")
    if wanted(request, "memory"):
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
    seen = _seen(look, drawn)
    try:
        held_out = yield from data.load(config.model_copy(
            update={"split": "test", "limit": KEPT}), root)
        seen = np.concatenate([seen, _seen(look, held_out.images)])
    except StudioError:
        pass  # there is nothing held out to compare with
    meter, step = Meter(len(training), "training pictures"), 4 * PART
    parts = (_seen(look, training.images[first:first + step])
             for first in range(0, len(training), step))
    for done, so_far in enumerate(neighbours.nearest(seen, parts), 1):
        yield from meter.at(min(len(training), done * step))
        found = so_far
    count = len(drawn)
    rest = found.part(slice(count, None)) if len(seen) > count else None
    told = measure.memory(found.part(slice(count)), rest)
    pairs = np.array([pair[:2] for pair in told["pairs"]], np.int64).reshape(-1, 2)
    return {**told, "sheet": _beside(drawn[pairs[:, 0]], np.stack(
        [training.images[place] for place in pairs[:, 1]]))}


def _beside(drawn: Pictures, training: Pictures) -> str:
    """Return pictures above the training pictures that are nearest, as PNG in base64."""
    thinner = -(-drawn.shape[1] // SHOWN)
    both = np.concatenate([drawn, training])[:, ::thinner, ::thinner]
    packed = io.BytesIO()
    Image.fromarray(sheet(both, columns=max(1, len(drawn)))).save(packed, "PNG")
    return base64.b64encode(packed.getvalue()).decode()


def _seen(look: Features, pictures: Pictures) -> Pictures:
    with torch.inference_mode():
        return look.embed(as_tensor(np.ascontiguousarray(pictures)))[0].numpy()
