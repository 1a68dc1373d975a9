"""What a panel may ask of the window besides the engine's requests, through the same signal.

    self.requested.emit(Draw(run))            # work: goes to a lane, its events come to on_event
    self.requested.emit(Stop(run))            # steers the training of a run, in whichever process
    self.requested.emit(Open("denoise", run)) # another page
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridstudio.config import RunConfig
from hybridstudio.errors import StudioError
from hybridstudio.messages import Notice


@dataclass(frozen=True)
class Stop:
    """End the training of `run` at the next step and keep everything; None: the one in here."""

    run: Path | None = None


@dataclass(frozen=True)
class Pause:
    """Let the training of `run` wait, or go on."""

    run: Path | None = None
    on: bool = True


@dataclass(frozen=True)
class Save:
    """Let the training of `run` write a checkpoint now."""

    run: Path | None = None


@dataclass(frozen=True)
class Step:
    """Let one network alone learn for `count` steps in the training of `run`, which is paused."""

    run: Path
    network: str
    count: int = 1


@dataclass(frozen=True)
class Cancel:
    """End the interactive work that the panel asked for."""


@dataclass(frozen=True)
class Open:
    """Show a page, by its name in PANELS, with a run; None keeps the run that is chosen.

    `settings` are those of a drawing, which the page Denoise takes up; with `begins` the page does
    at once what it is there for, unless it has already.
    """

    panel: str
    run: Path | None = None
    settings: Mapping[str, Any] | None = None
    begins: bool = False


@dataclass(frozen=True)
class SetUp:
    """Show the page for a new run, filled in from a config."""

    config: RunConfig


@dataclass(frozen=True)
class Compare:
    """Put a run beside those that are compared, and show them."""

    run: Path


@dataclass(frozen=True)
class Paint:
    """Show the canvas on which a distribution of points is painted."""


@dataclass(frozen=True)
class Look:
    """Open whatever lies at a path, as if it had been dropped on the window."""

    path: Path


@dataclass(frozen=True)
class Tell:
    """Show a notice or an error in the window's banner, for what has no better place."""

    what: Notice | StudioError


Wish = Stop | Pause | Save | Step | Cancel | Open | SetUp | Paint | Compare | Look | Tell
