"""The form of how codes become pictures: space, sampler, evaluations, checkpoint, knobs."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QSpinBox, QWidget

from hybridstudio.config import Knob
from hybridstudio.gui.drawfields import fill, knob_box, set_value, whole
from hybridstudio.gui.drawform import SAMPLER_NAMES
from hybridstudio.gui.drawing import fitted
from hybridstudio.gui.latentstate import How, knobs_of, spaces_of, takes_many
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Weights
from hybridstudio.runs import Run


class HowForm(QWidget):
    """Shows what a run offers of a `How`; `changed` tells a new one and which field it was."""

    changed = Signal(object, str)

    def __init__(self) -> None:
        super().__init__()
        self._how = How()
        self._knobs: tuple[Knob, ...] = ()
        self.knobs: dict[str, QSpinBox | QDoubleSpinBox] = {}
        self.space, self.sampler, self.step, self.weights = (QComboBox() for _ in range(4))
        self.nfe = whole("nfe", 1, 1000)
        self.nfe.setAccessibleName("Evaluations")
        fill(self.weights, [("EMA (average)", "ema"), ("Raw (as trained last)", "raw")])
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(GRID // 2)
        self._form.setHorizontalSpacing(GRID)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, box, says in (
            ("Space", self.space, "The latent space that codes are of"),
            ("Sampler", self.sampler, "Samplers by which a code alone decides its picture"),
            ("Evaluations", self.nfe, ""),
            ("Checkpoint", self.step, "The training step whose weights draw (newest)"),
            ("Weights", self.weights, "The moving average of the weights, or the weights as they "
                                      "were trained last (EMA)"),
        ):
            self._form.addRow(name, box)
            if isinstance(box, QComboBox):
                box.setAccessibleName(name)
                box.setToolTip(says)
                box.setSizeAdjustPolicy(
                    QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
                box.setMinimumContentsLength(8)
                box.activated.connect(lambda _place, name=name: self._edited(name))
        self.nfe.valueChanged.connect(lambda _value: self._edited("nfe"))

    def show_run(self, run: Run, how: How) -> None:
        """Offer what a run has, and show how it draws."""
        model = run.config.model
        blockers = [QSignalBlocker(box) for box in (self.space, self.sampler, self.step, self.nfe)]
        spaces = spaces_of(run)
        fill(self.space, [(space.name, space.name) for space in spaces])
        for place, space in enumerate(spaces):
            self.space.setItemData(place, space.says, 3)  # Qt.ItemDataRole.ToolTipRole
        fill(self.sampler, [(SAMPLER_NAMES.get(name, name), name) for name in model.steady])
        fill(self.step, [("newest", None), *(
            (f"step {step:,}", step) for step in reversed(run.checkpoints))])
        low, usual, high = model.evaluations
        self.nfe.setRange(low, max(low, high))
        self.nfe.setToolTip(f"Network evaluations for each picture, {low:,} to {high:,} "
                            f"({usual:,}). Fewer follow the hand sooner")
        for box, on in ((self.space, len(spaces) > 1), (self.sampler, len(model.steady) > 1),
                        (self.nfe, takes_many(run)), (self.step, len(run.checkpoints) > 1),
                        (self.weights, not run.shipped)):
            self._form.setRowVisible(box, on)
        self._offer_knobs(knobs_of(run))
        del blockers
        self.show_how(how)

    def is_needed(self, run: Run) -> bool:
        """Tell whether there is anything to choose."""
        return (len(spaces_of(run)) > 1 or len(run.config.model.steady) > 1 or takes_many(run)
                or len(run.checkpoints) > 1 or not run.shipped or bool(knobs_of(run)))

    def show_how(self, how: How) -> None:
        """Show how codes become pictures, without telling."""
        boxes = (self.space, self.sampler, self.step, self.weights, self.nfe, *self.knobs.values())
        blockers = [QSignalBlocker(box) for box in boxes]
        for box, value in ((self.space, how.space), (self.sampler, how.sampler),
                           (self.step, how.step), (self.weights, how.weights)):
            box.setCurrentIndex(max(0, box.findData(value)))
        if how.nfe is not None:
            self.nfe.setValue(how.nfe)
        told = dict(how.knobs)
        for knob in self._knobs:
            set_value(self.knobs[knob.name], told.get(knob.name, knob.default))
        del blockers
        self._how = how

    def _offer_knobs(self, knobs: tuple[Knob, ...]) -> None:
        if knobs == self._knobs:
            return
        for box in self.knobs.values():
            self._form.removeRow(box)
        self._knobs, self.knobs = knobs, {}
        for knob in knobs:
            box = knob_box(knob)
            box.valueChanged.connect(lambda _value, name=knob.name: self._edited(name))
            self._form.addRow(knob.label, box)
            self.knobs[knob.name] = box

    def _edited(self, field: str) -> None:
        knobs = tuple((knob.name, fitted(knob, round(self.knobs[knob.name].value(), 6)))
                      for knob in self._knobs)
        self._how = replace(
            self._how, space=self.space.currentData() or "",
            sampler=self.sampler.currentData() if self._how.sampler else None,
            nfe=self.nfe.value() if self._how.nfe is not None else None, knobs=knobs,
            step=self.step.currentData(), weights=cast(Weights, self.weights.currentData()))
        self.changed.emit(self._how, field)
