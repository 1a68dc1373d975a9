"""What stands where a model has no latent space: why, and which have one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.flow import Flow
from hybridstudio.gui.theme import GRID
from hybridstudio.runs import Run

MOST = 8


class NoSpace(QWidget):
    """A sentence in the middle and models to choose instead; `chosen` tells the run of one."""

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.title = theme.say(QLabel(), "title")
        self.says = theme.say(QLabel(wordWrap=True), "muted")
        self.says.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.offer = theme.say(QLabel("Those that have one:"), "muted")
        self._buttons = QWidget()
        self._row = Flow(self._buttons)
        column = QVBoxLayout(self)
        column.setContentsMargins(4 * GRID, GRID, 4 * GRID, GRID)
        column.setSpacing(GRID)
        middle = Qt.AlignmentFlag.AlignCenter
        column.addStretch(1)
        column.addWidget(self.title, 0, middle)
        column.addWidget(self.says)
        column.addSpacing(GRID)
        column.addWidget(self.offer, 0, middle)
        column.addWidget(self._buttons)
        column.addStretch(1)
        self.tell("", "", ())

    def tell(self, title: str, says: str, others: Sequence[Run]) -> None:
        """Say what is missing, and offer other runs."""
        self.title.setText(title)
        self.says.setText(says)
        self.offer.setVisible(bool(others))
        while (item := self._row.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        for run in others[:MOST]:
            button = QPushButton(run.name)
            button.setStyleSheet("QPushButton { margin: 3px; }")
            button.setToolTip(f"Open the latent space of {run.name}")
            button.clicked.connect(lambda _=False, path=Path(run.path): self.chosen.emit(path))
            self._row.addWidget(button)
