"""The Pareto plot: what a picture costs against how far the pictures are from the data."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hybridstudio.standing.between import curves
from hybridstudio.standing.boards import comparable, front
from hybridstudio.standing.dots import Dot
from hybridstudio.standing.figure import (
    RADIUS,
    SIZE,
    Disc,
    Drawn,
    Patch,
    Place,
    Scene,
    Shape,
    Stroke,
    Words,
    form_of,
    ticks,
)
from hybridstudio.telling import number

LEFT, RIGHT, TOP, BOTTOM = 56.0, 16.0, 40.0, 44.0  # margins
FAR = 3.0  # times beyond the highest dot: noise further up is shown beyond a break of the axis
COSTS = {"ms": "ms per picture", "nfe": "network evaluations per picture"}


class Axes:
    """Where numbers stand: x is the cost, y the distance, both logarithmic."""

    def __init__(self, scene: Scene, width: float, height: float) -> None:
        shown = [dot for dot in (*scene.dots, *scene.overlay) if _point(dot, scene) is not None]
        costs = [cost for dot in shown if (cost := dot.cost(scene.cost))]
        # An interval that reaches down to 0 ends where the drawing does.
        lows = [max(dot.distance.low, dot.distance.value / 3, 1e-9) for dot in shown
                if dot.distance]
        highs = [dot.distance.high for dot in shown if dot.distance]
        if (ghost := scene.ghost) is not None:
            costs += [cost] if (cost := ghost.cost(scene.cost)) else []
            highs += [ghost.distance] if ghost.distance else []
        anchors = [dot.distance for dot in scene.dots if dot.distance and dot.distance.floor]
        self.real = anchors[0].floor if anchors else None
        noise = anchors[0].ceiling if anchors else None
        low = min([*lows, *([self.real] if self.real else [])], default=1.0)
        high = max(highs, default=10.0)
        self.noise = noise
        self.is_broken = noise is not None and noise > FAR * high
        top = high if noise is None or self.is_broken else max(high, noise)
        self.y_range = math.log10(low / 1.25), math.log10(top * (1.6 if self.is_broken else 1.25))
        self.x_range = (math.log10(min(costs, default=1.0) / 1.6),
                        math.log10(max(costs, default=10.0) * 1.9))
        self.left, self.right = LEFT, width - RIGHT
        self.top, self.bottom = TOP + (18 if self.is_broken else 0), height - BOTTOM

    def x(self, cost: float) -> float:
        """Return where a cost stands."""
        low, high = self.x_range
        return self.left + (math.log10(cost) - low) / (high - low) * (self.right - self.left)

    def y(self, distance: float) -> float:
        """Return where a distance stands, within the drawing."""
        low, high = self.y_range
        share = (math.log10(max(distance, 1e-12)) - low) / (high - low)
        return self.bottom - max(0.0, min(1.0, share)) * (self.bottom - self.top)


def pareto(scene: Scene, width: float, height: float) -> Drawn:
    """Draw a board with its floor, ceiling, error bars, curves and front."""
    drawn, axes = Drawn(), Axes(scene, width, height)
    drawn.shapes += _frame(scene, axes)
    alike = comparable(scene.dots, scene.cost)
    if len(edge := front(scene.dots, scene.cost)) > 1:
        drawn.shapes += _front([_at(dot, scene, axes) for dot in edge], axes)
    for line in curves([*alike, *scene.overlay]):
        places = tuple(_at(dot, scene, axes) for dot in line if _point(dot, scene) is not None)
        drawn.shapes.append(Stroke(places, scene.inks(line[0]), 1.5))
    for dot in (*scene.overlay, *scene.dots):
        if _point(dot, scene) is None:
            continue
        at = _at(dot, scene, axes)
        assert dot.distance is not None
        if dot.distance.low < dot.distance.high:
            drawn.shapes += _bar(at, axes.y(dot.distance.low), axes.y(dot.distance.high),
                                 scene.inks(dot))
        drawn.shapes.append(Disc(
            at, scene.inks(dot), dot.variety and min(1.0, dot.variety.value), form=form_of(dot),
            is_faint=dot not in alike, is_chosen=dot == scene.chosen))
        drawn.places.append((dot, at))
    _ghost(scene, axes, drawn)
    _names(scene, axes, drawn)
    return drawn


def _point(dot: Dot, scene: Scene) -> tuple[float, float] | None:
    cost = dot.cost(scene.cost)
    return None if not cost or dot.distance is None else (cost, dot.distance.value)


def _at(dot: Dot, scene: Scene, axes: Axes) -> Place:
    point = _point(dot, scene)
    assert point is not None
    return axes.x(point[0]), axes.y(point[1])


def _frame(scene: Scene, axes: Axes) -> list[Shape]:
    """Draw grid, numbers and titles, what real pictures and what noise get."""
    found: list[Shape] = []
    for tick in ticks(10.0**axes.y_range[0], 10.0**axes.y_range[1], 7):
        y = axes.y(tick)
        found += [Stroke(((axes.left, y), (axes.right, y)), "line"),
                  Words((axes.left - 6, y + 4), number(tick), "muted", "end")]
    for tick in ticks(10.0**axes.x_range[0], 10.0**axes.x_range[1], 7):
        x = axes.x(tick)
        found += [Stroke(((x, axes.top), (x, axes.bottom)), "line"),
                  Words((x, axes.bottom + 16), number(tick), "muted", "middle")]
    name = (scene.dots or scene.overlay)[0].distance_name if scene.dots or scene.overlay else ""
    found += [Words((axes.left - 44, TOP - 22), f"{name} (↓ better)", "muted"),
              Words(((axes.left + axes.right) / 2, axes.bottom + 34),
                    f"{COSTS[scene.cost]} (← faster)", "muted", "middle")]
    if axes.real is not None:
        y = axes.y(axes.real)
        found += [Stroke(((axes.left, y), (axes.right, y)), "good", 1.5, True),
                  Words((axes.right, y - 5), f"real pictures {number(axes.real)}", "good", "end")]
    if axes.noise is not None:
        y = TOP if axes.is_broken else axes.y(axes.noise)
        found += [Stroke(((axes.left, y), (axes.right, y)), "bad", 1.5, True),
                  Words((axes.right, y - 5), f"noise {number(axes.noise)}", "bad", "end")]
    if axes.is_broken:  # the axis leaves out what lies between
        x, y = axes.left, TOP + 9
        for shift in (-3, 3):
            found.append(Stroke(((x - 7, y + shift + 3), (x + 7, y + shift - 3)), "muted"))
    return found


def _front(places: Sequence[Place], axes: Axes) -> list[Shape]:
    """Draw the front as stairs: whoever is above and right of them is beaten by somebody."""
    stairs = [(places[0][0], axes.top)]
    for (x, y), after in zip(places, [*places[1:], None], strict=True):
        stairs += [(x, y), (after[0] if after else axes.right, y)]
    ground = (*stairs, (axes.right, axes.top))
    return [Patch(tuple(ground), "muted", 0.08), Stroke(tuple(stairs), "muted", 1.0, True)]


def _bar(at: Place, low: float, high: float, ink: str) -> list[Shape]:
    x = at[0]
    return [Stroke(((x, low), (x, high)), ink, 1.5),
            *(Stroke(((x - 4, y), (x + 4, y)), ink, 1.5) for y in (low, high))]


def _ghost(scene: Scene, axes: Axes, drawn: Drawn) -> None:
    """Draw where the chosen settings stand: a hollow dot, or the line it must lie on."""
    ghost = scene.ghost
    cost = ghost.cost(scene.cost) if ghost is not None else None
    if ghost is None or not cost or ghost.kind == "measured":
        return
    x = axes.x(cost)
    if ghost.distance is not None:
        drawn.shapes.append(Disc((x, axes.y(ghost.distance)), "text", None, RADIUS + 2,
                                 is_faint=True))
        return
    drawn.shapes += [Stroke(((x, axes.top), (x, axes.bottom)), "text", 1.0, True),
                     Words((min(x, axes.right - 40), axes.top + 14), "not measured",
                           anchor="middle", is_clear=True)]


def _names(scene: Scene, axes: Axes, drawn: Drawn) -> None:
    """Name each run once, at its best dot, and tell a curve's dots by the number that moves."""
    room = axes.left, axes.right + RIGHT
    named: dict[object, list[tuple[Dot, Place]]] = {}
    for dot, at in drawn.places:
        named.setdefault((dot.way.run, dot.source), []).append((dot, at))
    for members in named.values():
        best, at = max(members, key=lambda each: each[1][1])
        drawn.name(best.name, at, room)
    for line in curves([dot for dot, _ in drawn.places]):
        moving = [name for name, value in line[0].way.coordinates().items()
                  if line[1].way.coordinates()[name] != value]
        for dot in line:
            at = next(place for each, place in drawn.places if each is dot)
            drawn.name(number(dot.way.coordinates()[moving[0]]), at, room, SIZE - 2, "muted",
                       must=False)
