"""Points of the plane on the screen: their cloud at full resolution, to zoom into and point at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from hybridstudio.cloud import cloud
from hybridstudio.gui import mosaic, theme
from hybridstudio.gui.cloudlight import look
from hybridstudio.gui.images import to_qimage
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Points

REACH = 1.25  # half the side of the square that is shown at first
CLOSEST = 0.01
STEP = 1.25  # times larger with each notch of the wheel
NEAR = 8  # screen points within which a point counts as pointed at


class PointsView(QWidget):
    """Shows points (N, 2) in the colours of their classes; `pointed` tells what the mouse is at.

    The wheel zooms where the mouse is, dragging moves, a double click or Home shows all again.
    """

    pointed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.empty = ""  # what is said where there are no points
        self.whole = REACH  # half the side of all there is to see
        self.centre, self.reach = QPointF(0, 0), REACH  # of the square that is shown
        self._points: Points = np.empty((0, 2), np.float32)
        self._labels: npt.NDArray[np.int64] | None = None
        self._classes: Sequence[str] = ()
        self._image: QImage | None = None
        self._dragged: QPointF | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Points")
        self.setToolTip("Wheel: zoom, drag: move, double click: show all")
        theme.changed.connect(self.refresh)

    # what is shown

    def set_points(self, points: Points, labels: Sequence[int] = (),
                   classes: Sequence[str] = ()) -> None:
        """Show points (N, 2); `labels` (N,) are places in `classes`, () where there are none."""
        self._points, self._classes = points, classes
        self._labels = np.asarray(labels, np.int64) if classes else None
        self.setAccessibleDescription(f"{len(points):,} points" + (
            f" of {len(classes)} classes" if classes else ""))
        self.refresh()

    def points(self) -> Points:
        """Return the points shown."""
        return self._points

    def show_all(self) -> None:
        """Show the whole square again."""
        self.centre, self.reach = QPointF(0, 0), self.whole
        self.refresh()

    def look_over(self, reach: float) -> None:
        """Let all there is reach so far; what was zoomed in on stays as large as it was."""
        self.reach = reach if self.reach == self.whole else min(reach, self.reach)
        self.whole = reach
        self.refresh()

    def zoom(self, times: float, at: QPointF) -> None:
        """Zoom in (times > 1) or out, keeping what lies at a place of the widget there."""
        before = self.place_at(at)
        self.reach = min(self.whole, max(CLOSEST, self.reach / times))
        if self.reach == self.whole:
            self.centre = QPointF(0, 0)
        else:
            self.centre += before - self.place_at(at)
        self.refresh()

    def refresh(self) -> None:
        """Paint anew."""
        self._image = None
        self.update()

    def sizeHint(self) -> QSize:
        """Ask for a square."""
        return QSize(420, 420)

    def minimumSizeHint(self) -> QSize:
        """Ask for a small square at least."""
        return QSize(120, 96)

    # places

    def square(self) -> QRectF:
        """Return where the picture lies in the widget."""
        side = max(16, min(self.width(), self.height()) - GRID)
        return QRectF((self.width() - side) // 2, (self.height() - side) // 2, side, side)

    def place_at(self, at: QPointF) -> QPointF:
        """Return the place in the plane at a place of the widget."""
        square = self.square()
        scale = 2 * self.reach / square.width()
        return self.centre + QPointF((at.x() - square.center().x()) * scale,
                                     (square.center().y() - at.y()) * scale)

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the cloud, or what is said where there is none."""
        colours = theme.palette()
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(colours.canvas))
            if not len(self._points) and self.empty:
                painter.setPen(QColor(colours.muted))
                flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
                painter.drawText(self.rect().adjusted(32, 32, -32, -32), flags, self.empty)
                return
            if self._image is None:
                ratio = self.devicePixelRatioF()
                picture = cloud(
                    self._points, side=max(16, round(self.square().width() * ratio)),
                    reach=self.reach, colours=self._labels, look=look(),
                    centre=(self.centre.x(), self.centre.y()))
                self._image = to_qimage(mosaic.coloured(picture), ratio)
            painter.drawImage(self.square().topLeft(), self._image)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw the cloud at its new size."""
        self.refresh()
        super().resizeEvent(event)

    # mouse and keyboard

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom where the mouse is."""
        self.zoom(STEP ** (event.angleDelta().y() / 120), event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of the plane."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._dragged = self.place_at(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the plane while it is held, or tell what lies under the mouse."""
        if self._dragged is not None and self.reach < self.whole:
            self.centre += self._dragged - self.place_at(event.position())
            self.refresh()
        self.pointed.emit(self._words(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let the plane go."""
        self._dragged = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Show all again."""
        self.show_all()

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing lies under the mouse any more."""
        self.pointed.emit("")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Zoom with + and -, move with the arrows, show all with Home."""
        key, step = Qt.Key(event.key()), self.reach / 4
        moves = {Qt.Key.Key_Left: (-step, 0), Qt.Key.Key_Right: (step, 0),
                 Qt.Key.Key_Up: (0, step), Qt.Key.Key_Down: (0, -step)}
        if key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(STEP, self.square().center())
        elif key == Qt.Key.Key_Minus:
            self.zoom(1 / STEP, self.square().center())
        elif key == Qt.Key.Key_Home:
            self.show_all()
        elif key in moves and self.reach < self.whole:
            self.centre += QPointF(*moves[key])
            self.refresh()
        else:
            super().keyPressEvent(event)

    # words

    def _words(self, at: QPointF) -> str:
        place = self.place_at(at)
        text = f"x {place.x():+.3f}, y {place.y():+.3f}"
        if self._labels is None or not len(self._points):
            return text
        away = np.hypot(*(self._points - (place.x(), place.y())).T)
        nearest = int(away.argmin())
        if away[nearest] > NEAR * 2 * self.reach / self.square().width():
            return text
        return f"{text} · class {self._classes[self._labels[nearest]]}"
