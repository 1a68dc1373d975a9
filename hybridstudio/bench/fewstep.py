"""Quality and coverage against time a picture: every way of drawing, side by side in one run."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, NamedTuple

from hybridstudio import engine, runs
from hybridstudio.errors import UsageError
from hybridstudio.messages import Done, Draw, Score

COUNT = 5000
RUNS = "ddpm-mnist,ddgan-mnist,hybrid-mnist"
EVALUATIONS = {  # of the samplers worth drawing with few or many evaluations
    "ddim": (4, 8, 20, 50), "dpm++2m": (8, 12, 20, 50), "unipc": (8, 12, 20),
    "ancestral": (100, 1000)}
FINISHED = (1, 2, 4, 6, 8)  # evaluations of what a GAN draws or finishes, beside its own number
TIMED = 16  # pictures whose time is taken where drawing all would take hours
SLOW = 200  # evaluations from which the time is taken apart from the scores


class Way(NamedTuple):
    """One way of drawing: a run, its sampler and how many network evaluations a picture takes."""

    run: Path
    sampler: str
    nfe: int


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Fréchet distance, coverage and ms a picture of ready models, by sampler and evaluations."""
    root = Path(asked.data_root) if asked.data_root else None
    ways = [way for name in (asked.runs or RUNS).split(",") for way in _ways(runs.find(name))]
    if not ways:
        raise UsageError("None of these runs draws anything", fix="name others with --runs")
    rows = [_measured(way, asked.count or COUNT, root, asked.slow) for way in ways]
    return {"rows": rows, "count": asked.count or COUNT}


def _ways(run: Path) -> list[Way]:
    """Return the ways in which a run is drawn here: few evaluations and many, where it can."""
    config = runs.read(run).config
    low, _, high = config.model.evaluations
    if not config.model.samplers:
        return []
    ways = [Way(run, sampler, nfe) for sampler, choices in EVALUATIONS.items()
            if sampler in config.model.samplers for nfe in choices if low <= nfe <= high]
    if ways and not config.model.adversarial:
        return ways
    return [Way(run, config.sampler, nfe) for nfe in sorted({*FINISHED, config.nfe})
            if low <= nfe <= high]


def _measured(way: Way, count: int, root: Path | None, slow: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"run": way.run.name, "sampler": way.sampler, "nfe": way.nfe}
    if way.nfe >= SLOW and not slow:
        row["ms_per_image"] = _timed(way)
    else:
        asked = Score(way.run, count=count, metrics=("fid", "prdc"), sampler=way.sampler,
                      nfe=way.nfe, device="cpu", data_root=root)
        began = time.perf_counter()
        *_, done = engine.run(asked)
        assert isinstance(done, Done)
        scores = done.result["scores"]
        row |= {name: scores[name]["value"] for name in ("frechet", "precision", "coverage")}
        row |= {"frechet_low": scores["frechet"]["low"], "frechet_high": scores["frechet"]["high"],
                "real": scores["frechet"]["floor"], "ms_per_image": done.result["ms_per_image"],
                "label": done.result["label"], "seconds": time.perf_counter() - began}
    told = "  ".join(f"{name} {value:.4g}" for name, value in row.items()
                     if isinstance(value, float))
    print(f"{way.run.name:16} {way.sampler:10} {way.nfe:5}  {told}", flush=True)
    return row


def _timed(way: Way) -> float:
    """Return the ms a picture takes, from a few of them."""
    *_, done = engine.run(Draw(way.run, TIMED, way.sampler, way.nfe, frames=False, device="cpu"))
    assert isinstance(done, Done)
    return float(done.result["ms_per_image"])
