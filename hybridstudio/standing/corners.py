"""The triangle: each dot leans to what its run does well; how dark it is filled tells how much."""

from __future__ import annotations

from collections.abc import Callable

from hybridstudio.standing.between import curves
from hybridstudio.standing.boards import comparable
from hybridstudio.standing.dots import Dot
from hybridstudio.standing.figure import (
    RADIUS,
    SIZE,
    WIDE,
    Disc,
    Drawn,
    Place,
    Scene,
    Shape,
    Stroke,
    Words,
    form_of,
)
from hybridstudio.standing.triangle import CORNERS, Scales, place, scales

TALL = 0.866  # of an equilateral triangle of side 1
SIDES, TOP, BOTTOM = 36.0, 52.0, 52.0  # margins


def triangle(scene: Scene, width: float, height: float) -> Drawn:
    """Draw a board's dots between the three corners, with the scale of each beside it."""
    drawn = Drawn()
    side = max(40.0, min(width - 2 * SIDES, (height - TOP - BOTTOM) / TALL))
    left = (width - side) / 2
    top = TOP + max(0.0, (height - TOP - BOTTOM - side * TALL) / 2)

    def on(at: Place) -> Place:
        return left + at[0] * side, top + at[1] * side * TALL

    alike = comparable(scene.dots, scene.cost)
    measured = scales(alike or scene.dots or scene.overlay, scene.cost)
    drawn.shapes += _frame(measured, on, width)
    spots: dict[int, Place] = {}
    for dot in (*scene.overlay, *scene.dots):
        if (found := place(measured.of(dot))) is not None and (
                dot in alike or dot in scene.overlay):
            spots[id(dot)] = on(found)
    for line in curves([dot for dot in (*scene.overlay, *scene.dots) if id(dot) in spots]):
        drawn.shapes.append(Stroke(tuple(spots[id(dot)] for dot in line), scene.inks(line[0]), 1.5))
    for dot in (*scene.overlay, *scene.dots):
        if (at := spots.get(id(dot))) is None:
            continue
        drawn.shapes.append(Disc(at, scene.inks(dot), measured.of(dot).mean, form=form_of(dot),
                                 is_faint=dot in scene.overlay and dot not in alike,
                                 is_chosen=dot == scene.chosen))
        drawn.places.append((dot, at))
    _ghost(scene, measured, on, drawn)
    named: dict[object, list[tuple[Dot, Place]]] = {}
    for dot, at in drawn.places:
        named.setdefault((dot.way.run, dot.source), []).append((dot, at))
    for members in named.values():
        is_chosen = any(dot == scene.chosen for dot, _ in members)
        drawn.name(members[-1][0].name, members[-1][1], (0.0, width), must=is_chosen)
    return drawn


def _frame(measured: Scales, on: Callable[[Place], Place], width: float) -> list[Shape]:
    corners = {name: on(at) for name, at in CORNERS.items()}
    outline = (*corners.values(), corners["quality"])
    middle = tuple(sum(at[axis] for at in corners.values()) / 3 for axis in (0, 1))
    found: list[Shape] = [Stroke(outline, "muted", 1.0)]
    for at in corners.values():  # lines on which two of the three are had alike
        found.append(Stroke((at, (middle[0], middle[1])), "line"))
    says = measured.told()
    for name, (x, y) in corners.items():
        title = name.capitalize()
        if name == "quality":
            found += [Words((x, y - 24), title, "text", "middle", SIZE + 1, True),
                      Words((x, y - 9), says[name], "muted", "middle", SIZE - 1)]
            continue
        room = len(says[name]) * WIDE * (SIZE - 1) / 2 + 4
        x = min(max(x, room), width - room)
        found += [Words((x, y + 20), title, "text", "middle", SIZE + 1, True),
                  Words((x, y + 35), says[name], "muted", "middle", SIZE - 1)]
    return found


def _ghost(scene: Scene, measured: Scales, on: Callable[[Place], Place], drawn: Drawn) -> None:
    ghost = scene.ghost
    if ghost is None or ghost.kind != "between":
        return
    at = place(measured.wants(ghost.distance, ghost.variety, ghost.cost(scene.cost)))
    if at is not None:
        drawn.shapes.append(Disc(on(at), "text", None, RADIUS + 2, is_faint=True))
