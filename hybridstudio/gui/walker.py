"""Drawing the frames of a walk in the background: those at the playhead first, drafts before all.

Once a frame is there, going to it is only a lookup.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QObject, Signal

from hybridstudio.messages import Codes, Decode, Decoded, Done, Event, Images

ONE_PASS, MANY = 64, 16  # codes in a request, where a picture takes one evaluation or many


class Walker(QObject):
    """Draws codes chunk by chunk; `arrived` tells the first frame of a chunk and how many.

    `finished` tells that all frames are there in full quality. Frames of an earlier walk of the
    same length are shown until their own have come.
    """

    arrived = Signal(int, int)
    finished = Signal()

    def __init__(self, send: Callable[[object], object], parent: QObject) -> None:
        super().__init__(parent)
        self._send = send
        self._make: Callable[[Codes], Decode] | None = None
        self._draft: int | None = None
        self._codes: Codes = np.zeros((0, 0), np.float32)
        self.frames: list[Images | None] = []  # each (H, W, C)
        self._quality: list[int] = []  # 0 old or none, 1 a draft, 2 the whole
        self._sent: Decode | None = None
        self._first, self._many, self._stage = 0, 0, 2
        self.head = 0  # where frames are wanted soonest

    @property
    def done(self) -> int:
        """How many frames are there in full quality."""
        return sum(quality == 2 for quality in self._quality)

    def begin(self, codes: Codes, make: Callable[[Codes], Decode], draft: int | None) -> None:
        """Draw the frames of codes (F, D); `make` turns some of them into a request."""
        if len(codes) != len(self.frames):
            self.frames = [None] * len(codes)
        self._codes, self._make, self._draft = codes, make, draft
        self._quality = [0] * len(codes)
        self._next()

    def drop(self) -> None:
        """Draw no more, and take all frames away."""
        self._sent = self._make = None
        self.frames, self._quality = [], []

    def answer(self, request: object, event: Event) -> bool:
        """Take an event; returns whether it belongs to what was sent last."""
        if self._sent is None or request is not self._sent:
            return False
        if isinstance(event, Decoded):
            for place, image in enumerate(event.images):
                self.frames[self._first + place] = image
                self._quality[self._first + place] = self._stage
            self.arrived.emit(self._first, len(event.images))
        elif isinstance(event, Done):
            self._sent = None
            if event.outcome != "stopped":
                self._next()
        return True

    def failed(self, request: object) -> None:
        """Stop after a request of this that failed."""
        if request is not None and request is self._sent:
            self._sent = self._make = None

    def _next(self) -> None:
        """Send the next chunk: what has no draft first, from the playhead on."""
        if self._make is None:
            return
        lowest = min(self._quality, default=2)
        if lowest == 2:
            if self._quality:
                self.finished.emit()
            return
        self._stage = 1 if lowest == 0 and self._draft is not None else 2
        missing = [place for place, quality in enumerate(self._quality) if quality < self._stage]
        first = next((place for place in missing if place >= self.head), missing[0])
        many = 0
        size = ONE_PASS if self._draft is None else MANY
        while first + many < len(self._quality) and many < size \
                and self._quality[first + many] < self._stage:
            many += 1
        request = self._make(self._codes[first:first + many])
        if self._stage == 1:
            request = replace(request, nfe=self._draft)
        self._first, self._many, self._sent = first, many, request
        self._send(request)
