"""How long a code is, and why straight lines draw worse: the norm along the square's diagonal."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from hybridstudio import latents
from hybridstudio.config.models.base import Space
from hybridstudio.gui import theme
from hybridstudio.messages import Codes

PLACES = 33  # of a curve
TOP = 1.25  # of the axis, in units of √D


class NormMeter(QWidget):
    """The norm in units of √D from one corner to the opposite one, by slerp and straight."""

    def __init__(self) -> None:
        super().__init__()
        self._curves: dict[str, np.ndarray] = {}
        self._linear = False
        self._norm: float | None = None
        self._at = 0.5
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Length of codes from the top left to the bottom right corner")
        self.setToolTip(
            "Codes drawn from N(0, 1) lie near a sphere of radius √D (the line at 1). Slerp goes "
            "along it; a straight line cuts through the inside, where the model hardly ever drew")
        theme.changed.connect(self.update)

    def show_square(self, space: Space, corners: Codes, linear: bool) -> None:
        """Show the ways between opposite corners (4, D); `linear` says which is gone."""
        at = np.linspace(0.0, 1.0, PLACES)
        self._curves = {
            name: latents.norms(latents.between(space, corners[0][None], corners[3][None], at, way))
            for name, way in (("straight", True), ("slerp", False))}
        self._linear = linear
        self.update()

    def show_cell(self, code: Codes | None, at: float = 0.5) -> None:
        """Mark the norm of a cell's code; `at` is how far it lies along the diagonal."""
        self._norm = None if code is None else float(latents.norms(code))
        self._at = at
        self.setAccessibleDescription("" if self._norm is None else f"{self._norm:.2f} √D")
        self.update()

    def sizeHint(self) -> QSize:
        """Ask for a low band."""
        return QSize(160, 96)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the shell's line, both curves, the cell."""
        colours, metrics = theme.palette(), self.fontMetrics()
        plot = QRectF(4, 4, self.width() - 8.0, self.height() - 12.0 - metrics.height())
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(colours.line), 1))
            for level in (0.0, 0.5):
                painter.drawLine(self._to(plot, 0, level), self._to(plot, 1, level))
            painter.setPen(QPen(QColor(colours.muted), 1, Qt.PenStyle.DashLine))
            painter.drawLine(self._to(plot, 0, 1.0), self._to(plot, 1, 1.0))
            inks = {"slerp": colours.series[0], "straight": colours.series[1]}
            for name, curve in self._curves.items():
                is_gone = (name == "straight") == self._linear
                painter.setPen(QPen(QColor(inks[name]), 2.0 if is_gone else 1.0))
                painter.drawPolyline(QPolygonF([self._to(plot, place / (PLACES - 1), float(norm))
                                                for place, norm in enumerate(curve)]))
            if self._norm is not None:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(colours.accent))
                painter.drawEllipse(self._to(plot, self._at, self._norm), 4, 4)
            self._paint_words(painter, inks)

    def _paint_words(self, painter: QPainter, inks: dict[str, str]) -> None:
        colours, metrics = theme.palette(), self.fontMetrics()
        base, x = self.height() - 4, 4
        for name in ("slerp", "straight") if self._curves else ():
            painter.setPen(QColor(inks[name]))
            painter.drawText(x, base, name)
            x += metrics.horizontalAdvance(name) + theme.GRID
        if self._norm is not None:
            words = f"this cell {self._norm:.2f} √D"
            painter.setPen(QColor(colours.text))
            painter.drawText(self.width() - 4 - metrics.horizontalAdvance(words), base, words)

    def _to(self, plot: QRectF, at: float, level: float) -> QPointF:
        return QPointF(plot.left() + at * plot.width(),
                       plot.bottom() - min(level, TOP) / TOP * plot.height())
