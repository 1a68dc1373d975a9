"""Files that survive a crash: written whole, forced to the disk, and only then given their name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_WRITE_AT_ONCE = 16 << 20  # so that Ctrl-C is answered while a large file is written


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Give an OSError from a bare descriptor the name of the file that it is about."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def write_durably(path: Path, data: bytes) -> None:
    """Write a file that does not exist yet and wait until the disk holds it; raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with naming(path):
        descriptor = os.open(path, flags, 0o644)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest[:_WRITE_AT_ONCE]):]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Wait until the disk holds the names in a folder; raises OSError."""
    if os.name == "nt":  # Windows opens no folders; its rename is already durable
        return
    with naming(path):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def replace_durably(path: Path, data: bytes) -> None:
    """Write a file, or put a new one in its place, so that no reader ever sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(FileNotFoundError):
        temporary.unlink()
    try:
        write_durably(temporary, data)
        os.replace(temporary, path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)
