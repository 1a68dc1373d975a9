"""Densities over a line: curves under one another's axis, a place to drag, a curve to paint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from hybridstudio import onestep
from hybridstudio.gui import theme
from hybridstudio.gui.theme import GRID

Floats = npt.NDArray[np.float64]
VIEW = (-3.2, 3.2)  # the part of the line that is shown
NUDGE = 0.02  # of the view: how far an arrow key goes
_FOOT = 18  # points for the numbers under the axis
_GAPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_TICKS = 9  # at most
_UNDONE = 100  # strokes that can be undone
_SOFT = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0  # what the brush does to its neighbours


class Drawn(NamedTuple):
    """A density to draw: its places and heights, its colour's place among the series, its style.

    One place without heights is a spike as high as the plot: all the mass lies there.
    """

    places: Floats
    heights: Floats
    series: int
    filled: bool = False
    dashed: bool = False


class DensityPlot(QWidget):
    """Draws densities over one axis; `moved` tells where on the line a user drags the mark to."""

    moved = Signal(float)

    def __init__(self, name: str, says: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curves: Sequence[Drawn] = ()
        self._view, self._top = VIEW, 1.0
        self._mark: float | None = None
        self._faint: float | None = None
        self.movable = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(name)
        self.setToolTip(says)
        theme.changed.connect(self.update)

    # what is shown

    def show_curves(self, curves: Sequence[Drawn], view: tuple[float, float] = VIEW,
                    top: float | None = None, mark: float | None = None,
                    faint: float | None = None) -> None:
        """Show densities over `view`, up to the height `top` (default: a little over the first).

        `mark` is the place that can be dragged, `faint` another one, only drawn.
        """
        self._curves, self._view, self._mark, self._faint = curves, view, mark, faint
        highest = max((float(curve.heights.max(initial=0.0)) for curve in curves[:1]), default=1.0)
        self._top = top or 1.15 * (highest or 1.0)
        self.update()

    def let_move(self) -> None:
        """Let the mark be moved with the mouse and the arrow keys."""
        self.movable = True
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SizeHorCursor)

    def sizeHint(self) -> QSize:
        """Ask for a band."""
        return QSize(360, 130)

    def minimumSizeHint(self) -> QSize:
        """Ask for a low band at least."""
        return QSize(140, 56)

    # places

    def room(self) -> QRectF:
        """Return where curves are drawn."""
        return QRectF(GRID, 4, max(1, self.width() - 2 * GRID), max(1, self.height() - _FOOT - 4))

    def x_of(self, place: float) -> float:
        """Return where a place of the line is in the widget."""
        low, high = self._view
        return self.room().left() + (place - low) / (high - low) * self.room().width()

    def place_at(self, x: float) -> float:
        """Return the place of the line at a widget's x."""
        low, high = self._view
        return low + (x - self.room().left()) / self.room().width() * (high - low)

    def height_at(self, y: float) -> float:
        """Return the density at a widget's y."""
        room = self.room()
        return max(0.0, min(1.0, (room.bottom() - y) / room.height())) * self._top

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint axis, curves and marks."""
        colours = theme.palette()
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(colours.canvas))
            self._paint_axis(painter)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            if self._faint is not None:
                self._paint_line(painter, self._faint, QPen(QColor(colours.muted), 1,
                                                            Qt.PenStyle.DotLine))
            painter.setClipRect(self.room().adjusted(0, -4, 0, 1))
            for curve in self._curves:
                self._paint_curve(painter, curve)
            painter.setClipping(False)
            if self._mark is not None:
                self._paint_line(painter, self._mark, QPen(QColor(colours.accent), 1.5))
                painter.setBrush(QColor(colours.accent))
                painter.setPen(QPen(QColor(colours.canvas), 1.5))
                painter.drawEllipse(QPointF(self.x_of(self._mark), self.room().bottom()), 6, 6)
            if self.hasFocus():
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(QColor(colours.accent), 1))
                painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _paint_axis(self, painter: QPainter) -> None:
        colours, room = theme.palette(), self.room()
        low, high = self._view
        gap = next((gap for gap in _GAPS if (high - low) / gap <= _TICKS), _GAPS[-1])
        for number in range(math.ceil(low / gap), math.floor(high / gap) + 1):
            x = self.x_of(number * gap)
            painter.setPen(QColor(colours.line))
            painter.drawLine(QPointF(x, room.top()), QPointF(x, room.bottom()))
            painter.setPen(QColor(colours.muted))
            painter.drawText(QRectF(x - 40, room.bottom() + 2, 80, _FOOT - 2),
                             Qt.AlignmentFlag.AlignCenter,
                             f"{number * gap:g}".replace("-", "\u2212"))
        painter.setPen(QColor(colours.muted))
        painter.drawLine(room.bottomLeft(), room.bottomRight())

    def _paint_line(self, painter: QPainter, place: float, pen: QPen) -> None:
        x = self.x_of(place)
        if self.room().left() - 1 <= x <= self.room().right() + 1:
            painter.setPen(pen)
            painter.drawLine(QPointF(x, self.room().top()), QPointF(x, self.room().bottom()))

    def _paint_curve(self, painter: QPainter, curve: Drawn) -> None:
        room, colour = self.room(), QColor(theme.palette().series[curve.series])
        pen = QPen(colour, 1.8)
        if curve.dashed:
            pen.setDashPattern([4, 3])
        if not len(curve.heights):
            self._paint_line(painter, float(curve.places[0]), pen)
            return
        low, high = self._view
        xs = room.left() + (curve.places - low) / (high - low) * room.width()
        ys = room.bottom() - np.minimum(curve.heights / self._top, 1.5) * room.height()
        path = QPainterPath()
        near = (xs > room.left() - 40) & (xs < room.right() + 40)
        points = list(zip(xs[near].tolist(), ys[near].tolist(), strict=True))
        if len(points) < 2:
            return
        path.moveTo(*points[0])
        for x, y in points[1:]:
            path.lineTo(x, y)
        if curve.filled:
            area = QPainterPath(path)
            area.lineTo(points[-1][0], room.bottom())
            area.lineTo(points[0][0], room.bottom())
            ink = QColor(colour)
            ink.setAlpha(70)
            painter.fillPath(area, ink)
        painter.strokePath(path, pen)

    # moving the mark

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Bring the mark here."""
        if self.movable and event.buttons() & Qt.MouseButton.LeftButton:
            self.moved.emit(self._within(self.place_at(event.position().x())))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag the mark."""
        self.mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the mark with the arrow keys, Home and End."""
        low, high = self._view
        step = NUDGE * (high - low)
        mark = self._mark or 0.0
        to = {Qt.Key.Key_Left: mark - step, Qt.Key.Key_Right: mark + step,
              Qt.Key.Key_Home: low, Qt.Key.Key_End: high}.get(Qt.Key(event.key()))
        if not self.movable or to is None:
            super().keyPressEvent(event)
        else:
            self.moved.emit(self._within(to))

    def _within(self, place: float) -> float:
        return max(self._view[0], min(self._view[1], place))


class DensityPaint(DensityPlot):
    """A density that is painted: `painted` tells it (N,) over onestep.NODES as the mouse goes.

    The left button draws the curve, the right one takes it away. `rested` tells that a stroke is
    over.
    """

    painted = Signal(object)
    rested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("The data's density, to be painted", "Drag to draw the density; the right "
                         "button takes away; Ctrl+Z undoes", parent)
        self.density = onestep.PRESETS["Two peaks"]
        self._heights = self.density
        self._before: list[Floats] = []
        self._at: QPointF | None = None
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.take(self.density, remember=False)

    def take(self, density: Floats, remember: bool = True) -> None:
        """Show another density, as one step of undo."""
        if remember:
            self._remember()
        self.density = self._heights = density
        self._top_of(density)
        self.painted.emit(density)
        self.rested.emit()

    def undo(self) -> None:
        """Take back the last stroke or preset."""
        if self._before:
            self.take(self._before.pop(), remember=False)

    def can_undo(self) -> bool:
        """Return whether there is something to take back."""
        return bool(self._before)

    def _remember(self) -> None:
        self._before = [*self._before[-_UNDONE + 1:], self.density]

    def _top_of(self, heights: Floats) -> None:
        self.show_curves([Drawn(onestep.NODES, heights, 0, filled=True)],
                         top=max(0.5, 1.3 * float(heights.max())))

    # strokes

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a stroke."""
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton):
            self._remember()
            self._at = event.position()
            self._stroke(event.position(), bool(event.buttons() & Qt.MouseButton.RightButton))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Let the curve follow the mouse."""
        if self._at is not None:
            self._stroke(event.position(), bool(event.buttons() & Qt.MouseButton.RightButton))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the stroke; the curve is shown as high as it is now that its area is 1."""
        if self._at is not None:
            self._at = None
            self._heights = self.density
            self._top_of(self.density)
            self.rested.emit()

    def _stroke(self, to: QPointF, removes: bool) -> None:
        """Draw the curve from where the mouse was to where it is; the scale stays meanwhile."""
        assert self._at is not None
        ends = sorted(((self.place_at(at.x()), 0.0 if removes else self.height_at(at.y()))
                       for at in (self._at, to)), key=lambda end: end[0])
        (low, first), (high, last) = ends
        nodes, reach = onestep.NODES, 2 * onestep.SPACING
        away = np.maximum(low - nodes, nodes - high)  # 0 and less between the ends
        heights, touched, near = self._heights.copy(), away <= reach, away <= 4 * reach
        heights[touched] = np.interp(nodes[touched], [low, max(high, low + 1e-9)], [first, last])
        heights[near] = np.convolve(np.pad(heights, 2, mode="edge"), _SOFT, "valid")[near]
        self._at = to
        if heights.max() <= 0.0:
            return  # something has to be left
        self._heights, self.density = heights, onestep.normalised(heights)
        self.show_curves([Drawn(onestep.NODES, heights, 0, filled=True)], top=self._top)
        self.painted.emit(self.density)
