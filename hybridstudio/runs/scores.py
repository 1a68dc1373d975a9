"""The scores of a run, scores.jsonl: one record a line, with all that is needed to repeat it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hybridstudio.errors import translate

MAX_BYTES = 64_000_000  # of the newest records that are read


def scores_file(path: Path) -> Path:
    """Return the scores.jsonl of a run's folder."""
    return path / "scores.jsonl"


def record_score(path: Path, record: Mapping[str, Any]) -> None:
    """Append a record to a run's scores in one write; raises StudioError where it cannot be."""
    line = json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    try:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        descriptor = os.open(scores_file(path), flags, 0o644)
        try:
            size = os.lseek(descriptor, 0, os.SEEK_END)
            if size:
                os.lseek(descriptor, size - 1, os.SEEK_SET)
                if os.read(descriptor, 1) != b"\n":
                    line = b"\n" + line  # a killed process left half a line: end it
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise translate(error) from error


def scores(path: Path) -> list[dict[str, Any]]:
    """Return the records of a run's scores, oldest first; lines that are no record are left out."""
    try:
        with scores_file(path).open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - MAX_BYTES))
            lines = file.read(MAX_BYTES).split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise translate(error) from error
    found = []
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and isinstance(record.get("scores"), dict):
            found.append(record)
    return found
