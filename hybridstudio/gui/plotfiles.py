"""Plots as files: the numbers as CSV, the plot as it looks as PNG or SVG."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, QPoint
from PySide6.QtGui import QColor, QPixmap
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.lines import Line
from hybridstudio.pictures import complete

PRINT = 2  # pixels to a point of the screen
SVG_DPI = 96


def write_plot(path: Path, plot: QWidget, curves: Mapping[str, Line]) -> None:
    """Write the raw numbers (.csv), a drawing (.svg) or else a picture, replacing what is there.

    Raises OSError, and UsageError where `path` is a folder.
    """
    kind = path.suffix.lower()
    if kind == ".csv":
        data = _table(curves).encode()
    elif kind == ".svg":
        data = _drawing(plot)
    else:
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        picture(plot).save(buffer, "PNG")
        data = bytes(buffer.data().data())
    with complete(path, overwrite=True) as file:
        file.write(data)


def picture(plot: QWidget) -> QPixmap:
    """Return the plot as it looks, at twice its size for print."""
    pixmap = QPixmap(plot.size() * PRINT)
    pixmap.setDevicePixelRatio(PRINT)
    pixmap.fill(QColor(theme.palette().window))
    plot.render(pixmap, QPoint())
    return pixmap


def _table(curves: Mapping[str, Line]) -> str:
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["curve", "step", "seconds", "value"])
    for name, curve in curves.items():
        columns = (curve.steps.tolist(), curve.seconds.tolist(), curve.values.tolist())
        table.writerows((name, *row) for row in zip(*columns, strict=True))
    return text.getvalue()


def _drawing(plot: QWidget) -> bytes:
    buffer = QBuffer()
    svg = QSvgGenerator()
    svg.setOutputDevice(buffer)
    svg.setTitle(plot.accessibleName())
    svg.setResolution(SVG_DPI)
    svg.setSize(plot.size())
    svg.setViewBox(plot.rect())
    plot.render(svg, QPoint())
    return bytes(buffer.data().data())
