"""How long a slider move takes to show its frame, and what watching costs the drawing."""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridstudio.bench.screen import application

if TYPE_CHECKING:
    from hybridstudio.gui.panels.denoise import DenoisePanel

PICTURES, SIZE, STEPS, MOVES = 64, 32, 50, 300
LARGE, LARGE_SIZE, LARGE_STEPS = 16, 256, 1000
MODEL, NFE, ROUNDS = "ddpm-mnist", 50, 11  # what is drawn to see what watching costs
FEW = 16


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds from a slider move to the painted frame: 64 pictures of 32×32, all rows.

    The figures of `large` are for 16 pictures of 256×256 over 1,000 steps, `bytes` what their film
    keeps. `watched` is how much longer a drawing of 64 takes that is watched, as a ratio: the
    median over pairs of drawings, one after the other; `watched_few` that of 16.
    """
    app = application()
    from hybridstudio.gui.canned import drawing_events
    from hybridstudio.gui.panels.denoise import DenoisePanel

    panel = DenoisePanel()
    panel.resize(1060, 660)
    panel.show()
    for event in drawing_events(PICTURES, STEPS, SIZE, 3):
        panel.on_event(event)
    for button in (*panel.bar.toggles.values(), panel.bar.facts):
        button.setChecked(True)  # all rows and their statistics
    app.processEvents()
    steps = random.Random(0)
    taken = scrubbed(panel, [steps.randrange(STEPS + 1) for _ in range(MOVES)])
    large = _large(panel)
    panel.close()
    return {"p95_ms": float(np.percentile(taken, 95)), "p50_ms": float(np.median(taken)),
            "max_ms": max(taken), "moves": len(taken), "pictures": PICTURES, "size": SIZE,
            "rows": len(panel.view.rows), **large, **_watched(PICTURES),
            "watched_few": _watched(FEW)["watched"],
            "platform": app.platformName()}


def _large(panel: DenoisePanel) -> dict[str, Any]:
    """Scrub through many large pictures, of which only some are kept."""
    from PySide6.QtCore import QCoreApplication

    from hybridstudio.messages import Done, Frame, Started

    noise = np.random.default_rng(0).integers(
        0, 256, (LARGE, LARGE_SIZE, LARGE_SIZE, 3), np.uint8)
    panel.on_event(Started("Drawing"))
    for step in range(LARGE_STEPS + 1):
        x_t, x0, eps = (noise + np.uint8((step + part) % 256) for part in range(3))
        panel.on_event(Frame(step, LARGE_STEPS, float(LARGE_STEPS - step), x_t, x0, eps, step))
    panel.on_event(Done("finished"))
    QCoreApplication.processEvents()
    film = panel.reels.film
    places = random.Random(1)
    taken = scrubbed(panel, [places.randrange(LARGE_STEPS + 1) for _ in range(60)])
    return {"large_p95_ms": float(np.percentile(taken, 95)), "large_bytes": film.bytes,
            "large_frames": len(film)}


def _watched(count: int) -> dict[str, Any]:
    """Draw for a panel with all rows, and in the same lane without any frames, turn by turn."""
    from PySide6.QtCore import QEventLoop

    from hybridstudio import paths
    from hybridstudio.gui.jobs import Lane
    from hybridstudio.gui.panels.denoise import DenoisePanel
    from hybridstudio.messages import Done, Draw, Event

    request = Draw(paths.checkpoints() / MODEL, count, nfe=NFE, device="cpu")
    panel, lane, waits = DenoisePanel(), Lane("scrub"), QEventLoop()
    told: list[float] = []

    def hear(event: Event) -> None:
        panel.on_event(event)
        if isinstance(event, Done):
            told.append(event.result["seconds"])

    lane.told.connect(hear)
    lane.state_changed.connect(lambda state: waits.quit() if state == "idle" else None)
    panel.resize(1060, 660)
    panel.show()
    for button in (*panel.bar.toggles.values(), panel.bar.facts):
        button.setChecked(True)
    for place in range(2 * ROUNDS + 2):
        lane.submit(replace(request, frames=place % 2 == 1))
        waits.exec()
    panel.close()
    pairs = np.array(told[2:]).reshape(-1, 2)  # the first of each warms up
    return {"watched": float(np.median(pairs[:, 1] / pairs[:, 0])),
            "alone_seconds": float(np.median(pairs[:, 0]))}


def scrubbed(panel: DenoisePanel, moves: Sequence[int]) -> list[float]:
    """Move the slider to each step and return the ms until its frame had been painted."""
    from PySide6.QtCore import QCoreApplication

    taken = []
    for step in moves:
        if step == panel.timeline.slider.value():
            continue
        before = panel.view.painted_at
        began = time.perf_counter()
        panel.timeline.slider.setValue(step)
        while panel.view.painted_at == before and time.perf_counter() - began < 1.0:
            QCoreApplication.processEvents()
        taken.append(1000 * (panel.view.painted_at - began))
    return taken
