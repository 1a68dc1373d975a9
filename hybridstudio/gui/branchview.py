"""A tree of drawings, painted: each line a track of thumbnails from noise on the left to t = 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPixmap,
)
from PySide6.QtWidgets import QScrollArea, QSizePolicy, QWidget

from hybridstudio.frames import pictures_in
from hybridstudio.gui import mosaic, theme
from hybridstudio.gui.branchtree import Frames, Line, Tree, levels_of, like, shares
from hybridstudio.gui.cloudlight import lit
from hybridstudio.gui.images import to_qimage
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Frame

SIDE = 56  # points of a thumbnail
WORDS = 18  # points for the words above a track
ROW = SIDE + WORDS + GRID
MARGIN = 2 * GRID


@dataclass(frozen=True)
class Track:
    """Where a line lies: its row, the frames that are its own, and their places in points."""

    line: Line
    top: int
    frames: Sequence[Frame]
    places: Sequence[float]

    @property
    def middle(self) -> float:
        """The height at which the thumbnails are threaded."""
        return self.top + WORDS + SIDE / 2


class TreeView(QWidget):
    """Shows a tree; `picked` tells a line and a step that were clicked, `compared` another line.

    `walked` tells -1 or 1 for the step before or after, `removed` that the line is to go.
    """

    picked = Signal(int, int)
    compared = Signal(int)
    walked = Signal(int)
    removed = Signal()
    pointed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.empty = ""
        self.words: Callable[[Line], str] = lambda line: f"line {line.key}"
        self._tree, self._frames = Tree(), Frames()
        self._which, self._row = 0, "x_t"
        self._selected, self._step, self._other = 0, 0, 0
        self._t: float | None = None  # where all are scrubbed to
        self._tracks: list[Track] = []
        self._thumbs: dict[tuple[int, int, str], QImage] = {}
        self._still: QPixmap | None = None
        self._hovered: tuple[Track, int] | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setAccessibleName("Tree of drawings")
        theme.changed.connect(self._forget)

    def _forget(self) -> None:
        self._thumbs.clear()
        self._repaint()

    def _repaint(self) -> None:
        """Paint the whole anew."""
        self._still = None
        self.update()

    # what is shown

    def show_tree(self, tree: Tree, frames: Frames) -> None:
        """Show a tree, or the frames that have come to it."""
        if not frames.own(0):
            self._thumbs.clear()
        self._tree, self._frames = tree, frames
        self.setMinimumHeight(MARGIN + ROW * max(1, len(tree.lines)))
        self._place()

    def show_picture(self, which: int, row: str) -> None:
        """Show another of the pictures, or another row of it."""
        self._which, self._row = which, row
        self._forget()

    def select(self, key: int, step: int, other: int) -> None:
        """Mark the line and step that is branched from, and the line it is compared with."""
        self._selected, self._step, self._other = key, step, other
        self.setAccessibleDescription(f"{len(self._tree.lines)} lines, at step {step} of "
                                      f"{self.words(self._tree.line(key) or Line(0))}")
        self._repaint()

    def scrub(self, t: float | None) -> None:
        """Show every line at a noise level."""
        self._t = t
        self.update()

    def sizeHint(self) -> QSize:
        """Ask for all rows."""
        return QSize(600, self.minimumHeight())

    def _place(self) -> None:
        """Find where all lines lie."""
        levels = levels_of(self._frames.own(0))
        left, right = self._ends()
        self._tracks = []
        for row, line in enumerate(self._tree.rows()):
            frames = self._frames.own(line.key)
            places = shares(frames, levels) if levels else []
            self._tracks.append(Track(line, MARGIN // 2 + row * ROW, frames,
                                      [left + share * (right - left) for share in places]))
        self._repaint()

    def _ends(self) -> tuple[float, float]:
        """Return where the first and the last thumbnail have their middles."""
        return MARGIN + SIDE / 2, max(4.0 * SIDE, self.width() - MARGIN - SIDE / 2)

    def resizeEvent(self, event: object) -> None:
        """Spread the lines over the width."""
        self._place()

    def picture(self) -> np.ndarray:
        """Return the whole tree as pixels (H, W, 3)."""
        image = self.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
        lines = np.frombuffer(image.constBits(), np.uint8)
        lines = lines.reshape(image.height(), image.bytesPerLine())[:, :3 * image.width()]
        return lines.reshape(image.height(), image.width(), 3).copy()

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the tree, which rests, and over it what is pointed at and scrubbed to."""
        with QPainter(self) as painter:
            if not self._frames.own(0):
                painter.fillRect(self.rect(), QColor(theme.palette().canvas))
                painter.setPen(QColor(theme.palette().muted))
                painter.drawText(self.rect().adjusted(3 * GRID, 0, -3 * GRID, 0),
                                 int(Qt.AlignmentFlag.AlignCenter)
                                 | int(Qt.TextFlag.TextWordWrap), self.empty)
                return
            if self._still is None:
                self._still = self._painted_still()
            painter.drawPixmap(0, 0, self._still)
            for track in self._tracks:
                for number, pen in self._marked(track):
                    self._paint_thumb(painter, track, number, pen)

    def _painted_still(self) -> QPixmap:
        """Paint all that stays the same while it is scrubbed."""
        ratio = self.devicePixelRatioF()
        still = QPixmap(self.size() * ratio)
        still.setDevicePixelRatio(ratio)
        still.fill(QColor(theme.palette().canvas))
        with QPainter(still) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for track in self._tracks:
                self._paint_branching(painter, track)
            for track in self._tracks:
                self._paint_track(painter, track)
        return still

    def colour(self, key: int) -> QColor:
        """Return the colour of a line."""
        series = theme.palette().series
        order = [line.key for line in self._tree.lines]
        return QColor(series[order.index(key) % (len(series) - 1) if key in order else 0])

    def _paint_branching(self, painter: QPainter, track: Track) -> None:
        parent = next((one for one in self._tracks if one.line.key == track.line.parent), None)
        if parent is None or not track.places:
            return
        x, y = track.places[0], track.middle
        path = QPainterPath(QPointF(x - SIDE / 2 - GRID, parent.middle))
        path.lineTo(x - SIDE / 2 - GRID, y - GRID)
        path.quadTo(x - SIDE / 2 - GRID, y, x - SIDE / 2, y)
        painter.setPen(QPen(self.colour(track.line.key), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)

    def _paint_track(self, painter: QPainter, track: Track) -> None:
        colours, colour = theme.palette(), self.colour(track.line.key)
        is_selected = track.line.key == self._selected
        begin = (track.places[0] if track.places else self._ends()[0]) - SIDE / 2
        room = self.width() - MARGIN - begin
        words = painter.fontMetrics().elidedText(
            self.words(track.line), Qt.TextElideMode.ElideRight, int(room))
        painter.setFont(theme.font(1.0, bold=is_selected))
        painter.setPen(QColor(colours.text if is_selected else colours.muted))
        painter.drawText(QRectF(begin, track.top, room, WORDS - 2),
                         Qt.AlignmentFlag.AlignBottom, words)
        if not track.places:
            return
        painter.setPen(QPen(colour, 2))
        painter.drawLine(QPointF(track.places[0], track.middle),
                         QPointF(track.places[-1], track.middle))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        for x in track.places:
            painter.drawEllipse(QPointF(x, track.middle), 2.5, 2.5)
        for number in self._spread(track):
            self._paint_thumb(painter, track, number, None)

    def _marked(self, track: Track) -> list[tuple[int, QPen]]:
        """Return the frames that are pointed at, scrubbed to, chosen, with their frames' pens."""
        colours = theme.palette()
        found: list[tuple[int, QPen]] = []
        if not track.frames:
            return found
        if self._hovered is not None and self._hovered[0].line.key == track.line.key:
            found.append((min(self._hovered[1], len(track.frames) - 1),
                          QPen(QColor(colours.muted), 2)))
        if self._t is not None and track.frames[0].t >= self._t:
            frame = like(track.frames, self._t)
            if frame is not None:
                found.append((frame.step - track.frames[0].step, QPen(QColor(colours.text), 2)))
        place = self._step - track.frames[0].step
        if track.line.key == self._selected and 0 <= place < len(track.frames):
            found.append((place, QPen(QColor(colours.accent), 3)))
        return found

    def _spread(self, track: Track) -> list[int]:
        """Choose the frames whose thumbnails do not overlap, the last of them always."""
        found: list[int] = []
        limit = float("inf")
        for number in reversed(range(len(track.places))):
            if track.places[number] <= limit:
                found.append(number)
                limit = track.places[number] - SIDE - 4
        # The first shows where a branch begins, before one that stands too near to it.
        if found[-1] and track.places[found[-1]] - track.places[0] < SIDE and len(found) > 1:
            found.pop()
        return found if 0 in found else [*found, 0]

    def _paint_thumb(self, painter: QPainter, track: Track, number: int, pen: QPen | None) -> None:
        image = self._thumb(track, number)
        size = image.deviceIndependentSize()
        box = QRectF(round(track.places[number] - size.width() / 2),
                     round(track.middle - size.height() / 2), size.width(), size.height())
        painter.drawImage(box.topLeft(), image)
        if pen is not None:
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(box.adjusted(-1, -1, 1, 1))

    def _thumb(self, track: Track, number: int) -> QImage:
        """Return a frame's picture, at a whole-number zoom, from a cache."""
        frame = track.frames[number]
        key = (track.line.key, frame.step, self._row)
        if key not in self._thumbs:
            ratio = self.devicePixelRatioF()
            images = pictures_in(frame, self._row)
            images = frame.x_t if images is None else images
            one = images[min(self._which, len(images) - 1):][:1]
            if frame.points:
                one = lit(one)
            side = round(SIDE * ratio)
            grid = mosaic.fitting(1, one.shape[1], one.shape[2], (side, side), gap=0)
            width, height = grid.size
            pixels = mosaic.compose(one, grid, int(theme.palette().canvas[1:], 16))
            self._thumbs[key] = to_qimage(pixels[:height, :width], ratio)
        return self._thumbs[key]

    # mouse and keyboard

    def _at(self, place: QPointF) -> tuple[Track, int] | None:
        """Return the line and the number of its frame at a place."""
        for track in self._tracks:
            if track.places and track.top <= place.y() < track.top + ROW \
                    and place.x() >= track.places[0] - SIDE / 2 - GRID:
                far = [abs(x - place.x()) for x in track.places]
                return track, far.index(min(far))
        return None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show the frame under the mouse."""
        found = self._at(event.position())
        if found != self._hovered:
            self._hovered = found
            self.pointed.emit("" if found is None else (
                f"step {found[0].frames[found[1]].step} · t = {found[0].frames[found[1]].t:,.0f}"))
            self.update()

    def leaveEvent(self, event: object) -> None:
        """Point at nothing."""
        self._hovered = None
        self.pointed.emit("")
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose a step; with Ctrl, or by the other button, the line to compare with."""
        found = self._at(event.position())
        if found is None:
            return
        track, number = found
        if event.button() == Qt.MouseButton.RightButton or (
                event.modifiers() & Qt.KeyboardModifier.ControlModifier):
            self.compared.emit(track.line.key)
        else:
            self.picked.emit(track.line.key, track.frames[number].step)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk along a line and from line to line; Delete takes the line away."""
        key = Qt.Key(event.key())
        order = [track.line.key for track in self._tracks]
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.walked.emit(1 if key == Qt.Key.Key_Right else -1)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down) and self._selected in order:
            place = order.index(self._selected) + (1 if key == Qt.Key.Key_Down else -1)
            if 0 <= place < len(order):
                self.picked.emit(order[place], self._step)
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit()
        else:
            super().keyPressEvent(event)

    def box_of(self, key: int, step: int) -> QRect:
        """Return where a frame's thumbnail lies."""
        for track in self._tracks:
            if track.line.key == key and track.frames:
                number = max(0, min(step - track.frames[0].step, len(track.frames) - 1))
                return QRect(round(track.places[number] - SIDE / 2), track.top + WORDS, SIDE, SIDE)
        return QRect()


def scrolling(view: TreeView) -> QScrollArea:
    """Return a tree in an area in which its rows can be scrolled."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(view)
    return area
