"""The films that the drawing panel keeps: going back to settings drawn before is a lookup. No Qt.

One piece of work is under way at most: a drawing that is watched, one that is made beside what is
shown, or a drawing made again for the frames that its film let go.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from hybridstudio.gui.drawing import DrawSettings
from hybridstudio.gui.film import Film
from hybridstudio.messages import Draw, Frame
from hybridstudio.runs import Run

LIMIT = 640 << 20  # bytes of all films together; the one that is shown always stays

Kind = Literal["drawn", "beside", "again"]


@dataclass
class Work:
    """What the engine was asked for, and the film that it goes into."""

    kind: Kind
    run: Path
    settings: DrawSettings
    film: Film = field(default_factory=Film)
    wanted: range = range(0)  # steps, of a drawing that is made again
    has_begun: bool = False


@dataclass(frozen=True)
class Reel:
    """A film that is kept, and what it was drawn with."""

    run: Path
    settings: DrawSettings
    film: Film


class Reels:
    """The film that is shown, those kept, and the work under way."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._kept: list[Reel] = []  # the newest last
        self.film = Film()
        self.drawn: DrawSettings | None = None  # what the film was drawn with
        self._stays = False  # whether the same settings draw the same frames again
        self.work: Work | None = None

    def leave(self) -> None:
        """Show no film; those kept stay."""
        self.film, self.drawn, self.work = Film(), None, None

    @property
    def is_watched(self) -> bool:
        """Whether what is being drawn is what is shown, and not made beside it."""
        return self.work is None or self.work.kind == "drawn"

    # --- asking -----------------------------------------------------------------------------------

    def draw(self, run: Run, settings: DrawSettings, kind: Kind = "drawn") -> Draw:
        """Begin a drawing; returns the request for it."""
        self.work = Work(kind, run.path, settings.settled(run))
        return (settings if kind == "drawn" else self.work.settings).request(run)

    def again(self, run: Run, step: int) -> Draw | None:
        """Begin to make the frames around a step again, where that is possible."""
        if self.drawn is None or not self._stays or not self.film.lacks(step):
            return None
        self.work = Work("again", run.path, self.drawn, self.film, self.film.wait_for(step))
        return self.drawn.request(run)

    # --- what is told -----------------------------------------------------------------------------

    def begin(self, run: Run | None) -> None:
        """Take the start of the work: what is drawn to be watched takes the place of the film."""
        work = self.work
        if work is None:
            work = self.work = Work("drawn", Path(), DrawSettings())
        if work.kind == "drawn":
            self.film, self.drawn = work.film, work.settings
            self._stays = run is not None and _is_still(run, work.settings)
        work.has_begun = True

    def add(self, frame: Frame) -> bool:
        """Take a frame; returns whether it belongs to the film that is shown."""
        work = self.work
        if work is None or work.kind == "drawn":
            self.film.add(frame)
            return True
        if work.kind == "again":
            return work.film.take_again(frame) and work.film is self.film
        work.film.add(frame)
        return False

    def is_enough(self, frame: Frame) -> bool:
        """Return whether nothing after this frame is wanted."""
        return self.work is not None and self.work.kind == "again" and (
            frame.step >= self.work.wanted.stop - 1)

    def end(self, run: Run | None) -> Work | None:
        """End the work and keep its film where it is whole; returns the work."""
        work, self.work = self.work, None
        if work is not None and work.kind != "again" and work.film.is_whole and (
                run is not None and run.path == work.run and _is_still(run, work.settings)):
            self._keep(Reel(work.run, work.settings, work.film))
        return work

    # --- what is kept -----------------------------------------------------------------------------

    def find(self, run: Run, settings: DrawSettings) -> Film | None:
        """Return the film that these settings draw, where it is kept."""
        wanted = settings.settled(run)
        return next((reel.film for reel in reversed(self._kept)
                     if reel.run == run.path and reel.settings.alike(wanted)), None)

    def show(self, run: Run, settings: DrawSettings) -> bool:
        """Show the film that these settings draw; returns whether it is kept."""
        film = self.find(run, settings)
        if film is None:
            return False
        self.film, self.drawn, self._stays = film, settings.settled(run), True
        return True

    def checkpoints(self, run: Run, settings: DrawSettings) -> set[int]:
        """Return the checkpoints whose film is kept, everything else being the same."""
        return {step for step in run.checkpoints
                if self.find(run, replace(settings, step=step)) is not None}

    def _keep(self, reel: Reel) -> None:
        self._kept = [kept for kept in self._kept if not (
            kept.run == reel.run and kept.settings.alike(reel.settings))] + [reel]
        total = sum(kept.film.bytes for kept in self._kept)
        while total > self._limit and len(self._kept) > 1:
            total -= self._kept.pop(0).film.bytes


def _is_still(run: Run, settings: DrawSettings) -> bool:
    """Tell whether a drawing is from a checkpoint, rather than from a training as it stands."""
    return settings.step is not None or run.state != "training"
