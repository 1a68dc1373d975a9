"""Where the rows of a frame lie on the screen: stacked or side by side, each with its label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

from PySide6.QtCore import QPoint, QPointF, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QFont, QIcon, QImage, QPainter, QPixmap, QTextDocument

from hybridstudio.frames import CHANGE, DIFFERENCE, NOISE, Row
from hybridstudio.gui import mosaic, theme
from hybridstudio.gui.mosaic import Grid
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Statistics

# Mathematics as books set it: variables slanted, a hat on what is predicted.
MATHS: dict[Row, str] = {
    "x_t": "<i>x</i><sub><i>t</i></sub>", "x0": "<i>x\u0302</i><sub>0</sub>",
    "eps": "<i>ε\u0302</i>", NOISE: "<i>ε</i>", DIFFERENCE: "|<i>ε\u0302</i> − <i>ε</i>|",
    CHANGE: "Δ<i>x\u0302</i><sub>0</sub>"}
LARGEST = 64  # screen pixels that a pixel is enlarged to at most
_SIDE_LABEL, _TOP_LABEL = 96, 28  # room for a label in points


@dataclass(frozen=True)
class Block:
    """Where one row of pictures lies, in points; its label, and its pixels where it has any.

    `scale` is how many points a pixel of its grid takes; `corner` is the first pixel that is seen
    where a picture is larger than its room.
    """

    row: Row
    label: QRectF
    words: QTextDocument
    origin: QPointF
    grid: Grid
    scale: float
    image: QImage | None = None
    corner: tuple[int, int] = (0, 0)

    @property
    def place(self) -> QRectF:
        """Where the whole row lies, in points."""
        return QRectF(self.origin, QSizeF(*self.grid.size) * self.scale)

    @property
    def pixels(self) -> QRectF:
        """What of the image that is."""
        return QRectF(QPointF(0, 0), QSizeF(*self.grid.size))

    @property
    def is_under(self) -> bool:
        """Whether the row lies under its label rather than beside it."""
        return self.label.bottom() <= self.origin.y()

    @property
    def facts(self) -> QRectF:
        """Where what there is to tell of the row's values may stand, in points."""
        if self.is_under:
            return QRectF(self.label.x(), self.label.y() + _TOP_LABEL, self.label.width(), 2 * GRID)
        top = self.label.y() + self.words.size().height()
        return QRectF(self.label.x(), top, self.label.width(), self.label.bottom() - top)


@dataclass(frozen=True)
class Wanted:
    """What is laid out: `shape` (N, H, W) of pictures in these rows, and how.

    `words` are their labels, () for none. With a `zoom` one picture is enlarged so much, and
    `centre` is the pixel in the middle. Clouds of points take all the room there is.
    """

    rows: tuple[Row, ...]
    words: tuple[str, ...]
    shape: tuple[int, int, int]
    size: QSize
    ratio: float
    is_cloud: bool = False
    has_facts: bool = False
    zoom: int | None = None
    centre: tuple[float, float] = (0.5, 0.5)
    dark: bool = False  # labels have the colours of their time


def laid_out(wanted: Wanted, font: QFont) -> list[Block]:
    """Lay the rows out stacked or side by side, whichever shows them larger."""
    stacked = _arranged(wanted, font, across=False)
    across = _arranged(wanted, font, across=True)
    return across if across and _seen(across[0]) > _seen(stacked[0]) else stacked


def _arranged(wanted: Wanted, font: QFont, across: bool) -> list[Block]:
    count, ratio, has_words = len(wanted.rows), wanted.ratio, any(wanted.words)
    if not count:
        return []
    wide, high = wanted.size.width() - 2 * GRID, wanted.size.height() - 2 * GRID
    beside = _SIDE_LABEL if has_words else 0
    above = (_TOP_LABEL + (2 * GRID if wanted.has_facts else 0)) if has_words else 0
    room: tuple[float, float] = (wide - beside, (high - (count - 1) * GRID) / count)
    if across:
        room = ((wide - (count - 1) * 2 * GRID) / count, high - above)
    grid, scale, corner = _fitted(wanted, room)
    size = QPointF(*grid.size) * scale
    labels = _labels(wanted, size.x() if across else beside - GRID, across, font,
                     99.0 if across else room[1] + GRID)
    tall = max((told.size().height() for told in labels), default=0.0) + (
        3.2 * 2 * GRID if wanted.has_facts and has_words else 0)
    pitch = max(size.y(), min(tall, room[1]))
    step = QPointF(size.x() + 2 * GRID, 0) if across else QPointF(0, pitch + GRID)
    whole = QPointF(size.x(), size.y() if across else pitch) + step * (count - 1)
    extra = QPointF(0, above) if across else QPointF(beside, 0)
    start = (QPointF(wanted.size.width(), wanted.size.height()) - whole - extra) / 2
    first = on_pixel(QPointF(max(0.0, start.x()), max(0.0, start.y())) + extra, ratio)
    blocks = []
    for index, row in enumerate(wanted.rows):
        corner_of_row = first + step * index
        origin = on_pixel(corner_of_row if across else
                          corner_of_row + QPointF(0, (pitch - size.y()) / 2), ratio)
        label = (QRectF(origin.x(), origin.y() - above, size.x() + GRID, above) if across
                 else QRectF(origin.x() - beside, corner_of_row.y(), max(0, beside - GRID), pitch))
        if not across:
            label.translate(0, max(0.0, (pitch - tall) / 2))
            label.setHeight(corner_of_row.y() + pitch - label.y())
        blocks.append(Block(row, label, labels[index], origin, grid, scale, corner=corner))
    return blocks


def _labels(wanted: Wanted, width: float, across: bool, font: QFont, high: float,
            ) -> list[QTextDocument]:
    """Return the labels of the rows, without their words where these would not fit."""
    if not any(wanted.words):
        return [QTextDocument() for _ in wanted.rows]
    made = [_label(row, words, width, across, font)
            for row, words in zip(wanted.rows, wanted.words, strict=True)]
    is_tight = any(told.size().height() > (_TOP_LABEL if across else high) for told in made)
    if not is_tight:
        return made
    return [_label(row, "" if row in MATHS else words, width, across, font)
            for row, words in zip(wanted.rows, wanted.words, strict=True)]


def _fitted(wanted: Wanted, room: tuple[float, float]) -> tuple[Grid, float, tuple[int, int]]:
    """Return the grid of a row, the points that its pixels take, and the first pixel seen."""
    count, height, width = wanted.shape
    if wanted.is_cloud:  # smooth anyway: it takes all the room
        grid = Grid(1, height, width, columns=1, zoom=1, gap=0)
        return grid, max(1.0, min(room)) / max(height, width), (0, 0)
    gap = round(2 * wanted.ratio)
    pixels = (int(max(1, room[0]) * wanted.ratio), int(max(1, room[1]) * wanted.ratio))
    if wanted.zoom is None:
        return mosaic.fitting(count, height, width, pixels, gap=gap), 1 / wanted.ratio, (0, 0)
    sees = [max(1, min(side, mosaic.shown(part, -wanted.zoom) if wanted.zoom > 0
                       else part * -wanted.zoom))
            for side, part in ((width, pixels[0]), (height, pixels[1]))]
    corner = tuple(round(max(0, min(side - part, share * side - part / 2)))
                   for side, part, share in zip((width, height), sees, wanted.centre, strict=True))
    return Grid(1, sees[1], sees[0], 1, wanted.zoom, gap), 1 / wanted.ratio, (corner[0], corner[1])


def _label(row: Row, words: str, width: float, across: bool, font: QFont) -> QTextDocument:
    colours = theme.palette()
    told = f"<span style='color:{colours.muted}'>{escape(words)}</span>"
    if row in MATHS:
        apart = ("&nbsp; " if across else "<br>") if words else ""
        told = (f"<span style='font-family:serif;font-size:15pt;color:{colours.text}'>"
                f"{MATHS[row]}</span>{apart}{told}")
    text = QTextDocument()
    text.setDocumentMargin(0)
    text.setDefaultFont(font)
    text.setTextWidth(width)
    text.setHtml(told)
    return text


def facts(told: Statistics | None) -> tuple[str, ...]:
    """Tell statistics in short lines."""
    if told is None:
        return ()
    mean = f"{told.mean:+.3f}".replace("-", "\u2212")
    return f"mean {mean}", f"std {told.std:.3f}", f"{signed(told.least)} … {signed(told.most)}"


def signed(value: float) -> str:
    """Write a value with its sign."""
    return f"{value:+.2f}".replace("-", "\u2212")


def found(blocks: Sequence[Block], position: QPointF) -> tuple[Block, int, int, int] | None:
    """Return the block, the picture's place in its grid and the pixel that lie under a position."""
    for block in blocks:
        place = (position - block.origin) / block.scale
        if at := block.grid.at(place.x(), place.y()):
            index, x, y = at
            return block, index, x + block.corner[0], y + block.corner[1]
    return None


def with_image(block: Block, image: QImage | None) -> Block:
    """Return a block with its pixels."""
    return block if image is None else replace(block, image=image)


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


def moved(centre: tuple[float, float], by: QPoint, block: Block, shape: tuple[int, int],
          ) -> tuple[float, float]:
    """Return the pixel in the middle, as shares of a picture, once it is dragged by some points."""
    height, width = shape
    zoom = block.grid.zoom if block.grid.zoom > 0 else -1 / block.grid.zoom
    shares = []
    for share, points, side, sees in ((centre[0], by.x(), width, block.grid.width),
                                      (centre[1], by.y(), height, block.grid.height)):
        half = min(0.5, sees / side / 2)
        share -= points / block.scale / zoom / side
        shares.append(max(half, min(1 - half, share)))
    return shares[0], shares[1]


def _seen(block: Block) -> tuple[float, float]:
    """Tell how large a pixel is, and how much is seen of one that is larger than its room."""
    part = block.grid.width * block.grid.height
    return block.scale * (block.grid.zoom if block.grid.zoom > 0 else -1 / block.grid.zoom), part


def on_pixel(place: QPointF, ratio: float) -> QPointF:
    """Return the nearest place that is a whole pixel of the screen."""
    return QPointF(round(place.x() * ratio) / ratio, round(place.y() * ratio) / ratio)
