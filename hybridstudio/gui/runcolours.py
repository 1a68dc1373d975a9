"""The colour of each run: the same everywhere in the window, and told apart from its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap

from hybridstudio.gui import theme

COLOURS = 6  # of the palette's series that runs take; the last one is the text's own

_places: dict[Path, int] = {}  # as they were given out, for as long as the window is there


def places(runs: Sequence[Path]) -> dict[Path, int]:
    """Return the place of each run in the palette's series, which it keeps.

    Where two of these runs would have the same, the one without a place yet, or else the later,
    takes a free one; beyond six they repeat.
    """
    taken: dict[Path, int] = {}
    for run in sorted(runs, key=lambda run: run not in _places):
        wanted = _places.get(run)
        free = [place for place in range(COLOURS) if place not in taken.values()]
        if wanted is None or (wanted not in free and free):
            unused = [place for place in free if place not in _places.values()]
            wanted = (unused or free or [len(taken) % COLOURS])[0]
        taken[run] = _places[run] = wanted
    return {run: taken[run] for run in runs}


def colour_of(run: Path) -> QColor:
    """Return the colour of a run as the palette is now."""
    return QColor(theme.palette().series[places([run])[run]])


def dot(place: int, side: int = 10) -> QIcon:
    """Return a round mark in the colour of a place."""
    pixmap = QPixmap(2 * side, 2 * side)
    pixmap.fill(Qt.GlobalColor.transparent)
    with QPainter(pixmap) as painter:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.palette().series[place]))
        painter.drawEllipse(2, 2, 2 * side - 4, 2 * side - 4)
    return QIcon(pixmap)


def nothing(side: int = 10) -> QIcon:
    """Return an empty mark, so that names without a colour stand in line with the others."""
    pixmap = QPixmap(2 * side, 2 * side)
    pixmap.fill(Qt.GlobalColor.transparent)
    return QIcon(pixmap)
