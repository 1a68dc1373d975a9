"""Drawing from latent spaces: the same code gives the same picture, alone or among many."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from hybridstudio import runs
from hybridstudio.config import RunConfig
from hybridstudio.config.models.base import Space
from hybridstudio.engine import lanes, runtime
from hybridstudio.engine.draw import Asked, check, networks
from hybridstudio.engine.learner import parameters
from hybridstudio.engine.picturing import as_images, as_points
from hybridstudio.errors import ConfigError, Problem, UsageError
from hybridstudio.families import DrawPlan, Family
from hybridstudio.messages import (
    Codes,
    Decode,
    Decoded,
    Done,
    Draw,
    Encoded,
    Event,
    Notice,
    Place,
    Progress,
    Started,
)

# Codes are drawn so many at a time, the last few filled up: kernels choose their order of summing
# by the size of a batch, and a picture should not depend in its last bit on those beside it.
AT_ONCE, POINTS_AT_ONCE = 16, 1024

T = TypeVar("T")


@dataclass(frozen=True)
class Way:
    """How codes become pictures: the networks, the plan, the space, and the arithmetic.

    `before` is the space that it follows, if any; `classes` counts those that were learned.
    """

    family: Family
    plan: DrawPlan
    space: Space
    on: torch.device
    dtype: torch.dtype
    before: Space | None = None
    classes: int = 0

    @property
    def at_once(self) -> int:
        """How many codes are drawn together."""
        return POINTS_AT_ONCE if self.plan.shape.is_points else AT_ONCE


def way_of(config: RunConfig, family: Family, plan: DrawPlan, space: Space,
           on: torch.device) -> Way:
    """Return how a run's codes become pictures."""
    return Way(family, plan, space, on, runtime.precision(config.train, on),
               space_of(config, space.follows) if space.follows else None,
               len(config.data.classes) if config.model.learns_labels else 0)


def decode(request: Decode) -> Iterator[Event]:
    """Draw the pictures of codes: a draft in few evaluations where one is asked for, the whole."""
    run = runs.read(request.run)
    space = space_of(run.config, request.space)
    problems = _about_codes(request.codes, space.dimensions)
    shares, told = told_classes(run.config, request.mix, request.labels, len(request.codes))
    plan = plan_of(run.config, request.sampler, request.nfe, request.knobs, problems + told)
    stages = [plan.nfe]
    fewest = run.config.model.evaluations.low
    if request.draft is not None and max(fewest, request.draft) < plan.nfe:
        stages.insert(0, max(fewest, request.draft))
    on = runtime.device(request.device)
    dtype = runtime.precision(run.config.train, on)
    with lanes.interactive():
        family = yield from networks(run, request, on)
        yield Started(f"Drawing from {run.name}", run.path, runtime.describe(on, dtype),
                      parameters(family))
        was_training = family.training  # the raw weights of a training are its own networks
        family.eval()
        try:
            codes = torch.from_numpy(np.ascontiguousarray(request.codes, np.float32)).to(on)
            labels = None if shares is None else shares.to(on)
            for nfe in stages:
                began = time.perf_counter()
                way = way_of(run.config, family, replace(plan, nfe=nfe), space, on)
                x, spent = yield from pictures_of(way, codes, labels)
                seconds = time.perf_counter() - began
                whole = decoded(x, nfe < plan.nfe, seconds, spent)
                yield whole
        finally:
            family.train(was_training)
    yield Done("finished", {
        "run": str(run.path), "space": space.name, "count": len(codes), "seconds": seconds,
        "ms_per_image": 1000.0 * seconds / len(codes), "nfe": spent, "sampler": plan.sampler,
        "weights": request.weights}, whole.images, whole.points)


def place(request: Place) -> Iterator[Event]:
    """Carry codes over to the space that follows theirs, and draw what they stand for there."""
    run = runs.read(request.run)
    space = space_of(run.config, request.space)
    if not space.follows:
        raise UsageError(f"Codes are not carried over to {space.name}", "seeds have codes there",
                         "use them as they are")
    before = space_of(run.config, space.follows)
    problems = _about_codes(request.codes, before.dimensions)
    shares, told = told_classes(run.config, request.mix, (), len(request.codes))
    plan = plan_of(run.config, None, None, request.knobs, problems + told)
    on = runtime.device(request.device)
    with lanes.interactive():
        family = yield from networks(run, request, on)
        was_training = family.training
        family.eval()
        try:
            way = way_of(run.config, family, plan, space, on)
            codes = torch.from_numpy(np.ascontiguousarray(request.codes, np.float32)).to(on)
            labels = None if shares is None else shares.to(on)
            found = carried(way, codes, labels)
            x, _ = yield from pictures_of(way, found, labels)
        finally:
            family.train(was_training)
    yield Encoded(found.cpu().numpy(), as_images(x), (0.0,) * len(found))
    yield Done("finished", {"run": str(run.path), "space": space.name, "count": len(found)},
               as_images(x))


# --- drawing --------------------------------------------------------------------------------------


def still(run: runs.Run, request: Asked, on: torch.device,
          ) -> Generator[Notice, None, Family]:
    """Return networks that no training changes meanwhile, for work that gives way to it."""
    family = yield from networks(run, request, on)
    learner = lanes.live.get(run.path.resolve())
    if learner is None or request.step is not None:
        return family
    with lanes.interactive():
        return copy.deepcopy(family).eval().requires_grad_(False)


def pictures_of(way: Way, codes: Tensor, labels: Tensor | None,
                ) -> Generator[Progress, None, tuple[Tensor, int]]:
    """Draw the pictures (N, C, H, W) of codes (N, D); return them and the evaluations of each.

    `labels` are int64 (N,), or float (N, classes) where classes are blended.
    """
    size, done, finished, nfe = way.at_once, 0, [], 0
    batches = -(-len(codes) // size)
    for first in range(0, len(codes), size):
        part = _filled(codes[first:first + size], size)
        told = None if labels is None else _filled(labels[first:first + size], size)
        plan = replace(way.plan, count=size, labels=told)
        for moment in entered(way, way.family.draw_codes(part, plan, way.space.name)):
            done += 1
            yield Progress(done, batches * max(1, moment.steps + (moment.steps > 0)), "steps")
            nfe = moment.nfe
        finished.append(moment.x_t[:len(codes) - first])
    return torch.cat(finished), nfe


def _filled(rows: Tensor, size: int) -> Tensor:
    """Repeat the last row until there are `size`."""
    return torch.cat([rows, rows[-1:].expand(size - len(rows), *rows.shape[1:])])


def entered(way: Way, steps: Iterator[T]) -> Iterator[T]:
    """Walk what a family computes; its arithmetic is entered for each step, never over a yield."""
    while True:
        with runtime.arithmetic(way.on, way.dtype), torch.inference_mode():
            step = next(steps, None)
        if step is None:
            return
        yield step


def computed(way: Way, work: Callable[[], T]) -> T:
    """Compute something in the arithmetic of drawing, without gradients."""
    with runtime.arithmetic(way.on, way.dtype), torch.inference_mode():
        return work()


def random_codes(way: Way, count: int, labels: Tensor | None, noise: torch.Generator) -> Tensor:
    """Return codes (count, D) as pictures are drawn from them."""
    normal = torch.randn(count, (way.before or way.space).dimensions, generator=noise).to(way.on)
    return normal if way.before is None else carried(way, normal, labels)


def carried(way: Way, codes: Tensor, labels: Tensor | None) -> Tensor:
    """Return the codes (N, D) that codes of the space before become, in float32."""
    size, found = way.at_once, []
    with torch.inference_mode():
        for first in range(0, len(codes), size):
            part = _filled(codes[first:first + size], size)
            told = None if labels is None else _filled(labels[first:first + size], size)
            plan = replace(way.plan, count=size, labels=told)
            made = way.family.carry_codes(part, plan, way.space.name)
            found.append(made.float()[:len(codes) - first])
    return torch.cat(found)


def decoded(x: Tensor, is_draft: bool, seconds: float, nfe: int) -> Decoded:
    """Tell pictures (N, C, H, W) or points of the plane."""
    points = as_points(x) if x.shape[1:] == (2, 1, 1) else None
    return Decoded(as_images(x), is_draft, seconds, nfe, points)


# --- what is asked --------------------------------------------------------------------------------


def space_of(config: RunConfig, name: str) -> Space:
    """Return a latent space of a run by its name, "" its usual one; raises UsageError."""
    spaces = config.model.spaces(config.shape)
    if not spaces:
        raise UsageError(f"{config.name} has no latent space", config.model.no_space,
                         "choose a run of another family")
    if not name:
        return spaces[0]
    plain = name.replace(" ", "").casefold()
    for space in spaces:
        if space.name.replace(" ", "").casefold() == plain:
            return space
    raise UsageError(f"There is no latent space {name}", f"a {config.model.family} has "
                     f"{', '.join(space.name for space in spaces)}", "choose one of these")


def plan_of(config: RunConfig, sampler: str | None, nfe: int | None, knobs: Mapping[str, float],
            problems: list[Problem]) -> DrawPlan:
    """Return how codes are drawn, but for their labels; raises ConfigError with all faults."""
    model = config.model
    if sampler is None:
        sampler = config.steady_sampler
    elif sampler in model.samplers and sampler not in model.steady:
        problems = [*problems, Problem(
            "sampler", f"{sampler} draws fresh noise in every step, so that codes do not decide",
            f"choose one of {', '.join(model.steady)}")]
    try:
        check(Draw(Path(), 1, sampler, nfe, knobs=knobs), config)
    except ConfigError as error:
        problems = [*error.problems, *problems]
    if problems:
        raise ConfigError(problems, "the drawing")
    whole = {knob.name: knobs.get(knob.name, knob.default) for knob in model.knobs()}
    return DrawPlan(config.shape, 1, sampler, nfe or config.steady_nfe, 0.0, config.sample.guidance,
                    knobs=whole)


def told_classes(config: RunConfig, mix: Mapping[int, float], labels: tuple[int, ...], count: int,
                 ) -> tuple[Tensor | None, list[Problem]]:
    """Return the classes of `count` codes, and what is wrong with them.

    Labels int64 (count,), a blend float (count, classes) whose shares sum to 1, None where no
    classes were learned. Nothing said is the first class.
    """
    classes = len(config.data.classes) if config.model.learns_labels else 0
    if not classes:
        fault = [Problem("mix", "this model learned no classes", "leave it out")]
        return None, fault if mix or labels else []
    named = labels or tuple(mix)
    if beyond := [label for label in named if not 0 <= label < classes]:
        return None, [Problem("label", f"there is no class {beyond[0]}",
                              f"choose 0 to {classes - 1}")]
    if labels and len(labels) != count:
        return None, [Problem("labels", f"are {len(labels)} for {count} codes")]
    if labels:
        return torch.tensor(labels), []
    total = sum(mix.values())
    if mix and not (math.isfinite(total) and abs(total) > 1e-6):
        return None, [Problem("mix", f"its shares sum to {total:g}", "let them sum to 1")]
    if len(mix) < 2:
        return torch.full((count,), next(iter(mix), 0)), []
    shares = torch.zeros(classes)
    for label, share in mix.items():
        shares[label] = share / total
    return shares.expand(count, -1), []


def _about_codes(codes: Codes, dimensions: int) -> list[Problem]:
    if codes.ndim != 2 or not len(codes):
        return [Problem("codes", f"have the shape {codes.shape}",
                        f"give them as (N, {dimensions})")]
    if codes.shape[1] != dimensions:
        return [Problem("codes", f"have {codes.shape[1]:,} dimensions, the space {dimensions:,}",
                        "give codes of this space")]
    if not np.isfinite(codes).all():
        return [Problem("codes", "hold what is no number")]
    return []
