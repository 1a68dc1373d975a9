"""A card that tells an error or a notice: what, why, how to mend it, with details to copy."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hybridstudio.errors import StudioError
from hybridstudio.gui import theme
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Notice


class Card(QFrame):
    """Shows one StudioError or Notice where it belongs; it never blocks anything."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._detail, self._level = "", "info"
        self._what = theme.say(QLabel(), "heading")
        self._why = theme.say(QLabel(), "muted")
        self._fix = QLabel()
        for label in (self._what, self._why, self._fix):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)  # file names are no markup
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy = QPushButton("Copy details")
        self.copy.clicked.connect(self._copied)
        self._act: Callable[[], object] = self.hide
        self.action = QPushButton()
        self.action.clicked.connect(self._acted)
        close = QToolButton()
        close.setAutoRaise(True)
        close.setAccessibleName("Close this message")
        close.setToolTip("Close this message")
        theme.set_icon(close, "close")
        close.clicked.connect(self.hide)
        words = QVBoxLayout()
        words.setSpacing(GRID // 4)
        for label in (self._what, self._why, self._fix):
            words.addWidget(label)
        row = QHBoxLayout(self)
        row.setContentsMargins(3 * GRID, GRID + GRID // 2, 2 * GRID, GRID + GRID // 2)
        row.setSpacing(GRID)
        row.addLayout(words, 1)
        row.addWidget(self.action, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)

    @property
    def text(self) -> str:
        """All that the card tells, as "Copy details" puts it on the clipboard."""
        parts = (self._what.text(), self._why.text(), self._fix.text(), self._detail)
        return "\n".join(part for part in parts if part)

    def tell(self, told: StudioError | Notice,
             action: tuple[str, Callable[[], object]] | None = None) -> None:
        """Show what happened, why and how to mend it; `action` is a button's text and its work."""
        level = told.level if isinstance(told, Notice) else "error"
        self._detail = told.detail if isinstance(told, StudioError) else ""
        for label, text in ((self._what, told.what), (self._why, told.why), (self._fix, told.fix)):
            label.setText(text[:1].upper() + text[1:])
            label.setVisible(bool(text))
        self.copy.setText("Copy details")
        self.copy.setVisible(level == "error")
        self.action.setVisible(action is not None)
        if action is not None:
            self._act = action[1]
            self.action.setText(action[0])
        self._level = level
        self.update()
        self.setAccessibleName(f"{level}: {told.what}")
        self.show()

    def pass_by(self) -> None:
        """Hide what was only told of work that is over now; a warning stays."""
        if self._level == "info":
            self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw a raised ground with a stripe that tells how serious it is."""
        colours = theme.palette()
        stripe = {"warning": colours.warn, "error": colours.bad}.get(self._level, colours.accent)
        place = self.rect().adjusted(GRID, GRID // 2, -GRID, -GRID // 2)
        with QPainter(self) as painter:
            painter.fillRect(place, QColor(colours.raised))
            painter.setPen(QColor(colours.line))
            painter.drawRect(place.adjusted(0, 0, -1, -1))
            painter.fillRect(place.adjusted(0, 0, 3 - place.width(), 0), QColor(stripe))

    def _acted(self) -> None:
        self.hide()
        self._act()

    def _copied(self) -> None:
        QGuiApplication.clipboard().setText(self.text)
        self.copy.setText("Copied")
