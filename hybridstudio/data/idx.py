"""MNIST and its kin: four idx files, read straight with numpy; torchvision only to download them.

Format: http://yann.lecun.com/exdb/mnist. A header of big-endian 32-bit words (0x0801 for labels,
0x0803 for pictures; then the sizes), then the bytes.
"""

from __future__ import annotations

import gzip
import math
import shutil
import struct
import zlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hybridstudio.config import DataConfig
from hybridstudio.data import download
from hybridstudio.data.arrays import adapted
from hybridstudio.data.dataset import Labels, Loading
from hybridstudio.errors import StudioError
from hybridstudio.messages import Images, Notice, Progress

PARTS = {"train": ("train",), "test": ("t10k",), "all": ("train", "t10k")}
MAX_BYTES = 1 << 30  # of one file, unpacked


@dataclass(frozen=True)
class IdxSet:
    """One of MNIST's kin: its name here, torchvision's class and folder, and its classes."""

    name: str
    torchvision: str
    classes: tuple[str, ...]

    def __call__(self, config: DataConfig, root: Path, rest: str) -> Loading:
        """Open the set from `root`, in torchvision's layout, or download it there."""
        folder = _folder(root, self.torchvision)
        pictures, labels = [], []
        for part in PARTS[config.split]:
            of_images = yield from self._found(folder, f"{part}-images-idx3-ubyte")
            of_labels = yield from self._found(folder, f"{part}-labels-idx1-ubyte")
            pictures.append(read_idx(of_images, 3))
            labels.append(read_idx(of_labels, 1))
            if len(pictures[-1]) != len(labels[-1]) or labels[-1].max() >= len(self.classes):
                raise _damaged(of_labels, "its labels do not belong to the pictures beside it")
        images: Images = np.concatenate(pictures)[..., None]
        of: Labels = np.concatenate(labels).astype(np.int64)
        return (yield from adapted(config, self.name, images, of, self.classes))

    def _found(self, folder: Path, name: str) -> Generator[Progress | Notice, None, Path]:
        """Return the path of the file, plain or as .gz; it is downloaded where there is none."""
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
        yield Notice(f"{self.name} is not in {folder}", fix="downloading it once", level="info")
        yield Progress(0, None, "bytes")
        source = getattr(download.tables("mnist"), self.torchvision)
        packed, md5 = next(entry for entry in source.resources if entry[0] == f"{name}.gz")
        try:
            yield from download.fetched([mirror + packed for mirror in source.mirrors], md5,
                                        folder / packed)
        except download.FetchError as error:
            raise download.missing(self.name, folder, name, str(error)) from error
        with gzip.open(folder / packed) as file, download.whole(folder / name) as plain:
            shutil.copyfileobj(file, plain)  # torchvision wants it so
        return folder / name


def read_idx(path: Path, axes: int) -> np.ndarray:
    """Read an idx file of bytes with so many axes, plain or gzipped, as a uint8 array.

    Raises StudioError where its header, its size or its compression is not right.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.read(4 * (1 + axes))
            if len(header) < 4 * (1 + axes):
                raise _damaged(path, "it is cut off within its header")
            magic, *shape = struct.unpack(f">{1 + axes}I", header)
            if magic != 0x0800 + axes:
                raise _damaged(path, f"it begins with {magic:#010x}, not {0x0800 + axes:#010x}")
            count = math.prod(shape)
            if not 0 < count <= MAX_BYTES:
                raise _damaged(path, f"its header claims {' × '.join(map(str, shape))} values")
            data = file.read(count + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, str(error)) from error
    if len(data) != count:
        raise _damaged(path, f"{count:,} bytes should follow its header, and "
                       + (f"{len(data):,} do" if len(data) < count else "more do"))
    return np.frombuffer(data, np.uint8).reshape(shape)


def _damaged(path: Path, why: str) -> StudioError:
    return StudioError(f"{path.name} is damaged", f"{path}: {why}",
                       "remove it, and it will be downloaded again")


def _folder(root: Path, name: str) -> Path:
    """Return where the files lie: `root` may be the folder of all sets, of this one, or its raw."""
    for folder in (root / name / "raw", root / name):
        if any(folder.glob("*-ubyte*")):
            return folder
    if name in (root.name, root.parent.name):
        for folder in (root / "raw", root):
            if any(folder.glob("*-ubyte*")):
                return folder
    return root / name / "raw"


DIGITS = tuple("0123456789")
MNIST = IdxSet("mnist", "MNIST", DIGITS)
FASHION = IdxSet("fashion-mnist", "FashionMNIST", (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
    "Ankle boot"))
KMNIST = IdxSet("kmnist", "KMNIST", ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"))
