"""What a hand-over at one k gave: pictures side by side, how far apart, in what time. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hybridstudio import telling
from hybridstudio.messages import Draw, Frame, Images
from hybridstudio.runs import Run

KNOB, BESIDE = "handover", "compare"
COARSE, REFINED, FULL, DIFFERENCE = "Coarse", "Refined", "Full diffusion", "Difference"


@dataclass(frozen=True)
class Handed:
    """A drawing with its hand-over at `k`: its evaluations, its time, and how good it is.

    `ms` is for each picture, `distance` the root mean square of refined minus full in [-1, 1], None
    where the full diffusion was not drawn; `score` a Fréchet distance to the data, once scored.
    """

    k: int
    nfe: int
    ms: float
    distance: float | None = None
    score: float | None = None


@dataclass(frozen=True)
class Full:
    """What the whole diffusion draws from the same noise, in how many evaluations and ms each."""

    images: Images
    nfe: int
    ms: float


def hands_over(run: Run) -> bool:
    """Return whether a run's model has one stage that hands over to another."""
    return any(knob.name == KNOB for knob in run.config.model.knobs())


def compares(run: Run) -> bool:
    """Return whether it can draw with its diffusion alone."""
    return any(knob.name == BESIDE for knob in run.config.model.knobs())


def sampler_of(run: Run) -> str | None:
    """Return a sampler by which the same noise decides both pictures; None where the run's does."""
    usual = run.config.steady_sampler
    return None if run.config.sampler == usual else usual


def why_not(run: Run | None) -> tuple[str, str]:
    """Return a title and a sentence on why there is no hand-over, two empty ones where there is."""
    if run is None:
        return "No model is chosen", "Choose a hybrid in the library: two models share its way."
    model = run.config.model
    if not hands_over(run):
        return (f"{run.name} hands nothing over",
                f"A {model.title.lower()} goes its whole way alone. In a hybrid a short diffusion "
                "draws the coarse picture, and at noise level k a GAN takes over and finishes it.")
    if not run.checkpoints and run.state != "training":
        return f"{run.name} has no checkpoint yet", "Let it train until its first save."
    return "", ""


# --- what a drawing gave --------------------------------------------------------------------------


def asked(request: Draw) -> tuple[int, int]:
    """Return k and how many evaluations the full diffusion was to take beside it."""
    return int(request.knobs[KNOB]), int(request.knobs.get(BESIDE, 0))


def frames_of(frames: Sequence[Frame], request: Draw) -> tuple[Handed, Full | None]:
    """Return what the frames of a drawing gave, and the full diffusion where it was drawn too.

    That comes with the last frame, so the time until the one before is the hybrid's own.
    """
    k, beside = asked(request)
    before, last = frames[-2], frames[-1]
    count = len(last.points.get("x_t", last.x_t))
    handed = Handed(k, before.nfe, 1000.0 * before.seconds / count)
    full = last.extra.get(FULL)
    if full is None:
        return handed, None
    seconds = max(1e-9, last.seconds - before.seconds)
    return handed, Full(full, beside, 1000.0 * seconds / count)


def distance(one: Images, other: Images) -> float:
    """Return the root mean square difference of pictures (N, H, W, C), in units of [-1, 1]."""
    away = one.astype(np.float32) - other.astype(np.float32)
    return float(np.sqrt(np.mean(np.square(away)))) / 127.5


def shown(last: Frame, full: Full | None) -> Frame:
    """Return a frame whose rows are coarse, refined, full and difference, as far as they are."""
    rows = {COARSE: last.extra.get(COARSE, last.x_t), REFINED: last.x_t}
    if full is not None:
        rows[FULL] = full.images
        if not last.points:
            away = np.abs(last.x_t.astype(np.int16) - full.images.astype(np.int16))
            rows[DIFFERENCE] = away.astype(np.uint8)
    return replace(last, steps=1, step=1, x0=None, eps=None, extra=rows)


# --- a sweep --------------------------------------------------------------------------------------


def values_of_k(levels: int, count: int, own: int) -> list[int]:
    """Return `count` values of k between 1 and the levels, evenly spread, the own one among them.
    """
    spread = np.linspace(levels * 0.05, levels * 0.95, max(2, count))
    values = sorted({max(1, min(levels, round(float(value)))) for value in spread})
    nearest = min(values, key=lambda value: abs(value - own))
    return sorted({own if value == nearest else value for value in values})


def worth(handed: Handed, scored: bool) -> float | None:
    """Return what a sweep compares: the smaller the better."""
    return handed.score if scored else handed.distance


def best(sweep: Iterable[Handed], scored: bool) -> Handed | None:
    """Return the hand-over with the smallest worth; of equal ones the fastest."""
    known = [(value, handed.ms, handed) for handed in sweep
             if (value := worth(handed, scored)) is not None]
    return min(known, key=lambda each: each[:2])[2] if known else None


# --- words ----------------------------------------------------------------------------------------


def readout(handed: Handed, full: Full | None, levels: int) -> str:
    """Tell what a hand-over costs, and what it saves."""
    said = [f"k = {handed.k:,} of {levels:,}",
            f"{handed.nfe:,} evaluations, {telling.number(handed.ms)} ms each"]
    if full is not None:
        said.append(f"full: {full.nfe:,}, {telling.number(full.ms)} ms")
        saved = 1.0 - handed.ms / full.ms
        said.append(f"{saved:.0%} of the time saved".replace("%", " %") if saved > 0
                    else "no time saved")
        if handed.distance is not None:
            said.append(f"distance {telling.number(handed.distance)}")
    return "  ·  ".join(said)


def verdict(sweep: Sequence[Handed], scored: bool) -> str:
    """Tell which hand-over was best, by what."""
    found = best(sweep, scored)
    if found is None:
        return ""
    value = telling.number(worth(found, scored) or 0.0)
    by = (f"a Fréchet distance of {value} to the data" if scored else
          f"{value} from the full diffusion's pictures (root mean square)")
    return (f"Best: k = {found.k:,} with {found.nfe:,} evaluations, {by}, "
            f"{telling.number(found.ms)} ms each")
