"""Where things lie: what ships with the program, the user's runs, data, settings and cache."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import platformdirs

_PACKAGE = Path(__file__).resolve().parent
_APP = "HybridStudio"


def _shipped(name: str) -> Path:
    """Return the folder `name` inside an installed package, or beside it in a checkout."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def resources() -> Path:
    """Return the folder of presets, embedded data, feature networks, icons."""
    return _shipped("resources")


def checkpoints() -> Path:
    """Return the folder of models that ship, each a run folder without optimiser state."""
    return _shipped("checkpoints")


def runs() -> Path:
    """Return the folder of the user's runs: HYBRIDSTUDIO_RUNS, or one in their documents."""
    if folder := os.environ.get("HYBRIDSTUDIO_RUNS"):
        return Path(folder).expanduser()
    return Path(platformdirs.user_documents_dir()) / _APP / "runs"


def data_root(chosen: Path | None = None) -> Path:
    """Return where data sets lie (torchvision's layout): `chosen`, HYBRIDSTUDIO_DATA or a cache."""
    if chosen is not None:
        return chosen.expanduser()
    if folder := os.environ.get("HYBRIDSTUDIO_DATA"):
        return Path(folder).expanduser()
    return cache() / "data"


def cache() -> Path:
    """Return a writable cache folder, made if need be; a temporary one where home is unwritable."""
    return _writable(Path(os.environ.get("HYBRIDSTUDIO_CACHE")
                          or platformdirs.user_cache_dir(_APP, appauthor=False)), "cache")


def settings() -> Path:
    """Return a writable folder for the window's settings, made if need be."""
    return _writable(Path(os.environ.get("HYBRIDSTUDIO_SETTINGS")
                          or platformdirs.user_config_dir(_APP, appauthor=False)), "settings")


def _writable(folder: Path, purpose: str) -> Path:
    """Make `folder`, or one under the temporary directory when it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    user = os.getuid() if hasattr(os, "getuid") else 0
    fallback = Path(tempfile.gettempdir()) / f"{_APP.lower()}-{user}" / purpose
    fallback.mkdir(parents=True, exist_ok=True)
    return fallback
