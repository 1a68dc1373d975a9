"""Drawing as a generator of events: from a run's checkpoint, or from a training as it stands."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hybridstudio import runs
from hybridstudio.config import SAMPLERS, RunConfig
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.engine import checkpoints, lanes, runtime
from hybridstudio.engine.checkpoints import load_into
from hybridstudio.engine.learner import Learner, build, parameters, weights
from hybridstudio.errors import ConfigError, Problem, UsageError
from hybridstudio.families import DrawPlan, Family
from hybridstudio.messages import (
    Done,
    Draw,
    Event,
    Frame,
    Images,
    Notice,
    Progress,
    Started,
    Weights,
)

KEPT_MODELS = 3  # models ready to draw from again without reading their checkpoint
NOISE_RANGE = 2.5  # standard deviations from the middle grey to black and white

_models: OrderedDict[tuple[Any, ...], Family] = OrderedDict()


def draw(request: Draw) -> Iterator[Event]:
    """Draw pictures, telling every moment on the way where the request asks for frames."""
    run = runs.read(request.run)
    _check(request, run.config)
    on = runtime.device(request.device)
    dtype = runtime.precision(run.config.train, on)
    with lanes.interactive():
        family = yield from _family(run, request, on)
        yield Started(f"Drawing from {run.name}", run.path, runtime.describe(on, dtype),
                      parameters(family))
        plan = _plan(request, run.config, on)
        began = time.perf_counter()
        finished: list[Images] = []
        nfe = 0
        was_training = family.training  # the raw weights of a training are its own networks
        family.eval()
        try:
            for first in range(0, request.count, request.batch):
                part = min(request.batch, request.count - first)
                noise = torch.Generator().manual_seed(request.seed)
                if first:  # a picture is the same however many are drawn at once
                    torch.randint(2**62, (first,), generator=noise)
                for moment in _moments(family, plan(part), noise, on, dtype):
                    seconds = time.perf_counter() - began
                    if request.frames:
                        yield frame(moment, seconds)
                    yield _progress(request, first, moment, seconds)
                finished.append(as_images(moment.x_t))
                nfe = moment.nfe
        finally:
            family.train(was_training)
        seconds = time.perf_counter() - began
    sampler = request.sampler or run.config.sample.sampler
    yield Done("finished", {
        "run": str(run.path), "count": request.count, "seconds": seconds,
        "ms_per_image": 1000.0 * seconds / request.count, "nfe": nfe, "sampler": sampler,
        "seed": request.seed, "weights": request.weights,
    }, np.concatenate(finished))


def _progress(request: Draw, first: int, moment: Moment, seconds: float) -> Progress:
    """Tell how far a drawing in batches is; the last moment of each takes no evaluation."""
    done = moment.step + moment.steps * (first // request.batch)
    total = moment.steps * -(-request.count // request.batch)
    rate = done / seconds if seconds else 0.0
    left = (total - done) / rate if rate else None
    return Progress(done, total, "steps", {}, seconds, rate, left)


def preview(learner: Learner) -> Iterator[Moment]:
    """Draw a training's preview from its fixed noise with the EMA weights, moment by moment."""
    sample = learner.config.sample
    plan = DrawPlan(learner.config.shape, sample.count, sample.sampler, sample.nfe, sample.eta,
                    sample.guidance)
    noise = torch.Generator().manual_seed(sample.seed)
    return _moments(learner.ema, plan, noise, learner.on, learner.dtype)


def _moments(family: Family, plan: DrawPlan, noise: torch.Generator, on: torch.device,
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


def _check(request: Draw, config: RunConfig) -> None:
    """Refuse a drawing that cannot be meant, all faults at once."""
    problems = []
    if request.count < 1:
        problems.append(Problem("count", f"should be at least 1, not {request.count}"))
    if request.sampler is not None and request.sampler not in SAMPLERS:
        problems.append(Problem("sampler", f"there is no sampler {request.sampler}",
                                f"choose one of {', '.join(SAMPLERS)}"))
    if request.nfe is not None and request.nfe < 1:
        problems.append(Problem("nfe", f"should be at least 1, not {request.nfe}"))
    classes = config.data.classes if getattr(config.model, "labels", False) else ()
    if request.label is not None and not 0 <= request.label < len(classes):
        problems.append(Problem("label", f"there is no class {request.label}", (
            f"choose 0 to {len(classes) - 1}" if classes else "this model learned no labels")))
    steps = config.model.timesteps
    if request.from_step is not None and not 1 <= request.from_step <= steps:
        problems.append(Problem("from_step", f"should be 1 to {steps}, not {request.from_step}"))
    if problems:
        raise ConfigError(problems, "the drawing")


def _plan(request: Draw, config: RunConfig, on: torch.device) -> Callable[[int], DrawPlan]:
    """Return what makes the plan of a batch from its size."""
    sample, shape = config.sample, config.shape
    image = None
    if request.image is not None:
        image = _fitted(request.image, config).to(on)

    def plan(count: int) -> DrawPlan:
        labels = None
        if request.label is not None:
            labels = torch.full((count,), request.label, device=on)
        return DrawPlan(
            shape, count, request.sampler or sample.sampler, request.nfe or sample.nfe,
            sample.eta if request.eta is None else request.eta,
            sample.guidance if request.guidance is None else request.guidance,
            labels, image, request.from_step)

    return plan


def _fitted(image: Images, config: RunConfig) -> Tensor:
    """Bring a user's picture (H, W, C) to the model's shape, as (1, C, H, W) in [-1, 1]."""
    shape = config.shape
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3):
        raise UsageError("This is no picture to start from",
                         f"its shape is {image.shape}", "give a grey or RGB picture")
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    picture = picture.convert("L" if shape.channels == 1 else "RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    picture = picture.resize((shape.width, shape.height), Image.Resampling.LANCZOS,
                             (left, top, left + side, top + side))
    array = np.asarray(picture, dtype=np.float32).reshape(shape.height, shape.width, -1)
    return torch.from_numpy(array / 127.5 - 1.0).permute(2, 0, 1)[None]


# --- the model ------------------------------------------------------------------------------------


def _family(run: runs.Run, request: Draw, on: torch.device) -> Generator[Notice, None, Family]:
    """Return the networks to draw with: a training's own as they stand, or a checkpoint's."""
    learner = lanes.live.get(run.path.resolve())
    if learner is not None and request.step is None:
        return learner.ema if request.weights == "ema" else learner.family
    return (yield from model(run, request.weights, request.step, on))


def model(run: runs.Run, which: Weights, step: int | None, on: torch.device,
          ) -> Generator[Notice, None, Family]:
    """Return a run's networks with the weights of one of its checkpoints, the newest if None."""
    if which == "raw" and run.shipped:
        raise UsageError(f"{run.name} ships its averaged weights only",
                         "models that ship hold no raw weights", "draw with the EMA weights")
    wanted = step if step is not None else (run.checkpoints[-1] if run.checkpoints else None)
    key = _key(run, wanted, which, on)
    if key is not None and key in _models:
        _models.move_to_end(key)
        return _models[key]
    stem = "ema" if which == "ema" else "model"
    if step is not None:
        kept: checkpoints.Checkpoint | None = checkpoints.load(run.path, step, (stem,))
    else:
        kept = yield from checkpoints.newest(run.path, (stem,))
    if kept is None:
        raise UsageError(f"{run.name} has nothing to draw with yet", "it has no checkpoint",
                         "let it train until its first save, or use Save now")
    family = build(run.config, on)
    expected = weights(family, family.drawn)
    drawn = tuple(f"{name}." for name in family.drawn)
    saved = {name: value for name, value in kept.tensors[stem].items() if name.startswith(drawn)}
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


# --- pictures -------------------------------------------------------------------------------------


def as_images(x: Tensor, reach: float = 1.0) -> Images:
    """Turn (N, C, H, W) into uint8 (N, H, W, C): -reach is black, reach white."""
    scaled = (x.float() / reach + 1.0).mul(127.5).round_().clamp_(0.0, 255.0)
    array: Images = scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return array


def frame(moment: Moment, seconds: float) -> Frame:
    """Tell a moment as uint8 pictures.

    x_t is shown in a range that goes from 2.5 standard deviations of pure noise to exactly the
    picture's own range at the end, so that nothing jumps or saturates on the way.
    """
    signal = moment.alpha_bar**0.5
    noise = max(0.0, 1.0 - moment.alpha_bar) ** 0.5
    log_snr = float("inf") if noise == 0.0 else 2.0 * float(np.log(max(signal, 1e-12) / noise))
    return Frame(
        moment.step, moment.steps, moment.t,
        as_images(moment.x_t, signal + NOISE_RANGE * noise),
        None if moment.x0 is None else as_images(moment.x0),
        None if moment.eps is None else as_images(moment.eps, NOISE_RANGE),
        moment.nfe, seconds, noise, log_snr)
