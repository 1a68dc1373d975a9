"""The writing side of metrics.jsonl: one line a record, none lost while the disk is full."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hybridstudio.errors import StudioError, translate
from hybridstudio.runs.disk import naming
from hybridstudio.runs.records import last_records, metrics_file, number

MAX_PENDING = 20_000  # lines kept in memory while they cannot be written: some 4 MB


class MetricsLog:
    """Appends records to a run's metrics.jsonl; a failing disk never stops the training.

    Lines that cannot be written wait in memory (`pending` of them; `problem` says why) and go out
    before the next one that can be. When too many wait, every second point is given up, and later
    ones alike (`lost` of them), so that the curve keeps its shape; events stay. `seconds` is where
    the clock of training starts; without it where the records end that are there already.
    """

    def __init__(self, path: Path, seconds: float | None = None) -> None:
        self.path = metrics_file(path)
        self.lost = 0
        self.problem: StudioError | None = None
        if seconds is None:
            seconds = max((number(record.get("seconds")) or 0.0
                           for record in last_records(self.path)), default=0.0)
        self._began = time.monotonic() - seconds
        self._descriptor: int | None = None
        self._waiting: list[bytes] = []
        self._keeping = 1  # while nothing can be written, one point in so many is kept
        self._points = 0

    @property
    def pending(self) -> int:
        """How many records wait in memory because they could not be written."""
        return len(self._waiting)

    def append(self, step: int, values: Mapping[str, float],
               rates: Mapping[str, float] | None = None, seconds: float | None = None) -> None:
        """Record what was measured at `step`; `seconds` replaces the log's own clock."""
        self._add({"step": int(step), "seconds": self._clock(seconds),
                   "values": {name: plain(value) for name, value in values.items()},
                   "rates": {name: plain(value) for name, value in (rates or {}).items()}})

    def mark(self, event: str, **fields: Any) -> None:
        """Record an event (started, resumed, notice, done) with plain fields such as `step`."""
        seconds = self._clock(fields.pop("seconds", None))
        told = {key: plain(value) if isinstance(value, float) else value
                for key, value in fields.items()}
        self._add({"event": event, "seconds": seconds, **told})

    def flush(self) -> bool:
        """Try to write what waits; returns whether nothing waits any more."""
        try:
            with naming(self.path):
                self._write()
        except OSError as error:
            self.problem = translate(error)
            return False
        self.problem = None
        self._keeping = 1
        return True

    def close(self) -> None:
        """Write what waits, force it to the disk as far as that goes, and let go of the file."""
        self.flush()
        if self._descriptor is not None:
            with suppress(OSError):
                os.fsync(self._descriptor)
        self._let_go()

    def _clock(self, seconds: float | None) -> float:
        return round(time.monotonic() - self._began if seconds is None else seconds, 3)

    def _add(self, record: dict[str, Any]) -> None:
        line = json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        self._points += "event" not in record
        if "event" in record or self._points % self._keeping == 0 or self.flush():
            self._waiting.append(line)
        else:
            self.lost += 1
        if not self.flush() and len(self._waiting) > MAX_PENDING:
            # The first may be half written already; its rest has to go out as it is.
            kept = [line for place, line in enumerate(self._waiting)
                    if place % 2 == 0 or line.startswith(b'{"event"')]
            self.lost += len(self._waiting) - len(kept)
            self._keeping *= 2
            self._waiting = kept

    def _write(self) -> None:
        descriptor = self._opened()
        data = b"".join(self._waiting)
        done = 0
        try:
            while done < len(data):
                done += os.write(descriptor, memoryview(data)[done:])
        finally:
            # A full disk may take half a line: the rest of that line goes out first next time.
            rest = data[done:]
            self._waiting = rest.splitlines(keepends=True)

    def _opened(self) -> int:
        if self._descriptor is not None and os.fstat(self._descriptor).st_nlink == 0:
            self._let_go()  # the file was deleted under us: writing on would go nowhere
        if self._descriptor is None:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
            self._descriptor = os.open(self.path, flags, 0o644)
            size = os.lseek(self._descriptor, 0, os.SEEK_END)
            if size and _byte_before(self._descriptor, size) != b"\n":
                self._waiting.insert(0, b"\n")  # a killed process left half a line: end it
        return self._descriptor

    def _let_go(self) -> None:
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None


def _byte_before(descriptor: int, place: int) -> bytes:
    os.lseek(descriptor, place - 1, os.SEEK_SET)
    return os.read(descriptor, 1)


def plain(value: float) -> float | str:
    """Write a number for JSON, which has none that is not finite: those become strings."""
    value = float(value)
    return value if math.isfinite(value) else str(value)
