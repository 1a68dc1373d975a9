"""What a frame of a drawing has to show: its rows of pictures, their values, and laid out pages.

A row is a name: x_t, x0 and eps are the frame's own, "true_noise" is what was added to a user's
picture, others are what a family shows besides. "difference" (|ε̂ - ε|) and "change" (|x̂_0 - x̂_0
before|) follow from these. Rows are uint8; `scale_of` says which values 0 and 255 stand for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from hybridstudio import pictures
from hybridstudio.messages import Frame, Images, Statistics
from hybridstudio.pictures import Raster

Row = str
Range = Literal["as is", "fixed", "auto"]

ROWS: tuple[Row, ...] = ("x_t", "x0", "eps")
NOISE, DIFFERENCE, CHANGE = "true_noise", "difference", "change"
DERIVED: tuple[Row, ...] = (DIFFERENCE, CHANGE)
ORDER = ("x_t", "x0", "eps", NOISE, DIFFERENCE, CHANGE)  # further ones follow

USUAL_RANGES: dict[Row, Range] = {DIFFERENCE: "auto", CHANGE: "auto"}  # faint as they are
NOISE_RANGE = 2.5  # standard deviations of noise from the middle grey to black and white
MOST_COUNTED = 1 << 18  # values of a row that its mean is taken of
SMALLEST_EXPORT = 64  # pixels: smaller pictures are enlarged by a whole number in a file
STRIP_FRAMES = 8


# --- rows -----------------------------------------------------------------------------------------


def rows_of(frame: Frame) -> tuple[Row, ...]:
    """Return what a frame has to show; what is drawn in one pass is its own prediction."""
    known = ("x_t",) if frame.steps == 0 else tuple(
        row for row in ROWS if getattr(frame, row) is not None)
    follow: tuple[Row, ...] = ()
    if frame.steps and not frame.points:
        follow = tuple(row for row, has in (
            (DIFFERENCE, NOISE in frame.extra and frame.eps is not None),
            (CHANGE, frame.x0 is not None)) if has)
    return tuple(sorted(dict.fromkeys((*known, *frame.extra, *follow)), key=place_of))


def place_of(row: Row) -> int:
    """Return where a row stands among others."""
    return ORDER.index(row) if row in ORDER else len(ORDER)


def says(row: Row, frame: Frame) -> str:
    """Tell in words what a row shows."""
    what = "points" if frame.points else "picture"
    if frame.steps == 0 and row == "x_t":
        return what
    return {"x_t": f"noisy {what}", "x0": f"predicted clean {what}", "eps": "predicted noise",
            NOISE: "added noise", DIFFERENCE: "error of the noise",
            CHANGE: "change since before"}.get(row, row)


def completed(frame: Frame, before: Frame | None, rows: Sequence[Row]) -> Frame:
    """Return the frame with those of the derived rows that are asked for and can be told."""
    found: dict[str, Images] = {}
    noise = frame.extra.get(NOISE)
    if DIFFERENCE in rows and noise is not None and frame.eps is not None:
        found[DIFFERENCE] = _apart(frame.eps, noise)
    if CHANGE in rows and before is not None and before.x0 is not None and frame.x0 is not None:
        found[CHANGE] = _apart(frame.x0, before.x0)
    return replace(frame, extra={**frame.extra, **found}) if found else frame


def _apart(one: Images, other: Images) -> Images:
    return np.maximum(one, other) - np.minimum(one, other)


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


# --- values ---------------------------------------------------------------------------------------


def scale_of(frame: Frame, row: Row) -> tuple[float, float]:
    """Return the values that 0 and 255 stand for in a row, in units of [-1, 1].

    x_t has as much room as its signal and 2.5 standard deviations of its noise take.
    """
    if row == "x_t" and frame.steps:
        reach = max(0.0, 1.0 - frame.noise**2) ** 0.5 + NOISE_RANGE * frame.noise
        return -reach, reach
    if row in ("eps", NOISE):
        return -NOISE_RANGE, NOISE_RANGE
    return {DIFFERENCE: (0.0, 2 * NOISE_RANGE), CHANGE: (0.0, 2.0)}.get(row, (-1.0, 1.0))


def value_at(frame: Frame, row: Row, index: int, x: int, y: int) -> tuple[float, ...]:
    """Return what a pixel of a row's picture is worth, for each channel; () without the row."""
    images = pictures_in(frame, row)
    if images is None:
        return ()
    low, high = scale_of(frame, row)
    return tuple(low + (high - low) * part / 255 for part in images[index, y, x].tolist())


def statistics_of(frame: Frame, row: Row) -> Statistics | None:
    """Tell what a row's values are like: as the engine told, or else as they can be seen.

    Mean and deviation of very many are those of a part, spread evenly; the extremes are of all.
    """
    if row in frame.statistics:
        return frame.statistics[row]
    images = pictures_in(frame, row)
    if images is None or frame.points:
        return None
    low, high = scale_of(frame, row)
    part = images.reshape(1, -1)[:, ::max(1, images.size // MOST_COUNTED)]
    counts = np.array(Image.fromarray(np.ascontiguousarray(part)).histogram())
    values = np.linspace(low, high, 256)
    mean = float(counts @ values / part.size)
    std = float((counts @ (values - mean) ** 2 / part.size) ** 0.5)
    return Statistics(mean, std, float(values[images.min()]), float(values[images.max()]))


def table_of(images: Images, scale: tuple[float, float], wanted: Range) -> Images | None:
    """Return what each of 256 values becomes in another range of these pictures; None: itself.

    The range is from -1 to 1 (from 0 where none is less), or all they have; `scale` is what 0 and
    255 stand for in them.
    """
    low, high = scale
    if wanted == "as is" or not images.size:
        return None
    start, end = (max(-1.0, low), 1.0)
    if wanted == "auto":
        step = (high - low) / 255
        start, end = low + step * int(images.min()), low + step * int(images.max())
    if end <= start:
        return None
    values = np.linspace(low, high, 256)
    return np.clip(np.rint((values - start) / (end - start) * 255), 0, 255).astype(np.uint8)


def ranged(images: Images, scale: tuple[float, float], wanted: Range) -> Images:
    """Return pictures as they look in a range."""
    table = table_of(images, scale, wanted)
    return images if table is None else table[images]


def shown_of(frame: Frame, row: Row, wanted: Range, only: int | None = None) -> Images:
    """Return a row's pictures, all or one of them, as they look in a range."""
    return ranged(row_of(frame, row, only), scale_of(frame, row), wanted)


# --- pages and files ------------------------------------------------------------------------------


def page(frame: Frame, rows: Sequence[Row], only: int | None = None, zoom: int | None = None,
         ranges: Mapping[Row, Range] | None = None) -> Raster:
    """Lay a frame out as one picture (H, W, 3): its rows one below the other, or one picture's."""
    zoom = zoom or export_zoom(frame)
    shown = [shown_of(frame, row, (ranges or USUAL_RANGES).get(row, "as is"), only) for row in rows]
    if only is not None:
        return pictures.sheet(np.concatenate(shown), columns=len(rows), zoom=zoom)
    return np.concatenate([pictures.sheet(images, zoom=zoom) for images in shown])


def export_zoom(frame: Frame) -> int:
    """Choose the zoom at which pictures are written."""
    return max(1, -(-SMALLEST_EXPORT // frame.x_t.shape[1]))


def strip(frames: Sequence[Frame], rows: Sequence[Row], only: int | None = None,
          ranges: Mapping[Row, Range] | None = None) -> Raster:
    """Lay evenly spread moments side by side: the rows of one picture, or every picture's first.

    Derived rows are those that the frames have already.
    """
    moments = [frames[place] for place in pictures.spread(len(frames), STRIP_FRAMES)]
    wanted = rows[:1] if only is None else rows
    shown = [np.concatenate([shown_of(frame, row, (ranges or USUAL_RANGES).get(row, "as is"), only)
                             for row in wanted]) for frame in moments]
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
