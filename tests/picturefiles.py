"""Pictures as files, broken ones among them, for tests of what reads them."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

from PIL import Image

from hybridstudio import data
from hybridstudio.config import DataConfig
from hybridstudio.data.dataset import Dataset


def opened(name: str, root: Path = Path("nowhere"), **fields) -> tuple[Dataset, list]:
    """Load a data set; returns it and what was told on the way."""
    events = []
    loading = data.load(DataConfig(name=name, **fields), root)
    while True:
        try:
            events.append(next(loading))
        except StopIteration as end:
            return end.value, events


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    """Return a picture as the bytes of a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def flat(colour: str | tuple[int, ...] = "red", side: tuple[int, int] = (16, 16)) -> bytes:
    """Return a picture of one colour as the bytes of a file."""
    return encoded(Image.new("RGB", side, colour))


def put(folder: Path, name: str, content: bytes) -> None:
    """Write a file and the folders around it."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    """Write an archive; returns its path."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def bomb() -> bytes:
    """Make a PNG that says it has 60,000 × 60,000 pixels and holds none."""
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (struct.pack(">I", len(content)) + kind + content
                + struct.pack(">I", zlib.crc32(kind + content)))
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b""))


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n"
BROKEN = {
    "empty": (b"", "the file is empty"),
    "truncated-jpeg": (encoded(Image.effect_noise((64, 64), 90), "JPEG")[:-300], "damaged"),
    "truncated-png": (encoded(Image.effect_noise((64, 64), 90))[:-300], "damaged"),
    "header-only": (flat()[:20], "not a picture|damaged"),
    "text": (b"hello", "not a picture"),
    "eps": (EPS, "not a picture"),
    "psd": (b"8BPS\0\1" + bytes(200), "not a picture"),
    "fits": (b"SIMPLE  =                    T".ljust(2880), "not a picture"),
    "bomb": (bomb(), "million pixels"),
}
