"""The generative learning trilemma as a triangle: quality, coverage and speed, each from 0 to 1.

The three wants are those of Xiao et al. 2021 (Tackling the generative learning trilemma with
denoising diffusion GANs), figure 1. The scales are this program's own and are told beside them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from hybridstudio.standing.boards import Cost, comparable
from hybridstudio.standing.dots import Dot, Figure
from hybridstudio.telling import number

SLOWER = 1000.0  # times, from the fastest to where speed is 0: a diffusion of 1,000 evaluations
SHARPNESS = 3  # with the cube of how far a want is had: near equals stand apart
PUBLISHED = (1.0, 500.0)  # distances at which quality is 1 and 0 where no anchors are told
CORNERS = {"quality": (0.5, 0.0), "coverage": (0.0, 1.0), "speed": (1.0, 1.0)}  # y grows downwards


class Wants(NamedTuple):
    """How far each of the three is had, 0 to 1; None where it was not measured."""

    quality: float | None
    coverage: float | None
    speed: float | None

    @property
    def mean(self) -> float:
        """How far all of them are had."""
        return sum(value or 0.0 for value in self) / 3


class Scales(NamedTuple):
    """Where each want is 1 and where it is 0."""

    distance: tuple[float, float]
    variety: tuple[float, float]
    cost: tuple[float, float]
    kind: Cost
    is_recall: bool = False

    def wants(self, distance: float | None, variety: float | None,
              cost: float | None) -> Wants:
        """Return the three wants; distances and costs on a logarithmic scale."""
        best, worst = self.variety
        return Wants(
            None if distance is None else _log_share(distance, *self.distance),
            None if variety is None else _clipped((variety - worst) / (best - worst or 1.0)),
            None if cost is None else _log_share(cost, *self.cost))

    def of(self, dot: Dot) -> Wants:
        """Return the wants of a dot."""
        return self.wants(dot.distance and dot.distance.value, dot.variety and dot.variety.value,
                          dot.cost(self.kind))

    def told(self) -> dict[str, str]:
        """Tell each scale in words, by its want."""
        unit = "ms" if self.kind == "ms" else "evaluations"
        what = "recall" if self.is_recall else "coverage"
        one, nil = self.distance
        fastest, slowest = self.cost
        return {
            "quality": f"distance {number(nil)} → {number(one)}, log",
            "coverage": f"{what} {number(self.variety[1])} → {number(self.variety[0])}",
            "speed": f"{number(slowest)} → {number(fastest)} {unit}, log"}


def scales(dots: Sequence[Dot], kind: Cost) -> Scales:
    """Return the scales of a board's dots.

    Quality runs from what noise gets to what real pictures get, coverage likewise; speed from a
    thousand times the cost of the fastest to that of the fastest. Evaluations begin at 1.
    """
    distance = _anchors([dot.distance for dot in dots], PUBLISHED)
    variety = _anchors([dot.figures.get("coverage") for dot in dots], (1.0, 0.0))
    costs = [cost for dot in comparable(dots, kind) if (cost := dot.cost(kind))]
    fastest = 1.0 if kind == "nfe" else min(costs, default=1.0)
    is_recall = bool(dots) and all(dot.source for dot in dots)
    return Scales(distance, variety, (fastest, fastest * SLOWER), kind, is_recall)


def place(wants: Wants) -> tuple[float, float] | None:
    """Return where a dot stands in the triangle, x and y from 0 to 1, y downwards.

    Each corner pulls the stronger the more its want is had, so that who has one alone stands in its
    corner, who lacks one stands on the opposite side, and who has all alike in the middle.
    """
    strengths = [(value or 0.0)**SHARPNESS for value in wants]
    if None in wants or not (total := sum(strengths)):
        return None
    pulls = [strength / total for strength in strengths]
    return (sum(pull * x for pull, (x, _) in zip(pulls, CORNERS.values(), strict=True)),
            sum(pull * y for pull, (_, y) in zip(pulls, CORNERS.values(), strict=True)))


def _anchors(figures: Sequence[Figure | None],
             otherwise: tuple[float, float]) -> tuple[float, float]:
    for figure in figures:
        if figure is not None and figure.floor is not None and figure.ceiling is not None:
            return figure.floor, figure.ceiling
    return otherwise


def _log_share(value: float, one: float, nil: float) -> float:
    """Return 1 at `one` and 0 at `nil`, on a logarithmic scale; 1 beyond, 0 where it is worse."""
    if value <= one:
        return 1.0
    return _clipped(math.log(nil / value) / math.log(nil / max(one, 1e-12)))


def _clipped(share: float) -> float:
    return max(0.0, min(1.0, share))
