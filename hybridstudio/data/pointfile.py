"""Files of points: CSV, TSV or text with x, y and perhaps a label on each line, and .npy arrays."""

from __future__ import annotations

import csv
import math
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hybridstudio.data.dataset import Labels, Meter
from hybridstudio.data.listing import natural, shown
from hybridstudio.errors import StudioError
from hybridstudio.messages import Progress

Found = tuple[npt.NDArray[np.float64], Labels, tuple[str, ...]]

MAX_BYTES = 1 << 30  # of a file
MAX_CLASSES = 1000  # a third column with more different values is no label
SHAPE = "every line should be x, y or x, y, label, with one line of headings at most"


def read_points(path: Path) -> Generator[Progress, None, Found]:
    """Read a file's points (N, 2), labels (N,) and class names, () where there are no labels.

    Raises StudioError, which names the line, for anything but finite points.
    """
    if not path.is_file():
        raise StudioError(f"{path} is not a file", "it is a folder",
                          "give a CSV, TSV or .npy file; folder:PATH is for pictures")
    if path.stat().st_size > MAX_BYTES:
        raise StudioError(f"{path.name} is too large", f"more than {MAX_BYTES >> 20:,} MB",
                          "keep a part of its points")
    if path.suffix.lower() == ".npy":
        points, names = _of_array(path)
    else:
        points, names = yield from _of_text(path)
    if not len(points):
        raise StudioError(f"There are no points in {path.name}", "", SHAPE)
    if not names:
        return points, np.zeros(len(points), np.int64), ()
    classes = sorted(set(names), key=natural)
    if len(classes) > MAX_CLASSES:
        raise StudioError(
            f"The third column of {path.name} is no label",
            f"it has {len(classes):,} different values, and at most {MAX_CLASSES:,} are classes",
            "keep the columns x and y, or x, y and a label")
    label_of = {name: label for label, name in enumerate(classes)}
    labels = np.array([label_of[name] for name in names], np.int64)
    return points, labels, tuple(map(shown, classes))


def _of_array(path: Path) -> tuple[npt.NDArray[np.float64], list[str]]:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise StudioError(f"{path.name} is no array of numbers", str(error),
                          "write it with numpy.save") from error
    if array.ndim != 2 or array.shape[1] not in (2, 3) or array.dtype.kind not in "fiu":
        raise StudioError(f"{path.name} holds no points",
                          f"it is an array of {array.dtype}, shape {array.shape}",
                          "points are numbers of the shape (N, 2), or (N, 3) with a label")
    points = array[:, :2].astype(np.float64)
    if not np.isfinite(points).all():
        row = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise _no_point(path, f"row {row:,}", str(array[row]))
    return points, [f"{value:g}" for value in array[:, 2]] if array.shape[1] == 3 else []


def _of_text(path: Path) -> Generator[Progress, None,
                                      tuple[npt.NDArray[np.float64], list[str]]]:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise StudioError(f"{path.name} is no text", str(error), SHAPE) from error
    kept = [(number, line) for number, line in enumerate(lines, 1)
            if line.strip() and not line.lstrip().startswith("#")]
    meter = Meter(len(kept), "points")
    points: list[tuple[float, float]] = []
    names: list[str] = []
    width = 0
    for place, (number, cells) in enumerate(_cells(path, kept)):
        point = _point(cells)
        if point is None and place == 0:
            continue  # the headings
        width = width or len(cells)
        if point is None or len(cells) != width:
            raise _no_point(path, f"line {number:,}", lines[number - 1])
        points.append(point)
        names += cells[2:]
        if not place % 4096:
            yield from meter.at(place)
    return np.array(points, np.float64).reshape(-1, 2), names


def _cells(path: Path, kept: list[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    """Split lines at the mark that the last one has: ; or a tab, a comma, or else blanks."""
    last = kept[-1][1] if kept else ""
    mark = next((mark for mark in ";\t," if mark in last), None)
    rows: Iterable[list[str]]
    if mark is None:
        rows = (line.split() for _, line in kept)
    else:
        rows = csv.reader((line for _, line in kept), delimiter=mark, skipinitialspace=True)
    try:
        for (number, _), row in zip(kept, rows, strict=False):
            cells = [cell.strip() for cell in row]
            while cells and not cells[-1]:
                cells.pop()
            # Where a comma separates nothing it stands for the decimal point.
            yield number, cells if mark == "," else [
                *(cell.replace(",", ".") for cell in cells[:2]), *cells[2:]]
    except csv.Error as error:
        raise StudioError(f"{path.name} is no table", str(error), SHAPE) from error


def _point(cells: list[str]) -> tuple[float, float] | None:
    """Read the first two cells, or return None where they are no place in the plane."""
    if len(cells) not in (2, 3):
        return None
    try:
        x, y = float(cells[0]), float(cells[1])
    except ValueError:
        return None
    return (x, y) if math.isfinite(x) and math.isfinite(y) else None


def _no_point(path: Path, where: str, says: str) -> StudioError:
    return StudioError(f"{path.name}: {where} is no point", f"it says {shown(says)[:80]!r}", SHAPE)
