"""From the names of files to pictures with classes: what belongs to the set, and in which order."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from hybridstudio.config import DataConfig
from hybridstudio.data.dataset import MAX_LISTED, Labels, Skipped, chosen, listed
from hybridstudio.data.decode import SUFFIXES
from hybridstudio.errors import StudioError, UsageError

PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test",
         "val": "val", "valid": "val", "validation": "val"}
WANTED = {"train": ("train",), "test": ("test", "val"), "all": ("train", "val", "test")}
LITTER = frozenset(("__macosx", "thumbs.db", "desktop.ini"))


@dataclass
class Left:
    """What was left out and why: the first thousand by name, the rest counted."""

    listed: list[Skipped] = field(default_factory=list)
    count: int = 0

    def out(self, name: str, why: str) -> None:
        """Leave `name` out, because of `why`."""
        self.count += 1
        if len(self.listed) < MAX_LISTED:
            self.listed.append((shown(name), why))


@dataclass
class Listing:
    """Pictures to be decoded, in order: their names, labels (N,) and how a name's file is read.

    `read` returns a file's bytes; it is called from several threads, and raises OSError or
    UnreadableError.
    """

    names: list[str]
    labels: Labels
    classes: tuple[str, ...]
    read: Callable[[str], bytes]
    left: Left = field(default_factory=Left)


def natural(name: str) -> tuple[object, ...]:
    """Return a sort key in which picture-9 comes before picture-10, whatever the locale."""
    pieces = re.split("([0-9]+)", name.casefold())
    numbers = [piece.lstrip("0") for piece in pieces[1::2]]
    pieces[1::2] = [f"{len(number):08}{number}" for number in numbers]
    return (*pieces, name)


def shown(name: str) -> str:
    """Make a file's name printable: bytes that are no UTF-8 and control characters become �."""
    text = name.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def is_litter(name: str) -> bool:
    """Whether a file or folder is hidden or left by an operating system."""
    return name.startswith(".") or name.lower() in LITTER


def has_picture_name(name: str) -> bool:
    """Whether a file is taken for a picture: by its suffix, or by having none."""
    suffix = os.path.splitext(name)[1].lower()
    return suffix in SUFFIXES or not re.fullmatch(r"\.(?=.*[a-z])\w{1,12}", suffix)


class Placed(NamedTuple):
    """Where a file belongs: train, val or test ("" if undivided), its class's folder, its name."""

    part: str
    group: str
    name: str


def arranged(names: list[str], config: DataConfig, left: Left,
             read: Callable[[str], bytes]) -> Listing:
    """Find the split and the class of each file from its path (with / between folders).

    One folder for each class, or all flat; either inside `train` and `test` folders; and all of it
    inside one folder more. The classes are those of all splits together, so that labels mean the
    same in each. Raises UsageError where the split is missing, StudioError where nothing is there.
    """
    if not names:
        raise StudioError(f"There are no pictures in {config.name}", _why_empty(left),
                          "choose a folder or an archive of PNG, JPEG, WebP or other pictures")
    placed, wanted = _placed(names, config, left)
    classes: tuple[str, ...] = ()
    groups: list[str] = []
    if 2 * sum(not file.group for file in placed) < len(placed):
        groups = sorted({file.group for file in placed} - {""}, key=natural)
        classes = tuple(shown(group) for group in groups)
    label_of = {group: label for label, group in enumerate(groups)}
    rows = []
    for part, group, name in placed:
        if groups and not group:
            left.out(name, "it lies beside the class folders")
        elif part in wanted:
            rows.append((wanted.index(part), label_of.get(group, 0), natural(name), name))
    if not rows:
        raise StudioError(f"There are no {config.split} pictures in {config.name}",
                          _why_empty(left), "choose another data.split: train, test or all")
    rows.sort()
    places, labels, classes = chosen(np.array([row[1] for row in rows], np.int64), classes, config)
    return Listing([rows[place][3] for place in places], labels, classes, read, left)


def _placed(names: list[str], config: DataConfig, left: Left) -> tuple[list[Placed], list[str]]:
    """Place every file, and say which parts are wanted, in order."""
    paths = _unwrapped([tuple(name.split("/")) for name in names])
    tops = {path[0] for path in paths if len(path) > 1}
    parts = {PARTS.get(top.lower(), "") for top in tops}
    if not tops or "" in parts:
        if config.split == "test":
            raise UsageError(
                f"{config.name} has no test pictures",
                "it is not divided into train and test folders",
                "choose data.split train or all, or make a train and a test folder")
        return [Placed("", path[0] if len(path) > 1 else "", name)
                for path, name in zip(paths, names, strict=True)], [""]
    placed = []
    for path, name in zip(paths, names, strict=True):
        if len(path) == 1:
            left.out(name, "it lies beside the train and test folders")
        else:
            placed.append(Placed(PARTS[path[0].lower()], path[1] if len(path) > 2 else "", name))
    wanted = [part for part in WANTED[config.split] if part in parts]
    if not wanted:
        raise UsageError(f"{config.name} has no {config.split} pictures",
                         f"its folders are {listed(sorted(tops))}",
                         "choose another data.split: train, test or all")
    return placed, wanted[:1] if config.split == "test" else wanted


def _unwrapped(paths: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Drop folders around everything, as archives have them, but no class and no train or test."""
    while True:
        top = paths[0][0]
        deep = sum(len(path) > 2 for path in paths)
        if (2 * deep <= len(paths) or top.lower() in PARTS
                or any(path[0] != top or len(path) < 2 for path in paths)):
            return paths
        paths = [path[1:] for path in paths]


def _why_empty(left: Left) -> str:
    if not left.count:
        return "it is empty"
    reasons = Counter(why for _, why in left.listed).most_common(3)
    return f"{left.count:,} files were left out: " + "; ".join(why for why, _ in reasons)
