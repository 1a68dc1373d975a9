"""A line of words that change many times a second, and disturb nothing around them.

A label in a layout has everything above it laid out anew whenever its words change.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget


class QuietLine(QWidget):
    """A label at the left, as wide as its words, and one that has the room up to the right."""

    def __init__(self, left: QLabel, right: QLabel, gap: int) -> None:
        super().__init__()
        self._left, self._right, self._gap = left, right, gap
        for label in (left, right):
            label.setParent(self)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Ask for the height of one line."""
        return QSize(0, max(self._left.sizeHint().height(), self._right.sizeHint().height()))

    def event(self, event: QEvent) -> bool:
        """Give the labels their places when one's words have changed."""
        if event.type() == QEvent.Type.LayoutRequest:
            self._place()
        elif event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.updateGeometry()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the labels their places."""
        self._place()
        super().resizeEvent(event)

    def _place(self) -> None:
        width = min(self._left.sizeHint().width(), self.width())
        self._left.setGeometry(QRect(0, 0, width, self.height()))
        begins = min(width + self._gap, self.width())
        self._right.setGeometry(QRect(begins, 0, self.width() - begins, self.height()))
