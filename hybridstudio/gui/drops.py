"""What a dropped or opened file is, told from its content; looking never changes anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hybridstudio import pictures
from hybridstudio.errors import StudioError, UsageError

Kind = Literal["run", "config", "data", "settings", "picture"]
IMAGES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
POINTS = {".csv", ".tsv", ".npy"}


@dataclass(frozen=True)
class Dropped:
    """What lies at `path`: a run's folder, a config, a data set by `name`, or a picture.

    "settings" is a picture of ours, which carries how it was made.
    """

    kind: Kind
    path: Path
    name: str = ""
    settings: dict[str, Any] | None = None


def told(path: Path) -> Dropped:
    """Tell what a path is; raises UsageError for what the studio has no use for."""
    if path.is_dir():
        if (path / "run.toml").is_file():
            return Dropped("run", path)
        return Dropped("data", path, f"folder:{path}")
    if not path.is_file():
        raise UsageError(f"There is nothing at {path}", "it may have been moved or deleted",
                         "check the path")
    suffix = path.suffix.lower()
    if path.name == "run.toml":
        return Dropped("run", path.parent)
    if suffix == ".toml":
        return Dropped("config", path)
    if suffix == ".zip":
        return Dropped("data", path, f"zip:{path}")
    if suffix in POINTS:
        return Dropped("data", path, f"points:{path}")
    if suffix in IMAGES:
        try:
            settings = pictures.read_settings(path)
        except (StudioError, OSError):
            settings = None  # the picture itself may still be good
        return Dropped("settings" if settings else "picture", path, settings=settings)
    raise UsageError(
        f"{path.name} cannot be opened here", f"a file that ends in {suffix or 'nothing'} is none "
        "of those that the studio reads",
        "drop a folder or zip of images, a table of points (.csv), a run's folder, a config "
        "(.toml), or a picture")
