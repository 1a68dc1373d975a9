"""Asking and telling of many at once: sweeps of scores, the same seeds of several runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hybridstudio.messages.requests import Score
from hybridstudio.messages.words import Device, Images, Weights


@dataclass(frozen=True)
class Sweep:
    """Score in several ways, one after the other; each is told as its `Scored` when it is done.

    `Scored.place` says which of them it is. One that fails is told as a Notice, and the others go
    on. What a run's scores hold already, measured alike on this machine, is told from there unless
    `again` is set.
    """

    scores: tuple[Score, ...]
    again: bool = False


@dataclass(frozen=True)
class Repeat:
    """Score again as a record of scores.jsonl says, and tell whether the number came out the same.

    `source` is where the run, the folder or the file lies now. Told as one `Scored`, which is not
    kept; Done's result holds the comparison as `repeat`.
    """

    source: Path
    record: Mapping[str, Any]


@dataclass(frozen=True)
class Sheets:
    """Draw the same seeds from several runs; told as one `Sheet` for each, in their order."""

    runs: tuple[Path, ...]
    count: int = 16
    seed: int = 0
    weights: Weights = "ema"
    device: Device = "auto"


@dataclass(frozen=True)
class Sheet:
    """What a run drew from the common seeds, in how long and how many evaluations."""

    run: Path
    images: Images
    ms_per_image: float
    nfe: int
