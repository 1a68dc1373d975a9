"""Runs on the disk and lines of their metrics, for tests of what reads and writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hybridstudio import runs
from hybridstudio.config import RunConfig
from hybridstudio.runs import MetricsReader

HERE = Path(__file__).parents[1]


def new_run(folder: Path) -> Path:
    """Make a run that has not begun."""
    path = folder / "a run"
    runs.create(path, RunConfig())
    return path


def record(step: int, **values: Any) -> str:
    """Return the line that a training writes at a step."""
    return json.dumps({"step": step, "seconds": step / 10, "values": values or {"loss": 1 / step},
                       "rates": {"lr": 0.5}})


def write(run: Path, *lines: str, how: str = "a") -> None:
    """Write lines to a run's metrics."""
    with (run / "metrics.jsonl").open(how) as file:
        file.writelines(line + "\n" for line in lines)


def curve(reader: MetricsReader, name: str = "loss") -> dict[int, float]:
    """Return the values of a curve by their steps."""
    series = reader.series()[name]
    return dict(zip(series.steps.tolist(), series.values.tolist(), strict=True))
