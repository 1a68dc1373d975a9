"""A row of thumbnails over a training, walked by mouse and keys: what film strips share."""

from __future__ import annotations

from abc import abstractmethod

from PySide6.QtCore import QPoint, QRect, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from hybridstudio.gui.theme import GRID
from hybridstudio.pictures import spread

SIDE = 56  # points that a thumbnail is wide and high, at most


class Strip(QWidget):
    """As many thumbnails as fit, spread over all there are; `chosen` tells the place of one.

    The current one is always among them. Arrow keys, Home and End walk through all, shown or not.
    """

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.side = SIDE
        self._current = -1
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @abstractmethod
    def _count(self) -> int:
        """Return how many thumbnails there are, shown or not."""

    def choose(self, place: int) -> None:
        """Choose the thumbnail at a place, kept within what there is."""
        if self._count():
            self.chosen.emit(min(max(place, 0), self._count() - 1))

    def _boxes(self) -> list[tuple[int, QRect]]:
        """Return which thumbnails show, and where."""
        apart = self.side + 2 * GRID
        fits = max(1, (self.width() - GRID) // apart)
        places = spread(self._count(), fits) if self._count() else []
        if 0 <= self._current < self._count() and self._current not in places:
            near = min(range(len(places)), key=lambda at: abs(places[at] - self._current))
            places[near] = self._current
        return [(place, QRect(GRID + at * apart, 3, self.side, self.side))
                for at, place in enumerate(places)]

    def _under(self, at: QPoint) -> int:
        """Return the place of the thumbnail at a point, or -1."""
        return next((place for place, box in self._boxes()
                     if box.adjusted(-GRID, 0, GRID, 3 * GRID).contains(at)), -1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the thumbnail that is clicked."""
        place = self._under(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and place >= 0:
            self.choose(place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk through all thumbnails."""
        target = {Qt.Key.Key_Left: self._current - 1, Qt.Key.Key_Right: self._current + 1,
                  Qt.Key.Key_Home: 0,
                  Qt.Key.Key_End: self._count() - 1}.get(Qt.Key(event.key()))
        if target is None:
            super().keyPressEvent(event)
        else:
            self.choose(target)


def short(step: int) -> str:
    """Write a step in few characters: 500, 12k, 12.5k, 3M."""
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if step >= size:
            return f"{step / size:.3g}{letter}"
    return str(step)
