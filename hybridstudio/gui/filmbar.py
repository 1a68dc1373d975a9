"""The row over a drawing's frames: which variables are shown and how, all pictures or one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from hybridstudio.frames import CHANGE, DIFFERENCE, NOISE, ROWS, USUAL_RANGES, Range, Row
from hybridstudio.gui import theme
from hybridstudio.gui.buttons import toggle
from hybridstudio.gui.filmlayout import MATHS, symbol
from hybridstudio.gui.flow import Flow
from hybridstudio.gui.theme import GRID

WORDS: dict[Row, str] = {"x_t": "noisy", "x0": "predicted", "eps": "noise", NOISE: "added",
                         DIFFERENCE: "error", CHANGE: "change"}
SAYS: dict[Row, str] = {
    "x_t": "the noisy picture", "x0": "the clean picture that is predicted from it",
    "eps": "the noise that is predicted in it", NOISE: "the noise that was added to your picture",
    DIFFERENCE: "how far the predicted noise is from the noise that was added",
    CHANGE: "how far the predicted clean picture has changed since the step before"}
ON_DEMAND = (NOISE, DIFFERENCE, CHANGE)  # are off until they are asked for
NARROW = 600  # points
RANGES: dict[Range, str] = {"as is": "As it is", "fixed": "−1 to 1", "auto": "All that it has"}


class FilmBar(QWidget):
    """`chosen` tells the rows that are on, at least one; `alone` whether one picture is wanted.

    `ranged` tells the range of values in which each row is wanted, `factual` whether statistics
    are.
    """

    chosen = Signal(object)
    alone = Signal(bool)
    ranged = Signal(object)
    factual = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.toggles: dict[Row, QToolButton] = {}
        self.ranges: dict[Row, Range] = dict(USUAL_RANGES)
        self._offered: tuple[Row, ...] = ()
        self._is_narrow = False
        self._rows = QWidget()
        self._row = Flow(self._rows)
        self._row.setSpacing(GRID // 4)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self._rows.setSizePolicy(policy)
        self.range = QToolButton()
        self.range.setText("Range")
        self.range.setToolTip("The values that black and white stand for, row by row (as it is)")
        self.range.setAccessibleName("Range of values")
        self.range.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self)
        self.range.setMenu(self._menu)
        self.facts = toggle("Statistics", "Mean, standard deviation, least and most of each row")
        self.facts.toggled.connect(self.factual)
        self.scale = theme.say(QLabel(), "muted")
        self.scale.setToolTip("How large a pixel is shown; 1:2 where pictures had to be shrunk. "
                              "One picture is enlarged with + and −, or Ctrl and the wheel, and "
                              "moved with the mouse; 0 shows it whole")
        self.modes = QButtonGroup(self)
        right = QHBoxLayout()
        right.setSpacing(GRID // 2)
        for widget in (self.scale, self.range, self.facts):
            right.addWidget(widget)
        for index, (words, says) in enumerate((
                ("All", "Show every picture in each row"),
                ("One", "Show only the chosen picture, enlarged (double-click, Return)"))):
            button = toggle(words, says, on=index == 0)
            self.modes.addButton(button, index)
            right.addWidget(button)
        self._line = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._line.setContentsMargins(2 * GRID, GRID // 2, GRID, GRID // 2)
        self._line.setSpacing(GRID // 2)
        self._line.addWidget(self._rows, 1)
        self._line.addLayout(right)
        self.modes.idClicked.connect(lambda place: self.alone.emit(place == 1))
        theme.changed.connect(self._show_symbols)
        self.setMinimumHeight(self.modes.button(0).sizeHint().height() + GRID)
        self.offer(ROWS, has_many=True)

    def offer(self, rows: Sequence[Row], has_many: bool, has_values: bool = True) -> None:
        """Offer these rows, those that were switched off before still so; one needs no choice.

        `has_many` tells whether each row has several pictures, one of which can be enlarged,
        `has_values` whether its pixels stand for values.
        """
        for name in rows:
            if name not in self.toggles:
                says = f"Show or hide {SAYS.get(name, name)}"
                button = toggle(WORDS.get(name, name), says, on=name not in ON_DEMAND)
                button.toggled.connect(self._choose)
                self.toggles[name] = button
                self._row.addWidget(button)
        for name, button in self.toggles.items():
            button.setVisible(name in rows and len(rows) > 1)
        for mode in self.modes.buttons():
            mode.setVisible(has_many)
        for widget in (self.range, self.facts):
            widget.setVisible(has_values)
        self._show_symbols()
        if tuple(rows) != self._offered:
            self._offered = tuple(rows)
            self._fill_menu()
            self.chosen.emit(self.on())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Take two lines, and symbols without words, where there is little room."""
        is_narrow = event.size().width() < NARROW
        if is_narrow != self._is_narrow:
            self._is_narrow = is_narrow
            self._line.setDirection(QBoxLayout.Direction.TopToBottom if is_narrow
                                    else QBoxLayout.Direction.LeftToRight)
            self._show_symbols()
        super().resizeEvent(event)

    def show_alone(self, alone: bool) -> None:
        """Show which mode is on, without telling."""
        self.modes.button(int(alone)).setChecked(True)

    def on(self) -> tuple[Row, ...]:
        """Return the rows that are on, at least one."""
        on = tuple(name for name in self._offered if self.toggles[name].isChecked())
        return on or self._offered[:1]

    def _choose(self) -> None:
        if any(self.toggles[name].isChecked() for name in self._offered):
            self.chosen.emit(self.on())
        else:  # the last one stays on
            cast(QToolButton, self.sender()).setChecked(True)

    # --- ranges -----------------------------------------------------------------------------------

    def _fill_menu(self) -> None:
        """Offer each row's ranges, and all rows' at once."""
        self._menu.clear()
        for name in ("", *self._offered):
            part = self._menu.addMenu(WORDS.get(name, name).capitalize() if name else "All rows")
            part.setToolTipsVisible(True)
            group = QActionGroup(part)
            for wanted, words in RANGES.items():
                action = QAction(words, part, checkable=bool(name))
                action.setChecked(bool(name) and self.ranges.get(name, "as is") == wanted)
                action.triggered.connect(partial(self._set_range, name, wanted))
                if name:
                    group.addAction(action)
                part.addAction(action)

    def _set_range(self, name: Row, wanted: Range, _checked: bool = False) -> None:
        for row in (name,) if name else self._offered:
            self.ranges[row] = wanted
        self._fill_menu()
        self.ranged.emit(dict(self.ranges))

    def _show_symbols(self) -> None:
        for name, button in self.toggles.items():
            if name in MATHS:
                icon, size = symbol(name, button.devicePixelRatioF())
                button.setIcon(icon)
                button.setIconSize(size)
                button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly
                                          if self._is_narrow else theme.BESIDE)
