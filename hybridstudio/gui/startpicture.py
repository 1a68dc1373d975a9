"""The picture that a drawing may start from: noised to a level, inverted, or known in part."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImageReader, QPixmap
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hybridstudio.errors import StudioError
from hybridstudio.gui import mosaic, theme
from hybridstudio.gui.askfile import ask_file
from hybridstudio.gui.buttons import flat, toggle
from hybridstudio.gui.fields import dropped_path
from hybridstudio.gui.images import read_picture, to_qimage
from hybridstudio.gui.maskpainter import MaskPainter
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Images, Mask

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
WAYS: dict[str, tuple[str, str]] = {
    "noise": ("Noise it", "Noise the picture to a level and denoise it from there"),
    "mask": ("Complete it", "Paint on the picture what should be drawn anew; the rest stays"),
    "invert": ("Invert it", "Walk the picture back to the noise that DDIM draws it from, and draw "
                            "it again from there")}
_SIDE = 56  # points of the small picture


class StartPicture(QWidget):
    """Shows the picture, its noise level and what is done with it; `edited` tells of any change.

    `image` is the file at `path` as the model takes it; for another model it is read anew.
    """

    edited = Signal()
    failed = Signal(object)  # StudioError

    def __init__(self) -> None:
        super().__init__()
        self.image: Images | None = None
        self.path: Path | None = None
        self._known: Mask | None = None
        self._offered: set[str] = {"noise"}
        self._size, self._channels, self._timesteps = 32, 1, 1000
        self._thumb = QLabel()
        self._thumb.setFixedSize(QSize(_SIDE, _SIDE))
        self._thumb.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.choose = QPushButton("Choose picture…")
        self.choose.setToolTip("Noise a picture of yours and denoise it from there "
                               "(or drop an image file)")
        self.choose.clicked.connect(self._ask)
        self.clear = flat("close", "Start from pure noise again", lambda: self._take(None, None))
        self.level = QSlider(Qt.Orientation.Horizontal)
        self.level.setAccessibleName("Noise level to start from")
        self.level.setToolTip("How far the picture is noised before it is denoised (half of T)")
        self.level.setRange(1, self._timesteps)
        self.level.setValue(self._timesteps // 2)
        self.level.valueChanged.connect(self._on_level)
        self._says = theme.say(QLabel(), "muted")
        self._says.setWordWrap(True)
        self.painter = MaskPainter()
        self.painter.edited.connect(self._on_painted)
        self.painter.failed.connect(self.failed)
        self.ways: dict[str, QToolButton] = {}
        self._ways = QButtonGroup(self)
        choices = QHBoxLayout()
        choices.setSpacing(GRID // 4)
        for name, (words, says) in WAYS.items():
            self.ways[name] = button = toggle(words, says, on=name == "noise")
            self._ways.addButton(button)
            choices.addWidget(button)
        choices.addStretch(1)
        self._ways.buttonClicked.connect(self._on_way)
        top = QHBoxLayout()
        top.setSpacing(GRID)
        top.addWidget(self._thumb)
        top.addWidget(self.choose, 1)
        top.addWidget(self.clear)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addLayout(top)
        column.addLayout(choices)
        column.addWidget(self.painter)
        column.addWidget(self.level)
        column.addWidget(self._says)
        self.setAcceptDrops(True)
        self._show()

    def expect(self, size: int, channels: int, timesteps: int, ways: Collection[str] = ()) -> None:
        """Say what pictures the model takes; one of another shape is read anew from its file.

        `ways` are those of WAYS that it offers besides noising.
        """
        self._offered = {"noise", *ways}
        if self.way() not in self._offered:
            self.ways["noise"].setChecked(True)
        is_other = (size, channels) != (self._size, self._channels)
        share = self.level.value() / self._timesteps
        self._size, self._channels, self._timesteps = size, channels, timesteps
        if is_other and self.path is not None:
            self.image = self._read(self.path)
            self.path = self.path if self.image is not None else None
        self.level.blockSignals(True)
        self.level.setRange(1, timesteps)
        self.level.setValue(round(share * timesteps))
        self.level.blockSignals(False)
        self._show()

    def from_step(self) -> int | None:
        """Return the noise level to start from; None without a picture."""
        return self.level.value() if self.image is not None else None

    def way(self) -> str:
        """Return what is done with the picture, of WAYS."""
        return next(name for name, button in self.ways.items() if button.isChecked())

    def known(self) -> Mask | None:
        """Return what of the picture is known; None where it is not to be completed."""
        return self._known if self.image is not None and self.way() == "mask" else None

    def invert(self) -> bool:
        """Return whether the picture is to be inverted."""
        return self.image is not None and self.way() == "invert"

    def show_start(self, image: Images | None, path: Path | None, from_step: int | None,
                   mask: Mask | None = None, invert: bool = False) -> None:
        """Show a picture, a level and what is done with it, without telling."""
        self.image, self.path = image, path
        if from_step is not None:
            self.level.setValue(from_step)
        if invert or mask is not None:
            self.ways["invert" if invert else "mask"].setChecked(True)
        elif self.way() == "invert":
            self.ways["noise"].setChecked(True)
        self._known = mask
        self._show()

    def open(self, path: Path) -> None:
        """Take an image file; `failed` tells why where it cannot be read."""
        if (image := self._read(path)) is not None:
            self._take(image, path)

    def _read(self, path: Path) -> Images | None:
        try:
            return read_picture(path, self._size, self._channels)
        except StudioError as error:
            self.failed.emit(error)
            return None

    def _take(self, image: Images | None, path: Path | None) -> None:
        self.image, self.path, self._known = image, path, None
        self._show()
        self.edited.emit()

    def _on_level(self) -> None:
        self._show()
        self.edited.emit()

    def _on_way(self) -> None:
        """Do something else with the picture; what is completed or inverted begins in noise."""
        if self.way() != "noise":
            self.level.blockSignals(True)
            self.level.setValue(self._timesteps)
            self.level.blockSignals(False)
        self._known = self.painter.known()
        self._show()
        self.edited.emit()

    def _on_painted(self) -> None:
        self._known = self.painter.known()
        self.edited.emit()

    def _show(self) -> None:
        has = self.image is not None
        way = self.way()
        paints = has and way == "mask"
        for widget, is_shown in ((self._thumb, has and not paints), (self.clear, has),
                                 (self.level, has), (self.painter, paints)):
            widget.setVisible(is_shown)
        for name, button in self.ways.items():
            button.setVisible(has and name in self._offered and len(self._offered) > 1)
        if self.image is None:
            self._says.setText("Drawing starts from pure noise.")
            return
        if paints:
            self.painter.set_image(self.image, self._known, self._file_size())
        zoom = max(1, _SIDE // self.image.shape[0])
        pixels = mosaic.coloured(self.image[None])[0]
        shown = to_qimage(pixels.repeat(zoom, 0).repeat(zoom, 1))
        picture = QPixmap.fromImage(shown)
        if picture.width() > _SIDE:
            picture = picture.scaled(_SIDE, _SIDE, mode=Qt.TransformationMode.SmoothTransformation)
        self._thumb.setPixmap(picture)
        at = f"t = {self.level.value():,} of {self._timesteps:,}"
        self._says.setText({
            "noise": f"Noised to {at}, then denoised from there.",
            "mask": f"Begins at {at}; the less, the more of the picture shows through.",
            "invert": f"Walked back to its noise at {at}, and drawn again from there.",
        }[way])

    def _file_size(self) -> tuple[int, int] | None:
        size = QImageReader(str(self.path)).size() if self.path is not None else None
        return (size.width(), size.height()) if size is not None and size.isValid() else None

    def _ask(self) -> None:
        endings = " ".join("*" + suffix for suffix in SUFFIXES)
        ask_file(self, "Choose a picture to start from", self.open, kinds=[f"Pictures ({endings})"])

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take one image file."""
        if dropped_picture(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Start from the picture that was dropped."""
        if path := dropped_picture(event):
            self.open(path)
            event.acceptProposedAction()


def dropped_picture(event: QDropEvent) -> Path | None:
    """Return the one image file that is being dropped, if it is one."""
    path = dropped_path(event)
    return path if path and path.suffix.lower() in SUFFIXES and path.is_file() else None
