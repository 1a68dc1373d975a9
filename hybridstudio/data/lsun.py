"""LSUN (Yu 2015): scenes, one lmdb for each category and split, which the user has fetched.

`lsun:bedroom` takes the category in the split of the config, `lsun:bedroom_train` names both.
"""

from __future__ import annotations

import importlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from hybridstudio.config import DataConfig
from hybridstudio.data import gather
from hybridstudio.data.dataset import Loading, Meter
from hybridstudio.data.listing import Listing
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import Progress

CATEGORIES = ("bedroom", "bridge", "church_outdoor", "classroom", "conference_room", "dining_room",
              "kitchen", "living_room", "restaurant", "tower")
PARTS = {"train": "train", "test": "val"}  # the real test set has no categories


def load_lsun(config: DataConfig, root: Path, wanted: str) -> Loading:
    """Open `lsun:CATEGORY` from the folder `CATEGORY_train_lmdb` or `_val_lmdb` in `root`."""
    category, _, part = wanted.rpartition("_")
    if part not in PARTS.values():
        if config.split == "all":
            raise UsageError("LSUN is opened one split at a time", f"{config.name} names none",
                             f"write lsun:{wanted}_train, or choose data.split train or test")
        category, part = wanted, PARTS[config.split]
    if category not in CATEGORIES:
        raise UsageError(f"LSUN has no category {category!r}",
                         "its categories are " + ", ".join(CATEGORIES), "write lsun:bedroom")
    folder = root / f"{category}_{part}_lmdb"
    data = folder / "data.mdb"
    if not data.is_file():
        raise StudioError(
            f"LSUN's {category} ({part}) is not on this machine", f"looked for {data}",
            "it is not downloaded by itself (bedroom is 43 GB): fetch it as "
            "https://github.com/fyu/lsun says, unpack it into the folder of your data sets, and "
            "name that with --data-root; data.name shapes needs no network")
    try:
        lmdb = importlib.import_module("lmdb")
    except ImportError as error:
        raise StudioError("LSUN needs the package lmdb", "it is not installed",
                          "pip install lmdb") from error
    try:
        store = lmdb.open(str(folder), max_readers=64, readonly=True, lock=False, readahead=False,
                          meminit=False)
    except lmdb.Error as error:
        raise StudioError(f"{folder.name} is damaged", f"{data}: {error}",
                          "fetch it again") from error
    try:
        status = data.stat()
        return (yield from gather.opened(
            config, config.name, _listed(config, store, category), kind="lsun",
            path=str(folder.resolve()), size=status.st_size, changed=status.st_mtime_ns))
    finally:
        store.close()


def _listed(config: DataConfig, store: Any,
            category: str) -> Generator[Progress, None, Listing]:
    """List the keys in the store's own order; with a limit, the first ones: there are millions."""
    meter = Meter(None, "pictures")
    names: list[str] = []
    with store.begin(write=False) as reading:
        for key in reading.cursor().iternext(keys=True, values=False):
            if config.limit is not None and len(names) >= config.limit:
                break
            names.append(key.decode("ascii", "replace"))
            yield from meter.at(len(names))
    if not names:
        raise StudioError(f"There are no pictures in {config.name}", "the store is empty",
                          "fetch it again")

    def read(name: str) -> bytes:
        with store.begin(write=False) as reading:
            value = reading.get(name.encode("ascii", "replace"))
        if value is None:
            raise FileNotFoundError(name)
        return bytes(value)

    return Listing(names, np.zeros(len(names), np.int64), (category,), read)
