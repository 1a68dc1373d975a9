"""Filling a curve: which settings are worth a score, how they are asked for, how long it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hybridstudio.commands import repeated
from hybridstudio.errors import StudioError
from hybridstudio.messages import Score
from hybridstudio.runs import Run
from hybridstudio.standing.between import milliseconds
from hybridstudio.standing.boards import Board
from hybridstudio.standing.dots import Dot, Way, knobs, way_of

METRICS = ("fid", "prdc", "classes")  # what a dot needs, and which classes were drawn
ROUND = (1, 2, 5)  # evaluations of each decade that are tried
USUAL_TIMES = 5  # a sweep ends at so many times the usual number of evaluations
PLACES = 5  # values of a knob that are tried
OVERHEAD = (4.0, 1e-3)  # seconds of a score besides drawing, and more for each picture: a guess


def axes(run: Run) -> dict[str, str]:
    """Return what can be swept of a run: the name of each setting, and its words."""
    model = run.config.model
    low, _, high = model.evaluations
    found = {"nfe": "Evaluations"} if low < high else {}
    if len(model.samplers) > 1:
        found["sampler"] = "Samplers"
    found |= {knob.name: knob.label for knob in knobs(run)}
    if model.guided and model.learns_labels:
        found["guidance"] = "Guidance"
    if "ddim" in model.samplers:
        found["eta"] = "Noise η"
    return found


def plan(run: Run, way: Way, axis: str) -> list[Way]:
    """Return the ways to score for a curve along one setting, all others as in `way`."""
    if axis == "nfe":
        return [replace(way, nfe=nfe) for nfe in _evaluations(run)]
    if axis == "sampler":
        return [with_sampler(run, way, name) for name in run.config.model.samplers]
    if axis == "eta":
        return [replace(way, sampler="ddim", eta=eta) for eta in (0.0, 0.2, 0.5, 1.0)]
    if axis == "guidance":
        return [replace(way, guidance=strength) for strength in (1.0, 1.5, 2.0, 3.0, 5.0)]
    knob = next(knob for knob in knobs(run) if knob.name == axis)
    spread = [knob.low + (knob.high - knob.low) * place / (PLACES - 1) for place in range(PLACES)]
    values = sorted({float(round(value)) if knob.whole else round(value, 6)
                     for value in (*spread, knob.default)})
    return [with_knob(way, axis, value) for value in values]


def with_sampler(run: Run, way: Way, sampler: str) -> Way:
    """Return a way with another sampler; η means something to DDIM alone."""
    return replace(way_of(run, {"sampler": sampler, "nfe": way.nfe, "guidance": way.guidance,
                                "eta": way.eta, "knobs": dict(way.knobs), "step": way.step,
                                "weights": way.weights}))


def with_knob(way: Way, name: str, value: float) -> Way:
    """Return a way with another value of a knob."""
    return replace(way, knobs=tuple(sorted({**dict(way.knobs), name: value}.items())))


def at_step(way: Way, step: int | None) -> Way:
    """Return a way from the weights of another training step."""
    return replace(way, step=step)


def with_nfe(way: Way, value: float) -> Way:
    """Return a way with other evaluations."""
    return replace(way, nfe=round(value))


def with_eta(way: Way, value: float) -> Way:
    """Return a way with another η."""
    return replace(way, eta=value)


def with_guidance(way: Way, value: float) -> Way:
    """Return a way with another strength of guidance."""
    return replace(way, guidance=value)


def request(run: Run, way: Way, board: Board | None, count: int,
            data_root: Path | None = None) -> Score:
    """Return the scoring that puts a way on a board; without one, against the run's own data.

    A setting that the run would take by itself is not said, so that the command stays short.
    """
    config = run.config
    features = split = None
    if board is not None:
        told = next((dot.record.get("request") or {} for dot in board.dots if dot.record), {})
        features, split = told.get("features"), told.get("split")
    data = board.ground.data if board is not None else None
    own = way_of(run, {})
    changed = {name: value for name, value in way.knobs if dict(own.knobs).get(name) != value}
    newest = max(run.checkpoints, default=None)
    return Score(
        run.path, None if data == config.data.name else data, count, features, METRICS, split,
        None if way.sampler == own.sampler else way.sampler,
        None if way.nfe == own.nfe else way.nfe,
        None if way.eta in (None, config.sample.eta) else way.eta,
        None if way.guidance in (None, config.sample.guidance) else way.guidance, changed,
        weights="raw" if way.weights == "raw" else "ema",
        step=None if way.step in (None, newest) else way.step, data_root=data_root)


def again(dot: Dot, data_root: Path | None = None) -> Score:
    """Return the scoring that a dot came from, of the run where it lies now.

    Raises UsageError where the score does not say how it was made.
    """
    asked = repeated(dot.record)
    root = asked.data_root if asked.data_root and asked.data_root.is_dir() else data_root
    return replace(asked, source=dot.way.run, data_root=root)


def repeatable(dot: Dot) -> bool:
    """Tell whether a dot says how it was made."""
    try:
        again(dot)
    except StudioError:
        return False
    return True


def seconds(dots: Sequence[Dot], way: Way, count: int) -> float | None:
    """Estimate how long a score takes on this machine; None where nothing was measured yet."""
    ms = milliseconds(dots, way)
    if ms is None:
        return None
    fixed, each = OVERHEAD
    return ms / 1000 * count + fixed + each * count


def _evaluations(run: Run) -> list[int]:
    """Return round numbers of evaluations from the fewest to some times the usual, and that."""
    low, usual, high = run.config.model.evaluations
    own = run.config.nfe
    most = min(high, USUAL_TIMES * max(usual, own))
    tried = {digit * 10**place for place in range(5) for digit in ROUND}
    return sorted({nfe for nfe in tried if low <= nfe <= most} | {own})
