"""`sample` and `denoise`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer

from hybridstudio import pictures, runs
from hybridstudio.cli import options, watch
from hybridstudio.cli.screen import Screen, screen_of
from hybridstudio.config import RunConfig
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import Draw, Event, Frame, Images
from hybridstudio.telling import duration, number

STRIP = 11  # moments in a strip unless --frames says otherwise
ANIMATION = 60  # and in an animation

Rows = Literal["x_t", "x0", "eps", "all"]


def sample(
    context: typer.Context,
    run: options.Run,
    out: Annotated[Path, typer.Option(
        metavar="X.npy|X.png|DIR", help="An array, one sheet, or a folder of pictures.")],
    count: options.Count = 16,
    sampler: options.Sampler = None,
    nfe: options.Nfe = None,
    eta: options.Eta = None,
    guidance: options.Guidance = None,
    seed: options.Seed = 0,
    label: options.Label = None,
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
    _refuse_existing(out, force, (".npy", ".png", ""))
    folder = runs.find(run)
    request = Draw(
        folder, count, sampler, nfe, eta, guidance, seed, _index(label, folder), weights,
        step, frames=False, batch=batch, device=device)
    watched = watch.run(request, screen)
    if watched.done is None:
        return _cancelled(watched.code, screen)
    if watched.done.images is None:
        raise StudioError("No pictures came back", "the engine ended without any")
    result = dict(watched.done.result)
    pictures.write_samples(out, watched.done.images, _settings(request, result), overwrite=force)
    screen.say(f"{_drawn(result)} → {out}", "bold")
    screen.result({**result, "out": str(out)})
    return 0


def denoise(
    context: typer.Context,
    run: options.Run,
    out: Annotated[Path, typer.Option(
        metavar="X.png|gif|webp|mp4", help="A strip of moments, or an animation.")],
    count: options.Count = 8,
    sampler: options.Sampler = None,
    nfe: options.Nfe = None,
    eta: options.Eta = None,
    guidance: options.Guidance = None,
    seed: options.Seed = 0,
    label: options.Label = None,
    weights: options.Weights = "ema",
    step: options.Step = None,
    image: Annotated[Path | None, typer.Option(
        metavar="FILE", help="Begin with this picture, noised to --from-step.")] = None,
    from_step: Annotated[int | None, typer.Option(
        min=1, metavar="T", help="The noise level to begin at, up to the run's T.")] = None,
    rows: Annotated[Rows, typer.Option(
        help="What to show: the picture, the predicted clean one, the predicted noise.")] = "x_t",
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
    _refuse_existing(out, force, (".png", *pictures.ANIMATIONS))
    if (image is None) != (from_step is None):
        raise UsageError("--image and --from-step belong together",
                         "a picture is noised to a noise level and denoised from there",
                         "give both, as in --image digit.png --from-step 400")
    folder = runs.find(run)
    request = Draw(
        folder, count, sampler, nfe, eta, guidance, seed, _index(label, folder), weights,
        step, _picture(image, runs.read(folder).config), from_step, frames=True,
        batch=max(count, Draw.batch), device=device)  # one batch: its moments come in one series
    is_strip = out.suffix.lower() == ".png"
    moments = Moments(frames or (STRIP if is_strip else ANIMATION))
    watched = watch.run(request, screen, moments.see)
    if watched.done is None:
        return _cancelled(watched.code, screen)
    shown = moments.rows(rows)
    result = dict(watched.done.result)
    zoom = zoom or max(1, -(-64 // shown[0].shape[1]))
    if is_strip:
        pictures.write_png(out, pictures.strip(shown, zoom), _settings(request, result), force)
    else:
        columns = count if rows == "all" else None
        pages = (pictures.sheet(images, columns, zoom) for images in shown)
        pictures.write_animation(out, pages, ms, overwrite=force)
    screen.say(f"{_drawn(result)}, {len(shown)} moments → {out}", "bold")
    screen.result({**result, "frames": len(shown), "out": str(out)})
    return 0


class Moments:
    """Keeps some of the frames that stream past: evenly spread, the first and last always."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[Frame] = []
        self._last: Frame | None = None  # the newest, where it is not among those kept

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

    def rows(self, rows: Rows) -> list[Images]:
        """Return what to show of every moment kept, (N, H, W, C) each, or (3N, ...) of `all`."""
        frames = self._kept + ([] if self._last is None else [self._last])
        if not frames:
            raise StudioError("There is nothing to show", "the engine told no moments")
        names = ("x_t", "x0", "eps") if rows == "all" else (rows,)
        told = [_filled([getattr(frame, name) for frame in frames], frames[0].x_t)
                for name in names if any(getattr(frame, name) is not None for frame in frames)]
        if not told:
            raise UsageError(f"This model has no {rows} to show", fix="choose --rows x_t")
        return [np.concatenate(parts) for parts in zip(*told, strict=True)]


def _filled(row: list[Images | None], like: Images) -> list[Images]:
    """Repeat the moment before where nothing was predicted; show grey before the first."""
    filled, newest = [], np.full_like(like, 128)
    for images in row:
        newest = newest if images is None else images
        filled.append(newest)
    return filled


def _refuse_existing(out: Path, force: bool, endings: tuple[str, ...]) -> None:
    """Refuse before drawing what could not be written after it."""
    if out.suffix.lower() not in endings and not (out.is_dir() and "" in endings):
        known = ", ".join(ending or "a folder" for ending in endings)
        raise UsageError(f"--out {out} has an unknown ending", "it says what is written",
                         f"choose one of {known}")
    is_taken = any(out.iterdir()) if out.is_dir() else out.exists()
    if is_taken and not force:
        raise UsageError(f"{out} exists already", "it would be overwritten",
                         "choose another --out, or add --force")


def _index(label: str | None, folder: Path) -> int | None:
    """Find a class by its index or its name among the run's classes."""
    if label is None:
        return None
    classes = runs.read(folder).config.data.classes
    if label.isdecimal():
        return int(label)
    if label in classes:
        return classes.index(label)
    raise UsageError(f"There is no class {label}",
                     f"the classes are {', '.join(classes)}" if classes else
                     "this run knows no classes", "give a class's index or its name")


def _picture(file: Path | None, config: RunConfig) -> Images | None:
    """Read a picture as a square of the run's size, (H, W, C)."""
    if file is None:
        return None
    from hybridstudio.data import decode  # only here: the package may bring torch

    try:
        return decode.picture(file.expanduser().read_bytes(), config.shape.height, config.data.fit)
    except decode.UnreadableError as error:
        raise UsageError(f"{file} cannot be used", str(error), "give another picture") from None


def _settings(request: Draw, result: Mapping[str, Any]) -> dict[str, Any]:
    """Gather what a PNG carries, so that dropping it on the window brings everything back."""
    asked = {name: getattr(request, name) for name in pictures.SETTINGS if hasattr(request, name)}
    told = {name: result[name] for name in pictures.SETTINGS if name in result}
    return {**asked, **told, "run": request.run.name}


def _drawn(result: Mapping[str, Any]) -> str:
    words = f"{result.get('count', '')} pictures"
    if "seconds" in result:
        words += f" in {duration(result['seconds'])}"
    if "ms_per_image" in result:
        words += f" ({number(result['ms_per_image'])} ms each)"
    return f"{words}, {result.get('sampler', '')} with {result.get('nfe', '?')} evaluations"


def _cancelled(code: int, screen: Screen) -> int:
    screen.say("Cancelled; nothing was written.", "bold")
    screen.result({"outcome": "cancelled"})
    return code
