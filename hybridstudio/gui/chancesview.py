"""One noisy picture, the many clean ones that different z see in it, and their mean beside them."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.cloudlight import lit
from hybridstudio.gui.images import ImageSheet
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Chanced, Images


class ChancesView(QWidget):
    """Shows a `Chanced`; `pointed` tells what lies under the mouse in words."""

    pointed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.x_t, self.x0, self.mean, self.beside = (ImageSheet() for _ in range(4))
        self._says = {sheet: theme.say(QLabel(textFormat=Qt.TextFormat.RichText), "")
                      for sheet in (self.x_t, self.x0, self.mean, self.beside)}
        for sheet, name in ((self.x_t, "The noisy picture"), (self.x0, "What different z see"),
                            (self.mean, "Their mean"), (self.beside, "What a diffusion sees")):
            sheet.setAccessibleName(name)
            sheet.pointed.connect(self.pointed)
        for sheet in (self.mean, self.beside):  # alike, so that they share the room evenly
            self._says[sheet].setWordWrap(True)
        right = QVBoxLayout()
        right.setSpacing(GRID)
        for sheet in (self.mean, self.beside):
            right.addWidget(self._under(sheet), 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        row.setSpacing(2 * GRID)
        row.addWidget(self._under(self.x_t), 2)
        row.addWidget(self._under(self.x0), 4)
        row.addLayout(right, 2)
        self._shown: tuple[Chanced | None, str, str] = (None, "", "")
        theme.changed.connect(self._relight)
        self.show_chances(None, "")

    def show_chances(self, told: Chanced | None, beside: str, empty: str = "") -> None:
        """Show what was seen, `beside` naming the diffusion's; None shows the words `empty`."""
        self._shown = (told, beside, empty)
        if told is not None and told.points:  # clouds follow the window's colours
            told = replace(told, x_t=lit(told.x_t), x0=lit(told.x0),
                           mean=None if told.mean is None else lit(told.mean),
                           beside=None if told.beside is None else lit(told.beside))
        self._put(self.x_t, None if told is None else told.x_t,
                  "<i>x</i><sub>t</sub>, the same for all")
        count = 0 if told is None else len(told.points.get("x0", told.x0))
        self._put(self.x0, None if told is None else told.x0,
                  f"<i>x\u0302</i><sub>0</sub> of {count} z")
        self._put(self.mean, None if told is None else told.mean, "their mean")
        self._put(self.beside, None if told is None else told.beside,
                  beside)
        if told is not None:
            self.x0.set_images(told.x0, [f"z of seed {seed}" for seed in range(count)])
        self.x0.empty = empty
        self.x0.update()

    def _relight(self) -> None:
        """Show the same in the window's new colours."""
        self.show_chances(*self._shown)

    def _put(self, sheet: ImageSheet, images: Images | None, says: str) -> None:
        sheet.set_images(images, [sheet.accessibleName().lower()])
        self._says[sheet].setText(says)
        self._says[sheet].setVisible(images is not None)
        if sheet is self.beside:
            sheet.setVisible(images is not None)

    def _under(self, sheet: ImageSheet) -> QWidget:
        framed = QWidget()
        column = QVBoxLayout(framed)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 4)
        self._says[sheet].setMinimumWidth(1)  # it may be cut where the window is narrow
        column.addWidget(self._says[sheet])
        column.addWidget(sheet, 1)
        return framed
