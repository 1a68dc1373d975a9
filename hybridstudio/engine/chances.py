"""One x_t, many x_0: what different z make of the same noisy picture."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from hybridstudio import runs
from hybridstudio.diffusion.noise import normal, streams
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.engine import lanes, runtime
from hybridstudio.engine.draw import batch, check, model, networks, planned
from hybridstudio.engine.learner import parameters
from hybridstudio.engine.picturing import NOISE_RANGE, as_images, as_points, is_points
from hybridstudio.errors import UsageError
from hybridstudio.families import DrawPlan, Family
from hybridstudio.families.bridged import Bridged
from hybridstudio.families.contract import Start
from hybridstudio.families.ddpm import DDPM
from hybridstudio.families.hybrid import Hybrid
from hybridstudio.messages import Chanced, Chances, Done, Event, Notice, Started
from hybridstudio.runs import Run

MOST = 4096


def chances(request: Chances) -> Iterator[Event]:
    """Walk to a frame of a drawing of one picture, and let many z say what x_0 is there."""
    draw = replace(request.draw, count=1)
    run = runs.read(draw.run)
    check(draw, run.config)
    if request.at < 0 or not 1 <= request.count <= MOST:
        raise UsageError("This is no question to ask", f"frame {request.at}, {request.count} seeds",
                         f"give a frame from 0 on, and 1 to {MOST:,} seeds")
    if not run.config.model.levels:
        raise UsageError(f"{run.name} draws in one pass", "there is no x_t on the way in which "
                         "different z could see different pictures",
                         "choose a model that removes noise step by step")
    on = runtime.device(draw.device)
    dtype = runtime.precision(run.config.train, on)
    with lanes.interactive():
        family = yield from networks(run, draw, on)
        yield Started(f"Asking {run.name} what it sees", run.path, runtime.describe(on, dtype),
                      parameters(family))
        was_training = family.training
        family.eval()
        try:
            began = time.perf_counter()
            plan = planned(draw, run.config, on)(1)
            moment, last = _walked(family, plan, draw.seed, request.at, on, dtype)
            seer = yield from _seer(request.beside, run, family, on)
            with runtime.arithmetic(on, dtype), torch.inference_mode():
                x0 = _chances(family, moment, plan, draw.seed, request.count)
                beside = None if seer is None else _seen_by(seer, moment, plan, draw.seed, run)
        finally:
            family.train(was_training)
        seconds = time.perf_counter() - began
    told = _told(moment, last, x0, beside)
    yield told
    yield Done("finished", {
        "run": str(run.path), "count": request.count, "seconds": seconds, "t": told.t,
        "at": told.at, "spread": told.spread, "seed": draw.seed, "weights": draw.weights})


def _walked(family: Family, plan: DrawPlan, seed: int, at: int, on: torch.device,
            dtype: torch.dtype) -> tuple[Moment, int]:
    """Return frame `at` of a drawing, or the last before it that has noise, and that one's step."""
    found: Moment | None = None
    last = 0
    for moment in batch(family, plan, seed, 0, on, dtype):
        last = max(0, moment.steps - 1)
        if moment.t <= 0:
            break
        found = moment
        if moment.step >= at:
            break
    assert found is not None
    return found, last


def _chances(family: Family, moment: Moment, plan: DrawPlan, seed: int, count: int) -> Tensor:
    """Return what `count` streams see in the x_t of a moment: x_0 (N, C, H, W).

    The drawing goes on from the moment as often, each time with a z of its own.
    """
    def often(x: Tensor) -> Tensor:
        return x.expand(count, *x.shape[1:])

    many = replace(moment, x_t=often(moment.x_t), z=None, extra={
        name: often(more) for name, more in moment.extra.items()})
    rows = [torch.Generator().manual_seed(other) for other in range(count)]
    plan = replace(plan, count=count, start=Start(many, rows, skip=moment.step))
    first = next(family.draw(plan, [_stream(seed) for _ in rows]))
    assert first.x0 is not None
    return first.x0


def _stream(seed: int) -> torch.Generator:
    """Return the noise of a seed's first picture from its beginning."""
    return streams(torch.Generator().manual_seed(seed), 1)[0]


# --- beside it ------------------------------------------------------------------------------------


def _seer(path: Path | None, run: Run, family: Family,
          on: torch.device) -> Generator[Notice, None, DDPM | None]:
    """Return the diffusion model that is asked for, or the family's own; None where it has none."""
    if path is None:
        own = family.diffusion if isinstance(family, Hybrid | Bridged) else family
        return own if isinstance(own, DDPM) else None
    other = runs.read(path)
    seer: Family = yield from model(other, "ema", None, on)
    if not isinstance(seer, DDPM) or seer.shape != family.shape:
        raise UsageError(f"{other.name} cannot stand beside {run.name}",
                         "a diffusion model of pictures of the same size is asked for",
                         "choose one that learned the same data")
    return seer


def _seen_by(seer: DDPM, moment: Moment, plan: DrawPlan, seed: int, run: Run) -> Tensor:
    """Return the x_0 (1, C, H, W) that a diffusion sees in x_t, at its level of the same noise."""
    row = int((seer.schedule.alphas_cumprod - moment.alpha_bar).abs().argmin())
    t, labels = torch.full((1,), row, device=moment.x_t.device), None
    if seer.classes and run.config.model.learns_labels:
        # Every family draws the classes that nobody asked for after x_T, from the same stream.
        rows = [_stream(seed)]
        normal(rows, plan.shape)
        labels = seer.asked_labels(plan, rows, t.device)
    return seer.clipped(seer.predictor(labels, 1.0)(moment.x_t, t).x0)


def _told(moment: Moment, last: int, x0: Tensor, beside: Tensor | None) -> Chanced:
    noise = max(0.0, 1.0 - moment.alpha_bar) ** 0.5
    reach = moment.alpha_bar**0.5 + NOISE_RANGE * noise
    spread = float(x0.float().std(0, correction=0).mean())
    mean = x0.float().mean(0, keepdim=True)
    rows = {"x_t": moment.x_t, "x0": x0, "mean": mean, "beside": beside}
    points = {name: as_points(row) for name, row in rows.items()
              if row is not None and is_points(moment.x_t)}
    return Chanced(as_images(moment.x_t, reach), as_images(x0), float(moment.t), spread,
                   moment.step, last, noise, as_images(mean),
                   None if beside is None else as_images(beside), points)
