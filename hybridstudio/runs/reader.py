"""The reading side of metrics.jsonl: follows a growing file, whatever is in it.

A file of a million lines has to open within seconds, so lines of one shape, which is nearly all
that a training writes, are taken apart together; the others go through json.
"""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hybridstudio.runs.records import (
    TABLES,
    Record,
    Rows,
    by_shape,
    is_step,
    lines_of,
    metrics_file,
    parsed,
    parsed_line,
    rows_of,
    taken_apart,
)
from hybridstudio.runs.series import Block, Series, Table

CHUNK = 1 << 18  # bytes read at once; a longer line is no record
NEWEST = 1 << 20  # bytes at the end of a long file whose records poll() returns one by one
MAX_EVENTS = 10_000


class MetricsReader:
    """Follows the metrics of a run; each poll takes what was written since the last.

    `events` are the records with an "event", the newest 10,000. `bad_lines` counts lines that are
    no records. `resets` counts how often the file was rewritten or replaced, whereupon all begins
    anew. `behind` is how many bytes a poll with a time limit left for the next.
    """

    def __init__(self, path: Path) -> None:
        self.path = metrics_file(path)
        self.resets = 0
        self._file_id: tuple[int, int] | None = None
        self._begin()

    def _begin(self) -> None:
        self.bad_lines = 0
        self.behind = 0
        self.events: deque[Record] = deque(maxlen=MAX_EVENTS)
        self._tables = {kind: Table() for kind in TABLES}
        self._offset = 0
        self._inside_long_line = False
        self._head = self._mark = b""  # the first bytes, and those before the offset

    def poll(self, limit: float | None = None) -> list[Record]:
        """Take what is new and return its records, the later one where two have the same step.

        Of a long backlog only those in its last megabyte are returned; the series hold all. After
        `limit` seconds it stops and goes on at the next call. A missing file has no records.
        """
        until = math.inf if limit is None else time.monotonic() + limit
        fresh: list[Record] = []
        try:
            with self.path.open("rb") as file:
                for lines in self._whole_lines(file):
                    if self.behind < NEWEST or not self._take_alike(lines):
                        records = self._take(lines)
                        fresh += records if self.behind < NEWEST else []
                    if time.monotonic() > until:
                        break
        except OSError:
            pass  # not written yet, or moved away: there may be more at the next poll
        return _later_wins(fresh)

    def series(self, kind: str = "values") -> dict[str, Series]:
        """Return steps, seconds and values of each name, one point a step, steps growing.

        `kind` is "values" or "rates". The arrays are views without copying; they never change.
        """
        return self._tables[kind].series()

    def _whole_lines(self, file: BinaryIO) -> Iterator[bytes]:
        """Yield chunks of whole lines from where the last poll ended."""
        status = os.fstat(file.fileno())
        file_id, end = (status.st_dev, status.st_ino), status.st_size
        if self._file_id is not None and self._rewritten(file, file_id, end):
            self._begin()
            self.resets += 1
        self._file_id = file_id
        while self._offset < end:
            file.seek(self._offset)
            data = file.read(min(CHUNK, end - self._offset))
            whole = data.rfind(b"\n") + 1
            start = 0
            if self._inside_long_line and whole:
                start = data.find(b"\n") + 1
                self._inside_long_line = False
            elif not whole and len(data) == CHUNK:
                self.bad_lines += not self._inside_long_line
                self._inside_long_line = True
                start = whole = CHUNK
            elif not whole:  # half a line at the end of the file, unless it is a whole record
                if self._inside_long_line or parsed_line(data) is None:
                    break
                whole = len(data)
            self._advance(data[:whole])
            self.behind = end - self._offset
            if start < whole:
                yield data[start:whole]
        self.behind = 0

    def _advance(self, data: bytes) -> None:
        self._head = (self._head + data[:64])[:64]
        self._mark = (self._mark + data[-64:])[-64:]
        self._offset += len(data)

    def _rewritten(self, file: BinaryIO, file_id: tuple[int, int], size: int) -> bool:
        """Tell by its identity, length and bytes whether this is not the file we read from."""
        if file_id != self._file_id or size < self._offset:
            return True
        head = file.read(len(self._head))
        file.seek(self._offset - len(self._mark))
        return head != self._head or file.read(len(self._mark)) != self._mark

    def _take_alike(self, chunk: bytes) -> bool:
        """Put lines of a few shapes into the tables; False, and nothing done, if they are others.

        Nothing depends on the order of the lines here, so no step may come twice.
        """
        rows = taken_apart(chunk)
        if rows is not None:
            self._store([rows])
            return True
        alike, odd = [], []
        for lines in by_shape(lines_of(chunk)):
            rows = taken_apart(b"\n".join(lines) + b"\n") if len(lines) > 3 else None
            if rows is None:
                odd += lines
            else:
                alike.append(rows)
        others = parsed(odd)
        alike += rows_of([record for record in others if "event" not in record])
        steps = np.concatenate([rows.steps for rows in alike] or [np.empty(0)])
        events = [record for record in others if "event" in record]
        if (len(odd) > 100 or np.unique(steps).size < steps.size
                or any(event["event"] == "resumed" for event in events)):
            return False
        self.bad_lines += len(odd) - len(others)
        self.events += events
        self._store(alike)
        return True

    def _take(self, chunk: bytes) -> list[Record]:
        """Put any lines into tables and events, and return the records among them."""
        lines = lines_of(chunk)
        records = parsed(lines)
        self.bad_lines += len(lines) - len(records)
        rows: list[Record] = []
        for record in records:
            if "event" in record:
                self.events.append(record)
                if record["event"] == "resumed" and is_step(record.get("step")):
                    self._store(rows_of(rows))
                    rows = []
                    for table in self._tables.values():
                        table.cut_after(record["step"])
                continue
            if rows and record["step"] <= rows[-1]["step"]:
                self._store(rows_of(rows))
                rows = []
            rows.append(record)
        self._store(rows_of(rows))
        return records

    def _store(self, found: list[Rows]) -> None:
        for kind, table in self._tables.items():
            table.extend([Block(*rows.tables[kind], rows.steps, rows.seconds)
                          for rows in found if kind in rows.tables])


def _later_wins(records: list[Record]) -> list[Record]:
    """Drop records whose step comes again later; events stay."""
    last = {record["step"]: place for place, record in enumerate(records) if "event" not in record}
    return [record for place, record in enumerate(records)
            if "event" in record or last[record["step"]] == place]
