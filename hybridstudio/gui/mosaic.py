"""How many pictures lie side by side on a screen: their places, and their pixels as one raster.

No Qt. Pictures are enlarged by whole numbers, so that every pixel is a crisp square; where
they do not fit at their own size they are shrunk by whole numbers, each pixel a mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from hybridstudio.messages import Images

Pixels = npt.NDArray[np.uint32]  # 0xFFRRGGBB, what Qt calls RGB32

_OPAQUE = np.uint32(0xFF000000)
_GREYS = np.arange(256, dtype=np.uint32) * np.uint32(0x010101) | _OPAQUE
_LARGEST_ZOOM = 64


@dataclass(frozen=True)
class Grid:
    """Places of `count` pictures of `height` × `width` pixels, in screen pixels.

    `zoom` 3 shows each pixel as 3 × 3; -3 shows the mean of 3 × 3 pixels as one.
    """

    count: int
    height: int
    width: int
    columns: int
    zoom: int
    gap: int

    @property
    def rows(self) -> int:
        """Number of rows, the last one perhaps not full."""
        return max(1, math.ceil(self.count / self.columns))

    @property
    def picture(self) -> tuple[int, int]:
        """Width and height of one picture on the screen."""
        return shown(self.width, self.zoom), shown(self.height, self.zoom)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole grid."""
        width, height = self.picture
        return (self.columns * (width + self.gap) - self.gap,
                self.rows * (height + self.gap) - self.gap)

    def place(self, index: int) -> tuple[int, int, int, int]:
        """Return left, top, width and height of a picture."""
        width, height = self.picture
        row, column = divmod(index, self.columns)
        return column * (width + self.gap), row * (height + self.gap), width, height

    def at(self, x: float, y: float) -> tuple[int, int, int] | None:
        """Return (picture, column, row of its pixel) at a place on the screen, or None."""
        width, height = self.picture
        column, row = int(x // (width + self.gap)), int(y // (height + self.gap))
        inside_x, inside_y = x - column * (width + self.gap), y - row * (height + self.gap)
        index = row * self.columns + column
        if not (0 <= column < self.columns and 0 <= index < self.count):
            return None
        if inside_x >= width or inside_y >= height or y < 0:
            return None
        scale = self.zoom if self.zoom > 0 else -1 / self.zoom
        return (index, min(self.width - 1, int(inside_x / scale)),
                min(self.height - 1, int(inside_y / scale)))


def shown(pixels: int, zoom: int) -> int:
    """Return how many screen pixels a side of `pixels` takes at a zoom."""
    return pixels * zoom if zoom > 0 else max(1, pixels // -zoom)


def scale_text(zoom: int) -> str:
    """Tell a zoom as people write it: ×3, or 1:2 where pictures are shrunk."""
    return f"×{zoom}" if zoom > 0 else f"1:{-zoom}"


@lru_cache(maxsize=64)
def fitting(
    count: int, height: int, width: int, room: tuple[int, int], gap: int = 2,
    largest: int = _LARGEST_ZOOM,
) -> Grid:
    """Choose the columns that show `count` pictures largest within `room` (width, height).

    Among equals the grid with the fewest empty places wins, then the one shaped most like the room.
    """
    def worth(columns: int) -> tuple[int, int, float]:
        rows = math.ceil(count / columns)
        zoom = zoom_for(height, width, rows, columns, room, gap, largest)
        grid = Grid(count, height, width, columns, zoom, gap)
        shape = (grid.size[0] / grid.size[1]) / (max(1, room[0]) / max(1, room[1]))
        return zoom, -(rows * columns - count), -abs(math.log(shape))

    count = max(1, count)
    best = max(range(1, count + 1), key=worth)
    return Grid(count, height, width, best, worth(best)[0], gap)


def zoom_for(
    height: int, width: int, rows: int, columns: int, room: tuple[int, int], gap: int,
    largest: int = _LARGEST_ZOOM,
) -> int:
    """Return the largest zoom at which rows × columns pictures fit within `room`."""
    wide = (room[0] + gap) // columns - gap
    high = (room[1] + gap) // rows - gap
    if wide < 1 or high < 1:
        return -max(height, width)  # a dot each: nothing else fits
    zoom = min(wide // width, high // height, largest)
    if zoom >= 1:
        return zoom
    return -max(math.ceil(width / wide), math.ceil(height / high))


def coloured(images: Images) -> Pixels:
    """Turn pictures (N, H, W, 1 or 3) into screen pixels (N, H, W)."""
    if images.shape[-1] == 1:
        return _GREYS[images[..., 0]]
    wide = images.astype(np.uint32)
    red, green, blue = wide[..., 0], wide[..., 1], wide[..., 2]
    return np.bitwise_or(red << 16 | green << 8 | blue, _OPAQUE, dtype=np.uint32)


def shrunk(images: Images, times: int) -> Images:
    """Shrink pictures (N, H, W, C) by a whole number, each pixel the mean of times × times."""
    count, height, width, channels = images.shape
    rows, columns = shown(height, -times), shown(width, -times)
    if min(height, width) < times:  # a dot
        return np.broadcast_to(images.mean(axis=(1, 2), keepdims=True),
                               (count, rows, columns, channels)).astype(np.uint8)
    # One under another they are one picture, which Pillow's box filter shrinks at once.
    tall = np.ascontiguousarray(images[:, :rows * times, :columns * times])
    tall = tall.reshape(count * rows * times, columns * times, channels)
    whole = Image.fromarray(tall[..., 0] if channels == 1 else tall)
    return np.asarray(whole.reduce(times)).reshape(count, rows, columns, channels)


def compose(images: Images, grid: Grid, background: int, table: Images | None = None) -> Pixels:
    """Draw the first `grid.count` pictures in their places; `background` is 0xRRGGBB.

    `table` says what each of the 256 values is shown as; it is applied to what is seen, as that may
    be far fewer pixels. Returns (height, width) with at least the grid's size; a column and row of
    gaps follow it.
    """
    images = images[:grid.count]
    if grid.zoom < 0:
        images = shrunk(images, -grid.zoom)
    if table is not None:
        images = table[images]
    zoom, rows, columns = max(1, grid.zoom), grid.rows, grid.columns
    (width, height), gap = grid.picture, grid.gap
    ground = _OPAQUE | np.uint32(background)
    tiles = np.full((rows * columns, height // zoom, width // zoom), ground)
    tiles[:len(images)] = coloured(images)
    bands = tiles.reshape(rows, columns, height // zoom, width // zoom).transpose(0, 2, 1, 3)
    page = np.full((rows * (height + gap), columns * (width + gap)), ground)
    places = page.reshape(rows, height + gap, columns, width + gap)[:, :height, :, :width]
    # Splitting the first axis of the places is a view, so each enlarged line is written zoom times.
    lines = places.reshape(rows, height // zoom, zoom, columns, width)
    lines[:] = bands.repeat(zoom, axis=3)[:, :, None]
    return page
