"""One frame of a drawing on the screen: x_t, the predicted picture and the predicted noise."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from html import escape

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QIcon,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QResizeEvent,
    QTextDocument,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from hybridstudio.gui import mosaic, theme
from hybridstudio.gui.film import ROWS, Row, pictures_in, row_of, says
from hybridstudio.gui.images import to_qimage
from hybridstudio.gui.mosaic import Grid
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Frame

# Mathematics as books set it: variables slanted, a hat on what is predicted.
MATHS: dict[Row, str] = {"x_t": "<i>x</i><sub><i>t</i></sub>",
                         "x0": "<i>x\u0302</i><sub>0</sub>", "eps": "<i>ε\u0302</i>"}
_SIDE_LABEL, _TOP_LABEL = 96, 28  # room for a label in points


@dataclass(frozen=True)
class Block:
    """Where one row of pictures lies, in points; its label, and its pixels where it has any.

    `scale` is how many points a pixel of its grid takes.
    """

    row: Row
    label: QRectF
    words: QTextDocument
    origin: QPointF
    grid: Grid
    scale: float
    image: QImage | None = None

    @property
    def place(self) -> QRectF:
        """Where the whole row lies, in points."""
        return QRectF(self.origin, QSizeF(*self.grid.size) * self.scale)

    @property
    def pixels(self) -> QRectF:
        """What of the image that is."""
        return QRectF(QPointF(0, 0), QSizeF(*self.grid.size))


class FilmView(QWidget):
    """Shows a frame's rows as large as they fit, stacked or side by side, whichever is larger.

    Pictures are enlarged by whole numbers, clouds of points to what room there is.
    `scrubbed` tells steps to move by (the wheel), `pointed` what lies under the mouse in words,
    `enlarged` whether one is shown alone, `scaled` the zoom in words.
    `painted_at` is the time (perf_counter) at which painting last ended.
    """

    scrubbed = Signal(int)
    pointed = Signal(str)
    enlarged = Signal(bool)
    scaled = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.painted_at = 0.0
        self.rows: tuple[Row, ...] = ROWS
        self.current = 0
        self.alone = False  # whether only the current picture is shown
        self.empty = ""  # what is said where there is no frame
        self._frame: Frame | None = None
        self._blocks: list[Block] = []
        self._places: list[Block] = []  # the same without pixels: good until the layout changes
        self._placed_for: tuple[object, ...] = ()
        self._turned = 0
        self._zoom = 0
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Frames")
        theme.changed.connect(self.refresh)

    def show_frame(self, frame: Frame | None) -> None:
        """Show a frame; None shows the words in `empty`."""
        self._frame = frame
        if frame is not None:
            self.current = min(self.current, len(frame.x_t) - 1)
        self.refresh()

    def frame_shown(self) -> Frame | None:
        """Return the frame on the screen."""
        return self._frame

    def show_rows(self, rows: tuple[Row, ...]) -> None:
        """Choose which rows are shown."""
        self.rows = rows
        self.refresh()

    def show_alone(self, alone: bool) -> None:
        """Show only the current picture, or all of them."""
        if alone != self.alone:
            self.alone = alone
            self.refresh()
            self.enlarged.emit(alone)

    def only(self) -> int | None:
        """Return the one picture that is shown, None where all are."""
        return self.current if self.alone else None

    def refresh(self) -> None:
        """Paint anew."""
        self._blocks = []
        self.update()

    def sizeHint(self) -> QSize:
        """Ask for room for a few rows of pictures."""
        return QSize(560, 400)

    def minimumSizeHint(self) -> QSize:
        """Ask for room for a few pictures at least."""
        return QSize(160, 120)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay the pictures out anew."""
        self.refresh()
        super().resizeEvent(event)

    # layout

    def _layout(self, frame: Frame) -> list[Block]:
        count, height, width, _ = frame.x_t.shape
        ratio = self.devicePixelRatioF()
        shape = (1 if self.alone else count, height, width)
        # What comes in one pass and stands alone needs no name.
        is_plain = frame.steps == 0 and len(self.rows) == 1
        words = () if is_plain else tuple(says(row, frame) for row in self.rows)
        wanted = (shape, ratio, self.rows, words, self.size(), theme.palette().dark)
        if wanted != self._placed_for:
            is_cloud = bool(frame.points)
            stacked = self._arranged(shape, ratio, words, is_cloud, across=False)
            across = self._arranged(shape, ratio, words, is_cloud, across=True)
            is_larger = across and _size(across[0]) > _size(stacked[0])
            self._places, self._placed_for = across if is_larger else stacked, wanted
        return self._places

    def _arranged(self, shape: tuple[int, int, int], ratio: float, words: tuple[str, ...],
                  is_cloud: bool, across: bool) -> list[Block]:
        count = len(self.rows)
        if not count:
            return []
        wide, high = self.width() - 2 * GRID, self.height() - 2 * GRID
        beside, above = (_SIDE_LABEL, _TOP_LABEL) if any(words) else (0, 0)
        room: tuple[float, float] = (wide - beside, (high - (count - 1) * GRID) / count)
        if across:
            room = ((wide - (count - 1) * 2 * GRID) / count, high - above)
        if is_cloud:  # smooth anyway: it takes all the room
            grid = Grid(1, *shape[1:], columns=1, zoom=1, gap=0)
            scale = max(1.0, min(room)) / max(shape[1:])
        else:
            pixels = (int(max(1, room[0]) * ratio), int(max(1, room[1]) * ratio))
            grid, scale = mosaic.fitting(*shape, pixels, gap=round(2 * ratio)), 1 / ratio
        size = QPointF(*grid.size) * scale
        step = QPointF(size.x() + 2 * GRID, 0) if across else QPointF(0, size.y() + GRID)
        whole = size + step * (count - 1)
        extra = QPointF(0, above) if across else QPointF(beside, 0)
        start = (QPointF(self.width(), self.height()) - whole - extra) / 2
        first = _on_pixel(QPointF(max(0.0, start.x()), max(0.0, start.y())) + extra, ratio)
        blocks = []
        for index, row in enumerate(self.rows):
            origin = _on_pixel(first + step * index, ratio)
            label = (QRectF(origin.x(), origin.y() - above, room[0], above) if across
                     else QRectF(origin.x() - beside, origin.y(), max(0, beside - GRID),
                                 max(size.y(), 1.0)))
            told = self._label(row, words[index], label.width(), across) if words else (
                QTextDocument())
            if not across:
                label.translate(0, max(0.0, (label.height() - told.size().height()) / 2))
            blocks.append(Block(row, label, told, origin, grid, scale))
        return blocks

    def _label(self, row: Row, words: str, width: float, across: bool) -> QTextDocument:
        colours = theme.palette()
        told = f"<span style='color:{colours.muted}'>{escape(words)}</span>"
        if row in MATHS:
            told = (f"<span style='font-family:serif;font-size:15pt;color:{colours.text}'>"
                    f"{MATHS[row]}</span>{'&nbsp; ' if across else '<br>'}{told}")
        text = QTextDocument()
        text.setDocumentMargin(0)
        text.setDefaultFont(self.font())
        text.setTextWidth(width)
        text.setHtml(told)
        return text

    def _composed(self, frame: Frame) -> list[Block]:
        ground = QColor(theme.palette().canvas).rgb() & 0xFFFFFF
        return [block if pictures_in(frame, block.row) is None else replace(block, image=to_qimage(
            mosaic.compose(row_of(frame, block.row, self.only()), block.grid, ground)))
            for block in self._layout(frame)]

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint what was composed before."""
        colours = theme.palette()
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(colours.canvas))
            if self._frame is None:
                painter.setPen(QColor(colours.muted))
                room = self.rect().adjusted(4 * GRID, 4 * GRID, -4 * GRID, -4 * GRID)
                flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
                painter.drawText(room, flags, self.empty)
                return
            if not self._blocks:
                self._blocks = self._composed(self._frame)
                self._tell_scale()
            for block in self._blocks:
                painter.translate(block.label.topLeft())
                block.words.drawContents(painter)
                painter.resetTransform()
                if block.image is not None:
                    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform,
                                          bool(self._frame.points))
                    painter.drawImage(block.place, block.image, block.pixels)
                else:
                    self._paint_missing(painter, block)
                if not self.alone and block.grid.count > 1 and self.hasFocus():
                    painter.setPen(QPen(QColor(colours.accent), 2))
                    painter.drawRect(self._place(block, self.current).adjusted(-1, -1, 1, 1))
        self.painted_at = time.perf_counter()

    def _paint_missing(self, painter: QPainter, block: Block) -> None:
        painter.setPen(QColor(theme.palette().muted))
        painter.drawText(block.place, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap,
                         "none at this step")

    def _tell_scale(self) -> None:
        """Tell the zoom once it is another; not while painting, as who hears it lays out anew."""
        if self._blocks and self._frame is not None:
            zoom = 0 if self._frame.points else self._blocks[0].grid.zoom
            if zoom != self._zoom:
                self._zoom = zoom
                words = mosaic.scale_text(zoom) if zoom else ""
                QTimer.singleShot(0, self, lambda: self.scaled.emit(words))

    def _place(self, block: Block, index: int) -> QRectF:
        left, top, width, height = (side * block.scale for side in block.grid.place(index))
        return QRectF(block.origin.x() + left, block.origin.y() + top, width, height)

    # mouse

    def _under(self, position: QPointF) -> tuple[Block, int, int, int] | None:
        for block in self._blocks:
            place = (position - block.origin) / block.scale
            if found := block.grid.at(place.x(), place.y()):
                index, x, y = found
                return block, self.current if self.alone else index, x, y
        return None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell what lies under the mouse."""
        found, frame = self._under(event.position()), self._frame
        if found is None or frame is None or pictures_in(frame, found[0].row) is None:
            return self.pointed.emit("")
        block, index, x, y = found
        if frame.points:
            count = len(frame.points["x_t"])
            return self.pointed.emit(f"{says(block.row, frame)} · {count:,} points")
        value = ", ".join(map(str, row_of(frame, block.row)[index, y, x].tolist()))
        self.pointed.emit(f"{says(block.row, frame)} {index + 1} · x {x}, y {y} · value {value}")

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing lies under the mouse any more."""
        self.pointed.emit("")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the picture that is clicked."""
        if found := self._under(event.position()):
            self.current = found[1]
            self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Show the picture alone, or all again."""
        if self._under(event.position()):
            self.show_alone(not self.alone)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scrub by whole notches."""
        turned: QPoint = event.angleDelta()
        self._turned += turned.y() or turned.x()  # touchpads turn in small parts
        notches = int(self._turned / 120)
        self._turned -= notches * 120
        if notches:
            self.scrubbed.emit(-notches)
        event.accept()


def symbol(row: Row, ratio: float) -> tuple[QIcon, QSize]:
    """Return a row's variable as an icon and its size in points: its hat shows in small as well."""
    colours = theme.palette()
    text = QTextDocument()
    text.setDocumentMargin(0)
    text.setHtml(f"<span style='font-family:serif;font-size:12pt;color:{colours.text}'>"
                 f"{MATHS[row]}</span>")
    size = QSize(math.ceil(text.idealWidth()) + GRID // 2, math.ceil(text.size().height()))
    pixmap = QPixmap(size * ratio)
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    with QPainter(pixmap) as painter:
        text.drawContents(painter)
    return QIcon(pixmap), size


def _size(block: Block) -> float:
    return block.grid.picture[0] * block.scale


def _on_pixel(place: QPointF, ratio: float) -> QPointF:
    return QPointF(round(place.x() * ratio) / ratio, round(place.y() * ratio) / ratio)
