"""`denoise --chances`: one noisy picture held fast, and the clean ones that many z see in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hybridstudio import pictures, runs
from hybridstudio.cli import watch
from hybridstudio.cli.draw import cancelled, settings_of
from hybridstudio.cli.screen import Screen
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import Chanced, Chances, Draw, Event, Images
from hybridstudio.pictures.sheets import Raster
from hybridstudio.telling import number

LAST = 1_000_000  # beyond every frame: the last that has noise


def chances(draw: Draw, at: int | None, count: int, out: Path, zoom: int | None, force: bool,
            screen: Screen) -> int:
    """Draw what `count` z see in a frame as one sheet: x_t, their x_0, the means; return the code.
    """
    if out.suffix.lower() != ".png":
        raise UsageError(f"--chances writes no {out.suffix or out.name}", "it is one picture",
                         "end the name in .png")
    if draw.branches or draw.mask is not None or draw.invert:
        raise UsageError("--chances stands alone", "it looks at one frame of a plain drawing",
                         "leave out --branch, --mask and --invert")
    seen: list[Chanced] = []

    def see(event: Event) -> None:
        if isinstance(event, Chanced):
            seen.append(event)

    settings = settings_of(draw, runs.read(draw.run))
    watched = watch.run(Chances(draw, LAST if at is None else at, count), screen, see)
    if watched.done is None:
        return cancelled(watched.code, screen)
    if not seen:
        raise StudioError("Nothing was seen", "the engine ended without any picture")
    told = seen[0]
    zoom = zoom or max(1, -(-64 // told.x0.shape[1]))
    pictures.write_png(out, _sheet(told, zoom), settings | {"frame": told.at, "t": told.t}, force)
    screen.say(f"{count:,} z at t = {told.t:g} (frame {told.at} of {told.last}), spread "
               f"{number(told.spread)} of −1 to 1 → {out}", "bold")
    screen.result({**watched.done.result, "last": told.last, "noise": told.noise,
                   "out": str(out)})
    return 0


def _sheet(told: Chanced, zoom: int) -> Raster:
    """Lay out x_t, then the x_0, then their mean and the diffusion's, each in the middle."""
    means = [each for each in (told.mean, told.beside) if each is not None]
    parts = [pictures.sheet(told.x_t, 1, zoom), pictures.sheet(told.x0, None, zoom)]
    if means:
        parts.append(pictures.sheet(_stacked(means), 1, zoom))
    high = max(part.shape[0] for part in parts)
    page = []
    for part in parts:
        above = (high - part.shape[0]) // 2
        block = np.empty((high, *part.shape[1:]), np.uint8)
        block[:] = pictures.BACKGROUND
        block[above:above + part.shape[0]] = part
        page.append(block)
    return np.concatenate(page, axis=1)


def _stacked(images: list[Images]) -> Images:
    return np.concatenate(images)
