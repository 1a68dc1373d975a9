"""The lanes of a race: the pictures of each way as they are at one moment, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from hybridstudio import racing
from hybridstudio.gui import mosaic, theme
from hybridstudio.gui.cloudlight import lit
from hybridstudio.gui.images import to_qimage
from hybridstudio.gui.mosaic import Grid
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Frame
from hybridstudio.racing import By, Lane

WORDS = 20  # points for the words of a lane
BAR = 4  # and for how far it is
LEAST, MOST = 56, 128  # points that pictures are high
PLACES = ("1st", "2nd", "3rd")


class RaceView(QWidget):
    """Shows lanes at a step or a second; `None` is each one's newest frame."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.empty = ""
        self._lanes: Sequence[Lane] = ()
        self._place: float | None = None
        self._by: By = "time"
        self._high = LEAST  # of a lane at least
        self._painted: dict[tuple[int, int, int], QImage] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Lanes of the race")
        theme.changed.connect(self.forget)

    def show_lanes(self, lanes: Sequence[Lane]) -> None:
        """Show other lanes, or frames that have come to them."""
        if lanes is not self._lanes or not any(lane.frames for lane in lanes):
            self._painted.clear()
        self._lanes = lanes
        sides = [lane.frames[0].x_t.shape[1] for lane in lanes if lane.frames]
        side = max((2 * side if side <= 32 else side for side in sides), default=LEAST)
        self._high = WORDS + BAR + 6 + GRID + max(LEAST, min(MOST, side))
        self.setMinimumHeight(GRID + self._high * len(lanes))
        self._tell()

    def show_place(self, place: float | None, by: By) -> None:
        """Go to a step or a second."""
        self._place, self._by = place, by
        self._tell()

    def forget(self) -> None:
        """Paint all pictures anew."""
        self._painted.clear()
        self.update()

    def resizeEvent(self, event: object) -> None:
        """Choose another zoom."""
        self.forget()

    def sizeHint(self) -> QSize:
        """Ask for room for all lanes."""
        return QSize(600, GRID + self._high * max(1, len(self._lanes)))

    def _tell(self) -> None:
        said = [f"{lane.name}: {racing.readout(lane, self.frame_of(lane))}"
                for lane in self._lanes]
        self.setAccessibleDescription("; ".join(said) or self.empty)
        self.update()

    def frame_of(self, lane: Lane) -> Frame | None:
        """Return the frame of a lane that is shown."""
        return lane.last if self._place is None else lane.at(self._place, self._by)

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint a lane below the other."""
        colours = theme.palette()
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(colours.canvas))
            if not self._lanes:
                painter.setPen(QColor(colours.muted))
                painter.drawText(self.rect().adjusted(3 * GRID, 0, -3 * GRID, 0),
                                 int(Qt.AlignmentFlag.AlignCenter)
                                 | int(Qt.TextFlag.TextWordWrap), self.empty)
                return
            high = min(2 * self._high, (self.height() - GRID) / len(self._lanes))
            end, order = racing.end(self._lanes, self._by), racing.order(self._lanes)
            for place, lane in enumerate(self._lanes):
                box = QRectF(2 * GRID, GRID + place * high, self.width() - 4 * GRID, high - GRID)
                self._paint_lane(painter, box, place, lane, end, order.get(place))

    def _paint_lane(self, painter: QPainter, box: QRectF, place: int, lane: Lane, end: float,
                    finish: int | None) -> None:
        colours, frame = theme.palette(), self.frame_of(lane)
        colour = colour_of(place)
        is_in = frame is not None and frame.step >= frame.steps
        words = racing.readout(lane, frame)
        if is_in and finish is not None:
            words += f" · {PLACES[finish - 1] if finish <= len(PLACES) else f'{finish}th'}"
        head = QRectF(box.left(), box.top(), box.width(), WORDS)
        painter.setFont(theme.font())
        told = painter.fontMetrics().horizontalAdvance(words)
        painter.setPen(QColor(colours.bad if lane.failed else
                              colours.text if is_in else colours.muted))
        painter.drawText(head, Qt.AlignmentFlag.AlignRight, painter.fontMetrics().elidedText(
            words, Qt.TextElideMode.ElideRight, int(0.66 * box.width())))
        painter.setFont(theme.font(1.0, bold=True))
        painter.setPen(QColor(colours.text))
        room = int(max(0.34 * box.width(), box.width() - told - 4 * GRID))
        painter.setBrush(colour)
        painter.save()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawEllipse(QRectF(head.left(), head.top() + 4, 9, 9))
        painter.restore()
        painter.drawText(head.adjusted(2 * GRID, 0, 0, 0), Qt.AlignmentFlag.AlignLeft,
                         painter.fontMetrics().elidedText(
                             lane.name, Qt.TextElideMode.ElideMiddle, room - 2 * GRID))
        if frame is not None:
            self._paint_pictures(painter, box, place, frame)
        self._paint_progress(painter, box, lane, frame, end, colour)

    def _paint_pictures(self, painter: QPainter, box: QRectF, place: int, frame: Frame) -> None:
        ratio = self.devicePixelRatioF()
        room = (int(box.width() * ratio), int((box.height() - WORDS - BAR - 6) * ratio))
        key = (place, frame.step, room[1])
        if key not in self._painted:
            self._painted[key] = _laid_out(
                lit(frame.x_t) if frame.points else frame.x_t, room, ratio)
        painter.drawImage(QRectF(box.left(), box.top() + WORDS, 0, 0).topLeft(),
                          self._painted[key])

    def _paint_progress(self, painter: QPainter, box: QRectF, lane: Lane, frame: Frame | None,
                        end: float, colour: QColor) -> None:
        """Paint the whole way of the slowest faintly, this lane's over it, what is done full."""
        line = QRectF(box.left(), box.bottom() - BAR, box.width(), BAR)
        painter.fillRect(line, QColor(theme.palette().line))
        if frame is None or not end:
            return
        last = lane.seconds if self._by == "time" else frame.steps
        now = frame.seconds if self._by == "time" else float(frame.step)
        if self._place is not None and self._by == "time":
            now = min(self._place, last)
        faint = QColor(colour)
        faint.setAlphaF(0.35)
        for value, shade in ((last, faint), (now, colour)):
            line.setWidth(box.width() * min(1.0, value / end))
            painter.fillRect(line, shade)


def colour_of(place: int) -> QColor:
    """Return the colour of a lane."""
    series = theme.palette().series
    return QColor(series[place % (len(series) - 1)])


def _laid_out(images: np.ndarray, room: tuple[int, int], ratio: float) -> QImage:
    """Lay as many pictures as there is room for in one line, as large as its height lets them."""
    gap = round(4 * ratio)
    zoom = mosaic.zoom_for(images.shape[1], images.shape[2], 1, 1, room, gap)
    wide = mosaic.shown(images.shape[2], zoom) + gap
    while zoom > 1 and wide * len(images) > room[0] + gap:  # rather smaller than not seen
        zoom -= 1
        wide = mosaic.shown(images.shape[2], zoom) + gap
    count = max(1, min(len(images), (room[0] + gap) // wide))
    grid = Grid(count, images.shape[1], images.shape[2], count, zoom, gap)
    width, height = grid.size
    pixels = mosaic.compose(images, grid, int(theme.palette().canvas[1:], 16))
    return to_qimage(pixels[:height, :width], ratio)
