"""The form of a drawing's settings beside the canvas, with undo."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Protocol, cast

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

from hybridstudio.config import RunConfig, leaves
from hybridstudio.gui import theme
from hybridstudio.gui.drawing import MOST, DrawSettings, classes
from hybridstudio.gui.fields import ENGLISH
from hybridstudio.gui.startpicture import StartPicture
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Weights
from hybridstudio.runs import Run

SAMPLER_NAMES = {"ancestral": "Ancestral (DDPM)", "ddim": "DDIM", "dpm++2m": "DPM-Solver++ (2M)",
                 "unipc": "UniPC", "heun": "Heun", "euler": "Euler"}
_LEAVES = {leaf.path.removeprefix("sample."): leaf for leaf in leaves(RunConfig)
           if leaf.path.startswith("sample.")}
_MAX_UNDO = 200


class _Range(Protocol):
    """What whole and fractional spin boxes have in common here."""

    def setMinimumHeight(self, high: int) -> None: ...
    def setToolTip(self, text: str) -> None: ...
    def setAccessibleName(self, name: str) -> None: ...
    def setAccessibleDescription(self, text: str) -> None: ...


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
        for name in SAMPLERS:
            self.sampler.addItem(SAMPLER_NAMES.get(name, name), name)
        self.nfe = _whole("nfe", 1, 1000)
        self.nfe.setToolTip("Network evaluations (NFE) for each picture (50)")
        self.nfe.setAccessibleName("Evaluations")
        self.eta = _fraction("eta", 0.0, 1.0, 0.1)
        self.guidance = _fraction("guidance", 0.0, 20.0, 0.5)
        self.seed = _whole("seed", 0, 2**31 - 1)
        self.seed.setToolTip("Where the random numbers begin: the same seed, the same pictures (0)")
        self.seed.setGroupSeparatorShown(False)
        self.dice = QToolButton()
        self.dice.setToolTip("Another seed (Ctrl+R)")
        self.dice.setShortcut("Ctrl+R")
        self.dice.setAccessibleName("Another seed")
        theme.set_icon(self.dice, "dice")
        self.label = QComboBox()
        self.count = _whole("count", 1, MOST)
        self.count.setToolTip(f"Pictures drawn at once, up to {MOST} (16)")
        self.weights = QComboBox()
        self.weights.addItem("EMA (average)", "ema")
        self.weights.addItem("Raw (as trained last)", "raw")
        self.step = QComboBox()
        self.start = StartPicture()
        for widget, name, says in (
            (self.sampler, "Sampler", _LEAVES["sampler"].says + " (DDIM)"),
            (self.label, "Class", "The class to draw, for a model that learned labels (any)"),
            (self.weights, "Weights", "The moving average of the weights draws better pictures "
                                      "than the weights as they were trained last (EMA)"),
            (self.step, "Checkpoint", "The training step whose weights are drawn from (newest)"),
        ):
            widget.setAccessibleName(name)
            widget.setToolTip(says)
            widget.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            widget.setMinimumContentsLength(10)
        self._lay_out()
        for box in (self.sampler, self.label, self.weights, self.step):
            box.activated.connect(self._edited)
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
        column.addWidget(theme.say(QLabel("Start from a picture"), "heading"))
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
        blockers = [QSignalBlocker(widget) for widget in (self.label, self.step, self.nfe)]
        names = classes(run)
        self.label.clear()
        self.label.addItem("any", None)
        for index, name in enumerate(names):
            self.label.addItem(name if name == str(index) else f"{index}: {name}", index)
        for widget in (self.label, self.guidance):
            self._form.setRowVisible(widget, bool(names))
        self._form.setRowVisible(self.weights, not run.shipped)  # those have the average alone
        self.step.clear()
        self.step.addItem("newest", None)
        for step in reversed(run.checkpoints):
            self.step.addItem(f"step {step:,}", step)
        self.nfe.setMaximum(run.config.model.timesteps)
        size, channels = run.config.data.size or 32, run.config.data.channels or 1
        self.start.expect(size, channels, run.config.model.timesteps)
        del blockers
        if not keep:
            self._undo, self._redo = [], []
        settings = self._settings if keep else DrawSettings.of(run)
        self._show(replace(settings, image=self.start.image, picture=self.start.path,
                           from_step=self.start.from_step()))

    def apply(self, settings: DrawSettings) -> None:
        """Take settings from elsewhere, as one step of undo, and tell them."""
        self._last_field = ""
        self._take(settings, "")

    def roll(self) -> None:
        """Take another seed."""
        self._take(replace(self._settings, seed=random.SystemRandom().randrange(100_000)), "")

    def _show(self, settings: DrawSettings) -> None:
        widgets = (self.sampler, self.label, self.weights, self.step, self.nfe, self.eta,
                   self.guidance, self.seed, self.count, self.start)
        blockers = [QSignalBlocker(widget) for widget in widgets]
        for box, value in ((self.sampler, settings.sampler), (self.label, settings.label),
                           (self.weights, settings.weights), (self.step, settings.step)):
            box.setCurrentIndex(max(0, box.findData(value)))
        for name in ("nfe", "eta", "guidance", "seed", "count"):
            getattr(self, name).setValue(getattr(settings, name))
        self.start.show_start(settings.image, settings.picture, settings.from_step)
        del blockers
        self._settings = self._read()
        self.eta.setEnabled(self._settings.sampler == "ddim")

    def _read(self) -> DrawSettings:
        return DrawSettings(
            self.sampler.currentData(), self.nfe.value(), round(self.eta.value(), 3),
            self.seed.value(), self.label.currentData(), round(self.guidance.value(), 3),
            self.count.value(), cast(Weights, self.weights.currentData()),
            self.step.currentData(), self.start.image, self.start.from_step(), self.start.path)

    # changes and undo

    def _edited(self) -> None:
        sender = self.sender()
        self._take(self._read(), str(id(sender)))

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
        """Keep the wheel for the page, and Ctrl+Z for the settings rather than for a field."""
        if event.type() == QEvent.Type.Wheel and isinstance(
                watched, QComboBox | QSpinBox | QDoubleSpinBox) and not watched.hasFocus():
            event.ignore()
            return True
        if isinstance(watched, QLineEdit | QAbstractSpinBox) and isinstance(event, QKeyEvent):
            is_undo = event.matches(QKeySequence.StandardKey.Undo)
            if event.type() == QEvent.Type.ShortcutOverride and (
                    is_undo or event.matches(QKeySequence.StandardKey.Redo)):
                event.ignore()
                return True
        return super().eventFilter(watched, event)


def _whole(name: str, low: int, high: int) -> QSpinBox:
    box = QSpinBox()
    box.setRange(low, high)
    box.setLocale(ENGLISH)
    box.setGroupSeparatorShown(True)
    box.setKeyboardTracking(False)
    _dress(box, name)
    return box


def _fraction(name: str, low: float, high: float, step: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setSingleStep(step)
    box.setDecimals(2)
    box.setLocale(ENGLISH)
    box.setKeyboardTracking(False)
    _dress(box, name)
    return box


def _dress(box: _Range, name: str) -> None:
    box.setMinimumHeight(26)  # as high as the choices beside it
    leaf = _LEAVES[name]
    unit = f", {leaf.unit}" if leaf.unit else ""
    box.setAccessibleName(name)
    box.setToolTip(f"{leaf.says} ({leaf.default}{unit})")
    box.setAccessibleDescription(leaf.says)
