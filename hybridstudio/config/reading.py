"""Configs as TOML and as plain values: read with every fault told at once, changed, written."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
from pydantic import ValidationError
from tomlkit.exceptions import TOMLKitError

from hybridstudio.config.fields import leaves
from hybridstudio.config.models import MODELS
from hybridstudio.config.run import SCHEMA_VERSION, RunConfig
from hybridstudio.errors import ConfigError, Problem, UsageError

USUAL_FAMILY = "ddpm"  # where a config does not name one
MAX_BYTES = 1_000_000  # a config larger than this is some other file


def parse(values: Mapping[str, Any], source: str = "the config") -> RunConfig:
    """Make a config from nested plain values; raises ConfigError naming every fault at once."""
    values = _migrated(values, source)
    if isinstance(model := values.get("model"), Mapping) and "family" not in model:
        values = {**values, "model": {"family": USUAL_FAMILY, **model}}
    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError([_told(fault) for fault in error.errors()], source) from None
    if problems := config.problems():
        raise ConfigError(problems, source)
    return config


def loads(text: str, source: str = "the config") -> RunConfig:
    """Parse TOML text; raises ConfigError."""
    return parse(plain(text, source), source)


def plain(text: str, source: str = "the config") -> dict[str, Any]:
    """Turn TOML text into nested plain values, unchecked; raises ConfigError on bad syntax."""
    try:
        return tomlkit.parse(text).unwrap()
    except TOMLKitError as error:
        raise ConfigError([Problem("TOML", str(error))], source) from None


def load(path: Path) -> RunConfig:
    """Read a config from a TOML file; raises ConfigError (or OSError when it cannot be read)."""
    return loads(read_text(path), str(path))


def read_text(path: Path) -> str:
    """Read a small text file as UTF-8 with or without a BOM; raises ConfigError otherwise."""
    with path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ConfigError([Problem("file", "larger than 1 MB", "this is no config")], str(path))
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError([Problem("file", "encoded as UTF-16", "save it as UTF-8")], str(path))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError([Problem("file", f"not UTF-8: {error}", "save it as UTF-8")],
                          str(path)) from None


def dumps(config: RunConfig) -> str:
    """Write a config as TOML; empty optional fields are left out, since TOML has no null."""
    return tomlkit.dumps(config.model_dump(mode="json", exclude_none=True))


def with_values(config: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
    """Return the config with values at dotted paths replaced and everything checked anew.

    Raises ConfigError naming every unknown path and every bad value.
    """
    values = config.model_dump(mode="python")
    problems = []
    for path, value in changes.items():
        *parents, last = path.split(".")
        table: Any = values
        for parent in parents:
            table = table.get(parent) if isinstance(table, dict) else None
        if not isinstance(table, dict) or last not in table or isinstance(table[last], dict):
            problems.append(Problem(path, "no such field", _nearest(path, config.model.family)))
        else:
            table[last] = value
    try:
        changed = parse(values, "the changed config")
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems, "the changed config")
    return changed


def assignment(text: str) -> tuple[str, Any]:
    """Split `key=value` as --set takes it; the value is read as TOML, or else as a string."""
    path, equals, raw = text.partition("=")
    if not equals or not path.strip():
        raise UsageError(f"--set {text} has no value", fix="write it as --set train.lr=0.0002")
    path, raw = path.strip(), raw.strip()
    if raw in ("", "none", "None"):
        return path, None
    try:
        return path, tomlkit.parse(f"value = {raw}").unwrap()["value"]
    except TOMLKitError:
        return path, raw


def _migrated(values: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    version = values.get("schema_version", SCHEMA_VERSION)
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise ConfigError([Problem(
            "schema_version", f"{version} is newer than this program's {SCHEMA_VERSION}",
            "update HybridStudio to open it")], source)
    return values


def _told(fault: Any) -> Problem:
    """Tell one of pydantic's faults in a user's words, with the nearest name for a typo."""
    # Faults of a family's field come as model.<family>.<field>; users write model.<field>.
    words = [str(part) for part in fault["loc"]]
    family = ""
    if len(words) > 1 and words[0] == "model" and words[1] in MODELS:
        family = words.pop(1)
    path = ".".join(words) or "config"
    if fault["type"] == "union_tag_invalid":
        close = difflib.get_close_matches(str(fault["input"].get("family")), MODELS, n=1)
        return Problem("model.family", f"there is no family {fault['input'].get('family')!r}",
                       f"did you mean {close[0]}?" if close else
                       f"choose one of {', '.join(MODELS)}")
    if fault["type"] == "extra_forbidden":
        return Problem(path, "no such field", _nearest(path, family))
    shown = fault["input"]
    what = str(fault["msg"]).removeprefix("Value error, ")
    what = what.replace("Input should", "should")
    is_scalar = isinstance(shown, (str, int, float, bool))
    return Problem(path, what + (f", not {shown!r}" if is_scalar else ""))


def _nearest(path: str, family: str = "") -> str:
    """Suggest the field that was probably meant: one of its family's own before all others."""
    common = [leaf.path for leaf in leaves(RunConfig) if not leaf.path.startswith("model.")]
    by_family = {name: [leaf.path for leaf in leaves(model, "model.")]
                 for name, model in MODELS.items()}
    everything = dict.fromkeys(name for names in by_family.values() for name in names)
    for known in ([*common, *by_family.get(family, ())], [*common, *everything]):
        if close := _close(path, known):
            return f"did you mean {close}?"
    return ""


def _close(path: str, known: Sequence[str]) -> str:
    """Return the nearest by its whole path, or else by its name alone; "" where none is near."""
    if close := difflib.get_close_matches(path, known, n=1, cutoff=0.75):
        return close[0]
    by_name = {name.rpartition(".")[2]: name for name in reversed(known)}
    near = difflib.get_close_matches(path.rpartition(".")[2], by_name, n=1, cutoff=0.6)
    return by_name[near[0]] if near else ""
