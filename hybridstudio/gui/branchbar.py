"""What is shown of a tree of drawings, and which lines are compared."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.drawfields import fill
from hybridstudio.gui.theme import GRID

SHOWN = {"x_t": "Noisy picture", "x0": "Predicted picture"}


class BranchBar(QWidget):
    """Three choices; `changed` tells what the thumbnails show, `compared` the key of a line."""

    changed = Signal(int, str)  # the picture's place, the row
    compared = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.shown, self.which, self.against = QComboBox(), QComboBox(), QComboBox()
        fill(self.shown, [(words, row) for row, words in SHOWN.items()])
        for box, name, says in (
            (self.shown, "What is shown", "What the thumbnails show: the picture with its noise, "
                                          "or the clean one that the network expects"),
            (self.which, "Picture", "Which of the pictures the thumbnails show"),
            (self.against, "Compared with", "The line that the chosen one is compared with "
                                            "(Ctrl+click on it)")):
            box.setAccessibleName(name)
            box.setToolTip(says)
            box.setMinimumContentsLength(5)
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.which.hide()
        self.shown.currentIndexChanged.connect(self._tell)
        self.which.currentIndexChanged.connect(self._tell)
        self.against.activated.connect(
            lambda _place: self.compared.emit(self.against.currentData()))
        line = QHBoxLayout(self)
        line.setContentsMargins(2 * GRID, GRID // 2, 2 * GRID, GRID // 2)
        line.setSpacing(GRID)
        line.addWidget(self.shown, 2)
        line.addWidget(self.which, 2)
        line.addStretch(1)
        line.addWidget(theme.say(QLabel("Compare with"), "muted"))
        line.addWidget(self.against, 3)
        self._line = line

    def add(self, button: QWidget) -> None:
        """Put a button behind what is shown."""
        self._line.insertWidget(2, button)

    @property
    def row(self) -> str:
        """The row of a frame that is shown."""
        return str(self.shown.currentData())

    def offer_pictures(self, count: int) -> None:
        """Let one of so many pictures be chosen."""
        if self.which.count() != count:
            blocker = QSignalBlocker(self.which)
            fill(self.which, [(f"Picture {place + 1} of {count}", place)
                              for place in range(count)])
            del blocker
            self._tell()
        self.which.setVisible(count > 1)

    def offer_lines(self, lines: Sequence[tuple[str, int]], chosen: int) -> None:
        """Let one of these lines be compared with, by words and key."""
        fill(self.against, list(lines))
        self.against.setCurrentIndex(self.against.findData(chosen))
        self.against.setEnabled(bool(lines))

    def _tell(self) -> None:
        self.changed.emit(max(0, self.which.currentIndex()), self.row)
