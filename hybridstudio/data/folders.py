"""`folder:PATH`: pictures in folders, one for each class or all flat, split or not.

Links to folders are not followed (they are loops, duplicates or lead outside), links to files only
within the folder. Hidden files and what operating systems leave behind are passed over in silence.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Generator
from pathlib import Path

from hybridstudio.config import DataConfig
from hybridstudio.data import gather, listing
from hybridstudio.data.dataset import Loading, Meter
from hybridstudio.data.decode import MAX_BYTES, UnreadableError
from hybridstudio.data.listing import Left, Listing
from hybridstudio.errors import StudioError
from hybridstudio.messages import Progress


def located(path: str, root: Path, kind: str) -> tuple[Path, str]:
    """Find a given path from the current folder or from `root`, and its name in a run's config.

    The name is absolute, except below `root`, which may lie elsewhere on another machine.
    Raises StudioError where there is nothing.
    """
    given = Path(os.path.expanduser(path))
    if given.exists():
        return given.resolve(), f"{kind}:{Path(os.path.abspath(given))}"
    if (root / given).exists():
        return (root / given).resolve(), f"{kind}:{path}"
    places = dict.fromkeys(str(place) for place in (Path.cwd() / given, root / given))
    raise StudioError(f"There is no {path}", "looked for " + " and ".join(places),
                      f"check the path after {kind}:, or give it in full")


def load_folder(config: DataConfig, root: Path, path: str) -> Loading:
    """Open `folder:PATH`: a folder of pictures."""
    folder, name = located(path, root, "folder")
    if not folder.is_dir():
        raise StudioError(f"{folder} is not a folder", "it is a file",
                          "use zip:PATH for a zip archive")
    left = Left()
    found = yield from walked(folder, left)
    digest = hashlib.sha256(repr(sorted(found.items())).encode("utf-8", "surrogateescape"))

    def listed() -> Generator[Progress, None, Listing]:
        yield from ()
        return listing.arranged(list(found), config, left,
                                lambda file: read_file(folder / file))

    return (yield from gather.opened(config, name, listed(), kind="folder", path=str(folder),
                                     files=digest.hexdigest(), left=left.listed))


def read_file(path: Path) -> bytes:
    """Read a picture's file; raises OSError, or UnreadableError for one larger than MAX_BYTES."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > MAX_BYTES:
            raise UnreadableError(f"the file is larger than {MAX_BYTES >> 20} MB")
        return file.read()


def walked(folder: Path, left: Left) -> Generator[Progress, None, dict[str, tuple[int, int]]]:
    """List files below `folder`: their paths with /, with size in bytes and time of change in ns.

    Raises OSError where `folder` itself cannot be read.
    """
    found: dict[str, tuple[int, int]] = {}
    meter = Meter(None, "files")
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        try:
            entries = sorted(os.scandir(folder / inside), key=lambda entry: entry.name)
        except OSError as error:
            if not inside:
                raise
            left.out(inside, f"the folder cannot be read: {error.strerror or error}")
            continue
        for entry in entries:
            name = inside + entry.name
            if listing.is_litter(entry.name):
                continue
            try:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(name + "/")
                elif why := _refused(entry, folder):
                    left.out(name, why)
                else:
                    status = entry.stat()
                    found[name] = (status.st_size, status.st_mtime_ns)
            except OSError as error:
                left.out(name, f"it cannot be read: {error.strerror or error}")
        yield from meter.at(len(found))
    return found


def _refused(entry: os.DirEntry[str], folder: Path) -> str:
    """Say why a file is not taken, or return ''."""
    if entry.is_symlink():
        target = Path(os.path.realpath(entry.path))
        if not target.exists():
            return "a link to nothing"
        if target.is_dir():
            return "a link to a folder: links are not followed"
        if not target.is_relative_to(folder):
            return "a link to a file outside the folder"
    if not listing.has_picture_name(entry.name):
        return f"not a kind of picture that is read ({os.path.splitext(entry.name)[1]})"
    if not stat.S_ISREG(entry.stat().st_mode):
        return "not a file but a device or a pipe"
    return ""
