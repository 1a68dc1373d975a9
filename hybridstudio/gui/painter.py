"""A distribution painted by hand: points sprayed with a brush, in classes, saved as a CSV file."""

from __future__ import annotations

import csv
import io
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPixmap
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import pictures
from hybridstudio.errors import StudioError, translate
from hybridstudio.gui import theme
from hybridstudio.gui.askfile import ask_file
from hybridstudio.gui.buttons import flat, toggle
from hybridstudio.gui.cloudlight import ink
from hybridstudio.gui.flow import Flow
from hybridstudio.gui.paintcanvas import BRUSHES, CLASSES, PaintCanvas
from hybridstudio.gui.theme import GRID

FEWEST = 100  # points that are worth training on


class Painter(QWidget):
    """The canvas and its tools; `saved` tells the file that was written, `closed` that it is over.

    `failed` tells a StudioError where the file could not be written.
    """

    saved = Signal(object)
    closed = Signal()
    failed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.canvas = PaintCanvas()
        self.swatches = QButtonGroup(self)
        self.eraser = toggle("Erase", "Take points away (right mouse button)")
        self.brush = QSlider(Qt.Orientation.Horizontal)
        self.brush.setRange(BRUSHES[0], BRUSHES[1])
        self.brush.setValue(BRUSHES[2])
        self.brush.setMaximumWidth(160)
        self.brush.setAccessibleName("Size of the brush")
        self.brush.setToolTip("Size of the brush (wheel over the canvas)")
        self.undo = flat("undo", "Take the last stroke back (Ctrl+Z)", self.canvas.undo)
        self.clear = flat("trash", "Take all points away", self.canvas.clear)
        self.words = theme.say(QLabel(), "number")
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.save = QPushButton("Save and open…")
        self.save.setProperty("primary", True)
        self.save.setToolTip("Save the points as a CSV file and open them as a data set")
        self.close_button = flat("close", "Back to the data set (Esc)", self.closed.emit)
        self._lay_out()
        self.canvas.changed.connect(self._show_words)
        self.canvas.resized.connect(self.brush.setValue)
        self.brush.valueChanged.connect(self.canvas.set_brush)
        self.swatches.idClicked.connect(self.choose)
        self.eraser.clicked.connect(self._set_erasing)
        self.save.clicked.connect(self._ask)
        theme.changed.connect(self._colour_swatches)
        self._colour_swatches()
        self._show_words()

    def _lay_out(self) -> None:
        bar = QWidget()
        tools = Flow(bar)
        tools.setSpacing(GRID // 2)
        for place in range(CLASSES):
            swatch = QToolButton()
            swatch.setCheckable(True)
            swatch.setChecked(place == 0)
            swatch.setToolTip(f"Spray points of class {place + 1}")
            swatch.setAccessibleName(f"Class {place + 1}")
            swatch.clicked.connect(partial(self._set_erasing, False))
            self.swatches.addButton(swatch, place)
            tools.addWidget(swatch)
        for widget in (self.eraser, self.brush, self.undo, self.clear, self.save,
                       self.close_button, self.words):
            tools.addWidget(widget)
        around = QHBoxLayout()
        around.setContentsMargins(2 * GRID, GRID // 2, GRID, GRID // 2)
        around.addWidget(bar)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(around)
        column.addWidget(self.canvas, 1)

    def choose(self, place: int) -> None:
        """Spray points of a class."""
        self.canvas.ink = place
        self.swatches.button(place).setChecked(True)
        self.canvas.update()

    def write(self, path: Path) -> None:
        """Write the points as a CSV file with the columns x, y, class, and tell."""
        points, labels = self.canvas.painted
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(("x", "y", "class"))
        table.writerows((f"{x:.5f}", f"{y:.5f}", label + 1)
                        for (x, y), label in zip(points.tolist(), labels.tolist(), strict=True))
        try:
            with pictures.complete(path, overwrite=True) as file:
                file.write(text.getvalue().encode())
        except (StudioError, OSError) as error:
            self.failed.emit(translate(error))
        else:
            self.saved.emit(path)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close with Escape."""
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

    def _ask(self) -> None:
        ask_file(self, "Save the points", self.write, kinds=["Table of points (*.csv)"],
                 save_as="points.csv")

    def _set_erasing(self, erasing: bool) -> None:
        self.canvas.erasing = erasing
        self.eraser.setChecked(erasing)
        self.canvas.update()

    def _colour_swatches(self) -> None:
        for place, swatch in enumerate(self.swatches.buttons()):
            pixmap = QPixmap(QSize(16, 16))
            pixmap.fill(ink(place))
            swatch.setIcon(pixmap)

    def _show_words(self) -> None:
        count = len(self.canvas.painted[0])
        few = f", at least {FEWEST} are wanted" if 0 < count < FEWEST else ""
        self.words.setText(f"{count:,} points{few}" if count else "Drag to spray points")
        self.save.setEnabled(count >= FEWEST)
        self.undo.setEnabled(self.canvas.can_undo())
        self.clear.setEnabled(count > 0)
