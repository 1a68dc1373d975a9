"""How often each class was drawn, beside how often the data have it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.theme import GRID

_HIGH, _FOOT = 132, 18  # points of the whole, and of the names below


class ShareBars(QWidget):
    """A bar for each class or mode; a line across it is the share that the data have."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: Sequence[str] = ()
        self._shares: Sequence[float] = ()
        self._real: Sequence[float] = ()
        self._ink = "#000000"
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("How often each class was drawn")
        theme.changed.connect(self.update)

    def show_shares(self, names: Sequence[str], shares: Sequence[float], real: Sequence[float],
                    ink: str) -> None:
        """Show shares of 1 by class, in a run's colour; `real` are those of the data."""
        self._names, self._shares, self._real, self._ink = names, shares, real, ink
        told = [f"{name}: {share:.1%} drawn, {data:.1%} in the data"
                for name, share, data in zip(names, shares, real, strict=False)]
        self.setAccessibleDescription("; ".join(told))
        self.setToolTip("<br>".join(told[:30]))
        self.update()

    def sizeHint(self) -> QSize:
        """Ask for one low row."""
        return QSize(420, _HIGH)

    def minimumSizeHint(self) -> QSize:
        """Ask for as much height, and for little width."""
        return QSize(200, _HIGH)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint bar, line and name of each class."""
        if not self._shares:
            return
        colours = theme.palette()
        most = max((*self._shares, *self._real), default=1.0) or 1.0
        wide = (self.width() - GRID) / len(self._shares)
        foot = self.height() - _FOOT
        with QPainter(self) as painter:
            metrics = painter.fontMetrics()
            longest = max(map(metrics.horizontalAdvance, self._names), default=0) + 4
            every = max(1, min(5, -(-longest // max(1, round(wide)))))  # as many names as fit
            for place, share in enumerate(self._shares):
                left = place * wide
                high = (foot - GRID) * share / most
                gap = min(3.0, wide / 5)
                painter.fillRect(QRectF(left + gap, foot - high, wide - 2 * gap, high),
                                 QColor(self._ink))
                if place < len(self._real):
                    y = foot - (foot - GRID) * self._real[place] / most
                    painter.setPen(QPen(QColor(colours.text), 2))
                    painter.drawLine(QPointF(left + gap / 2, y), QPointF(left + wide - gap / 2, y))
                if place < len(self._names) and place % every == 0:
                    painter.setPen(QColor(colours.muted))
                    words = metrics.elidedText(self._names[place], Qt.TextElideMode.ElideRight,
                                               round(wide * every))
                    painter.drawText(QRectF(left - wide * (every - 1) / 2, foot, wide * every,
                                            _FOOT), Qt.AlignmentFlag.AlignCenter, words)
            painter.setPen(QPen(QColor(colours.line), 1))
            painter.drawLine(QPointF(0, foot), QPointF(self.width(), foot))
