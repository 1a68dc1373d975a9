"""How a grid of a latent space is told: in a picture's file, and as a command line. No widgets."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from hybridstudio import commands, points_kept
from hybridstudio.gui.latentstate import (
    SIDES,
    WHOLE,
    Direction,
    Edits,
    How,
    Spot,
    Square,
    told,
)
from hybridstudio.gui.walkform import Walk
from hybridstudio.runs import Run

_NUMBERS = re.compile(r"[\d\s]+(-[\d\s]+\+[\d\s]+)?")  # a seed, or A-B+C of three


def settings_of(run: Run, square: Square, how: How, names: Collection[str] = ()) -> dict[str, Any]:
    """Return what a picture's file carries of a grid; corners that have no name are left out."""
    said = told(run, how)
    if not untold(square.corners, names):
        said["corners"] = spot_words(square.corners)
        said["grid"] = square.side
        said["path"] = "linear" if square.linear else "slerp"
        if square.window != WHOLE:
            said["window"] = ",".join(f"{end:.6g}" for end in square.window)
    return said


def command_of(run: Run, square: Square, how: How) -> str:
    """Return the command line that draws the same grid, where seeds or kept points are corners."""
    words = ["hybridstudio", "interpolate", commands.name_of(run.path), "--corners",
             spot_words(square.corners), "--grid", str(square.side), "--out", "latent.png"]
    if square.linear:
        words.append("--linear")
    if square.window != WHOLE:
        words += ["--window", ",".join(f"{end:.6g}" for end in square.window)]
    for direction, amount in square.edits:
        words += ["--move", f"{_name_of(direction)}={amount:g}"]
    if square.style is not None:
        words += ["--style", spot_words((square.style,)), "--begins", str(square.begins)]
    return commands.quoted([*words, *how_words(run, how)])


def untold(spots: Sequence[Spot], names: Collection[str], edits: Edits = ()) -> str:
    """Return what a command line cannot tell of places and moves; "" where it can tell all.

    It knows seeds, points kept, whose `names` are given, and directions that were kept or found;
    the axes of a space have no name there.
    """
    for spot in spots:
        if not spot.is_seed and spot.name not in names:
            return f"{spot.name} is not kept as a point"
        if not spot.is_seed and ("," in spot.name or _NUMBERS.fullmatch(spot.name)):
            return f"it would read the name {spot.name} as something else"
    for direction, _ in edits:
        if direction.kind == "axes":
            return f"the axis {direction.name} has no name there"
    return ""


def spot_words(spots: Sequence[Spot]) -> str:
    """Return places as a command line names them: seeds, and points by their names."""
    return ",".join(str(spot.seed) if spot.is_seed else spot.name for spot in spots)


def walk_command(run: Run, walk: Walk, how: How, ms: int) -> str:
    """Return the command line that draws the same walk."""
    words = ["hybridstudio", "interpolate", commands.name_of(run.path), "--walk",
             spot_words(walk.stops), "--frames", str(walk.count), "--ms", str(ms),
             "--ease", walk.easing if walk.pace == "latent" else "even", "--out", "walk.gif"]
    words += [] if walk.loop else ["--no-loop"]
    words += ["--linear"] if walk.linear else []
    words += ["--paced"] if walk.pace == "pixels" else []
    return commands.quoted([*words, *how_words(run, how)])


def _name_of(direction: Direction) -> str:
    is_kept = direction.kind == "kept"
    return direction.name if is_kept else f"{direction.kind}{direction.place + 1}"


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
    for word in map(str.strip, str(text).split(",")):
        if not word.isdecimal():
            found.append(Spot.kept(points_kept.named(run.path, space, word)))
        elif int(word) < 2**31:
            found.append(Spot(int(word)))
    return tuple(found)


def square_told(settings: Mapping[str, Any], run: Run) -> Square:
    """Return the grid that a picture's file tells of; the usual one where it cannot be meant."""
    usual = Square()
    corners = spots_told(settings["corners"], run, settings) if "corners" in settings else ()
    side = settings.get("grid", usual.side)
    square = Square(corners if len(corners) == 4 else usual.corners,
                    max(SIDES[0], min(SIDES[2], side)), settings.get("path") == "linear")
    window = _numbers(settings.get("window", ""))
    return square.into((window[0], window[1], window[2], window[3])) if len(window) == 4 else square


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        return []
