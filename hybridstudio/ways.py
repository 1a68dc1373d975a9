"""Ways of drawing as words: where a drawing branches, who takes part in a race.

    at=12,seed=5,sampler=ddim       a branch after frame 12
    ddpm-mnist:dpm++2m:20           a run with a sampler and a number of evaluations
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from hybridstudio.errors import UsageError
from hybridstudio.messages import Branch

# Samplers begin with a letter, so that a number alone counts evaluations. What follows the first
# colon of a path of Windows is neither.
_WAY = re.compile(r"(?P<run>.+?)(?::(?P<sampler>[A-Za-z][\w+-]*))?(?::(?P<nfe>\d+))?")
_READ: dict[str, Callable[[str], int | float | str]] = {
    "at": int, "seed": int, "sampler": str, "nfe": int, "eta": float, "guidance": float,
    "label": str}


def branch_words(branch: Branch) -> str:
    """Write a branch as `read_branch` reads it."""
    told = {name: value for name, value in dataclasses.asdict(branch).items() if value is not None}
    return ",".join(f"{name}={value}" for name, value in told.items())


def read_branch(text: str, classes: Sequence[str] = ()) -> Branch:
    """Read a branch from words such as at=12,seed=5; a label is an index or one of the classes.

    Raises UsageError.
    """
    found: dict[str, int | float | str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, raw = (word.strip() for word in part.partition("="))
        if name not in _READ:
            close = difflib.get_close_matches(name, _READ, n=1, cutoff=0.5)
            raise UsageError(f"A branch has no {name}", f"it has {', '.join(_READ)}",
                             f"did you mean {close[0]}?" if close else "")
        try:
            found[name] = _READ[name](raw)
        except ValueError:
            equals = ""
        if not equals or not raw:
            raise UsageError(f"The branch {text} has no {name} that can be read",
                             f"{part!r} was given", "write it as at=12,seed=5,sampler=ddim")
    if "at" not in found:
        raise UsageError(f"The branch {text} does not say where it leaves",
                         fix="begin it with the frame, as in at=12,seed=5")
    if "label" in found:
        found["label"] = _index(str(found["label"]), classes)
    return Branch(**found)  # type: ignore[arg-type]


def _index(label: str, classes: Sequence[str]) -> int:
    if label in classes:
        return classes.index(label)
    if label.isdecimal():
        return int(label)
    raise UsageError(f"There is no class {label}", (
        f"the classes are {', '.join(classes)}" if classes else "this run knows no classes"),
        "give a class's index or its name")


class Way(NamedTuple):
    """Who takes part in a race: a run's name or path, how it draws, in how many evaluations."""

    run: str
    sampler: str | None = None
    nfe: int | None = None

    @property
    def words(self) -> str:
        """Write it as `read_way` reads it."""
        return ":".join(str(part) for part in self if part is not None)


def read_way(text: str) -> Way:
    """Read RUN, RUN:sampler, RUN:nfe or RUN:sampler:nfe."""
    found = _WAY.fullmatch(text.strip())
    if found is None:
        raise UsageError("A way of drawing has no run", f"{text!r} was given",
                         "write it as RUN:sampler:evaluations")
    nfe = found["nfe"]
    return Way(found["run"], found["sampler"], None if nfe is None else int(nfe))
