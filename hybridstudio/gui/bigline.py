"""Big steps on a line: a density to shape, q(x_t) with a place to drag, the true way back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from hybridstudio import onestep
from hybridstudio.gui import bigwords, theme
from hybridstudio.gui.densityplot import VIEW, DensityPaint, DensityPlot, Drawn
from hybridstudio.gui.priceplot import PricePlot
from hybridstudio.gui.theme import GRID
from hybridstudio.onestep import Price

NARROW = 620  # points below which the curve of the price lies under the others
RESTS = 120  # ms after the last stroke before prices are counted
TELLS = 50  # ms after which words follow the curves
TRUE, BEST, DDPM = 0, 1, 3  # places of their colours
_FINE = np.linspace(*VIEW, 401)


class BigLine(QWidget):
    """Three densities under one another and the price of Gaussians; `changed` tells the way back.

    It is None where only the prices are others. `chosen` tells the number of steps that is clicked.
    """

    changed = Signal(object)  # onestep.Reverse
    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.steps, self.t, self.x_t, self.zooms = 4, 2, 0.0, False
        self.paint = DensityPaint()
        self.noisy = DensityPlot("q(x_t), with the value x_t", "Drag x_t along the axis (arrow "
                                 "keys, Home, End)")
        self.noisy.let_move()
        self.back = DensityPlot("What x_t came from", "Blue: the true q(x_s | x_t). Dashed: the "
                                "Gaussian of the same mean and variance, and DDPM's")
        self.price = PricePlot()
        self.words = QLabel(wordWrap=True)
        self.words.setTextFormat(Qt.TextFormat.RichText)
        self.words.setMinimumSize(1, 1)  # it may be cut where the window is small
        self.words.setAccessibleName("What is seen")
        self.words.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._marginal = np.zeros(len(_FINE))
        self._counting: Iterator[Price] | None = None
        self._rest = QTimer(self, singleShot=True, interval=RESTS)
        self._rest.timeout.connect(self._count)
        self._next = QTimer(self, interval=0)
        self._next.timeout.connect(self._count_on)
        self._tell = QTimer(self, singleShot=True, interval=TELLS)
        self._tell.timeout.connect(self._tell_now)
        self._says = [QLabel(textFormat=Qt.TextFormat.RichText) for _ in range(4)]
        self._lay_out()
        self.paint.painted.connect(lambda _density: self.refresh())
        self.paint.rested.connect(self._forget_prices)
        self.noisy.moved.connect(self.look_from)
        self.price.chosen.connect(self.chosen)
        self._forget_prices()
        self.refresh()

    def _lay_out(self) -> None:
        self._plots = [_under(says, plot) for says, plot in zip(
            self._says, (self.paint, self.noisy, self.back, self.price), strict=True)]
        self._says[3].setText("What the Gaussians miss in T steps")
        told = QWidget()
        column = QVBoxLayout(told)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.words, 1)
        self._told = told
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        self._grid.setSpacing(GRID)
        self._is_narrow: bool | None = None
        self._arrange()

    def _arrange(self) -> None:
        """Put the price beside the densities, or under them where that would be too narrow."""
        is_narrow = self.width() < NARROW
        if is_narrow == self._is_narrow:
            return
        self._is_narrow = is_narrow
        for row, plot in enumerate(self._plots[:3]):
            self._grid.addWidget(plot, row, 0)
            self._grid.setRowStretch(row, 1)
        self._grid.setColumnStretch(0, 3)
        self._grid.setColumnStretch(1, 0 if is_narrow else 2)
        if is_narrow:
            self._grid.addWidget(self._plots[3], 3, 0)
            self._grid.addWidget(self._told, 4, 0)
        else:
            self._grid.addWidget(self._plots[3], 0, 1, 2, 1)
            self._grid.addWidget(self._told, 2, 1)
        self._grid.setRowStretch(3, 1 if is_narrow else 0)

    # --- what is asked ----------------------------------------------------------------------------

    def take_step(self, steps: int, t: int) -> None:
        """Look at the step from t back to t - 1 of a diffusion in `steps`."""
        self.steps, self.t = steps, t
        self.price.show_steps(steps)
        self.refresh()

    def look_from(self, x_t: float) -> None:
        """Look at what another x_t came from."""
        self.x_t = x_t
        self._show_back()

    def zoom(self, on: bool) -> None:
        """Show the way back as large as it fits, or on the axis of the others."""
        self.zooms = on
        self._show_back()

    def refresh(self) -> None:
        """Count and show anew what follows from the density, the step and x_t."""
        taken = onestep.step(self.steps, self.t)
        self._marginal = onestep.marginal(self.paint.density, taken.at, _FINE)
        t, s = self.t, self.t - 1
        self._says[0].setText("<b><i>q</i>(<i>x</i><sub>0</sub>)</b>&ensp;your data: draw them "
                              "with the mouse")
        self._says[1].setText(f"<b><i>q</i>(<i>x</i><sub>{t}</sub>)</b>&ensp;after {t} of "
                              f"{self.steps} steps of noise: drag <i>x</i><sub>{t}</sub>")
        self._says[2].setText(f"<b><i>q</i>(<i>x</i><sub>{s}</sub> | <i>x</i><sub>{t}</sub>)</b>"
                              "&ensp;what it came from, one step back")
        self._show_back()

    def _show_back(self) -> None:
        taken = onestep.step(self.steps, self.t)
        found = onestep.reverse(self.paint.density, taken, self.x_t)
        self.noisy.show_curves([Drawn(_FINE, self._marginal, TRUE, filled=True)], mark=self.x_t)
        view = VIEW
        if self.zooms:
            half = 4.0 * found.variance**0.5
            view = (found.mean - half, found.mean + half)
        places = np.linspace(*view, 301)
        curves = [Drawn(found.places, found.true, TRUE, filled=True),
                  Drawn(places, onestep.gaussian(places, found.mean, found.variance), BEST,
                        dashed=True)]
        if found.ddpm > 0.0:
            curves.append(Drawn(places, onestep.gaussian(places, found.mean, found.ddpm), DDPM,
                                dashed=True))
        else:
            curves.append(Drawn(np.array([found.mean]), np.empty(0), DDPM, dashed=True))
        highest = max(float(found.true.max()), float(curves[1].heights.max()))
        self.back.show_curves(curves, view, 1.12 * highest, faint=self.x_t)
        self._found = found
        if not self._tell.isActive():  # laying words out takes longer than all the rest
            self._tell.start()

    def _tell_now(self) -> None:
        """Tell in words what is seen, once the mouse leaves time for it."""
        found = self._found
        self.words.setText(bigwords.line(found, self.steps, self.t))
        self.back.setAccessibleDescription(f"{onestep.peaks(found.true)} peaks, {found.best:.3g} "
                                           "nats from the best Gaussian")
        self.changed.emit(found)

    # --- prices -----------------------------------------------------------------------------------

    def _forget_prices(self) -> None:
        self._next.stop()
        self._counting = None
        if self.isVisible():
            self._rest.start()

    def _count(self) -> None:
        self.price.clear()
        self._counting = onestep.prices(self.paint.density)
        self._next.start()

    def _count_on(self) -> None:
        """Count one more number of steps: each takes some ms, and nothing waits for all of them."""
        price = None if self._counting is None else next(self._counting, None)
        if price is None:
            self._next.stop()
            self._counting = None
            self.changed.emit(None)
        else:
            self.price.add(price)

    def showEvent(self, event: QShowEvent) -> None:
        """Count prices for those who look."""
        if not self.price.prices() or self._counting is not None:
            self._rest.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Count nothing for nobody."""
        for timer in (self._rest, self._next, self._tell):
            timer.stop()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay out anew where the room has another shape."""
        self._arrange()
        super().resizeEvent(event)


def _under(says: QLabel, plot: QWidget) -> QWidget:
    theme.say(says, "")
    says.setMinimumWidth(1)  # it may be cut where the window is narrow
    framed = QWidget()
    column = QVBoxLayout(framed)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(GRID // 4)
    column.addWidget(says)
    column.addWidget(plot, 1)
    return framed
