"""A race as a file: an animation in time or in step, or its moments in one picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from hybridstudio import pictures, racing
from hybridstudio.gui import theme
from hybridstudio.gui.askfile import ask_file
from hybridstudio.gui.writing import Writer
from hybridstudio.racing import By, Lane

KINDS = {".gif": ("Animation as GIF…", "GIF animation"),
         ".webp": ("Animation as WebP…", "WebP animation"),
         ".png": ("Moments as PNG…", "PNG picture")}
MOMENTS = 60  # of an animation
FASTEST = 30  # ms for a moment: what shows animations cannot be relied on to be faster


class Material(NamedTuple):
    """What an export is made from: the lanes, how they keep together, the speed, the settings."""

    lanes: Sequence[Lane]
    by: By
    speed: float
    settings: dict[str, Any]


class RaceExport(QToolButton):
    """Offers the exports of a race; `written` tells a path, `failed` a StudioError."""

    written = Signal(object)
    failed = Signal(object)

    def __init__(self, material: Callable[[], Material], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._material = material
        self._writer: Writer | None = None
        self.setAccessibleName("Export")
        self.setToolTip("Export the race as an animation or a picture")
        self.setAutoRaise(True)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        theme.set_icon(self, "export")
        menu = QMenu(self)
        for ending, (words, _) in KINDS.items():
            menu.addAction(words).triggered.connect(partial(self.ask, ending))
        self.setMenu(menu)

    def ask(self, ending: str, _checked: bool = False) -> None:
        """Ask where to write, without blocking."""
        ask_file(self, KINDS[ending][0].rstrip("…"), self.write,
                 kinds=[f"{KINDS[ending][1]} (*{ending})"], save_as=f"race{ending}")

    def write(self, path: Path) -> None:
        """Write in a thread, unless another is being written."""
        if self._writer is not None:
            return
        lanes, by, speed, settings = self._material()

        def work(check: Callable[[], None]) -> None:
            if path.suffix.lower() == ".png":
                pictures.write_png(path, racing.still(lanes, by), settings, overwrite=True)
                return
            seconds = racing.end(lanes, by) / (speed if by == "time" else 10.0)
            ms = max(FASTEST, round(1000.0 * seconds / MOMENTS))
            pictures.write_animation(path, pages(check), ms, overwrite=True)

        def pages(check: Callable[[], None]) -> Iterator[pictures.Raster]:
            for page in racing.pages(lanes, by, MOMENTS):
                check()
                yield page

        self._writer = Writer(work, self)
        self._writer.written.connect(lambda: self.written.emit(path))
        self._writer.failed.connect(self.failed)
        self._writer.finished.connect(self._ended)
        self._writer.start()

    def is_writing(self) -> bool:
        """Return whether a file is being written."""
        return self._writer is not None

    def _ended(self) -> None:
        if self._writer is not None:
            self._writer.deleteLater()
        self._writer = None
