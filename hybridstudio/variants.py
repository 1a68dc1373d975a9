"""Variants of a config: a few settings, several values each, every combination a run of its own."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from hybridstudio import runs
from hybridstudio.config import RunConfig, assignment, leaves, value_at, with_values
from hybridstudio.config.known import problems
from hybridstudio.errors import ConfigError, Problem, StudioError, UsageError

MOST = 200  # variants of one config: more are a mistake


@dataclass(frozen=True)
class Variant:
    """One combination: its name, which is also its folder's, what it changes, its whole config."""

    name: str
    changes: Mapping[str, Any]
    config: RunConfig


def varied(base: RunConfig, values: Mapping[str, Sequence[Any]]) -> list[Variant]:
    """Return every combination of the values of some paths, the last path changing fastest.

    All are checked before any is returned: raises ConfigError with the faults of every variant,
    UsageError where there are too many or none.
    """
    count = 1
    for path, options in values.items():
        if not options:
            raise UsageError(f"{path} has no values", "nothing would vary",
                             f"name some, as {path}=1,2")
        count *= len(options)
    if count > MOST:
        raise UsageError(f"{count:,} variants are too many", f"the most is {MOST}",
                         "vary fewer settings, or give them fewer values")
    made: list[Variant] = []
    faults: dict[str, Problem] = {}
    for combination in itertools.product(*values.values()):
        changes = dict(zip(values, combination, strict=True))
        name = _free(name_of(base.name, changes), [variant.name for variant in made])
        try:
            config = with_values(base, changes | {"name": name[:100]})
            found = problems(config)
        except ConfigError as error:
            found = error.problems
        else:
            made.append(Variant(name, changes, config))
        # The same fault in several variants is told once.
        faults |= {str(fault): Problem(fault.path, f"{fault.what}, in {name}", fault.fix)
                   for fault in found if str(fault) not in faults}
    if faults:
        raise ConfigError(list(faults.values()), "the variants")
    return made


def name_of(base: str, changes: Mapping[str, Any]) -> str:
    """Name a variant by what it changes: digits-lr0.0002-batch_size64."""
    parts = [f"{path.rpartition('.')[2]}{_short(value)}" for path, value in changes.items()]
    return "-".join([base, *parts])[:120]


def read_values(text: str) -> tuple[str, list[Any]]:
    """Split `key=a,b,c` as --vary takes it: each value is read as TOML, or else as a string."""
    path, equals, raw = text.partition("=")
    if not equals or not path.strip() or not raw.strip():
        raise UsageError(f"--vary {text} has no values",
                         fix="write it as --vary train.lr=1e-4,2e-4,4e-4")
    return path.strip(), values_of(raw)


def values_of(text: str) -> list[Any]:
    """Read values with commas between them, once each; lists stand in brackets."""
    try:
        values = tomlkit.parse(f"values = [{text}]").unwrap()["values"]
    except TOMLKitError:
        values = [assignment(f"value={part}")[1] for part in _split(text)]
    kept: list[Any] = []
    for value in values:
        if not any(value == one and type(value) is type(one) for one in kept):
            kept.append(value)
    return kept


def is_done(folder: Path, config: RunConfig, budget: float | None = None) -> bool:
    """Tell whether a variant's folder holds its finished training; False where it can go on.

    With a `budget` one that ended by itself is finished. Raises UsageError where the folder holds
    another run.
    """
    if not (folder / "run.toml").exists():
        return False
    try:
        run = runs.read(folder)
    except StudioError as error:
        raise UsageError(f"{folder} holds a run that cannot be read", error.what,
                         "move it away, or choose another folder") from error
    idle = config.model.idle()
    other = [leaf.path for leaf in leaves(config)
             if (value := value_at(config, leaf.path)) not in (None, ())  # filled in by the data
             and value != _value_or_none(run.config, leaf.path)
             and not (idle and leaf.path.startswith(idle))]
    if other:
        raise UsageError(f"{folder} holds another run", f"it differs in {', '.join(other[:3])}",
                         "choose another folder")
    return run.step >= config.train.steps or (budget is not None and run.state == "finished")


def _value_or_none(config: RunConfig, path: str) -> Any:
    try:
        return value_at(config, path)
    except AttributeError:  # another family's
        return None


def _free(name: str, taken: Sequence[str]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


def _short(value: Any) -> str:
    """Write a value so that it can be part of a folder's name."""
    if value is None:
        return "-empty"
    if isinstance(value, bool):
        return "-on" if value else "-off"
    if isinstance(value, float):
        value = f"{value:g}"
    if isinstance(value, (list, tuple)):
        value = "x".join(map(str, value))
    text = re.sub(r"[^\w.+-]+", "-", str(value)).strip("-.")
    return text if text[:1].isdigit() else f"-{text or 'empty'}"


def _split(text: str) -> list[str]:
    """Split at the commas that stand in no brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]
