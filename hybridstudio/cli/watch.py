"""Following the engine: shows its events as they come, and stops it when asked to."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import cast

from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from hybridstudio import telling
from hybridstudio.cli.screen import Screen
from hybridstudio.messages import Done, Event, Frame, Notice, Progress, Request, Saved, Started
from hybridstudio.telling import duration, number

TOLD = ("loss/", "p/", "critic/", "test/")  # of the values whose names have parts
EVERY = 5.0  # seconds between plain lines where the output is no terminal


@dataclass
class Watched:
    """How it went: the exit code, the last progress, and Done unless it was cancelled."""

    code: int = 0
    progress: Progress | None = None
    done: Done | None = None


def run(request: Request, screen: Screen, seen: Callable[[Event], None] | None = None) -> Watched:
    """Do a request, showing its events; each is also handed to `seen`.

    Ctrl-C and SIGTERM close the engine's generator, which saves a training on its way out; the
    exit code then is 130 or 143. A second one leaves at once.
    """
    from hybridstudio import engine  # brings torch, which --help does not wait for

    watched = Watched()
    told = cast(Generator[Event], engine.run(request))
    with stopping() as stop, _shown(screen) as show, closing(told) as events:
        for event in events:
            show(event)
            if seen is not None:
                seen(event)
            if isinstance(event, Progress):
                watched.progress = event
            elif isinstance(event, Done):
                watched.done = event
            if stop.code and watched.done is None:
                break
    watched.code = 0 if watched.done is not None else stop.code
    return watched


# --- stopping -------------------------------------------------------------------------------------


@dataclass
class Stop:
    """Whether a signal asked to stop: 0, or the exit code that tells which one (128 + number)."""

    code: int = 0


@contextmanager
def stopping() -> Iterator[Stop]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into a wish to stop; the second ends the process."""
    stop = Stop()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if stop.code:
            os._exit(128 + number)
        stop.code = 128 + number
        # Not print: the signal may have come in the middle of one.
        os.write(2, b"\nStopping after this step. Once more leaves at once.\n")

    signals = [signal.SIGINT, signal.SIGTERM]
    # Under nohup a closed terminal is to be ignored.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    before = {number: signal.signal(number, on_signal) for number in signals}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# --- showing --------------------------------------------------------------------------------------


@contextmanager
def _shown(screen: Screen) -> Iterator[Callable[[Event], None]]:
    """Show events as a live bar on a terminal, and as plain lines anywhere else."""
    if not screen.console.is_terminal:
        yield Lines(screen)
        return
    room = screen.console.width - 66  # beside the words, which a narrow terminal needs more
    columns = (BarColumn(bar_width=max(6, min(40, room))), TextColumn("{task.fields[told]}"))
    with Bars(*columns, console=screen.console, transient=True) as bars:
        yield Live(screen, bars)


class Lines:
    """Shows events as plain lines, progress every few seconds."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._last = -EVERY

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Progress):
            if time.monotonic() - self._last < EVERY and event.step != event.total:
                return
            self._last = time.monotonic()
            self._screen.say(progress_words(event))
        else:
            say(event, self._screen)


class Live:
    """Shows progress as a bar that moves in place, other events above it."""

    def __init__(self, screen: Screen, bars: Bars) -> None:
        self._screen, self._bars = screen, bars
        self._task: TaskID | None = None

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Progress):
            self._move(event.step, event.total, progress_words(event, short=True))
        elif isinstance(event, Frame):
            self._move(event.step, event.steps, f"step {event.step} of {event.steps}")
        else:
            say(event, self._screen)

    def _move(self, step: int, total: int | None, told: str) -> None:
        if self._task is None:
            self._task = self._bars.add_task("", total=total, told=told)
        self._bars.update(self._task, completed=step, total=total, told=told)


def say(event: Event, screen: Screen) -> None:
    """Print the events that are told once: the start, a save, a notice."""
    match event:
        case Started():
            where = f" · {event.run}" if event.run is not None else ""
            screen.say(f"{event.what} · {event.device}{where}")
            for network, count in event.parameters.items():
                screen.say(f"  {network}: {count:,} parameters", "dim")
        case Saved():
            screen.say(f"saved step {event.step:,}", "dim")
        case Notice():
            screen.notice(event.what, event.why, event.fix, event.level)


def told_values(values: Mapping[str, float]) -> list[str]:
    """Tell the values that say how learning goes; the many of bands and networks are for curves."""
    return [f"{name} {number(value)}" for name, value in values.items()
            if "/" not in name or (name.startswith(TOLD) and not name.startswith("loss/band-"))]


def progress_words(event: Progress, short: bool = False) -> str:
    """Tell progress in one line: steps, losses, rate, time left, memory."""
    if event.total is None:
        words = [f"{event.unit} {event.step:,}"]
    elif short:
        words = [f"{event.step:,}/{event.total:,}"]
    else:
        words = [f"{event.unit} {event.step:,} of {event.total:,}"]
    words += told_values(event.values)
    if event.rate > 0:
        words.append(f"{number(event.rate)}/s" if short else
                     f"{number(event.rate)} {event.unit}/s")
    if event.left is not None:
        words.append(f"{duration(round(event.left))} left")
    if event.memory:
        words.append(telling.bytes(event.memory))
    return " · ".join(words)
