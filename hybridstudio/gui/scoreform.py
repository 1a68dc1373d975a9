"""What is scored, against what, in which features and by which measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import standing
from hybridstudio.config import RunConfig
from hybridstudio.config.known import KNOWN
from hybridstudio.gui import theme
from hybridstudio.gui.askfile import ask_file
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.drawform import SAMPLER_NAMES
from hybridstudio.gui.fields import ENGLISH
from hybridstudio.gui.movingform import slim
from hybridstudio.gui.spin import SpinBox
from hybridstudio.gui.sweepform import count_box
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Score
from hybridstudio.runs import Run

METRICS = {  # what each tells, in the order in which they are offered
    "fid": ("Fréchet distance", "How far the pictures are from the data; FID with Inception"),
    "kid": ("Kernel distance", "The same by another measure, without bias for small N"),
    "prdc": ("Precision, recall, coverage", "How typical and how various the pictures are"),
    "is": ("Inception score", "How sure and how various the classes are"),
    "classes": ("Classes", "How often each class is drawn"),
    "modes": ("Modes", "Which modes of data with known ones are found"),
    "memory": ("Copies", "Whether training pictures are copied; takes long"),
}
FEATURES = {"What fits the data": None, "digits-net": "digits-net", "Pixels": "pixels",
            "Points": "points", "Inception (FID)": "inception"}
SPLITS = {"Usual part": None, "Test part": "test", "Training part": "train", "All": "all"}


class ScoreForm(QWidget):
    """The settings of a scoring; `changed` tells new ones, `sourced` another source."""

    changed = Signal()
    sourced = Signal(object)  # a file or a folder, or None for the chosen run

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._file: Path | None = None
        self.source = QLabel(wordWrap=True)
        self.source.setAccessibleName("What is scored")
        self.data = self._box("Data set to compare with")
        self.data.setEditable(True)
        self.features = self._box("Feature network")
        self.split = self._box("Part of the data")
        self.sampler = self._box("Sampler")
        self.step = self._box("Checkpoint")
        self.count = count_box(Score.count)
        self.nfe, self.seed = SpinBox(), SpinBox()
        for words, name in FEATURES.items():
            self.features.addItem(words, name)
        for words, name in SPLITS.items():
            self.split.addItem(words, name)
        for box, low, high, name in ((self.nfe, 1, 1000, "Evaluations"),
                                     (self.seed, 0, 2**31 - 1, "Seed")):
            box.setRange(low, high)
            box.setLocale(ENGLISH)
            box.setMinimumHeight(26)
            box.setKeyboardTracking(False)
            box.setAccessibleName(name)
            box.valueChanged.connect(self.changed)
        self.count.valueChanged.connect(self.changed)
        self.metrics = {name: QCheckBox(words) for name, (words, _) in METRICS.items()}
        for name, check in self.metrics.items():
            check.setToolTip(METRICS[name][1])
            check.setChecked(name != "memory")
            check.toggled.connect(self.changed)
        self.says = theme.say(QLabel(wordWrap=True), "muted")
        self._lay_out()

    def _box(self, name: str) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(name)
        slim(box)
        box.currentIndexChanged.connect(self.changed)
        box.editTextChanged.connect(self.changed)
        return box

    def _lay_out(self) -> None:
        self.pick_file = flat("image", "Score an array (.npy) or an archive of pictures",
                              self._ask_file)
        self.pick_folder = flat("folder", "Score a folder of pictures", self._ask_folder)
        self.back = QPushButton("Back to the run")
        self.back.clicked.connect(lambda: self.show_file(None))
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self.source, 1)
        row.addWidget(self.pick_file)
        row.addWidget(self.pick_folder)
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setSpacing(GRID)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, field in (("Data", self.data), ("Features", self.features),
                            ("Part", self.split), ("Pictures N", self.count),
                            ("Sampler", self.sampler), ("Evaluations", self.nfe),
                            ("Checkpoint", self.step), ("Seed", self.seed)):
            self._form.addRow(name, field)
        checks = QGridLayout()
        checks.setVerticalSpacing(GRID // 2)
        for place, check in enumerate(self.metrics.values()):
            checks.addWidget(check, place, 0)
        column = QVBoxLayout(self)
        column.setSpacing(GRID)
        column.addWidget(theme.say(QLabel("What is scored"), "heading"))
        column.addLayout(row)
        column.addWidget(self.back)
        column.addLayout(self._form)
        column.addWidget(theme.say(QLabel("Measures"), "heading"))
        column.addLayout(checks)
        column.addWidget(self.says)
        column.addStretch(1)
        self._show_source()

    # --- what is shown ----------------------------------------------------------------------------

    @property
    def file(self) -> Path | None:
        """The file or folder that is scored in place of a run."""
        return self._file

    def show_run(self, run: Run | None, judges: Mapping[Path, RunConfig] | None = None) -> None:
        """Offer a run, and the classifiers `judges` as feature networks."""
        is_other = run is None or self._run is None or run.path != self._run.path
        had = self._run.checkpoints if self._run is not None else ()
        self._run = run
        with QSignalBlocker(self.features):
            for place in reversed(range(len(FEATURES), self.features.count())):
                self.features.removeItem(place)
            for path, config in (judges or {}).items():
                self.features.addItem(f"{path.name} ({config.data.name})", f"run:{path}")
        if run is not None and (is_other or had != run.checkpoints):
            self._offer(run, keep=not is_other)
        self._show_source()
        self.changed.emit()

    def show_file(self, file: Path | None) -> None:
        """Score a file or a folder in place of the run; None goes back."""
        self._file = file
        self._show_source()
        self.sourced.emit(file)
        self.changed.emit()

    def request(self) -> Score | None:
        """Return the scoring as it stands; None while there is nothing to score."""
        metrics = tuple(name for name, check in self.metrics.items() if check.isChecked())
        usual = tuple(name for name in METRICS if name != "memory")
        data = self.data.currentText().strip()
        common = Score(Path(), count=self.count.value(), features=self.features.currentData(),
                       metrics=None if metrics == usual else metrics,
                       split=self.split.currentData(), seed=self.seed.value())
        if not metrics:
            return None
        if self._file is not None:
            return replace(common, source=self._file, data=data) if data else None
        run = self._run
        if run is None or not (run.checkpoints or run.state == "training"):
            return None
        config, sampler = run.config, self.sampler.currentData()
        return replace(
            common, source=run.path, data=data if data not in ("", config.data.name) else None,
            sampler=None if sampler == config.sampler else sampler,
            nfe=None if self.nfe.value() == config.nfe else self.nfe.value(),
            step=self.step.currentData())

    def _offer(self, run: Run, keep: bool) -> None:
        config = run.config
        low, _, high = config.model.evaluations
        blockers = [QSignalBlocker(box) for box in (self.data, self.sampler, self.step, self.nfe)]
        before = self.step.currentData()
        self.step.clear()
        self.step.addItem("newest", None)
        if run.best is not None:
            self.step.addItem("best", "best")
        for step in reversed(run.checkpoints):
            self.step.addItem(f"step {step:,}", step)
        if keep:
            self.step.setCurrentIndex(max(0, self.step.findData(before)))
            return
        self.data.clear()
        self.data.addItems(list(dict.fromkeys((config.data.name, *KNOWN))))
        self.sampler.clear()
        for name in config.model.samplers:
            self.sampler.addItem(SAMPLER_NAMES.get(name, name), name)
        self.sampler.setCurrentIndex(max(0, self.sampler.findData(config.sampler)))
        self.nfe.setRange(low, max(low, high))
        self.nfe.setValue(config.nfe)
        del blockers

    def _show_source(self) -> None:
        run, file = self._run, self._file
        self.source.setText(file.name if file is not None else run.name if run is not None
                            else "Choose a run in the library, or drop a folder or .npy here")
        self.source.setToolTip(str(file or (run.path if run is not None else "")))
        self.back.setVisible(file is not None and run is not None)
        if file is not None and self.data.count() == 0:
            self.data.addItems(list(KNOWN))
        is_run = file is None and run is not None
        low, _, high = run.config.model.evaluations if run is not None else (1, 1, 1)
        self._form.setRowVisible(self.sampler, is_run and self.sampler.count() > 1)
        self._form.setRowVisible(self.nfe, is_run and low < high)
        self._form.setRowVisible(self.step, is_run and self.step.count() > 2)
        self._form.setRowVisible(self.seed, is_run)

    def tell_time(self, words: str) -> None:
        """Say how long it takes."""
        self.says.setText(words)
        self.says.setVisible(bool(words))

    def _ask_file(self) -> None:
        ask_file(self, "What to score", self.show_file,
                 kinds=["Arrays and archives (*.npy *.zip)"])

    def _ask_folder(self) -> None:
        ask_file(self, "A folder of pictures to score", self.show_file, folder=True)


def expected(run: Run, asked: Score, dots: list[standing.Dot]) -> float | None:
    """Return about how many seconds a scoring of a run takes, None where that is not known."""
    way = standing.way_of(run, {"sampler": asked.sampler, "nfe": asked.nfe})
    return standing.seconds(dots, way, asked.count)
