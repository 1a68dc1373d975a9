"""The scores of all runs as dots, read in a thread, for the pages that show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hybridstudio import standing
from hybridstudio.runs import Run
from hybridstudio.standing import Board, Dot


@dataclass(frozen=True)
class Standings:
    """Every run that draws, by its path, the dots of all, and the boards that they make."""

    runs: Mapping[Path, Run] = field(default_factory=dict)
    dots: tuple[Dot, ...] = ()
    boards: tuple[Board, ...] = ()


def read_standings(_request: object) -> Iterator[Standings]:
    """Read them, as an engine of a lane: one Standings."""
    runs = standing.everyone()
    dots = standing.of_runs(runs)
    yield Standings({run.path: run for run in runs}, tuple(dots), tuple(standing.boards(dots)))
