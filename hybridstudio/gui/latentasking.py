"""Asking for what the hand wants to see: the newest wins, one at a time, first a draft.

    asking = Asking(panel.requested.emit)
    asking.want(request, draft=4)     # the hand moves: a draft soon, the whole when it rests
    asking.want(request, 4, side=8)   # of a sheet: of fewer pictures where they would take too long
    asking.answer(request, event)     # everything that the panel hears; others' is let go
    asking.drawn                      # (what was wanted, Decoded)
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QObject, QTimer, Signal

from hybridstudio import latents
from hybridstudio.config.models.base import Space
from hybridstudio.gui.latentstate import How, Spot
from hybridstudio.messages import Codes, Decode, Decoded, Done, Encoded, Event, Place
from hybridstudio.runs import Run

Places = npt.NDArray[np.intp]
SOON = 16  # ms between two requests, about a frame of the screen
AIM = 0.12  # seconds that the draft of a sheet may take
RESTED = 140  # ms after which a hand counts as resting
MOST_PLACED = 4000  # codes of seeds carried over to another space


class Asking(QObject):
    """Sends one `Decode` at a time for what is wanted now; `drawn` tells what came of which.

    What is wanted is never sent while an earlier one is being drawn, unless that one is the long
    whole of a picture whose draft is there: then it is replaced.
    """

    drawn = Signal(object, object)  # the Decode that was wanted, its Decoded
    changed = Signal()  # whether something is being drawn

    def __init__(self, send: Callable[[object], object], parent: QObject) -> None:
        super().__init__(parent)
        self._send = send
        self._wanted: Decode | None = None
        self._draft: int | None = None
        self._sent: Decode | None = None  # what is being drawn
        self._sent_for: Decode | None = None
        self._is_whole = True  # whether it is more than a draft
        self._side = 0  # of the sheet that is wanted
        self._cost = 0.0  # seconds of a picture's evaluation in a draft, as far as it is known
        self._nearest: Places | None = None  # of a sheet's cells, among the drafted
        self.count = 0  # pictures that the last draft drew
        self._soon = QTimer(self, interval=SOON, singleShot=True)
        self._soon.timeout.connect(self._next)
        self._rested = QTimer(self, interval=RESTED, singleShot=True)
        self._rested.timeout.connect(self._next)

    @property
    def is_drawing(self) -> bool:
        """Whether something is wanted that is not there yet."""
        return self._sent is not None or self._wanted is not None

    def want(self, request: Decode, draft: int | None = None, side: int = 0) -> None:
        """Ask for codes' pictures; with `draft`, first for what so few evaluations make of them.

        Where they fill a sheet, `side` cells wide, and the draft of all would take too long, some
        are drawn, spread evenly with the corners among them, and shown in their neighbours' cells.
        """
        self._wanted, self._draft, self._side = request, draft, side
        self._rested.start()
        if not self._soon.isActive():
            self._next()
            self._soon.start()
        self.changed.emit()

    def drop(self) -> None:
        """Want nothing any more; what is still told is let go."""
        self._wanted = self._sent = self._sent_for = None
        self._soon.stop()
        self._rested.stop()
        self.changed.emit()

    def answer(self, request: object, event: Event) -> bool:
        """Take an event; returns whether it belongs to what was sent last."""
        if self._sent is None or request is not self._sent:
            return False
        if isinstance(event, Decoded):
            self.drawn.emit(self._sent_for, event if self._is_whole else self._spread(event))
        elif isinstance(event, Done):
            if event.outcome == "stopped":  # by the user, or another page has the lane now
                self.drop()
            else:
                self._sent = None
                self._next()
                self.changed.emit()
        return True

    def failed(self, request: object) -> bool:
        """Take note that a request failed; returns whether it was the one sent last."""
        if self._sent is None or request is not self._sent:
            return False
        self.drop()
        return True

    def _next(self) -> None:
        """Send what is wanted, once its turn has come."""
        wanted, rests = self._wanted, not self._rested.isActive()
        may_replace = self._is_whole and self._draft is not None and not self._soon.isActive()
        if wanted is None or (self._sent is not None and not may_replace):
            return
        if self._draft is None or (rests and self._sent_for is wanted):
            self._wanted, self._is_whole = None, True
            request = wanted if self._draft is None else replace(wanted)
        elif self._sent_for is wanted:
            return  # its draft is there; the whole comes when the hand rests
        else:
            self._is_whole = False
            request = self._drafted(wanted, self._draft)
        self._sent, self._sent_for = request, wanted
        self._send(request)

    def _drafted(self, wanted: Decode, nfe: int) -> Decode:
        """Return the request for a draft, of as many pictures as there is time for."""
        self._nearest = None
        affordable = math.isqrt(int(AIM / (self._cost * nfe))) if self._cost else self._side
        if affordable >= self._side:
            return replace(wanted, nfe=nfe)
        places, self._nearest = thinned(self._side, max(2, affordable))
        labels = tuple(wanted.labels[place] for place in places) if wanted.labels else ()
        return replace(wanted, nfe=nfe, codes=wanted.codes[places], labels=labels)

    def _spread(self, event: Decoded) -> Decoded:
        """Return a draft with a picture for every cell, and learn what it cost."""
        self.count = len(event.images)
        if self.count and event.nfe:
            cost = event.seconds / (self.count * event.nfe)
            self._cost = (self._cost + cost) / 2 if self._cost else cost
        images = event.images if self._nearest is None else event.images[self._nearest]
        return replace(event, images=images, is_draft=True)


def thinned(side: int, kept: int) -> tuple[Places, Places]:
    """Return which cells of a square sheet stand for all, and the nearest of them to each cell.

    `kept` of `side` in both directions, the outermost among them; the first are places in the
    sheet (kept²), the second places among the first (side²).
    """
    lines = np.linspace(0, side - 1, kept).round().astype(np.intp)
    near = np.abs(np.arange(side)[:, None] - lines).argmin(axis=1)
    places = (lines[:, None] * side + lines).ravel()
    return places, (near[:, None] * kept + near).ravel()


class Coder(QObject):
    """Knows the codes of places: computed for normal spaces, asked of the engine for others."""

    known = Signal()  # codes that were missing are there

    def __init__(self, send: Callable[[object], object], parent: QObject) -> None:
        super().__init__(parent)
        self._send = send
        self._placed: OrderedDict[Hashable, Codes] = OrderedDict()
        self._sent: Place | None = None
        self._keys: list[Hashable] = []

    def codes(self, run: Run, how: How, space: Space, spots: Sequence[Spot]) -> Codes | None:
        """Return the codes (N, D) of places; None where they must be asked for first."""
        if space.is_normal:
            return np.stack([latents.code_of_seed(space, spot.seed) if spot.code is None
                             else spot.code for spot in spots])
        keys = {spot.seed: self._key(run, how, spot.seed) for spot in spots if spot.is_seed}
        missing = [seed for seed, key in keys.items() if key not in self._placed]
        if missing:
            self._ask(run, how, space, missing, [keys[seed] for seed in missing])
            return None
        return np.stack([self._placed[keys[spot.seed]] if spot.code is None else spot.code
                         for spot in spots])

    def answer(self, request: object, event: Event) -> bool:
        """Take an event; returns whether it belongs to what was asked for here."""
        if self._sent is None or request is not self._sent:
            return False
        if isinstance(event, Encoded):
            self._placed.update(zip(self._keys, event.codes, strict=True))
            while len(self._placed) > MOST_PLACED:
                self._placed.popitem(last=False)
        elif isinstance(event, Done):
            self._sent = None
            if event.outcome != "stopped":
                self.known.emit()
        return True

    def _key(self, run: Run, how: How, seed: int) -> Hashable:
        step = how.step or (run.checkpoints[-1] if run.checkpoints else None)
        return run.path, how.space, how.knobs, how.mix, how.weights, step, seed

    def _ask(self, run: Run, how: How, space: Space, seeds: list[int],
             keys: list[Hashable]) -> None:
        home = next(other for other in run.config.model.spaces(run.config.shape)
                    if other.name == space.follows)
        self._keys = keys
        self._sent = Place(run.path, latents.codes_of_seeds(home, seeds), space.name,
                           dict(how.mix), dict(how.knobs), how.step, how.weights)
        self._send(self._sent)
