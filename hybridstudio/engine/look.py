"""Looking at data: its pictures, classes, what was skipped; its forward noising, augmented."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hybridstudio import data, density, paths, pictures
from hybridstudio.cloud import cloud
from hybridstudio.config import DataConfig
from hybridstudio.data.points import density_of
from hybridstudio.diffusion.noise import normal, streams
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.diffusion.schedule import Schedule
from hybridstudio.engine.picturing import frame, is_points
from hybridstudio.errors import UsageError
from hybridstudio.messages import (
    Augment,
    Browse,
    Browsed,
    Done,
    Event,
    Noise,
    Notice,
    Progress,
    Started,
)
from hybridstudio.nets import augment as transforms

SKIPPED_TOLD = 1000
POINTS_SHOWN = 20_000
AUGMENTED = "augmented"  # the row of augmented pictures

_opened: dict[tuple[str, str], data.Dataset] = {}  # the one looked at last


def opened(
    config: DataConfig, root: Path | None
) -> Generator[Progress | Notice, None, data.Dataset]:
    """Open a data set, or take the one that was looked at last again."""
    where = paths.data_root(root)
    key = (config.model_dump_json(), str(where))
    if (dataset := _opened.get(key)) is None:
        dataset = yield from data.load(config, where)
        _opened.clear()
        _opened[key] = dataset
    return dataset


def browse(request: Browse) -> Iterator[Event]:
    """Open a data set and tell what is in it."""
    yield Started(f"Opening {request.data.name}")
    if request.offset == 0 and request.label is None:
        _opened.clear()  # the user looks anew, not at another page: files may have changed
    dataset = yield from opened(request.data, request.data_root)
    chosen = np.arange(len(dataset))
    if request.label is not None:
        chosen = chosen[dataset.labels == request.label]
    points = None
    if dataset.is_points:
        indices = chosen[pictures.spread(len(chosen), POINTS_SHOWN)]
        points = dataset.images[indices]
        images = cloud(points, colours=dataset.labels[indices])[None]
    else:
        indices = chosen[request.offset:request.offset + request.count]
        images = np.ascontiguousarray(dataset.images[indices])
    yield Browsed(
        dataset.name, len(dataset), images, tuple(indices.tolist()),
        tuple(dataset.labels[indices].tolist()), dataset.classes, dataset.counts,
        tuple(dataset.skipped[:SKIPPED_TOLD]), dataset.skipped_count, points,
        *(_density(request.data, dataset) if request.density and dataset.is_points else ()))
    yield Done("finished", {"name": dataset.name, "total": len(dataset)})


def _density(config: DataConfig, dataset: data.Dataset) -> tuple[density.Grid, bool]:
    """Return how densely points lie, and whether that is known exactly."""
    exact = density_of(config.name, dataset.classes)
    if exact is not None:
        return density.on_grid(exact), True
    return density.estimated(dataset.images), False


def noise(request: Noise) -> Iterator[Event]:
    """Noise pictures step by step: q(x_t | x_0) at levels spread evenly over 0 … T."""
    yield Started("Noising pictures")
    x0 = yield from _picked(request.config.data, request.data_root, request.indices)
    schedule = Schedule.named(*request.config.model.noising)
    rows = streams(torch.Generator().manual_seed(request.seed), len(x0))
    eps = normal(rows, x0.shape[1:])
    last = max(1, request.levels - 1)
    for step in range(request.levels):
        t = round(step * len(schedule) / last)
        if t == 0:
            moment = Moment(step, last, 0, x0, x0, None, 0, 1.0)
        else:
            row = torch.full((len(x0),), t - 1)
            x_t = schedule.q_sample(x0, row, eps)
            alpha_bar = float(schedule.alphas_cumprod[t - 1])
            moment = Moment(step, last, t, x_t, x0, eps, 0, alpha_bar)
        yield frame(moment, 0.0)
    yield Done("finished", {"levels": request.levels})


def augment(request: Augment) -> Iterator[Event]:
    """Augment pictures with growing probability, the same dice thrown each time."""
    if unknown := set(request.policies) - set(transforms.POLICIES):
        raise UsageError(f"There is no augmentation {min(unknown)}", "",
                         f"choose among {', '.join(transforms.POLICIES)}")
    yield Started("Augmenting pictures")
    x0 = yield from _picked(request.data, request.data_root, request.indices)
    if is_points(x0):
        raise UsageError("Points are not augmented", "the transforms are those of pictures")
    change = transforms.Augment(request.policies)
    last = max(1, request.levels - 1)
    for step in range(request.levels):
        dice = torch.Generator().manual_seed(request.seed)
        changed = change(x0, step / last, dice)
        yield frame(Moment(step, last, step / last, changed, None, None, 0, 1.0,
                           {AUGMENTED: changed}), 0.0)
    yield Done("finished", {"levels": request.levels})


def _picked(config: DataConfig, root: Path | None,
            indices: tuple[int, ...]) -> Generator[Progress | Notice, None, Tensor]:
    """Return the pictures at some places of a data set as (N, C, H, W) in [-1, 1], or its points.

    Raises UsageError where none of the places is in it.
    """
    dataset = yield from opened(config, root)
    places = [index for index in indices if 0 <= index < len(dataset)]
    if not places:
        raise UsageError("None of these pictures is in the data set",
                         f"it has {len(dataset)}", "choose pictures from it")
    picked = torch.from_numpy(np.ascontiguousarray(dataset.images[places]))
    if dataset.is_points:
        return picked[:, :, None, None]
    return picked.permute(0, 3, 1, 2).float() / 127.5 - 1.0
