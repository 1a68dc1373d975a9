"""A table of pictures with words for its rows and columns."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from hybridstudio.gui import mosaic, theme
from hybridstudio.gui.images import ImageSheet
from hybridstudio.gui.mosaic import Grid
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Images

GAP = 2
EDGE = 2  # px left free around it; its heads stand off the edge enough


class TableView(ImageSheet):
    """Pictures in `columns`, whose heads stand above them, those of the rows on the left."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[str, ...] = ()
        self._columns: tuple[str, ...] = ("",)
        self._short: tuple[str, ...] = ()
        self.setAccessibleName("Table of pictures")

    def set_table(self, images: Images | None, rows: tuple[str, ...],
                  columns: tuple[str, ...], short: tuple[str, ...] = ()) -> None:
        """Show pictures (rows × columns, H, W, C), row by row.

        Where the columns' heads have no room, their `short` forms stand there.
        """
        self._rows, self._columns, self._short = rows, columns, short
        self.set_images(images)

    def caption(self, index: int) -> str:
        """Say which picture this is."""
        row, column = divmod(index, len(self._columns))
        return f"{self._rows[row]}, {self._columns[column]}"

    def grid(self) -> Grid | None:
        """Return where the pictures lie, in screen pixels from `origin`."""
        if self._images is None:
            return None
        if self._grid is None:
            ratio, (wide, high) = self.devicePixelRatioF(), self._heads()
            count, height, width, _ = self._images.shape
            columns = len(self._columns)
            room = (int((self.width() - 2 * EDGE - wide) * ratio),
                    int((self.height() - 2 * EDGE - high) * ratio))
            gap = round(GAP * ratio)
            zoom = mosaic.zoom_for(height, width, -(-count // columns), columns, room, gap)
            self._grid = Grid(count, height, width, columns, zoom, gap)
        return self._grid

    def origin(self) -> QPointF:
        """Return where the first picture begins, the heads being left of it and above."""
        wide, high = self._heads()
        return super().origin() + QPointF(round(wide / 2), round(high / 2))

    def _heads(self) -> tuple[int, int]:
        """Return the room that the rows' and the columns' heads take."""
        metrics = self.fontMetrics()
        wide = max((metrics.horizontalAdvance(words) for words in self._rows), default=0)
        return wide + 2 * GRID if wide else 0, metrics.height() + GRID if any(self._columns) else 0

    def _fitting(self, room: float) -> tuple[str, ...]:
        """Return the columns' heads in the form that fits, none where neither does."""
        for heads in (self._columns, self._short):
            if max(map(self.fontMetrics().horizontalAdvance, heads), default=0) <= room:
                return heads
        return ()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the pictures and their heads."""
        super().paintEvent(event)
        grid = self.grid()
        if grid is None:
            return
        wide, high = self._heads()
        with QPainter(self) as painter:
            painter.setPen(QColor(theme.palette().muted))
            middle = Qt.AlignmentFlag.AlignVCenter
            for row, words in enumerate(self._rows[:grid.rows]):
                box = self._place(row * grid.columns)
                painter.drawText(QRectF(box.left() - wide, box.top(), wide - GRID, box.height()),
                                 middle | Qt.AlignmentFlag.AlignRight, words)
            heads = self._fitting(self._place(0).width())
            for column, words in enumerate(heads[:grid.count]):
                box = self._place(column)
                painter.drawText(QRectF(box.left(), box.top() - high, box.width(), high - 4),
                                 Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom,
                                 words)
