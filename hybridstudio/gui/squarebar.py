"""The row over a grid between corners: where it is zoomed to, how the way goes, how many cells."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.buttons import flat, toggle
from hybridstudio.gui.latentstate import SIDES, Square
from hybridstudio.gui.spin import SpinBox
from hybridstudio.gui.theme import GRID

MOST_CRUMBS = 4


class SquareBar(QWidget):
    """`sized` tells cells a side, `straight` whether ways are straight, `level` how many zooms
    stay, `rolled` that all corners want other seeds, `reset` that everything begins anew."""

    sized = Signal(int)
    straight = Signal(bool)
    level = Signal(int)
    rolled = Signal()
    reset = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._crumbs = QHBoxLayout()
        self._crumbs.setSpacing(0)
        self.side = SpinBox()
        self.side.setRange(SIDES[0], SIDES[2])
        self.side.setAccessibleName("Cells a side")
        self.side.setToolTip(f"Cells a side, {SIDES[0]} to {SIDES[2]} ({SIDES[1]})")
        self.side.setKeyboardTracking(False)
        self.side.valueChanged.connect(self.sized)
        self.ways = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID, GRID // 2, GRID, GRID // 2)
        row.setSpacing(GRID // 2)
        row.addLayout(self._crumbs)
        row.addStretch(1)
        self._ways: list[QWidget] = []
        for place, (words, says) in enumerate((
                ("Slerp", "Go along the sphere that codes lie on: their length stays"),
                ("Straight", "Go straight from code to code: the middle is shorter"))):
            button = toggle(words, says, on=place == 0)
            self.ways.addButton(button, place)
            self._ways.append(button)
            row.addWidget(button)
        self.ways.idClicked.connect(lambda place: self.straight.emit(place == 1))
        row.addSpacing(GRID)
        row.addWidget(theme.say(QLabel("Side"), "muted"))
        row.addWidget(self.side)
        row.addWidget(flat("dice", "Other seeds for all corners", self.rolled.emit, key="Ctrl+R"))
        row.addWidget(flat("undo", "Begin anew: the first seeds, no zoom, no direction",
                           self.reset.emit))
        self._shown: tuple[str, ...] = ()

    def show_square(self, square: Square, has_sphere: bool) -> None:
        """Show how a square is drawn, without telling."""
        with QSignalBlocker(self.side):
            self.side.setValue(square.side)
        self.ways.button(int(square.linear)).setChecked(True)
        for button in self._ways:
            button.setVisible(has_sphere)
        words = ("Whole", *(f"×{1 / max(w[2] - w[0], w[3] - w[1]):,.3g}" for w in square.windows))
        if words != self._shown:
            self._shown = words
            self._show_crumbs(words)

    def _show_crumbs(self, words: tuple[str, ...]) -> None:
        while (item := self._crumbs.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        places = list(range(len(words)))
        if len(places) > MOST_CRUMBS:
            places = [0, *places[1 - MOST_CRUMBS:]]
        for place in places:
            button = toggle(words[place], "Back to the whole square" if place == 0 else
                            f"Back to the part shown at {words[place]}",
                            on=place == len(words) - 1)
            button.clicked.connect(lambda _=False, place=place: self.level.emit(place))
            self._crumbs.addWidget(button)
