"""How long it takes in the window from a moved slider to the painted sheet of a latent space."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridstudio.bench.screen import application

if TYPE_CHECKING:
    from hybridstudio.gui.panels.latent import LatentPanel

PATIENCE = 5.0  # seconds that a sheet may take
APART = 0.02  # seconds from a painted sheet to the next move


def painted(folder: Path, moves: int) -> dict[str, Any]:
    """Move a slider of the page Latent, with the real engine in a thread; return the ms.

    The page's 64 cells at 1060 × 660 points; a draft counts where the whole takes many steps.
    """
    app = application()
    from hybridstudio.gui.jobs import Lane
    from hybridstudio.gui.panels.latent import LatentPanel

    panel = LatentPanel()
    lane = Lane("interactive", newest_wins=True, parent=panel)
    panel.requested.connect(lane.submit)
    lane.told.connect(lambda event: panel.on_answer(lane.request, event))
    panel.resize(1060, 660)
    panel.show()
    panel.show_run(folder)
    _until(lambda: panel.view.images() is not None and not panel.asking.is_drawing, 60.0)
    places = random.Random(0)
    taken = [_moved(panel, places.randrange(-100, 101)) for _ in range(moves)]
    panel.asking.drop()
    _until(lambda: not lane.busy, 60.0)
    panel.close()
    panel.deleteLater()
    app.processEvents()
    return {"paint_p95_ms": float(np.percentile(taken, 95)),
            "paint_p50_ms": float(np.median(taken)), "paint_max_ms": max(taken)}


def _moved(panel: LatentPanel, place: int) -> float:
    """Move the first slider and return the ms until its sheet was painted."""
    slider = panel.sliders.rows[0].slider
    _rest(APART)
    before = panel.view.images()
    began = time.perf_counter()
    slider.setValue(place if place != slider.value() else -place - 1)
    _until(lambda: panel.view.images() is not before, PATIENCE)
    come = time.perf_counter()  # a paint before it showed the old sheet
    _until(lambda: panel.view.painted_at > come, PATIENCE)
    taken = 1000.0 * (panel.view.painted_at - began)
    _until(lambda: panel.asking._sent is None, PATIENCE)
    return taken


def _until(is_so: Any, seconds: float) -> None:
    from PySide6.QtCore import QCoreApplication

    until = time.perf_counter() + seconds
    while not is_so() and time.perf_counter() < until:
        QCoreApplication.processEvents()
        time.sleep(0.0005)


def _rest(seconds: float) -> None:
    _until(lambda: False, seconds)
