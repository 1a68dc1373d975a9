"""How long a slider move takes to show its frame."""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridstudio.bench.screen import application

if TYPE_CHECKING:
    from hybridstudio.gui.panels.denoise import DenoisePanel

PICTURES, SIZE, STEPS, MOVES = 64, 32, 50, 300


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds from a slider move to the painted frame: 64 pictures of 32×32, three rows."""
    app = application()
    from hybridstudio.gui.canned import drawing_events
    from hybridstudio.gui.panels.denoise import DenoisePanel

    panel = DenoisePanel()
    panel.resize(1060, 660)
    panel.show()
    for event in drawing_events(PICTURES, STEPS, SIZE, 3):
        panel.on_event(event)
    app.processEvents()
    steps = random.Random(0)
    taken = scrubbed(panel, [steps.randrange(STEPS + 1) for _ in range(MOVES)])
    panel.close()
    return {"p95_ms": float(np.percentile(taken, 95)), "p50_ms": float(np.median(taken)),
            "max_ms": max(taken), "moves": len(taken), "pictures": PICTURES, "size": SIZE,
            "platform": app.platformName()}


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
