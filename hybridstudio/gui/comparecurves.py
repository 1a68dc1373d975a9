"""Curves of several runs over each other: two plots to choose for, smoothed alike."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSlider,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from hybridstudio.comparison import Overlay, Subject, overlays
from hybridstudio.gui import theme
from hybridstudio.gui.flow import Flow
from hybridstudio.gui.plots import CurvePlot
from hybridstudio.gui.theme import GRID

SMOOTHING = 30  # where the slider stands at first, of 100: some 8 points


class OverlayPlot(CurvePlot):
    """A plot of one curve of all runs that have it, with a choice of the curve."""

    def __init__(self, place: int) -> None:
        self._place = place
        self._overlays: dict[str, Overlay] = {}
        self._picked = ""
        self._wants_logs = True
        self._shown = ""
        self.choice = QComboBox()
        super().__init__("", "These runs have recorded no curves", log=True, after=200)
        self.choice.setAccessibleName("Which curve the plot shows")
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.choice.activated.connect(self._pick)
        self.add_to_head(self.choice)

    def show_overlays(self, found: Sequence[Overlay]) -> None:
        """Offer these curves, and show the newest numbers of the chosen one."""
        self._overlays = {overlay.title: overlay for overlay in found}
        titles = list(self._overlays)
        if titles != [self.choice.itemText(at) for at in range(self.choice.count())]:
            self.choice.clear()
            self.choice.addItems(titles)
        self.choice.setVisible(len(titles) > 1)
        if titles:
            usual = titles[min(self._place, len(titles) - 1)]
            self.choice.setCurrentText(self._picked if self._picked in titles else usual)
        self._show()

    def allow_log(self, on: bool) -> None:
        """Say whether a logarithmic axis is wanted where it helps."""
        self._wants_logs = on
        overlay = self._overlays.get(self.choice.currentText())
        self.set_log(on and overlay is not None and overlay.log)

    def _pick(self, _place: int) -> None:
        self._picked = self.choice.currentText()
        self._show()

    def _show(self) -> None:
        overlay = self._overlays.get(self.choice.currentText())
        if overlay is None:
            self.clear()
            return
        if overlay.name != self._shown:
            self._shown = overlay.name
            self.clear()
            self.set_title(overlay.title)
            self._heading.hide()  # the choice says it
            self.set_log(self._wants_logs and overlay.log)
        # A run whose colour or name has changed is another line.
        names = {f"{subject.path} {subject.colour} {subject.name}": (subject, series)
                 for subject, series in overlay.lines}
        self.keep(list(names))
        for name, (subject, series) in names.items():
            self.set_series(name, *series, label=subject.name, colour=subject.colour,
                            is_smoothed=not overlay.name.startswith("test/"))


class CompareCurves(QWidget):
    """Two plots, and how their curves are drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = OverlayPlot(0), OverlayPlot(1)
        plots = QSplitter(Qt.Orientation.Vertical)
        plots.setChildrenCollapsible(False)
        plots.setHandleWidth(2 * GRID)
        plots.setStyleSheet("QSplitter::handle { background: transparent; }")
        for plot in (self.first, self.second):
            plots.addWidget(plot)
        self._details = QCheckBox("More curves")
        self._details.setToolTip("Offer gradients, learning rates, noise levels and speed as well")
        self._details.toggled.connect(lambda _on: self._offer())
        log = QCheckBox("Log axis")
        log.setToolTip("A logarithmic axis, where it helps and all values are above 0")
        log.setChecked(True)
        log.toggled.connect(self._allow_log)
        against = QComboBox()
        against.addItems(["steps", "time"])
        against.setAccessibleName("Horizontal axis")
        against.setToolTip("Against training steps or time of training")
        against.currentTextChanged.connect(self._set_against)
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, 100)
        slider.setValue(SMOOTHING)
        slider.setFixedWidth(14 * GRID)
        slider.setAccessibleName("Smoothing")
        slider.setToolTip("How many points the moving average spans (default 8)")
        slider.valueChanged.connect(self._smooth)
        row = Flow()  # in two lines where there is little room
        row.setSpacing(GRID)
        for name, widget in (("Smoothing", slider), ("Against", against)):
            row.addWidget(_named(name, widget))
        row.addWidget(log)
        row.addWidget(self._details)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GRID, 0, GRID, GRID)
        column.addWidget(plots, 1)
        column.addLayout(row)
        self._subjects: tuple[Subject, ...] = ()
        self._smooth(SMOOTHING)

    def show_subjects(self, subjects: Sequence[Subject]) -> None:
        """Show the curves of these runs as they are by now."""
        self._subjects = tuple(subjects)
        self._offer()

    def _offer(self) -> None:
        found = overlays(self._subjects, self._details.isChecked())
        self.first.show_overlays(found)
        self.second.show_overlays(found)
        self.second.setVisible(len(found) > 1)

    def _allow_log(self, on: bool) -> None:
        self.first.allow_log(on)
        self.second.allow_log(on)

    def _set_against(self, against: str) -> None:
        for plot in (self.first, self.second):
            plot.set_against("time" if against == "time" else "steps")

    def _smooth(self, place: int) -> None:
        weight = 1 - 10 ** (-3 * place / 100) if place else 0.0
        self.first.set_smoothing(weight)
        self.second.set_smoothing(weight)


def _named(name: str, widget: QWidget) -> QWidget:
    """Put a name before a widget."""
    both = QWidget()
    row = QHBoxLayout(both)
    row.setContentsMargins(0, 0, 2 * GRID, 0)
    row.setSpacing(GRID)
    row.addWidget(theme.say(QLabel(name), "muted"))
    row.addWidget(widget)
    return both
