"""What to score for a curve: along which setting, with how many pictures, how long it takes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import standing
from hybridstudio.gui import theme
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.fields import ENGLISH
from hybridstudio.gui.movingform import slim
from hybridstudio.gui.spin import SpinBox
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Score
from hybridstudio.runs import Run
from hybridstudio.standing import Board, Dot, Way
from hybridstudio.telling import duration, number

FEWEST, MOST = 100, 50_000


def count_box(count: int) -> QSpinBox:
    """Make the field of how many pictures are scored."""
    box = SpinBox()
    box.setRange(FEWEST, MOST)
    box.setSingleStep(500)
    box.setLocale(ENGLISH)
    box.setGroupSeparatorShown(True)
    box.setKeyboardTracking(False)
    box.setValue(count)
    box.setMinimumHeight(26)
    box.setAccessibleName("Pictures to score")
    box.setToolTip("N: how many pictures each score is of; only scores of one N compare "
                   f"({Score.count:,})")
    return box


class SweepForm(QWidget):
    """Chooses a sweep of one run; `wanted` asks for it, `copied` for its command line."""

    wanted = Signal()
    copied = Signal()
    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._way: Way | None = None
        self._board: Board | None = None
        self._dots: Sequence[Dot] = ()
        self.axis = QComboBox()
        self.axis.setAccessibleName("Sweep over")
        self.axis.setToolTip("The setting along which the run is scored, all others as above")
        slim(self.axis)
        self.axis.activated.connect(self._tell)
        self.count = count_box(Score.count)
        self.count.valueChanged.connect(self._tell)
        self.count.valueChanged.connect(self.changed)
        self.again = QComboBox()
        self.again.addItem("those not measured here", False)
        self.again.addItem("all anew", True)
        self.again.setAccessibleName("Which settings")
        slim(self.again)
        self.again.activated.connect(self._tell)
        self.says = theme.say(QLabel(wordWrap=True), "muted")
        self.button = QPushButton("Sweep")
        self.button.clicked.connect(self.wanted)
        self.copy = flat("copy", "Copy the command line that sweeps the same", self.copied.emit)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(GRID)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Sweep over", self.axis)
        form.addRow("Pictures N", self.count)
        form.addRow("Score", self.again)
        row = QHBoxLayout()
        row.addWidget(self.button, 1)
        row.addWidget(self.copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(theme.say(QLabel("Fill the curve"), "heading"))
        column.addLayout(form)
        column.addWidget(self.says)
        column.addLayout(row)

    def show_run(self, run: Run, way: Way, board: Board | None, dots: Sequence[Dot]) -> None:
        """Offer the sweeps of a run from a way; `dots` are all that is known of it."""
        if self._run is None or run.path != self._run.path:
            self.axis.clear()
            for name, words in standing.axes(run).items():
                self.axis.addItem(words, name)
        if board is not None and not board.is_published and board is not self._board:
            with QSignalBlocker(self.count):
                self.count.setValue(board.ground.n)
        self._run, self._way, self._board, self._dots = run, way, board, dots
        self.setVisible(self.axis.count() > 0)
        self._tell()

    def ways(self) -> list[Way]:
        """Return the ways that a sweep would score now."""
        if self._run is None or self._way is None or self.axis.count() == 0:
            return []
        planned = standing.plan(self._run, self._way, self.axis.currentData())
        if self.again.currentData():
            return planned
        known = {dot.way for dot in self._dots if dot.distance is not None
                 and dot.ground.n == self.count.value()
                 and (dot.machine is None or not dot.machine.by)
                 and (self._board is None or self._board.ground == dot.ground)}
        return [way for way in planned if way not in known]

    def seconds(self) -> list[float | None]:
        """Return how long each is expected to take, None where that is not known."""
        return [standing.seconds(self._dots, way, self.count.value()) for way in self.ways()]

    def _tell(self) -> None:
        ways, name = self.ways(), self.axis.currentData()
        if not ways:
            self.says.setText("All of these are measured.")
        else:
            values = ", ".join(way.sampler if name == "sampler" else
                               number(way.coordinates()[name]) for way in ways)
            took = self.seconds()
            known = [each for each in took if each is not None]
            about = f"About {duration(sum(known))}." if len(known) == len(took) else (
                "How long that takes is known after the first.")
            self.says.setText(f"{values}. {about}{self._warning()}")
        self.button.setEnabled(bool(ways))

    def _warning(self) -> str:
        board, count = self._board, self.count.value()
        if board is None or board.is_published or board.ground.n == count:
            return ""
        return f" N = {count:,} does not compare with N = {board.ground.n:,}: another table."
