"""What the views of a latent space hold: places, squares, how codes become pictures. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from hybridstudio import latents, paths, runs
from hybridstudio.config import Knob
from hybridstudio.config.models.base import Space
from hybridstudio.gui.drawing import classes, fitted
from hybridstudio.messages import Codes, Decode, Weights
from hybridstudio.points_kept import Kept
from hybridstudio.runs import Run

Window = tuple[float, float, float, float]  # left, top, right, bottom of the square of corners

WHOLE: Window = (0.0, 0.0, 1.0, 1.0)
SMALLEST = 1e-3  # side of a window
DRAFT = 4  # evaluations while the hand moves, at most half of the whole
SIDES = 3, 8, 15  # of a grid: fewest, usual, most


@dataclass(frozen=True)
class Spot:
    """A place of a latent space: a seed's, or a code (D,) of its own under a name."""

    seed: int = 0
    name: str = ""
    code: Codes | None = field(default=None, compare=False)
    label: int | None = None
    key: int = 0  # tells codes of the same name apart

    @classmethod
    def of(cls, code: Codes, name: str, label: int | None = None) -> Spot:
        """Return the place of a code."""
        return cls(0, name, code, label, hash(code.tobytes()))

    @classmethod
    def kept(cls, point: Kept) -> Spot:
        """Return the place that was kept."""
        return cls.of(point.code, point.name, point.label)

    @property
    def is_seed(self) -> bool:
        """Whether a seed stands for it."""
        return self.code is None

    @property
    def says(self) -> str:
        """Its name, as it is shown."""
        return f"seed {self.seed}" if self.is_seed else self.name


@dataclass(frozen=True)
class Direction:
    """A unit direction (D,) of a space, by the list that it stands in and what it is called."""

    kind: str
    place: int
    name: str
    vector: Codes = field(compare=False)
    reach: float = 6.0  # how far a slider goes either way


Edits = tuple[tuple[Direction, float], ...]


@dataclass(frozen=True)
class How:
    """How codes become pictures; None and () take the run's own."""

    space: str = ""
    sampler: str | None = None
    nfe: int | None = None
    knobs: tuple[tuple[str, float], ...] = ()
    mix: tuple[tuple[int, float], ...] = ()  # (class, share), the shares adding up to 1
    step: int | None = None
    weights: Weights = "ema"

    @classmethod
    def of(cls, run: Run) -> How:
        """Return a run's usual way, in its first space."""
        spaces, config = spaces_of(run), run.config
        return cls(spaces[0].name if spaces else "",
                   config.steady_sampler if len(config.model.steady) > 1 else None,
                   config.steady_nfe if takes_many(run) else None,
                   tuple((knob.name, knob.default) for knob in knobs_of(run)),
                   ((0, 1.0),) if classes(run) else ())

    def fitting(self, run: Run) -> How:
        """Return this where a run can mean it, and the run's own way elsewhere."""
        own, model = How.of(run), run.config.model
        names = [space.name for space in spaces_of(run)]
        low, _, high = model.evaluations
        knobs = {knob.name: knob for knob in knobs_of(run)}
        told = dict(self.knobs)
        return How(
            self.space if self.space in names else own.space,
            self.sampler if own.sampler and self.sampler in model.steady else own.sampler,
            max(low, min(high, self.nfe)) if own.nfe and self.nfe else own.nfe,
            tuple((name, fitted(knob, told.get(name, knob.default)))
                  for name, knob in knobs.items()),
            tuple((index, share) for index, share in self.mix if index < len(classes(run))),
            self.step if self.step in run.checkpoints else None,
            "ema" if run.shipped else self.weights)

    def decode(self, run: Run, codes: Codes, labels: Sequence[int] = ()) -> Decode:
        """Return the request that draws codes (N, D) like this."""
        return Decode(run.path, codes, self.space, dict(self.mix), tuple(labels), self.sampler,
                      self.nfe, None, dict(self.knobs), self.step, self.weights)


@dataclass(frozen=True)
class Square:
    """A grid between four corners (top left, top right, bottom left, bottom right).

    `windows` are the parts of it that were zoomed into, one after the other. From part number
    `begins` on all codes take theirs from `style` (style mixing); `edits` move them all.
    """

    corners: tuple[Spot, ...] = tuple(Spot(seed) for seed in range(4))
    side: int = SIDES[1]
    linear: bool = False
    windows: tuple[Window, ...] = ()
    edits: Edits = ()
    style: Spot | None = None
    begins: int = 1

    @property
    def window(self) -> Window:
        """The part that is shown."""
        return self.windows[-1] if self.windows else WHOLE

    @property
    def spots(self) -> tuple[Spot, ...]:
        """All places whose codes are needed."""
        return self.corners + ((self.style,) if self.style is not None else ())

    def codes(self, space: Space, spots: Codes, side: int | None = None) -> Codes:
        """Return the codes (side², D) of the grid, from those of `spots`."""
        codes = latents.grid(space, spots[:4], side or self.side, self.linear, self.window)
        return self.changed(space, codes, spots)

    def changed(self, space: Space, codes: Codes, spots: Codes) -> Codes:
        """Return codes (N, D) with the style of another and moved by the edits."""
        if self.style is not None:
            codes = latents.mixed(space, codes, spots[4], self.begins)
        return edited(codes, self.edits)

    def with_corner(self, place: int, spot: Spot) -> Square:
        """Return this with another corner."""
        corners = list(self.corners)
        corners[place] = spot
        return replace(self, corners=tuple(corners))

    def into(self, window: Window) -> Square:
        """Return this with a part of it shown, kept within the whole."""
        left, top, right, bottom = (min(1.0, max(0.0, end)) for end in window)
        if right - left < SMALLEST or bottom - top < SMALLEST:
            return self
        if (left, top, right, bottom) == WHOLE:
            return replace(self, windows=())
        return replace(self, windows=(*self.windows, (left, top, right, bottom)))

    def cells(self, first: int, last: int) -> Window:
        """Return the window from one cell to another; around a single one, to its neighbours."""
        left, top, right, bottom = self.window
        rows, columns = zip(divmod(first, self.side), divmod(last, self.side), strict=True)
        ends = []
        for cells, low, high in ((columns, left, right), (rows, top, bottom)):
            one = (high - low) / (self.side - 1)
            spare = one if min(cells) == max(cells) else 0.0
            ends.append((low + min(cells) * one - spare, low + max(cells) * one + spare))
        return ends[0][0], ends[1][0], ends[0][1], ends[1][1]

    def place(self, cell: int) -> tuple[float, float]:
        """Return how far across and down the whole square a cell lies, 0 to 1."""
        left, top, right, bottom = self.window
        row, column = divmod(cell, self.side)
        last = max(1, self.side - 1)
        return left + (right - left) * column / last, top + (bottom - top) * row / last


def edited(codes: Codes, edits: Edits) -> Codes:
    """Return codes (N, D) moved along directions."""
    moves = [(direction.vector, amount) for direction, amount in edits if amount]
    if not moves:
        return codes
    return latents.moved(codes, np.stack([vector for vector, _ in moves]),
                         np.array([amount for _, amount in moves]))


def axis(space: Space, place: int) -> Direction:
    """Return one dimension of a space as a direction; it has a name by the part it lies in."""
    vector = latents.axis(space, place)
    for name, part in latents.parts_of(space):
        if part.start <= place < part.stop:
            return Direction("axes", place, f"{name} {place - part.start + 1}", vector)
    return Direction("axes", place, f"{space.name} {place + 1}", vector)


def spaces_of(run: Run) -> tuple[Space, ...]:
    """Return the latent spaces of a run; () where it has none."""
    shape = run.config.data.shape
    return run.config.model.spaces(shape) if shape is not None else ()


def able_runs() -> tuple[Run, ...]:
    """Return the models that ship and have a latent space of pictures, then those of points."""
    able = [run for run in runs.listing(paths.checkpoints())
            if run.state != "broken" and spaces_of(run) and run.checkpoints]
    return tuple(sorted(able, key=lambda run: run.config.shape.is_points))


def space_of(run: Run, how: How) -> Space | None:
    """Return the space that codes are of."""
    spaces = spaces_of(run)
    return next((space for space in spaces if space.name == how.space),
                spaces[0] if spaces else None)


def knobs_of(run: Run) -> tuple[Knob, ...]:
    """Return the knobs that mean something where codes are drawn: those that need nothing else."""
    return tuple(knob for knob in run.config.model.knobs() if not knob.needs)


def takes_many(run: Run) -> bool:
    """Tell whether a picture takes several evaluations, as many as one likes."""
    low, _, high = run.config.model.evaluations
    return low < high


def draft_of(run: Run, how: How) -> int | None:
    """Return how few evaluations a draft takes; None where the whole takes no more."""
    if not takes_many(run):
        return None
    usual = how.nfe or run.config.steady_nfe
    few = max(run.config.model.evaluations.low, min(DRAFT, usual // 2))
    return few if usual > few else None


def blended(mix: Mapping[int, float]) -> tuple[tuple[int, float], ...]:
    """Return class weights as shares that add up to 1, without those that are 0."""
    total = sum(mix.values())
    return tuple((index, round(weight / total, 4)) for index, weight in sorted(mix.items())
                 if weight > 0) if total > 0 else ()


def single_label(how: How) -> int | None:
    """Return the class that is drawn alone; None where several are blended or there are none."""
    alone = [index for index, share in how.mix if share > 0.99]
    return alone[0] if alone else None


def with_label(how: How, label: int | None) -> How:
    """Return how a point of a class is drawn."""
    return how if label is None else replace(how, mix=((label, 1.0),))


def told(run: Run, how: How) -> dict[str, Any]:
    """Return what a picture's file carries of how it was drawn."""
    said: dict[str, Any] = {"run": run.name, "space": how.space, "weights": how.weights,
                            "knobs": dict(how.knobs) or None, "sampler": how.sampler,
                            "nfe": how.nfe, "step": how.step,
                            "mix": {str(index): share for index, share in how.mix} or None}
    return {name: value for name, value in said.items() if value is not None}


def how_told(settings: Mapping[str, Any], run: Run) -> How:
    """Return how a picture was drawn, by its file, where a run can mean it."""
    mix = {int(index): float(share) for index, share in settings.get("mix", {}).items()
           if index.isdecimal()}
    return How(str(settings.get("space", "")), settings.get("sampler"), settings.get("nfe"),
               tuple(settings.get("knobs", {}).items()), blended(mix), settings.get("step"),
               "raw" if settings.get("weights") == "raw" else "ema").fitting(run)
