"""Writing pictures: a file takes its place only when it is complete."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from hybridstudio.errors import UsageError
from hybridstudio.messages import Images
from hybridstudio.pictures.settings import chunk
from hybridstudio.pictures.sheets import Raster, sheet

_NUMBERED = re.compile(r"\d{5,}\.png")


@contextmanager
def complete(path: Path, overwrite: bool) -> Iterator[BinaryIO]:
    """Open a file to write that takes the place of `path` only when the block ends well.

    Raises UsageError where `path` exists and `overwrite` is False.
    """
    _refuse_existing(path, overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = beside(path)
    try:
        with part.open("xb") as file:
            yield file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def beside(path: Path) -> Path:
    """Return a name next to a file or folder for what is not complete yet."""
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
        _image(array).save(file, "PNG", pnginfo=chunk(settings))


def _image(array: npt.NDArray[np.uint8]) -> Image.Image:
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    return Image.fromarray(np.ascontiguousarray(array))


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
    fresh = beside(path)
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
