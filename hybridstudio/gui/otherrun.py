"""Choosing a run and one of its checkpoints, to be shown beside another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.drawfields import fill
from hybridstudio.gui.drawing import classes
from hybridstudio.gui.latentstate import How, with_label
from hybridstudio.gui.theme import GRID
from hybridstudio.runs import Run


class OtherRun(QWidget):
    """Choices in a row; `chosen` tells that one of them changed."""

    chosen = Signal()

    def __init__(self, words: str) -> None:
        super().__init__()
        self._runs: dict[str, Run] = {}  # by their paths, as words: Qt finds no objects
        self.run, self.step, self.label = QComboBox(), QComboBox(), QComboBox()
        for box, name in ((self.run, f"{words}: model"), (self.step, f"{words}: checkpoint"),
                          (self.label, f"{words}: class")):
            box.setAccessibleName(name)
            box.setToolTip(name)
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(6)
            box.setMinimumWidth(64)  # narrower than it asks for, in a narrow window
        self.label.setMinimumContentsLength(10)  # "class" before its name
        self.run.activated.connect(self._on_run)
        for box in (self.step, self.label):
            box.activated.connect(self.chosen)
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID, 0, GRID, 0)
        row.setSpacing(GRID // 2)
        row.addWidget(theme.say(QLabel(words), "muted"))
        row.addWidget(self.run, 1)
        row.addWidget(self.step)
        row.addWidget(self.label)

    def offer(self, runs: Sequence[Run], path: Path | None, step: int | None) -> None:
        """Offer runs, and choose one of them with a checkpoint; None is the newest."""
        self._runs = {str(run.path): run for run in runs}
        with QSignalBlocker(self.run):
            fill(self.run, [(run.name, str(run.path)) for run in runs])
            self.run.setCurrentIndex(max(0, self.run.findData(str(path))))
        self._offer_steps(step)

    def choose(self, run: Run, step: int | None, label: int | None) -> None:
        """Choose a run, also one that was not offered, with a checkpoint and a class."""
        others = [other for other in self._runs.values() if other.path != run.path]
        self.offer([run, *others], run.path, step)
        self.label.setCurrentIndex(max(0, self.label.findData(label)))

    @property
    def chosen_run(self) -> Run | None:
        """The run that is chosen."""
        return self._runs.get(self.run.currentData())

    @property
    def how(self) -> How | None:
        """How the chosen run draws: with its chosen checkpoint and class, else as it usually does.
        """
        run = self.chosen_run
        if run is None:
            return None
        return with_label(replace(How.of(run), step=self.step.currentData()),
                          self.label.currentData())

    def _offer_steps(self, step: int | None) -> None:
        run = self.chosen_run
        steps = run.checkpoints if run is not None else ()
        with QSignalBlocker(self.step):
            fill(self.step, [("newest", None), *((f"step {s:,}", s) for s in reversed(steps))])
            self.step.setCurrentIndex(max(0, self.step.findData(step)))
        self.step.setVisible(len(steps) > 1)
        names = classes(run) if run is not None else ()
        with QSignalBlocker(self.label):
            fill(self.label, [(f"class {name}", index) for index, name in enumerate(names)])
        self.label.setVisible(bool(names))

    def _on_run(self) -> None:
        self._offer_steps(None)
        self.chosen.emit()
