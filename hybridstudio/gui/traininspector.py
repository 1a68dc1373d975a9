"""The inspector of the training panel: the run's numbers, and how its curves are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QLabel,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from hybridstudio.gui import theme
from hybridstudio.gui.theme import GRID

FACTS = ("State", "Step", "Speed", "Time left", "Trained for", "Memory", "Device", "Checkpoint")
SMOOTHING = 30  # where the slider stands at first, of 100: some 8 points


class TrainInspector(QWidget):
    """Facts and newest values in two columns, and how curves are drawn.

    `smoothing`, `log` and `against` tell what a user sets for them.
    """

    smoothing = Signal(float)  # weight of the moving average, in [0, 1)
    log = Signal(bool)
    against = Signal(str)  # "steps" or "time"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._page = QWidget()
        grid = QGridLayout(self._page)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(2 * GRID)
        self._facts: dict[str, QLabel] = {}
        for row, name in enumerate(FACTS):
            self._facts[name] = theme.say(QLabel("–", wordWrap=True), "number")
            self._facts[name].setAccessibleName(name)
            grid.addWidget(theme.say(QLabel(name), "muted"), row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(self._facts[name], row, 1)
        grid.setColumnStretch(1, 1)
        self._values = QVBoxLayout()
        self._newest: list[QLabel] = []
        self._shape: list[tuple[str, list[str]]] = []  # titles and labels of the newest values

        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, 100)
        slider.setValue(SMOOTHING)
        slider.setAccessibleName("Smoothing")
        slider.setToolTip("How many points the moving average spans (default 8)")
        slider.valueChanged.connect(self._smooth)
        self._over = theme.say(QLabel(), "number")
        log = QCheckBox("Logarithmic axis")
        log.setChecked(True)
        log.toggled.connect(self.log)
        against = QComboBox()
        against.addItems(["steps", "time"])
        against.setAccessibleName("Horizontal axis")
        against.currentTextChanged.connect(self.against)
        curves = QGridLayout()
        curves.setHorizontalSpacing(2 * GRID)
        curves.addWidget(theme.say(QLabel("Smoothing"), "muted"), 0, 0)
        curves.addWidget(self._over, 0, 1)
        curves.addWidget(slider, 1, 0, 1, 2)
        curves.addWidget(theme.say(QLabel("Against"), "muted"), 2, 0)
        curves.addWidget(against, 2, 1)
        curves.addWidget(log, 3, 0, 1, 2)
        curves.setColumnStretch(1, 1)

        self._column = QVBoxLayout(self)
        self._column.setSpacing(GRID)
        self._column.addWidget(theme.say(QLabel("Progress"), "heading"))
        self._column.addWidget(self._page)
        self._column.addLayout(self._values)
        self._column.addSpacing(2 * GRID)
        self._column.addWidget(theme.say(QLabel("Curves"), "heading"))
        self._column.addLayout(curves)
        self._column.addSpacing(2 * GRID)
        self._column.addStretch(1)
        self._smooth(SMOOTHING)

    def add(self, widget: QWidget) -> None:
        """Put a widget below the rest."""
        self._column.insertWidget(self._column.count() - 1, widget, 0, Qt.AlignmentFlag.AlignLeft)

    def tell(self, facts: Mapping[str, str]) -> None:
        """Write the run's numbers; those that are not given show a dash."""
        for name, label in self._facts.items():
            label.setText(facts.get(name) or "–")

    def tell_newest(self, groups: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> None:
        """Write the newest values of curves under the titles of their groups: label, value."""
        shape = [(title, [label for label, _ in rows]) for title, rows in groups]
        if shape != self._shape:
            self._shape = shape
            self._build_newest()
        texts = [text for _, rows in groups for _, text in rows]
        for label, text in zip(self._newest, texts, strict=True):
            label.setText(text)

    def newest(self) -> dict[str, str]:
        """Return the newest values as they are shown."""
        return {label.accessibleName(): label.text() for label in self._newest}

    def _build_newest(self) -> None:
        while (item := self._values.takeAt(0)) is not None:
            if (page := item.widget()) is not None:
                page.hide()
                page.deleteLater()
        page = QWidget()
        grid = QGridLayout(page)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(2 * GRID)
        grid.setColumnStretch(1, 1)
        self._newest = []
        for title, labels in self._shape:
            heading = theme.say(QLabel(title), "heading")
            heading.setContentsMargins(0, GRID, 0, 0)
            grid.addWidget(heading, grid.rowCount(), 0, 1, 2)
            for label in labels:
                value = theme.say(QLabel(), "number")
                value.setAccessibleName(f"{title}: {label}")
                row = grid.rowCount()
                name = theme.say(QLabel(label[:1].upper() + label[1:]), "muted")
                grid.addWidget(name, row, 0)
                grid.addWidget(value, row, 1)
                self._newest.append(value)
        self._values.addWidget(page)

    def told(self) -> dict[str, str]:
        """Return the numbers as they are shown."""
        return {name: label.text() for name, label in self._facts.items()}

    def _smooth(self, place: int) -> None:
        """Tell the weight: the slider's place is the logarithm of how many points it spans."""
        self.weight = 1 - 10 ** (-3 * place / 100) if place else 0.0
        self._over.setText(f"{1 / (1 - self.weight):,.0f} points" if place else "off")
        self.smoothing.emit(self.weight)
