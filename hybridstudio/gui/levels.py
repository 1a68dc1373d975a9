"""Pictures at growing noise levels side by side: a row for each picture, a column for each level.

This is the first figure of most papers on diffusion, and it can be clicked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from hybridstudio import pictures
from hybridstudio.gui import mosaic, theme
from hybridstudio.gui.images import to_qimage
from hybridstudio.gui.mosaic import Grid
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Frame

COLUMNS = 11  # levels shown at most
_HEAD = 20  # points for the t above each column


class LevelRows(QWidget):
    """Shows evenly spread frames of the first pictures; `picked` tells the step clicked.

    `head` is what stands above a column.
    """

    picked = Signal(int)

    def __init__(self, head: Callable[[Frame], str] = lambda frame: f"{round(frame.t):,}",
                 parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._head = head
        self._frames: list[Frame] = []
        self._step = 0
        self._image: QImage | None = None
        self._grid: Grid | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Pictures at growing levels")
        self.setToolTip("Click a level to go there")
        theme.changed.connect(self._forget)

    def set_frames(self, frames: Sequence[Frame]) -> None:
        """Show up to COLUMNS of the frames, evenly spread."""
        self._frames = [frames[place] for place in pictures.spread(len(frames), COLUMNS)] \
            if frames else []
        self._forget()

    def show_step(self, step: int) -> None:
        """Mark the column nearest to a step."""
        self._step = step
        self.update()

    def _forget(self) -> None:
        self._image = self._grid = None
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay the pictures out anew."""
        self._forget()

    def sizeHint(self) -> QSize:
        """Ask for room for a few rows."""
        return QSize(480, 200)

    def minimumSizeHint(self) -> QSize:
        """Ask for one row at least."""
        return QSize(160, 60)

    def _compose(self) -> tuple[QImage, Grid]:
        ratio = self.devicePixelRatioF()
        columns = len(self._frames)
        count, height, width, _ = self._frames[0].x_t.shape
        wide = int((self.width() - 2 * GRID) * ratio)
        high = int((self.height() - _HEAD - 2 * GRID) * ratio)
        gap = round(2 * ratio)
        # As large as the width allows, and then as many pictures as the height does.
        zoom = mosaic.zoom_for(height, width, 1, columns, (wide, high), gap)
        count = max(1, min(count, (high + gap) // (mosaic.shown(height, zoom) + gap)))
        grid = Grid(count * columns, height, width, columns, zoom, gap)
        images = np.stack([frame.x_t[:count] for frame in self._frames], axis=1)
        ground = QColor(theme.palette().canvas).rgb() & 0xFFFFFF
        pixels = mosaic.compose(images.reshape(-1, *images.shape[2:]), grid, ground)
        return to_qimage(pixels, ratio), grid

    def _left(self) -> float:
        ratio = self.devicePixelRatioF()
        assert self._grid is not None
        return max(GRID, round(self.width() * ratio - self._grid.size[0]) // 2) / ratio

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the rows, the t of each column, and a mark under the nearest one."""
        colours = theme.palette()
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(colours.canvas))
            if not self._frames:
                return
            if self._image is None or self._grid is None:
                self._image, self._grid = self._compose()
            left, ratio = self._left(), self.devicePixelRatioF()
            painter.drawImage(QRectF(left, _HEAD, self._image.width() / ratio,
                                     self._image.height() / ratio).topLeft(), self._image)
            nearest = min(range(len(self._frames)),
                          key=lambda place: abs(self._frames[place].step - self._step))
            step = (self._grid.picture[0] + self._grid.gap) / ratio
            widest = max(painter.fontMetrics().horizontalAdvance(f"{self._head(frame)} ")
                         for frame in self._frames)
            for place, frame in enumerate(self._frames):
                is_here = place == nearest
                if is_here or step >= widest:
                    middle = left + (place + 0.5) * step
                    head = QRectF(middle - widest / 2, 0, widest, _HEAD)
                    painter.setPen(QColor(colours.text if is_here else colours.muted))
                    painter.drawText(head, Qt.AlignmentFlag.AlignCenter, self._head(frame))
                if is_here:
                    painter.setPen(QPen(QColor(colours.accent), 2))
                    painter.drawRect(QRectF(left + place * step - 1, _HEAD - 1, step,
                                            self._grid.size[1] / ratio + 2))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the level that is clicked."""
        if self._grid is not None and self._frames:
            step = (self._grid.picture[0] + self._grid.gap) / self.devicePixelRatioF()
            place = int((event.position().x() - self._left()) // step)
            if 0 <= place < len(self._frames):
                self.picked.emit(self._frames[place].step)
