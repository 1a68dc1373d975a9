"""One curve of a plot: its numbers, the two lines that show it, and its switch in the legend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QToolButton

from hybridstudio.gui import theme
from hybridstudio.gui.curves import Numbers, scaled, smoothed, thinned, visible

Against = Literal["steps", "time"]
FAINT = 0.35  # share of its colour that a raw curve keeps under its smoothed one
SPARSE = 60  # samples in view up to which one that is measured now and then shows each as a dot
NONE = np.empty(0)


@dataclass(frozen=True)
class Mark:
    """A moment worth a line across the plot: where, what it says, how grave it is."""

    step: float
    seconds: float
    text: str
    level: Literal["info", "warning", "error"] = "info"


class Line:
    """A curve; `steps`, `seconds` and `values` are its numbers, `chip` its legend entry.

    `colour` is a place in the palette's series, or a colour that never changes.
    """

    def __init__(self, label: str, colour: int | str, is_smoothed: bool = True) -> None:
        self.label, self.colour, self._is_smoothed = label, colour, is_smoothed
        self.steps: Numbers = NONE
        self.seconds: Numbers = NONE
        self.values: Numbers = NONE
        self.is_positive = True  # so that all of it shows on a logarithmic axis
        self._clock: Numbers | None = None
        # Samples without a number leave gaps; the arrays that come here are thin already.
        self.raw, self.smooth = (
            pg.PlotCurveItem(connect="finite", skipFiniteCheck=True) for _ in range(2))
        self.smooth.setZValue(1)  # above the raw curves of all
        self.dots = pg.ScatterPlotItem(size=5, pen=None)
        self.items = self.raw, self.smooth, self.dots
        self.chip = QToolButton()
        self.chip.setText(label)
        self.chip.setCheckable(True)
        self.chip.setChecked(True)
        self.chip.setAutoRaise(True)
        self.chip.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.chip.setIconSize(QSize(10, 10))
        self.chip.setToolTip(f"Show or hide {label}")
        self.chip.setAccessibleName(f"Show {label}")
        # What is on is no pressed button here: its dot is full, and hollow when it is off.
        self.chip.setStyleSheet(
            "QToolButton { padding: 2px 3px; } QToolButton:checked:!hover { background: none; }")

    @property
    def is_on(self) -> bool:
        """Whether it has numbers and is switched on."""
        return bool(self.values.size) and self.chip.isChecked()

    @property
    def is_sparse(self) -> bool:
        """Whether it is measured now and then, each time by itself."""
        return not self._is_smoothed and self.values.size <= SPARSE

    @property
    def shade(self) -> str:
        """Its colour now, as #rrggbb."""
        series = theme.palette().series
        return series[self.colour % len(series)] if isinstance(self.colour, int) else self.colour

    def take(self, steps: Numbers, seconds: Numbers, values: Numbers) -> bool:
        """Take newer numbers; returns whether they differ from those before."""
        if self.values.size == values.size and np.array_equal(
                self.values[-64:], values[-64:], equal_nan=True):
            return False
        self.steps, self.seconds, self.values = steps, seconds, values
        self.is_positive = bool(np.fmin.reduce(values, initial=np.inf) > 0)
        self._clock = None
        return True

    def x(self, against: Against) -> Numbers:
        """Return the places of the samples along the axis, rising."""
        if against == "steps":
            return self.steps
        if self._clock is None:  # a clock that jumped back must not fold the curve over itself
            self._clock = np.fmax.accumulate(self.seconds)
        return self._clock

    def draw(self, against: Against, low: float, high: float, log: bool, weight: float,
             columns: int) -> None:
        """Show what lies in [low, high] of the axis, `columns` pixels wide, and its average."""
        self.dots.setData(NONE, NONE)
        if not self.is_on:
            self.raw.setData(NONE, NONE)
            self.smooth.setData(NONE, NONE)
            return
        x = self.x(against)
        seen = visible(x, low, high)
        raw_x, raw_y = thinned(x[seen], self.values[seen], columns)
        self.raw.setData(raw_x.astype(np.float64), scaled(raw_y, log))
        if weight > 0 and self._is_smoothed:
            # What lies left of the view still weighs on its first samples.
            seen = visible(x, low, high, lead=int(8 / (1 - weight)))
            smooth_x, smooth_y = thinned(*smoothed(x[seen], self.values[seen], weight), columns)
            self.smooth.setData(smooth_x.astype(np.float64), scaled(smooth_y, log))
        else:
            self.smooth.setData(NONE, NONE)
        if self.is_sparse:
            shown = scaled(raw_y, log)
            finite = np.isfinite(shown)
            self.dots.setData(raw_x[finite].astype(np.float64), shown[finite])

    def dress(self, is_smoothed: bool) -> None:
        """Take its colour from the palette: faint where a smoothed curve lies over it."""
        colour = QColor(self.shade)
        self.smooth.setPen(pg.mkPen(colour, width=1))
        if is_smoothed and self._is_smoothed:
            # Mixed, not see-through: blending makes painting three times slower.
            colour = _mixed(colour, QColor(theme.palette().canvas), FAINT)
        self.raw.setPen(pg.mkPen(colour, width=1))
        self.dots.setBrush(pg.mkBrush(colour))
        self.chip.setIcon(_dot(QColor(self.shade), self.chip.isChecked()))


def _mixed(one: QColor, other: QColor, share: float) -> QColor:
    rest = 1 - share
    return QColor.fromRgbF(share * one.redF() + rest * other.redF(),
                           share * one.greenF() + rest * other.greenF(),
                           share * one.blueF() + rest * other.blueF())


def _dot(colour: QColor, is_full: bool) -> QIcon:
    pixmap = QPixmap(20, 20)
    pixmap.fill(Qt.GlobalColor.transparent)
    with QPainter(pixmap) as painter:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour, 3))
        painter.setBrush(colour if is_full else Qt.BrushStyle.NoBrush)
        painter.drawEllipse(3, 3, 14, 14)
    return QIcon(pixmap)
