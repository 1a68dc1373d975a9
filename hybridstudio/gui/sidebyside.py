"""Two sets of pictures side by side, and how far they are apart."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.images import ImageSheet
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Images


class SideBySide(QWidget):
    """Pictures A, pictures B and |A - B|; `selected` tells the picture that is pointed out."""

    selected = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.sheets = [ImageSheet() for _ in range(3)]
        self.heads = [theme.say(QLabel(" "), "muted") for _ in range(3)]
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        for sheet, head in zip(self.sheets, self.heads, strict=True):
            head.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            head.setContentsMargins(GRID, GRID // 2, GRID, 0)
            column = QVBoxLayout()
            column.setSpacing(0)
            column.addWidget(head)
            column.addWidget(sheet, 1)
            row.addLayout(column, 1)
            sheet.setMinimumHeight(96)
            sheet.selected.connect(self._choose)
        self.sheets[2].setAccessibleName("Difference")

    def show_pair(self, one: Images | None, other: Images | None, names: tuple[str, str],
                  ) -> None:
        """Show two sets of pictures (N, H, W, C) of one shape, or what there is of them."""
        self.sheets[0].set_images(one)
        self.sheets[1].set_images(other)
        for head, name in zip(self.heads, names, strict=False):
            head.setText(name or " ")
            head.setToolTip(name)
        apart = None
        words = " "
        if one is not None and other is not None and one.shape == other.shape:
            apart = np.maximum(one, other) - np.minimum(one, other)
            far = float(np.sqrt(np.mean((apart / 127.5) ** 2)))
            words = f"|A - B| · root mean square {far:.3f}"
        self.sheets[2].set_images(apart)
        self.heads[2].setText(words)
        self.heads[2].setToolTip("The root mean square difference of a pixel, in units of [-1, 1]")

    def _choose(self, place: int) -> None:
        if place >= 0:
            self.selected.emit(place)
