"""Axes whose numbers read like print: 20,000 steps, 1 h 30 min, 0.0031."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor, QPainter, QPen

from hybridstudio.gui import theme
from hybridstudio.telling import duration, number

# Distances of ticks on a clock, in seconds.
_CLOCK = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200)
BEHIND = -200.0  # the z of what lies behind a plot's curves, which are at -100
_ROOM = 90  # pixels a tick's number needs along the bottom
_LINE = 24  # and along the side


class Axis(pg.AxisItem):
    """An axis of a plot: `spell` writes its numbers, `unit` stands behind one in the middle."""

    def __init__(self, side: str) -> None:
        super().__init__(side, maxTickLength=0)
        self.picture: bool | None = None
        self._placed: tuple[Any, ...] | None = None
        self.spell: Callable[[float], str] = number
        self.unit = ""

    def setZValue(self, _z: float) -> None:
        """Stay behind the curves, whatever a plot says: an opaque grid would hide them."""
        super().setZValue(BEHIND)

    def show_steps(self) -> None:
        """Count training steps."""
        self.spell, self.unit = number, "steps"

    def show_time(self) -> None:
        """Count seconds, written as a clock does."""
        self.spell, self.unit = duration, ""

    def paint(self, painter: QPainter, option: Any, widget: Any = None) -> None:
        """Draw line, grid and numbers as they were placed; replaying a QPicture takes longer."""
        if self.picture is None:  # which AxisItem sets wherever something changes
            self._placed = _opaque(self.generateDrawSpecs(painter))
            self.picture = True
        if self._placed is not None:
            painter.save()
            self.drawPicture(painter, *self._placed)
            painter.restore()

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        """Spell the places of the ticks; on a log axis they are exponents of ten."""
        told = [self.spell(10.0**value if self.logMode else value) for value in values]
        if told and self.unit:
            told[len(told) // 2] += f" {self.unit}"
        return told

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        """Place one kind of ticks: round numbers, the clock's, or 1, 2, 5 of each decade."""
        if self.logMode and high - low < 6:
            return [(1.0, _log_ticks(low, high, size))]
        if self.spell is duration:
            wanted = (high - low) * _ROOM / max(size, 1)
            fits = [spacing for spacing in _CLOCK if spacing >= wanted]
            spacing = fits[0] if fits else 86_400 * max(1, round(wanted / 86_400))
            first = int(np.ceil(low / spacing))
            return [(spacing, [spacing * place for place in range(first, int(high / spacing) + 1)])]
        return super().tickValues(low, high, size)[:1]


def _opaque(specs: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    """Mix the grid's faint lines with the canvas: translucent ones take far longer to paint."""
    if specs is None:
        return None
    line, grid, words = specs
    canvas = QColor(theme.palette().canvas)
    solid: dict[int, QPen] = {}
    for pen, _, _ in grid:
        colour = pen.color()
        if colour.rgba() not in solid:
            share = colour.alphaF()
            mixed = [round(share * over + (1 - share) * under) for over, under in (
                (colour.red(), canvas.red()), (colour.green(), canvas.green()),
                (colour.blue(), canvas.blue()))]
            solid[colour.rgba()] = QPen(pen)
            solid[colour.rgba()].setColor(QColor(*mixed))
    return line, [(solid[pen.color().rgba()], start, end) for pen, start, end in grid], words


def _log_ticks(low: float, high: float, size: float) -> list[float]:
    """Return exponents of round numbers between two: of 1, 2, 5, or finer within one decade."""
    decades = 10.0 ** np.arange(np.floor(low), np.floor(high) + 1)
    ticks: list[float] = []
    for digits in ([1], [1, 2, 5], range(1, 10), np.arange(10, 100) / 10):
        if len(ticks) >= 2:
            break
        ticks = [tick for tick in np.log10(np.outer(decades, digits)).ravel().tolist()
                 if low <= tick <= high]
    apart = _LINE * (high - low) / max(size, 1)
    kept: list[float] = []
    for tick in ticks:
        if not kept or tick - kept[-1] >= apart:
            kept.append(tick)
    return kept
