"""One picture of a latent space, enlarged: its norm, and what can be done with it."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hybridstudio.gui import theme
from hybridstudio.gui.images import ImageSheet
from hybridstudio.gui.normmeter import NormMeter
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Images

CORNERS = ("top left", "top right", "bottom left", "bottom right")


class CellView(QWidget):
    """`kept` tells the name under which the cell is to be kept, `placed` the corner it becomes."""

    kept = Signal(str)
    placed = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.picture = ImageSheet()
        self.picture.empty = "Click a cell to look at it."
        self.picture.setAccessibleName("The cell, enlarged")
        self.picture.setToolTip("")
        self.picture.setFixedHeight(132)
        self.meter = NormMeter()
        self.name = QLineEdit()
        self.name.setPlaceholderText("keep as…")
        self.name.setAccessibleName("Name of the point to keep")
        self.name.setToolTip("Keep this cell as a point: type a name, Return (Ctrl+S names it "
                             "by itself)")
        self.name.returnPressed.connect(self.keep)
        self.corner = QToolButton()
        self.corner.setText("Use as corner")
        self.corner.setToolTip("Put this cell into a corner of the grid")
        self.corner.setAccessibleName("Use as corner")
        self.corner.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.corner.setToolButtonStyle(theme.BESIDE)
        theme.set_icon(self.corner, "down")
        menu = QMenu(self)
        for place, words in enumerate(CORNERS):
            menu.addAction(words.capitalize(), partial(self.placed.emit, place))
        self.corner.setMenu(menu)
        row = QHBoxLayout()
        row.setSpacing(GRID // 2)
        row.addWidget(self.name, 1)
        row.addWidget(self.corner)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(self.picture)
        column.addWidget(self.meter)
        column.addLayout(row)
        self.show_picture(None)

    def show_picture(self, picture: Images | None) -> None:
        """Show a cell's picture (H, W, C), or that none is chosen."""
        self.picture.set_images(None if picture is None else picture[None])
        self.name.setEnabled(picture is not None)
        self.corner.setEnabled(picture is not None)

    def keep(self) -> None:
        """Tell that the cell is to be kept under the name that was typed, or a usual one."""
        if self.name.isEnabled():
            self.kept.emit(self.name.text().strip() or "point")
            self.name.clear()
