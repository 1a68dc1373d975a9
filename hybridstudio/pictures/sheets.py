"""Contact sheets and strips: many pictures as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridstudio.messages import Images

Raster = npt.NDArray[np.uint8]  # one flat picture, (H, W, 3)

BACKGROUND = (118, 118, 118)  # neither black nor white: middle grey as the eye sees it


def as_rgb(images: Images) -> Images:
    """Return pictures (N, H, W) or (N, H, W, 1 or 3) as RGB (N, H, W, 3)."""
    if images.dtype != np.uint8:
        raise TypeError(f"pictures are uint8, not {images.dtype}")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(f"pictures have the shape (N, H, W, 1 or 3), not {images.shape}")
    return np.broadcast_to(images, (*images.shape[:3], 3))


def zoomed(image: npt.NDArray[Any], zoom: int) -> npt.NDArray[Any]:
    """Enlarge (H, W, ...) by a whole number, every pixel a crisp square."""
    return image if zoom == 1 else image.repeat(zoom, axis=0).repeat(zoom, axis=1)


def sheet(
    images: Images,
    columns: int | None = None,
    zoom: int = 1,
    gap: int = 2,
    background: tuple[int, int, int] = BACKGROUND,
) -> Raster:
    """Lay pictures (N, H, W, C) out in a grid; as square as it goes where `columns` is None.

    `gap` is in pixels of the sheet and also surrounds it. Returns (H, W, 3).
    """
    images = as_rgb(images)
    count, height, width, _ = images.shape
    columns = max(1, min(columns or math.ceil(math.sqrt(count)), count or 1))
    rows = max(1, math.ceil(count / columns))
    cell = np.array([height * zoom + gap, width * zoom + gap])
    page = np.empty((rows * cell[0] + gap, columns * cell[1] + gap, 3), np.uint8)
    page[:] = background
    for index, image in enumerate(images):
        top, left = np.array(divmod(index, columns)) * cell + gap
        page[top:top + height * zoom, left:left + width * zoom] = zoomed(image, zoom)
    return page


def strip(frames: Sequence[Images], zoom: int = 1, gap: int = 2) -> Raster:
    """Lay K moments of the same N pictures side by side: a row for each picture, a column each."""
    if not frames:
        raise ValueError("a strip needs at least one frame")
    rows = np.stack([as_rgb(images) for images in frames], axis=1)  # (N, K, H, W, 3)
    return sheet(rows.reshape(-1, *rows.shape[2:]), columns=len(frames), zoom=zoom, gap=gap)


def spread(length: int, count: int) -> list[int]:
    """Choose up to `count` places spread evenly over 0..length-1, both ends among them."""
    return sorted({round(place) for place in np.linspace(0, length - 1, min(count, length))})
