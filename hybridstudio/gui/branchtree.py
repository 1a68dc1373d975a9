"""A tree of drawings: lines that branch from one another, and where their frames stand. No Qt."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hybridstudio.gui import drawwords
from hybridstudio.gui.drawform import SAMPLER_NAMES
from hybridstudio.gui.drawing import DrawSettings
from hybridstudio.messages import Branch, Frame
from hybridstudio.runs import Run

CHANGES = ("seed", "sampler", "nfe", "eta", "guidance", "label")  # what a branch may change


@dataclass(frozen=True)
class Line:
    """One line of a tree: the root has neither a parent nor a branch by which it leaves it."""

    key: int
    parent: int | None = None
    branch: Branch | None = None

    @property
    def at(self) -> int:
        """The frame at which it leaves its parent."""
        return self.branch.at if self.branch is not None else 0


@dataclass(frozen=True)
class Tree:
    """Lines by the order in which they grew, the root first."""

    lines: tuple[Line, ...] = ()

    def line(self, key: int) -> Line | None:
        """Return a line, None where there is none of this key."""
        return next((line for line in self.lines if line.key == key), None)

    def path(self, key: int) -> list[Line]:
        """Return the lines from the root to this one."""
        found: list[Line] = []
        line = self.line(key)
        while line is not None:
            found.insert(0, line)
            line = self.line(line.parent) if line.parent is not None else None
        return found

    def ways(self, key: int) -> tuple[Branch, ...]:
        """Return the branches that lead to a line."""
        return tuple(line.branch for line in self.path(key) if line.branch is not None)

    def rows(self) -> list[Line]:
        """Return the lines from top to bottom: each above those that leave it, the later first.

        So no line crosses another.
        """
        def below(key: int | None) -> list[Line]:
            children = sorted((line for line in self.lines if line.parent == key),
                              key=lambda line: (-line.at, line.key))
            return [one for line in children for one in (line, *below(line.key))]

        return below(None)

    def without(self, key: int) -> Tree:
        """Return the tree without a line and those that leave it."""
        gone = {key}
        for line in self.lines:  # parents come before their children
            if line.parent in gone:
                gone.add(line.key)
        return Tree(tuple(line for line in self.lines if line.key not in gone))

    def grown(self, new: int, parent: int, branch: Branch) -> Tree:
        """Return the tree with a further line, which leaves `parent` at one of its frames.

        Where that is the frame at which the parent itself began, it leaves the parent's parent.
        """
        line = self.line(parent)
        if line is not None and line.branch is not None and line.parent is not None \
                and branch.at <= line.branch.at:
            told = {name: value for name, value in dataclasses.asdict(branch).items()
                    if value is not None}
            return self.grown(new, line.parent, replace(line.branch, **told))
        return Tree((*self.lines, Line(new, parent, branch)))


def settings_of(ways: Sequence[Branch], root: DrawSettings) -> DrawSettings:
    """Return how a line is drawn at its end; its evaluations are those of the last branch."""
    for branch in ways:
        told = {name: getattr(branch, name) for name in CHANGES
                if getattr(branch, name) is not None}
        root = replace(root, **told)
    return root


def changed(at: int, before: DrawSettings, after: DrawSettings) -> Branch | None:
    """Return the branch from settings to others, None where nothing differs."""
    told: dict[str, Any] = {name: getattr(after, name) for name in CHANGES
                            if getattr(after, name) not in (None, getattr(before, name))}
    return Branch(at, **told) if told else None


def told(branch: Branch, classes: Sequence[str]) -> str:
    """Tell in words what a branch changes."""
    label = None if branch.label is None else (
        classes[branch.label] if branch.label < len(classes) else str(branch.label))
    words = {
        "sampler": branch.sampler and SAMPLER_NAMES.get(branch.sampler, branch.sampler),
        "nfe": None if branch.nfe is None else f"{branch.nfe} left",
        "eta": None if branch.eta is None else f"η {branch.eta:g}",
        "label": None if label is None else f"class {label}",
        "guidance": None if branch.guidance is None else f"guidance {branch.guidance:g}",
        "seed": None if branch.seed is None else f"seed {branch.seed}",
    }
    return " · ".join(word for word in words.values() if word)


def told_root(root: DrawSettings, classes: Sequence[str]) -> str:
    """Tell in words how the first line is drawn."""
    words = [SAMPLER_NAMES.get(root.sampler, root.sampler), f"{root.nfe} evaluations",
             f"seed {root.seed}"]
    if root.label is not None and root.label < len(classes):
        words.append(f"class {classes[root.label]}")
    return " · ".join(words)


def why_empty(run: Run | None, is_drawing: bool, can_draw: bool) -> str:
    """Tell why there is no tree yet, and what to do."""
    if run is not None and drawwords.draws(run) and not run.config.model.levels:
        return (f"{run.name} draws in one pass: there is no step to branch at.\n"
                "Choose a model that removes noise step by step.")
    if can_draw and not is_drawing:
        return "Press Draw, then click a step and change what comes after it."
    return drawwords.why_empty(run, "", is_drawing, can_draw)


# --- frames ---------------------------------------------------------------------------------------


class Frames:
    """The frames of every line that was drawn, each from where it leaves its parent on."""

    def __init__(self) -> None:
        self._own: dict[int, list[Frame]] = {}

    def clear(self) -> None:
        """Forget all."""
        self._own.clear()

    def begin(self, key: int) -> None:
        """Begin a line anew."""
        self._own[key] = []

    def add(self, line: Line, frame: Frame) -> None:
        """Take a frame of a line; those before it left its parent are the parent's."""
        if frame.step >= line.at:
            self._own.setdefault(line.key, []).append(frame)

    def own(self, key: int) -> list[Frame]:
        """Return the frames of a line from where it leaves its parent on."""
        return self._own.get(key, [])

    def all(self, tree: Tree, key: int) -> list[Frame]:
        """Return the frames of a line from the very beginning."""
        found: list[Frame] = []
        for line in tree.path(key):
            found = [*found[:line.at], *self.own(line.key)]
        return found


def like(frames: Sequence[Frame], t: float) -> Frame | None:
    """Return the first frame that is no noisier than t, the last one where all are."""
    return next((frame for frame in frames if frame.t <= t), frames[-1] if frames else None)


def shares(frames: Sequence[Frame], levels: Mapping[float, float]) -> list[float]:
    """Return where frames stand from left, 0, to right, 1; `levels` are places by level t.

    Levels in between are read off, so that the same t stands at the same place on every line.
    Frames that share a level, as Langevin's steps do, divide the way to the next one.
    """
    t = np.array(sorted(levels))
    places = np.array([levels[value] for value in t])
    found: list[float] = []
    for _, group in itertools.groupby(enumerate(frames), key=lambda pair: pair[1].t):
        alike = [number for number, _ in group]
        after = frames[min(alike[-1] + 1, len(frames) - 1)]
        here, then = (float(np.interp(frame.t, t, places)) for frame in (frames[alike[0]], after))
        found += [here + (then - here) * place / len(alike) for place in range(len(alike))]
    return found


def levels_of(frames: Sequence[Frame]) -> dict[float, float]:
    """Return evenly spread places for the levels of a drawing's frames, in their order.

    Frames that share a level, as Langevin's steps do, share the place of the first.
    """
    steps = max(1, frames[-1].steps) if frames else 1
    found: dict[float, float] = {}
    for frame in frames:
        found.setdefault(float(frame.t), frame.step / steps)
    return found
