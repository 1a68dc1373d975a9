"""One frame of a drawing on the screen: its rows of pictures, as large as they fit or enlarged."""

from __future__ import annotations

import time
from collections.abc import Mapping

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from hybridstudio import frames
from hybridstudio.frames import ROWS, Range, Row, pictures_in, says
from hybridstudio.gui import filmlayout, mosaic, theme
from hybridstudio.gui.cloudlight import lit
from hybridstudio.gui.filmlayout import LARGEST, MATHS, Block, Wanted, signed, symbol
from hybridstudio.gui.images import to_qimage
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Frame

__all__ = ["MATHS", "Block", "FilmView", "symbol"]

SYMBOLS: dict[Row, str] = {"x_t": "x_t", "x0": "x\u0302₀", "eps": "ε\u0302", frames.NOISE: "ε",
                           frames.DIFFERENCE: "|ε\u0302−ε|", frames.CHANGE: "Δx\u0302₀"}


class FilmView(QWidget):
    """Shows a frame's rows as large as they fit, stacked or side by side, whichever is larger.

    Pictures are enlarged by whole numbers, clouds of points to what room there is; one that is
    shown alone may be enlarged further and moved. `ranges` say in which range a row is shown,
    `has_facts` whether its statistics are told. `scrubbed` tells steps to move by (the wheel),
    `pointed` what lies under the mouse in words, `enlarged` whether one is shown alone, `scaled`
    the zoom in words. `painted_at` is the time (perf_counter) at which painting last ended,
    `paint_seconds` how long it took.
    """

    scrubbed = Signal(int)
    pointed = Signal(str)
    enlarged = Signal(bool)
    scaled = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.painted_at = self.paint_seconds = 0.0
        self.rows: tuple[Row, ...] = ROWS
        self.ranges: Mapping[Row, Range] = frames.USUAL_RANGES
        self.has_facts = False
        self.current = 0
        self.alone = False  # whether only the current picture is shown
        self.zoom: int | None = None  # of one that is shown alone; None: as large as it fits
        self.empty = ""  # what is said where there is no frame
        self._centre = (0.5, 0.5)  # of what is seen of it, as shares of its sides
        self._frame: Frame | None = None
        self._before: Frame | None = None
        self._told: Frame | None = None  # the frame with the rows that follow from others
        self._blocks: list[Block] = []
        self._places: list[Block] = []  # the same without pixels: good until the layout changes
        self._placed_for: Wanted | None = None
        self._dragged_from: QPointF | None = None
        self._turned = 0
        self._scale = ""
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Frames")
        theme.changed.connect(self.refresh)

    def show_frame(self, frame: Frame | None, before: Frame | None = None) -> None:
        """Show a frame, and how it differs from the one before; None shows the words in `empty`."""
        self._frame, self._before = frame, before
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

    def show_ranges(self, ranges: Mapping[Row, Range]) -> None:
        """Choose the range of values in which each row is shown."""
        self.ranges = ranges
        self.refresh()

    def show_facts(self, on: bool) -> None:
        """Tell the statistics of each row, or not."""
        self.has_facts = on
        self.refresh()

    def show_alone(self, alone: bool) -> None:
        """Show only the current picture, or all of them."""
        if alone != self.alone:
            self.alone, self.zoom, self._centre = alone, None, (0.5, 0.5)
            self.refresh()
            self.enlarged.emit(alone)

    def only(self) -> int | None:
        """Return the one picture that is shown, None where all are."""
        return self.current if self.alone else None

    def magnify(self, by: int) -> None:
        """Enlarge what is shown alone by a further whole number; 0 shows it as large as it fits."""
        if self._frame is None or self._frame.points or not self._blocks:
            return
        self.show_alone(True)
        zoom = self.zoom or self._blocks[0].grid.zoom
        wanted = zoom + by if zoom + by not in (0, -1) else 1 if by > 0 else -2
        lowest = min(1, -(max(self._frame.x_t.shape[1:3]) // 64))
        self.zoom = max(lowest, min(LARGEST, wanted)) if by else None
        self.refresh()

    def refresh(self) -> None:
        """Paint anew."""
        self._blocks, self._told = [], None
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

    # --- layout -----------------------------------------------------------------------------------

    def _layout(self, frame: Frame) -> list[Block]:
        count, height, width, _ = frame.x_t.shape
        # What comes in one pass and stands alone needs no name.
        is_plain = frame.steps == 0 and len(self.rows) == 1
        words = () if is_plain else tuple(says(row, frame) for row in self.rows)
        wanted = Wanted(
            self.rows, words, (1 if self.alone else count, height, width), self.size(),
            self.devicePixelRatioF(), bool(frame.points), self.has_facts,
            self.zoom if self.alone else None, self._centre, theme.palette().dark)
        if wanted != self._placed_for:
            self._places = filmlayout.laid_out(wanted, self.font())
            self._placed_for = wanted
        return self._places

    def _composed(self, frame: Frame) -> list[Block]:
        ground = QColor(theme.palette().canvas).rgb() & 0xFFFFFF
        blocks = []
        for block in self._layout(frame):
            if pictures_in(frame, block.row) is None:
                blocks.append(block)
                continue
            images = frames.row_of(frame, block.row, self.only())
            table = frames.table_of(images, frames.scale_of(frame, block.row),
                                    self.ranges.get(block.row, "as is"))
            (x, y), grid = block.corner, block.grid
            if frame.points:
                images = lit(images)
            seen = images[:, y:y + grid.height, x:x + grid.width]
            blocks.append(filmlayout.with_image(
                block, to_qimage(mosaic.compose(seen, grid, ground, table))))
        return blocks

    # --- painting ---------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint what was composed before."""
        colours, began = theme.palette(), time.perf_counter()
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(colours.canvas))
            if self._frame is None:
                painter.setPen(QColor(colours.muted))
                room = self.rect().adjusted(4 * GRID, 4 * GRID, -4 * GRID, -4 * GRID)
                flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
                painter.drawText(room, flags, self.empty)
                return
            if self._told is None:
                self._told = frames.completed(self._frame, self._before, self.rows)
            if not self._blocks:
                self._blocks = self._composed(self._told)
                self._tell_scale()
            for block in self._blocks:
                painter.translate(block.label.topLeft())
                block.words.drawContents(painter)
                painter.resetTransform()
                if self.has_facts and any(self._placed_for.words if self._placed_for else ()):
                    self._paint_facts(painter, block, self._told)
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
        self.paint_seconds = self.painted_at - began

    def _paint_facts(self, painter: QPainter, block: Block, frame: Frame) -> None:
        """Tell a row's statistics by its name, as much as there is room for in every row."""
        lines = filmlayout.facts(frames.statistics_of(frame, block.row))
        place, measure = block.facts, painter.fontMetrics()
        painter.setPen(QColor(theme.palette().muted))
        if block.is_under:
            fits = [count for count in range(len(lines) + 1)
                    if measure.horizontalAdvance("   ".join(lines[:count])) <= place.width()]
            painter.drawText(QPointF(place.x(), place.y() + measure.ascent()),
                             "   ".join(lines[:fits[-1]]))
            return
        room = min(each.facts.height() for each in self._blocks)
        for number, line in enumerate(lines[:int(room // measure.height())]):
            painter.drawText(QPointF(place.x(), place.y() + (number + 1) * measure.height()
                                     - measure.descent()), line)

    def _paint_missing(self, painter: QPainter, block: Block) -> None:
        painter.setPen(QColor(theme.palette().muted))
        painter.drawText(block.place, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap,
                         "none at this step")

    def _tell_scale(self) -> None:
        """Tell the zoom once it is another; not while painting, as who hears it lays out anew."""
        if self._blocks and self._frame is not None:
            words = "" if self._frame.points else mosaic.scale_text(self._blocks[0].grid.zoom)
            if words != self._scale:
                self._scale = words
                QTimer.singleShot(0, self, lambda: self.scaled.emit(words))

    def _place(self, block: Block, index: int) -> QRectF:
        left, top, width, height = (side * block.scale for side in block.grid.place(index))
        return QRectF(block.origin.x() + left, block.origin.y() + top, width, height)

    # --- mouse ------------------------------------------------------------------------------------

    def _under(self, position: QPointF) -> tuple[Block, int, int, int] | None:
        if (found := filmlayout.found(self._blocks, position)) is None:
            return None
        block, index, x, y = found
        return block, self.current if self.alone else index, x, y

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell what lies under the mouse; move an enlarged picture that is held."""
        if self._dragged_from is not None and self._frame is not None and self._blocks:
            by = (event.position() - self._dragged_from).toPoint()
            self._dragged_from = event.position()
            self._centre = filmlayout.moved(self._centre, by, self._blocks[0],
                                            self._frame.x_t.shape[1:3])
            self.refresh()
            return
        self.pointed.emit(self._words(self._under(event.position())))

    def _words(self, found: tuple[Block, int, int, int] | None) -> str:
        """Tell the values of a pixel in all rows, in units of [-1, 1]."""
        if found is None or self._told is None:
            return ""
        block, index, x, y = found
        if self._told.points:
            count = len(self._told.points["x_t"])
            return f"{says(block.row, self._told)} · {count:,} points"
        told = [f"picture {index + 1} · x {x}, y {y}"]
        for row in self.rows:
            if values := frames.value_at(self._told, row, index, x, y):
                told.append(f"{SYMBOLS.get(row, row)} {' '.join(map(signed, values))}")
        return "  ·  ".join(told)

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing lies under the mouse any more."""
        self.pointed.emit("")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the picture that is clicked; hold one that is enlarged."""
        if found := self._under(event.position()):
            self.current = found[1]
            self.update()
            if self.zoom is not None:
                self._dragged_from = event.position()
                self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go of an enlarged picture."""
        self._dragged_from = None
        self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Show the picture alone, or all again."""
        if self._under(event.position()):
            self._dragged_from = None
            self.show_alone(not self.alone)

    def takes(self, key: Qt.Key) -> bool:
        """Enlarge, or show all, as a key asks; returns whether it is one of those heard here."""
        zooms = {Qt.Key.Key_Plus: 1, Qt.Key.Key_Equal: 1, Qt.Key.Key_Minus: -1, Qt.Key.Key_0: 0}
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.show_alone(not self.alone)
        elif key in zooms:
            self.magnify(zooms[key])
        else:
            return False
        return True

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scrub by whole notches; with Ctrl enlarge."""
        turned: QPoint = event.angleDelta()
        self._turned += turned.y() or turned.x()  # touchpads turn in small parts
        notches = int(self._turned / 120)
        self._turned -= notches * 120
        if notches and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.magnify(1 if notches > 0 else -1)
        elif notches:
            self.scrubbed.emit(-notches)
        event.accept()
