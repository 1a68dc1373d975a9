"""The pictures that are scored: drawn from a run as they are needed, or lying in files."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hybridstudio import data, paths, runs
from hybridstudio.config import DataConfig, RunConfig, Shape
from hybridstudio.data.dataset import Meter
from hybridstudio.engine import lanes, runtime
from hybridstudio.engine.draw import at_once, batch, check, model, planned
from hybridstudio.engine.learner import weights_sha256
from hybridstudio.engine.picturing import as_images, as_points
from hybridstudio.errors import UsageError, translate
from hybridstudio.families import Family
from hybridstudio.messages import Draw, Notice, Progress, Score
from hybridstudio.scores.sets import Gatherer, Pictures

PART = 500  # pictures of a file looked at together

Facts = dict[str, Any]  # sampler, nfe, weights, step, seconds of drawing
Giving = Generator[Progress | Notice, None, Facts]


@dataclass(frozen=True)
class Given:
    """Where pictures come from: `total` there are (None: as many as are asked for).

    `config` says how the data set they are compared with is opened: its name and their shape,
    where it is known. `give` hands so many of them to a gatherer, once the data set is open.
    """

    name: str
    config: DataConfig
    give: Callable[[Gatherer, int, data.Dataset], Giving]
    run: runs.Run | None = None
    total: int | None = None


def given(request: Score, on: torch.device) -> Given:
    """Return where the pictures of a request come from; raises UsageError where there are none."""
    source = request.source
    if (source / "run.toml").is_file():
        return _drawn(request, on)
    if request.data is None:
        raise UsageError("It is not said what to compare with", "only a run knows its data",
                         "name the data set, as in --data mnist")
    if source.suffix.lower() == ".npy" and source.is_file():
        return _array(request, DataConfig(name=request.data))
    if source.is_dir() or source.is_file():
        return _files(request, DataConfig(name=request.data))
    raise UsageError(f"There is nothing to score at {source}",
                     "it is no run, no folder of pictures, no archive and no .npy file",
                     "check the path; `hybridstudio runs` lists the runs")


# --- drawn from a run -----------------------------------------------------------------------------


def _drawn(request: Score, on: torch.device) -> Given:
    run = runs.read(request.source)
    asked = asked_of(request, run)
    check(asked, run.config)

    def give(gatherer: Gatherer, count: int, dataset: data.Dataset) -> Giving:
        """Draw batch after batch; a training may go on between two of them."""
        with lanes.interactive():
            family, step = yield from _still(run, asked, on)
        return (yield from handed_over(asked, run.config, family, step, on, gatherer,
                                       lanes.interactive))

    return Given(run.name, data_of(run.config, request.data), give, run)


def asked_of(request: Score, run: runs.Run) -> Draw:
    """Return the drawing that a scoring of a run asks for."""
    return Draw(run.path, request.count, request.sampler, request.nfe, request.eta,
                request.guidance, request.seed, weights=request.weights,
                step=runs.step_of(run, request.step), knobs=request.knobs, frames=False,
                batch=request.batch, device=request.device)


def data_of(config: RunConfig, other: str | None = None) -> DataConfig:
    """Return how the data of a run are opened to compare with, or other data in their shape."""
    own = config.data.model_copy(update={"limit": None})
    if other not in (None, own.name):
        own = own.model_copy(update={"name": other, "classes": ()})
    return own


def handed_over(asked: Draw, config: RunConfig, family: Family, step: int, on: torch.device,
                gatherer: Gatherer, turn: Callable[[], AbstractContextManager[None]]) -> Giving:
    """Draw with a family as it stands and hand the pictures over, each batch in its `turn`."""
    dtype = runtime.precision(config.train, on)
    plan, size, count = planned(asked, config, on), at_once(asked, config), asked.count
    meter, seconds, nfe = Meter(count), 0.0, 0
    for first in range(0, count, size):
        part = min(size, count - first)
        with turn():
            began = time.perf_counter()
            for moment in batch(family, plan(part), asked.seed, first, on, dtype):
                done = moment.step / moment.steps if moment.steps else 1.0
                yield from meter.at(first + int(part * done))
            seconds += time.perf_counter() - began
        nfe = moment.nfe
        gatherer.add(as_points(moment.x_t) if config.shape.is_points else as_images(moment.x_t))
    yield from meter.at(count, always=True)
    sample = config.sample
    return {"sampler": asked.sampler or config.sampler, "nfe": nfe,
            "eta": sample.eta if asked.eta is None else asked.eta,
            "guidance": sample.guidance if asked.guidance is None else asked.guidance,
            "weights": asked.weights, "weights_sha256": weights_sha256(family),
            "precision": str(dtype).removeprefix("torch."), "step": step,
            "drawing_seconds": seconds, "ms_per_image": 1000.0 * seconds / count}


def _still(run: runs.Run, asked: Draw, on: torch.device,
           ) -> Generator[Notice, None, tuple[Family, int]]:
    """Return networks that no training changes meanwhile, and their training step."""
    learner = lanes.live.get(run.path.resolve())
    if learner is None or asked.step is not None:
        step = runs.step_of(run, asked.step)
        family = yield from model(run, asked.weights, step, on)
        return family, step if step is not None else max(run.checkpoints, default=0)
    family = copy.deepcopy(learner.ema if asked.weights == "ema" else learner.family)
    return family.eval().requires_grad_(False), learner.step


# --- lying in files -------------------------------------------------------------------------------


def _array(request: Score, config: DataConfig) -> Given:
    """Open a .npy file: uint8 (N, H, W), (N, H, W, 1 or 3), or points as floats (N, 2)."""
    try:
        found = np.load(request.source, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        if isinstance(error, OSError):
            raise translate(error) from error
        raise UsageError(f"{request.source} is no array of pictures", str(error),
                         "write one with `hybridstudio sample RUN --out X.npy`") from None
    if found.ndim == 4 and found.shape[1:] in ((2, 1, 1), (1, 1, 2)):
        found = found.reshape(len(found), 2)
    is_points = found.ndim == 2 and found.shape[1] == 2 and found.dtype.kind == "f"
    if found.ndim == 3:
        found = found[..., None]
    is_pictures = (found.ndim == 4 and found.dtype == np.uint8 and found.shape[3] in (1, 3)
                   and found.shape[1] == found.shape[2] >= 8)
    if not len(found) or not (is_points or is_pictures):
        raise UsageError(
            f"{request.source} holds no pictures that can be scored",
            f"its shape is {found.shape}, its type {found.dtype}",
            "give square pictures as uint8 (N, H, W) or (N, H, W, 3), or points as floats (N, 2)")
    shape = Shape(2, 1, 1) if is_points else Shape(*(found.shape[place] for place in (3, 1, 2)))
    config = config.model_copy(update={"size": shape.height, "channels": shape.channels})

    def give(gatherer: Gatherer, count: int, dataset: data.Dataset) -> Giving:
        return (yield from _handed(gatherer, found, count))

    return Given(request.source.name, config, give, total=len(found))


def _files(request: Score, config: DataConfig) -> Given:
    """Open a folder or an archive; its pictures are brought to the shape of the data set's."""
    kind = "folder" if request.source.is_dir() else "zip"
    name = f"{kind}:{request.source.absolute()}"

    def give(gatherer: Gatherer, count: int, dataset: data.Dataset) -> Giving:
        if dataset.is_points:
            raise UsageError(f"{request.source} holds pictures, and {dataset.name} points",
                             fix="give the points as a .npy file")
        size, channels = dataset.images.shape[1], dataset.images.shape[3]
        wanted = DataConfig(name=name, split="all", size=size, channels=channels)
        found = yield from data.load(wanted, paths.data_root(request.data_root))
        return (yield from _handed(gatherer, found.images, min(count, len(found))))

    return Given(request.source.name, config, give)


def _handed(gatherer: Gatherer, pictures: Pictures, count: int) -> Giving:
    """Hand over `count` of the pictures, evenly spread, as files are often sorted by class."""
    places = (np.arange(count) * len(pictures)) // count
    meter = Meter(count)
    for first in range(0, count, PART):
        gatherer.add(np.ascontiguousarray(pictures[places[first:first + PART]]))
        yield from meter.at(min(count, first + PART), always=first + PART >= count)
    return {"sampler": None, "nfe": None, "weights": None, "step": None}
