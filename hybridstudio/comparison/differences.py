"""The hyper-parameters in which runs differ, and only those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hybridstudio.comparison.reading import Subject
from hybridstudio.config import Leaf, leaves, value_at
from hybridstudio.telling import number

MISSING = "–"  # a family that has no such field, or one that means nothing there
# What a run is called, and what only follows from the data that are named anyway.
_WORDS = ("schema_version", "name", "says", "source", "data.classes")


@dataclass(frozen=True)
class Difference:
    """A field in which runs differ: its value in each as it is written, and where it is usual.

    `values` are None where a run has no such field, `is_default` tells for each whether it is the
    family's own default.
    """

    path: str
    unit: str
    says: str
    default: str
    values: tuple[str | None, ...]
    is_default: tuple[bool, ...]


def differences(subjects: Sequence[Subject]) -> tuple[Difference, ...]:
    """List the fields whose values are not the same in all of the runs that could be read."""
    sound = [subject for subject in subjects if subject.is_sound]
    fields = [_fields(subject) for subject in sound]
    found = []
    for path in dict.fromkeys(path for each in fields for path in each):
        told = [each.get(path) for each in fields]
        texts = [None if one is None else written(one[1]) for one in told]
        if len(set(texts)) < 2:
            continue
        known = [one for one in told if one is not None]
        usual = dict.fromkeys(written(leaf.default) for leaf, _ in known)
        found.append(Difference(
            path, known[0][0].unit, known[0][0].says, " or ".join(usual), tuple(texts),
            tuple(one is not None and one[0].default == one[1] for one in told)))
    return tuple(sorted(found, key=_order))


def _fields(subject: Subject) -> dict[str, tuple[Leaf, Any]]:
    """Return every field of a run that means something, with its value."""
    config = subject.config
    idle = config.model.idle()
    return {leaf.path: (leaf, value_at(config, leaf.path)) for leaf in leaves(config)
            if leaf.path not in _WORDS and not (idle and leaf.path.startswith(idle))}


def _order(one: Difference) -> tuple[int, bool, bool]:
    """Go by section: its first field, then what all runs have; else in the config's own order."""
    sections = ("data", "model", "train", "sample")
    section = one.path.partition(".")[0]
    place = sections.index(section) if section in sections else len(sections)
    return place, one.path not in ("data.name", "model.family"), None in one.values


def written(value: Any) -> str:
    """Write a value of a config for people: 0.0002, 32, 64, on, empty."""
    if value is None or value == "" or value == ():
        return "empty"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return number(value) if abs(value) < 1000 or not value.is_integer() else f"{value:,.0f}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(written, value))
    return str(value)
