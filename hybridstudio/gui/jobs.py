"""Work in threads: a lane does one request at a time and tells its events in the window's thread.

    lane = Lane("training")                      or Lane("interactive", newest_wins=True)
    lane.submit(Train(...))                      begins, or replaces what the lane was doing
    lane.told.connect(panel.on_event)           every event; all work ends with Done or `failed`
    lane.failed.connect(panel.show_error)        a StudioError
    lane.pause(True); lane.stop()                between two events of the work

The thread puts events into a bounded box; a timer takes them out at 25 Hz, and only while something
runs. A flood of signals would stall the window, this does not. The newest Progress and Preview
replace older ones that were not taken yet; everything else arrives, in order.
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Literal

from PySide6.QtCore import QObject, QThread, QTimer, Signal

from hybridstudio.errors import StudioError, UsageError, translate
from hybridstudio.messages import Done, Event, Preview, Progress, Request, Started

State = Literal["idle", "starting", "running", "paused", "stopping"]
Engine = Callable[[Any], Iterator[Any]]  # a request in, events out

EVERY = 66  # ms between looks into the box, where the lane is not told otherwise
SOON = 16  # ms until the next look where one was not enough
AT_ONCE = 0.008  # seconds that one look may take, so that a frame of the screen is not missed
ROOM = 256  # events in a box; a thread that is faster waits
NICE = 5  # of a thread that works, beside the window's 0
_END = object()


def engine(request: Request) -> Iterator[Event]:
    """Do a request with the real engine; torch is loaded here, in the thread, when first needed."""
    from hybridstudio.engine import run

    return run(request)


def warm_up(_request: object) -> Iterator[Started]:
    """Load torch and the engine, as an engine of a lane; tells what the machine is."""
    import hybridstudio.engine  # noqa: F401
    from hybridstudio.config import TrainConfig
    from hybridstudio.engine import runtime

    on = runtime.device("auto")
    yield Started("ready", device=runtime.describe(on, runtime.precision(TrainConfig(), on)))


class Box:
    """A bounded queue from one thread to the window: newest Progress and Preview win.

    The last word of the work, Done or an error, always finds room.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._waiting: collections.deque[Any] = collections.deque()
        self._room = room
        self._changed = threading.Condition()

    def put(self, event: Any, give_up: Callable[[], bool] = bool) -> None:
        """Add an event; waits while the box is full, until `give_up()` says not to."""
        with self._changed:
            if isinstance(event, (Progress, Preview)):
                older = next((e for e in self._waiting if type(e) is type(event)), None)
                if older is not None:
                    self._waiting = collections.deque(e for e in self._waiting if e is not older)
            while len(self._waiting) >= self._room and not isinstance(event, (Done, StudioError)):
                if give_up():
                    return
                self._changed.wait(0.05)
            self._waiting.append(event)

    def take(self) -> Any:
        """Take the oldest event out, or None when there is none."""
        with self._changed:
            if not self._waiting:
                return None
            self._changed.notify()
            return self._waiting.popleft()


def _give_way() -> None:
    """Let the window's thread go first on a busy processor, and those that this one begins too."""
    if sys.platform == "linux":  # where QThread's own priorities say nothing
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


class Job(QThread):
    """One request being done. What it tells goes into `box`; a failure goes in as StudioError."""

    def __init__(self, request: Any, engine: Engine, parent: QObject) -> None:
        super().__init__(parent)
        self.setObjectName(type(request).__name__)
        self.request = request
        self.box = Box()
        self._engine = engine
        self._go = threading.Event()
        self._go.set()

    def pause(self, on: bool) -> None:
        """Ask for no further event, or go on."""
        if on:
            self._go.clear()
        else:
            self._go.set()

    def stop(self) -> None:
        """End between two events; the work's own cleanup runs in its thread."""
        self.requestInterruption()
        self._go.set()

    def run(self) -> None:
        """Drive the generator to its end, or until stopped."""
        _give_way()
        try:
            last = None
            events = self._engine(self.request)
            try:
                while self._may_go_on() and (event := next(events, _END)) is not _END:
                    self.box.put(event, self.isInterruptionRequested)
                    last = event
            finally:
                close = getattr(events, "close", None)
                if close is not None:
                    close()
                # The engine's tensors must not outlive the work, nor be freed in another thread.
                del events
            if not isinstance(last, Done):
                stopped = self.isInterruptionRequested()
                self.box.put(Done("stopped" if stopped else "finished"))
        except BaseException as error:  # what leaves run() is lost, and may end the process
            self.box.put(translate(error))

    def _may_go_on(self) -> bool:
        self._go.wait()
        return not self.isInterruptionRequested()


class Lane(QObject):
    """Does one request at a time in a thread; see the module's docstring."""

    told = Signal(object)  # an event: not named `event`, which is a method of every QObject
    failed = Signal(object)  # StudioError
    state_changed = Signal(str)

    def __init__(self, name: str, newest_wins: bool = False, engine: Engine = engine,
                 parent: QObject | None = None, every: int = EVERY) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.state: State = "idle"
        self.request: Any = None  # what is being done, or was last
        self._engine, self._newest_wins = engine, newest_wins
        self._job: Job | None = None
        self._next: Any = None
        self._is_stale = False  # what the thread still tells is of no interest
        self._is_over = False  # the last word has been told
        self._every = every
        self._timer = QTimer(self, interval=every)
        self._timer.timeout.connect(self._look)

    @property
    def busy(self) -> bool:
        """Whether a thread runs, or what it told is still being told."""
        return self._job is not None

    def submit(self, request: Any) -> None:
        """Begin a request; in an interactive lane it replaces what is being done.

        Raises UsageError in the other lane while it is busy.
        """
        if self._job is None:
            self._begin(request)
        elif self._newest_wins or self._is_over:
            self._next = request
            self._is_stale = not self._is_over
            self._job.stop()
        else:
            raise UsageError("A training is running in this window", "one runs at a time",
                             "stop it first, or let it go on in a process of its own")

    def stop(self) -> None:
        """End what is being done at its next event, and drop what waits."""
        self._next = None
        if self._job is not None:
            self._job.stop()
            self._enter("stopping")

    def pause(self, on: bool = True) -> None:
        """Wait at the next event, or go on."""
        if self._job is not None and self.state != "stopping":
            self._job.pause(on)
            self._enter("paused" if on else "running")

    # --- inside -----------------------------------------------------------------------------------

    def _begin(self, request: Any) -> None:
        self.request, self._next = request, None
        self._is_stale = self._is_over = False
        self._job = Job(request, self._engine, self)
        self._job.finished.connect(self._look)
        _running.add(self._job)
        self._enter("starting")
        self._timer.start()
        self._job.start(QThread.Priority.LowPriority)

    def _look(self) -> None:
        """Tell what lies in the box, for at most a few milliseconds; rest when it was the last."""
        job = self._job
        if job is None:
            return
        has_ended = job.isFinished()  # asked first: nothing can come into the box after it
        until = time.monotonic() + AT_ONCE
        while (told := job.box.take()) is not None:
            self._tell(told)
            if time.monotonic() >= until:
                self._timer.setInterval(SOON)
                return
        self._timer.setInterval(self._every)
        if has_ended:
            self._rest(job)

    def _tell(self, told: Any) -> None:
        if self._is_stale:
            return
        if self.state == "starting" and not isinstance(told, StudioError):
            self._enter("running")
        self._is_over = isinstance(told, (Done, StudioError))
        (self.failed if isinstance(told, StudioError) else self.told).emit(told)

    def _rest(self, job: Job) -> None:
        job.wait()
        self._job = None
        _running.discard(job)
        job.deleteLater()
        if self._is_stale and self._next is None:
            self.told.emit(Done("stopped"))  # replaced, and the replacement was stopped
        elif self._next is not None:
            self._begin(self._next)
            return
        self._timer.stop()
        self._enter("idle")

    def _enter(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)


_running: set[Job] = set()


@atexit.register
def end_all(seconds: float = 10.0) -> bool:
    """Stop every thread and block until all have ended; returns whether they have.

    Called once more when Python ends: Qt aborts a program that ends with a thread running.
    """
    until = time.monotonic() + seconds
    for job in (jobs := list(_running)):
        job.stop()
    return all(job.wait(max(0, int(1000 * (until - time.monotonic())))) for job in jobs)
