"""Config files with faults, taken as far as they are right. No Qt."""

from __future__ import annotations

from typing import Any

from hybridstudio import config as configs
from hybridstudio.config import RunConfig
from hybridstudio.errors import ConfigError, Problem


def as_far_as_valid(values: dict[str, Any], source: str) -> tuple[RunConfig, list[Problem]]:
    """Return the config that is left when faulty fields fall back to their defaults.

    Raises ConfigError where what is left is no config either.
    """
    told: list[Problem] = []
    while True:
        try:
            return configs.parse(values, source), told
        except ConfigError as error:
            if not any([_without(values, problem.path) for problem in error.problems]):
                raise
            told += error.problems


def _without(values: dict[str, Any], path: str) -> bool:
    """Take a field out, or the table that it is missing from; returns whether that was there."""
    table, owner, name = values, values, ""
    *parents, last = path.split(".")
    for parent in parents:
        if not isinstance(table.get(parent), dict):
            break
        owner, name, table = table, parent, table[parent]
    if last in table:
        del table[last]
        return True
    return name != "" and owner.pop(name, None) is not None
