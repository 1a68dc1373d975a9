"""The two drawings of a board as plain shapes, which the window paints and a file holds as SVG.

Colours are roles of the palette ("text", "muted", "line", "canvas") or #rrggbb; lengths are pixels,
y grows downwards. Widths of words are estimated, as there is no font here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hybridstudio.standing.between import Ghost
from hybridstudio.standing.boards import Cost
from hybridstudio.standing.dots import Dot

SIZE = 12.0  # pixels of words
WIDE = 0.56  # width of a letter in sizes
RADIUS = 7.0

Place = tuple[float, float]


class Stroke(NamedTuple):
    """A line through places."""

    places: tuple[Place, ...]
    ink: str
    width: float = 1.0
    is_dashed: bool = False


class Patch(NamedTuple):
    """A filled outline."""

    places: tuple[Place, ...]
    ink: str
    opacity: float = 1.0


class Disc(NamedTuple):
    """A dot: `share` of it is filled, as a pie from the top; `ring` marks the one that is chosen.

    A faint dot is drawn with dashes. Its form is one of FORMS.
    """

    at: Place
    ink: str
    share: float | None = 1.0
    radius: float = RADIUS
    form: str = "disc"
    is_faint: bool = False
    is_chosen: bool = False


class Words(NamedTuple):
    """A line of words; `anchor` is its start, middle or end, `is_clear` keeps lines off it."""

    at: Place
    text: str
    ink: str = "text"
    anchor: str = "start"
    size: float = SIZE
    is_bold: bool = False
    is_clear: bool = False

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Return left, top, right, bottom as estimated."""
        wide = len(self.text) * WIDE * self.size
        left = self.at[0] - {"start": 0.0, "middle": wide / 2, "end": wide}[self.anchor]
        return left, self.at[1] - 0.8 * self.size, left + wide, self.at[1] + 0.25 * self.size


Shape = Stroke | Patch | Disc | Words


@dataclass(frozen=True)
class Scene:
    """What a drawing is of: dots, others that do not compare (faint), a ghost, the chosen one.

    `inks` gives each dot's colour, `is_shown` says which to draw.
    """

    dots: tuple[Dot, ...]
    inks: Callable[[Dot], str]
    cost: Cost = "ms"
    overlay: tuple[Dot, ...] = ()
    ghost: Ghost | None = None
    chosen: Dot | None = None


@dataclass
class Drawn:
    """The shapes of a drawing, from the back to the front, and where each dot stands."""

    shapes: list[Shape] = field(default_factory=list)
    places: list[tuple[Dot, Place]] = field(default_factory=list)

    def at(self, x: float, y: float, reach: float = RADIUS + 5) -> Dot | None:
        """Return the dot nearest to a place, within reach; None where there is none."""
        near = [(math.hypot(x - place[0], y - place[1]), number, dot)
                for number, (dot, place) in enumerate(self.places)]
        found = min(near, default=None, key=lambda each: each[:2])
        return found[2] if found is not None and found[0] <= reach else None

    def taken(self) -> list[tuple[float, float, float, float]]:
        """Return the boxes that words should not cover: of dots and of other words."""
        boxes = [shape.box for shape in self.shapes if isinstance(shape, Words)]
        return boxes + [(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS)
                        for _, (x, y) in self.places]

    def name(self, text: str, at: Place, room: tuple[float, float], size: float = SIZE,
             ink: str = "text", must: bool = True) -> None:
        """Write beside a dot where there is room, without leaving x from room[0] to room[1].

        Words that must stand are put right of the dot at the worst; others are left out.
        """
        x, y = at
        away = RADIUS + 6
        tries = [Words((x + away, y + 4), text, ink, "start", size),
                 Words((x - away, y + 4), text, ink, "end", size),
                 Words((x, y - away - 2), text, ink, "middle", size),
                 Words((x, y + away + size - 2), text, ink, "middle", size),
                 *(Words((x + turn * away * 0.7, y + up), text, ink,
                         "start" if turn > 0 else "end", size)
                   for up in (4 - 14, 4 + 14) for turn in (1, -1))]
        tries = [each._replace(is_clear=True) for each in tries
                 if room[0] <= each.box[0] and each.box[2] <= room[1]]
        boxes = self.taken()
        free = next((each for each in tries if not any(_cross(each.box, box) for box in boxes)),
                    None)
        if free is None and must and tries:
            free = min(tries, key=lambda each: sum(_cross(each.box, box) for box in boxes))
        if free is not None:
            self.shapes.append(free)


def _cross(one: Sequence[float], other: Sequence[float]) -> bool:
    return not (one[2] < other[0] or other[2] < one[0] or one[3] < other[1] or other[3] < one[1])


FORMS = {"ddpm": "disc", "ncsn": "disc", "ddgan": "diamond", "hybrid": "diamond", "gan": "square",
         "stylegan": "square", "vae": "hexagon"}  # of each family, told apart without colour
CORNERS_OF = {"square": (4, 45.0), "diamond": (4, 0.0), "hexagon": (6, 0.0)}


def form_of(dot: Dot) -> str:
    """Return the form of a dot: round for diffusions, a square for GANs, between for both."""
    return FORMS.get(dot.family, "disc")


def outline(form: str, at: Place, radius: float) -> tuple[Place, ...]:
    """Return the corners of a form that is no disc."""
    count, turned = CORNERS_OF[form]
    radius *= 1.15  # looks as large as the disc
    return tuple((at[0] + radius * math.sin(math.radians(turned + 360 * corner / count)),
                  at[1] - radius * math.cos(math.radians(turned + 360 * corner / count)))
                 for corner in range(count))


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers within a range of a logarithmic axis: decades, or with 2 and 5."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for digits in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        tried = [digit * 10.0**decade for decade in decades for digit in digits]
        inside = [value for value in tried if low <= value <= high]
        if found and len(inside) > most:
            break
        found = inside
    return found
