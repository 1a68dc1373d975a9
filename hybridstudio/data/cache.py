"""Decoded pictures kept in the cache folder, so that a set is decoded once and large ones stay on
disk.

An entry is a folder `decoded/KEY` with `images.npy`, `labels.npy` and `about.json`. It is written
beside its place and renamed, so that it is either whole or absent; one that does not match its
own fingerprint is dropped and the pictures are decoded anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from hybridstudio import paths
from hybridstudio.data import dataset as datasets
from hybridstudio.data.dataset import Dataset, Labels, Skipped
from hybridstudio.errors import StudioError
from hybridstudio.messages import Images, Notice

VERSION = 1  # of the decoding: entries of another one are not used
MAX_TOTAL = 32 << 30  # bytes kept in all; the entries used least recently go first


def folder() -> Path:
    """Return where entries lie."""
    return paths.cache() / "decoded"


def key(**parts: Any) -> str:
    """Return the name of the entry that these parts (all that the pictures depend on) have."""
    text = json.dumps({"version": VERSION, **parts}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def recall(entry_key: str) -> Dataset | None:
    """Return the entry, or None where there is none or it is damaged (it is then removed).

    Pictures up to RESIDENT_BYTES are read and checked against their fingerprint; larger ones are
    mapped, and only their size is checked.
    """
    entry = _entry(entry_key)
    try:
        about = json.loads((entry / "about.json").read_text("utf-8"))
        labels = np.load(entry / "labels.npy", allow_pickle=False)
        images = _open(entry / "images.npy")
        if images.ndim != 4 or images.dtype != np.uint8 or labels.shape != images.shape[:1]:
            raise ValueError("the pictures and labels do not fit together")
        found = Dataset(about["name"], images, labels.astype(np.int64), tuple(about["classes"]),
                        tuple((str(name), str(why)) for name, why in about["skipped"]),
                        int(about["skipped_count"]), str(about["fingerprint"]))
        if not isinstance(images, np.memmap) and found.fingerprint != datasets.fingerprint(
                [images], images.shape[1:], labels, found.classes):
            raise ValueError("the pictures are not what was written")
    except (OSError, ValueError, KeyError, TypeError, EOFError):  # absent, or not what was written
        shutil.rmtree(entry, ignore_errors=True)
        return None
    with contextlib.suppress(OSError):
        os.utime(entry)  # used just now, so pruned last
    return found


def link(asked: str, entry_key: str) -> None:
    """Let `asked` lead to the entry `entry_key` as well; a failure only costs the shortcut."""
    with contextlib.suppress(OSError):
        (folder() / f"{asked}.link").write_text(entry_key, "utf-8")


def _entry(entry_key: str) -> Path:
    with contextlib.suppress(OSError, UnicodeDecodeError):
        target = (folder() / f"{entry_key}.link").read_text("utf-8")
        if re.fullmatch("[0-9a-f]{32}", target):
            return folder() / target
    return folder() / entry_key


def _open(path: Path) -> Images:
    """Read a small array, map a large one; copy-on-write, since torch warns of read-only arrays."""
    large = path.stat().st_size > datasets.RESIDENT_BYTES
    images: Images = np.load(path, mmap_mode="c" if large else None, allow_pickle=False)
    return images


class Shelf:
    """Takes decoded pictures part by part, and gives them back as one array.

    Up to RESIDENT_BYTES they are collected in memory and written at the end, where a failure costs
    only the cache; beyond that they go straight to disk, and a failure is raised.
    """

    def __init__(self, entry_key: str, most: int, shape: tuple[int, int, int]) -> None:
        self._key, self._shape, self._count = entry_key, shape, 0
        self._place: Path | None = None
        self._file: BinaryIO | None = None
        self._images: Images | None = None
        if most * int(np.prod(shape)) <= datasets.RESIDENT_BYTES:
            self._images = np.empty((most, *shape), np.uint8)
        else:
            with self._telling(most):
                self._begin()

    @property
    def is_on_disk(self) -> bool:
        """Whether the pictures are too many to be collected in memory."""
        return self._images is None

    def append(self, pictures: Images) -> None:
        """Add pictures (N, H, W, C)."""
        if self._images is not None:
            self._images[self._count:self._count + len(pictures)] = pictures
        else:
            assert self._file is not None
            with self._telling(len(pictures)):
                self._file.write(np.ascontiguousarray(pictures).data)
        self._count += len(pictures)

    def finish(self, name: str, labels: Labels, classes: tuple[str, ...],
               skipped: tuple[Skipped, ...] = (), skipped_count: int = 0, *,
               keep: bool = True) -> tuple[Dataset, list[Notice]]:
        """Return the data set of all pictures added, and what a user should know of the cache.

        `keep` False leaves no entry: they are quick to make again, or might differ next time.
        """
        if self._images is None:
            with self._telling(self._count):
                images = self._mapped()
        else:
            images = self._images[:self._count]
        done = Dataset(name, images, labels, classes, skipped, skipped_count, datasets.fingerprint(
            _parts(images), self._shape, labels, classes))
        if not keep:
            self.abandon()
            return done, []
        try:
            self._keep(done)
        except OSError as error:
            self.abandon()
            return done, [Notice("The decoded pictures could not be kept for the next time",
                                 f"{folder()}: {error.strerror or error}",
                                 "set HYBRIDSTUDIO_CACHE to a folder with room",
                                 "warning")]
        return done, []

    def abandon(self) -> None:
        """Forget everything and leave no file behind; after `finish` it does nothing."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
        if self._place is not None:
            shutil.rmtree(self._place, ignore_errors=True)
            self._place = None

    def _begin(self) -> None:
        folder().mkdir(parents=True, exist_ok=True)
        self._place = Path(tempfile.mkdtemp(prefix=".new-", dir=folder()))
        self._file = (self._place / "images.npy").open("w+b")
        self._header(self._file, 0)

    def _header(self, file: BinaryIO, count: int) -> None:
        np.lib.format.write_array_header_1_0(file, {
            "descr": "|u1", "fortran_order": False, "shape": (count, *self._shape)})

    def _mapped(self) -> Images:
        """Write the true count into the header (numpy leaves room for it) and map the file."""
        assert self._file is not None
        assert self._place is not None
        self._file.seek(0)
        self._header(self._file, self._count)
        self._file.close()
        return np.load(self._place / "images.npy", mmap_mode="c", allow_pickle=False)

    def _keep(self, done: Dataset) -> None:
        if self._place is None:
            self._begin()
            assert self._file is not None
            self._file.write(np.ascontiguousarray(done.images).data)
            self._mapped()
        assert self._place is not None
        np.save(self._place / "labels.npy", done.labels)
        (self._place / "about.json").write_text(json.dumps({
            "name": done.name, "classes": done.classes, "skipped": done.skipped,
            "skipped_count": done.skipped_count, "fingerprint": done.fingerprint}), "utf-8")
        try:
            self._place.rename(folder() / self._key)
        except OSError:
            # Another process was faster, and its entry is as good. What is mapped stays readable
            # after its file is removed, except on Windows, where the next prune removes it.
            shutil.rmtree(self._place, ignore_errors=True)
        self._place = self._file = None
        prune()

    @contextlib.contextmanager
    def _telling(self, pictures: int) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.abandon()
            gigabytes = pictures * int(np.prod(self._shape)) / 1e9
            raise StudioError(
                "The decoded pictures do not fit into the cache",
                f"{folder()}: {error.strerror or error}; {gigabytes:.1f} GB more are needed",
                "set HYBRIDSTUDIO_CACHE to a folder with room, or use a smaller data.size or "
                "data.limit") from error


def _parts(images: Images, rows: int = 4096) -> Iterator[Images]:
    for start in range(0, len(images), rows):
        yield images[start:start + rows]


def prune() -> None:
    """Remove what was used least recently beyond MAX_TOTAL, and leavings of killed processes."""
    entries = []
    with contextlib.suppress(OSError):
        for entry in folder().iterdir():
            with contextlib.suppress(OSError):
                used = entry.stat().st_mtime
                if entry.suffix == ".link":
                    if not _entry(entry.stem).exists():
                        entry.unlink()
                elif entry.name.startswith(".new-"):
                    if time.time() - used > 24 * 3600:
                        shutil.rmtree(entry, ignore_errors=True)
                else:
                    entries.append((used, sum(f.stat().st_size for f in entry.iterdir()), entry))
    total = 0
    for _, size, entry in sorted(entries, reverse=True):
        total += size
        if total > MAX_TOTAL:
            shutil.rmtree(entry, ignore_errors=True)
