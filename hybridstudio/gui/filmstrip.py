"""Previews over a training as a film strip: one thumbnail a moment, one of them shown large.

The pictures come from the sheets in the run's folder, so that they look the same for a training in
this window, in another process or long ago.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from hybridstudio.config import DataConfig
from hybridstudio.gui import theme
from hybridstudio.gui.cloudlight import lit
from hybridstudio.gui.strip import SIDE, Strip, short
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Images

GAP = 2  # pixels between the pictures of a sheet, as pictures.sheet leaves them
MOST_CACHED = 256


def pictures_of(path: Path, size: int | None, channels: int | None, count: int) -> Images:
    """Read a sheet back as its pictures (N, H, W, C); as one picture if it is cut otherwise.

    `size` and `count` are the side and the number of the pictures. Raises OSError.
    """
    with Image.open(path, formats=("PNG",)) as opened:
        page = np.asarray(opened.convert("RGB"))
    if size is not None:
        cell = size + GAP
        rows, row_rest = divmod(page.shape[0] - GAP, cell)
        columns, column_rest = divmod(page.shape[1] - GAP, cell)
        if row_rest == column_rest == 0 and rows * columns:
            grid = page[GAP:, GAP:].reshape(rows, cell, columns, cell, 3)[:, :size, :, :size]
            page_of = grid.swapaxes(1, 2).reshape(-1, size, size, 3)[:count]
            return page_of[..., :1] if channels == 1 else page_of
    elif min(page.shape[:2]) > 2 * GAP:  # one picture, of a cloud, with the sheet's edge around it
        page = page[GAP:-GAP, GAP:-GAP]
    return page[None]


def picture_side(data: DataConfig) -> int | None:
    """Return the side of a sheet's pictures; None where one cloud of points fills it."""
    return None if data.shape is None or data.shape.is_points else data.size


class FilmStrip(Strip):
    """The previews of a training; while the newest is chosen, a newer one takes its place."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Previews over the training")
        self.setToolTip("Click a preview to enlarge it; ← and → walk through all of them")
        self._films: list[tuple[int, Path]] = []
        self._size: int | None = None
        self._thumbs: dict[Path, QImage] = {}
        theme.changed.connect(self._relight)

    @property
    def current(self) -> int:
        """The place of the chosen preview, -1 while there are none."""
        return self._current

    def set_films(self, films: list[tuple[int, Path]], size: int | None) -> None:
        """Show these previews, (step, file) with steps growing; `size` is a picture's side."""
        if films == self._films:
            return
        goes_along = self._current in (-1, len(self._films) - 1)
        step = -1 if goes_along else self._films[self._current][0]
        self._films, self._size = films, size
        steps = [film[0] for film in films]
        self._current = steps.index(step) if step in steps else len(films) - 1
        self.update()
        self._tell_accessibly()
        if goes_along and films:
            self.chosen.emit(self._current)

    def choose(self, place: int) -> None:
        """Choose the preview at a place, kept within what there is."""
        place = min(max(place, 0), len(self._films) - 1)
        if place >= 0 and place != self._current:
            self._current = place
            self.update()
            self._tell_accessibly()
            self.chosen.emit(place)

    def _count(self) -> int:
        return len(self._films)

    # --- painting ---------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        """Ask for a thumbnail's height and its step."""
        return QSize(320, SIDE + self.fontMetrics().height() + GRID)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the thumbnails with their steps; the chosen one has a frame."""
        colours = theme.palette()
        with QPainter(self) as painter:
            for place, box in self._boxes():
                step, path = self._films[place]
                if (thumb := self._thumb(path)) is not None:
                    ratio = thumb.devicePixelRatio()
                    width, height = round(thumb.width() / ratio), round(thumb.height() / ratio)
                    painter.drawImage(QRect(box.x() + (SIDE - width) // 2,
                                            box.y() + (SIDE - height) // 2, width, height), thumb)
                is_current = place == self._current
                if is_current:
                    painter.setPen(QPen(QColor(colours.accent), 2))
                    painter.drawRect(box.adjusted(0, 0, 0, 0))
                painter.setPen(QColor(colours.text if is_current else colours.muted))
                words = QRect(box.x() - GRID, box.bottom() + 3, SIDE + 2 * GRID,
                              self.fontMetrics().height())
                painter.drawText(words, Qt.AlignmentFlag.AlignCenter, short(step))

    def _relight(self) -> None:
        self._thumbs.clear()
        self.update()

    def _thumb(self, path: Path) -> QImage | None:
        """Return the first picture of a sheet, enlarged by a whole number; None if unreadable."""
        if path not in self._thumbs:
            try:
                first = pictures_of(path, self._size, 3, 1)
            except (OSError, ValueError, SyntaxError):
                return None
            if len(self._thumbs) >= MOST_CACHED:
                self._thumbs.pop(next(iter(self._thumbs)))
            shown = lit(first)[0] if self._size is None else first[0]
            self._thumbs[path] = _fitted(shown, round(SIDE * self.devicePixelRatioF()))
        thumb = self._thumbs[path]
        thumb.setDevicePixelRatio(self.devicePixelRatioF())
        return thumb

    def _tell_accessibly(self) -> None:
        if self._films:
            step = self._films[self._current][0]
            self.setAccessibleDescription(
                f"{len(self._films)} previews, showing step {step:,}")
        else:
            self.setAccessibleDescription("no previews yet")


def _fitted(picture: np.ndarray, side: int) -> QImage:
    """Return a picture (H, W, 3) at the largest whole-number zoom within `side`, or shrunk."""
    picture = np.ascontiguousarray(picture)
    height, width = picture.shape[:2]
    image = QImage(picture.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
    zoom = side // max(height, width)
    if zoom:
        return image.scaled(width * zoom, height * zoom)
    return image.scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio,
                        Qt.TransformationMode.SmoothTransformation)
