"""The queue: trainings that wait for the training lane and go through it one after the other.

It begins only when it is told to, and goes on after a training that failed. A training that is
stopped by hand stops the queue as well, and waits to be gone on with.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from hybridstudio import runs
from hybridstudio.errors import StudioError
from hybridstudio.gui import queuefile
from hybridstudio.gui.queuefile import Queued
from hybridstudio.messages import Done, Event, Train
from hybridstudio.telling import number


class Queue(QObject):
    """Trainings in their order; `wanted` asks for the next one, `changed` tells of any change.

    Whoever trains tells `on_event`, `on_failed` and, when the lane rests, `on_rest`.
    """

    changed = Signal()
    wanted = Signal(object)  # Train or Resume
    failed = Signal(object)  # a StudioError: the queue's file cannot be written

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.items: list[Queued] = []
        self.is_running = False
        self._current: Path | None = None  # what trains now, by its folder
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._next)

    def load(self) -> None:
        """Take up the queue as it was left; nothing begins."""
        self.items = queuefile.read()
        self.changed.emit()

    # --- what a user does -------------------------------------------------------------------------

    def add(self, requests: Iterable[Train]) -> None:
        """Let trainings wait at the end; one whose folder waits already takes its place."""
        for request in requests:
            item = Queued(request)
            place = self._place(request.out)
            if place is None:
                self.items.append(item)
            elif self.items[place].state != "training":
                self.items[place] = item
        self._keep()
        if self.is_running:
            self._soon.start()

    def remove(self, place: int) -> None:
        """Take one out of the queue; the one that trains stays. Its folder is left alone."""
        if 0 <= place < len(self.items) and self.items[place].state != "training":
            del self.items[place]
            self._keep()

    def clear_done(self) -> None:
        """Take out all that are done."""
        self.items = [item for item in self.items if item.state != "done"]
        self._keep()

    def move(self, place: int, by: int) -> int:
        """Move one up (by -1) or down; returns its new place."""
        to = place + by
        if 0 <= place < len(self.items) and 0 <= to < len(self.items):
            self.items.insert(to, self.items.pop(place))
            self._keep()
            return to
        return place

    def again(self, place: int) -> None:
        """Let one that failed wait once more."""
        if 0 <= place < len(self.items) and self.items[place].state == "failed":
            self.items[place] = replace(self.items[place], state="waiting", reason="")
            self._keep()

    def start(self) -> None:
        """Train what waits, from the top on, as soon as the lane is free."""
        self.is_running = True
        self.changed.emit()
        self._soon.start()

    def hold(self) -> None:
        """Begin no other; what trains goes on to its end."""
        self.is_running = False
        self._soon.stop()
        self.changed.emit()

    @property
    def waits(self) -> int:
        """How many wait."""
        return sum(item.state == "waiting" for item in self.items)

    # --- what the training tells ------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """Take how a training of the queue ended."""
        if self._current is None or not isinstance(event, Done):
            return
        steps = event.result.get("steps")
        if event.outcome == "stopped":
            at = f" at step {number(steps)}" if isinstance(steps, int) else ""
            self.is_running = False
            self._end("waiting", f"Stopped{at}")
        else:
            self._end("done")

    def on_failed(self, error: StudioError) -> None:
        """Take why a training of the queue failed; the next one goes on."""
        if self._current is not None:
            self._end("failed", ": ".join(part for part in (error.what, error.why) if part))

    def on_rest(self) -> None:
        """Begin the next one, as the lane is free."""
        if self._current is not None:  # it ended without a word
            self._end("waiting", "It ended early")
        if self.is_running:
            self._soon.start()

    # --- inside -----------------------------------------------------------------------------------

    def _next(self) -> None:
        if not self.is_running or self._current is not None:
            return
        place = next((at for at, one in enumerate(self.items) if one.state == "waiting"), None)
        if place is None:
            self.is_running = False
            self.changed.emit()
            return
        item = self.items[place]
        folder = item.request.out
        self._current = folder
        with suppress(StudioError):
            if (folder / "run.toml").is_file():
                run = runs.read(folder)
                if run.step >= (item.request.steps or item.request.config.train.steps):
                    self._skip("done")
                    return
                if run.state == "training":
                    self._skip("failed", "It is being trained in another process")
                    return
        self.items[place] = replace(item, state="training", reason="")
        self._keep()
        self.wanted.emit(item.asks())

    def _skip(self, state: queuefile.State, reason: str = "") -> None:
        self._end(state, reason)
        self._soon.start()

    def refused(self) -> None:
        """Take that the lane is busy with another training: this one waits until it is free."""
        if self._current is not None:
            self._end("waiting")

    def _end(self, state: queuefile.State, reason: str = "") -> None:
        folder, self._current = self._current, None
        place = self._place(folder)
        if place is not None:
            self.items[place] = replace(self.items[place], state=state, reason=reason)
        self._keep()

    def _place(self, folder: Path | None) -> int | None:
        return next((place for place, item in enumerate(self.items)
                     if item.request.out == folder), None)

    def _keep(self) -> None:
        try:
            queuefile.write(self.items)
        except OSError as error:
            self.failed.emit(error)
        self.changed.emit()
