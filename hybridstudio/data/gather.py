"""From a listing of files to a data set: decoded in a few threads, in order, bad ones left out."""

from __future__ import annotations

import itertools
import os
import threading
from collections import deque
from collections.abc import Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from hybridstudio.config import DataConfig
from hybridstudio.data import cache
from hybridstudio.data.dataset import Loading, Meter
from hybridstudio.data.decode import UnreadableError, coloured, measured, picture
from hybridstudio.data.listing import Left, Listing
from hybridstudio.errors import StudioError
from hybridstudio.messages import Images, Notice, Progress

SIDES = (8, 256)  # smallest and largest side of a picture
SAMPLE = 64  # pictures looked at to choose size and channels
CHUNK = 32  # pictures decoded by one thread at a time
WORKERS = min(8, os.cpu_count() or 1)  # Pillow decodes without the GIL


def opened(config: DataConfig, name: str, source: Generator[Progress, None, Listing],
           **identity: Any) -> Loading:
    """Return the data set from the cache, or decode what `source` lists.

    `identity` is what the listed files depend on (a path, sizes, times); a source that is not
    needed is never started. `name` is what the data set is called in a run's config.
    """
    asked = _key(config, identity)
    found = cache.recall(asked)
    if found is None:
        listing = yield from source
        found = yield from _gathered(config, name, listing, asked, identity)
    if found.skipped:
        first, why = found.skipped[0]
        files = len(found) + found.skipped_count
        yield Notice(f"Of {files:,} files, {found.skipped_count:,} could not be used",
                     f"{'such as' if found.skipped_count > 1 else 'it is'} {first}: {why}",
                     "the Data panel lists them", "warning")
    return replace(found, name=name)


def _key(config: DataConfig, identity: Mapping[str, Any]) -> str:
    return cache.key(**identity, data=config.model_dump(exclude={"name", "flip"}))


def _gathered(config: DataConfig, name: str, listing: Listing, asked: str,
              identity: Mapping[str, Any]) -> Loading:
    """Decode, unless the cache has it under the config with size, channels and classes filled in.

    That is the config a run keeps, so a run finds the entry again when it goes on.
    """
    size, channels = yield from _sized(config, listing)
    for number in dict.fromkeys((channels, 3)):
        exact = config.model_copy(update={
            "size": size, "channels": number, "classes": listing.classes})
        exact_key = _key(exact, identity)
        try:
            found = cache.recall(exact_key)
            if found is None:
                found = yield from _decoded(config, exact_key, listing, name, size, number)
            if exact_key != asked:
                cache.link(asked, exact_key)
            return found
        except _ColourError:  # only the sample was grey
            continue
    raise AssertionError("RGB holds every picture")


class _Lost(NamedTuple):
    """Why there is no picture; `for_good` unless another try may read the same file."""

    why: str
    for_good: bool = False


class _ColourError(Exception):
    """A colour picture turned up in a set that looked all grey."""


def _sized(config: DataConfig, listing: Listing) -> Generator[Progress, None, tuple[int, int]]:
    """Choose size and channels where the config leaves them open, from a sample of the pictures.

    A square size that all have, within 8 to 256, is kept; otherwise it is the power of two nearest
    to the middle one of their sides. Channels are 1 as long as no colour is met.
    """
    if config.size is not None and config.channels is not None:
        return config.size, config.channels
    sides: list[tuple[int, int]] = []
    channels = 1
    count = len(listing.names)
    sample = [(place * count) // min(SAMPLE, count) for place in range(min(SAMPLE, count))]
    meter = Meter(None)
    for looked, place in enumerate([*sample, *range(count)]):
        yield from meter.at(looked)
        if looked >= len(sample) and sides:
            break
        try:
            data = listing.read(listing.names[place])
            sides.append(measured(data))
            if channels == 1 and config.channels is None:
                channels = picture(data, 32, "crop").shape[-1]
        except (UnreadableError, OSError):
            continue
    size = config.size or _common_side(sides, config.fit)
    return size, config.channels or channels


def _common_side(sides: list[tuple[int, int]], fit: str) -> int:
    least, most = SIDES
    same = set(sides)
    if len(same) == 1:
        (width, height), = same
        if width == height and least <= width <= most:
            return width
    if not sides:
        return least
    middle = float(np.median([min(side) if fit == "crop" else max(side) for side in sides]))
    return int(min(most, max(least, 2 ** round(np.log2(middle)))))


def _decoded(config: DataConfig, entry_key: str, listing: Listing, name: str, size: int,
             channels: int) -> Loading:
    count, done, keep = len(listing.names), 0, True
    kept: list[int] = []
    left = Left(list(listing.left.listed), listing.left.count)
    meter = Meter(count)
    shelf = cache.Shelf(entry_key, count, (size, size, channels))
    chunks = _chunks(listing, size, config)
    try:
        for chunk in chunks:
            for pixels in chunk:
                if isinstance(pixels, _Lost):
                    left.out(listing.names[done], pixels.why)
                    keep = keep and pixels.for_good
                else:
                    if pixels.shape[-1] > channels and config.channels is None:
                        raise _ColourError
                    shelf.append(coloured(pixels, channels)[None])
                    kept.append(done)
                done += 1
            yield from meter.at(done, always=done == count)
        if not kept:
            raise StudioError(
                f"None of the {count:,} pictures in {config.name} can be read",
                "; ".join(f"{file}: {why}" for file, why in left.listed[:3]),
                "open one of them in a picture viewer; choose another folder or archive",
                "\n".join(f"{file}: {why}" for file, why in left.listed))
        found, notices = shelf.finish(name, listing.labels[kept], listing.classes,
                                      tuple(left.listed), left.count, keep=keep)
        yield from notices
    finally:
        chunks.close()
        shelf.abandon()
    return found


def _chunks(listing: Listing, size: int,
            config: DataConfig) -> Generator[list[Images | _Lost], None, None]:
    """Yield for consecutive names their pictures or why there is none; [] now and then meanwhile.

    Closing it stops the threads after the picture that each is at.
    """
    stop = threading.Event()

    def one(name: str) -> Images | _Lost:
        try:
            return picture(listing.read(name), size, config.fit)
        except UnreadableError as error:
            return _Lost(str(error), for_good=True)
        except FileNotFoundError:
            return _Lost("it vanished while the set was being read")
        except PermissionError:
            return _Lost("permission to read it was denied")
        except OSError as error:
            return _Lost(f"it cannot be read: {error.strerror or error}")

    def work(names: list[str]) -> list[Images | _Lost]:
        return [one(name) for name in names if not stop.is_set()]

    starts = iter(range(0, len(listing.names), CHUNK))
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="decode")
    pending: deque[Future[list[Images | _Lost]]] = deque()
    try:
        while True:
            for start in itertools.islice(starts, 2 * WORKERS + 2 - len(pending)):
                pending.append(pool.submit(work, listing.names[start:start + CHUNK]))
            if not pending:
                return
            if wait([pending[0]], timeout=0.1).done:
                yield pending.popleft().result()
            else:
                yield []
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
