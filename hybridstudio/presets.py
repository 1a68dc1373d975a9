"""Presets: the configs that ship, found by name, each explained in a sentence."""

from __future__ import annotations

import difflib
from pathlib import Path

from hybridstudio import paths
from hybridstudio.config import RunConfig, load
from hybridstudio.errors import UsageError


def names() -> list[str]:
    """Return the names of the presets that ship, sorted."""
    return sorted(file.stem for file in (paths.resources() / "presets").glob("*.toml"))


def listing() -> dict[str, RunConfig]:
    """Return every preset by its name; raises ConfigError for one that does not parse."""
    return {name: load(_file(name)) for name in names()}


def find(text: str) -> RunConfig:
    """Return the config of a preset's name or of a TOML file.

    A name wins over a file of the same name. Raises UsageError with the nearest name where there
    is neither, and ConfigError where the file is no config.
    """
    if text in names():
        return load(_file(text))
    file = Path(text).expanduser()
    if file.is_file():
        config = load(file)
        named = "name" in config.model_fields_set
        return config if named else config.model_copy(update={"name": file.stem[:100]})
    if file.suffix == ".toml" or len(file.parts) > 1:
        raise UsageError(f"There is no config {text}", "the file does not exist",
                         "check the path; `hybridstudio presets` lists the configs that ship")
    close = difflib.get_close_matches(text, names(), n=1, cutoff=0.5)
    raise UsageError(
        f"There is no preset {text}", f"the presets are {', '.join(names()) or 'missing'}",
        f"did you mean {close[0]}?" if close else "give one of these, or the path of a TOML file")


def _file(name: str) -> Path:
    return paths.resources() / "presets" / f"{name}.toml"
