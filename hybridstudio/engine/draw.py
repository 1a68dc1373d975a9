"""Drawing as a generator of events: from a run's checkpoint, or from a training as it stands."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator
from typing import Any, Protocol

import torch
from torch import Tensor

from hybridstudio import runs
from hybridstudio.config import RunConfig
from hybridstudio.diffusion.noise import Randomness, streams
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.engine import branching, checkpoints, lanes, runtime, startpicture
from hybridstudio.engine.checkpoints import load_into
from hybridstudio.engine.learner import Learner, build, parameters, weights
from hybridstudio.engine.picturing import as_images, as_points, is_points
from hybridstudio.errors import ConfigError, Problem, UsageError
from hybridstudio.families import DrawPlan, Family
from hybridstudio.messages import (
    Done,
    Draw,
    Event,
    Notice,
    Progress,
    Started,
    Step,
    Weights,
)

KEPT_MODELS = 3  # models ready to draw from again without reading their checkpoint
POINTS_EACH = 100  # points in a preview for each picture it would have
POINTS_AT_ONCE = 50_000

_models: OrderedDict[tuple[Any, ...], Family] = OrderedDict()


def draw(request: Draw, keeps: bool = True) -> Iterator[Event]:
    """Draw pictures, telling every moment on the way where the request asks for frames.

    With `keeps` those frames are kept for a while to branch from.
    """
    run = runs.read(request.run)
    request = request.settled(run.config)
    check(request, run.config)
    on = runtime.device(request.device)
    dtype = runtime.precision(run.config.train, on)
    with lanes.interactive():
        family = yield from networks(run, request, on)
        yield Started(f"Drawing from {run.name}", run.path, runtime.describe(on, dtype),
                      parameters(family))
        yield from branching.idle(request, run.config)
        plan = planned(request, run.config, on)
        told = startpicture.Told(request, plan(1).image)
        is_still = request.step is not None or run.path.resolve() not in lanes.live
        keeps = keeps and request.frames and is_still and request.count <= branching.MOST_KEPT
        began = time.perf_counter()
        finished: list[Tensor] = []
        nfe = 0
        was_training = family.training  # the raw weights of a training are its own networks

        def moments(plan: DrawPlan, first: int) -> Iterator[Moment]:
            return branching.walked(
                lambda plan, rows: _moments(family, plan, rows, on, dtype),
                lambda seed: streams(_noise(seed, first), plan.count), plan, request,
                run.config.model, family, keeps)

        family.eval()
        try:
            size = at_once(request, run.config)
            for first in range(0, request.count, size):
                part = min(size, request.count - first)
                for moment in moments(plan(part), first):
                    seconds = time.perf_counter() - began
                    if request.frames:
                        yield told.frame(moment, seconds)
                    yield _progress(request.count, size, first, moment, seconds)
                finished.append(moment.x_t)
                nfe = moment.nfe
        finally:
            family.train(was_training)
        seconds = time.perf_counter() - began
    whole = torch.cat(finished)
    yield Done("finished", {
        "run": str(run.path), "count": request.count, "seconds": seconds,
        "ms_per_image": 1000.0 * seconds / request.count, "nfe": nfe,
        "sampler": request.sampler or run.config.sampler,
        "seed": request.seed, "weights": request.weights, **told.result(whole),
    }, as_images(whole), as_points(whole) if is_points(whole) else None)


def batch(family: Family, plan: DrawPlan, seed: int, first: int, on: torch.device,
          dtype: torch.dtype) -> Iterator[Moment]:
    """Draw one batch of a seed's pictures, of which `first` come before it."""
    return _moments(family, plan, _noise(seed, first), on, dtype)


def _noise(seed: int, first: int) -> torch.Generator:
    """Return the noise of a seed's pictures from place `first` on."""
    noise = torch.Generator().manual_seed(seed)
    if first:  # a picture is the same however many are drawn at once
        torch.randint(2**62, (first,), generator=noise)
    return noise


def _progress(count: int, size: int, first: int, moment: Moment, seconds: float) -> Progress:
    """Tell how far a drawing of `count` in batches of `size` is; step 0 of 0 is the whole."""
    steps = max(1, moment.steps)
    done = (moment.step if moment.steps else 1) + steps * (first // size)
    total = steps * -(-count // size)
    rate = done / seconds if seconds else 0.0
    left = (total - done) / rate if rate else None
    return Progress(done, total, "steps", {}, seconds, rate, left)


def preview(learner: Learner) -> Iterator[Moment]:
    """Draw a training's preview from its fixed noise with the EMA weights, moment by moment."""
    sample = learner.config.sample
    config = learner.config
    count = sample.count * (POINTS_EACH if config.shape.is_points else 1)
    plan = DrawPlan(config.shape, count, config.sampler, config.nfe, sample.eta, sample.guidance,
                    knobs={knob.name: knob.default for knob in config.model.knobs()})
    noise = torch.Generator().manual_seed(sample.seed)
    return _moments(learner.ema, plan, noise, learner.on, learner.dtype)


def _moments(family: Family, plan: DrawPlan, noise: Randomness, on: torch.device,
             dtype: torch.dtype) -> Iterator[Moment]:
    """Walk a family's drawing; its arithmetic is entered for each moment, never over a yield."""
    moments = family.draw(plan, noise)
    while True:
        with runtime.arithmetic(on, dtype), torch.inference_mode():
            moment = next(moments, None)
        if moment is None:
            return
        yield moment


# --- what is asked --------------------------------------------------------------------------------


def check(request: Draw, config: RunConfig) -> None:
    """Refuse a drawing that cannot be meant, all faults at once."""
    model = config.model
    if not model.samplers:
        raise UsageError(f"A {model.family} draws nothing", "it tells pictures apart",
                         "choose a run of another family")
    problems = []
    if request.count < 1:
        problems.append(Problem("count", f"should be at least 1, not {request.count}"))
    if request.sampler is not None and request.sampler not in model.samplers:
        problems.append(Problem(
            "sampler", f"a {model.family} does not draw with {request.sampler}",
            f"choose one of {', '.join(model.samplers)}" if len(model.samplers) > 1
            else f"leave it out: it always draws {model.samplers[0]}"))
    low, _, high = model.evaluations
    if request.nfe is not None and not low <= request.nfe <= high:
        problems.append(Problem("nfe", f"should be {low} to {high:,}, not {request.nfe}"
                                if low < high else f"this model always takes {low}"))
    knobs = {knob.name: knob for knob in model.knobs()}
    for name, value in request.knobs.items():
        if name not in knobs:
            offered = ", ".join(knobs) or "none"
            problems.append(Problem(name, f"a {model.family} has no such knob",
                                    f"those it has: {offered}"))
        elif not knobs[name].low <= value <= knobs[name].high:
            problems.append(Problem(name, f"should be {knobs[name].low:g} to "
                                    f"{knobs[name].high:g}, not {value:g}"))
    classes = config.data.classes if model.learns_labels else ()
    if request.label is not None and not 0 <= request.label < len(classes):
        problems.append(Problem("label", f"there is no class {request.label}", (
            f"choose 0 to {len(classes) - 1}" if classes else "this model learned no labels")))
    problems += startpicture.problems(request, config)
    problems += branching.problems(request, model, classes)
    if problems:
        raise ConfigError(problems, "the drawing")


def at_once(request: Draw, config: RunConfig) -> int:
    """Return how many pictures or points are drawn in one batch."""
    return POINTS_AT_ONCE if config.shape.is_points else request.batch


def planned(request: Draw, config: RunConfig, on: torch.device) -> Callable[[int], DrawPlan]:
    """Return what makes the plan of a batch from its size."""
    sample, shape = config.sample, config.shape
    knobs = {knob.name: request.knobs.get(knob.name, knob.default)
             for knob in config.model.knobs()}
    image = None
    if request.image is not None:
        image = startpicture.fitted(request.image, config).to(on)
    mask = None
    if request.mask is not None:
        mask = startpicture.known(request.mask, config).to(on)

    def plan(count: int) -> DrawPlan:
        labels = None
        if request.label is not None:
            labels = torch.full((count,), request.label, device=on)
        return DrawPlan(
            shape, count, request.sampler or config.sampler, request.nfe or config.nfe,
            sample.eta if request.eta is None else request.eta,
            sample.guidance if request.guidance is None else request.guidance,
            labels, image, request.from_step, knobs, mask, invert=request.invert)

    return plan


# --- the model ------------------------------------------------------------------------------------


class Asked(Protocol):
    """What says whose networks are meant."""

    @property
    def weights(self) -> Weights:
        """The moving average, or the weights as trained."""

    @property
    def step(self) -> Step:
        """Whose checkpoint."""


def networks(run: runs.Run, request: Asked,
             on: torch.device) -> Generator[Notice, None, Family]:
    """Return the networks to draw with: a training's own as they stand, or a checkpoint's."""
    learner = lanes.live.get(run.path.resolve())
    if learner is not None and request.step is None:
        return learner.ema if request.weights == "ema" else learner.family
    return (yield from model(run, request.weights, request.step, on))


def model(run: runs.Run, which: Weights, step: Step, on: torch.device,
          ) -> Generator[Notice, None, Family]:
    """Return a run's networks with the weights of one of its checkpoints, the newest if None."""
    step = runs.step_of(run, step)
    if which == "raw" and run.shipped:
        raise UsageError(f"{run.name} ships its averaged weights only",
                         "models that ship hold no raw weights", "draw with the EMA weights")
    wanted = step if step is not None else (run.checkpoints[-1] if run.checkpoints else None)
    key = _key(run, wanted, which, on)
    if key is not None and key in _models:
        _models.move_to_end(key)
        return _models[key]
    # What is frozen has no raw weights: its averaged ones are what it is.
    stems = ("ema",) if which == "ema" else ("ema", "model")
    if step is not None:
        kept: checkpoints.Checkpoint | None = checkpoints.load(run.path, step, stems)
    else:
        kept = yield from checkpoints.newest(run.path, stems)
    if kept is None:
        raise UsageError(f"{run.name} has nothing to draw with yet", "it has no checkpoint",
                         "let it train until its first save, or use Save now")
    family = build(run.config, on)
    expected = weights(family, family.drawn)
    drawn = tuple(f"{name}." for name in family.drawn)
    saved = {name: value for stem in stems for name, value in kept.tensors[stem].items()
             if name.startswith(drawn)}
    load_into(expected, saved, f"the weights of {run.name}")
    family.eval().requires_grad_(False)
    if (key := _key(run, kept.step, which, on)) is not None:
        _models[key] = family
    while len(_models) > KEPT_MODELS:
        _models.popitem(last=False)
    return family


def _key(run: runs.Run, step: int | None, which: Weights,
         on: torch.device) -> tuple[Any, ...] | None:
    """Name a checkpoint's networks; another run may have taken the same folder since."""
    if step is None:
        return None
    try:
        made = (runs.checkpoint_path(run.path, step) / "manifest.json").stat().st_mtime_ns
    except OSError:
        return None
    return run.path.resolve(), step, made, which, str(on)
