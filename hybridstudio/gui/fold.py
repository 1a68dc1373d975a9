"""A part of an inspector under a heading that folds it away."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QScrollArea, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.theme import GRID


class Fold(QWidget):
    """A heading to click, and what it shows or hides."""

    def __init__(self, title: str, content: QWidget, says: str, is_open: bool = True) -> None:
        super().__init__()
        self.content = content
        self.heading = QToolButton()
        self.heading.setText(title)
        self.heading.setFont(theme.font(1.0, bold=True))
        self.heading.setToolTip(says)
        self.heading.setAccessibleName(f"{title}: show or hide")
        self.heading.setToolButtonStyle(theme.BESIDE)
        self.heading.setAutoRaise(True)
        self.heading.setCheckable(True)
        self.heading.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.heading.setStyleSheet("QToolButton:checked { background: transparent; }"
                                   "QToolButton { padding: 2px; }")
        self.heading.toggled.connect(self._show)
        self.heading.clicked.connect(lambda on: reveal(self) if on else None)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(self.heading, 0, Qt.AlignmentFlag.AlignTop)
        column.addWidget(content)
        self.heading.setChecked(is_open)
        self._show(is_open)

    @property
    def is_open(self) -> bool:
        """Whether its content shows."""
        return self.heading.isChecked()

    def open(self, on: bool = True) -> None:
        """Show its content, or hide it."""
        self.heading.setChecked(on)

    def _show(self, on: bool) -> None:
        self.content.setVisible(on)
        theme.set_icon(self.heading, "down" if on else "right")


def reveal(widget: QWidget) -> None:
    """Scroll so far that all of a widget is seen, once there is room for what it shows now."""
    def scroll() -> None:
        above = widget.parentWidget()
        while above is not None and not isinstance(above, QScrollArea):
            above = above.parentWidget()
        if above is not None:
            above.ensureWidgetVisible(widget, 0, GRID)

    QTimer.singleShot(0, widget, scroll)
