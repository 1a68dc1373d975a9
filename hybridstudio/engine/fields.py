"""What a model of points sees all over the plane: the score, or how real a place looks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from hybridstudio import runs
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.engine import checkpoints, lanes, runtime
from hybridstudio.engine.checkpoints import load_into
from hybridstudio.engine.draw import batch, check, networks, planned
from hybridstudio.engine.learner import build, parameters, weights
from hybridstudio.engine.picturing import CLOUD_REACH, NOISE_RANGE, as_points
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.families import DrawPlan, Family
from hybridstudio.families.seeing import JUDGES, MEANS, levels, score
from hybridstudio.messages import Done, Draw, Event, Field, Fields, Notice, Started
from hybridstudio.runs import Run

MOST = 200  # places along a side
Judged = Callable[[Tensor], Tensor]  # from places (N, 2, 1, 1) to how real they look (N,)


def fields(request: Fields) -> Iterator[Event]:
    """Ask a model of points at places all over the plane, level after level."""
    run = runs.read(request.run)
    if not run.config.shape.is_points:
        raise UsageError(f"{run.name} draws pictures", "only points of the plane lie in one",
                         "choose a run that learned points, as ddpm-gaussians25")
    if not 2 <= request.side <= MOST:
        raise UsageError(f"{request.side} places along a side cannot be asked",
                         fix=f"ask for 2 to {MOST}")
    draw = Draw(run.path, 1, label=request.label, weights=request.weights, step=request.step)
    check(draw, run.config)
    on = runtime.device(request.device)
    dtype = runtime.precision(run.config.train, on)
    began, told = time.perf_counter(), 0
    with lanes.interactive():
        family = yield from networks(run, draw, on)
        yield Started(f"Looking around in {run.name}", run.path, runtime.describe(on, dtype),
                      parameters(family))
        plan = planned(draw, run.config, on)(1)
        judge, notice = _judge(run, request, family, on)
        if notice is not None:
            yield notice
        was_training = family.training
        family.eval()
        try:
            for moment in _levels(request, family, plan, on, dtype):
                with runtime.arithmetic(on, dtype), torch.inference_mode():
                    field = _field(family, moment, plan, request, judge)
                if field.arrows is not None or field.heights is not None:
                    told += 1
                    yield field
        finally:
            family.train(was_training)
    yield Done("finished", {"run": str(run.path), "fields": told,
                            "seconds": time.perf_counter() - began})


def _levels(request: Fields, family: Family, plan: DrawPlan, on: torch.device,
            dtype: torch.dtype) -> Iterator[Moment]:
    """Yield a moment for each level that is asked for; of one pass there is only the clean one."""
    sees = type(family) in MEANS
    if request.levels and sees:
        table = levels(family)
        for t in request.levels:
            if not 1 <= round(t) <= len(table):
                raise UsageError(f"There is no level {t:g}", f"there are 1 to {len(table)}")
            nothing = torch.zeros(1, 2, 1, 1, device=on)
            yield Moment(1, 1, round(t), nothing, None, None, 0, table[round(t) - 1])
        return
    told: set[float] = set()
    for moment in batch(family, plan, 0, 0, on, dtype):
        if moment.t not in told and (sees or moment.t == 0):
            told.add(moment.t)
            yield moment


def _field(family: Family, moment: Moment, plan: DrawPlan, request: Fields,
           judge: Judged | None) -> Field:
    """Return what is seen at one level, on places that reach as far as a picture of it does."""
    noise = max(0.0, 1.0 - moment.alpha_bar) ** 0.5
    reach = CLOUD_REACH * (moment.alpha_bar**0.5 + NOISE_RANGE * noise)
    ticks = torch.linspace(-reach, reach, request.side, device=moment.x_t.device)
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    places = torch.stack([x, y], -1).reshape(-1, 2, 1, 1)
    arrows = None
    if moment.t > 0 and type(family) in MEANS:
        labels = None if plan.labels is None else plan.labels.expand(len(places))
        arrows = score(family, replace(moment, x_t=places), replace(plan, labels=labels))
    return Field(float(moment.t), as_points(places),
                 None if arrows is None else as_points(arrows),
                 None if judge is None else judge(places).float().cpu().numpy())


# --- the discriminator ----------------------------------------------------------------------------


def _judge(run: Run, request: Fields, family: Family,
           on: torch.device) -> tuple[Judged | None, Notice | None]:
    """Return what tells how real places look, or a notice that says why it is not there."""
    if type(family) not in JUDGES:
        return None, None
    learner = lanes.live.get(run.path.resolve())
    holder = learner.family if learner is not None and request.step is None else None
    if holder is None:
        step = request.step if request.step is not None else max(run.checkpoints)
        try:
            kept = checkpoints.load(run.path, step, ("model",)).tensors["model"]
            holder = build(run.config, on)
            names = holder.adversaries
            load_into(weights(holder, names), {
                name: value for name, value in kept.items()
                if name.startswith(tuple(f"{own}." for own in names))},
                f"the discriminator of {run.name}")
            holder.eval().requires_grad_(False)
        except StudioError as error:
            return None, Notice("There is no discriminator to look with",
                                f"{run.name}: {error.why or error.what}", "train the same preset "
                                "yourself: its checkpoints keep both players", step=step)
    classes = len(run.config.data.classes) if run.config.model.learns_labels else 0
    asked = holder

    def judged(places: Tensor) -> Tensor:
        """Return the mean over all classes where none is asked for."""
        labels: list[int | None] = [request.label]
        if classes and request.label is None:
            labels = list(range(classes))
        told = [JUDGES[type(asked)](asked, places, None if label is None else torch.full(
            (len(places),), label, device=places.device)) for label in labels]
        return torch.stack(told).mean(0)

    return judged, None
