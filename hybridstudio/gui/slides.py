"""Rows of a name, a slider and its value: for directions of a space and shares of classes."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.calm import calm
from hybridstudio.gui.theme import GRID

PLACES = 100  # of a slider, either way


class Slide(QWidget):
    """A value from -reach (or 0) to reach; `moved` tells it, `named` that the name was clicked."""

    moved = Signal(float)
    named = Signal()

    def __init__(self, says: str, *, both_ways: bool = True, name_width: int = 72) -> None:
        super().__init__()
        self._reach = 1.0
        self._decimals = 1
        self.name = QPushButton()
        self.name.setProperty("flat", True)
        self.name.setFixedWidth(name_width)
        self.name.setStyleSheet("QPushButton { padding: 2px; text-align: left; }")
        self.name.clicked.connect(self.named)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(-PLACES if both_ways else 0, PLACES)
        self.slider.setProperty("both", both_ways)
        self.slider.setPageStep(10)
        self.slider.setToolTip(says)
        self.slider.valueChanged.connect(self._on_value)
        self.slider.installEventFilter(self)
        calm(self.slider)
        self.value = theme.say(QLabel(), "number")
        self.value.setFixedWidth(36)
        self.value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID // 2)
        row.addWidget(self.name)
        row.addWidget(self.slider, 1)
        row.addWidget(self.value)
        self.show_value(0.0)

    def offer(self, name: str, reach: float, tip: str, decimals: int = 1) -> None:
        """Say what it moves and how far it goes; `tip` is what clicking the name does."""
        self._reach, self._decimals = reach, decimals
        room = self.name.width() - 8
        self.name.setText(self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, room))
        self.name.setToolTip(tip)
        self.name.setAccessibleName(f"{name}: {tip}")
        self.slider.setAccessibleName(name)

    def show_value(self, value: float) -> None:
        """Show a value without telling."""
        with QSignalBlocker(self.slider):
            self.slider.setValue(round(value / self._reach * PLACES))
        self._write(value)

    def _on_value(self, place: int) -> None:
        value = round(place / PLACES * self._reach, 4)  # as files and command lines tell it
        self._write(value)
        self.moved.emit(value)

    def _write(self, value: float) -> None:
        sign = "+" if self.slider.minimum() < 0 and value > 0 else ""
        self.value.setText(f"{sign}{value:.{self._decimals}f}")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let a double click set 0."""
        if event.type() == QEvent.Type.MouseButtonDblClick:
            self.slider.setValue(0)
            return True
        return super().eventFilter(watched, event)
