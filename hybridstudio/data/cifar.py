"""CIFAR-10 (Krizhevsky 2009): 60,000 colour pictures of 32×32 in ten classes."""

from __future__ import annotations

import io
import pickle
import shutil
import tarfile
from collections.abc import Generator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from hybridstudio.config import DataConfig
from hybridstudio.data import archives, download
from hybridstudio.data.arrays import adapted
from hybridstudio.data.dataset import Loading
from hybridstudio.errors import StudioError
from hybridstudio.messages import Images, Notice, Progress

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FOLDER = "cifar-10-batches-py"  # torchvision's
PICTURES = "cifar10-images.zip"  # the same pictures as JPEG files, one folder for each class
TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
PARTS = {"train": TRAIN, "test": ("test_batch",), "all": (*TRAIN, "test_batch")}


def load_cifar10(config: DataConfig, root: Path, rest: str) -> Loading:
    """Open `cifar10` from torchvision's folder or from `cifar10-images.zip`, or download it."""
    folder = root / FOLDER
    names = PARTS[config.split]
    if not all((folder / name).is_file() for name in names):
        if (root / PICTURES).is_file():
            yield Notice(f"CIFAR-10 is read from {PICTURES}",
                         "its pictures are JPEG files, so figures measured on them are not "
                         "comparable with those on the original", level="info")
            return (yield from archives.opened(config, root / PICTURES, "cifar10"))
        yield from _downloaded(root)
    images, labels = [], []
    for name in names:
        batch = _read(folder / name)
        images.append(batch[0])
        labels.append(batch[1])
        yield Progress(len(images), len(names), "files")
    return (yield from adapted(config, "cifar10", np.concatenate(images), np.concatenate(labels),
                               CLASSES))


def _read(path: Path) -> tuple[Images, np.ndarray]:
    """Read one batch: pictures (N, 32, 32, 3) and labels (N,); raises StudioError if damaged."""
    try:
        batch = _ArraysOnly(io.BytesIO(path.read_bytes()), encoding="bytes").load()
        data, labels = np.asarray(batch[b"data"]), np.asarray(batch[b"labels"], np.int64)
        if data.dtype != np.uint8 or data.shape != (len(labels), 3072) or not len(labels):
            raise ValueError("its pictures and labels do not fit together")
        if not 0 <= labels.min() <= labels.max() < len(CLASSES):
            raise ValueError("a label is outside 0 to 9")
    except OSError:
        raise
    except Exception as error:  # a damaged pickle raises nearly anything
        raise StudioError(f"{path.name} is damaged", f"{path}: {error}",
                          "remove it, and it will be downloaded again") from error
    return data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels


class _ArraysOnly(pickle.Unpickler):
    """Reads pickled numpy arrays and plain values, and refuses to make or call anything else."""

    ALLOWED = frozenset((("numpy.core.multiarray", "_reconstruct"),
                         ("numpy._core.multiarray", "_reconstruct"),
                         ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")))

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no array")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError("it refers to something outside itself")


def _downloaded(root: Path) -> Generator[Progress | Notice, None, None]:
    yield Notice(f"CIFAR-10 is not in {root}", fix="downloading it once", level="info")
    yield Progress(0, None, "bytes")
    source = download.tables("cifar").CIFAR10
    packed = root / source.filename
    if not packed.is_file():
        try:
            yield from download.fetched([source.url], source.tgz_md5, packed)
        except download.FetchError as error:
            raise download.missing("CIFAR-10", root, FOLDER, str(error)) from error
    try:
        with tarfile.open(packed, "r:gz") as archive:
            for name in (*PARTS["all"], "batches.meta"):
                member = archive.extractfile(f"{FOLDER}/{name}")
                if member is None:
                    raise KeyError(name)
                with download.whole(root / FOLDER / name) as file:
                    shutil.copyfileobj(member, file)
                yield Progress(0, None, "bytes")
    except (tarfile.TarError, EOFError, KeyError) as error:
        raise StudioError(f"{packed.name} is damaged", f"{packed}: {error}",
                          "remove it, and it will be downloaded again") from error
