"""Quality against what it costs, from scores that were made, with those that race marked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.raceview import colour_of
from hybridstudio.gui.theme import GRID
from hybridstudio.standing import Board, Cost, Dot
from hybridstudio.telling import number

_LEFT, _FOOT = 56, 36  # points for the numbers
COSTS: dict[Cost, str] = {"nfe": "network evaluations", "ms": "ms for each picture"}


@dataclass(frozen=True)
class Racer:
    """A lane of the race: its place, what it costs, and its score if there is one."""

    place: int
    name: str
    nfe: int
    ms: float | None
    dot: Dot | None

    def cost(self, kind: Cost) -> float | None:
        """Return its cost in this race."""
        return float(self.nfe) if kind == "nfe" else self.ms


class RacePlot(QWidget):
    """Shows the dots of a board and racers over two logarithmic axes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._board: Board | None = None
        self._racers: Sequence[Racer] = ()
        self._kind: Cost = "nfe"
        self._spots: list[tuple[QPointF, str]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(110)
        self.setAccessibleName("Quality against cost")
        theme.changed.connect(self.update)

    def show_racers(self, board: Board | None, racers: Sequence[Racer]) -> None:
        """Show a board's scores, None where there are none, and who races."""
        self._board, self._racers = board, racers
        self.setAccessibleDescription(board.told() if board is not None else "no scores yet")
        self.update()

    def show_cost(self, kind: Cost) -> None:
        """Plot against evaluations or milliseconds."""
        self._kind = kind
        self.update()

    def sizeHint(self) -> QSize:
        """Ask for a low plot."""
        return QSize(500, 170)

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint axes, the scores, and the racers over them."""
        colours = theme.palette()
        self._spots = []
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(colours.canvas))
            costs = [cost for racer in self._racers if (cost := racer.cost(self._kind))]
            dots = self._board.dots if self._board is not None else ()
            costs += [cost for dot in dots if (cost := dot.cost(self._kind))]
            values = [dot.distance.value for dot in dots if dot.distance is not None]
            if not costs or not values:
                painter.setPen(QColor(colours.muted))
                painter.drawText(self.rect().adjusted(2 * GRID, 0, -2 * GRID, 0), int(
                    Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap),
                    "No scores of these runs yet. Score one on the page Trilemma, and it stands "
                    "here against what it costs.")
                return
            across, up = _Scale(costs), _Scale(values)
            room = QRectF(_LEFT, GRID, max(1, self.width() - _LEFT - 2 * GRID),
                          max(1, self.height() - _FOOT - GRID))
            self._paint_axes(painter, room, across, up)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for dot in dots:
                cost = dot.cost(self._kind)
                if cost and dot.distance is not None:
                    at = _place(room, across, up, cost, dot.distance.value)
                    painter.setPen(QPen(QColor(colours.muted), 1.2))
                    painter.setBrush(Qt.BrushStyle.NoBrush)
                    painter.drawEllipse(at, 4, 4)
                    self._spots.append((at, dot.told()))
            for racer in self._racers:
                self._paint_racer(painter, room, across, up, racer)

    def _paint_racer(self, painter: QPainter, room: QRectF, across: _Scale, up: _Scale,
                     racer: Racer) -> None:
        """Paint a racer at its score, or where its cost is if it has none."""
        colour, cost = colour_of(racer.place), racer.cost(self._kind)
        score = racer.dot.distance if racer.dot is not None else None
        if not cost:
            return
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        if score is None:
            x = _place(room, across, up, cost, up.low).x()
            at = QPointF(x, room.bottom() - 1)
            painter.drawPolygon([at, at + QPointF(-5, -9), at + QPointF(5, -9)])
            self._spots.append((at, f"{racer.name}\nnot scored like this yet"))
            return
        at = _place(room, across, up, cost, score.value)
        painter.drawEllipse(at, 6, 6)
        self._spots.append((at, f"{racer.name}\nFréchet distance {number(score.value)} "
                                f"({number(score.low)} to {number(score.high)})"))

    def _paint_axes(self, painter: QPainter, room: QRectF, across: _Scale, up: _Scale) -> None:
        colours = theme.palette()
        for value in up.ticks():
            y = _place(room, across, up, across.low, value).y()
            painter.setPen(QColor(colours.line))
            painter.drawLine(QPointF(room.left(), y), QPointF(room.right(), y))
            painter.setPen(QColor(colours.muted))
            painter.drawText(QRectF(0, y - 9, _LEFT - 6, 18), Qt.AlignmentFlag.AlignRight
                             | Qt.AlignmentFlag.AlignVCenter, number(value))
        for value in across.ticks():
            x = _place(room, across, up, value, up.low).x()
            painter.setPen(QColor(colours.line))
            painter.drawLine(QPointF(x, room.top()), QPointF(x, room.bottom()))
            painter.setPen(QColor(colours.muted))
            painter.drawText(QRectF(x - 30, room.bottom() + 2, 60, 16),
                             Qt.AlignmentFlag.AlignCenter, number(value))
        told = self._board.told() if self._board is not None else ""
        words = f"{COSTS[self._kind]}, against {told} (lower is better)"
        painter.drawText(QRectF(room.left(), room.bottom() + 17, room.width(), 16),
                         Qt.AlignmentFlag.AlignCenter, painter.fontMetrics().elidedText(
                             words, Qt.TextElideMode.ElideRight, int(room.width())))

    def event(self, event: QEvent) -> bool:
        """Tell of the dot that is pointed at."""
        if isinstance(event, QHelpEvent):
            near = [(math.hypot(at.x() - event.pos().x(), at.y() - event.pos().y()), words)
                    for at, words in self._spots]
            far, words = min(near, default=(math.inf, ""))
            if far < 12:
                QToolTip.showText(event.globalPos(), words, self)
            else:
                QToolTip.hideText()
            return True
        return super().event(event)


class _Scale:
    """A logarithmic axis that has room for some values."""

    def __init__(self, values: Sequence[float]) -> None:
        self.low, self.high = min(values) / 1.35, max(values) * 1.35

    def share(self, value: float) -> float:
        """Return where a value stands, from 0 to 1."""
        return math.log(value / self.low) / math.log(self.high / self.low)

    def ticks(self) -> list[float]:
        """Return round numbers within: 1, 2, 5 of each decade, or the decades of many."""
        steps: tuple[float, ...]
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        steps = (1, 2, 5) if len(decades) < 5 else (1,)
        if self.high < 10 * self.low:
            steps = (1, 1.5, 2, 3, 5, 7)
        found = [step * 10.0**decade for decade in decades for step in steps]
        return [value for value in found if self.low <= value <= self.high]


def _place(room: QRectF, across: _Scale, up: _Scale, cost: float, value: float) -> QPointF:
    return QPointF(room.left() + across.share(cost) * room.width(),
                   room.bottom() - up.share(value) * room.height())
