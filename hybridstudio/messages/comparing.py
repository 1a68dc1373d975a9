"""Asking and telling of many at once: sweeps of scores, the same seeds of several runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hybridstudio.messages.requests import Score
from hybridstudio.messages.words import Device, Images, Weights


@dataclass(frozen=True)
class Sweep:
    """Score in several ways, one after the other; each is told as its `Scored` when it is done."""

    scores: tuple[Score, ...]


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
