"""The lines of metrics.jsonl: what counts as a record, and taking many lines apart at once."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Record = dict[str, Any]
Floats = npt.NDArray[np.float64]
TABLES = ("values", "rates")  # the parts of a record that become curves
MAX_STEP = 2**53  # larger whole numbers are not exact in a float

_NUMBER = re.compile(rb"(?<=[:, ])(?:-?[0-9][0-9.eE+-]*|NaN|-?Infinity)(?=[,} ])")
_LETTERS = b"0123456789.+-eENaIfinty"  # all that numbers are written with, NaN and Infinity too
_MARKERS = range(128, 256)
_AS_COMMAS = bytes(ord(",") if byte in _MARKERS else byte for byte in range(256))
_STRINGS = ((b'"nan"', b"NaN"), (b'"inf"', b"Infinity"), (b'"-inf"', b"-Infinity"))


def metrics_file(path: Path) -> Path:
    """Return the metrics.jsonl of a run's folder; a path to the file itself is taken as it is."""
    return path if path.suffix == ".jsonl" else path / "metrics.jsonl"


def lines_of(chunk: bytes) -> list[bytes]:
    """Split bytes into lines, without empty ones."""
    return [line for line in chunk.split(b"\n") if line.strip()]


def last_records(path: Path) -> list[Record]:
    """Return some records from the end of a run's metrics, without reading the rest."""
    try:
        with metrics_file(path).open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            for size in (4096, 65_536):  # the first is enough unless lines are very long
                file.seek(max(0, end - size))
                data = file.read(size)
                if size < end:
                    data = data[data.find(b"\n") + 1:]  # the first line is cut
                found = parsed(lines_of(data))
                if found or size >= end:
                    return found
    except OSError:
        pass
    return []


class Rows(NamedTuple):
    """Records of one shape: n steps and seconds, and per table its names and their (names, n)."""

    steps: Floats
    seconds: Floats
    tables: dict[str, tuple[tuple[str, ...], Floats]]


def parsed(lines: list[bytes]) -> list[Record]:
    """Return the records among `lines`; whatever else is there is left out."""
    try:  # all at once is twice as fast; a line that is no record makes it fail
        found = json.loads(b"[" + b",".join(lines) + b"]")
        if len(found) == len(lines) and all(map(is_record, found)):
            return found
    except (ValueError, RecursionError):
        pass
    return [record for record in map(parsed_line, lines) if record is not None]


def parsed_line(line: bytes) -> Record | None:
    """Return the record that a line holds, or None."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if is_record(record) else None


def is_record(found: Any) -> bool:
    """Whether a parsed line is an event, or a step with its values."""
    if not isinstance(found, dict):
        return False
    if "event" in found:
        return isinstance(found["event"], str)
    return (is_step(found.get("step")) and isinstance(found.get("values"), dict)
            and isinstance(found.get("rates", {}), dict))


def is_step(value: Any) -> bool:
    """Whether a value can be a training step: a whole number, neither negative nor huge."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_STEP


def number(value: Any) -> float | None:
    """Read a number as records write it, "nan" and "inf" being strings; None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def taken_apart(chunk: bytes) -> Rows | None:
    """Read whole lines that differ only in their numbers; None when they are not like that.

    The text between the numbers of the first line is looked for in all of them and replaced by one
    byte for each piece. If the lines are alike, nothing but the same bytes over and over is left
    once the numbers are taken out: that proves it for every line, at a fraction of json's cost.
    """
    for string, bare in _STRINGS:
        chunk = chunk.replace(string, bare)
    first = chunk[:chunk.find(b"\n") + 1]
    places = _places(first)
    pieces = _NUMBER.split(first)
    if places is None or len(pieces) != len(places) + 1 or len(set(pieces)) > len(_MARKERS):
        return None
    markers = {piece: bytes([marker]) for piece, marker
               in zip(sorted(set(pieces), key=len, reverse=True), _MARKERS, strict=False)}
    for piece, marker in markers.items():
        chunk = chunk.replace(piece, marker)
    lines = chunk.count(markers[pieces[-1]])
    if chunk.translate(None, _LETTERS) != b"".join(markers[piece] for piece in pieces) * lines:
        return None
    # Where one line ends and the next begins two markers meet: one comma is enough there.
    commas = chunk.translate(_AS_COMMAS).replace(b",,", b",")[1:-1]
    try:
        flat = np.array(json.loads(b"[" + commas + b"]"), dtype=np.float64)
    except (ValueError, OverflowError):
        return None
    if flat.size != lines * len(places):
        return None
    numbers = dict(zip(places, flat.reshape(lines, len(places)).T, strict=True))
    steps = numbers["", "step"]
    if not ((steps >= 0) & (steps < MAX_STEP) & (steps == np.floor(steps))).all():
        return None
    tables = {}
    for kind in TABLES:
        of_kind = {name: row for (table, name), row in numbers.items() if table == kind}
        if of_kind:
            tables[kind] = tuple(of_kind), np.stack(list(of_kind.values()))
    return Rows(steps, numbers.get(("", "seconds"), np.full_like(steps, math.nan)), tables)


def by_shape(lines: list[bytes]) -> list[list[bytes]]:
    """Group lines that probably differ only in their numbers; the order within a group stays."""
    groups: dict[bytes, list[bytes]] = {}
    for line in lines:
        groups.setdefault(line.translate(None, _LETTERS), []).append(line)
    return list(groups.values())


def _places(line: bytes) -> list[tuple[str, str]] | None:
    """List where the numbers of a record stand, in order; None if it holds anything but numbers."""
    record = parsed_line(line)
    if record is None or "event" in record:
        return None
    places: list[tuple[str, str]] = []
    for key, value in record.items():
        table = value if isinstance(value, dict) else {key: value}
        if not all(isinstance(leaf, (int, float)) and not isinstance(leaf, bool)
                   for leaf in table.values()):
            return None
        places += [(key if isinstance(value, dict) else "", name) for name in table]
    return places


def rows_of(records: list[Record]) -> list[Rows]:
    """Gather records that are no events into rows, those of one shape together."""
    alike: dict[tuple[tuple[str, ...], ...], list[tuple[int, float, list[list[float]]]]] = {}
    for record in records:
        found = [_floats(record.get(kind, {})) for kind in TABLES]
        seconds = number(record.get("seconds"))
        point = record["step"], math.nan if seconds is None else seconds, [row for _, row in found]
        alike.setdefault(tuple(names for names, _ in found), []).append(point)
    rows = []
    for names, points in alike.items():
        tables = {kind: (names[place], np.array([point[2][place] for point in points]).T)
                  for place, kind in enumerate(TABLES) if names[place]}
        rows.append(Rows(np.array([float(point[0]) for point in points]),
                         np.array([point[1] for point in points]), tables))
    return rows


def _floats(table: Record) -> tuple[tuple[str, ...], list[float]]:
    """Return the names and numbers of a record's table; what is no number is left out."""
    if all(type(value) is float for value in table.values()):
        return tuple(table), list(table.values())
    found = {name: number(value) for name, value in table.items()}
    kept = {name: value for name, value in found.items() if value is not None}
    return tuple(kept), list(kept.values())
