"""What pictures are held against: the data set, the feature network, the real pictures in it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from hybridstudio import data, paths, runs
from hybridstudio.config import DataConfig
from hybridstudio.data.dataset import Meter
from hybridstudio.engine.draw import model
from hybridstudio.errors import UsageError
from hybridstudio.families import Family
from hybridstudio.messages import Notice, Progress, Score
from hybridstudio.scores import real
from hybridstudio.scores.features import (
    FEATURES,
    Features,
    coloured,
    digest_of,
    inception,
    resized,
    usual,
)
from hybridstudio.scores.sets import Gatherer, Pictures, joined

PART = 500  # pictures that a feature network looks at together
PAPERS = 50_000  # pictures that papers take (Heusel 2017)


@dataclass(frozen=True)
class Against:
    """A data set, which part of it, the feature network, and its pictures in these features."""

    dataset: data.Dataset
    split: str
    lens: Features
    kept: real.Real


def against(request: Score, config: DataConfig, count: int,
            on: torch.device) -> Generator[Progress | Notice, None, Against]:
    """Open what `count` pictures are held against; `config` names the data and their shape."""
    dataset, split = yield from opened(request, config)
    lens = yield from lens_of(request, dataset, on)
    return Against(dataset, split, lens, (yield from gathered(dataset, lens, count, on)))


def opened(request: Score, config: DataConfig,
           ) -> Generator[Progress | Notice, None, tuple[data.Dataset, str]]:
    """Open the data set to compare with, in the pictures' shape; return it and which part it is."""
    root = paths.data_root(request.data_root)
    is_paper = (request.features or "").partition(":")[0] == "inception"
    split = request.split or ("train" if is_paper else "test")
    try:
        dataset = yield from data.load(config.model_copy(update={"split": split}), root)
    except UsageError:
        if request.split is not None or split == "train":
            raise
        split = "train"  # it is not divided into parts
        dataset = yield from data.load(config.model_copy(update={"split": split}), root)
    if len(dataset) < 2:
        raise UsageError(f"{dataset.name} holds one picture", "scores compare sets",
                         "choose a larger data set")
    return dataset, split


def lens_of(request: Score, dataset: data.Dataset,
            on: torch.device) -> Generator[Notice, None, Features]:
    """Return the feature network that is asked for, or the usual one for the data."""
    name = request.features or usual(dataset.name, dataset.is_points)
    kind, _, file = name.partition(":")
    if name in FEATURES:
        lens = FEATURES[name](on)
    elif kind == "inception" and file:
        lens = inception(on, file)
    else:
        lens = yield from _classifier(name, on)
    if dataset.is_points and lens.name != "points" and not name.startswith("run:"):
        raise UsageError(f"{lens.name} looks at pictures, and {dataset.name} holds points",
                         fix="use --features points")
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


# --- real pictures -------------------------------------------------------------------------------


def gathered(dataset: data.Dataset, lens: Features, count: int,
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


def warnings(request: Score, held: Against, count: int) -> Iterator[Notice]:
    """Tell what keeps the figures of `count` pictures from being taken at their word."""
    lens, kept, width = held.lens, held.kept, held.kept.sample.rows.shape[1]
    if lens.worth and request.features is None:
        yield Notice(f"{held.dataset.name} is compared by its {lens.name}", lens.worth,
                     "train a classifier of these data and give it as --features run:PATH, or use "
                     "--features inception")
    if count <= width:
        yield Notice(
            f"{count:,} pictures are few for {width:,} features",
            f"the {lens.distance} is too large then; compare it only with others of this N",
            f"score {10 * width:,} pictures or more", "warning")
    elif lens.name == "inception" and count < PAPERS:
        yield Notice(f"Papers tell the FID of {PAPERS:,} pictures, and this is that of {count:,}",
                     "it shrinks as N grows, so the two cannot be compared",
                     f"score {PAPERS:,} pictures against --split train", "warning")
    if kept.held < count:
        yield Notice(f"The floor comes from {kept.held:,} real pictures, not {count:,}",
                     f"the data set holds {kept.sample.count:,}", "score against --split all")
