"""Figures on their axes: each between what real pictures and what noise get, with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.theme import GRID
from hybridstudio.standing import Figure, name_of
from hybridstudio.standing.dots import SHARES
from hybridstudio.telling import number

_LINE = 46  # points for each figure
_NAME = 112  # points of the name's column
_END = 8.0  # points that the interval's ends are high


class ScoreAxes(QWidget):
    """One axis for each figure: the better end, what real pictures get, is on the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._figures: Mapping[str, Figure] = {}
        self._distance, self._ink = "Fréchet distance", "#000000"
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Figures on their axes")
        theme.changed.connect(self.update)

    def show_figures(self, figures: Mapping[str, Figure], distance: str, ink: str) -> None:
        """Show figures by name, in a run's colour; `distance` is what the first is called."""
        self._figures, self._distance, self._ink = figures, distance, ink
        self.setAccessibleDescription("; ".join(
            f"{name_of(name, distance)} {number(figure.value)}"
            for name, figure in figures.items()))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Ask for a line for each figure."""
        return QSize(420, max(1, len(self._figures)) * _LINE)

    def minimumSizeHint(self) -> QSize:
        """Ask for as much height, and for little width."""
        return QSize(260, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint name, axis, anchors, interval and value of each figure."""
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for place, (name, figure) in enumerate(self._figures.items()):
                self._paint_line(painter, place * _LINE, name, figure)

    def _paint_line(self, painter: QPainter, top: float, name: str, figure: Figure) -> None:
        colours = theme.palette()
        painter.setPen(QColor(colours.muted))
        words = painter.fontMetrics().elidedText(
            name_of(name, self._distance), Qt.TextElideMode.ElideRight, _NAME - GRID)
        painter.drawText(QRectF(0, top + 10, _NAME, 22), Qt.AlignmentFlag.AlignVCenter, words)
        left, right, y = float(_NAME + GRID), float(self.width() - 3 * GRID), top + 21
        painter.setPen(QPen(QColor(colours.line), 2))
        painter.drawLine(QPointF(left, y), QPointF(right, y))

        low, high = _range(name, figure)

        def x(value: float) -> float:
            share = _share(value, low, high, name)
            return right - share * (right - left) if name not in RISING else (
                left + share * (right - left))

        for anchor, words, colour in ((figure.ceiling, "noise", colours.bad),
                                      (figure.floor, "real", colours.good)):
            if anchor is not None:
                self._paint_anchor(painter, x(anchor), y, f"{words} {number(anchor)}", colour)
        ends = sorted((x(figure.low), x(figure.high)))
        painter.setPen(QPen(QColor(self._ink), 2))
        painter.drawLine(QPointF(ends[0], y), QPointF(ends[1], y))
        for end in ends:
            painter.drawLine(QPointF(end, y - _END / 2), QPointF(end, y + _END / 2))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._ink))
        painter.drawEllipse(QPointF(x(figure.value), y), 4.5, 4.5)
        painter.setPen(QColor(colours.text))
        self._write(painter, x(figure.value), y - 19, number(figure.value), left)

    def _paint_anchor(self, painter: QPainter, x: float, y: float, words: str,
                      colour: str) -> None:
        painter.setPen(QPen(QColor(colour), 2))
        painter.drawLine(QPointF(x, y - 6), QPointF(x, y + 6))
        self._write(painter, x, y + 6, words, float(_NAME + GRID))

    def _write(self, painter: QPainter, x: float, top: float, words: str, left: float) -> None:
        """Write words around a place, as far as the widget reaches."""
        wide = painter.fontMetrics().horizontalAdvance(words) + 4
        start = min(max(x - wide / 2, left), self.width() - wide)
        painter.drawText(QRectF(start, top, wide, 15), Qt.AlignmentFlag.AlignCenter, words)


RISING = (*SHARES, "is")  # of these more is better; of distances less is


def _range(name: str, figure: Figure) -> tuple[float, float]:
    """Return the ends of an axis: what noise and real pictures get, and where the figure lies."""
    ends = [figure.value, figure.low, figure.high]
    ends += [end for end in (figure.floor, figure.ceiling) if end is not None]
    low, high = min(ends), max(ends)
    if name in SHARES:
        return 0.0, max(1.0, high)
    return low, high if high > low else low + 1.0


def _share(value: float, low: float, high: float, name: str) -> float:
    """Return where a value stands between two, 0 to 1; distances by their logarithms."""
    if name in RISING or low <= 0:
        return (value - low) / (high - low)
    return math.log(value / low) / math.log(high / low)
