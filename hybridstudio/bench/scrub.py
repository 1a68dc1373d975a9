"""How long a slider move takes to show its frame."""

from __future__ import annotations

import argparse
import random
from typing import Any

import numpy as np

from hybridstudio.bench.screen import application

PICTURES, SIZE, STEPS, MOVES = 64, 32, 50, 300


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds from a slider move to the painted frame: 64 pictures of 32×32, three rows."""
    app = application()
    from hybridstudio.gui.canned import drawing_events
    from hybridstudio.gui.panels.denoise import DenoisePanel, measure_scrub

    panel = DenoisePanel()
    panel.resize(1060, 660)
    panel.show()
    for event in drawing_events(PICTURES, STEPS, SIZE, 3):
        panel.on_event(event)
    app.processEvents()
    steps = random.Random(0)
    taken = measure_scrub(panel, [steps.randrange(STEPS + 1) for _ in range(MOVES)])
    panel.close()
    return {"p95_ms": float(np.percentile(taken, 95)), "p50_ms": float(np.median(taken)),
            "max_ms": max(taken), "moves": len(taken), "pictures": PICTURES, "size": SIZE,
            "platform": app.platformName()}
