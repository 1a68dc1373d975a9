"""`sample`, and what it shares with other commands that draw."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from hybridstudio import pictures, runs
from hybridstudio.cli import options, watch
from hybridstudio.cli.screen import Screen, screen_of
from hybridstudio.config import RunConfig
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import Draw, Points
from hybridstudio.telling import duration, number

PICTURES, POINTS = 16, 2_000  # drawn unless --count says otherwise


def sample(
    context: typer.Context,
    run: options.Run,
    out: Annotated[Path, typer.Option(
        metavar="X.npy|X.png|DIR", help="An array, one sheet, or a folder of pictures; points "
        "as X.npy, X.csv, or a picture of their cloud.")],
    count: options.Count = None,
    sampler: options.Sampler = None,
    nfe: options.Nfe = None,
    eta: options.Eta = None,
    guidance: options.Guidance = None,
    seed: options.Seed = 0,
    label: options.Label = None,
    knobs: options.Knobs = None,
    weights: options.Weights = "ema",
    step: options.Step = None,
    batch: options.Batch = Draw.batch,
    device: options.Device = "auto",
    force: options.Force = False,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """Draw pictures from a run or from a model that ships."""
    screen = screen_of(context)
    out = out.expanduser()
    refuse_existing(out, force, (".npy", ".png", ".csv", ""))
    folder = runs.find(run)
    config = runs.read(folder).config
    draws_points = is_points(config)
    if (out.suffix.lower() == ".csv") > draws_points or (not out.suffix and draws_points):
        raise UsageError(f"--out {out} suits {'pictures' if draws_points else 'points'} alone", (
            f"{folder.name} draws {'points of the plane' if draws_points else 'pictures'}"),
            "choose one of .npy, .csv, .png" if draws_points else "choose .npy, .png or a folder")
    request = Draw(
        folder, count or (POINTS if draws_points else PICTURES), sampler, nfe, eta, guidance, seed,
        index_of(label, config), weights, step, knobs=read_knobs(knobs, config), frames=False,
        batch=batch, device=device)
    settings = settings_of(request, runs.read(folder))  # before: it may go on training meanwhile
    watched = watch.run(request, screen)
    if watched.done is None:
        return cancelled(watched.code, screen)
    if watched.done.images is None:
        raise StudioError("No pictures came back", "the engine ended without any")
    result, points = dict(watched.done.result), watched.done.points
    if points is not None and out.suffix.lower() != ".png":
        _write_points(out, points, force)
    else:
        pictures.write_samples(out, watched.done.images, settings, force)
    screen.say(f"{told(result, config)} → {out}", "bold")
    screen.result({**result, "out": str(out)})
    return 0


def refuse_existing(out: Path, force: bool, endings: tuple[str, ...]) -> None:
    """Refuse before drawing what could not be written after it."""
    if out.suffix.lower() not in endings and not (out.is_dir() and "" in endings):
        known = ", ".join(ending or "a folder" for ending in endings)
        raise UsageError(f"--out {out} has an unknown ending", "it says what is written",
                         f"choose one of {known}")
    is_taken = any(out.iterdir()) if out.is_dir() else out.exists()
    if is_taken and not force:
        raise UsageError(f"{out} exists already", "it would be overwritten",
                         "choose another --out, or add --force")


def is_points(config: RunConfig) -> bool:
    """Tell whether a run learns points of the plane rather than pictures."""
    return config.data.shape is not None and config.data.shape.is_points


def index_of(label: str | None, config: RunConfig) -> int | None:
    """Find a class by its index or its name among the run's classes."""
    if label is None:
        return None
    classes = config.data.classes
    if label in classes:
        return classes.index(label)
    if label.isdecimal():
        return int(label)
    raise UsageError(f"There is no class {label}",
                     f"the classes are {', '.join(classes)}" if classes else
                     "this run knows no classes", "give a class's index or its name")


def read_knobs(values: Sequence[str] | None, config: RunConfig) -> dict[str, float]:
    """Read name=value of the run's knobs; how far each goes is checked where it is drawn."""
    known = [knob.name for knob in config.model.knobs()]
    found: dict[str, float] = {}
    for text in values or ():
        name, equals, raw = (part.strip() for part in text.partition("="))
        if not equals:
            raise UsageError(f"--knob {text} has no value", fix=f"write it as --knob {name}=1")
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            raise UsageError(f"There is no knob {name}", (
                f"a {config.model.family} has {', '.join(known) or 'none'}"),
                f"did you mean {close[0]}?" if close else "")
        try:
            found[name] = float(raw)
        except ValueError:
            raise UsageError(f"--knob {text} is no number", f"{raw!r} was given",
                             f"write it as --knob {name}=1") from None
    return found


def _write_points(out: Path, points: Points, force: bool) -> None:
    """Write points (N, 2) as an array of float32, or as lines of x,y."""
    with pictures.complete(out, force) as file:
        if out.suffix.lower() == ".npy":
            np.save(file, points.astype(np.float32, copy=False), allow_pickle=False)
        else:  # nine figures bring every float32 back exactly
            np.savetxt(file, points, fmt="%.9g", delimiter=",", header="x,y", comments="")


def settings_of(request: Draw, run: runs.Run) -> dict[str, Any]:
    """Gather what a PNG carries, so that dropping it on the window brings everything back.

    What was left to the run is told as it stands now: its own settings, its newest checkpoint.
    """
    config = run.config
    request = request.settled(config)
    usual = {"sampler": config.sampler, "nfe": config.nfe, "eta": config.sample.eta,
             "guidance": config.sample.guidance, "step": max(run.checkpoints, default=None)}
    asked = {name: value for name in pictures.SETTINGS
             if (value := getattr(request, name, None)) is not None}
    usually = {knob.name: knob.default for knob in config.model.knobs()
               if not knob.needs or getattr(request, knob.needs) is not None}
    knobs = usually | dict(request.knobs)
    return {**usual, **asked, "knobs": knobs or None, "run": run.name}


def told(result: Mapping[str, Any], config: RunConfig) -> str:
    """Tell in words what was drawn, in how long and how."""
    what = "points" if is_points(config) else "pictures"
    words = f"{result.get('count', 0):,} {what}"
    if "seconds" in result:
        words += f" in {duration(result['seconds'])}"
    if "ms_per_image" in result:
        words += f" ({number(result['ms_per_image'])} ms each)"
    nfe = result.get("nfe", "?")
    return f"{words}, {result.get('sampler', '')} with {nfe} evaluation{'' if nfe == 1 else 's'}"


def cancelled(code: int, screen: Screen) -> int:
    """Say that a drawing was cancelled; return the exit code."""
    screen.say("Cancelled; nothing was written.", "bold")
    screen.result({"outcome": "cancelled"})
    return code
