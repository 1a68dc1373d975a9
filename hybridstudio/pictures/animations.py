"""Animations: GIF, WebP, and MP4 where the package av is there."""

from __future__ import annotations

import importlib
import importlib.util
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from hybridstudio.errors import StudioError, UsageError
from hybridstudio.pictures.settings import as_text
from hybridstudio.pictures.sheets import Raster
from hybridstudio.pictures.writing import complete


def write_animation(
    path: Path, frames: Iterable[Raster], ms: int = 80, hold: int = 1000, overwrite: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Write pictures (H, W, 3) one after another as .gif, .webp or .mp4, `ms` each, looping.

    The last one stays for `hold` ms. The file carries `settings` as its comment. To cancel, raise
    from `frames`: nothing is left behind. Raises UsageError for another ending or an existing file,
    StudioError where .mp4 needs `av`.
    """
    write = ANIMATIONS.get(path.suffix.lower())
    if write is None:
        raise UsageError(f"Animations cannot be written as {path.suffix or path.name}",
                         fix=f"end the name in {', '.join(ANIMATIONS)}")
    with complete(path, overwrite) as file:
        write(file, frames, ms, hold, as_text(settings))


def _write_gif(file: BinaryIO, frames: Iterable[Raster], ms: int, hold: int, said: str
               ) -> None:
    images = [_paletted(frame) for frame in _some(frames)]
    images[0].save(file, "GIF", save_all=True, append_images=images[1:], loop=0,
                   duration=_times(len(images), ms, hold), optimize=False,
                   **({"comment": said.encode()} if said else {}))


def _paletted(frame: Raster) -> Image.Image:
    """Reduce to the 256 colours a GIF has; grey stays exact."""
    if (frame == frame[..., :1]).all():
        return Image.fromarray(np.ascontiguousarray(frame[..., 0]))
    return Image.fromarray(frame).quantize(256, dither=Image.Dither.NONE)


def _write_webp(file: BinaryIO, frames: Iterable[Raster], ms: int, hold: int, said: str
               ) -> None:
    images = [Image.fromarray(frame) for frame in _some(frames)]
    images[0].save(file, "WEBP", save_all=True, append_images=images[1:], loop=0, lossless=True,
                   quality=40, method=2, duration=_times(len(images), ms, hold),
                   **({"exif": _exif(said)} if said else {}))


def _exif(said: str) -> bytes:
    """Return text as the description that image viewers show (EXIF tag 270)."""
    exif = Image.Exif()
    exif[270] = said
    return exif.tobytes()


def without_av() -> StudioError | None:
    """Return what to tell where .mp4 cannot be written, for want of the package av."""
    if importlib.util.find_spec("av") is not None:
        return None
    return StudioError("Writing .mp4 needs the package av", "this Python does not have it",
                       f"{shlex.quote(sys.executable)} -m pip install av\n"
                       "or choose .gif or .webp")


def _write_mp4(file: BinaryIO, frames: Iterable[Raster], ms: int, hold: int, said: str
               ) -> None:
    if (missing := without_av()) is not None:
        raise missing
    av: Any = importlib.import_module("av")  # optional, so unknown to the type checker
    pictures = _some(frames)
    pictures += [pictures[-1]] * max(0, round(hold / ms) - 1)
    # H.264 with halved colour wants even sides; other pixel formats do not play everywhere.
    height, width = (side + side % 2 for side in pictures[0].shape[:2])
    with av.open(file, "w", format="mp4") as container:
        if said:
            container.metadata["comment"] = said
        stream = container.add_stream("libx264", rate=max(1, round(1000 / ms)))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "12", "preset": "medium"}
        for picture in pictures:
            pads = ((0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0))
            even = np.pad(picture, pads, mode="edge")
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
        container.mux(stream.encode(None))


def _some(frames: Iterable[Raster]) -> list[Raster]:
    pictures = [np.ascontiguousarray(frame) for frame in frames]
    if not pictures:
        raise UsageError("There is nothing to write", "the animation has no frames")
    return pictures


def _times(count: int, ms: int, hold: int) -> list[int]:
    return [ms] * (count - 1) + [max(ms, hold)]


ANIMATIONS: dict[str, Callable[[BinaryIO, Iterable[Raster], int, int, str], None]] = {
    ".gif": _write_gif,
    ".webp": _write_webp,
    ".mp4": _write_mp4,
}
