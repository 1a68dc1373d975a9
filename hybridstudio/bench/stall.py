"""How smooth the window stays while it trains, and what its being open costs the training.

Shared machines change their speed by a tenth from one minute to the next, which is more than the
window costs. So both trainings live at once, in two processes of which one always stands still,
and take turns of a few seconds: whatever slows one slows the other too. The timer whose gaps tell
how smooth the window is wakes it 60 times a second, which costs the training more than the window
does: it runs in turns of its own, and the speed beside it is told apart.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import psutil

from hybridstudio import engine, presets
from hybridstudio.bench.screen import application
from hybridstudio.config import with_values
from hybridstudio.errors import StudioError
from hybridstudio.messages import Progress, Train

TURN = 3.0  # seconds of one turn
SETTLE = 0.7  # seconds of every turn that are not counted
WARM_UP = 5.0  # seconds of training before the first turn
TICK = 16  # ms of the timer whose gaps are measured
OVER = -3  # the turn that says: enough; nobody is timed in it
HEADLESS, WINDOW, TIMED = range(3)  # whose turn it is: its number modulo three


class Turn(Protocol):
    """The number of the turn, shared by the processes."""

    value: int


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Gaps of a 16 ms timer in the window while it trains with live plots, and its speed."""
    seconds = asked.seconds or 30.0
    root = Path(asked.data_root) if asked.data_root else None
    config = with_values(presets.find(asked.preset or "ddpm-digits"), {
        "train.steps": 10**6, "train.save_every": 10**9, "train.preview_every": 10**9})
    rounds = max(2, math.ceil(seconds / (TURN - SETTLE)))
    with tempfile.TemporaryDirectory() as folder:
        requests = [Train(config, Path(folder) / name, device="cpu", data_root=root)
                    for name in ("headless", "window")]
        (headless, _), (window, gaps) = _taking_turns(requests, rounds)
    rates = headless | window
    whole = [first for first in range(0, 3 * rounds, 3)
             if all(first + turn in rates for turn in (HEADLESS, WINDOW, TIMED))]
    if len(whole) < 2 or not gaps:
        raise StudioError("Too few steps to compare", f"{seconds:.0f} s were not enough for two",
                          "measure for longer with --seconds")
    alone, beside, timed = ([rates[first + turn] for first in whole]
                            for turn in (HEADLESS, WINDOW, TIMED))
    pairs = [there / here for here, there in zip(alone, beside, strict=True)]
    return {
        "p99_ms": float(np.percentile(gaps, 99)), "max_ms": max(gaps),
        "p50_ms": statistics.median(gaps), "ratio_to_headless": sum(beside) / sum(alone),
        "ratio_quartiles": [float(np.percentile(pairs, q)) for q in (25, 75)],
        "ratio_with_timer": sum(timed) / sum(alone),
        "steps_per_second": statistics.fmean(beside), "rounds": len(pairs), "ticks": len(gaps),
    }


def _taking_turns(requests: list[Train], rounds: int) -> list[tuple[dict[int, float], list[float]]]:
    """Let a training without a window and one in it alternate; return what each counted."""
    spawning = multiprocessing.get_context("spawn")
    turn = spawning.Value("i", 0)
    players, ends = [], []
    try:
        for work, request in zip((_headless, _in_window), requests, strict=True):
            end, theirs = spawning.Pipe()
            player = spawning.Process(target=work, args=(request, turn, theirs), daemon=True)
            player.start()
            players.append(psutil.Process(player.pid))
            ends.append(end)
            end.recv()  # warm: its training has begun
            players[-1].suspend()
        for number in range(3 * rounds):
            player = players[number % 3 != HEADLESS]
            turn.value = number
            player.resume()
            time.sleep(TURN)
            player.suspend()
        turn.value = OVER
        for player in players:
            player.resume()
        return [end.recv() for end in ends]
    except EOFError as error:
        raise StudioError("A training ended before it was measured", str(error),
                          "run `hybridstudio train` with the same preset to see why") from error
    finally:
        for player in players:
            if player.is_running():
                player.resume()
                player.terminate()


class Count:
    """Counts a training's steps, turn by turn."""

    def __init__(self, turn: Turn, told: Connection) -> None:
        self._turn, self._told = turn, told
        self._began = 0.0  # when the first step was done: loading comes before it
        self._warm = False
        self._number, self._since = OVER, 0.0  # the turn that runs and when it began here
        self._first: tuple[int, float] | None = None
        self._rate = 0.0
        self.rates: dict[int, float] = {}

    def add(self, event: object) -> bool:
        """Take in what a training tells; return whether all turns are over."""
        if not (isinstance(event, Progress) and event.unit == "steps" and event.step):
            return False
        now = time.perf_counter()
        self._began = self._began or now
        if not self._warm:
            if now - self._began > WARM_UP:
                self._warm = True
                self._told.send("warm")
            return False
        number = self._turn.value
        if number != self._number:
            if self._rate:
                self.rates[self._number] = self._rate
            self._number, self._since, self._first, self._rate = number, now, None, 0.0
        elif now - self._since > SETTLE:
            step, began = self._first = self._first or (event.step, now)
            if now > began:
                self._rate = (event.step - step) / (now - began)
        return number == OVER


def _headless(request: Train, turn: Turn, told: Connection) -> None:
    """Train without a window; tell the steps a second of every turn."""
    events, count = engine.run(request), Count(turn, told)
    for event in events:
        if count.add(event):
            break
    events.close()  # type: ignore[attr-defined]
    told.send((count.rates, []))


def _in_window(request: Train, turn: Turn, told: Connection) -> None:
    """Train in the real window with its page of curves in front; tell speeds and gaps in ms."""
    folder = request.out.parent
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
    count, gaps = Count(turn, told), list[float]()
    last = (OVER, 0.0)  # the turn and the time of the last tick

    def tick() -> None:
        nonlocal last
        number, now = turn.value, time.perf_counter()
        if number % 3 != TIMED:
            timer.stop()
        elif number == last[0]:
            gaps.append((now - last[1]) * 1000.0)
        last = number, now

    def hear(event: object) -> None:
        if count.add(event):
            window.training.stop()
            timer.stop()
        elif turn.value % 3 == TIMED and not timer.isActive():
            timer.start()

    timer = QTimer(timerType=Qt.TimerType.PreciseTimer, interval=TICK)
    timer.timeout.connect(tick)
    window.training.told.connect(hear)
    window.training.state_changed.connect(lambda state: app.quit() if state == "idle" else None)
    QTimer.singleShot(1000, lambda: window.ask(Open("train", request.out)))
    app.exec()
    window.close()
    while window.is_working or window.warming.busy or window.library.lane.busy:
        app.processEvents()
    told.send((count.rates, gaps))
