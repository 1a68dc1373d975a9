"""The inspector of a race: who takes part, which seed, how many pictures."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import runs
from hybridstudio.errors import StudioError
from hybridstudio.gui import theme
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.drawfields import fill, whole
from hybridstudio.gui.drawform import SAMPLER_NAMES
from hybridstudio.gui.runcolours import dot
from hybridstudio.gui.theme import GRID
from hybridstudio.runs import Run
from hybridstudio.ways import Way

MOST = 8  # ways in one race
COUNT = 8  # pictures of each
PRESETS = {"samplers": "All samplers of this model", "families": "Diffusion, hybrid, DDGAN, GAN"}


class RaceForm(QWidget):
    """Holds the ways that race; `changed` tells that they are others, `failed` a StudioError.

    `preset` tells that one of the races that lie ready is asked for, by its name.
    """

    changed = Signal()
    failed = Signal(object)
    preset = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._ways: list[Way] = []
        self.list = QListWidget()
        self.list.setAccessibleName("Who takes part")
        self.list.setIconSize(QSize(10, 10))
        self.list.setMinimumHeight(150)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.currentRowChanged.connect(self._show_state)
        self.remove = flat("trash", "Take the chosen way out of the race", self._remove)
        self.run, self.sampler = QComboBox(), QComboBox()
        for box, name, says in ((self.run, "Model", "A model that ships, or a run of yours"),
                                (self.sampler, "Sampler", "How it draws")):
            box.setAccessibleName(name)
            box.setToolTip(says)
            box.setMinimumContentsLength(8)
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.nfe, self.seed, self.count = (
            whole("nfe", 1, 1000), whole("seed", 0, 2**31 - 1), whole("count", 1, 64))
        self.nfe.setAccessibleName("Evaluations")
        self.seed.setGroupSeparatorShown(False)
        self.count.setValue(COUNT)
        self.dice = flat("dice", "Another seed (Ctrl+R)", self.roll)
        self.dice.setShortcut("Ctrl+R")
        self.add_button = QPushButton("Add to the race")
        self.add_button.setToolTip(f"Add this way of drawing; up to {MOST} take part")
        self.add_button.clicked.connect(self._add)
        self.run.activated.connect(lambda _place: self._show_run())
        theme.changed.connect(self._fill)  # the dots are pictures in its colours
        self._lay_out()
        self._show_state()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(theme.say(QLabel("Who takes part"), "heading"), 1)
        head.addWidget(self.remove)
        seed = QHBoxLayout()
        seed.setSpacing(GRID // 2)
        seed.addWidget(self.seed, 1)
        seed.addWidget(self.dice)
        same, more = QFormLayout(), QFormLayout()
        for form, rows in ((same, (("Seed", seed), ("Pictures", self.count))),
                           (more, (("Model", self.run), ("Sampler", self.sampler),
                                   ("Evaluations", self.nfe)))):
            form.setVerticalSpacing(GRID // 2)
            form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
            for words, field in rows:
                form.addRow(words, field)
        column = QVBoxLayout(self)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addWidget(self.list)
        for name, words in PRESETS.items():
            button = QPushButton(words)
            button.clicked.connect(lambda _on=False, name=name: self.preset.emit(name))
            column.addWidget(button)
        column.addSpacing(GRID)
        column.addLayout(same)
        column.addSpacing(GRID)
        column.addWidget(theme.say(QLabel("One more"), "heading"))
        column.addLayout(more)
        column.addWidget(self.add_button)
        column.addStretch(1)

    # --- who takes part ---------------------------------------------------------------------------

    def ways(self) -> tuple[Way, ...]:
        """Return who takes part."""
        return tuple(self._ways)

    def set_ways(self, ways: Sequence[Way]) -> None:
        """Let these take part and no others, the first eight of them."""
        self._ways = list(dict.fromkeys(ways))[:MOST]
        self._fill()
        self.changed.emit()

    def roll(self) -> None:
        """Take another seed."""
        self.seed.setValue(random.SystemRandom().randrange(100_000))

    def _add(self) -> None:
        path = self.run.currentData()
        if path is not None:
            way = Way(path, self.sampler.currentData(), self.nfe.value())
            self.set_ways([*self._ways, way])

    def _remove(self) -> None:
        row = self.list.currentRow()
        if row >= 0:
            self.set_ways([way for place, way in enumerate(self._ways) if place != row])

    def _fill(self) -> None:
        row = self.list.currentRow()
        self.list.clear()
        for place, way in enumerate(self._ways):
            item = QListWidgetItem(dot(place % (len(theme.palette().series) - 1)), told(way))
            item.setToolTip(f"{told(way)}\n{way.run}")
            self.list.addItem(item)
        self.list.setCurrentRow(min(row, len(self._ways) - 1))
        self._show_state()

    # --- what may be added ------------------------------------------------------------------------

    def offer(self, paths: Sequence[Path]) -> None:
        """Offer runs to add; the one that was chosen before stays."""
        before = self.run.currentData()
        if [self.run.itemData(place) for place in range(self.run.count())] == [
                str(path) for path in paths]:
            return
        fill(self.run, [(path.name, str(path)) for path in paths])
        if (place := self.run.findData(before)) >= 0:
            self.run.setCurrentIndex(place)
        else:
            self.choose_run(None)

    def choose_run(self, path: Path | None) -> None:
        """Offer a run's ways of drawing to add, the first run's where it is not there."""
        self.run.setCurrentIndex(max(0, self.run.findData(str(path))))
        self._show_run()

    def _show_run(self) -> None:
        """Offer how the run draws."""
        run = self._read()
        self.sampler.clear()
        if run is not None:
            model = run.config.model
            fill(self.sampler, [(SAMPLER_NAMES.get(name, name), name) for name in model.samplers])
            self.sampler.setCurrentIndex(max(0, self.sampler.findData(run.config.sampler)))
            low, _, high = model.evaluations
            self.nfe.setRange(low, max(low, high))
            self.nfe.setValue(run.config.nfe)
            self.nfe.setEnabled(low < high)
        self._show_state()

    def _read(self) -> Run | None:
        path = self.run.currentData()
        try:
            return runs.read(Path(path)) if path else None
        except StudioError as error:
            self.failed.emit(error)
            return None

    def _show_state(self) -> None:
        self.remove.setEnabled(self.list.currentRow() >= 0)
        self.add_button.setEnabled(self.sampler.count() > 0 and len(self._ways) < MOST)
        self.sampler.setEnabled(self.sampler.count() > 1)


def told(way: Way) -> str:
    """Tell a way in words: ddpm-mnist · DDIM · 20."""
    sampler = SAMPLER_NAMES.get(way.sampler or "", way.sampler)
    words = [Path(way.run).name, sampler if sampler != "One pass" else "one pass"]
    if way.nfe is not None and way.nfe > 1:
        words.append(str(way.nfe))
    return " · ".join(word for word in words if word)


