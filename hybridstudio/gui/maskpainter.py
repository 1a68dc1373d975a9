"""Painting a mask on the picture that a drawing starts from: the canvas and its tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImageReader
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from hybridstudio import pictures
from hybridstudio.errors import StudioError, translate
from hybridstudio.gui import theme
from hybridstudio.gui.askfile import ask_file
from hybridstudio.gui.buttons import flat, toggle
from hybridstudio.gui.images import read_picture
from hybridstudio.gui.maskcanvas import MaskCanvas
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Images, Mask


class MaskPainter(QWidget):
    """What is painted is drawn anew; `edited` tells that it is another, `failed` a StudioError.

    `path` is the file that the mask lies in as it is, None where it lies in none.
    """

    edited = Signal()
    failed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.path: Path | None = None
        self._size: tuple[int, int] | None = None  # of the picture's file
        self.canvas = MaskCanvas()
        self.brush = QSlider(Qt.Orientation.Horizontal)
        self.brush.setAccessibleName("Width of the brush")
        self.brush.setToolTip("Width of the brush in pixels ([ and ], the wheel)")
        self.brush.setRange(1, 28)
        self.brush.valueChanged.connect(self.canvas.set_brush)
        self.canvas.resized.connect(self.brush.setValue)
        self.erase = toggle("Erase", "Take away what is painted (the right button always does)")
        self.erase.toggled.connect(self._set_erasing)
        self.invert = flat("swap", "Paint what is not painted, and the other way round",
                           lambda: self.canvas.change(~self.canvas.hole))
        self.clear = flat("trash", "Paint nothing: the whole picture is known",
                          lambda: self.canvas.change(np.zeros_like(self.canvas.hole)))
        self.undo = flat("undo", "Take back the last stroke", self.canvas.undo)
        self.open = flat("folder", "Open a mask: a picture that is white where yours stays",
                         self._ask_open)
        self.save = flat("save", "Save the mask as a PNG, for the command line", self._ask_save)
        self.says = theme.say(QLabel(), "muted")
        self.says.setWordWrap(True)
        width = QHBoxLayout()
        width.setSpacing(GRID)
        width.addWidget(theme.say(QLabel("Brush"), "muted"))
        width.addWidget(self.brush, 1)
        tools = QHBoxLayout()
        tools.setSpacing(GRID // 4)
        for widget in (self.erase, self.invert, self.clear, self.undo, self.open, self.save):
            tools.addWidget(widget)
        tools.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(self.canvas)
        column.addLayout(tools)
        column.addLayout(width)
        column.addWidget(self.says)
        self.canvas.edited.connect(self._on_edited)
        self._show()

    def known(self) -> Mask | None:
        """Return where the picture stays (H, W); None where nothing is painted."""
        return ~self.canvas.hole if self.canvas.hole.any() else None

    def set_image(self, image: Images, mask: Mask | None, size: tuple[int, int] | None) -> None:
        """Show a picture with its mask; `size` is that of its file, width first."""
        self._size = size
        hole = None if mask is None else ~mask
        is_same = hole is not None and np.array_equal(hole, self.canvas.hole)
        if image is self.canvas.image and (is_same or (
                hole is None and not self.canvas.hole.any())):
            return
        self.brush.setMaximum(max(2, image.shape[0] // 2))
        self.canvas.set_image(image, hole)
        self._show()

    def take(self, path: Path) -> None:
        """Read a mask from a file, white where the picture stays."""
        side = self.canvas.hole.shape[0]
        found = QImageReader(str(path)).size()
        size = (found.width(), found.height())
        if found.isValid() and size != (side, side) and self._size not in (None, size):
            wide, high = self._size or size
            self.failed.emit(StudioError(
                f"{path.name} does not fit the picture",
                f"it is {size[0]} × {size[1]} pixels, the picture {wide} × {high}",
                f"give a mask of the same size, or of {side} × {side} as the model sees it"))
            return
        try:
            mask = read_picture(path, side, 1)[..., 0] >= 128
        except StudioError as error:
            self.failed.emit(error)
            return
        self.canvas.change(~mask)
        self.path = path

    def write(self, path: Path) -> None:
        """Write the mask as a PNG, white where the picture stays."""
        try:
            white = np.where(self.canvas.hole, 0, 255).astype(np.uint8)
            pictures.write_png(path, white[..., None], overwrite=True)
            self.path = path
        except (OSError, StudioError) as error:
            self.failed.emit(translate(error))

    def _on_edited(self) -> None:
        self.path = None
        self._show()
        self.edited.emit()

    def _set_erasing(self, on: bool) -> None:
        self.canvas.erasing = on
        self.canvas.update()

    def _show(self) -> None:
        share = float(self.canvas.hole.mean())
        for widget in (self.clear, self.save):
            widget.setEnabled(share > 0)
        self.undo.setEnabled(self.canvas.can_undo())
        self.says.setText(f"{100 * share:.0f} % is drawn anew, the rest stays as it is."
                          if share else "Paint what should be drawn anew.")

    def _ask_open(self) -> None:
        ask_file(self, "Open a mask", self.take, kinds=["Pictures (*.png *.jpg *.jpeg *.webp "
                                                       "*.bmp *.gif)"])

    def _ask_save(self) -> None:
        ask_file(self, "Save the mask", self.write, kinds=["PNG picture (*.png)"],
                 save_as="mask.png")
