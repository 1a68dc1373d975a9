"""What Gaussians cost against the number of steps, on two logarithmic axes, with a marker at T."""

from __future__ import annotations

import math
from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.theme import GRID
from hybridstudio.onestep import MOST, Price

FLOOR, CEILING = 1e-4, 3.0  # nats
_LEFT, _FOOT = 52, 34  # points for the numbers
_KINDS = (("total", 0, "all steps"), ("largest", 1, "largest step"))


class PricePlot(QWidget):
    """Shows prices; `chosen` tells the number of steps that is clicked or dragged to."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._prices: list[Price] = []
        self._steps = 4
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Divergence against the number of steps")
        self.setToolTip("How far the best Gaussians are from the true way back, in nats, against "
                        "the number of steps T. Click to choose T")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        theme.changed.connect(self.update)

    def clear(self) -> None:
        """Forget all prices: the data are others."""
        self._prices = []
        self.update()

    def add(self, price: Price) -> None:
        """Take the price of a further number of steps."""
        self._prices.append(price)
        self.update()

    def prices(self) -> list[Price]:
        """Return the prices so far."""
        return self._prices

    def show_steps(self, steps: int) -> None:
        """Move the marker."""
        self._steps = steps
        self.update()

    def at(self, steps: int, kind: str = "total") -> float | None:
        """Return a price at any number of steps, read off the curve; None where it is not there."""
        known = sorted(self._prices)
        for before, after in pairwise(known):
            if before.steps <= steps <= after.steps:
                share = math.log(steps / before.steps) / math.log(after.steps / before.steps)
                low, high = (math.log(max(1e-12, getattr(price, kind)))
                             for price in (before, after))
                return math.exp(low + share * (high - low))
        return next((float(getattr(price, kind)) for price in known if price.steps == steps), None)

    def sizeHint(self) -> QSize:
        """Ask for a small plot."""
        return QSize(260, 220)

    def minimumSizeHint(self) -> QSize:
        """Ask for a readable plot at least."""
        return QSize(150, 76)

    # places

    def _room(self) -> QRectF:
        return QRectF(_LEFT, GRID, max(1, self.width() - _LEFT - 3 * GRID),
                      max(1, self.height() - _FOOT - GRID))

    def _x(self, steps: float) -> float:
        return self._room().left() + math.log(steps) / math.log(MOST) * self._room().width()

    def _y(self, nats: float) -> float:
        share = math.log(max(nats, FLOOR) / FLOOR) / math.log(CEILING / FLOOR)
        return self._room().bottom() - share * self._room().height()

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint axes, curves and the marker."""
        colours, room = theme.palette(), self._room()
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(colours.canvas))
            self._paint_axes(painter)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for kind, series, _ in _KINDS:
                pen = QPen(QColor(colours.series[series]), 1.8)
                if kind != "total":
                    pen.setDashPattern([4, 3])
                painter.setPen(pen)
                painter.drawPolyline(QPolygonF([
                    QPointF(self._x(price.steps), self._y(getattr(price, kind)))
                    for price in sorted(self._prices)]))
            x = self._x(self._steps)
            painter.setPen(QPen(QColor(colours.accent), 1))
            painter.drawLine(QPointF(x, room.top()), QPointF(x, room.bottom()))
            painter.setBrush(QColor(colours.accent))
            if (here := self.at(self._steps)) is not None:
                painter.drawEllipse(QPointF(x, self._y(here)), 4, 4)
            self._paint_legend(painter)

    def _paint_axes(self, painter: QPainter) -> None:
        colours, room = theme.palette(), self._room()
        for power in range(round(math.log10(FLOOR)), 1):
            y = self._y(10.0**power)
            painter.setPen(QColor(colours.line))
            painter.drawLine(QPointF(room.left(), y), QPointF(room.right(), y))
            painter.setPen(QColor(colours.muted))
            painter.drawText(QRectF(0, y - 9, _LEFT - 6, 18), Qt.AlignmentFlag.AlignRight |
                             Qt.AlignmentFlag.AlignVCenter, f"{10.0**power:g}" + (
                                 " nats" if power == 0 else ""))
        for steps in (1, 10, 100, 1000):
            x = self._x(steps)
            painter.setPen(QColor(colours.line))
            painter.drawLine(QPointF(x, room.top()), QPointF(x, room.bottom()))
            painter.setPen(QColor(colours.muted))
            painter.drawText(QRectF(x - 30, room.bottom() + 2, 60, 16),
                             Qt.AlignmentFlag.AlignCenter, f"{steps:,}")
        painter.drawText(QRectF(room.left(), room.bottom() + 16, room.width(), 16),
                         Qt.AlignmentFlag.AlignCenter, "steps T")

    def _paint_legend(self, painter: QPainter) -> None:
        colours, room = theme.palette(), self._room()
        high = painter.fontMetrics().height()
        widest = max(painter.fontMetrics().horizontalAdvance(says) for _, _, says in _KINDS)
        for row, (kind, series, says) in enumerate(_KINDS):
            y = room.top() + 4 + high * row
            left = room.right() - widest - 6
            pen = QPen(QColor(colours.series[series]), 1.8)
            if kind != "total":
                pen.setDashPattern([4, 3])
            painter.setPen(pen)
            painter.drawLine(QPointF(left - 24, y + high / 2), QPointF(left - 6, y + high / 2))
            painter.setPen(QColor(colours.muted))
            painter.drawText(QRectF(left, y, widest + 4, high), says)

    # mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the number of steps under the mouse."""
        room = self._room()
        share = max(0.0, min(1.0, (event.position().x() - room.left()) / room.width()))
        self.chosen.emit(max(1, min(MOST, round(MOST**share))))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the mouse while it is held."""
        self.mousePressEvent(event)
