"""A sheet of pictures, crisp and zoomed by whole numbers, to look at, point at and choose from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QColor,
    QImage,
    QImageReader,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from hybridstudio.errors import StudioError
from hybridstudio.gui import mosaic, theme
from hybridstudio.gui.cloudlight import lit
from hybridstudio.gui.mosaic import Grid
from hybridstudio.messages import Images

MARGIN = theme.GRID
_ALLOCATION = 512  # MB; a picture that unpacks to more is refused


def to_qimage(pixels: mosaic.Pixels, ratio: float = 1.0) -> QImage:
    """Wrap screen pixels (H, W) as an image of its own memory, `ratio` of them to a point."""
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape
    image = QImage(pixels.data, width, height, width * 4, QImage.Format.Format_RGB32).copy()
    image.setDevicePixelRatio(ratio)
    return image


def read_picture(path: Path, size: int, channels: int) -> Images:
    """Read an image file as (size, size, channels), cropped to a centred square.

    Rotation tags are followed and transparency lies on white. Raises StudioError.
    """
    if QImageReader.allocationLimit() < _ALLOCATION:
        QImageReader.setAllocationLimit(_ALLOCATION)
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    reader.setDecideFormatFromContent(True)
    image = reader.read()
    if image.isNull():
        raise StudioError(f"{path.name} could not be opened as a picture", reader.errorString(),
                          "choose a PNG, JPEG, WebP, BMP or GIF file")
    side = min(image.width(), image.height())
    image = image.copy((image.width() - side) // 2, (image.height() - side) // 2, side, side)
    if image.hasAlphaChannel():
        ground = QImage(image.size(), QImage.Format.Format_RGB32)
        ground.fill(Qt.GlobalColor.white)
        with QPainter(ground) as painter:
            painter.drawImage(0, 0, image)
        image = ground
    mode = Qt.TransformationMode.SmoothTransformation
    image = image.scaled(size, size, mode=mode)
    grey = channels == 1
    image = image.convertToFormat(
        QImage.Format.Format_Grayscale8 if grey else QImage.Format.Format_RGB888)
    lines = np.frombuffer(image.constBits(), np.uint8).reshape(size, image.bytesPerLine())
    return lines[:, :size * channels].reshape(size, size, channels).copy()


class ImageSheet(QWidget):
    """Pictures (N, H, W, C) in as many columns as show them largest.

    `selected` tells the picture under the cursor, `chosen` all chosen ones as a tuple, `pointed`
    what lies under the mouse in words, `turned` -1 or 1 where Page Up or Down asks for more.
    """

    selected = Signal(int)
    chosen = Signal(object)
    pointed = Signal(str)
    turned = Signal(int)

    def __init__(self, parent: QWidget | None = None, *, several: bool = False) -> None:
        super().__init__(parent)
        self.several = several  # whether more than one picture can be chosen
        self.empty = ""  # what is said where there are no pictures
        self.are_clouds = False  # of points: they follow the window's colours
        self._images: Images | None = None
        self._captions: Sequence[str] = ()
        self._grid: Grid | None = None
        self._painted: QImage | None = None
        self._current = -1
        self._chosen: set[int] = set()
        self._hovered = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Pictures")
        theme.changed.connect(self._forget)

    # what is shown

    def set_images(self, images: Images | None, captions: Sequence[str] = ()) -> None:
        """Show pictures (N, H, W, C) uint8; `captions` say what each one is."""
        count = 0 if images is None else len(images)
        before = 0 if self._images is None else len(self._images)
        self._images, self._captions = images if count else None, captions
        if count != before:
            self._current = min(self._current, count - 1)
            self._chosen = {index for index in self._chosen if index < count}
        self._forget()
        self._tell_accessibly()

    def images(self) -> Images | None:
        """Return the pictures shown."""
        return self._images

    def current(self) -> int:
        """Return the picture under the cursor, -1 where there is none."""
        return self._current

    def chosen_places(self) -> tuple[int, ...]:
        """Return all chosen pictures in order."""
        return tuple(sorted(self._chosen))

    def choose(self, places: Iterable[int]) -> None:
        """Choose pictures; the last of them gets the cursor."""
        count = 0 if self._images is None else len(self._images)
        wanted = [place for place in places if 0 <= place < count]
        self._chosen = set(wanted if self.several else wanted[-1:])
        self._moved(wanted[-1] if wanted else -1)

    def grid(self) -> Grid | None:
        """Return where the pictures lie, in screen pixels from `origin`."""
        if self._images is None:
            return None
        if self._grid is None:
            ratio = self.devicePixelRatioF()
            room = (int((self.width() - 2 * MARGIN) * ratio),
                    int((self.height() - 2 * MARGIN) * ratio))
            count, height, width, _ = self._images.shape
            self._grid = mosaic.fitting(count, height, width, room, gap=round(4 * ratio))
        return self._grid

    def origin(self) -> QPointF:
        """Return where the first picture begins, in the widget's points, on a whole pixel."""
        grid, ratio = self.grid(), self.devicePixelRatioF()
        wide, high = grid.size if grid else (0, 0)
        return QPointF(max(0, (int(self.width() * ratio) - wide) // 2) / ratio,
                       max(0, (int(self.height() * ratio) - high) // 2) / ratio)

    def sizeHint(self) -> QSize:
        """Ask for room for a few rows of pictures."""
        return QSize(480, 360)

    def minimumSizeHint(self) -> QSize:
        """Ask for room for a few pictures at least."""
        return QSize(120, 96)

    # painting

    def _forget(self) -> None:
        self._grid = self._painted = None
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay the pictures out anew."""
        self._forget()
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint what was composed before."""
        colours = theme.palette()
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(colours.canvas))
            grid = self.grid()
            if grid is None or self._images is None:
                painter.setPen(QColor(colours.muted))
                flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
                painter.drawText(self.rect().adjusted(32, 32, -32, -32), flags, self.empty)
                return
            if self._painted is None:
                ground = QColor(colours.canvas).rgb() & 0xFFFFFF
                images = lit(self._images) if self.are_clouds else self._images
                pixels = mosaic.compose(images, grid, ground)
                self._painted = to_qimage(pixels, self.devicePixelRatioF())
            painter.drawImage(self.origin(), self._painted)
            for index in self._chosen - {self._current}:
                self._frame(painter, index, QColor(colours.accent), 2)
            if self._hovered >= 0 and self._hovered not in self._chosen:
                self._frame(painter, self._hovered, QColor(colours.muted), 1)
            if self._current >= 0:
                is_chosen = self._current in self._chosen or not self.several
                colour = QColor(colours.accent if is_chosen else colours.text)
                self._frame(painter, self._current, colour, 2, dotted=not is_chosen)

    def _frame(
        self, painter: QPainter, index: int, colour: QColor, width: int, dotted: bool = False
    ) -> None:
        pen = QPen(colour, width, Qt.PenStyle.DotLine if dotted else Qt.PenStyle.SolidLine)
        pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
        painter.setPen(pen)
        painter.drawRect(self._place(index).adjusted(-1, -1, 0, 0))

    def _place(self, index: int) -> QRect:
        grid, ratio, origin = self.grid(), self.devicePixelRatioF(), self.origin()
        assert grid is not None
        left, top, width, height = grid.place(index)
        return QRect(round(origin.x() + left / ratio), round(origin.y() + top / ratio),
                     round(width / ratio), round(height / ratio))

    # mouse and keyboard

    def _under(self, position: QPointF) -> tuple[int, int, int] | None:
        grid = self.grid()
        place = (position - self.origin()) * self.devicePixelRatioF()
        return grid.at(place.x(), place.y()) if grid else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell what lies under the mouse."""
        found = self._under(event.position())
        hovered = found[0] if found else -1
        if hovered != self._hovered:
            self._hovered = hovered
            self.update()
        self.pointed.emit(self._words(*found) if found else "")

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing lies under the mouse any more."""
        self._hovered = -1
        self.update()
        self.pointed.emit("")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the picture that is clicked."""
        found = self._under(event.position())
        if event.button() != Qt.MouseButton.LeftButton or not found:
            return super().mousePressEvent(event)
        index, keys = found[0], event.modifiers()
        if self.several and keys & Qt.KeyboardModifier.ShiftModifier and self._current >= 0:
            first, last = sorted((self._current, index))
            self._chosen |= set(range(first, last + 1))
        elif self.several and keys & Qt.KeyboardModifier.ControlModifier:
            self._chosen ^= {index}
        else:
            self._chosen = {index}
        self._moved(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the cursor, choose, turn the page."""
        grid, key = self.grid(), event.key()
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1,
                 Qt.Key.Key_Up: -(grid.columns if grid else 1),
                 Qt.Key.Key_Down: grid.columns if grid else 1}
        ends = {Qt.Key.Key_Home: 0, Qt.Key.Key_End: (grid.count if grid else 0) - 1}
        pages = {Qt.Key.Key_PageUp: -1, Qt.Key.Key_PageDown: 1}
        if grid and key in steps:
            place = self._current + steps[Qt.Key(key)] if self._current >= 0 else 0
            if 0 <= place < grid.count:
                self._walk(place)
        elif grid and key in ends:
            self._walk(ends[Qt.Key(key)])
        elif key in pages:
            self.turned.emit(pages[Qt.Key(key)])
        elif self._current >= 0 and key in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._chosen = self._chosen ^ {self._current} if self.several else {self._current}
            self._moved(self._current)
        elif grid and self.several and event.matches(QKeySequence.StandardKey.SelectAll):
            self.choose(range(grid.count))
        elif key == Qt.Key.Key_Escape and self._chosen:
            self._chosen = set()
            self._moved(self._current)
        else:
            super().keyPressEvent(event)

    def _walk(self, place: int) -> None:
        if not self.several:
            self._chosen = {place}
        self._moved(place)

    def _moved(self, place: int) -> None:
        self._current = place
        self.update()
        self.selected.emit(place)
        self.chosen.emit(self.chosen_places())
        self._tell_accessibly()

    # words

    def caption(self, index: int) -> str:
        """Say which picture this is."""
        return self._captions[index] if index < len(self._captions) else f"picture {index + 1}"

    def _words(self, index: int, x: int, y: int) -> str:
        assert self._images is not None
        value = ", ".join(str(int(part)) for part in self._images[index, y, x])
        return f"{self.caption(index)} · x {x}, y {y} · value {value}"

    def _tell_accessibly(self) -> None:
        if self._images is None:
            says = "no pictures"
        else:
            count, height, width, _ = self._images.shape
            says = f"{count} pictures of {width} × {height} pixels"
            if self._current >= 0:
                says += f"; at {self.caption(self._current)}"
            if self.several and self._chosen:
                says += f"; {len(self._chosen)} chosen"
        if says != self.accessibleDescription():
            self.setAccessibleDescription(says)
            QAccessible.updateAccessibility(
                QAccessibleEvent(self, QAccessible.Event.DescriptionChanged))
