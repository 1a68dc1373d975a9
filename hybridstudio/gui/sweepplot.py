"""A sweep of hand-overs: how good against k or the time, a line for each number of steps."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from hybridstudio import telling
from hybridstudio.gui import theme
from hybridstudio.gui.handovers import Handed, best, worth
from hybridstudio.gui.theme import GRID

_LEFT, _HEAD, _FOOT, _RIGHT = 56, 22, 34, 24  # points for the numbers and words
_LEGEND = 96
_NEAR = 14  # points within which a point counts as clicked


class SweepPlot(QWidget):
    """Shows a sweep; `chosen` tells the `Handed` that is clicked, `pointed` what is pointed at."""

    chosen = Signal(object)
    pointed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.empty = ""  # what is said where there is nothing yet
        self.against_time = False
        self.scored = False
        self._sweep: Sequence[Handed] = ()
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Quality of the hand-overs")
        self.setToolTip("Each point is a hand-over; click one to see its pictures")
        theme.changed.connect(self.update)

    def show_sweep(self, sweep: Sequence[Handed], against_time: bool, scored: bool) -> None:
        """Show hand-overs against k or against ms, by their score or by their distance."""
        self._sweep = [each for each in sweep if worth(each, scored) is not None]
        self.against_time, self.scored = against_time, scored
        found = best(self._sweep, scored)
        self.setAccessibleDescription(f"{len(self._sweep)} hand-overs" + (
            f", best k = {found.k}" if found else ""))
        self.update()

    def sizeHint(self) -> QSize:
        """Ask for a band."""
        return QSize(400, 190)

    def minimumSizeHint(self) -> QSize:
        """Ask for a readable plot at least."""
        return QSize(200, 92)

    # places

    def _room(self) -> QRectF:
        right = _RIGHT + (_LEGEND if len({each.nfe for each in self._sweep}) > 1 else 0)
        return QRectF(_LEFT, _HEAD, max(1, self.width() - _LEFT - right),
                      max(1, self.height() - _FOOT - _HEAD))

    def _x_of(self, each: Handed) -> float:
        return each.ms if self.against_time else float(each.k)

    def _ends(self) -> tuple[float, float, float, float]:
        """Return the ends of both axes: both begin at 0, so that no small difference looks large.
        """
        xs = [self._x_of(each) for each in self._sweep]
        ys = [worth(each, self.scored) or 0.0 for each in self._sweep]
        return 0.0, 1.08 * max(xs), 0.0, 1.12 * (max(ys) or 1.0)

    def _place(self, each: Handed) -> QPointF:
        left, right, low, high = self._ends()
        room = self._room()
        value = worth(each, self.scored) or 0.0
        return QPointF(room.left() + (self._x_of(each) - left) / (right - left) * room.width(),
                       room.bottom() - (value - low) / (high - low) * room.height())

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint axes, a line and points for each number of evaluations, and a ring for the best."""
        colours = theme.palette()
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(colours.canvas))
            if not self._sweep:
                painter.setPen(QColor(colours.muted))
                flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
                painter.drawText(self.rect().adjusted(32, 8, -32, -8), flags, self.empty)
                return
            self._paint_axes(painter)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            counts = sorted({each.nfe for each in self._sweep})
            for place, nfe in enumerate(counts):
                self._paint_line(painter, nfe, QColor(colours.series[place % 6]))
            found = best(self._sweep, self.scored)
            if found is not None:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(QColor(colours.accent), 2))
                painter.drawEllipse(self._place(found), 8, 8)
            if len(counts) > 1:
                self._paint_legend(painter, counts)

    def _paint_line(self, painter: QPainter, nfe: int, colour: QColor) -> None:
        places = [self._place(each) for each in sorted(self._sweep, key=lambda each: each.k)
                  if each.nfe == nfe]
        painter.setPen(QPen(colour, 1.5))
        if not self.against_time:  # in time they lie as they fall
            painter.drawPolyline(QPolygonF(places))
        painter.setBrush(colour)
        for place in places:
            painter.drawEllipse(place, 3.5, 3.5)

    def _paint_axes(self, painter: QPainter) -> None:
        colours, room = theme.palette(), self._room()
        left, right, low, high = self._ends()
        for value in _round(low, high, max(2, int(room.height() // 24))):
            y = room.bottom() - (value - low) / (high - low) * room.height()
            painter.setPen(QColor(colours.line))
            painter.drawLine(QPointF(room.left(), y), QPointF(room.right(), y))
            painter.setPen(QColor(colours.muted))
            painter.drawText(QRectF(0, y - 9, _LEFT - 6, 18), Qt.AlignmentFlag.AlignRight |
                             Qt.AlignmentFlag.AlignVCenter, telling.number(value))
        for value in _round(left, right, max(2, int(room.width() // 70))):
            x = room.left() + (value - left) / (right - left) * room.width()
            painter.drawText(QRectF(x - 30, room.bottom() + 2, 60, 16),
                             Qt.AlignmentFlag.AlignCenter, telling.number(value))
        across = "ms for each picture" if self.against_time else "hand-over k"
        up = "Fréchet distance to the data" if self.scored else "distance to the full diffusion"
        painter.drawText(QRectF(room.left(), room.bottom() + 16, room.width(), 16),
                         Qt.AlignmentFlag.AlignCenter, across)
        painter.drawText(QRectF(GRID, 2, self.width() - GRID, _HEAD - 4),
                         Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
                         f"{up} (lower is better)")

    def _paint_legend(self, painter: QPainter, counts: Sequence[int]) -> None:
        colours, room = theme.palette(), self._room()
        high = painter.fontMetrics().height()
        for row, nfe in enumerate(counts):
            y = room.top() + 4 + high * row
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours.series[row % 6]))
            painter.drawEllipse(QPointF(room.right() + 14, y + high / 2), 3.5, 3.5)
            painter.setPen(QColor(colours.muted))
            painter.drawText(QRectF(room.right() + 22, y, _LEGEND, high), f"{nfe:,} evaluations")

    # mouse

    def _under(self, at: QPointF) -> Handed | None:
        near = [((self._place(each) - at).manhattanLength(), place)
                for place, each in enumerate(self._sweep)]
        away, place = min(near, default=(math.inf, 0))
        return self._sweep[place] if away <= _NEAR else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell which hand-over lies under the mouse."""
        found = self._under(event.position())
        self.pointed.emit("" if found is None else (
            f"k = {found.k:,} · {found.nfe:,} evaluations · {telling.number(found.ms)} ms · "
            f"{telling.number(worth(found, self.scored) or 0.0)}"))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the hand-over that is clicked."""
        if (found := self._under(event.position())) is not None:
            self.chosen.emit(found)


def _round(low: float, high: float, most: int) -> list[float]:
    """Return round numbers between two, about as many as have room."""
    rough = (high - low) / min(most, 6)
    decade = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    gap = next(gap * decade for gap in (1, 2, 5, 10) if gap * decade >= rough)
    return [gap * place for place in range(math.ceil(low / gap), math.floor(high / gap) + 1)]
