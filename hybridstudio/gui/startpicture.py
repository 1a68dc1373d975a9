"""The picture that a drawing may start from: chosen or dropped, and noised to a level."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from hybridstudio.errors import StudioError
from hybridstudio.gui import mosaic, theme
from hybridstudio.gui.askfile import ask_file
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.fields import dropped_path
from hybridstudio.gui.images import read_picture, to_qimage
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Images

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")
_SIDE = 56  # points of the small picture


class StartPicture(QWidget):
    """Shows the picture and its noise level; `edited` tells that a user changed either.

    `image` is the file at `path` as the model takes it; for another model it is read anew.
    """

    edited = Signal()
    failed = Signal(object)  # StudioError

    def __init__(self) -> None:
        super().__init__()
        self.image: Images | None = None
        self.path: Path | None = None
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
        top = QHBoxLayout()
        top.setSpacing(GRID)
        top.addWidget(self._thumb)
        top.addWidget(self.choose, 1)
        top.addWidget(self.clear)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addLayout(top)
        column.addWidget(self.level)
        column.addWidget(self._says)
        self.setAcceptDrops(True)
        self._show()

    def expect(self, size: int, channels: int, timesteps: int) -> None:
        """Say what pictures the model takes; one of another shape is read anew from its file."""
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

    def show_start(self, image: Images | None, path: Path | None, from_step: int | None) -> None:
        """Show a picture and a level without telling."""
        self.image, self.path = image, path
        if from_step is not None:
            self.level.setValue(from_step)
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
        self.image, self.path = image, path
        self._show()
        self.edited.emit()

    def _on_level(self) -> None:
        self._show()
        self.edited.emit()

    def _show(self) -> None:
        has = self.image is not None
        for widget in (self._thumb, self.clear, self.level):
            widget.setVisible(has)
        if self.image is None:
            self._says.setText("Drawing starts from pure noise.")
            return
        zoom = max(1, _SIDE // self.image.shape[0])
        pixels = mosaic.coloured(self.image[None])[0]
        shown = to_qimage(pixels.repeat(zoom, 0).repeat(zoom, 1))
        picture = QPixmap.fromImage(shown)
        if picture.width() > _SIDE:
            picture = picture.scaled(_SIDE, _SIDE, mode=Qt.TransformationMode.SmoothTransformation)
        self._thumb.setPixmap(picture)
        self._says.setText(f"Noised to t = {self.level.value():,} of {self._timesteps:,}, "
                           "then denoised from there.")

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
