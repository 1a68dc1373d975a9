"""Looking at data: its pictures, its classes, what was skipped, and its forward noising."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import torch

from hybridstudio import data, paths
from hybridstudio.config import DataConfig
from hybridstudio.diffusion.noise import normal, streams
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.diffusion.schedule import Schedule
from hybridstudio.engine.picturing import frame
from hybridstudio.errors import UsageError
from hybridstudio.messages import Browse, Browsed, Done, Event, Noise, Notice, Progress, Started

SKIPPED_TOLD = 1000

_opened: dict[tuple[str, str], data.Dataset] = {}  # the one looked at last


def _open(
    config: DataConfig, root: Path | None
) -> Generator[Progress | Notice, None, data.Dataset]:
    """Open a data set, or take the one that was looked at last again."""
    where = paths.data_root(root)
    key = (config.model_dump_json(), str(where))
    if key not in _opened:
        dataset = yield from data.load(config, where)
        _opened.clear()
        _opened[key] = dataset
    return _opened[key]


def browse(request: Browse) -> Iterator[Event]:
    """Open a data set and tell what is in it."""
    yield Started(f"Opening {request.data.name}")
    if request.offset == 0 and request.label is None:
        _opened.clear()  # the user looks anew, not at another page: files may have changed
    dataset = yield from _open(request.data, request.data_root)
    chosen = np.arange(len(dataset.images))
    if request.label is not None:
        chosen = chosen[dataset.labels == request.label]
    indices = chosen[request.offset:request.offset + request.count]
    yield Browsed(
        dataset.name, len(dataset.images), np.ascontiguousarray(dataset.images[indices]),
        tuple(map(int, indices)), tuple(map(int, dataset.labels[indices])), dataset.classes,
        dataset.counts, tuple(dataset.skipped[:SKIPPED_TOLD]), dataset.skipped_count)
    yield Done("finished", {"name": dataset.name, "total": len(dataset.images)})


def noise(request: Noise) -> Iterator[Event]:
    """Noise pictures step by step: q(x_t | x_0) at levels spread evenly over 0 … T."""
    yield Started("Noising pictures")
    dataset = yield from _open(request.config.data, request.data_root)
    places = [index for index in request.indices if 0 <= index < len(dataset.images)]
    if not places:
        raise UsageError("None of these pictures is in the data set",
                         f"it has {len(dataset.images)}", "choose pictures from it")
    pictures = torch.from_numpy(np.ascontiguousarray(dataset.images[places]))
    x0 = pictures.permute(0, 3, 1, 2).float() / 127.5 - 1.0
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
