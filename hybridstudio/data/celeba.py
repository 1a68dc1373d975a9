"""CelebA (Liu 2015): 202,599 aligned faces of 178×218; `celeba:Smiling` labels by an attribute."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np

from hybridstudio.config import DataConfig
from hybridstudio.data import archives, download, gather
from hybridstudio.data.dataset import Loading, chosen, listed
from hybridstudio.data.folders import read_file
from hybridstudio.data.listing import Left, Listing
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import Notice, Progress

FOLDER = "celeba"  # torchvision's
PICTURES = "img_align_celeba"
PARTITION, ATTRIBUTES = "list_eval_partition.txt", "list_attr_celeba.txt"
PARTS = {"train": "0", "test": "2", "all": "012"}
DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="


def load_celeba(config: DataConfig, root: Path, attribute: str) -> Loading:
    """Open `celeba` from torchvision's folder (unpacked, or its zip archive), or download it."""
    folder = root / FOLDER
    needed = [PARTITION, *([ATTRIBUTES] if attribute else [])]
    if not (folder / PICTURES).is_dir():
        needed.append(f"{PICTURES}.zip")
    if absent := [name for name in needed if not (folder / name).is_file()]:
        yield from _downloaded(folder, absent)
    with contextlib.ExitStack() as open_files:
        return (yield from gather.opened(
            config, config.name, _listed(config, folder, attribute, open_files), kind="celeba",
            path=str(folder.resolve()), attribute=attribute,
            files=[(name, (folder / name).stat().st_mtime_ns) for name in needed]))


def _listed(config: DataConfig, folder: Path, attribute: str,
            open_files: contextlib.ExitStack) -> Generator[Progress, None, Listing]:
    yield Progress(0, None, "pictures")
    names = [name for name, part in _table(folder / PARTITION, 2) if part in PARTS[config.split]]
    if not names:
        raise _damaged(folder / PARTITION)
    labels = np.zeros(len(names), np.int64)
    classes: tuple[str, ...] = ()
    if attribute:
        header = _header(folder / ATTRIBUTES)
        if attribute not in header:
            raise UsageError(f"CelebA has no attribute {attribute!r}",
                             "its attributes are " + listed(header, 40),
                             f"write it as celeba:{header[0]}")
        column = 1 + header.index(attribute)
        has = {line[0]: int(line[column] == "1")
               for line in _table(folder / ATTRIBUTES, 1 + len(header))}
        labels = np.array([has.get(name, 0) for name in names], np.int64)
        classes = (f"not {attribute}", attribute)
    places, labels, classes = chosen(labels, classes, config)
    read = _reader(folder, open_files)
    return Listing([names[place] for place in places], labels, classes, read)


def _reader(folder: Path, open_files: contextlib.ExitStack) -> Callable[[str], bytes]:
    if (folder / PICTURES).is_dir():
        return lambda name: read_file(folder / PICTURES / name)
    archive, members = archives.read_members(folder / f"{PICTURES}.zip", Left(), open_files)
    return lambda name: archives.unpacked(archive, members[f"{PICTURES}/{name}"])


def _table(path: Path, columns: int) -> list[list[str]]:
    """Read the lines of one of CelebA's lists that have so many words.

    Raises StudioError where there are none.
    """
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = [words for line in file if len(words := line.split()) == columns]
    if not lines:
        raise _damaged(path)
    return lines


def _damaged(path: Path) -> StudioError:
    return StudioError(f"{path.name} is damaged", f"{path} is not the list that CelebA has",
                       "remove it, and it will be downloaded again")


def _header(path: Path) -> list[str]:
    """Return the names of the attributes: the second line, after the number of pictures."""
    with path.open(encoding="utf-8", errors="replace") as file:
        file.readline()
        return file.readline().split()


def _downloaded(folder: Path, absent: list[str]) -> Generator[Progress | Notice, None, None]:
    yield Notice(f"CelebA is not in {folder}", fix="downloading it once (1.4 GB)", level="info")
    yield Progress(0, None, "bytes")
    for identity, md5, name in download.tables("celeba").CelebA.file_list:
        if name in absent:
            try:
                yield from download.fetched([DRIVE + identity], md5, folder / name)
            except download.FetchError as error:
                raise download.missing(
                    "CelebA", folder, ", ".join(absent), str(error),
                    "or fetch these files by hand from "
                    "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html") from error
