"""A picture on which is painted what of it should be drawn anew."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from hybridstudio.gui import mosaic, theme
from hybridstudio.gui.images import to_qimage
from hybridstudio.messages import Images, Mask

UNDONE = 100  # strokes that can be undone
SIDE = 224  # points that the picture is wide and high, about


class MaskCanvas(QWidget):
    """Paints over a picture (H, W, C); `hole` (H, W) is true where it is to be drawn anew.

    The left button paints, the right one or `erasing` takes away; `brush` is the brush's width in
    pixels. `edited` tells that a stroke has ended, `resized` the brush.
    """

    edited = Signal()
    resized = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.image: Images = np.zeros((8, 8, 1), np.uint8)
        self.hole: Mask = np.zeros((8, 8), bool)
        self.brush = 2
        self.erasing = False
        self._before: list[Mask] = []
        self._at = QPointF(4, 4)  # in the picture's pixels
        self._stroke: bool | None = None  # what it paints while it lasts
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Mask: arrows move the brush, Space paints, Delete erases, "
                               "[ and ] change the brush")
        theme.changed.connect(self.update)

    # --- what is painted --------------------------------------------------------------------------

    def set_image(self, image: Images, hole: Mask | None = None) -> None:
        """Show another picture, nothing painted on it unless a `hole` is given."""
        is_other = image.shape[:2] != self.image.shape[:2]
        self.image = image
        self.hole = np.zeros(image.shape[:2], bool) if hole is None else hole
        self._before = []
        if is_other:
            self._at = QPointF(image.shape[1] / 2, image.shape[0] / 2)
            self.set_brush(max(2, round(image.shape[0] / 7)))
        self.update()

    def paint(self, to: QPointF, on: bool) -> None:
        """Paint or erase along the line from where the brush is."""
        way = to - self._at
        length = max(abs(way.x()), abs(way.y()))
        hole = self.hole.copy()
        rows, columns = np.mgrid[:hole.shape[0], :hole.shape[1]] + 0.5
        for share in np.linspace(0.0, 1.0, max(2, int(2 * length) + 1)):
            x, y = self._at.x() + share * way.x(), self._at.y() + share * way.y()
            hole[np.hypot(columns - x, rows - y) <= max(0.72, self.brush / 2)] = on
        self.hole, self._at = hole, to
        self.update()

    def change(self, hole: Mask) -> None:
        """Take another mask as a whole; it can be undone."""
        self.remember()
        self.hole = hole
        self.update()
        self.edited.emit()

    def remember(self) -> None:
        """Let undo come back to what there is now."""
        self._before = [*self._before[-UNDONE + 1:], self.hole]

    def undo(self) -> None:
        """Take back the last stroke."""
        if self._before:
            self.hole = self._before.pop()
            self.update()
            self.edited.emit()

    def can_undo(self) -> bool:
        """Return whether there is a stroke to take back."""
        return bool(self._before)

    def set_brush(self, width: int) -> None:
        """Make the brush as wide as so many pixels."""
        self.brush = max(1, min(self.image.shape[0], width))
        self.resized.emit(self.brush)
        self.update()

    # --- painting ---------------------------------------------------------------------------------

    def hasHeightForWidth(self) -> bool:
        """Say that it is square."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Be as high as wide, up to a limit."""
        return min(width, SIDE)

    def sizeHint(self) -> QSize:
        """Ask for a square in which pixels can be told apart."""
        return QSize(SIDE, SIDE)

    def square(self) -> QRectF:
        """Return where the picture lies; its pixels are whole wherever they can be."""
        height, width = self.hole.shape
        scale = min(self.width() / width, self.height() / height)
        scale = float(int(scale)) if scale >= 1 else scale
        return QRectF((self.width() - scale * width) / 2, 0, scale * width, scale * height)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the picture, what is to be drawn anew over it, and the brush."""
        square, colours = self.square(), theme.palette()
        tint = QColor(colours.accent)
        accent = np.array((tint.red(), tint.green(), tint.blue()))
        pixels = np.broadcast_to(self.image, (*self.hole.shape, 3))
        mixed = np.where(self.hole[..., None], 0.3 * pixels + 0.7 * accent, pixels)
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, square.width() <
                                  self.hole.shape[1])
            image = to_qimage(mosaic.coloured(mixed.astype(np.uint8)[None])[0])
            painter.drawImage(square, image, QRectF(image.rect()))
            if not self.underMouse() and not self.hasFocus():
                return
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setClipRect(square)
            scale = square.width() / self.hole.shape[1]
            middle = square.topLeft() + self._at * scale
            for colour, width in ((colours.window, 3.0), (colours.text, 1.2)):
                style = Qt.PenStyle.DashLine if self.erasing else Qt.PenStyle.SolidLine
                painter.setPen(QPen(QColor(colour), width, style))
                painter.drawEllipse(middle, self.brush / 2 * scale, self.brush / 2 * scale)

    # --- mouse and keyboard -----------------------------------------------------------------------

    def place_at(self, position: QPointF) -> QPointF:
        """Return the place in the picture, in its pixels, under a position."""
        square = self.square()
        return (position - square.topLeft()) * (self.hole.shape[1] / square.width())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a stroke; the right button erases."""
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton):
            self._stroke = not self.erasing and event.button() == Qt.MouseButton.LeftButton
            self.remember()
            self._at = self.place_at(event.position())
            self.paint(self._at, self._stroke)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Let the brush follow the mouse."""
        if self._stroke is not None:
            self.paint(self.place_at(event.position()), self._stroke)
        else:
            self._at = self.place_at(event.position())
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the stroke."""
        if self._stroke is not None:
            self._stroke = None
            self.edited.emit()

    def leaveEvent(self, event: QEvent) -> None:
        """Hide the brush."""
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Change the brush."""
        self.set_brush(self.brush + (1 if event.angleDelta().y() > 0 else -1))
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the brush with the arrows, paint with Space, erase with Delete."""
        key = Qt.Key(event.key())
        moves = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1),
                 Qt.Key.Key_Down: (0, 1)}
        if key in moves:
            self._at += QPointF(*moves[key])
            self.update()
        elif key in (Qt.Key.Key_Space, Qt.Key.Key_Delete):
            self.remember()
            self.paint(self._at, key == Qt.Key.Key_Space and not self.erasing)
            self.edited.emit()
        elif key in (Qt.Key.Key_BracketLeft, Qt.Key.Key_BracketRight):
            self.set_brush(self.brush + (1 if key == Qt.Key.Key_BracketRight else -1))
        elif event.matches(QKeySequence.StandardKey.Undo):
            self.undo()
        else:
            super().keyPressEvent(event)
