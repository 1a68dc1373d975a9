"""The plane itself: codes of a model of points, and where each of them lands."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from hybridstudio import latents
from hybridstudio.config.models.base import Space
from hybridstudio.gui import theme
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Codes, Points

SIDE = 65  # codes a side
REACH = 3.0  # standard deviations that codes are shown to
TORN = 12  # the net is not drawn where neighbours land further apart than this part of a side
LINE = 8  # codes between two lines of the net
POINTS = 1.25  # half the side of the plane that points are shown in


def lattice(space: Space) -> Codes:
    """Return codes (SIDE², D) all over two dimensions of a space, row by row from the top.

    In more than two dimensions they span the plane of the first two seeds, the rest stays 0.
    """
    ends = np.linspace(-REACH, REACH, SIDE)
    places = np.stack([axis.ravel() for axis in np.meshgrid(ends, -ends)], axis=1)
    if space.dimensions == 2:
        return places.astype(np.float32)
    seeds = latents.codes_of_seeds(space, (0, 1)).astype(np.float64)
    basis, _ = np.linalg.qr(seeds.T)
    return (places @ basis.T).astype(np.float32)


def colours() -> npt.NDArray[np.uint8]:
    """Return a colour for each code of the lattice (SIDE², 3): its hue is where it lies."""
    ends = np.linspace(-1.0, 1.0, SIDE)
    x, y = (axis.ravel() for axis in np.meshgrid(ends, -ends))
    hue, strength = np.arctan2(y, x) / (2 * np.pi) % 1.0, np.clip(np.hypot(x, y), 0.0, 1.0)
    made = [QColor.fromHsvF(float(h), float(0.15 + 0.75 * s), 0.85)
            for h, s in zip(hue, strength, strict=True)]
    return np.array([(c.red(), c.green(), c.blue()) for c in made], np.uint8)


class PlaneView(QWidget):
    """On the left the codes, on the right where they land, in the same colours.

    The mouse points at a code on the left and shows its place on the right, and the other way.
    """

    pointed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._codes: Codes | None = None
        self._points: Points | None = None
        self._image: QImage | None = None
        self._at = -1
        self._inks = colours()
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("The latent plane, and where its codes land")
        theme.changed.connect(self._forget)

    def show_points(self, codes: Codes, points: Points) -> None:
        """Show the lattice's codes (SIDE², D) and where they landed (SIDE², 2)."""
        self._codes, self._points = codes, points
        self.setAccessibleDescription(f"{len(points):,} codes and where they land")
        self._forget()

    def sizeHint(self) -> QSize:
        """Ask for two squares side by side."""
        return QSize(640, 320)

    def squares(self) -> tuple[QRectF, QRectF]:
        """Return where the codes and where the points are shown."""
        head = self.fontMetrics().height() + GRID
        side = max(32, min((self.width() - 5 * GRID) // 2, self.height() - head - 2 * GRID))
        left = (self.width() - 2 * side - GRID) / 2
        top = head + max(0, (self.height() - head - side) / 2)
        return QRectF(left, top, side, side), QRectF(left + side + GRID, top, side, side)

    # --- painting ---------------------------------------------------------------------------------

    def _forget(self) -> None:
        self._image = None
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Paint anew at another size."""
        self._forget()
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint both planes, and the place that is pointed at in both."""
        palette = theme.palette()
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(palette.canvas))
            if self._points is None:
                return
            if self._image is None:
                self._image = self._painted()
            painter.drawImage(0, 0, self._image)
            if self._at >= 0:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(QPen(QColor(palette.text), 2))
                painter.setBrush(QColor(*map(int, self._inks[self._at])))
                for place in (self._code_at(self._at), self._point_at(self._at)):
                    painter.drawEllipse(place, 6, 6)

    def _painted(self) -> QImage:
        """Draw both planes: dots in the colours of their codes, and the net of the codes."""
        ratio, palette = self.devicePixelRatioF(), theme.palette()
        image = QImage(round(self.width() * ratio), round(self.height() * ratio),
                       QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(ratio)
        image.fill(QColor(palette.canvas))
        with QPainter(image) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for square, words in zip(self.squares(), ("codes", "where they land"), strict=True):
                painter.setPen(QColor(palette.muted))
                painter.drawText(QPointF(square.left(), square.top() - GRID / 2), words)
                painter.setPen(QPen(QColor(palette.line), 1))
                painter.drawRect(square)
            for place in (self._code_at, self._point_at):
                for index in range(SIDE * SIDE):
                    painter.setPen(QPen(QColor(*map(int, self._inks[index])), 3))
                    painter.drawPoint(place(index))
                self._paint_net(painter, place)
        return image

    def _paint_net(self, painter: QPainter, place: Callable[[int], QPointF]) -> None:
        ink = QColor(theme.palette().text)
        ink.setAlpha(70)
        painter.setPen(QPen(ink, 1))
        cells = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
        longest = self.squares()[0].width() / TORN
        for line in (*cells[::LINE], *cells.T[::LINE]):
            places = [place(int(index)) for index in line]
            for one, other in pairwise(places):
                if (one - other).manhattanLength() < longest:
                    painter.drawLine(one, other)

    def _code_at(self, index: int) -> QPointF:
        square = self.squares()[0].adjusted(4, 4, -4, -4)
        row, column = divmod(index, SIDE)
        return QPointF(square.left() + square.width() * column / (SIDE - 1),
                       square.top() + square.height() * row / (SIDE - 1))

    def _point_at(self, index: int) -> QPointF:
        assert self._points is not None
        square = self.squares()[1]
        x, y = np.clip(self._points[index], -POINTS, POINTS) / (2 * POINTS)
        return QPointF(square.center().x() + float(x) * square.width(),
                       square.center().y() - float(y) * square.height())

    # --- mouse ------------------------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Find the code under the mouse, or the one that lands nearest to it."""
        codes, points = self.squares()
        at, found = event.position(), -1
        if self._points is not None and codes.contains(at):
            column = round((at.x() - codes.left()) / codes.width() * (SIDE - 1))
            row = round((at.y() - codes.top()) / codes.height() * (SIDE - 1))
            found = min(SIDE - 1, max(0, row)) * SIDE + min(SIDE - 1, max(0, column))
        elif self._points is not None and points.contains(at):
            x = (at.x() - points.center().x()) / points.width() * 2 * POINTS
            y = (points.center().y() - at.y()) / points.height() * 2 * POINTS
            found = int(np.square(self._points - (x, y)).sum(-1).argmin())
        if found != self._at:
            self._at = found
            self.update()
            self.pointed.emit(self._words())

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is pointed at any more."""
        self._at = -1
        self.update()
        self.pointed.emit("")

    def _words(self) -> str:
        if self._at < 0 or self._points is None:
            return ""
        row, column = divmod(self._at, SIDE)
        u, v = (REACH * (2 * place / (SIDE - 1) - 1) for place in (column, SIDE - 1 - row))
        x, y = self._points[self._at]
        return f"code ({u:+.2f}, {v:+.2f}) lands at ({x:+.2f}, {y:+.2f})"
