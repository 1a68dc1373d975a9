"""The scores of all runs as dots, read in a thread, for the pages that show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hybridstudio import paths, runs, standing
from hybridstudio.config import RunConfig
from hybridstudio.runs import Run
from hybridstudio.standing import Board, Dot


@dataclass(frozen=True)
class Standings:
    """Every run that draws, by its path, the dots of all, and the boards that they make.

    `judges` are the runs that classify, which serve as feature networks.
    """

    runs: Mapping[Path, Run] = field(default_factory=dict)
    dots: tuple[Dot, ...] = ()
    boards: tuple[Board, ...] = ()
    judges: Mapping[Path, RunConfig] = field(default_factory=dict)


def read_standings(_request: object) -> Iterator[Standings]:
    """Read them, as an engine of a lane: one Standings."""
    found = [run for folder in (paths.checkpoints(), paths.runs()) for run in runs.listing(folder)
             if run.state != "broken"]
    drawing = {run.path: run for run in found if run.config.model.samplers}
    dots = standing.of_runs(drawing.values())
    judges = {run.path: run.config for run in found if run.config.model.family == "classifier"}
    yield Standings(drawing, tuple(dots), tuple(standing.boards(dots)), judges)
