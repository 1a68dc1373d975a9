"""`denoise`: how pictures come out of noise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from hybridstudio import pictures, runs
from hybridstudio.cli import options, watch
from hybridstudio.cli.chances import chances as look
from hybridstudio.cli.draw import (
    PICTURES,
    POINTS,
    cancelled,
    index_of,
    is_points,
    read_knobs,
    refuse_existing,
    settings_of,
    told,
)
from hybridstudio.cli.screen import screen_of
from hybridstudio.config import RunConfig
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.frames import DERIVED, ROWS, completed, pictures_in, rows_of, write_arrays
from hybridstudio.messages import Draw, Event, Frame, Images, Mask
from hybridstudio.ways import read_branch

STRIP = 11  # moments in a strip unless --frames says otherwise
ANIMATION = 60  # and in an animation


def denoise(
    context: typer.Context,
    run: options.Run,
    out: Annotated[Path, typer.Option(
        metavar="X.png|gif|webp|mp4|npz", help="A strip of moments, an animation, or the frames "
        "themselves as arrays.")],
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
    invert: Annotated[bool, typer.Option(
        "--invert", help="Walk --image back to its noise by inverting DDIM, up to --from-step or "
        "as far as it can be found again, and draw it from there; tells the error.")] = False,
    branch: Annotated[list[str] | None, typer.Option(
        metavar="at=K,NAME=VALUE...", help="Go another way after frame K, with another seed, "
        "sampler, nfe (evaluations left), eta, guidance or label. Give it as often as the drawing "
        "branches, in the order of the frames.")] = None,
    rows: Annotated[str, typer.Option(
        metavar="x_t|x0|eps|true_noise|difference|change|all|NAME,...", help="What to show, with "
        "commas between: the picture, the predicted clean one, the predicted noise; the noise that "
        "was added to --image, how far the predicted one is from it; how far the clean one "
        "changed; or what else the model shows by its name.")] = "x_t",
    frames: Annotated[int | None, typer.Option(
        min=2, metavar="N", help=f"Moments to show, evenly spread; {STRIP} in a strip, "
        f"{ANIMATION} in an animation, all of them as arrays.")] = None,
    ms: Annotated[int, typer.Option(
        min=10, max=10_000, metavar="MS", help="Milliseconds for each moment.")] = 80,
    zoom: Annotated[int | None, typer.Option(
        min=1, max=32, metavar="N", help="Enlarge by a whole number; by default to 64 pixels "
        "or more.")] = None,
    chances: Annotated[int | None, typer.Option(
        min=1, max=4096, metavar="N", help="Instead: hold the noisy picture of frame --at fast, "
        "and draw the clean ones that N different z see in it.")] = None,
    at: Annotated[int | None, typer.Option(
        min=0, metavar="FRAME", help="The frame that --chances looks at, from 0; by default the "
        "last that has noise.")] = None,
    device: options.Device = "auto",
    force: options.Force = False,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """Show how pictures come out of noise, as a strip, an animation or arrays."""
    screen = screen_of(context)
    out = out.expanduser()
    refuse_existing(out, force, (".png", *pictures.ANIMATIONS, ".npz"))
    if mask is None and not invert and (image is None) != (from_step is None):
        raise UsageError("--image and --from-step belong together",
                         "a picture is noised to a noise level and denoised from there",
                         "give both, as in --image digit.png --from-step 400")
    folder = runs.find(run)
    config = runs.read(folder).config
    count = count or (POINTS if is_points(config) else PICTURES // 2)
    request = Draw(
        folder, count, sampler, nfe, eta, guidance, seed, index_of(label, config), weights, step,
        _picture(image, config), from_step, read_knobs(knobs, config), frames=True,
        batch=max(count, Draw.batch), device=device,  # one batch: its moments come in one series
        mask=_mask(mask, image, config), invert=invert,
        branches=tuple(read_branch(text, config.data.classes) for text in branch or ()))
    if chances is not None:
        return look(request, at, chances, out, zoom, force, screen)
    if at is not None:
        raise UsageError("--at means nothing alone", "it says which frame --chances looks at",
                         f"add --chances 16, as in --chances 16 --at {at}")
    kind = out.suffix.lower()
    usual = {".png": STRIP, ".npz": 1_000_000}.get(kind, ANIMATION)
    moments = Moments(frames or usual, tuple(rows.split(",")))
    settings = settings_of(request, runs.read(folder))
    watched = watch.run(request, screen, moments.see)
    if watched.done is None:
        return cancelled(watched.code, screen)
    result = dict(watched.done.result)
    if kind == ".npz":
        write_arrays(out, moments.frames(), settings, overwrite=force)
    else:
        shown = moments.rows()
        zoom = zoom or max(1, -(-64 // shown[0].shape[1]))
        if kind == ".png":
            pictures.write_png(out, pictures.strip(shown, zoom), settings, force)
        else:
            columns = len(shown[0]) // moments.rows_shown if moments.rows_shown > 1 else None
            pages = (pictures.sheet(images, columns, zoom) for images in shown)
            pictures.write_animation(out, pages, ms, overwrite=force, settings=settings)
    number = len(moments.frames())
    words = [told(result, config), f"{number} moments" if number > 1 else "one pass"]
    if "error" in result:
        words.append(f"came back with an error of {result['error']:.4f} (of −1 to 1)")
    screen.say(f"{', '.join(words)} → {out}", "bold")
    screen.result({**result, "frames": number, "out": str(out)})
    return 0


class Moments:
    """Keeps some of the frames that stream past: evenly spread, the first and last always."""

    def __init__(self, most: int, wanted: tuple[str, ...]) -> None:
        self._most, self._wanted = most, tuple(name.strip() for name in wanted)
        self._kept: list[Frame] = []
        self._last: Frame | None = None  # the newest, where it is not among those kept
        self._before: Frame | None = None
        self.rows_shown = 1  # of the last `rows`

    def see(self, event: Event) -> None:
        """Take notice of an event."""
        if not isinstance(event, Frame):
            return
        frame = completed(event, self._before, self._wanted)
        self._before = event
        # Steps run from 0 or 1 to `steps`; the first seen stands for both.
        wanted = pictures.spread(event.steps + 1, self._most)
        if not self._kept or event.step in wanted[1:]:
            self._kept.append(frame)
            self._last = None
        else:
            self._last = frame

    def frames(self) -> list[Frame]:
        """Return the frames that were kept."""
        frames = self._kept + ([] if self._last is None else [self._last])
        if not frames:
            raise StudioError("There is nothing to show", "the engine told no moments")
        return frames

    def rows(self) -> list[Images]:
        """Return what to show of every moment kept: the pictures of its rows in turn."""
        frames = self.frames()
        further = [name for frame in frames for name in frame.extra]
        found = {name: [pictures_in(frame, name) for frame in frames]
                 for name in dict.fromkeys((*ROWS, *further))}
        has = [name for name, told in found.items() if any(each is not None for each in told)]
        names = has if self._wanted == ("all",) else list(self._wanted)
        if missing := [name for name in names if name not in has]:
            further = [row for row in DERIVED if any(row in rows_of(frame) for frame in frames)]
            known = dict.fromkeys([*has, *further])
            raise UsageError(f"This model has no {missing[0]} to show",
                             fix=f"choose --rows {' or '.join([*known, 'all'])}")
        self.rows_shown = len(names)
        told = [_filled(found[name], frames[0].x_t) for name in names]
        return [np.concatenate(parts) for parts in zip(*told, strict=True)]


def _filled(row: list[Images | None], like: Images) -> list[Images]:
    """Repeat the moment before where nothing was predicted; show grey before the first."""
    filled, newest = [], np.full_like(like, 128)
    for images in row:
        newest = newest if images is None else images
        filled.append(newest)
    return filled


def _picture(file: Path | None, config: RunConfig) -> Images | None:
    """Read a picture as a square of the run's size, (H, W, C)."""
    if file is None:
        return None
    from hybridstudio.data import decode  # only here: the package may bring torch

    try:
        return decode.picture(_bytes(file), config.shape.height, config.data.fit)
    except decode.UnreadableError as error:
        raise UsageError(f"{file} cannot be used", str(error), "give another picture") from None


def _mask(file: Path | None, image: Path | None, config: RunConfig) -> Mask | None:
    """Read a mask as a picture is read: (H, W), true where it is rather white.

    Raises UsageError where its sides are neither the picture's nor the model's.
    """
    picture = _picture(file, config)
    if file is None or picture is None:
        return None
    from hybridstudio.data import decode

    size, side = decode.measured(_bytes(file)), config.shape.height
    if image is not None and size != (side, side) and (
            size != (of := decode.measured(_bytes(image)))):
        raise UsageError(f"{file} does not fit {image}",
                         f"it is {size[0]} × {size[1]} pixels, the picture {of[0]} × {of[1]}",
                         f"give a mask of the same size, or of {side} × {side} as the model sees "
                         "it")
    return picture.mean(axis=2) >= 128


def _bytes(file: Path) -> bytes:
    return file.expanduser().read_bytes()
