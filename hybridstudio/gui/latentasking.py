"""Asking for what the hand wants to see: the newest wins, one at a time, first a draft.

    asking = Asking(panel.requested.emit)
    asking.want(request, draft=4)     # the hand moves: a draft soon, the whole when it rests
    asking.answer(request, event)     # everything that the panel hears; others' is let go
    asking.drawn                      # (what was wanted, Decoded)
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from hybridstudio import latents
from hybridstudio.config.models.base import Space
from hybridstudio.gui.latentstate import How, Spot
from hybridstudio.messages import Codes, Decode, Decoded, Done, Encoded, Event, Place
from hybridstudio.runs import Run

SOON = 16  # ms between two requests, about a frame of the screen
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
        self._soon = QTimer(self, interval=SOON, singleShot=True)
        self._soon.timeout.connect(self._next)
        self._rested = QTimer(self, interval=RESTED, singleShot=True)
        self._rested.timeout.connect(self._next)

    @property
    def is_drawing(self) -> bool:
        """Whether something is wanted that is not there yet."""
        return self._sent is not None or self._wanted is not None

    def want(self, request: Decode, draft: int | None = None) -> None:
        """Ask for codes' pictures; with `draft`, first for what so few evaluations make of them."""
        self._wanted, self._draft = request, draft
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
            self.drawn.emit(self._sent_for, replace(
                event, is_draft=event.is_draft or not self._is_whole))
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
            request = replace(wanted, nfe=self._draft)
        self._sent, self._sent_for = request, wanted
        self._send(request)


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
