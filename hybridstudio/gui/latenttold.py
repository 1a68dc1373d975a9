"""How a grid of a latent space is told: in a picture's file, and as a command line. No widgets."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hybridstudio import commands, points_kept
from hybridstudio.config.models.base import Space
from hybridstudio.gui.latentstate import (
    SIDES,
    WHOLE,
    Direction,
    How,
    Spot,
    Square,
    told,
)
from hybridstudio.gui.walkform import EASINGS, FRAMES, PACES, Walk
from hybridstudio.runs import Run

AXIS = "axis"  # what a dimension is called in a command line, with its number from 1

_NUMBERS = re.compile(r"[\d\s]+(-[\d\s]+\+[\d\s]+)?")  # a seed, or A-B+C of three


def settings_of(run: Run, square: Square, how: How, names: Collection[str] = ()) -> dict[str, Any]:
    """Return what a picture's file carries of a grid; corners that have no name are left out."""
    said = told(run, how)
    if corners := known_words(square.corners, names):
        said["corners"], said["grid"] = corners, square.side
        said["path"] = "linear" if square.linear else "slerp"
        if square.window != WHOLE:
            said["window"] = ",".join(f"{end:.6g}" for end in square.window)
    if square.edits:
        said["move"] = {name_of(direction): amount for direction, amount in square.edits}
    if square.style is not None and (style := known_words((square.style,), names)):
        said |= {"style": style, "begins": square.begins}
    return said


def command_of(run: Run, square: Square, how: How, out: str = "latent.png") -> str:
    """Return the command line that draws the same grid, where seeds or kept points are corners."""
    words = ["hybridstudio", "interpolate", commands.name_of(run.path), "--corners",
             spot_words(square.corners), "--grid", str(square.side), "--out", out]
    if square.linear:
        words.append("--linear")
    if square.window != WHOLE:
        words += ["--window", ",".join(f"{end:.6g}" for end in square.window)]
    for direction, amount in square.edits:
        words += ["--move", f"{name_of(direction)}={amount:g}"]
    if square.style is not None:
        words += ["--style", spot_words((square.style,)), "--begins", str(square.begins)]
    return commands.quoted([*words, *how_words(run, how)])


def untold(spots: Sequence[Spot], names: Collection[str]) -> str:
    """Return what a command line cannot tell of places; "" where it can tell all.

    It knows seeds, and points kept, whose `names` are given.
    """
    for spot in spots:
        if not spot.is_seed and spot.name not in names:
            return f"{spot.name} is not kept as a point"
        if not spot.is_seed and ("," in spot.name or _NUMBERS.fullmatch(spot.name)):
            return f"it would read the name {spot.name} as something else"
    return ""


def spot_words(spots: Sequence[Spot]) -> str:
    """Return places as a command line names them: seeds, and points by their names."""
    return ",".join(str(spot.seed) if spot.is_seed else spot.name for spot in spots)


def known_words(spots: Sequence[Spot], names: Collection[str]) -> str:
    """Return what a picture's file carries of places; "" where one has no name."""
    return "" if untold(spots, names) else spot_words(spots)


def walk_command(run: Run, walk: Walk, how: How, ms: int) -> str:
    """Return the command line that draws the same walk."""
    words = ["hybridstudio", "interpolate", commands.name_of(run.path), "--walk",
             spot_words(walk.stops), "--frames", str(walk.count), "--ms", str(ms),
             "--ease", walk.easing if walk.pace == "latent" else "even", "--out", "walk.gif"]
    words += [] if walk.loop else ["--no-loop"]
    words += ["--linear"] if walk.linear else []
    words += ["--paced"] if walk.pace == "pixels" else []
    return commands.quoted([*words, *how_words(run, how)])


def table_command(run: Run, kind: str, spots: Sequence[Spot], how: How, space: Space | None) -> str:
    """Return the command line that draws the same table of arithmetic, an analogy or classes."""
    if kind == "classes" and space is not None and space.is_normal:  # no class is blended
        how = replace(how, mix=How.of(run).mix)
    words = ["hybridstudio", "interpolate", commands.name_of(run.path), f"--{kind}",
             spot_words(spots), "--out", f"{kind}.png"]
    return commands.quoted([*words, *how_words(run, how)])


def name_of(direction: Direction) -> str:
    """Return what a direction is called in files and command lines: pca1, axis5, or its name."""
    if direction.kind == "kept":
        return direction.name
    return f"{AXIS if direction.kind == 'axes' else direction.kind}{direction.place + 1}"


def how_words(run: Run, how: How) -> list[str]:
    """Return the options of the command line that draw codes like this."""
    words, usual = [], How.of(run)
    for name in ("space", "sampler", "nfe", "step", "weights"):
        value = getattr(how, name)
        if value is not None and value != getattr(usual, name):
            words += [f"--{name}", str(value)]
    if how.mix != usual.mix:
        words += ["--mix", ",".join(f"{index}={share:g}" for index, share in how.mix)]
    for knob, value in how.knobs:
        if (knob, value) not in usual.knobs:
            words += ["--knob", f"{knob}={value:g}"]
    return words


def spots_told(text: str, run: Run, settings: Mapping[str, Any]) -> tuple[Spot, ...]:
    """Return the places that `spot_words` wrote; raises UsageError for a point that is not kept."""
    space = str(settings.get("space", ""))
    found = []
    for word in map(str.strip, text.split(",") if text.strip() else ()):
        if not word.isdecimal():
            found.append(Spot.kept(points_kept.named(run.path, space, word)))
        elif int(word) < 2**31:
            found.append(Spot(int(word)))
    return tuple(found)


def square_told(settings: Mapping[str, Any], run: Run) -> Square:
    """Return the grid that a picture's file tells of; the usual one where it cannot be meant.

    It is moved by nothing yet: directions must be found first.
    """
    usual = Square()
    corners = spots_told(settings["corners"], run, settings) if "corners" in settings else ()
    side = settings.get("grid", usual.side)
    square = Square(corners if len(corners) == 4 else usual.corners,
                    max(SIDES[0], min(SIDES[2], side)), settings.get("path") == "linear")
    if style := spots_told(settings.get("style", ""), run, settings):
        square = replace(square, style=style[0], begins=settings.get("begins", 1))
    window = _numbers(settings.get("window", ""))
    return square.into((window[0], window[1], window[2], window[3])) if len(window) == 4 else square


def walk_settings(run: Run, walk: Walk, how: How, names: Collection[str], ms: int,
                  ) -> dict[str, Any]:
    """Return what a file carries of a walk; no points where one of them has no name."""
    return {**told(run, how), "walk": known_words(walk.stops, names), "frames": walk.count,
            "loop": walk.loop, "ease": walk.easing, "pace": walk.pace, "ms": ms,
            "path": "linear" if walk.linear else "slerp"}


def walk_told(settings: Mapping[str, Any], run: Run, before: Walk) -> Walk:
    """Return the walk that a file tells of; what it does not tell is as `before`."""
    stops = spots_told(settings.get("walk", ""), run, settings) or before.stops
    loop = settings.get("loop", before.loop)
    legs = max(1, len(stops) if loop else len(stops) - 1)
    frames = round((settings["frames"] - (not loop)) / legs) if "frames" in settings else (
        before.frames)
    easing, pace = settings.get("ease"), settings.get("pace")
    return Walk(stops, max(FRAMES[0], min(FRAMES[2], frames)),
                easing if easing in EASINGS else before.easing, loop,
                settings.get("path") == "linear", pace if pace in PACES else before.pace)


def view_told(settings: Mapping[str, Any]) -> str:
    """Return the view of the page Latent that a file's settings are for, by its name in PANELS."""
    views = {"walk": "latentwalk", "analogy": "latentmath", "classes": "latentmath",
             "other": "latentpair"}
    return next((view for key, view in views.items() if key in settings), "latent")


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        return []
