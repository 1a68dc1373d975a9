"""The form of a drawing's settings beside the canvas, with undo."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import cast

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hybridstudio.config import Knob, RunConfig
from hybridstudio.gui import theme
from hybridstudio.gui.drawfields import fill, fraction, knob_box, row_of, set_value, whole
from hybridstudio.gui.drawing import (
    USUAL_POINTS,
    DrawSettings,
    classes,
    fitted,
    is_points,
    most,
    offers,
)
from hybridstudio.gui.startpicture import StartPicture
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Weights
from hybridstudio.runs import Run

SAMPLER_NAMES = {"ancestral": "Ancestral (DDPM)", "ddim": "DDIM", "dpm++2m": "DPM-Solver++ (2M)",
                 "unipc": "UniPC", "heun": "Heun", "euler": "Euler", "langevin": "Langevin",
                 "consistent": "Consistent Langevin",
                 "posterior": "Posterior", "one-pass": "One pass"}
_MAX_UNDO = 200


class DrawForm(QWidget):
    """The settings of a drawing beside the canvas; `changed` tells each new DrawSettings."""

    changed = Signal(object)
    failed = Signal(object)  # StudioError: a picture that could not be opened

    def __init__(self) -> None:
        super().__init__()
        self._settings = DrawSettings()
        self._undo: list[DrawSettings] = []
        self._redo: list[DrawSettings] = []
        self._last_field = ""
        self.sampler = QComboBox()
        self.nfe = whole("nfe", 1, 1000)
        self.nfe.setAccessibleName("Evaluations")
        self.nfe.setToolTip("Network evaluations (NFE) for each picture")
        self.eta = fraction("eta", 0.0, 1.0, 0.1)
        self.guidance = fraction("guidance", 0.0, 20.0, 0.5)
        self.seed = whole("seed", 0, 2**31 - 1)
        self.seed.setToolTip("Where the random numbers begin: the same seed, the same pictures (0)")
        self.seed.setGroupSeparatorShown(False)
        self.seed.setMinimumWidth(64)  # its range is wider than what is ever typed
        self.dice = QToolButton()
        self.dice.setToolTip("Another seed (Ctrl+R)")
        self.dice.setShortcut("Ctrl+R")
        self.dice.setAccessibleName("Another seed")
        theme.set_icon(self.dice, "dice")
        self.label = QComboBox()
        self.count = whole("count", 1, 1)
        self.weights = QComboBox()
        self.weights.addItem("EMA (average)", "ema")
        self.weights.addItem("Raw (as trained last)", "raw")
        self.step = QComboBox()
        self.start = StartPicture()
        self.knobs: dict[str, QSpinBox | QDoubleSpinBox] = {}
        self._knobs: tuple[Knob, ...] = ()
        self._starts = False  # whether the run begins with a picture
        self._steady: tuple[str, ...] = ()  # samplers without fresh noise, and their evaluations
        self._steady_nfe = 0
        for box, name, says in (
            (self.sampler, "Sampler", "The method that turns noise into pictures"),
            (self.label, "Class", "The class to draw, for a model that learned labels (any)"),
            (self.weights, "Weights", "The moving average of the weights draws better pictures "
                                      "than the weights as they were trained last (EMA)"),
            (self.step, "Checkpoint", "The training step whose weights are drawn from (newest)"),
        ):
            box.setAccessibleName(name)
            box.setToolTip(says)
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(6)
            box.activated.connect(self._edited)
        self._lay_out()
        for spin in (self.nfe, self.eta, self.guidance, self.seed, self.count):
            spin.valueChanged.connect(self._edited)
        self.dice.clicked.connect(self.roll)
        self.start.edited.connect(self._edited)
        self.start.failed.connect(self.failed)
        for child in self.findChildren(QWidget):
            child.installEventFilter(self)

    def _lay_out(self) -> None:
        seed = QHBoxLayout()
        seed.setSpacing(GRID // 2)
        seed.addWidget(self.seed, 1)
        seed.addWidget(self.dice)
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setVerticalSpacing(GRID)
        self._form.setHorizontalSpacing(GRID)
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, field in (
            ("Sampler", self.sampler), ("Evaluations", self.nfe), ("Noise η", self.eta),
            ("Seed", seed), ("Class", self.label), ("Guidance", self.guidance),
            ("Pictures", self.count), ("Weights", self.weights), ("Checkpoint", self.step),
        ):
            self._form.addRow(name, field)
        column = QVBoxLayout(self)
        column.setSpacing(GRID)
        column.addLayout(self._form)
        column.addSpacing(GRID)
        self._start_heading = theme.say(QLabel("Start from a picture"), "heading")
        column.addWidget(self._start_heading)
        column.addWidget(self.start)
        column.addStretch(1)

    # what is shown

    def settings(self) -> DrawSettings:
        """Return the settings now."""
        return self._settings

    def show_run(self, run: Run, keep: bool = False) -> None:
        """Offer what a run has; its own defaults unless the settings are to be kept.

        A picture to start from stays, read anew where the run takes another shape.
        """
        config, asked = run.config, offers(run)
        blockers = [QSignalBlocker(widget) for widget in (
            self.sampler, self.label, self.step, self.nfe, self.count)]
        fill(self.sampler, [(SAMPLER_NAMES.get(name, name), name)
                             for name in config.model.samplers])
        fill(self.label, [("any", None), *(
            (name if name == str(index) else f"{index}: {name}", index)
            for index, name in enumerate(classes(run)))])
        fill(self.step, [("newest", None), *(
            (f"step {step:,}", step) for step in reversed(run.checkpoints))])
        for name in ("sampler", "nfe", "eta", "label", "guidance", "weights"):
            self._form.setRowVisible(getattr(self, name), name in asked)
        low, usual, high = config.model.evaluations
        self.nfe.setRange(low, max(low, high))
        self.nfe.setToolTip(f"Network evaluations (NFE) for each picture, {low:,} to {high:,} "
                            f"({usual:,})")
        self._count_what(config)
        self._offer_knobs(config.model.knobs())
        for widget in (self._start_heading, self.start):
            widget.setVisible("image" in asked)  # else what is chosen waits for another model
        size, channels = config.data.size or 32, config.data.channels or 1
        self._starts = "image" in asked
        if self._starts:
            self._steady, self._steady_nfe = config.model.steady, config.steady_nfe
            self.start.expect(size, channels, config.model.levels, asked & {"mask", "invert"})
        del blockers
        if not keep:
            self._undo, self._redo = [], []
        settings = self._settings if keep else DrawSettings.of(run)
        self._show(replace(settings, image=self.start.image, picture=self.start.path,
                           from_step=self.start.from_step(), mask=self.start.known(),
                           invert=self.start.invert()))

    def _count_what(self, config: RunConfig) -> None:
        """Let the count be of points where a run draws those."""
        what = "Points" if is_points(config) else "Pictures"
        usual = USUAL_POINTS if is_points(config) else config.sample.count
        self.count.setMaximum(most(config))
        self.count.setSingleStep(500 if is_points(config) else 1)
        self.count.setToolTip(f"{what} drawn at once, up to {most(config):,} ({usual:,})")
        self.count.setAccessibleName(what)
        label = self._form.labelForField(self.count)
        assert isinstance(label, QLabel)
        label.setText(what)

    def _offer_knobs(self, knobs: tuple[Knob, ...]) -> None:
        """Make a row for each of a family's further settings, above the count."""
        if knobs == self._knobs:
            return
        for box in self.knobs.values():
            self._form.removeRow(box)
        self._knobs, self.knobs = knobs, {}
        for knob in knobs:
            box = knob_box(knob)
            box.valueChanged.connect(self._edited)
            for part in (box, *box.findChildren(QWidget)):
                part.installEventFilter(self)
            self._form.insertRow(row_of(self._form, self.count), knob.label, box)
            self.knobs[knob.name] = box

    def apply(self, settings: DrawSettings) -> None:
        """Take settings from elsewhere, as one step of undo, and tell them."""
        self._last_field = ""
        self._take(settings, "")

    def choose_step(self, step: int | None) -> None:
        """Take another checkpoint; going through several in a row undoes at once."""
        self._take(replace(self._settings, step=step), "step")

    def roll(self) -> None:
        """Take another seed."""
        self._take(replace(self._settings, seed=random.SystemRandom().randrange(100_000)), "")

    def _show(self, settings: DrawSettings) -> None:
        widgets = (self.sampler, self.label, self.weights, self.step, self.nfe, self.eta,
                   self.guidance, self.seed, self.count, self.start, *self.knobs.values())
        blockers = [QSignalBlocker(widget) for widget in widgets]
        for box, value in ((self.sampler, settings.sampler), (self.label, settings.label),
                           (self.weights, settings.weights), (self.step, settings.step)):
            box.setCurrentIndex(max(0, box.findData(value)))
        for name in ("nfe", "eta", "guidance", "seed", "count"):
            getattr(self, name).setValue(getattr(settings, name))
        for knob in self._knobs:
            field = self.knobs[knob.name]
            set_value(field, settings.knobs.get(knob.name, knob.default))
            means = not knob.needs or (
                self._starts and getattr(settings, knob.needs) is not None)
            self._form.setRowVisible(field, means)
        self.start.show_start(settings.image, settings.picture, settings.from_step, settings.mask,
                              settings.invert)
        del blockers
        self._settings = self._read()
        self.eta.setEnabled(self._settings.sampler == "ddim")

    def _read(self) -> DrawSettings:
        knobs = {knob.name: fitted(knob, round(self.knobs[knob.name].value(), 6))
                 for knob in self._knobs}
        return DrawSettings(
            self.sampler.currentData() or "", self.nfe.value(), round(self.eta.value(), 3),
            self.seed.value(), self.label.currentData(), round(self.guidance.value(), 3),
            self.count.value(), cast(Weights, self.weights.currentData()),
            self.step.currentData(), self.start.image, self.start.from_step(), self.start.path,
            knobs, self.start.known(), self.start.invert())

    # changes and undo

    def _edited(self) -> None:
        sender, settings = self.sender(), self._read()
        if settings.invert and not self._settings.invert and settings.sampler not in self._steady:
            # Fresh noise leads somewhere else than to the picture.
            settings = replace(settings, sampler=self._steady[0], nfe=self._steady_nfe, eta=0.0)
        self._take(settings, str(id(sender)))

    def _take(self, settings: DrawSettings, field: str) -> None:
        """Make settings the present ones; changes of one field in a row undo together."""
        if settings.alike(self._settings):
            return
        if not (field and field == self._last_field and self._undo):
            self._undo = [*self._undo[-_MAX_UNDO:], self._settings]
        self._redo = []
        self._last_field = field
        self._show(settings)
        self.changed.emit(self._settings)

    def undo(self) -> None:
        """Go back one change."""
        self._go(self._undo, self._redo)

    def redo(self) -> None:
        """Take back the last undo."""
        self._go(self._redo, self._undo)

    def _go(self, away: list[DrawSettings], to: list[DrawSettings]) -> None:
        if away:
            to.append(self._settings)
            self._last_field = ""
            self._show(away.pop())
            self.changed.emit(self._settings)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep Ctrl+Z for the settings rather than for a field."""
        if isinstance(watched, QLineEdit | QAbstractSpinBox) and isinstance(event, QKeyEvent):
            is_undo = event.matches(QKeySequence.StandardKey.Undo)
            if event.type() == QEvent.Type.ShortcutOverride and (
                    is_undo or event.matches(QKeySequence.StandardKey.Redo)):
                event.ignore()
                return True
        return super().eventFilter(watched, event)
