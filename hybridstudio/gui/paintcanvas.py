"""Where points are painted: a brush that sprays them while it is dragged, and that erases them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QHideEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.cloudlight import ink
from hybridstudio.gui.pointsview import PointsView
from hybridstudio.messages import Points

CLASSES = 6
SPRAYED = 16  # points each time
INTERVAL = 40  # ms between sprays while the mouse is held
BRUSHES = 1, 40, 12  # hundredths of the plane's unit: smallest, largest, first
MOST = 100_000  # points
UNDONE = 100  # strokes that can be undone

Painted = tuple[Points, npt.NDArray[np.int64]]
NOTHING: Painted = (np.empty((0, 2), np.float32), np.empty(0, np.int64))


class PaintCanvas(PointsView):
    """Sprays points where the mouse is dragged; the right button, or `erasing`, takes them away.

    `changed` fires whenever there are other points, `resized` tells the brush in hundredths.
    """

    changed = Signal()
    resized = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.empty = ""
        self.brush, self.ink, self.erasing = BRUSHES[2], 0, False
        self.painted: Painted = NOTHING
        self._before: list[Painted] = []
        self._at = QPointF(0, 0)  # in the plane
        self._removes = False
        self._stream = np.random.RandomState(0)
        self._spraying = QTimer(self, interval=INTERVAL)
        self._spraying.timeout.connect(self._stroke)
        self.setCursor(Qt.CursorShape.BlankCursor)
        self.setToolTip("")
        self.setAccessibleName("Canvas for points: arrows move the brush, Space sprays, "
                               "Delete erases")

    # what is painted

    def spray(self, at: QPointF) -> None:
        """Add points around a place of the plane, as many as are allowed."""
        count = min(SPRAYED, MOST - len(self.painted[0]))
        sprayed = self._stream.standard_normal((count, 2)) * (self.brush / 200)
        places = np.clip(sprayed + np.array((at.x(), at.y())), -1.25, 1.25).astype(np.float32)
        labels = np.full(count, self.ink, np.int64)
        self._show((np.concatenate([self.painted[0], places]),
                    np.concatenate([self.painted[1], labels])))

    def erase(self, at: QPointF) -> None:
        """Take away the points under the brush at a place of the plane."""
        points, labels = self.painted
        kept = np.hypot(*(points - (at.x(), at.y())).T) > self.brush / 100
        self._show((points[kept], labels[kept]))

    def clear(self) -> None:
        """Take away all points; it can be undone."""
        self.remember()
        self._show(NOTHING)

    def remember(self) -> None:
        """Let undo come back to what there is now."""
        self._before = [*self._before[-UNDONE + 1:], self.painted]

    def undo(self) -> None:
        """Take back the last stroke."""
        if self._before:
            self._show(self._before.pop())

    def can_undo(self) -> bool:
        """Return whether there is a stroke to take back."""
        return bool(self._before)

    def set_brush(self, size: int) -> None:
        """Make the brush as large as so many hundredths."""
        self.brush = max(BRUSHES[0], min(BRUSHES[1], size))
        self.resized.emit(self.brush)
        self.update()

    def _show(self, painted: Painted) -> None:
        self.painted = painted
        self.set_points(painted[0], painted[1].tolist(), tuple(map(str, range(1, CLASSES + 1))))
        self.changed.emit()

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the points, and the brush over them."""
        super().paintEvent(event)
        if not self.underMouse() and not self.hasFocus():
            return
        square = self.square()
        scale = square.width() / (2 * self.reach)
        middle = square.center() + QPointF(self._at.x(), -self._at.y()) * scale
        colours = theme.palette()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            is_erasing = self.erasing or self._removes
            style = Qt.PenStyle.DashLine if is_erasing else Qt.PenStyle.SolidLine
            painter.setPen(QPen(QColor(colours.text if is_erasing else ink(self.ink)), 1.5, style))
            radius = max(2.0, self.brush / 100 * scale)
            painter.drawEllipse(middle, radius, radius)

    # mouse and keyboard

    def _stroke(self) -> None:
        if self.erasing or self._removes:
            self.erase(self._at)
        else:
            self.spray(self._at)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a stroke; the right button erases."""
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton):
            self._removes = event.button() == Qt.MouseButton.RightButton
            self._at = self.place_at(event.position())
            self.remember()
            self._stroke()
            self._spraying.start()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Let the brush follow the mouse."""
        self._at = self.place_at(event.position())
        if self._spraying.isActive():
            self._stroke()
        self.pointed.emit(f"x {self._at.x():+.2f}, y {self._at.y():+.2f}")
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the stroke."""
        self._spraying.stop()
        self._removes = False

    def hideEvent(self, event: QHideEvent) -> None:
        """End the stroke."""
        self._spraying.stop()

    def leaveEvent(self, event: QEvent) -> None:
        """Hide the brush."""
        super().leaveEvent(event)
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Spray again."""
        self.mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Change the brush."""
        self.set_brush(self.brush + (1 if event.angleDelta().y() > 0 else -1))
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the brush with the arrows, spray with Space, erase with Delete."""
        key = Qt.Key(event.key())
        moves = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, 1),
                 Qt.Key.Key_Down: (0, -1)}
        if key in moves:
            self._at += QPointF(*moves[key]) * 0.05
            self.update()
        elif key in (Qt.Key.Key_Space, Qt.Key.Key_Delete):
            if not event.isAutoRepeat():
                self.remember()
            (self.spray if key == Qt.Key.Key_Space else self.erase)(self._at)
        elif event.matches(QKeySequence.StandardKey.Undo):
            self.undo()
        else:
            QWidget.keyPressEvent(self, event)
