"""Curves that grow: for each name its steps, seconds and values, never copied as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Steps = npt.NDArray[np.int64]

MAX_NAMES = 1000  # a file with more different names is no metrics of ours


class Series(NamedTuple):
    """One curve: int64 steps that grow, the seconds of training, the values (NaN, inf allowed)."""

    steps: Steps
    seconds: Floats
    values: Floats


class Block(NamedTuple):
    """Points to be added: values of shape (names, n), and their n steps and seconds."""

    names: tuple[str, ...]
    values: Floats
    steps: Floats
    seconds: Floats


class Table:
    """Series by name. Names that always come together share their steps and seconds."""

    def __init__(self) -> None:
        self._groups: list[_Group] = []
        self._names: dict[str, None] = {}  # in the order in which they came

    def extend(self, blocks: list[Block]) -> None:
        """Add blocks of points; no step is in two of the blocks."""
        for block in blocks:
            self._make_room_for(block.names)
        for group in self._groups:
            found = []
            for block in blocks:
                if group.names[0] in block.names:
                    rows = [block.names.index(name) for name in group.names]
                    found.append(Series(block.steps.astype(np.int64), block.seconds,
                                        block.values[rows]))
            if found:
                group.append(found[0] if len(found) == 1 else _merged(found))

    def cut_after(self, step: int) -> None:
        """Drop all points after `step`: a resumed training takes another way from there."""
        for group in self._groups:
            group.cut_after(step)

    def series(self) -> dict[str, Series]:
        """Return every series, one point a step; the arrays are views that never change."""
        found = {name: one for group in self._groups for name, one in group.series()}
        return {name: found[name] for name in self._names}

    def _make_room_for(self, names: tuple[str, ...]) -> None:
        """Split groups until each is wholly inside or outside of `names`; add what is new."""
        wanted = set(names)
        groups: list[_Group] = []
        for group in self._groups:
            inside = tuple(name for name in group.names if name in wanted)
            if inside and len(inside) < len(group.names):
                outside = tuple(name for name in group.names if name not in wanted)
                groups += [group.part(inside), group.part(outside)]
            else:
                groups.append(group)
        new = tuple(name for name in names if name not in self._names)
        new = new[:MAX_NAMES - len(self._names)]
        self._names |= dict.fromkeys(new)
        self._groups = groups + ([_Group(new)] if new else [])


class _Group:
    """Growable columns of the names that share their steps."""

    def __init__(self, names: tuple[str, ...], steps: Steps | None = None,
                 seconds: Floats | None = None, values: Floats | None = None) -> None:
        self.names = names
        self._steps = np.empty(0, np.int64) if steps is None else steps
        self._seconds = np.empty(0) if seconds is None else seconds
        self._values = np.empty((len(names), 0)) if values is None else values
        self._size = self._steps.size
        self._in_order = True

    def append(self, new: Series) -> None:
        start, end = self._size, self._size + new.steps.size
        if end > self._steps.size:
            room = max(1024, 2 * end)
            for column in ("_steps", "_seconds", "_values"):
                old = getattr(self, column)
                larger = np.empty((*old.shape[:-1], room), old.dtype)
                larger[..., :start] = old[..., :start]
                setattr(self, column, larger)
        self._steps[start:end] = new.steps
        self._seconds[start:end] = new.seconds
        self._values[:, start:end] = new.values
        self._size = end
        since = self._steps[max(start - 1, 0):end]
        self._in_order &= bool((since[1:] > since[:-1]).all())

    def series(self) -> Iterable[tuple[str, Series]]:
        self._tidy()
        steps, seconds = self._steps[:self._size], self._seconds[:self._size]
        for name, values in zip(self.names, self._values[:, :self._size], strict=True):
            views = Series(steps[:], seconds[:], values[:])
            for view in views:
                view.setflags(write=False)
            yield name, views

    def cut_after(self, step: int) -> None:
        self._tidy()
        kept = int(np.searchsorted(self._steps[:self._size], step, side="right"))
        if kept < self._size:
            self._keep(np.arange(kept))

    def part(self, names: tuple[str, ...]) -> _Group:
        self._tidy()
        rows = [self.names.index(name) for name in names]
        return _Group(names, self._steps[:self._size].copy(), self._seconds[:self._size].copy(),
                      self._values[rows, :self._size])

    def _tidy(self) -> None:
        """Bring the points into the order of their steps; of equal steps the latest wins."""
        if self._in_order:
            return
        order = np.argsort(self._steps[:self._size], kind="stable")
        steps = self._steps[order]
        self._keep(order[np.append(steps[1:] != steps[:-1], True)])
        self._in_order = True

    def _keep(self, places: npt.NDArray[np.intp]) -> None:
        # Into new arrays: somebody may look at views of the old ones.
        self._steps, self._seconds = self._steps[places], self._seconds[places]
        self._values = self._values[:, places]
        self._size = places.size


def _merged(parts: list[Series]) -> Series:
    """Join series that share no step, in the order of their steps."""
    steps = np.concatenate([part.steps for part in parts])
    order = np.argsort(steps, kind="stable")
    return Series(steps[order], np.concatenate([part.seconds for part in parts])[order],
                  np.concatenate([part.values for part in parts], axis=1)[:, order])
