"""The fields of a way of drawing: sampler, evaluations, η, seed, class, guidance, how many."""

from __future__ import annotations

import random
from dataclasses import replace

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QWidget

from hybridstudio.gui.buttons import flat
from hybridstudio.gui.drawfields import fill, fraction, whole
from hybridstudio.gui.drawform import SAMPLER_NAMES
from hybridstudio.gui.drawing import DrawSettings, classes, most, offers
from hybridstudio.gui.theme import GRID
from hybridstudio.runs import Run


class WayForm(QWidget):
    """Shows what a run offers of a DrawSettings; `changed` tells that a user chose otherwise."""

    changed = Signal()

    def __init__(self, *, with_count: bool, nfe: str = "Evaluations") -> None:
        super().__init__()
        self._settings = DrawSettings()
        self.sampler, self.label = QComboBox(), QComboBox()
        self.nfe, self.seed, self.count = whole("nfe", 1, 1000), whole("seed", 0, 2**31 - 1), whole(
            "count", 1, 64)
        self.eta, self.guidance = fraction("eta", 0.0, 1.0, 0.1), fraction("guidance", 0, 20, 0.5)
        self.seed.setGroupSeparatorShown(False)
        self.dice = flat("dice", "Another seed", self.roll)
        seed = QHBoxLayout()
        seed.setSpacing(GRID // 2)
        seed.addWidget(self.seed, 1)
        seed.addWidget(self.dice)
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(GRID // 2)
        self._form.setHorizontalSpacing(GRID)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, field in (
            ("Sampler", self.sampler), (nfe, self.nfe), ("Noise η", self.eta), ("Seed", seed),
            ("Class", self.label), ("Guidance", self.guidance), ("Pictures", self.count)):
            self._form.addRow(name, field)
        self._form.setRowVisible(self.count, with_count)
        for box, name, says in (
            (self.sampler, "Sampler", "The method that turns noise into pictures"),
            (self.label, "Class", "The class to draw, for a model that learned labels (any)")):
            box.setAccessibleName(name)
            box.setToolTip(says)
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(8)
            box.activated.connect(self._edited)
        self.nfe.setAccessibleName(nfe)
        for spin in (self.nfe, self.eta, self.seed, self.guidance, self.count):
            spin.valueChanged.connect(self._edited)

    def show_run(self, run: Run) -> None:
        """Offer what a run has; nothing is told."""
        asked, config = offers(run), run.config
        blockers = [QSignalBlocker(box) for box in (self.sampler, self.label, self.nfe, self.count)]
        fill(self.sampler, [(SAMPLER_NAMES.get(name, name), name)
                            for name in config.model.samplers])
        fill(self.label, [("any", None), *(
            (name if name == str(index) else f"{index}: {name}", index)
            for index, name in enumerate(classes(run)))])
        for name in ("sampler", "nfe", "eta", "label", "guidance"):
            self._form.setRowVisible(getattr(self, name), name in asked)
        self.nfe.setRange(1, config.model.evaluations.high)
        self.count.setMaximum(most(config))
        del blockers

    def settings(self) -> DrawSettings:
        """Return what is chosen."""
        return self._settings

    def show_settings(self, settings: DrawSettings) -> None:
        """Show settings, without telling."""
        boxes = (self.sampler, self.label, self.nfe, self.eta, self.seed, self.guidance, self.count)
        blockers = [QSignalBlocker(box) for box in boxes]
        for box, value in ((self.sampler, settings.sampler), (self.label, settings.label)):
            box.setCurrentIndex(max(0, box.findData(value)))
        for name in ("nfe", "eta", "seed", "guidance", "count"):
            getattr(self, name).setValue(getattr(settings, name))
        del blockers
        self._settings = settings
        self._show_eta()

    def roll(self) -> None:
        """Take another seed."""
        self.seed.setValue(random.SystemRandom().randrange(100_000))

    def _edited(self) -> None:
        self._settings = replace(
            self._settings, sampler=self.sampler.currentData() or "", nfe=self.nfe.value(),
            eta=round(self.eta.value(), 3), seed=self.seed.value(),
            label=self.label.currentData(), guidance=round(self.guidance.value(), 3),
            count=self.count.value())
        self._show_eta()
        self.changed.emit()

    def _show_eta(self) -> None:
        self.eta.setEnabled(self.sampler.currentData() == "ddim")
