"""The log drawer: everything that was told, newest at the bottom, to read and to copy."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import Signal
from PySide6.QtGui import QColor, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from hybridstudio.errors import StudioError
from hybridstudio.gui import theme
from hybridstudio.messages import Notice

LINES = 2000


class Log(QPlainTextEdit):
    """A list of what happened, with the time; `grew` tells how many lines are worth a look."""

    grew = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("log")
        self.setReadOnly(True)
        self.setMaximumBlockCount(LINES)
        self.setAccessibleName("Log")
        self.setPlaceholderText("What happens is told here.")
        self.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self.unread = 0

    def add(self, told: Notice | StudioError | str, about: str = "") -> None:
        """Append one thing that happened; `about` says to what."""
        level = "info"
        if isinstance(told, StudioError):
            level = "error"
        elif isinstance(told, Notice):
            level = told.level
        parts = [told] if isinstance(told, str) else [told.what, told.why, told.fix]
        text = "; ".join(part.replace("\n", ", ") for part in parts if part)
        colours = theme.palette()
        colour = {"warning": colours.warn, "error": colours.bad}.get(level, colours.text)
        self._append(f"{datetime.now():%H:%M:%S}  ", colours.muted, new_line=True)
        self._append((f"{about}: " if about else "") + text, colour)
        if level != "info" and not self.isVisible():
            self.unread += 1
            self.grew.emit(self.unread)

    def seen(self) -> None:
        """Count from zero again."""
        self.unread = 0
        self.grew.emit(0)

    def _append(self, text: str, colour: str, new_line: bool = False) -> None:
        bar = self.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 4
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        if new_line and not self.document().isEmpty():
            cursor.insertBlock()
        look = QTextCharFormat()
        look.setForeground(QColor(colour))
        cursor.insertText(text, look)
        if at_end:
            bar.setValue(bar.maximum())
