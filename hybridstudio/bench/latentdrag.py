"""How long a grid of a latent space takes from a moved corner or slider to its pictures."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from hybridstudio import engine, latents, runs
from hybridstudio.bench.latentpaint import painted
from hybridstudio.errors import UsageError
from hybridstudio.messages import Decode, Decoded

RUNS = "cgan-mnist,vae-mnist,hybrid-mnist,ddpm-mnist"
SIDE, MOVES, WARM_UP = 8, 40, 3
DRAFT = 4  # evaluations while the hand moves, where a picture may take more


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds from a moved slider to the painted grid of 64, a draft where many steps.

    `p95_ms` is of the window, by family; the rows tell the engine's own time from a moved corner.
    """
    rows = {}
    for name in (asked.runs or RUNS).split(","):
        folder = runs.find(name)
        model, moves = runs.read(folder).config.model, asked.count or MOVES
        rows[folder.name] = {"family": model.family, **dragged(folder, moves),
                             **painted(folder, moves)}
    return {"p95_ms": {row["family"]: row["paint_p95_ms"] for row in rows.values()},
            "runs": rows, "side": SIDE}


def dragged(folder: Path, moves: int) -> dict[str, Any]:
    """Move one corner of a grid again and again; return how long its pictures took to come."""
    config = runs.read(folder).config
    spaces = config.model.spaces(config.shape)
    if not spaces:
        raise UsageError(f"{folder.name} has no latent space", config.model.no_space,
                         "name others with --runs")
    space, (low, _, high) = spaces[0], config.model.evaluations
    nfe = min(config.nfe, max(low, DRAFT)) if low < high else None
    still, start, end = (latents.codes_of_seeds(space, seeds)
                         for seeds in ((1, 2, 3), (4,), (5,)))
    taken = []
    for move in range(WARM_UP + moves):
        began = time.perf_counter()
        corner = latents.between(space, start, end, np.array([move / (WARM_UP + moves)]))
        codes = latents.grid(space, np.concatenate([still, corner]), SIDE)
        told = list(engine.run(Decode(folder, codes, nfe=nfe, device="cpu")))
        taken.append(1000.0 * (time.perf_counter() - began))
    counted = taken[WARM_UP:]
    nfe_told = next(event.nfe for event in told if isinstance(event, Decoded))
    return {"p95_ms": float(np.percentile(counted, 95)), "p50_ms": float(np.median(counted)),
            "max_ms": max(counted), "moves": len(counted), "nfe": nfe_told}
