"""The row over a drawing's frames: which variables are shown, all pictures or one enlarged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QToolButton, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.buttons import toggle
from hybridstudio.gui.film import ROWS, Row
from hybridstudio.gui.filmview import MATHS, symbol
from hybridstudio.gui.theme import GRID

WORDS: dict[Row, str] = {"x_t": "noisy", "x0": "predicted", "eps": "noise"}


class FilmBar(QWidget):
    """`chosen` tells the rows that are on, at least one; `alone` whether one picture is wanted."""

    chosen = Signal(object)
    alone = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GRID, GRID // 2, GRID, GRID // 2)
        row.setSpacing(GRID // 2)
        self.toggles: dict[Row, QToolButton] = {}
        self._row = QHBoxLayout()
        self._row.setSpacing(GRID // 2)
        row.addLayout(self._row)
        row.addStretch(1)
        self.scale = theme.say(QLabel(), "muted")
        self.scale.setToolTip("How large a pixel is shown; 1:2 where pictures had to be shrunk")
        row.addWidget(self.scale)
        row.addSpacing(GRID)
        self.modes = QButtonGroup(self)
        for index, (words, says) in enumerate((
                ("All pictures", "Show every picture in each row"),
                ("One enlarged", "Show only the chosen picture (double-click, Return)"))):
            button = toggle(words, says, on=index == 0)
            self.modes.addButton(button, index)
            row.addWidget(button)
        self.modes.idClicked.connect(lambda place: self.alone.emit(place == 1))
        theme.changed.connect(self._show_symbols)
        self._offered: tuple[Row, ...] = ()
        self.setMinimumHeight(self.modes.button(0).sizeHint().height() + GRID)
        self.offer(ROWS, has_many=True)

    def offer(self, rows: Sequence[Row], has_many: bool) -> None:
        """Offer these rows, those that were switched off before still so; one needs no choice.

        `has_many` tells whether each row has several pictures, one of which can be enlarged.
        """
        for name in rows:
            if name not in self.toggles:
                says = f"Show or hide {'the ' if name in WORDS else ''}{WORDS.get(name, name)}"
                button = toggle(WORDS.get(name, name), says, on=True)
                button.setToolButtonStyle(theme.BESIDE)
                button.toggled.connect(self._choose)
                self.toggles[name] = button
                self._row.addWidget(button)
        for name, button in self.toggles.items():
            button.setVisible(name in rows and len(rows) > 1)
        for mode in self.modes.buttons():
            mode.setVisible(has_many)
        self._show_symbols()
        if tuple(rows) != self._offered:
            self._offered = tuple(rows)
            self.chosen.emit(self._on() or self._offered[:1])

    def show_alone(self, alone: bool) -> None:
        """Show which mode is on, without telling."""
        self.modes.button(int(alone)).setChecked(True)

    def _on(self) -> tuple[Row, ...]:
        return tuple(name for name in self._offered if self.toggles[name].isChecked())

    def _choose(self) -> None:
        if chosen := self._on():
            self.chosen.emit(chosen)
        else:  # the last one stays on
            cast(QToolButton, self.sender()).setChecked(True)

    def _show_symbols(self) -> None:
        for name, button in self.toggles.items():
            if name in MATHS:
                icon, size = symbol(name, button.devicePixelRatioF())
                button.setIcon(icon)
                button.setIconSize(size)
