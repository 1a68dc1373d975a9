"""The Export menu of a drawing: the frame, a strip, a sheet, an animation, the raw arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from hybridstudio import frames, pictures
from hybridstudio.gui import theme
from hybridstudio.gui.askfile import ask_file
from hybridstudio.gui.writing import Writer
from hybridstudio.messages import Frame

# What is offered: name in the menu, ending, what the dialog calls it.
KINDS: dict[str, tuple[str, str, str]] = {
    "frame": ("This frame as PNG…", ".png", "PNG picture"),
    "strip": ("Strip of moments as PNG…", ".png", "PNG picture"),
    "sheet": ("Finished pictures as a sheet (PNG)…", ".png", "PNG picture"),
    "gif": ("Animation as GIF…", ".gif", "GIF animation"),
    "webp": ("Animation as WebP…", ".webp", "WebP animation"),
    "mp4": ("Animation as MP4…", ".mp4", "MP4 video"),
    "npz": ("All frames as arrays (.npz)…", ".npz", "NumPy archive"),
}
PARTS = ("strip", "sheet")  # are named in the file
ANIMATION_FRAMES = 120  # frames of an animation at most


class ExportButton(QToolButton):
    """Offers the exports; `material()` gives what they are made from when one begins.

    That is film, frame, rows, their ranges, the only picture or None, and settings.

    `written` tells the path of a finished file, `failed` a StudioError.
    """

    written = Signal(object)
    failed = Signal(object)

    def __init__(self, material: Callable[[], dict[str, Any]], parent: QWidget | None = None,
                 ) -> None:
        super().__init__(parent)
        self._material = material
        self._writer: Writer | None = None
        self.setAccessibleName("Export")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        theme.set_icon(self, "export")
        self._menu = QMenu(self)
        for kind, (words, _, _) in KINDS.items():
            self._menu.addAction(words).triggered.connect(partial(self.ask, kind))
        self._menu.addSeparator()
        self._cancel = self._menu.addAction("Cancel the export", self.cancel)
        self._menu.aboutToShow.connect(self._show_state)
        self.setMenu(self._menu)
        self._show_state()

    def ask(self, kind: str, _checked: bool = False) -> None:
        """Ask where to write, without blocking, then write; what cannot be written is told now."""
        if kind == "mp4" and (missing := pictures.without_av()) is not None:
            self.failed.emit(missing)
            return
        title, ending, words = KINDS[kind]
        settings = self._material()["settings"]
        name = "-".join(str(settings[key]) for key in ("run", "sampler", "nfe") if key in settings)
        name += f"-seed{settings.get('seed', 0)}" + (f"-{kind}" if kind in PARTS else "")
        # The dialog asks whether an existing file may be replaced.
        ask_file(self, title.rstrip("…"), lambda path: self.write(kind, path, overwrite=True),
                 kinds=[f"{words} (*{ending})"], save_as=name.replace("+", "p") + ending)

    def write(self, kind: str, path: Path, overwrite: bool = False) -> None:
        """Write an export in a thread, once another that is being written has been given up."""
        self.cancel()
        material = self._material()
        film = material["film"]
        kept = list(film)  # frozen records: safe to read in the thread
        frame, rows, only = material["frame"], material["rows"], material["only"]
        ranges, settings = material["ranges"], material["settings"]
        earlier = film.before(frame) if frame is not None else None

        def whole(place: int) -> Frame:
            return frames.completed(kept[place], kept[place - 1] if place else None, rows)

        def work(check: Callable[[], None]) -> None:
            if kind == "frame":
                page = frames.page(frames.completed(frame, earlier, rows), rows, only,
                                   ranges=ranges)
                pictures.write_png(path, page, settings, overwrite)
            elif kind == "strip":
                moments = [whole(place)
                           for place in pictures.spread(len(kept), frames.STRIP_FRAMES)]
                page = frames.strip(moments, rows, only, ranges)
                pictures.write_png(path, page, settings, overwrite)
            elif kind == "sheet":
                page = pictures.sheet(kept[-1].x_t, zoom=frames.export_zoom(kept[-1]))
                pictures.write_png(path, page, settings, overwrite)
            elif kind == "npz":
                frames.write_arrays(path, kept, settings, check, overwrite)
            else:
                pictures.write_animation(path, pages(check), settings=settings,
                                         overwrite=overwrite)

        def pages(check: Callable[[], None]) -> Iterator[pictures.Raster]:
            for place in pictures.spread(len(kept), ANIMATION_FRAMES):
                check()
                yield frames.page(whole(place), rows, only, ranges=ranges)

        before, self._writer = self._writer, Writer(work, self)
        self._writer.written.connect(lambda: self.written.emit(path))
        self._writer.failed.connect(self.failed)
        self._writer.finished.connect(self._ended)
        if before is None:
            self._writer.start()
        elif not before.isRunning() and not before.isFinished():
            before.deleteLater()  # it waited itself, for the one that the newest waits for now
        self._show_state()

    def cancel(self) -> None:
        """Give up what is being written; nothing of it stays."""
        if self._writer is not None:
            self._writer.cancel()

    def is_writing(self) -> bool:
        """Return whether a file is being written."""
        return self._writer is not None

    def _ended(self) -> None:
        if self.sender() is self._writer:
            self._writer = None
        elif self._writer is not None:
            self._writer.start()  # it waited: both may mean the same file
        self.sender().deleteLater()
        self._show_state()

    def _show_state(self) -> None:
        writing = self._writer is not None
        self._cancel.setVisible(writing)
        self.setToolTip("Writing… open the menu to cancel" if writing else
                        "Export the frame, a strip, a sheet, an animation or the raw frames")
