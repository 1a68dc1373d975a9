"""What the commands of latent spaces share: points by their names, and asking for pictures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hybridstudio import latents, points_kept, runs
from hybridstudio.cli import watch
from hybridstudio.cli.draw import index_of
from hybridstudio.cli.screen import Screen
from hybridstudio.config import RunConfig
from hybridstudio.config.models.base import Space
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import (
    Codes,
    Decode,
    Decoded,
    Device,
    Directed,
    Directions,
    Encoded,
    Event,
    Images,
    Place,
    Request,
    Step,
    Weights,
)

_MOVE = re.compile(r"(pca|sefa|kl|axis)(\d+)")
_ANALOGY = re.compile(r"(\d+)-(\d+)\+(\d+)")
COUNTS = {"corners": 4, "analogy": 3, "classes": 1}  # points that an option takes
Moves = tuple[Codes, list[float]]


class Cancelled(Exception):
    """The work was stopped by a signal; `code` is the exit code that tells which."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Drawn:
    """Pictures that came back, in how many seconds, and what the engine told of them."""

    images: Images
    seconds: float
    result: dict[str, Any]


@dataclass(frozen=True)
class Asking:
    """Asks the engine about one latent space of a run, in one way of drawing."""

    run: runs.Run
    screen: Screen
    space: Space
    mix: Mapping[int, float] = field(default_factory=dict)
    sampler: str | None = None
    nfe: int | None = None
    knobs: Mapping[str, float] = field(default_factory=dict)
    step: Step = None
    weights: Weights = "ema"
    device: Device = "auto"

    @classmethod
    def of(cls, folder: Path, screen: Screen, *, space: str, **how: Any) -> Asking:
        """Return what asks about a run's space; raises UsageError where there is none."""
        run = runs.read(folder)
        model = run.config.model
        spaces = model.spaces(run.config.shape)
        plain = space.replace(" ", "").casefold()
        for each in spaces:
            if plain in ("", each.name.replace(" ", "").casefold()):
                return cls(run, screen, each, **how)
        if not spaces:
            raise UsageError(f"{run.name} has no latent space", model.no_space,
                             "choose a run of another family")
        raise UsageError(f"There is no latent space {space}", f"{run.name} has "
                         f"{', '.join(each.name for each in spaces)}", "choose one of these")

    def codes(self, points: Sequence[str]) -> Codes:
        """Return the codes (N, D) of seeds, kept points and A-B+C of three seeds."""
        seeds: list[int] = []
        for text in points:
            if match := _ANALOGY.fullmatch(text.strip()):
                seeds += map(int, match.groups())
            elif text.strip().isdecimal():
                seeds.append(int(text))
        if beyond := [seed for seed in seeds if seed >= 2**32]:
            raise UsageError(f"{beyond[0]} is too large for a seed", fix="give less than 2³²")
        known = dict(zip(seeds, self._of_seeds(seeds), strict=True))
        found = []
        for text in map(str.strip, points):
            if text.isdecimal():
                found.append(known[int(text)])
            elif match := _ANALOGY.fullmatch(text):
                a, b, c = (known[int(seed)] for seed in match.groups())
                found.append(latents.analogy(self.space, a, b, c))
            else:
                found.append(points_kept.named(self.run.path, self.space.name, text).code)
        return np.stack(found)

    def _of_seeds(self, seeds: Sequence[int]) -> Codes:
        if self.space.is_normal or not seeds:
            return latents.codes_of_seeds(self.space, seeds)
        before = next(space for space in self.run.config.model.spaces(self.run.config.shape)
                      if space.name == self.space.follows)
        told = self._asked(Place(
            self.run.path, latents.codes_of_seeds(before, seeds), self.space.name, self.mix,
            self.knobs, self.step, self.weights, self.device), Encoded)
        return told[0].codes

    def pictures(self, codes: Codes, labels: tuple[int, ...] = ()) -> Drawn:
        """Draw codes (N, D), each in a class of its own where `labels` say so; raises Cancelled."""
        told = self._asked(Decode(
            self.run.path, codes, self.space.name, self.mix, labels, self.sampler, self.nfe, None,
            self.knobs, self.step, self.weights, self.device), Decoded)
        return Drawn(told[0].images, told[0].seconds, told[1])

    def directions(self, request: Directions) -> tuple[Directed, dict[str, Any]]:
        """Find directions; raises Cancelled."""
        return self._asked(request, Directed)

    def _asked(self, request: Request, kind: type[Any]) -> tuple[Any, dict[str, Any]]:
        """Return the last event of a kind that a request is answered with, and its result."""
        found: list[Event] = []

        def see(event: Event) -> None:
            if isinstance(event, kind):
                found[:] = [event]

        watched = watch.run(request, self.screen, see)
        if watched.done is None:
            raise Cancelled(watched.code)
        if not found:
            raise StudioError("Nothing came back", "the engine ended without an answer")
        return found[0], dict(watched.done.result)


def table_of(asking: Asking, kind: str, points: Sequence[str], count: int, linear: bool,
             ) -> tuple[Codes, tuple[int, ...]]:
    """Return the codes of a table of arithmetic, and their classes where it goes through them.

    `count` is how many codes stand beside each other: the last of `points` and the seeds after it.
    """
    classes = len(asking.run.config.data.classes) if asking.run.config.model.learns_labels else 0
    if kind == "classes" and not classes:
        raise UsageError(f"{asking.run.name} learned no classes", fix="give --analogy, or choose "
                         "a run that learned classes")
    last = int(points[-1]) if points[-1].isdecimal() else None
    codes = asking.codes([*points, *map(str, latents.seeds_after(last, count - 1))])
    if kind == "classes":
        return latents.in_classes(codes, classes)
    return latents.analogies(asking.space, codes[0], codes[1], codes[2:], linear), ()


def read_moves(texts: Sequence[str]) -> dict[str, float]:
    """Return how far to move along each direction, read from name=amount; the last one counts."""
    amounts = {}
    for text in texts:
        name, raw = (part.strip() for part in text.partition("=")[::2])
        try:
            amounts[name] = float(raw)
        except ValueError:
            raise UsageError(f"--move {text} says no amount",
                             fix=f"write it as --move {name}=2") from None
    return amounts


def moves_of(asking: Asking, amounts: Mapping[str, float]) -> Moves | None:
    """Return directions (K, D) of these names and how far to move along each."""
    vectors = []
    for name in amounts:
        if match := _MOVE.fullmatch(name):
            place = int(match[2])
            if match[1] == "axis":
                vectors.append(_axis(asking.space, place))
                continue
            found, _ = asking.directions(Directions(
                asking.run.path, match[1], asking.space.name,  # type: ignore[arg-type]
                max(1, place), step=asking.step, weights=asking.weights, device=asking.device))
            if not 1 <= place <= len(found.vectors):
                raise UsageError(f"There is no direction {name}",
                                 f"{len(found.vectors)} were found", "give a smaller number")
            vectors.append(found.vectors[place - 1])
        else:
            vectors.append(_kept(asking, name))
    return (np.stack(vectors), list(amounts.values())) if vectors else None


def _axis(space: Space, place: int) -> Codes:
    if not 1 <= place <= space.dimensions:
        raise UsageError(f"There is no axis{place}",
                         f"{space.name} has {space.dimensions:,} dimensions",
                         f"give axis1 to axis{space.dimensions}")
    return latents.axis(space, place - 1)


def _kept(asking: Asking, name: str) -> Codes:
    kept = points_kept.read(asking.run.path, asking.space.name, "direction")
    for thing in kept:
        if thing.name == name:
            return thing.code
    names = ", ".join(thing.name for thing in kept)
    raise UsageError(f"There is no direction {name}", f"kept are {names}" if names else (
        f"none is kept in {asking.space.name}"),
        "give pca1, sefa1, kl1 or axis1, or the name of one kept")


# --- reading --------------------------------------------------------------------------------------


def read_points(**texts: str | None) -> tuple[str, list[str]]:
    """Read the one option that says between which points is drawn; raises UsageError."""
    given = {kind: text for kind, text in texts.items() if text is not None}
    if len(given) != 1:
        raise UsageError("It is not said between which points", "give one of "
                         f"{', '.join(f'--{kind}' for kind in texts)}",
                         "as in --corners 1,2,3,4, or --walk 1,2,3")
    (kind, text), = given.items()
    points, wanted = [part.strip() for part in text.split(",")], COUNTS.get(kind)
    if wanted is not None and len(points) != wanted:
        many = "1 point" if wanted == 1 else f"{wanted} points"
        raise UsageError(f"--{kind} takes {many}, not {len(points)}", fix="write it as "
                         f"--{kind} {','.join(map(str, range(1, wanted + 1)))}")
    return kind, points


def read_mix(mix: str | None, label: str | None, config: RunConfig) -> dict[int, float]:
    """Read the shares of classes from 3:0.5,8:0.5 (or 3=0.5,8=0.5), or from one label."""
    if mix is not None and label is not None:
        raise UsageError("--label and --mix do not go together", fix="leave one of them out")
    if label is not None:
        return {place: 1.0 for place in [index_of(label, config)] if place is not None}
    found: dict[int, float] = {}
    for part in mix.split(",") if mix else ():
        name, _, raw = part.replace("=", ":").partition(":")
        place = index_of(name.strip(), config)
        try:
            share = float(raw) if raw else 1.0
        except ValueError:
            raise UsageError(f"--mix {part} is no share", fix="write it as --mix 3:0.5,8:0.5"
                             ) from None
        if place is not None:
            found[place] = found.get(place, 0.0) + share
    return found


def read_window(text: str | None) -> tuple[float, float, float, float]:
    """Read the part of a square that is shown; all of it where nothing is said."""
    try:
        left, top, right, bottom = map(float, (text or "0,0,1,1").split(","))
    except ValueError:
        raise UsageError(f"--window {text} is no part of a square",
                         fix="write it as --window 0,0,0.5,0.5") from None
    if not (0.0 <= left < right <= 1.0 and 0.0 <= top < bottom <= 1.0):
        raise UsageError(f"--window {text} is no part of a square", "left and top come before "
                         "right and bottom, all 0 to 1", "write it as --window 0,0,0.5,0.5")
    return left, top, right, bottom


def settings_of(asking: Asking, kind: str, points: Sequence[str], drawn: Mapping[str, Any],
                ) -> dict[str, Any]:
    """Gather what a PNG carries, so that dropping it on the window brings back what was `drawn`.

    `points` are those of the option `kind`; the window has no place for A-B+C.
    """
    config = asking.run.config
    model, settings = config.model, {"run": asking.run.name, "space": asking.space.name}
    knobs = {knob.name: knob.default for knob in model.knobs()} | dict(asking.knobs)
    step = runs.step_of(asking.run, asking.step)
    found = {**settings, "sampler": asking.sampler or config.steady_sampler,
             "nfe": asking.nfe or config.steady_nfe,
             "weights": asking.weights, "knobs": knobs or None,
             "step": step if step is not None else max(asking.run.checkpoints, default=None),
             "mix": {str(label): share for label, share in asking.mix.items()} or None}
    if not any(map(_ANALOGY.fullmatch, points)):
        found |= {kind: ",".join(points), **drawn}
    return found
