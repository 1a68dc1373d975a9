"""Where a way of drawing would stand that was not scored yet: between what was measured, or not.

What lies between two measured settings is read off a straight line between them, distances and
costs in logarithms, and always said to be interpolated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from hybridstudio.standing.dots import Dot, Way
from hybridstudio.telling import number

Kind = Literal["measured", "between", "unknown"]


@dataclass(frozen=True)
class Ghost:
    """A way of drawing and where it stands, as far as that is known.

    `between` are the measured dots that it was read off from: one where it was measured itself.
    """

    way: Way
    kind: Kind
    distance: float | None = None
    variety: float | None = None
    ms: float | None = None
    between: tuple[Dot, ...] = ()

    def cost(self, kind: str) -> float | None:
        """Return "ms" a picture, or "nfe"."""
        return self.ms if kind == "ms" else float(self.way.nfe)

    def told(self) -> str:
        """Tell how it is known."""
        if self.kind == "measured":
            return "Measured."
        if self.kind == "unknown":
            return "Not measured yet."
        first, second = self.between
        name = _moved(first.way, second.way) or "nfe"
        ends = " and ".join(number(dot.way.coordinates()[name]) for dot in self.between)
        return f"Interpolated between {_WORDS.get(name, name)} {ends}."


_WORDS = {"nfe": "evaluations", "eta": "η"}


def stand(dots: Sequence[Dot], way: Way) -> Ghost:
    """Return where a way stands among the dots of one board.

    It is measured where a dot has its very settings; else read off between the two nearest dots
    that differ from it in one number alone, one on each side; else unknown, but for its time.
    """
    own = [dot for dot in dots if dot.way.run == way.run]
    for dot in own:
        if dot.way == way:
            return Ghost(way, "measured", dot.distance and dot.distance.value,
                         dot.variety and dot.variety.value, dot.ms, (dot,))
    for name, at in way.coordinates().items():
        line = sorted((dot for dot in own if _moved(dot.way, way) == name),
                      key=lambda dot: dot.way.coordinates()[name])
        below = [dot for dot in line if dot.way.coordinates()[name] < at]
        above = [dot for dot in line if dot.way.coordinates()[name] > at]
        if below and above:
            return _between(way, name, below[-1], above[0])
    return Ghost(way, "unknown", ms=milliseconds(own, way))


def milliseconds(dots: Sequence[Dot], way: Way) -> float | None:
    """Estimate the ms of a picture from the nearest dot of the run: evaluations are what costs."""
    known = [dot for dot in dots if dot.way.run == way.run and dot.ms and dot.way.nfe]
    known = [dot for dot in known if dot.machine and dot.machine.is_here] or known
    if not known:
        return None
    nearest = min(known, key=lambda dot: (dot.way.sampler != way.sampler,
                                          abs(math.log(dot.way.nfe / way.nfe))))
    assert nearest.ms is not None
    return nearest.ms * way.nfe / nearest.way.nfe


def curves(dots: Sequence[Dot]) -> list[list[Dot]]:
    """Return the lines through dots that differ in one number alone, in its order, of 2 or more.

    The same run, sampler and weights, and each dot in one line for each number that moves.
    """
    found: dict[tuple[object, ...], list[Dot]] = {}
    for dot in dots:
        places = dot.way.coordinates()
        for name in places:
            rest = tuple(sorted((other, value) for other, value in places.items()
                                if other != name))
            way = dot.way
            found.setdefault((dot.source, way.run, way.sampler, way.step, way.weights, name, rest),
                             []).append(dot)
    return [sorted(line, key=partial(_coordinate, str(key[5])))
            for key, line in found.items() if len(line) > 1]


def _coordinate(name: str, dot: Dot) -> float:
    return dot.way.coordinates()[name]


def _moved(one: Way, other: Way) -> str | None:
    """Return the one number in which two ways differ; None where they differ in more, or in none.

    A sampler that has no η has it differ from none.
    """
    if replace(one, nfe=0, eta=None, guidance=None, knobs=()) != replace(
            other, nfe=0, eta=None, guidance=None, knobs=()):
        return None
    ours, theirs = one.coordinates(), other.coordinates()
    if set(ours) != set(theirs):
        return None
    moved = [name for name in ours if ours[name] != theirs[name]]
    return moved[0] if len(moved) == 1 else None


def _between(way: Way, name: str, below: Dot, above: Dot) -> Ghost:
    low, high = below.way.coordinates()[name], above.way.coordinates()[name]
    at = way.coordinates()[name]
    is_log = name == "nfe"
    share = (math.log(at / low) / math.log(high / low)) if is_log else (at - low) / (high - low)
    return Ghost(
        way, "between",
        _mixed(below.distance and below.distance.value, above.distance and above.distance.value,
               share, log=True),
        _mixed(below.variety and below.variety.value, above.variety and above.variety.value, share),
        _mixed(below.ms, above.ms, share, log=True), (below, above))


def _mixed(one: float | None, other: float | None, share: float, log: bool = False) -> float | None:
    if one is None or other is None:
        return None
    if log and one > 0 and other > 0:
        return math.exp((1 - share) * math.log(one) + share * math.log(other))
    return (1 - share) * one + share * other
