"""A page for when there is nothing to show: what is missing, and what to do about it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.theme import GRID


class Nothing(QWidget):
    """A title, a sentence and a button in the middle; `clicked` tells that the button was."""

    clicked = Signal()

    def __init__(self, action: str, icon: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = theme.say(QLabel(), "title")
        self._says = theme.say(QLabel(wordWrap=True), "muted")
        self._says.setTextFormat(Qt.TextFormat.PlainText)
        self._says.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.button = QPushButton(action)
        self.button.setProperty("primary", True)
        theme.set_icon(self.button, icon)
        self.button.clicked.connect(self.clicked)
        middle = Qt.AlignmentFlag.AlignCenter
        column = QVBoxLayout(self)
        column.setContentsMargins(4 * GRID, GRID, 4 * GRID, GRID)
        column.setSpacing(GRID)
        column.addStretch(1)
        column.addWidget(self._title, 0, middle)
        column.addWidget(self._says)
        column.addSpacing(GRID)
        column.addWidget(self.button, 0, middle)
        column.addStretch(1)

    def tell(self, title: str, says: str, offers: bool) -> None:
        """Say what is missing; `offers` shows the button."""
        self._title.setText(title)
        self._says.setText(says)
        self.button.setVisible(offers)

    def told(self) -> str:
        """Return the words as they are shown."""
        return f"{self._title.text()}. {self._says.text()}"
