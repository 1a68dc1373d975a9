"""Following a run by its folder: the same for a training in here, elsewhere, or long over.

No Qt, and never more than a few milliseconds at a time, so that a window can call it from a timer:
what a training writes is read at once, a long backlog by a thread that ends with it.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hybridstudio import runs
from hybridstudio.errors import StudioError
from hybridstudio.gui.lines import Mark
from hybridstudio.messages import Notice
from hybridstudio.runs import Run, Series

AT_ONCE = 0.008  # seconds a poll may spend on new records
BACKLOG = 200_000  # bytes behind which a thread does the reading
STRETCH = 0.4  # seconds that it reads before what it has is shown
BREATH = 0.004  # seconds between its chunks, in which the window can take its turn
STATE_EVERY = 1.5  # seconds between looks at state and previews
RATE_OVER = 20  # records that a rate is measured over


@dataclass(frozen=True)
class Pace:
    """How far a training is and how fast: 0 or None where it is not known."""

    step: int = 0
    total: int = 0
    images_per_second: float = 0.0
    seconds: float = 0.0
    left: float | None = None
    memory: int = 0


class Following:
    """What a run's folder holds by now: `poll` looks for more, the rest tells what was found.

    `behind` is how many bytes of the metrics are still to be read, `bad_lines` how many of its
    lines are no records. Raises StudioError where the folder holds no run.
    """

    def __init__(self, path: Path) -> None:
        self.run: Run = runs.read(path)
        self.films: list[tuple[int, Path]] = []
        self.is_paused = False
        self._reader = runs.MetricsReader(path)
        self._thread: threading.Thread | None = None
        self._looked = 0.0
        self.behind = self.bad_lines = 0
        self._take()

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.run.path

    def poll(self) -> bool:
        """Take what is new, within some milliseconds; returns whether there is more to draw."""
        fresh = False
        if self._thread is not None and not self._thread.is_alive():
            self._thread = None
            self._take()
            fresh = True
        if self._thread is None:
            if self.behind < BACKLOG and self._reader.poll(AT_ONCE):
                self._take()
                fresh = True
            if self._reader.behind >= BACKLOG:
                self.behind = self._reader.behind
                self._thread = threading.Thread(
                    target=self._read_on, name="reading", daemon=True)
                self._thread.start()
        if time.monotonic() - self._looked >= STATE_EVERY:
            fresh |= self.look()
        return fresh

    def _read_on(self) -> None:
        until = time.monotonic() + STRETCH
        while self._reader.behind and time.monotonic() < until:
            self._reader.poll(0.0)  # one chunk
            time.sleep(BREATH)

    def _take(self) -> None:
        """Keep what the reader has by now; nothing else looks at it while a thread reads."""
        self._values, self._rates = self._reader.series(), self._reader.series("rates")
        self._events = tuple(self._reader.events)
        self.behind, self.bad_lines = self._reader.behind, self._reader.bad_lines

    def look(self) -> bool:
        """Read state and previews again; returns whether they changed."""
        self._looked = time.monotonic()
        before = (self.run.state, self.is_paused, len(self.films), self.run.checkpoints)
        with suppress(StudioError):  # moved away or being written: the last reading still shows
            self.run = runs.read(self.path)
        self.films = runs.previews(self.path)
        self.is_paused = self.run.state == "training" and runs.is_paused(self.path)
        return before != (self.run.state, self.is_paused, len(self.films), self.run.checkpoints)

    def curves(self) -> dict[str, Series]:
        """Return what was measured by name, against steps and seconds of training."""
        return self._values | self._rates

    def marks(self) -> list[Mark]:
        """Return the moments worth a line: resumptions, notices, failures, the end by hand."""
        found = []
        for event in self._events:
            told = _told(event)
            step = event.get("step")
            if told is not None and isinstance(step, int):
                seconds = float(event.get("seconds") or 0)
                found.append(Mark(step, seconds, told.what, told.level))
        return found

    def notice(self) -> Notice | None:
        """Return the last notice or failure since the training last began, or None."""
        for event in reversed(self._events):
            if event.get("event") in ("started", "resumed"):
                return None
            told = _told(event)
            if told is not None and told.level != "info":
                return told
        return None

    def pace(self) -> Pace:
        """Return how far and how fast the training is, by its records."""
        total, batch = self.run.config.train.steps, self.run.config.train.batch_size
        memory = self._rates.get("memory")
        if memory is None or not memory.steps.size:
            return Pace(self.run.step, total, seconds=self.run.seconds)
        step, seconds = int(memory.steps[-1]), float(memory.seconds[-1])
        before = max(0, memory.steps.size - RATE_OVER)
        passed = seconds - float(memory.seconds[before])
        rate = (step - int(memory.steps[before])) / passed if passed > 0 else 0.0
        left = (total - step) / rate if rate and total >= step else None
        used = int(memory.values[-1]) if np.isfinite(memory.values[-1]) else 0
        # The last records are older than the checkpoint that a stop writes.
        return Pace(max(step, self.run.step), total, rate * batch, seconds, left, used)


def _told(event: dict[str, Any]) -> Notice | None:
    """Tell an event of the records as a notice, or None where it needs no telling."""
    kind, step = event.get("event"), event.get("step")
    words = {key: str(event[key]) for key in ("what", "why", "fix") if event.get(key)}
    at = f" at step {step:,}" if isinstance(step, int) else ""
    if kind == "resumed":
        return Notice(f"Resumed{at}")
    if kind == "done" and event.get("outcome") == "stopped":
        return Notice(f"Stopped{at}")
    if kind == "failed":
        return Notice(words.get("what", f"Failed{at}"), words.get("why", ""),
                      words.get("fix", "resume the run from its last checkpoint"), "error")
    if kind == "notice" and "what" in words:
        level = event.get("level", "warning")
        return Notice(words["what"], words.get("why", ""), words.get("fix", ""),
                      level if level in ("info", "warning", "error") else "warning")
    return None
