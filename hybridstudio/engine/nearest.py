"""The training pictures nearest to others: does a model draw what it learned by heart?"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from hybridstudio import runs
from hybridstudio.data.dataset import Meter
from hybridstudio.engine.look import opened
from hybridstudio.errors import UsageError
from hybridstudio.messages import Done, Event, Images, Neighboured, Neighbours, Started
from hybridstudio.scores.neighbours import COPY, nearest_of

AT_ONCE = 4_000_000  # values of training pictures that are looked at together: 32 MB


def neighbours(request: Neighbours) -> Iterator[Event]:
    """Find the nearest training pictures by their pixels, and tell how far each is.

    Raises StudioError where the run's data set cannot be had, UsageError for points and for
    pictures of another shape.
    """
    began = time.perf_counter()
    run = runs.read(request.run)
    _check(request, run)
    yield Started(f"Looking through the training pictures of {run.name}", run.path, "cpu")
    dataset = yield from opened(run.config.data, request.data_root)
    total = len(dataset)
    step = max(1, AT_ONCE // request.images[0].size)
    meter = Meter(total, "training pictures")
    parts = (_rows(dataset.images[first:first + step]) for first in range(0, total, step))
    told = nearest_of(_rows(request.images), parts, min(total, max(2, request.count)))
    for done, so_far in enumerate(told, 1):
        yield from meter.at(min(total, done * step))
        places = so_far[0]
    pictures, distances, copied = [], [], []
    for row, image in enumerate(request.images):
        # Once more pixel by pixel: the fast way loses the last digits, and equal is to be 0.
        near = np.asarray(dataset.images[places[row]])
        apart = np.sqrt(np.square(_rows(near) - _rows(image[None])).mean(1))
        order = np.argsort(apart, kind="stable")
        places[row] = places[row, order]
        copied.append(total > 1 and bool(apart[order[0]] < COPY * apart[order[1]]))
        order = order[:request.count]
        pictures.append(near[order])
        distances.append(tuple(apart[order].tolist()))
    places = places[:, :request.count]
    found = Neighboured(
        np.stack(pictures), tuple(distances), tuple(map(tuple, places.tolist())),
        tuple(map(tuple, dataset.labels[places].tolist())), tuple(copied), total)
    yield found
    yield Done("finished", {
        "run": str(run.path), "data": dataset.name, "total": total, "distances": found.distances,
        "places": found.places, "labels": found.labels, "copied": found.copied,
        "seconds": time.perf_counter() - began}, found.images[0])


def _check(request: Neighbours, run: runs.Run) -> None:
    shape = run.config.shape
    if shape.is_points:
        raise UsageError(f"{run.name} learned points of the plane", "there are no pictures to find",
                         "choose a run that learns pictures")
    if request.count < 1:
        raise UsageError(f"{request.count} pictures cannot be found", fix="ask for at least 1")
    wanted = (shape.height, shape.width, shape.channels)
    if request.images.ndim != 4 or request.images.shape[1:] != wanted or not len(request.images):
        raise UsageError(f"Pictures of the shape {request.images.shape} are not those of "
                         f"{run.name}", f"it learns {wanted}", "bring them to its size")


def _rows(pictures: Images) -> npt.NDArray[np.float64]:
    """Return pictures (N, H, W, C) as rows (N, D) in [-1, 1]."""
    return pictures.reshape(len(pictures), -1) / 127.5 - 1.0
