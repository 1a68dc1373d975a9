"""Files from the network: with progress, checked, and either whole at their place or absent."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import importlib
import os
import tempfile
import types
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from hybridstudio.data.dataset import Meter
from hybridstudio.errors import StudioError
from hybridstudio.messages import Progress

TIMEOUT = 15.0  # seconds without an answer
AGENT = "hybridstudio"


class FetchError(Exception):
    """No mirror gave the file; the text says what each answered."""


def tables(module: str) -> types.ModuleType:
    """Import the module of torchvision.datasets that knows mirrors and checksums (seconds)."""
    try:
        return importlib.import_module(f"torchvision.datasets.{module}")
    except (ImportError, RuntimeError, OSError) as error:
        raise StudioError("torchvision, which knows where data sets lie, cannot be imported",
                          str(error), "`hybridstudio doctor` names the remedy") from error


def fetched(urls: Sequence[str], md5: str, target: Path) -> Generator[Progress, None, None]:
    """Download a file from the first mirror that has it, into place `target`.

    Tells bytes done. Closing it, or any failure, leaves nothing behind. Raises FetchError where
    no mirror gives the file with this md5, OSError where it cannot be written.
    """
    answers = []
    for url in urls:
        try:
            yield from _received(url, md5, target)
            return
        except FetchError as error:
            answers.append(f"{url}: {error}")
    raise FetchError("; ".join(answers))


def _received(url: str, md5: str, target: Path) -> Generator[Progress, None, None]:
    """Write what `url` sends to `target`; what goes wrong in the network becomes FetchError."""
    digest = hashlib.md5(usedforsecurity=False)  # torchvision's tables hold nothing stronger
    done = 0
    with contextlib.ExitStack() as closing:
        try:
            request = urllib.request.Request(url, headers={"User-Agent": AGENT})
            reply = closing.enter_context(urllib.request.urlopen(request, timeout=TIMEOUT))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise FetchError(_told(error)) from error
        file = closing.enter_context(whole(target))
        meter = Meter(int(reply.headers.get("Content-Length") or 0) or None, "bytes")
        while True:
            try:
                piece = reply.read(1 << 16)
            except (OSError, http.client.HTTPException) as error:
                raise FetchError(_told(error)) from error
            if not piece:
                break
            file.write(piece)
            digest.update(piece)
            done += len(piece)
            yield from meter.at(done)
        if digest.hexdigest() != md5:
            raise FetchError("it sent another file (the checksum differs)")
        yield from meter.at(done, always=True)


@contextlib.contextmanager
def whole(target: Path) -> Iterator[BinaryIO]:
    """Open a file that appears at `target` when all has been written, and not at all otherwise."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=f"{target.name}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.chmod(part, 0o644)  # mkstemp makes it private, but data sets are shared
        os.replace(part, target)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(part)


def _told(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"it answered {error.code} {error.reason}"
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return str(reason) or type(reason).__name__


def missing(what: str, folder: Path, expected: str, why: str,
            help_yourself: str = "") -> StudioError:
    """Return the error for a data set that is neither on this machine nor to be had."""
    return StudioError(
        f"{what} is not on this machine and could not be downloaded",
        f"looked for {expected} in {folder}; {why}",
        "check the network, or choose the folder of your data sets with --data-root"
        + (f"; {help_yourself}" if help_yourself else "")
        + "; data.name digits and shapes need no network")
