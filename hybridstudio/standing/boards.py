"""Which dots may be compared, why others may not, and which of them none beats in both respects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from hybridstudio.standing.dots import Dot, Ground, Machine

Cost = Literal["ms", "nfe"]


@dataclass(frozen=True)
class Board:
    """Dots that share their ground, and those of the same data `apart`, each with the reason."""

    ground: Ground
    dots: tuple[Dot, ...]
    apart: tuple[tuple[Dot, str], ...] = ()
    title: str = ""  # of published results: who measured them on what

    def told(self) -> str:
        """Tell what it compares."""
        return self.title or f"{self.dots[0].distance_name}: {self.ground.told()}"

    @property
    def is_published(self) -> bool:
        """Whether these are others' figures."""
        return bool(self.title)


def boards(dots: Iterable[Dot]) -> list[Board]:
    """Sort dots into boards, the one with most runs first; of each way the newest score counts."""
    every = newest(dots)
    grounds: dict[Ground, list[Dot]] = {}
    for dot in every:
        if dot.distance is not None:
            grounds.setdefault(dot.ground, []).append(dot)
    made = [Board(ground, tuple(members), tuple(
        (dot, why_not(dot, ground)) for dot in every
        if dot.ground.data == ground.data and (dot.ground != ground or dot.distance is None)))
        for ground, members in grounds.items()]
    return sorted(made, key=lambda board: (
        -len({dot.way.run for dot in board.dots}), -len(board.dots), board.ground))


def newest(dots: Iterable[Dot]) -> list[Dot]:
    """Keep one score of each way on each ground: of the latest training step, then the newest.

    Where the user measured a model that ships, that counts, not what it came with.
    """
    kept: dict[tuple[object, ...], Dot] = {}
    for dot in dots:
        key = (replace(dot.way, step=None), dot.ground, dot.distance is None)
        if key not in kept or _age(kept[key]) <= _age(dot):
            kept[key] = dot
    return list(kept.values())


def _age(dot: Dot) -> tuple[int, bool, str]:
    return dot.way.step or 0, dot.machine is not None and not dot.machine.by, dot.when


def why_not(dot: Dot, ground: Ground) -> str:
    """Tell why a dot cannot be compared on a ground, in a few words; "" where it can."""
    other, reasons = dot.ground, []
    if dot.distance is None:
        reasons.append("it has no Fréchet distance")
    if other.data != ground.data:
        reasons.append(f"its data are {other.data}, not {ground.data}")
    elif other.data_sha256 != ground.data_sha256 and other.split == ground.split:
        reasons.append(f"its {other.data} holds other pictures")
    if other.split != ground.split:
        reasons.append(f"against the {other.split} part, not the {ground.split} part")
    if other.sha256 != ground.sha256:
        reasons.append(f"in features of {other.features} {other.sha256[:6]}, not "
                       f"{ground.features} {ground.sha256[:6]}")
    if other.n != ground.n:
        reasons.append(f"N = {other.n:,}, not {ground.n:,}")
    return "; ".join(reasons)


def machine_of(dots: Sequence[Dot]) -> Machine | None:
    """Return the machine whose speeds are compared: this one, or else that of most dots."""
    counts = Counter(dot.machine for dot in dots if dot.machine is not None and dot.ms is not None)
    here = [machine for machine in counts if machine.is_here]
    return max(here or counts, key=lambda machine: counts[machine], default=None)


def comparable(dots: Sequence[Dot], cost: Cost) -> list[Dot]:
    """Return the dots whose cost can be told beside the others': time on one machine alone."""
    known = [dot for dot in dots if dot.distance is not None and dot.cost(cost) is not None]
    if cost == "nfe":
        return known
    machine = machine_of(known)
    return [dot for dot in known if dot.machine == machine]


def front(dots: Sequence[Dot], cost: Cost) -> list[Dot]:
    """Return the Pareto front, the cheapest first: no other dot is both nearer and cheaper.

    Of dots that are alike in both the first stays.
    """
    known = sorted(comparable(dots, cost), key=lambda dot: (dot.cost(cost), _distance(dot)))
    kept: list[Dot] = []
    for dot in known:
        if not kept or _distance(dot) < _distance(kept[-1]):
            kept.append(dot)
    return kept


def cautions(board: Board, cost: Cost) -> list[str]:
    """Tell what keeps the figures of a board from being taken at their word."""
    told = []
    if board.is_published:
        told.append("Measured elsewhere, as published; not with this program.")
    elif cost == "ms":
        kept = comparable(board.dots, cost)
        left = [dot for dot in board.dots if dot.ms is not None and dot not in kept]
        if left and kept and kept[0].machine is not None:
            told.append(f"{len(left)} of {len(board.dots)} speeds are from another machine than "
                        f"{kept[0].machine.told()}: drawn faint, no part of the front.")
        elif kept and kept[0].machine is not None and not kept[0].machine.is_here:
            told.append("These speeds were measured on another machine than this one.")
    width = {dot.record.get("features", {}).get("width") for dot in board.dots} - {None}
    if width and board.ground.n <= max(width):
        told.append(f"N = {board.ground.n:,} is small for {max(width):,} features.")
    return told


def _distance(dot: Dot) -> float:
    assert dot.distance is not None
    return dot.distance.value
