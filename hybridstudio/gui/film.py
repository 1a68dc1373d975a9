"""The frames of one drawing, kept to scrub through, and the files that they become. No Qt."""

from __future__ import annotations

import bisect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hybridstudio import pictures
from hybridstudio.messages import Frame, Images
from hybridstudio.pictures import Raster

Row = str  # one of ROWS, or the name of something further that a family shows
ROWS: tuple[Row, ...] = ("x_t", "x0", "eps")

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
        self.rows: tuple[Row, ...] = ()  # all that any frame had to show

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
        if fresh := [row for row in rows_of(frame) if row not in self.rows]:
            self.rows = tuple(sorted((*self.rows, *fresh), key=_place))
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

    def like(self, other: Frame) -> Frame | None:
        """Return the frame at the place of one of another drawing.

        That is the same step where its noise level is the same, or else the first frame that is no
        noisier, or the newest so far.
        """
        same = self.at(other.step)
        if same is not None and same.t == other.t:
            return same
        return next((frame for frame in self._frames if frame.t <= other.t), self.last)


def _size(frame: Frame) -> int:
    arrays = [frame.x_t, frame.x0, frame.eps, *frame.extra.values(), *frame.points.values()]
    return sum(array.nbytes for array in arrays if array is not None)


def _place(row: Row) -> int:
    return ROWS.index(row) if row in ROWS else len(ROWS)


def rows_of(frame: Frame) -> tuple[Row, ...]:
    """Return what a frame has to show; what is drawn in one pass is its own prediction."""
    known = ("x_t",) if frame.steps == 0 else tuple(
        row for row in ROWS if getattr(frame, row) is not None)
    return known + tuple(frame.extra)


def says(row: Row, frame: Frame) -> str:
    """Tell in words what a row shows."""
    what = "points" if frame.points else "picture"
    if frame.steps == 0 and row == "x_t":
        return what
    return {"x_t": f"noisy {what}", "x0": f"predicted clean {what}",
            "eps": "predicted noise"}.get(row, row)


def pictures_in(frame: Frame, row: Row) -> Images | None:
    """Return a row's pictures, None where the frame has none."""
    found: Images | None = getattr(frame, row) if row in ROWS else frame.extra.get(row)
    return found


def row_of(frame: Frame, row: Row, only: int | None = None) -> Images:
    """Return one row's pictures, all or only one of them; middle grey where there are none."""
    images = pictures_in(frame, row)
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

    Points of the plane come besides as points/x_t and so on, (K, N, 2) float32. `check` is called
    before each array and may raise to cancel. Raises UsageError where `path` exists and
    `overwrite` is False.
    """
    with pictures.complete(path, overwrite) as file:
        arrays: dict[str, Any] = {}
        for row in dict.fromkeys((*ROWS, *(name for frame in frames for name in frame.extra))):
            check()
            arrays[row] = np.stack([row_of(frame, row) for frame in frames])
        for row in frames[0].points:
            if all(row in frame.points for frame in frames):
                arrays[f"points/{row}"] = np.stack([frame.points[row] for frame in frames])
        for name in ("t", "step", "nfe", "noise", "log_snr"):
            arrays[name] = np.array([getattr(frame, name) for frame in frames])
        check()
        np.savez_compressed(file, **arrays, settings=json.dumps(dict(settings)))
        check()
