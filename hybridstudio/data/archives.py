"""`zip:PATH`: pictures in a zip archive, read member by member; nothing is ever unpacked to disk.

The archive's directory is counted before it is parsed, and sizes are judged before anything is
unpacked, so that a hostile archive costs neither memory nor time.
"""

from __future__ import annotations

import contextlib
import mmap
import stat
import struct
import zipfile
from collections.abc import Generator
from pathlib import Path, PurePosixPath, PureWindowsPath

from hybridstudio.config import DataConfig
from hybridstudio.data import gather, listing
from hybridstudio.data.dataset import Loading
from hybridstudio.data.decode import MAX_BYTES, UnreadableError
from hybridstudio.data.folders import located
from hybridstudio.data.listing import Left, Listing
from hybridstudio.errors import StudioError
from hybridstudio.messages import Progress

MAX_ENTRIES = 500_000
MAX_RATIO = 200  # pictures are packed already; a hundredfold is a drawing, a thousandfold a bomb
BOMB_BYTES = 64 << 20  # below this a large ratio does no harm
END, END64, LOCATOR64, ENTRY = b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\1\2"


def load_zip(config: DataConfig, root: Path, path: str) -> Loading:
    """Open `zip:PATH`: a zip archive of pictures."""
    archive, name = located(path, root, "zip")
    return (yield from opened(config, archive, name))


def opened(config: DataConfig, archive: Path, name: str) -> Loading:
    """Open the archive at `archive`; `name` is what the data set is called."""
    if archive.is_dir():
        raise StudioError(f"{archive} is not an archive", "it is a folder",
                          "use folder:PATH for a folder of pictures")
    archive, status = archive.resolve(), archive.stat()
    with contextlib.ExitStack() as open_files:
        return (yield from gather.opened(
            config, name, _listed(config, archive, open_files), kind="zip", path=str(archive),
            size=status.st_size, changed=status.st_mtime_ns))


def _listed(config: DataConfig, path: Path,
            open_files: contextlib.ExitStack) -> Generator[Progress, None, Listing]:
    yield Progress(0, None, "pictures")
    left = Left()
    archive, members = read_members(path, left, open_files)

    def read(name: str) -> bytes:
        return unpacked(archive, members[name])

    return listing.arranged(list(members), config, left, read)


def read_members(path: Path, left: Left, open_files: contextlib.ExitStack
                 ) -> tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]:
    """Open an archive and list the members that may be pictures, by their names with /.

    It stays open until `open_files` is closed. Raises StudioError for what is no archive, a
    damaged, encrypted or hostile one.
    """
    try:
        entries = _count_entries(path)
        if entries > MAX_ENTRIES:
            raise StudioError(f"{path.name} holds too many files",
                              f"more than {MAX_ENTRIES:,} entries",
                              "unpack it yourself and use folder:PATH")
        archive = open_files.enter_context(zipfile.ZipFile(path))
    except (zipfile.BadZipFile, struct.error, ValueError, EOFError, RuntimeError) as error:
        raise StudioError(f"{path.name} is not a complete zip archive", str(error),
                          "download or make it again; unpack .tar and .7z archives yourself, and "
                          "use folder:PATH") from error
    members: dict[str, zipfile.ZipInfo] = {}
    unpacked = 0
    for info in archive.infolist():
        inside = PurePosixPath(info.filename.replace("\\", "/"))
        name = str(inside)
        if not inside.parts or info.is_dir() or any(  # zipfile fails on a name of nothing
                listing.is_litter(part) for part in inside.parts if part != ".."):
            continue
        if why := _refused(info, inside, members):
            left.out(name, why)
        else:
            members[name] = info
            unpacked += info.file_size
    packed = path.stat().st_size
    if unpacked > max(MAX_RATIO * packed, BOMB_BYTES):
        raise StudioError(f"{path.name} looks like a zip bomb",
                          f"its {packed / 1e6:,.1f} MB would unpack to {unpacked / 1e9:,.1f} GB",
                          "use it only if you trust it: unpack it yourself, then folder:PATH")
    if not members and any(why == "encrypted" for _, why in left.listed):
        raise StudioError(f"{path.name} is encrypted", "its files need a password",
                          "unpack it yourself and use folder:PATH")
    return archive, members


def _refused(info: zipfile.ZipInfo, path: PurePosixPath,
             members: dict[str, zipfile.ZipInfo]) -> str:
    """Say why a member is not taken, or return ''."""
    if path.is_absolute() or ".." in path.parts or PureWindowsPath(path).drive:
        return "its name leads outside the archive"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link"
    if info.flag_bits & 0x1:
        return "encrypted"
    if str(path) in members:
        return "a second file of that name"
    if not listing.has_picture_name(path.name):
        return f"not a kind of picture that is read ({path.suffix})"
    if info.file_size > MAX_BYTES:
        return f"it would unpack to more than {MAX_BYTES >> 20} MB"
    if info.file_size > max(MAX_RATIO * info.compress_size, BOMB_BYTES // 4):
        return "packed so tightly that it looks like a zip bomb"
    return ""


def unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Read a member whole, by which its checksum is verified; raises UnreadableError."""
    try:
        with archive.open(info) as file:
            return file.read(MAX_BYTES)
    except Exception as error:  # zlib, lzma and zipfile raise a dozen kinds on damaged members
        raise UnreadableError(f"damaged in the archive: {error}") from None


def _count_entries(path: Path) -> int:
    """Count the directory's entries, up to MAX_ENTRIES + 1, without parsing them into objects.

    APPNOTE.TXT 4.3.12 to 4.3.16. The counts that an archive states may lie, so it is walked.
    Raises BadZipFile.
    """
    size = path.stat().st_size
    if not size:
        raise zipfile.BadZipFile("the file is empty")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        end = view.rfind(END, max(0, size - 65_557))
        if end < 0 or end + 22 > size:
            raise zipfile.BadZipFile("its end is missing, or it is another kind of file")
        length = struct.unpack_from("<L", view, end + 12)[0]
        if end >= 20 and view[end - 20:end - 16] == LOCATOR64:
            end = struct.unpack_from("<Q", view, end - 12)[0]
            if end + 56 > size or view[end:end + 4] != END64:
                end = view.rfind(END64, 0, size)
                if end < 0:
                    raise zipfile.BadZipFile("its zip64 end is missing")
            length = struct.unpack_from("<Q", view, end + 40)[0]
        place, count = end - length, 0
        if place < 0:
            raise zipfile.BadZipFile("it is truncated: its directory does not fit into the file")
        while place + 46 <= end and view[place:place + 4] == ENTRY and count <= MAX_ENTRIES:
            place += 46 + sum(struct.unpack_from("<3H", view, place + 28))
            count += 1
    return count
