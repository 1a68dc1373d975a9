"""The frames of one drawing, kept to scrub through, and the files that they become. No Qt."""

from __future__ import annotations

import bisect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hybridstudio import pictures
from hybridstudio.messages import Frame, Images
from hybridstudio.pictures import Raster

Row = Literal["x_t", "x0", "eps"]
ROWS: dict[Row, str] = {"x_t": "noisy picture", "x0": "predicted clean picture",
                        "eps": "predicted noise"}

LIMIT = 512 << 20  # bytes of pictures kept; 1,000 steps of 64 pictures in colour are more
SMALLEST_EXPORT = 64  # pixels: smaller pictures are enlarged by a whole number in a file
STRIP_FRAMES = 8


class Film:
    """Frames in the order of their steps, within a limit of memory.

    Where the limit is reached every second frame is let go and only every second one is kept from
    then on, so that a long drawing stays evenly covered; the newest is always there.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self.clear()

    def clear(self) -> None:
        """Forget all frames."""
        self._frames: list[Frame] = []
        self._stride = 1
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames)

    def add(self, frame: Frame) -> None:
        """Keep the next frame; one that is not later than the last begins a new film."""
        if self._frames and frame.step <= self._frames[-1].step:
            self.clear()
        if self._frames and self._frames[-1].step % self._stride:
            self._bytes -= _size(self._frames.pop())  # it was kept only for being the newest
        self._frames.append(frame)
        self._bytes += _size(frame)
        while self._bytes > self._limit and len(self._frames) > 8:
            self._stride *= 2
            last = self._frames[-1]
            self._frames = [kept for kept in self._frames
                            if kept is last or kept.step % self._stride == 0]
            self._bytes = sum(map(_size, self._frames))

    @property
    def steps(self) -> int:
        """The last step there will be."""
        return self._frames[-1].steps if self._frames else 0

    @property
    def last(self) -> Frame | None:
        """The newest frame."""
        return self._frames[-1] if self._frames else None

    def at(self, step: int) -> Frame | None:
        """Return the frame of a step, or the nearest one before it that was kept."""
        place = bisect.bisect_right(self._frames, step, key=lambda frame: frame.step) - 1
        return self._frames[max(0, place)] if self._frames else None

    def at_level(self, t: float) -> Frame | None:
        """Return the first frame that is no noisier than t, or the newest so far."""
        return next((frame for frame in self._frames if frame.t <= t), self.last)


def _size(frame: Frame) -> int:
    return sum(images.nbytes for images in (frame.x_t, frame.x0, frame.eps) if images is not None)


def row_of(frame: Frame, row: Row, only: int | None = None) -> Images:
    """Return one row's pictures, all or only one of them; middle grey where there are none."""
    images: Images | None = getattr(frame, row)
    if images is None:
        images = np.full_like(frame.x_t, pictures.BACKGROUND[0])
    return images if only is None else images[only:only + 1]


# --- files ----------------------------------------------------------------------------------------


def page(frame: Frame, rows: Sequence[Row], only: int | None = None, zoom: int | None = None,
         ) -> Raster:
    """Lay a frame out as one picture (H, W, 3): its rows one below the other, or one picture's."""
    zoom = zoom or export_zoom(frame)
    if only is not None:
        images = np.concatenate([row_of(frame, row, only) for row in rows])
        return pictures.sheet(images, columns=len(rows), zoom=zoom)
    return np.concatenate([pictures.sheet(row_of(frame, row), zoom=zoom) for row in rows])


def export_zoom(frame: Frame) -> int:
    """Choose the zoom at which pictures are written."""
    return max(1, -(-SMALLEST_EXPORT // frame.x_t.shape[1]))


def strip(frames: Sequence[Frame], rows: Sequence[Row], only: int | None = None) -> Raster:
    """Lay evenly spread moments side by side: the rows of one picture, or every picture's x_t."""
    moments = [frames[place] for place in pictures.spread(len(frames), STRIP_FRAMES)]
    if only is None:
        shown = [row_of(frame, rows[0]) for frame in moments]
    else:
        shown = [np.concatenate([row_of(frame, row, only) for row in rows]) for frame in moments]
    return pictures.strip(shown, zoom=export_zoom(moments[0]))


def write_arrays(
    path: Path, frames: Sequence[Frame], settings: Mapping[str, Any],
    check: Callable[[], None] = lambda: None, overwrite: bool = False,
) -> None:
    """Write raw frames as .npz: x_t, x0, eps (K, N, H, W, C) uint8; t, step, nfe (K,); settings.

    `check` is called before each array and may raise to cancel. Raises UsageError where `path`
    exists and `overwrite` is False.
    """
    with pictures.complete(path, overwrite) as file:
        arrays: dict[str, Any] = {}
        for row in ROWS:
            check()
            arrays[row] = np.stack([row_of(frame, row) for frame in frames])
        for name in ("t", "step", "nfe", "noise", "log_snr"):
            arrays[name] = np.array([getattr(frame, name) for frame in frames])
        check()
        np.savez_compressed(file, **arrays, settings=json.dumps(dict(settings)))
        check()
