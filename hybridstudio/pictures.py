"""Pictures as files: contact sheets, PNGs that carry their settings, animations, arrays.

Pictures are uint8 arrays (N, H, W, C) with C = 1 (grey) or 3 (RGB). Every file is written beside
its place and moved there when it is complete, so that a cancelled or failed write leaves nothing.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import os
import re
import shlex
import shutil
import struct
import sys
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import hybridstudio
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import Images

Raster = npt.NDArray[np.uint8]  # one flat picture, (H, W, 3)

KEY = "hybridstudio"  # keyword of the PNG text chunk that holds the settings
BACKGROUND = (118, 118, 118)  # neither black nor white: middle grey as the eye sees it

# What a picture's settings may say. Anything else in the file is dropped when it is read.
SETTINGS: dict[str, type] = {
    "run": str, "seed": int, "sampler": str, "nfe": int, "eta": float, "label": int,
    "guidance": float, "weights": str, "count": int, "step": int, "from_step": int,
    "frame": int, "t": float, "version": str, "knobs": dict,
}

MAX_TEXT = 64 * 1024  # bytes of settings, packed or unpacked; real ones are below 1 kB
MAX_CHUNKS = 10_000
MAX_KNOBS = 100
_BARE_NAME = re.compile(r"[^/\\:\x00-\x1f\x7f]{1,200}")
_NUMBERED = re.compile(r"\d{5,}\.png")


# --- sheets ---------------------------------------------------------------------------------------


def as_rgb(images: Images) -> Images:
    """Return pictures (N, H, W) or (N, H, W, 1 or 3) as RGB (N, H, W, 3)."""
    if images.dtype != np.uint8:
        raise TypeError(f"pictures are uint8, not {images.dtype}")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(f"pictures have the shape (N, H, W, 1 or 3), not {images.shape}")
    return np.broadcast_to(images, (*images.shape[:3], 3))


def zoomed(image: npt.NDArray[Any], zoom: int) -> npt.NDArray[Any]:
    """Enlarge (H, W, ...) by a whole number, every pixel a crisp square."""
    return image if zoom == 1 else image.repeat(zoom, axis=0).repeat(zoom, axis=1)


def sheet(
    images: Images,
    columns: int | None = None,
    zoom: int = 1,
    gap: int = 2,
    background: tuple[int, int, int] = BACKGROUND,
) -> Raster:
    """Lay pictures (N, H, W, C) out in a grid; as square as it goes where `columns` is None.

    `gap` is in pixels of the sheet and also surrounds it. Returns (H, W, 3).
    """
    images = as_rgb(images)
    count, height, width, _ = images.shape
    columns = max(1, min(columns or math.ceil(math.sqrt(count)), count or 1))
    rows = max(1, math.ceil(count / columns))
    cell = np.array([height * zoom + gap, width * zoom + gap])
    page = np.empty((rows * cell[0] + gap, columns * cell[1] + gap, 3), np.uint8)
    page[:] = background
    for index, image in enumerate(images):
        top, left = np.array(divmod(index, columns)) * cell + gap
        page[top:top + height * zoom, left:left + width * zoom] = zoomed(image, zoom)
    return page


def strip(frames: Sequence[Images], zoom: int = 1, gap: int = 2) -> Raster:
    """Lay K moments of the same N pictures side by side: a row for each picture, a column each."""
    if not frames:
        raise ValueError("a strip needs at least one frame")
    rows = np.stack([as_rgb(images) for images in frames], axis=1)  # (N, K, H, W, 3)
    return sheet(rows.reshape(-1, *rows.shape[2:]), columns=len(frames), zoom=zoom, gap=gap)


def spread(length: int, count: int) -> list[int]:
    """Choose up to `count` places spread evenly over 0..length-1, both ends among them."""
    return sorted({round(place) for place in np.linspace(0, length - 1, min(count, length))})


# --- writing --------------------------------------------------------------------------------------


@contextmanager
def complete(path: Path, overwrite: bool) -> Iterator[BinaryIO]:
    """Open a file to write that takes the place of `path` only when the block ends well.

    Raises UsageError where `path` exists and `overwrite` is False.
    """
    _refuse_existing(path, overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _beside(path)
    try:
        with part.open("xb") as file:
            yield file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name[:40]}.{uuid.uuid4().hex[:8]}.part")


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a folder", "a file was to be written there",
                         "choose another name")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} exists already", "it would be overwritten",
                         "choose another name, or ask for it to be replaced (--force)")


def write_png(
    path: Path, array: Raster, settings: Mapping[str, Any] | None = None, overwrite: bool = False
) -> None:
    """Write one picture (H, W, 1 or 3) as a PNG that carries `settings` (see SETTINGS).

    Raises UsageError where `path` exists and `overwrite` is False, OSError from the disk.
    """
    with complete(path, overwrite) as file:
        _image(array).save(file, "PNG", pnginfo=_chunk(settings))


def _image(array: npt.NDArray[np.uint8]) -> Image.Image:
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    return Image.fromarray(np.ascontiguousarray(array))


def _chunk(settings: Mapping[str, Any] | None) -> PngInfo | None:
    if not settings:
        return None
    told = {key: settings[key] for key in SETTINGS if settings.get(key) is not None}
    info = PngInfo()
    info.add_itxt(KEY, json.dumps({**told, "version": hybridstudio.__version__}))
    return info


def write_samples(
    path: Path, images: Images, settings: Mapping[str, Any] | None = None, overwrite: bool = False
) -> None:
    """Write pictures (N, H, W, C) as X.npy, as one sheet X.png, or as PNGs into a new folder.

    The array is uint8, (N, H, W) for grey and (N, H, W, 3) for colour. A folder that exists is
    replaced only if `overwrite` is set and it holds nothing but numbered PNGs. Raises UsageError.
    """
    suffix = path.suffix.lower()
    if suffix == ".npy":
        flat = images[..., 0] if images.ndim == 4 and images.shape[-1] == 1 else images
        with complete(path, overwrite) as file:
            np.save(file, flat, allow_pickle=False)
    elif suffix == ".png":
        write_png(path, sheet(images), settings, overwrite)
    elif suffix and not path.is_dir():
        raise UsageError(f"Pictures cannot be written as {suffix}", f"{path} was asked for",
                         "end the name in .npy or .png, or give a folder")
    else:
        _write_folder(path, images, settings, overwrite)


def _write_folder(
    path: Path, images: Images, settings: Mapping[str, Any] | None, overwrite: bool
) -> None:
    there = [entry.name for entry in path.iterdir()] if path.is_dir() else []
    if path.is_file():
        raise UsageError(f"{path} is a file", "a folder was to be written there",
                         "choose another name")
    if there and not overwrite:
        raise UsageError(f"{path} is not empty", f"it holds {len(there)} files",
                         "choose another folder, or ask for it to be replaced (--force)")
    if others := [name for name in there if not _NUMBERED.fullmatch(name)]:
        raise UsageError(f"{path} holds other files", f"{others[0]} was not written by this "
                         "program", "choose another folder")
    fresh = _beside(path)
    try:
        fresh.mkdir(parents=True)
        digits = max(5, len(str(len(images) - 1)))
        for index, image in enumerate(images):
            write_png(fresh / f"{index:0{digits}}.png", image, settings)
        if path.is_dir():
            for name in there:
                (path / name).unlink()
            path.rmdir()
        fresh.rename(path)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


# --- animations -----------------------------------------------------------------------------------


def write_animation(
    path: Path, frames: Iterable[Raster], ms: int = 80, hold: int = 1000, overwrite: bool = False
) -> None:
    """Write pictures (H, W, 3) one after another as .gif, .webp or .mp4, `ms` each, looping.

    The last one stays for `hold` ms. To cancel, raise from `frames`: nothing is left behind.
    Raises UsageError for another ending or an existing file, StudioError where .mp4 needs `av`.
    """
    write = ANIMATIONS.get(path.suffix.lower())
    if write is None:
        raise UsageError(f"Animations cannot be written as {path.suffix or path.name}",
                         fix=f"end the name in {', '.join(ANIMATIONS)}")
    with complete(path, overwrite) as file:
        write(file, frames, ms, hold)


def _write_gif(file: BinaryIO, frames: Iterable[Raster], ms: int, hold: int) -> None:
    images = [_paletted(frame) for frame in _some(frames)]
    images[0].save(file, "GIF", save_all=True, append_images=images[1:], loop=0,
                   duration=_times(len(images), ms, hold), optimize=False)


def _paletted(frame: Raster) -> Image.Image:
    """Reduce to the 256 colours a GIF has; grey stays exact."""
    if (frame == frame[..., :1]).all():
        return Image.fromarray(np.ascontiguousarray(frame[..., 0]))
    return Image.fromarray(frame).quantize(256, dither=Image.Dither.NONE)


def _write_webp(file: BinaryIO, frames: Iterable[Raster], ms: int, hold: int) -> None:
    images = [Image.fromarray(frame) for frame in _some(frames)]
    images[0].save(file, "WEBP", save_all=True, append_images=images[1:], loop=0, lossless=True,
                   quality=40, method=2, duration=_times(len(images), ms, hold))


def without_av() -> StudioError | None:
    """Return what to tell where .mp4 cannot be written, for want of the package av."""
    if importlib.util.find_spec("av") is not None:
        return None
    return StudioError("Writing .mp4 needs the package av", "this Python does not have it",
                       f"{shlex.quote(sys.executable)} -m pip install av\n"
                       "or choose .gif or .webp")


def _write_mp4(file: BinaryIO, frames: Iterable[Raster], ms: int, hold: int) -> None:
    if (missing := without_av()) is not None:
        raise missing
    av: Any = importlib.import_module("av")  # optional, so unknown to the type checker
    pictures = _some(frames)
    pictures += [pictures[-1]] * max(0, round(hold / ms) - 1)
    # H.264 with halved colour wants even sides; other pixel formats do not play everywhere.
    height, width = (side + side % 2 for side in pictures[0].shape[:2])
    with av.open(file, "w", format="mp4") as container:
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


ANIMATIONS: dict[str, Callable[[BinaryIO, Iterable[Raster], int, int], None]] = {
    ".gif": _write_gif,
    ".webp": _write_webp,
    ".mp4": _write_mp4,
}


# --- reading settings back ------------------------------------------------------------------------


def read_settings(path: Path, strict: bool = False) -> dict[str, Any] | None:
    """Return the settings that a PNG of this program carries, or None.

    Whatever is wrong with the file counts as None; with `strict` it raises StudioError saying
    what. Only keys of SETTINGS with values of their type come back, `run` only as a bare name,
    and never more than MAX_TEXT bytes are read for them, however large the file.
    """
    try:
        return _settings_of(path)
    except (StudioError, OSError, ValueError, RecursionError, zlib.error, struct.error) as error:
        if not strict:
            return None
        if isinstance(error, StudioError):
            raise
        raise StudioError(f"{path.name} carries no settings that can be read", str(error),
                          "drop a PNG that this program wrote") from error


def _settings_of(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        for kind, data in _text_chunks(file):
            text = _text(kind, data)
            if text is not None:
                return _cleaned(json.loads(text, parse_constant=_refuse))
    raise StudioError(f"{path.name} carries no settings", "it was not written by this program",
                      "drop a PNG that this program wrote")


def _text_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Walk a PNG's chunks, seeking over all but the text that begins with our keyword.

    Pillow would read a text chunk whole before looking at its size.
    """
    if file.read(8) != b"\x89PNG\r\n\x1a\n":
        raise ValueError("it is no PNG")
    for _ in range(MAX_CHUNKS):
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        length, kind = struct.unpack(">I4s", head)
        is_text = kind in (b"tEXt", b"zTXt", b"iTXt")
        keyword = file.read(min(length, len(KEY) + 1)) if is_text else b""
        rest = length - len(keyword)
        if keyword == KEY.encode() + b"\0":
            if rest > MAX_TEXT:
                raise ValueError(f"its settings are {rest:,} bytes long; at most {MAX_TEXT:,} are")
            yield kind, file.read(rest)
            rest = 0
        file.seek(rest + 4, os.SEEK_CUR)  # and the checksum


def _text(kind: bytes, data: bytes) -> str | None:
    """Decode a text chunk behind its keyword (PNG specification, section 11.3.3)."""
    if kind == b"tEXt":
        return data.decode("latin-1")
    if kind == b"zTXt":
        return _inflated(data[1:]).decode("latin-1")
    packed, _, rest = data[:1], data[1:2], data[2:]
    _, _, rest = rest.partition(b"\0")  # language
    _, _, rest = rest.partition(b"\0")  # translated keyword
    return (_inflated(rest) if packed == b"\1" else rest).decode("utf-8")


def _inflated(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(packed, MAX_TEXT)
    if unpacker.unconsumed_tail:
        raise ValueError(f"its settings unpack to more than {MAX_TEXT:,} bytes")
    return text


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no value of a setting")


def _cleaned(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise ValueError("its settings are no JSON object")
    kept: dict[str, Any] = {}
    for key, kind in SETTINGS.items():
        value: Any = values.get(key)
        if kind is float and type(value) is int and abs(value) < 2**53:
            value = float(value)
        is_path = isinstance(value, str) and not _BARE_NAME.fullmatch(value)
        if type(value) is dict:
            value = {name: float(number) for name, number in list(value.items())[:MAX_KNOBS]
                     if _BARE_NAME.fullmatch(name) and type(number) in (int, float)
                     and abs(number) < 2**53}
        if type(value) is kind and not is_path:
            kept[key] = value
    return kept
