"""The settings that a picture's file carries, so that dropping it brings them back."""

from __future__ import annotations

import json
import os
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from PIL.PngImagePlugin import PngInfo

import hybridstudio
from hybridstudio.errors import StudioError

KEY = "hybridstudio"  # keyword of the PNG text chunk that holds the settings

# What a picture's settings may say. Anything else in the file is dropped when it is read.
SETTINGS: dict[str, type] = {
    "run": str, "seed": int, "sampler": str, "nfe": int, "eta": float, "label": int,
    "guidance": float, "weights": str, "count": int, "step": int, "from_step": int,
    "frame": int, "t": float, "version": str, "knobs": dict, "invert": bool,
    "space": str, "mix": dict,
    "corners": str, "grid": int, "path": str, "window": str, "move": dict, "style": str,
    "begins": int,
    "walk": str, "frames": int, "loop": bool, "ease": str, "pace": str, "ms": int,
    "analogy": str, "classes": str,
    "other": str, "other_step": int, "other_label": int,
}
# Seeds and names of points, never a file's.
PLACES = {"corners", "walk", "analogy", "classes", "style"}

MAX_TEXT = 64 * 1024  # bytes of settings, packed or unpacked; real ones are below 1 kB
MAX_CHUNKS = 10_000
MAX_KNOBS = 100
_PLACES = re.compile(r"[^\x00-\x1f\x7f]{0,8000}")
_BARE_NAME = re.compile(r"[^/\\:\x00-\x1f\x7f]{1,200}")


def as_text(settings: Mapping[str, Any] | None) -> str:
    """Return what a file carries of settings, as JSON; "" where there are none."""
    if not settings:
        return ""
    told = {key: settings[key] for key in SETTINGS if settings.get(key) is not None}
    return json.dumps({**told, "version": hybridstudio.__version__})


def chunk(settings: Mapping[str, Any] | None) -> PngInfo | None:
    """Return settings as the text chunk of a PNG."""
    if not (text := as_text(settings)):
        return None
    info = PngInfo()
    info.add_itxt(KEY, text)
    return info


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
        right = _PLACES if key in PLACES else _BARE_NAME
        is_path = isinstance(value, str) and not right.fullmatch(value)
        if type(value) is dict:
            value = {name: float(number) for name, number in list(value.items())[:MAX_KNOBS]
                     if _BARE_NAME.fullmatch(name) and type(number) in (int, float)
                     and abs(number) < 2**53}
        if type(value) is kind and not is_path:
            kept[key] = value
    return kept
