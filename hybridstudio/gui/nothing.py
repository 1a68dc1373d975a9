"""A page for when there is nothing to show: what is missing, and what to do about it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.theme import GRID

_PARTS = 1000  # of the bar


class Nothing(QWidget):
    """A title, a sentence and a button in the middle, or a bar and Cancel while work is on its way.

    `clicked` tells that the button was, `cancelled` that Cancel was.
    """

    clicked = Signal()
    cancelled = Signal()

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
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(40 * GRID)
        self.bar.setAccessibleName("Progress")
        self.cancel = QPushButton("Cancel")
        self.cancel.clicked.connect(self.cancelled)
        middle = Qt.AlignmentFlag.AlignCenter
        column = QVBoxLayout(self)
        column.setContentsMargins(4 * GRID, GRID, 4 * GRID, GRID)
        column.setSpacing(GRID)
        column.addStretch(1)
        column.addWidget(self._title, 0, middle)
        column.addWidget(self._says)
        column.addSpacing(GRID)
        for widget in (self.button, self.bar, self.cancel):
            column.addWidget(widget, 0, middle)
        column.addStretch(1)

    def tell(self, title: str, says: str) -> None:
        """Say what is missing, and offer the button."""
        self._show(title, says, is_waiting=False)

    def wait(self, title: str, says: str, share: float | None = None) -> None:
        """Say what is on its way, and how far: a share of 1, or None where that is not known."""
        self.bar.setRange(0, 0 if share is None else _PARTS)
        if share is not None:
            self.bar.setValue(round(_PARTS * min(1.0, share)))
        self._show(title, says, is_waiting=True)

    def told(self) -> str:
        """Return the words as they are shown."""
        return f"{self._title.text()}. {self._says.text()}"

    def _show(self, title: str, says: str, is_waiting: bool) -> None:
        self._title.setText(title)
        self._says.setText(says)
        self.button.setVisible(not is_waiting)
        self.bar.setVisible(is_waiting)
        self.cancel.setVisible(is_waiting)
