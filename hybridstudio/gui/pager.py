"""The transport under many pictures: one page back, one on, and where this is."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.theme import GRID


class Pager(QWidget):
    """`turned` tells -1 or 1; `pointed` is room for words on what lies under the mouse."""

    turned = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.before = flat("left", "Earlier pictures (Page Up)", lambda: self.turned.emit(-1))
        self.after = flat("right", "Later pictures (Page Down)", lambda: self.turned.emit(1))
        self.place = theme.say(QLabel(), "number")
        self.pointed = theme.say(QLabel(), "muted")
        self.pointed.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.pointed.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID, GRID // 2, GRID, GRID // 2)
        row.setSpacing(GRID // 2)
        for widget in (self.before, self.after, self.place):
            row.addWidget(widget)
        row.addWidget(self.pointed, 1)
        self.show_place(0, 0, 0)

    def show_points(self, shown: int, total: int) -> None:
        """Say how many points of how many are shown: they have no pages."""
        self.place.setText(f"{shown:,} of {total:,} points" if shown < total else
                           f"{total:,} points")
        for button in (self.before, self.after):
            button.hide()

    def show_place(self, offset: int, shown: int, total: int) -> None:
        """Say which of how many are shown: `shown` of them from place `offset`."""
        self.place.setText(
            f"pictures {offset + 1:,}–{offset + shown:,} of {total:,}" if shown else "")
        for button in (self.before, self.after):
            button.show()
        self.before.setEnabled(offset > 0)
        self.after.setEnabled(offset + shown < total)
