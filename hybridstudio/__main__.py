"""`hybridstudio` without a command opens the window; with one it is the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from hybridstudio import doctor
from hybridstudio.errors import StudioError

# The options with which the window opens, and the environment variables that they set.
OPTIONS = {"--runs": "HYBRIDSTUDIO_RUNS", "--data-root": "HYBRIDSTUDIO_DATA"}
NEEDS_DISPLAY = {"", "xcb", "wayland", "wayland-egl"}


def main(words: Sequence[str] | None = None) -> int:
    """Run the window or a command; returns the exit code."""
    words = list(sys.argv[1:] if words is None else words)
    folders = window_folders(words)
    if folders is None:
        from hybridstudio import cli

        return cli.main(words)
    for option, folder in folders.items():
        os.environ[OPTIONS[option]] = str(Path(folder).expanduser().absolute())
    try:
        return window()
    except StudioError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def window_folders(words: Sequence[str]) -> dict[str, str] | None:
    """Return the folder of each of OPTIONS that is given; None where it is not the window's."""
    folders, rest = {}, list(words)
    while rest:
        option, equals, folder = rest.pop(0).partition("=")
        if not equals and rest:
            folder = rest.pop(0)
        if option not in OPTIONS or not folder:
            return None
        folders[option] = folder
    return folders


def window() -> int:
    """Open the window; raises StudioError where there is no display or Qt does not work."""
    if not has_display():
        raise StudioError(
            "There is no display to open the window on", "DISPLAY and WAYLAND_DISPLAY are not set",
            "use the command line: hybridstudio --help")
    installed = doctor.version("PySide6-Essentials") or ""
    if installed and doctor.is_bad_pyside(installed):
        raise StudioError(f"PySide6 {installed} is known to crash here", "it miscounts references "
                          "to None and True", "`hybridstudio doctor` gives the line that mends it")
    if sys.platform == "win32":
        import torch  # noqa: F401  # its libraries load only before Qt's there
    try:
        from hybridstudio.gui import app
    except ImportError as error:
        raise StudioError("The window cannot open", f"Qt could not be loaded: {error}",
                          "`hybridstudio doctor` names what is missing; the command line works "
                          "without it: hybridstudio --help") from error
    return app.start()


def has_display() -> bool:
    """Tell whether a window can be shown; a platform of Qt that needs no display counts."""
    if not sys.platform.startswith("linux"):
        return True
    platform = os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0].partition(";")[0]
    if platform not in NEEDS_DISPLAY:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


if __name__ == "__main__":
    sys.exit(main())
