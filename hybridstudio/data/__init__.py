"""Data sets by name, as uint8 pictures or as points of the plane.

`load` opens what a config names and tells how far it is. Every data set is a file of this package;
`DATASETS` says which. Nothing here needs torch, except that torchvision is asked for the addresses
and checksums of what has to be downloaded.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path

from hybridstudio.config import DataConfig
from hybridstudio.data.archives import load_zip
from hybridstudio.data.celeba import load_celeba
from hybridstudio.data.cifar import load_cifar10
from hybridstudio.data.dataset import Dataset, Loading
from hybridstudio.data.digits import load_digits
from hybridstudio.data.folders import load_folder
from hybridstudio.data.idx import FASHION, KMNIST, MNIST
from hybridstudio.data.lsun import load_lsun
from hybridstudio.data.points import PLANES, load_file, load_plane
from hybridstudio.data.shapes import load_shapes
from hybridstudio.data.stacked import load_stacked_mnist
from hybridstudio.errors import UsageError

__all__ = ["DATASETS", "Dataset", "Loading", "load", "resolved"]

# A loader gets the config, the folder where data sets lie, and what follows the colon of the name.
Loader = Callable[[DataConfig, Path, str], Loading]

DATASETS: dict[str, Loader] = {
    "digits": load_digits,
    "shapes": load_shapes,
    "mnist": MNIST,
    "fashion-mnist": FASHION,
    "kmnist": KMNIST,
    "stacked-mnist": load_stacked_mnist,
    "cifar10": load_cifar10,
    "celeba": load_celeba,
    "lsun": load_lsun,
    "folder": load_folder,
    "zip": load_zip,
    **dict.fromkeys(PLANES, load_plane),
    "points": load_file,
}
FOLLOWED = {"folder": "PATH", "zip": "PATH", "points": "PATH", "lsun": "bedroom",
            "celeba": ""}  # by what
POINTS = {*PLANES, "points"}


def load(config: DataConfig, root: Path) -> Loading:
    """Open the data set that `config` names; return it after telling Progress and Notices.

    `root` is where data sets lie, in torchvision's layout, and where they are downloaded to.
    Closing the generator stops the work and leaves nothing half done. Raises StudioError where the
    data cannot be had, UsageError where the config asks for what does not exist.
    """
    kind, colon, rest = config.name.partition(":")
    if kind not in DATASETS or (rest and kind not in FOLLOWED) or (colon and not rest):
        raise _unknown(config.name)
    if FOLLOWED.get(kind) and not rest:
        raise UsageError(f"{kind} alone names no data set", fix=f"write {kind}:{FOLLOWED[kind]}")
    if kind in POINTS and (config.size not in (None, 1) or config.channels not in (None, 2)):
        raise UsageError(f"{config.name} holds points of the plane, not pictures",
                         "data.size or data.channels is set", "leave both empty")
    if kind not in POINTS and (config.size == 1 or config.channels == 2):
        raise UsageError(f"{config.name} holds pictures, not points of the plane",
                         "data.size is 1 or data.channels is 2", "leave both empty")
    return (yield from DATASETS[kind](config, root, rest))


def resolved(config: DataConfig, dataset: Dataset) -> DataConfig:
    """Return the config with size, channels, classes and the full name that the data set has."""
    shape = (1, 1, 2) if dataset.is_points else dataset.images.shape[1:]
    return config.model_copy(update={
        "name": dataset.name, "size": shape[0], "channels": shape[2], "classes": dataset.classes})


def _unknown(name: str) -> UsageError:
    path = Path(os.path.expanduser(name))
    close = difflib.get_close_matches(name.lower(), DATASETS, n=1, cutoff=0.5)
    fix = f"did you mean {close[0]}?" if close else ""
    if path.is_dir():
        fix = f"did you mean folder:{name}?"
    elif path.is_file():
        kind = "points" if path.suffix.lower() in (".csv", ".tsv", ".txt", ".npy") else "zip"
        fix = f"did you mean {kind}:{name}?"
    names = [f"{kind}:{FOLLOWED[kind]}" if FOLLOWED.get(kind) else kind for kind in DATASETS]
    return UsageError(f"There is no data set {name!r}", "known are " + ", ".join(names), fix)
