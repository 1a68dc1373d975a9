"""Directions of a latent space that change pictures most: PCA, closed-form SeFa, KL of a VAE.

What was found is kept with the run in `directions/`, or among the user's own where models ship, and
used again for the same weights.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hybridstudio import data, latents, paths, runs
from hybridstudio.engine import lanes, runtime
from hybridstudio.engine.latent import (
    Way,
    computed,
    pictures_of,
    plan_of,
    random_codes,
    space_of,
    still,
    way_of,
)
from hybridstudio.engine.learner import parameters
from hybridstudio.engine.tensorfile import Damaged, pack, unpack
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.families.contract import Entrance
from hybridstudio.messages import Directed, Directions, Done, Event, Notice, Progress, Started
from hybridstudio.runs.disk import replace_durably
from hybridstudio.scores.features import digest_of
from hybridstudio.scores.sets import as_tensor

PART = 250  # codes or pictures that networks look at together
MOST = 64  # directions that are kept

Array = npt.NDArray[np.float64]
Pairs = tuple[Array, Array]  # directions (K, d) and how strong they are (K,), the strongest first


def directions(request: Directions) -> Iterator[Event]:
    """Find directions, or take those found before in the same weights."""
    run = runs.read(request.run)
    config = run.config
    space = space_of(config, request.space)
    if request.kind not in space.directions:
        able = ", ".join(space.directions)
        raise UsageError(
            f"{request.kind} finds no directions in {space.name} of a {config.model.family}",
            f"what does: {able}" if able else "none are found in pure noise of this kind",
            "choose one of these" if able else "choose a run with a space of z or w")
    on = runtime.device(request.device)
    plan = plan_of(config, None, None, {}, [])
    family = yield from still(run, request, on)
    yield Started(f"Directions of {run.name}", run.path,
                  runtime.describe(on, torch.float32), parameters(family))
    way = replace(way_of(config, family, plan, space, on), dtype=torch.float32)
    about = {"kind": request.kind, "space": space.name, "weights_sha256": _digest(family),
             "samples": request.samples, "seed": request.seed}
    file = _folder(run) / f"{space.name.replace(' ', '')}-{request.kind}.safetensors"
    kept = _recalled(file, about)
    if kept is None:
        vectors, strengths = yield from FOUND[request.kind](way, run, request)
        most = min(MOST, vectors.shape[1])
        kept = _over_parts(way, vectors[:most]), strengths[:most]
        yield from _kept(file, about, *kept)
    vectors, strengths = kept[0][:request.count], kept[1][:request.count]
    yield Directed(vectors.astype(np.float32), tuple(strengths.tolist()), request.kind)
    yield Done("finished", {"run": str(run.path), **about, "count": len(vectors),
                            "strengths": strengths.tolist(), "file": str(file)})


Finding = Generator[Progress | Notice, None, Pairs]


# --- principal components (Härkönen 2020, GANSpace) -----------------------------------------------


def principal(rows: Array) -> tuple[Array, Array, Array]:
    """Return mean (F,), components (K, F) and deviations (K,) of rows (N, F), the largest first.

    From the smaller of the two matrices of products; signs are such that the largest number of a
    component is positive.
    """
    mean = rows.mean(0)
    rest = rows - mean
    count, width = rest.shape
    if width <= count:
        values, vectors = np.linalg.eigh(rest.T @ rest)
        components = vectors.T[::-1]
    else:
        values, vectors = np.linalg.eigh(rest @ rest.T)
        components = (rest.T @ vectors).T[::-1]
    values = np.clip(values[::-1], 0.0, None)
    real = values > 1e-10 * max(values[0], 1e-300)  # the others are noise of the arithmetic
    components = components[real]
    components = components / np.linalg.norm(components, axis=1, keepdims=True)
    return mean, _signed(components), np.sqrt(values[real] / max(1, count - 1))


def _signed(vectors: Array) -> Array:
    """Turn each vector so that its largest number is positive."""
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(1)[:, None], axis=1)
    return vectors * np.sign(largest)


def regressed(codes: Array, features: Array, count: int) -> Pairs:
    """Return the directions of codes (N, d) along which features (N, F) vary most.

    Härkönen 2020, section 2.2: u_k minimises Σ_j ‖u_k x_jk - z_j‖² over the coordinates x_j of the
    features in their principal components.
    """
    mean, components, deviations = principal(features)
    components, deviations = components[:count], deviations[:count]
    coordinates = (features - mean) @ components.T
    # Components do not correlate, so that each is a regression of its own.
    vectors = coordinates.T @ (codes - codes.mean(0))
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return _signed(vectors), deviations


def _pca(way: Way, run: runs.Run, request: Directions) -> Finding:
    """Look at what the first layers make of many codes; in w at the codes themselves."""
    entrance = way.family.entrance(way.space.name)
    codes, labels = _samples(way, entrance, request)
    rows: list[Array] = []
    for first in range(0, len(codes), PART):
        part = codes[first:first + PART]
        told = None if labels is None else labels[first:first + PART]
        with lanes.interactive():
            seen = computed(way, partial(entrance.features, part, told))
        rows.append(seen.double().cpu().numpy())
        yield Progress(min(first + PART, len(codes)), len(codes), "codes")
    features = np.concatenate(rows)
    if way.before is not None:  # the features are the codes: no way back is needed
        _, components, deviations = principal(features)
        return components, deviations
    return regressed(codes.double().cpu().numpy(), features, MOST)


def _samples(way: Way, entrance: Entrance, request: Directions) -> tuple[Tensor, Tensor | None]:
    """Return random codes (N, d) as they enter the networks, and classes (N,) to go with them."""
    noise = torch.Generator().manual_seed(request.seed)
    width = entrance.weights.shape[1]
    labels = None
    if way.classes:
        labels = torch.randint(way.classes, (request.samples,), generator=noise).to(way.on)
    if way.before is None:
        return torch.randn(request.samples, width, generator=noise).to(way.on), labels
    with lanes.interactive():
        return random_codes(way, request.samples, labels, noise)[:, :width], labels


# --- the closed form (Shen & Zhou 2021, SeFa) -----------------------------------------------------


def sefa(weights: Array) -> Pairs:
    """Return the eigenvectors of AᵀA for weights A (F, d), and √ of their eigenvalues.

    Shen & Zhou 2021, equation 6: the unit n that change A n most.
    """
    values, vectors = np.linalg.eigh(weights.T @ weights)
    return _signed(vectors.T[::-1]), np.sqrt(np.clip(values[::-1], 0.0, None))


def _sefa(way: Way, run: runs.Run, request: Directions) -> Finding:
    """Look at the weights alone."""
    yield Progress(0, 1, "steps")
    weights = way.family.entrance(way.space.name).weights
    found = sefa(weights.detach().double().cpu().numpy())
    yield Progress(1, 1, "steps")
    return found


# --- what each dimension of a VAE tells -----------------------------------------------------------


def _kl(way: Way, run: runs.Run, request: Directions) -> Finding:
    """Order the dimensions by their mean KL over the run's data, or over pictures of its own."""
    images, labels = yield from _pictures(way, run, request)
    total = torch.zeros(way.space.dimensions, dtype=torch.float64)
    for first in range(0, len(images), PART):
        part = images[first:first + PART].to(way.on)
        told = None if labels is None else labels[first:first + PART].to(way.on)
        with lanes.interactive():
            nats = computed(way, partial(way.family.information, part, told))
        total += nats.double().sum(0).cpu()
        yield Progress(min(first + PART, len(images)), len(images), "pictures")
    means = (total / len(images)).numpy()
    order = np.argsort(-means, kind="stable")
    return np.eye(len(means))[order], means[order]


def _pictures(way: Way, run: runs.Run, request: Directions,
              ) -> Generator[Progress | Notice, None, tuple[Tensor, Tensor | None]]:
    """Return pictures (N, C, H, W) of the run's data and their labels, drawn ones without data."""
    try:
        dataset = yield from data.load(run.config.data, paths.data_root())
    except StudioError as error:
        yield Notice("The dimensions are ordered by drawn pictures", f"{error.what}: {error.why}",
                     "give the data with --data-root or HYBRIDSTUDIO_DATA")
        noise = torch.Generator().manual_seed(request.seed)
        labels = None
        if way.classes:
            labels = torch.randint(way.classes, (request.samples,), generator=noise).to(way.on)
        codes = random_codes(way, request.samples, None, noise)
        with lanes.interactive():
            drawn, _ = yield from pictures_of(way, codes, labels)
        return drawn, labels
    count = min(request.samples, len(dataset))
    places = np.sort(np.random.RandomState(request.seed).permutation(len(dataset))[:count])
    told = None
    if way.classes and way.classes == len(dataset.classes):
        told = torch.from_numpy(np.asarray(dataset.labels)[places].astype(np.int64))
    return as_tensor(np.ascontiguousarray(dataset.images[places])), told


FOUND = {"pca": _pca, "sefa": _sefa, "kl": _kl}


# --- what is kept ---------------------------------------------------------------------------------


def _over_parts(way: Way, vectors: Array) -> Array:
    """Return unit directions (K, D) of whole codes from those (K, d) of their parts."""
    names = way.family.entrance(way.space.name).parts
    if not names:
        return vectors
    whole = np.zeros((len(vectors), way.space.dimensions))
    for name, part in latents.parts_of(way.space):
        if name in names:
            whole[:, part] = vectors / np.sqrt(len(names))
    return whole


def _digest(family: torch.nn.Module) -> str:
    drawn: tuple[str, ...] = family.drawn  # type: ignore[assignment]
    return digest_of({f"{name}.{key}": value for name in drawn
                      for key, value in family.get_submodule(name).state_dict().items()})


def _folder(run: runs.Run) -> Path:
    if run.shipped:
        return paths.cache() / "directions" / run.name
    return run.path / "directions"


def _recalled(file: Path, about: dict[str, Any]) -> Pairs | None:
    """Return directions that were found before in the same way, or None."""
    try:
        if json.loads(file.with_suffix(".json").read_text("utf-8")) != about:
            return None
        found = unpack(file.read_bytes(), file)
        return (found["vectors"].double().numpy(), found["strengths"].double().numpy())
    except (OSError, ValueError, KeyError, Damaged):
        return None


def _kept(file: Path, about: dict[str, Any], vectors: Array, strengths: Array) -> Iterator[Notice]:
    """Keep directions; the JSON, which says whose they are, is written last."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.with_suffix(".json").unlink(missing_ok=True)
        replace_durably(file, pack({"vectors": torch.from_numpy(vectors.astype(np.float32)),
                                    "strengths": torch.from_numpy(strengths.astype(np.float32))}))
        replace_durably(file.with_suffix(".json"), json.dumps(about, indent=1).encode())
    except OSError as error:
        yield Notice("The directions could not be kept", str(error),
                     "they are found anew the next time", "warning")
