"""One picture of a latent space, enlarged: its norm, and what can be done with it."""

from __future__ import annotations

import math
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import latents
from hybridstudio.gui import theme
from hybridstudio.gui.images import ImageSheet
from hybridstudio.gui.nearestview import NearestPictures
from hybridstudio.gui.normmeter import NormMeter
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Images
from hybridstudio.runs import Run

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
        self.apart = theme.say(QLabel(), "number")
        self.apart.setAccessibleName("How far the cell is from its neighbours")
        self.apart.setToolTip(
            "How much this picture differs from those beside, above and below it in the grid, and "
            "how much neighbours differ on the mean of the whole grid. Root mean square of pixels, "
            "whose range is 2; where all are alike the space is smooth")
        self.nearest = NearestPictures()
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
        column.addWidget(self.apart)
        column.addWidget(self.meter)
        column.addLayout(row)
        column.addWidget(self.nearest)
        self.show_none()

    def show_none(self) -> None:
        """Show that no cell is chosen."""
        self._show(None)
        self.apart.hide()
        self.meter.show_cell(None)
        self.nearest.show_picture(None)

    def show_cell(self, run: Run, images: Images, cell: int, is_draft: bool) -> None:
        """Show a cell of a run's square grid (N, H, W, C), and how far its neighbours are."""
        self._show(images[cell])
        self.nearest.show_picture(None if is_draft else images[cell], run.path,
                                  run.config.data.classes)
        if is_draft:  # whose cells may stand for their neighbours
            self.apart.setText("neighbours …")
        else:
            each, whole = latents.apart(images, math.isqrt(len(images)))
            self.apart.setText(f"neighbours {each[cell]:.3f} apart · grid {whole:.3f}")
        self.apart.show()

    def _show(self, picture: Images | None) -> None:
        self.picture.set_images(None if picture is None else picture[None])
        self.name.setEnabled(picture is not None)
        self.corner.setEnabled(picture is not None)

    def keep(self) -> None:
        """Tell that the cell is to be kept under the name that was typed, or a usual one."""
        if self.name.isEnabled():
            self.kept.emit(self.name.text().strip() or "point")
            self.name.clear()
