"""The scores of a run, scores.jsonl: one record a line, with all that is needed to repeat it.

A model that ships is never written to. What a user scores of it, and of folders and arrays, lies in
a scores.jsonl beside the user's runs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hybridstudio import paths
from hybridstudio.errors import translate
from hybridstudio.runs.disk import replace_durably

MAX_BYTES = 64_000_000  # of the newest records that are read
MAX_BEST = 10_000  # bytes


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


def keep_score(run: Path | None, record: Mapping[str, Any]) -> None:
    """Keep a score with its run; where that ships, or there is none, among the user's own scores.

    Raises StudioError where it cannot be written.
    """
    if run is not None and not _ships(run):
        record_score(run, record)
        return
    try:
        paths.runs().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise translate(error) from error
    record_score(paths.runs(), {"model": None if run is None else run.name, **record})


def record_best(path: Path, step: int, distance: float) -> None:
    """Tell which checkpoint of a run is its best, and its Fréchet distance; raises StudioError."""
    try:
        replace_durably(path / "best.json",
                        json.dumps({"step": step, "frechet": distance}).encode() + b"\n")
    except OSError as error:
        raise translate(error) from error


def best(path: Path) -> int | None:
    """Return the training step of a run's best checkpoint, None where none is known."""
    try:
        with (path / "best.json").open("rb") as file:
            step = json.loads(file.read(MAX_BEST))["step"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None
    return step if isinstance(step, int) else None


def scores(path: Path) -> list[dict[str, Any]]:
    """Return the records of a run's scores, oldest first; lines that are no record are left out.

    Those that a user measured of a model that ships follow what it came with.
    """
    found = _records(path)
    if _ships(path):
        found += [record for record in _records(paths.runs()) if record.get("model") == path.name]
    return found


def loose_scores() -> list[dict[str, Any]]:
    """Return the records of what was scored and is no run: folders, archives, arrays."""
    return [record for record in _records(paths.runs()) if record.get("model") is None]


def _ships(run: Path) -> bool:
    return run.resolve().is_relative_to(paths.checkpoints().resolve())


def _records(path: Path) -> list[dict[str, Any]]:
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
