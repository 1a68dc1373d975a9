"""A sweep of hand-overs with its choices: against k or the time, by distance or by score."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from hybridstudio.gui import handovers, theme
from hybridstudio.gui.buttons import toggle
from hybridstudio.gui.handovers import Handed
from hybridstudio.gui.sweepplot import SweepPlot
from hybridstudio.gui.theme import GRID


class SweepView(QWidget):
    """The plot of a sweep, and in words which was best; `chosen` tells the `Handed` clicked."""

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sweep: Sequence[Handed] = ()
        self.plot = SweepPlot()
        self.plot.chosen.connect(self.chosen)
        self.words = theme.say(QLabel(wordWrap=True), "number")
        self.words.setContentsMargins(2 * GRID, 0, 2 * GRID, GRID // 2)
        self.axes = QButtonGroup(self)
        bar = QHBoxLayout()
        bar.setContentsMargins(2 * GRID, GRID // 2, GRID, GRID // 2)
        bar.setSpacing(GRID // 2)
        for place, (words, tip) in enumerate((("Against k", "Quality against the hand-over"),
                                              ("Against time", "Quality against ms each"))):
            button = toggle(words, tip, on=place == 0)
            self.axes.addButton(button, place)
            bar.addWidget(button)
        self.by_score = toggle("By score", "The Fréchet distance to the data instead of the "
                               "distance to the full diffusion's pictures")
        self.by_score.setEnabled(False)
        bar.addSpacing(GRID)
        bar.addWidget(self.by_score)
        bar.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(bar)
        column.addWidget(self.words)
        column.addWidget(self.plot, 1)
        self.axes.idClicked.connect(lambda _: self._show())
        self.by_score.toggled.connect(lambda _: self._show())
        self._show()

    def show_sweep(self, sweep: Sequence[Handed], empty: str) -> None:
        """Show hand-overs, by their score as soon as one has it; `empty` is said without any."""
        had = self.by_score.isEnabled()
        self._sweep, self.plot.empty = sweep, empty
        has = any(each.score is not None for each in sweep)
        self.by_score.setEnabled(has)
        if has != had:
            self.by_score.setChecked(has)
        self._show()

    def _show(self) -> None:
        by_score = self.by_score.isChecked()
        self.plot.show_sweep(self._sweep, self.axes.checkedId() == 1, by_score)
        self.words.setText(handovers.verdict(self._sweep, by_score))
        self.words.setVisible(bool(self.words.text()))
