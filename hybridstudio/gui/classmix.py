"""Sliders that blend the classes of a class-conditional model."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.latentstate import blended
from hybridstudio.gui.slides import Slide
from hybridstudio.gui.theme import GRID

MOST = 100  # classes that have a slider

Mix = tuple[tuple[int, float], ...]


class ClassMix(QWidget):
    """A weight for each class; `changed` tells the shares, which add up to 1, and which moved."""

    changed = Signal(object, str)

    def __init__(self) -> None:
        super().__init__()
        self._classes: tuple[str, ...] = ()
        self.rows: list[Slide] = []
        self.says = theme.say(QLabel(wordWrap=True), "muted")
        self._column = QVBoxLayout()
        self._column.setSpacing(0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(self.says)
        column.addLayout(self._column)
        self.says.setText("Click a name for that class alone; several sliders blend.")

    def show_classes(self, classes: tuple[str, ...]) -> None:
        """Offer a model's classes."""
        if classes == self._classes:
            return
        self._classes = classes
        for row in self.rows:
            self._column.removeWidget(row)
            row.deleteLater()
        self.rows = []
        for index, name in enumerate(classes[:MOST]):
            row = Slide(f"Share of class {name}", both_ways=False)
            row.offer(name, 1.0, f"Class {name} alone", decimals=2)
            row.moved.connect(lambda _value, index=index: self._on_moved(index))
            row.named.connect(lambda index=index: self._take(index))
            self._column.addWidget(row)
            self.rows.append(row)

    def show_mix(self, mix: Mix) -> None:
        """Show shares without telling; sliders that blend to them already stay as they are."""
        if blended(self._weights()) == mix:
            return
        shares = dict(mix)
        for index, row in enumerate(self.rows):
            row.show_value(shares.get(index, 0.0))

    def _weights(self) -> dict[int, float]:
        return {index: row.slider.value() / row.slider.maximum()
                for index, row in enumerate(self.rows)}

    def _on_moved(self, index: int) -> None:
        if mix := blended(self._weights()):  # at least one class is always drawn
            self.changed.emit(mix, f"class {index}")

    def _take(self, index: int) -> None:
        for place, row in enumerate(self.rows):
            row.show_value(float(place == index))
        self.changed.emit(((index, 1.0),), "")
