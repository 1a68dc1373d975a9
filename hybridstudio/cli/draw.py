"""`sample` and `denoise`."""

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
from hybridstudio.messages import Draw, Event, Frame, Images, Mask, Points
from hybridstudio.telling import duration, number
from hybridstudio.ways import read_branch

STRIP = 11  # moments in a strip unless --frames says otherwise
ANIMATION = 60  # and in an animation

PICTURES, POINTS = 16, 2_000  # drawn unless --count says otherwise
ROWS = ("x_t", "x0", "eps")


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
    is_points = _is_points(config)
    if (out.suffix.lower() == ".csv") > is_points or (not out.suffix and is_points):
        raise UsageError(f"--out {out} suits {'pictures' if is_points else 'points'} alone", (
            f"{folder.name} draws {'points of the plane' if is_points else 'pictures'}"),
            "choose one of .npy, .csv, .png" if is_points else "choose .npy, .png or a folder")
    request = Draw(
        folder, count or (POINTS if is_points else PICTURES), sampler, nfe, eta, guidance, seed,
        _index(label, config), weights, step, knobs=read_knobs(knobs, config), frames=False,
        batch=batch, device=device)
    settings = _settings(request, runs.read(folder))  # before: it may go on training meanwhile
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
    screen.say(f"{_drawn(result, config)} → {out}", "bold")
    screen.result({**result, "out": str(out)})
    return 0


def denoise(
    context: typer.Context,
    run: options.Run,
    out: Annotated[Path, typer.Option(
        metavar="X.png|gif|webp|mp4", help="A strip of moments, or an animation.")],
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
    image: Annotated[Path | None, typer.Option(
        metavar="FILE", help="Begin with this picture, noised to --from-step.")] = None,
    from_step: Annotated[int | None, typer.Option(
        min=1, metavar="T", help="The noise level to begin at, up to the run's T.")] = None,
    mask: Annotated[Path | None, typer.Option(
        metavar="FILE", help="A picture that is white where --image is known and stays; the rest "
        "is drawn to go with it.")] = None,
    branch: Annotated[list[str] | None, typer.Option(
        metavar="at=K,NAME=VALUE...", help="Go another way after frame K, with another seed, "
        "sampler, nfe (evaluations left), eta, guidance or label. Give it as often as the drawing "
        "branches, in the order of the frames.")] = None,
    rows: Annotated[str, typer.Option(
        metavar="x_t|x0|eps|all|NAME", help="What to show: the picture, the predicted clean one, "
        "the predicted noise, all, or what else the model shows by its name.")] = "x_t",
    frames: Annotated[int | None, typer.Option(
        min=2, metavar="N", help=f"Moments to show, evenly spread; {STRIP} in a strip, "
        f"{ANIMATION} in an animation.")] = None,
    ms: Annotated[int, typer.Option(
        min=10, max=10_000, metavar="MS", help="Milliseconds for each moment.")] = 80,
    zoom: Annotated[int | None, typer.Option(
        min=1, max=32, metavar="N", help="Enlarge by a whole number; by default to 64 pixels "
        "or more.")] = None,
    device: options.Device = "auto",
    force: options.Force = False,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """Show how pictures come out of noise, as a strip or an animation."""
    screen = screen_of(context)
    out = out.expanduser()
    refuse_existing(out, force, (".png", *pictures.ANIMATIONS))
    if mask is None and (image is None) != (from_step is None):
        raise UsageError("--image and --from-step belong together",
                         "a picture is noised to a noise level and denoised from there",
                         "give both, as in --image digit.png --from-step 400")
    folder = runs.find(run)
    config = runs.read(folder).config
    count = count or (POINTS if _is_points(config) else PICTURES // 2)
    request = Draw(
        folder, count, sampler, nfe, eta, guidance, seed, _index(label, config), weights, step,
        _picture(image, config), from_step, read_knobs(knobs, config), frames=True,
        batch=max(count, Draw.batch), device=device,  # one batch: its moments come in one series
        mask=_mask(mask, config),
        branches=tuple(read_branch(text, config.data.classes) for text in branch or ()))
    is_strip = out.suffix.lower() == ".png"
    moments = Moments(frames or (STRIP if is_strip else ANIMATION))
    settings = _settings(request, runs.read(folder))
    watched = watch.run(request, screen, moments.see)
    if watched.done is None:
        return cancelled(watched.code, screen)
    shown = moments.rows(rows)
    result = dict(watched.done.result)
    zoom = zoom or max(1, -(-64 // shown[0].shape[1]))
    if is_strip:
        pictures.write_png(out, pictures.strip(shown, zoom), settings, force)
    else:
        columns = len(shown[0]) // moments.rows_shown if rows == "all" else None
        pages = (pictures.sheet(images, columns, zoom) for images in shown)
        pictures.write_animation(out, pages, ms, overwrite=force)
    moments_told = f"{len(shown)} moments" if len(shown) > 1 else "one pass"
    screen.say(f"{_drawn(result, config)}, {moments_told} → {out}", "bold")
    screen.result({**result, "frames": len(shown), "out": str(out)})
    return 0


class Moments:
    """Keeps some of the frames that stream past: evenly spread, the first and last always."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[Frame] = []
        self._last: Frame | None = None  # the newest, where it is not among those kept
        self.rows_shown = 1  # of the last `rows`

    def see(self, event: Event) -> None:
        """Take notice of an event."""
        if not isinstance(event, Frame):
            return
        # Steps run from 0 or 1 to `steps`; the first seen stands for both.
        wanted = pictures.spread(event.steps + 1, self._most)
        if not self._kept or event.step in wanted[1:]:
            self._kept.append(event)
            self._last = None
        else:
            self._last = event

    def rows(self, rows: str) -> list[Images]:
        """Return what to show of every moment kept: the pictures of a row, or of `all` in turn."""
        frames = self._kept + ([] if self._last is None else [self._last])
        if not frames:
            raise StudioError("There is nothing to show", "the engine told no moments")
        further = [name for frame in frames for name in frame.extra]
        found = {name: [_pictures(frame, name) for frame in frames]
                 for name in dict.fromkeys((*ROWS, *further))}
        has = [name for name, told in found.items() if any(each is not None for each in told)]
        names = has if rows == "all" else [name for name in has if name == rows]
        if not names:
            raise UsageError(f"This model has no {rows} to show",
                             fix=f"choose --rows {' or '.join([*has, 'all'])}")
        self.rows_shown = len(names)
        told = [_filled(found[name], frames[0].x_t) for name in names]
        return [np.concatenate(parts) for parts in zip(*told, strict=True)]


def _pictures(frame: Frame, name: str) -> Images | None:
    found: Images | None = getattr(frame, name) if name in ROWS else frame.extra.get(name)
    return found


def _filled(row: list[Images | None], like: Images) -> list[Images]:
    """Repeat the moment before where nothing was predicted; show grey before the first."""
    filled, newest = [], np.full_like(like, 128)
    for images in row:
        newest = newest if images is None else images
        filled.append(newest)
    return filled


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


def _is_points(config: RunConfig) -> bool:
    return config.data.shape is not None and config.data.shape.is_points


def _index(label: str | None, config: RunConfig) -> int | None:
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


def _picture(file: Path | None, config: RunConfig) -> Images | None:
    """Read a picture as a square of the run's size, (H, W, C)."""
    if file is None:
        return None
    from hybridstudio.data import decode  # only here: the package may bring torch

    try:
        return decode.picture(file.expanduser().read_bytes(), config.shape.height, config.data.fit)
    except decode.UnreadableError as error:
        raise UsageError(f"{file} cannot be used", str(error), "give another picture") from None


def _mask(file: Path | None, config: RunConfig) -> Mask | None:
    """Read a mask as a picture is read: (H, W), true where it is rather white."""
    picture = _picture(file, config)
    return None if picture is None else picture.mean(axis=2) >= 128


def _write_points(out: Path, points: Points, force: bool) -> None:
    """Write points (N, 2) as an array of float32, or as lines of x,y."""
    with pictures.complete(out, force) as file:
        if out.suffix.lower() == ".npy":
            np.save(file, points.astype(np.float32, copy=False), allow_pickle=False)
        else:  # nine figures bring every float32 back exactly
            np.savetxt(file, points, fmt="%.9g", delimiter=",", header="x,y", comments="")


def _settings(request: Draw, run: runs.Run) -> dict[str, Any]:
    """Gather what a PNG carries, so that dropping it on the window brings everything back.

    What was left to the run is told as it stands now: its own settings, its newest checkpoint.
    """
    config = run.config
    usual = {"sampler": config.sampler, "nfe": config.nfe, "eta": config.sample.eta,
             "guidance": config.sample.guidance, "step": max(run.checkpoints, default=None)}
    asked = {name: value for name in pictures.SETTINGS
             if (value := getattr(request, name, None)) is not None}
    knobs = {knob.name: knob.default for knob in config.model.knobs()} | dict(request.knobs)
    return {**usual, **asked, "knobs": knobs or None, "run": run.name}


def _drawn(result: Mapping[str, Any], config: RunConfig) -> str:
    what = "points" if _is_points(config) else "pictures"
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
