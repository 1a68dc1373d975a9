"""What the window remembers: layout, theme, recent runs, where data lies; an INI file.

Whatever the file says (garbage, a newer version's, a monitor that is gone), the window opens, and
opens where it can be seen.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QByteArray, QRect, QSettings, QSize
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMainWindow, QSplitter

from hybridstudio import paths
from hybridstudio.messages import Notice

LAYOUT_VERSION = 1
RECENT = 10
DEFAULT_SIZE = QSize(1280, 800)
_T = TypeVar("_T", str, int, bool)


class Settings:
    """Values by name, each with a default; a value of another type counts as missing."""

    def __init__(self, file: Path | None = None) -> None:
        self.file = file or paths.settings() / "window.ini"
        self._store = QSettings(str(self.file), QSettings.Format.IniFormat)

    def get(self, name: str, default: _T) -> _T:
        """Return a remembered value of the default's type, or the default."""
        value = self._store.value(name)
        if isinstance(default, bool):
            return {"true": True, "false": False}.get(str(value).lower(), default)
        if isinstance(default, int):
            with contextlib.suppress(TypeError, ValueError):
                return type(default)(value)
            return default
        return value if isinstance(value, str) else default

    def put(self, name: str, value: str | int | bool) -> None:
        """Remember a value."""
        self._store.setValue(name, value)

    def save(self) -> None:
        """Write the file now; a folder that cannot be written is no reason to stop."""
        self._store.sync()

    # --- recent runs ------------------------------------------------------------------------------

    def recent(self) -> list[Path]:
        """Return the runs that were opened last and still exist, newest first."""
        lines = self.get("recent", "").split("\n")
        return [Path(line) for line in lines if line and (Path(line) / "run.toml").is_file()]

    def opened(self, run: Path) -> None:
        """Put a run first among the recent ones."""
        rest = [path for path in self.recent() if path != run]
        self.put("recent", "\n".join(str(path) for path in [run, *rest][:RECENT]))

    # --- data -------------------------------------------------------------------------------------

    def choose_data_folder(self, folder: Path) -> None:
        """Look for data sets in a folder, now and next time."""
        self.put("data", str(folder))
        os.environ["HYBRIDSTUDIO_DATA"] = str(folder)  # where paths.data_root and children look

    def use_data_folder(self) -> Notice | None:
        """Look for data sets where the user chose to, unless this start names another folder.

        Tells when the folder is gone: then the usual one serves.
        """
        folder = self.get("data", "")
        if not folder or os.environ.get("HYBRIDSTUDIO_DATA"):
            return None
        if not Path(folder).is_dir():
            return Notice(f"The data folder {folder} is not there",
                          f"data sets are looked for in {paths.data_root()} meanwhile",
                          "bring it back and start again, or choose another one: File, Data folder",
                          "warning")
        os.environ["HYBRIDSTUDIO_DATA"] = folder
        return None

    # --- layout -----------------------------------------------------------------------------------

    def keep_layout(self, window: QMainWindow, splitters: Mapping[str, QSplitter]) -> None:
        """Remember where the window is and how it is divided."""
        self._store.setValue("layout/version", LAYOUT_VERSION)
        self._store.setValue("layout/geometry", window.saveGeometry())
        for name, splitter in splitters.items():
            self._store.setValue(f"layout/{name}", splitter.saveState())

    def restore_layout(self, window: QMainWindow, splitters: Mapping[str, QSplitter]) -> bool:
        """Put the window where it was, always where it can be seen; returns whether that was known.

        A layout of another version is not used.
        """
        window.resize(DEFAULT_SIZE)
        known = self.get("layout/version", 0) == LAYOUT_VERSION
        if known:
            known = window.restoreGeometry(self._bytes("layout/geometry"))
            for name, splitter in splitters.items():
                if (state := self._bytes(f"layout/{name}")).size():
                    splitter.restoreState(state)
        keep_on_screen(window)
        return known

    def _bytes(self, name: str) -> QByteArray:
        value = self._store.value(name)
        return value if isinstance(value, QByteArray) else QByteArray()


def keep_on_screen(window: QMainWindow) -> None:
    """Move and shrink a window until all of it lies on one screen; a good place stays."""
    screens = [screen.availableGeometry() for screen in QGuiApplication.screens()]
    if not screens or window.isMaximized() or window.isFullScreen():
        return
    place = QRect(window.pos(), window.size())
    if any(screen.contains(place) for screen in screens):
        return
    screen = max(screens, key=lambda one: _area(one.intersected(place)))
    seen = _area(screen.intersected(place)) > 0
    size = place.size().boundedTo(screen.size()).expandedTo(window.minimumSizeHint())
    window.resize(size)
    left = min(max(place.left(), screen.left()), max(screen.left(), screen.right() - size.width()))
    top = min(max(place.top(), screen.top()), max(screen.top(), screen.bottom() - size.height()))
    if not seen:
        left = screen.left() + max(0, (screen.width() - size.width()) // 2)
        top = screen.top() + max(0, (screen.height() - size.height()) // 2)
    window.move(left, top)


def _area(place: QRect) -> int:
    return max(0, place.width()) * max(0, place.height())
