"""The Export menu of a sheet or a walk of a latent space."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QToolButton

from hybridstudio import pictures
from hybridstudio.gui import theme
from hybridstudio.gui.askfile import ask_file
from hybridstudio.gui.writing import Work, Writer
from hybridstudio.messages import Images

# What is offered: words in the menu, ending, what the dialog calls it.
KINDS: dict[str, tuple[str, str, str]] = {
    "png": ("Sheet as PNG…", ".png", "PNG picture"),
    "gif": ("Animation as GIF…", ".gif", "GIF animation"),
    "webp": ("Animation as WebP…", ".webp", "WebP animation"),
    "mp4": ("Animation as MP4…", ".mp4", "MP4 video"),
    "npy": ("Pictures as an array (.npy)…", ".npy", "NumPy array"),
}
SHEET = ("png", "npy")
WALK = ("gif", "webp", "mp4", "png", "npy")
SIDE = 256  # pixels that an animation's picture is enlarged to, by a whole number


class SheetExport(QToolButton):
    """Writes the pictures of `material()`: its images, columns and settings, ms for a walk.

    `written` tells the path of a finished file, `failed` a StudioError.
    """

    written = Signal(object)
    failed = Signal(object)

    def __init__(self, material: Callable[[], dict[str, Any]], kinds: Sequence[str] = SHEET,
                 ) -> None:
        super().__init__()
        self._material = material
        self._writer: Writer | None = None
        self._next: tuple[Path, Work] | None = None  # what is written after it
        self.setAccessibleName("Export")
        self.setToolTip("Export what is shown as a file")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        theme.set_icon(self, "export")
        menu = QMenu(self)
        for kind in kinds:
            menu.addAction(KINDS[kind][0]).triggered.connect(partial(self.ask, kind))
        self.setMenu(menu)

    def ask(self, kind: str, _checked: bool = False) -> None:
        """Ask where to write, without blocking, then write; what cannot be written is told now."""
        if kind == "mp4" and (missing := pictures.without_av()) is not None:
            self.failed.emit(missing)
            return
        words, ending, what = KINDS[kind]
        settings = self._material()["settings"]
        name = f"{settings.get('run', 'latent')}-latent{ending}"
        ask_file(self, words.rstrip("…"), lambda path: self.write(path, overwrite=True),
                 kinds=[f"{what} (*{ending})"], save_as=name)

    def write(self, path: Path, overwrite: bool = False) -> None:
        """Write a file in a thread; its ending says what it becomes.

        One that is being written is given up for it.
        """
        material = self._material()
        images, settings = material["images"], material["settings"]
        columns, ms = material["columns"], material.get("ms", 80)
        ending = path.suffix.lower()

        def work(check: Callable[[], None]) -> None:
            if ending == ".png":
                sheet = pictures.sheet(images, columns, zoom=2)
                pictures.write_png(path, sheet, settings, overwrite)
            elif ending == ".npy":
                pictures.write_samples(path, images, settings, overwrite)
            else:
                hold = ms if material.get("loop") else 1000
                pictures.write_animation(path, pages(images, check), ms, hold, overwrite,
                                         settings)

        self._next = (path, work)
        if self._writer is None:
            self._begin()
        else:
            self._writer.cancel()  # and _ended begins

    def is_writing(self) -> bool:
        """Return whether a file is being written."""
        return self._writer is not None

    def _begin(self) -> None:
        assert self._next is not None
        path, work = self._next
        self._next = None
        self._writer = Writer(work, self)
        self._writer.written.connect(lambda: self.written.emit(path))
        self._writer.failed.connect(self.failed)
        self._writer.finished.connect(self._ended)
        self._writer.start()

    def _ended(self) -> None:
        self.sender().deleteLater()
        self._writer = None
        if self._next is not None:
            self._begin()


def pages(images: Images, check: Callable[[], None]) -> Iterator[pictures.Raster]:
    """Enlarge pictures (N, H, W, C) one after the other, to be seen in an animation."""
    zoom = max(1, SIDE // max(images.shape[1:3]))
    for image in pictures.as_rgb(images):
        check()
        yield pictures.zoomed(image, zoom)
