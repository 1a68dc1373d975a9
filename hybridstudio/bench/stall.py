"""How smooth the window stays while it trains, and what its being open costs the training."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from hybridstudio import engine, presets
from hybridstudio.bench.screen import application
from hybridstudio.config import with_values
from hybridstudio.errors import StudioError
from hybridstudio.messages import Progress, Train

WARM_UP = 5.0  # seconds of training before anything is counted
TICK = 16  # ms of the timer whose gaps are measured


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Gaps of a 16 ms timer in the window while it trains with live plots, and its speed."""
    seconds = asked.seconds or 30.0
    root = Path(asked.data_root) if asked.data_root else None
    config = with_values(presets.find(asked.preset or "ddpm-digits"), {"train.steps": 10**6})
    with tempfile.TemporaryDirectory() as folder:
        def request(name: str) -> Train:
            return Train(config, Path(folder) / name, device="cpu", data_root=root)

        before = _apart(request("before"), seconds)
        gaps, beside = _in_window(request("window"), seconds, Path(folder))
        after = _apart(request("after"), seconds)
    if not before or not after or len(gaps) == 0:
        raise StudioError("Too few steps to compare", f"{seconds:.0f} s were not enough for two",
                          "measure for longer with --seconds")
    return {
        "p99_ms": float(np.percentile(gaps, 99)), "max_ms": float(gaps.max()),
        "p50_ms": float(np.median(gaps)), "ratio_to_headless": 2.0 * beside / (before + after),
        "steps_per_second": beside, "ticks": len(gaps), "seconds": seconds,
    }


def _apart(request: Train, seconds: float) -> float:
    """Measure a training without a window in a process of its own.

    OpenMP keeps threads for every thread that ever computed, and more of them than cores make all
    of them slower: in one process the first measurement would slow down the second.
    """
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawning) as pool:
        return pool.submit(_headless, request, seconds).result()


def _headless(request: Train, seconds: float) -> float:
    """Return the steps a second of a training without a window."""
    events, counted = engine.run(request), Steps()
    for event in events:
        if isinstance(event, Progress) and counted.add(event, seconds):
            break
    events.close()  # type: ignore[attr-defined]
    return counted.rate


class Steps:
    """Counts a training's steps, once it has warmed up."""

    def __init__(self) -> None:
        self._began = 0.0  # when the first step was done: a preview comes before it
        self._first: tuple[int, float] | None = None
        self.rate = 0.0

    def add(self, told: Progress, seconds: float) -> bool:
        """Take in where training is; return whether it was measured for `seconds`."""
        now = time.perf_counter()
        if told.unit != "steps" or not told.step:
            return False
        self._began = self._began or now
        if now - self._began < WARM_UP:
            return False
        if self._first is None:
            self._first = (told.step, now)
        step, began = self._first
        if now > began:
            self.rate = (told.step - step) / (now - began)
        return now - began >= seconds


def _in_window(request: Train, seconds: float, folder: Path) -> tuple[np.ndarray, float]:
    """Train in the real window with its page of curves in front; return gaps in ms and speed."""
    os.environ["HYBRIDSTUDIO_SETTINGS"] = str(folder / "settings")
    os.environ["HYBRIDSTUDIO_RUNS"] = str(folder)
    app = application()
    from PySide6.QtCore import Qt, QTimer

    from hybridstudio.gui.window import Window
    from hybridstudio.gui.wishes import Open

    window = Window()
    window.resize(1280, 720)
    window.show()
    window.start()
    window.ask(request)
    counted, ticks = Steps(), list[float]()

    def tick() -> None:
        if counted.rate:
            ticks.append(time.perf_counter())

    def hear(event: object) -> None:
        if isinstance(event, Progress) and counted.add(event, seconds):
            window.training.stop()
            timer.stop()

    timer = QTimer(timerType=Qt.TimerType.PreciseTimer, interval=TICK)
    timer.timeout.connect(tick)
    timer.start()
    window.training.told.connect(hear)
    window.training.state_changed.connect(lambda state: app.quit() if state == "idle" else None)
    QTimer.singleShot(1000, lambda: window.ask(Open("train", request.out)))
    app.exec()
    window.close()
    while window.is_working or window.warming.busy or window.library.lane.busy:
        app.processEvents()
    return np.diff(ticks) * 1000.0, counted.rate
