"""A grid of pictures between four corners: roll a corner's seed, zoom into a part, pick a cell."""

from __future__ import annotations

import time

from PySide6.QtCore import QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from hybridstudio.gui import mosaic, theme
from hybridstudio.gui.images import MARGIN, ImageSheet
from hybridstudio.gui.mosaic import Grid
from hybridstudio.gui.spottag import SpotTag
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Images

GAP = 2  # points between cells
NOTCH = 10  # points that a corner is dragged for the next seed
NEAR = 4  # points a press may move and still be a click
WHEEL = 1.25  # times closer with each notch


class SquareView(ImageSheet):
    """Pictures in `side` columns; `corners` are widgets that stand beside its four corners.

    `rolled` tells a corner and by how many seeds, `spanned` the first and last cell of what was
    drawn around, `entered` a cell to zoom into, `left` that the way leads back out, `wheeled` how
    many times closer at a place of the sheet (0 to 1 across and down).
    """

    rolled = Signal(int, int)
    spanned = Signal(int, int)
    entered = Signal(int)
    left = Signal()
    wheeled = Signal(float, float, float)

    def __init__(self, parent: QWidget | None = None, corners: tuple[SpotTag, ...] = ()) -> None:
        super().__init__(parent)
        self.side = 8
        self.is_whole = True  # whether the corner cells are the corners
        self.badge = ""  # what is said over the sheet, such as that it is a draft
        self.painted_at = 0.0  # when it was last painted, as time.perf_counter
        self.corners = corners
        for corner in corners:
            corner.setParent(self)
        self._pressed: QPointF | None = None
        self._cell = -1  # where the press was
        self._to = -1  # the other end of what is drawn around, -1 while it is a click
        self._turns = 0  # seeds that the corner has been rolled by since the press
        self.setAccessibleName("Grid between four corners")
        self.setToolTip("Click a cell to look at it, double-click or draw around cells to zoom in, "
                        "drag a corner for other seeds. Wheel: zoom, on a corner: seeds")

    def set_side(self, side: int) -> None:
        """Lay the pictures out in so many columns."""
        if side != self.side:
            self.side = side
            self._forget()
            self._place_corners()

    def set_images(self, images: Images | None, captions: object = ()) -> None:
        """Show the pictures of a grid (side², H, W, C), row by row."""
        before = self.grid()
        super().set_images(images)
        if self.grid() != before:
            self._place_corners()

    def caption(self, index: int) -> str:
        """Say which cell this is."""
        row, column = divmod(index, self.side)
        return f"row {row + 1}, column {column + 1}"

    # --- places -----------------------------------------------------------------------------------

    def grid(self) -> Grid | None:
        """Return where the pictures lie, in screen pixels from `origin`."""
        if self._images is None:
            return None
        if self._grid is None:
            count, height, width, _ = self._images.shape
            columns = min(self.side, count)
            rows = -(-count // columns)
            gap = round(GAP * self.devicePixelRatioF())
            zoom = max(mosaic.zoom_for(height, width, rows, columns, self._room(*spare), gap)
                       for spare in self._spared())
            self._grid = Grid(count, height, width, columns, zoom, gap)
        return self._grid

    def _spared(self) -> list[tuple[int, int]]:
        """Return the room that corners take beside the sheet, and above and below it."""
        if not self.corners:
            return [(0, 0)]
        beside, above = (self.corners[0].size_of(tall) for tall in (True, False))
        return [(2 * (beside.width() + GRID), 0), (0, 2 * (above.height() + GRID // 2))]

    def _room(self, wide: int, high: int) -> tuple[int, int]:
        ratio = self.devicePixelRatioF()
        return (int((self.width() - 2 * MARGIN - wide) * ratio),
                int((self.height() - 2 * MARGIN - high) * ratio))

    def sheet(self) -> QRectF:
        """Return where the sheet lies in the widget; empty without pictures."""
        grid, ratio = self.grid(), self.devicePixelRatioF()
        wide, high = grid.size if grid else (0, 0)
        origin = self.origin()
        return QRectF(origin.x(), origin.y(), wide / ratio, high / ratio)

    def _place_corners(self) -> None:
        """Put the corners' widgets beside the sheet where there is room, else above and below."""
        if not self.corners:
            return
        sheet = self.sheet().toRect() if self._images is not None else self.rect().adjusted(
            self.width() // 4, self.height() // 8, -self.width() // 4, -self.height() // 8)
        room = self.corners[0].size_of(tall=True).width() + GRID + MARGIN // 2
        beside = sheet.left() >= room
        size = self.corners[0].size_of(tall=beside)
        for place, corner in enumerate(self.corners):
            is_right, is_low = place % 2 == 1, place >= 2
            if beside:
                x = sheet.right() + GRID if is_right else sheet.left() - GRID - size.width()
                y = sheet.bottom() - size.height() + 1 if is_low else sheet.top()
            else:
                x = max(sheet.right() - size.width() + 1, self.width() // 2 + GRID // 2) \
                    if is_right else min(sheet.left(), self.width() // 2 - size.width() - GRID // 2)
                y = sheet.bottom() + GRID // 2 if is_low else \
                    sheet.top() - size.height() - GRID // 2
            corner.stand(tall=beside)
            corner.setGeometry(QRect(max(0, x), max(0, y), size.width(), size.height()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay everything out anew."""
        super().resizeEvent(event)
        self._place_corners()

    def corner_at(self, cell: int) -> int:
        """Return which corner a cell is, 0 to 3, or -1."""
        last = self.side * self.side - 1
        cells = (0, self.side - 1, last - self.side + 1, last)
        return cells.index(cell) if self.is_whole and cell in cells else -1

    # --- painting ---------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the sheet, the part that is being drawn around, and the badge."""
        super().paintEvent(event)
        colours = theme.palette()
        with QPainter(self) as painter:
            if self._to >= 0:
                box = self._place(self._cell).united(self._place(self._to))
                painter.setPen(QPen(QColor(colours.accent), 2))
                tint = QColor(colours.accent)
                tint.setAlpha(48)
                painter.setBrush(tint)
                painter.drawRect(box.adjusted(-1, -1, 1, 1))
            if self.badge and self._images is not None:
                self._paint_badge(painter)
        self.painted_at = time.perf_counter()

    def _paint_badge(self, painter: QPainter) -> None:
        colours, metrics = theme.palette(), painter.fontMetrics()
        width, height = metrics.horizontalAdvance(self.badge) + 2 * GRID, metrics.height() + 4
        box = QRectF((self.width() - width) / 2, 4, width, height)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.raised))
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(QColor(colours.text))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self.badge)

    # --- mouse ------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of a corner, or begin to draw around cells."""
        super().mousePressEvent(event)
        found = self._under(event.position())
        if event.button() == Qt.MouseButton.LeftButton and found:
            self._pressed, self._cell, self._turns = event.position(), found[0], 0

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Roll the corner that is held, or draw around cells."""
        if self._pressed is None:
            super().mouseMoveEvent(event)
            found = self._under(event.position())
            is_corner = found is not None and self.corner_at(found[0]) >= 0
            self.setCursor(Qt.CursorShape.SizeAllCursor if is_corner
                           else Qt.CursorShape.ArrowCursor)
            return
        moved = event.position() - self._pressed
        corner = self.corner_at(self._cell)
        if corner >= 0:
            turns = int((moved.x() - moved.y()) / NOTCH)
            if turns != self._turns:
                self.rolled.emit(corner, turns - self._turns)
                self._turns = turns
        elif self._to >= 0 or moved.manhattanLength() > NEAR:
            self._to = self._nearest(event.position())
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Zoom into what was drawn around."""
        if self._to >= 0 and self._to != self._cell:
            self.spanned.emit(self._cell, self._to)
        self._pressed, self._to = None, -1
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Zoom into a cell."""
        if found := self._under(event.position()):
            self.entered.emit(found[0])

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Roll the seed of the corner under the mouse, or zoom where the mouse is."""
        notches = event.angleDelta().y() / 120
        found = self._under(event.position())
        corner = self.corner_at(found[0]) if found else -1
        if corner >= 0:
            self.rolled.emit(corner, round(notches) or (1 if notches > 0 else -1))
        elif found:
            sheet = self.sheet()
            at = event.position() - sheet.topLeft()
            self.wheeled.emit(WHEEL ** notches, at.x() / sheet.width(), at.y() / sheet.height())
        event.accept()

    def _nearest(self, position: QPointF) -> int:
        """Return the cell nearest to a place of the widget."""
        sheet, grid = self.sheet(), self.grid()
        assert grid is not None
        column = int((position.x() - sheet.left()) / sheet.width() * grid.columns)
        row = int((position.y() - sheet.top()) / sheet.height() * grid.rows)
        return (min(grid.rows - 1, max(0, row)) * grid.columns
                + min(grid.columns - 1, max(0, column)))

    # --- keys -------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Zoom into the cell under the cursor with Return, out with Backspace; + and - roll it."""
        key = Qt.Key(event.key())
        corner = self.corner_at(self.current())
        turns = {Qt.Key.Key_Plus: 1, Qt.Key.Key_Equal: 1, Qt.Key.Key_Minus: -1}
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.current() >= 0:
            self.entered.emit(self.current())
        elif key in (Qt.Key.Key_Backspace, Qt.Key.Key_Escape):
            self.left.emit()
        elif key in turns and corner >= 0:
            self.rolled.emit(corner, turns[key])
        else:
            super().keyPressEvent(event)
