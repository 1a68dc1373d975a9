"""How a grid of a latent space is told: in a picture's file, and as a command line. No widgets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from hybridstudio import commands
from hybridstudio.gui.latentstate import SIDES, WHOLE, Direction, How, Spot, Square, told
from hybridstudio.gui.walkform import Walk
from hybridstudio.runs import Run


def settings_of(run: Run, square: Square, how: How) -> dict[str, Any]:
    """Return what a picture's file carries of a grid; corners that no seed stands for are left."""
    said = told(run, how)
    if all(spot.is_seed for spot in square.corners):
        said["corners"] = ",".join(str(spot.seed) for spot in square.corners)
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


def can_be_told(square: Square, names: Collection[str]) -> bool:
    """Tell whether a command line knows all of a grid: seeds, points and directions kept, found.

    `names` are those of the points kept; the axes of a space have no name there.
    """
    return all(spot.is_seed or (spot.name in names and "," not in spot.name)
               for spot in square.spots) and all(
        direction.kind != "axes" for direction, _ in square.edits)


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


def square_told(settings: Mapping[str, Any]) -> Square:
    """Return the grid that a picture's file tells of; the usual one where it cannot be meant."""
    usual = Square()
    seeds = _numbers(settings.get("corners", ""))
    corners = tuple(Spot(int(seed)) for seed in seeds if 0 <= seed < 2**31)
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
