"""A picture of the user's, and the code that is found for it: progress, drafts, the error."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from hybridstudio.config.models.base import Space
from hybridstudio.errors import StudioError
from hybridstudio.gui import mosaic, theme
from hybridstudio.gui.askfile import ask_file
from hybridstudio.gui.fold import reveal
from hybridstudio.gui.images import read_picture, to_qimage
from hybridstudio.gui.startpicture import SUFFIXES, dropped_picture
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Decoded, Done, Encode, Encoded, Event, Images, Progress

_SIDE = 84  # points of a small picture
_PARTS = 1000  # of the bar
WAYS = {"encoder": "The encoder finds its code at once.",
        "inversion": "Drawing is gone backwards from it (DDIM inversion).",
        "search": "Its code is searched for, step by step."}


class OwnPicture(QWidget):
    """Asks for the code of a picture; `given` tells (picture, name), `found` (Encoded, name).

    `cancelled` tells that the search is to end.
    """

    given = Signal(object, str)
    found = Signal(object, str)
    cancelled = Signal()
    failed = Signal(object)  # StudioError: a picture that could not be opened

    def __init__(self) -> None:
        super().__init__()
        self._size, self._channels = 32, 1
        self._request: Encode | None = None
        self._name = ""
        self.thumbs = [QLabel(), QLabel()]
        pictures = QHBoxLayout()
        for thumb, name in zip(self.thumbs, ("Your picture", "What was found"), strict=True):
            thumb.setFixedSize(QSize(_SIDE, _SIDE))
            thumb.setAlignment(Qt.AlignmentFlag.AlignCenter)
            thumb.setToolTip(name)
            thumb.setAccessibleName(name)
            pictures.addWidget(thumb)
        pictures.addStretch(1)
        self._pictures = QWidget()
        self._pictures.setLayout(pictures)
        pictures.setContentsMargins(0, 0, 0, 0)
        self.says = theme.say(QLabel(wordWrap=True), "muted")
        self.bar = QProgressBar()
        self.bar.setRange(0, _PARTS)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Search for the code")
        self.choose = QPushButton("Choose picture…")
        self.choose.setToolTip("Find the code of a picture of yours (or drop an image file)")
        self.choose.clicked.connect(self.ask)
        self.cancel = QPushButton("Cancel")
        self.cancel.clicked.connect(self.cancelled)
        buttons = QHBoxLayout()
        buttons.addWidget(self.choose)
        buttons.addWidget(self.cancel)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        for widget in (self._pictures, self.bar, self.says):
            column.addWidget(widget)
        column.addLayout(buttons)
        self.setAcceptDrops(True)
        self._rest("")

    def expect(self, size: int, channels: int, space: Space) -> None:
        """Say what pictures the model takes, and how their codes are found."""
        self._size, self._channels = size, channels
        self._rest(WAYS.get(space.finds, ""))

    def ask(self) -> None:
        """Let a picture be chosen."""
        endings = " ".join("*" + suffix for suffix in SUFFIXES)
        ask_file(self, "Choose a picture to find in the latent space", self.open,
                 kinds=[f"Pictures ({endings})"])

    def open(self, path: Path) -> None:
        """Ask for the code of an image file; `failed` tells why where it cannot be read."""
        try:
            picture = read_picture(path, self._size, self._channels)
        except StudioError as error:
            self.failed.emit(error)
            return
        self.given.emit(picture, path.stem)

    def begin(self, request: Encode, name: str) -> None:
        """Show that a picture's code is being found by this request."""
        self._request, self._name = request, name
        self._show(0, request.images[0])
        self.thumbs[1].clear()
        self._pictures.show()
        self.bar.setValue(0)
        self.bar.show()
        self.cancel.show()
        self.says.setText("Looking for its code…")
        reveal(self)

    def answer(self, request: object, event: Event) -> bool:
        """Take an event; returns whether it belongs to the search for a code."""
        if self._request is None or request is not self._request:
            return False
        match event:
            case Progress(step, total):
                self.bar.setValue(round(_PARTS * step / total) if total else 0)
            case Decoded():
                self._show(1, event.images[0])
            case Encoded():
                self._show(1, event.images[0])
                error = event.errors[0]
                self._rest(f"Found, at an error of {error:.3f} (root mean square, the range of a "
                           "pixel being 2). It is kept as a point.", has_pictures=True)
                self.found.emit(event, self._name)
            case Done("stopped"):
                self._rest("The search was ended.")
        return True

    def failure(self, request: object) -> bool:
        """Take note that a request failed; returns whether it was the search for a code."""
        if self._request is None or request is not self._request:
            return False
        self._rest("")
        return True

    def _rest(self, says: str, has_pictures: bool = False) -> None:
        self._request = None
        self._pictures.setVisible(has_pictures)
        self.bar.hide()
        self.cancel.hide()
        self.says.setText(says)
        self.says.setVisible(bool(says))

    def _show(self, place: int, picture: Images) -> None:
        self.thumbs[place].setPixmap(enlarged(picture, _SIDE))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take one image file."""
        if dropped_picture(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Find the code of the picture that was dropped."""
        if path := dropped_picture(event):
            self.open(path)
            event.acceptProposedAction()


def enlarged(picture: Images, side: int) -> QPixmap:
    """Return a picture (H, W, C) at the largest whole-number zoom within `side`, or shrunk."""
    zoom = max(1, side // max(picture.shape[:2]))
    pixels = mosaic.coloured(picture[None])[0].repeat(zoom, 0).repeat(zoom, 1)
    made = QPixmap.fromImage(to_qimage(pixels))
    if max(made.width(), made.height()) > side:
        made = made.scaled(side, side, Qt.AspectRatioMode.KeepAspectRatio,
                           Qt.TransformationMode.SmoothTransformation)
    return made
