"""Runs with checkpoints of three small parts, for tests of saving and loading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from hybridstudio.engine.checkpoints import Checkpoint, newest, save
from hybridstudio.messages import Notice


def parts(value: float = 1.0) -> dict[str, dict[str, torch.Tensor]]:
    """Return small tensors of three parts, which depend on the value."""
    weight = torch.full((3, 2), value)
    return {"model": {"w": weight, "b": torch.arange(3) * int(value)},
            "ema": {"w": weight * 0.5},
            "streams": {"noise": torch.arange(7, dtype=torch.uint8)}}


def opened(run: Path, **options: Any) -> tuple[Checkpoint | None, list[Notice]]:
    """Return the newest sound checkpoint of a run, and what was told on the way."""
    notices: list[Notice] = []
    events = newest(run, **options)
    while True:
        try:
            notices.append(next(events))
        except StopIteration as end:
            return end.value, notices


def strays(run: Path) -> list[str]:
    """List what saving left behind beside the checkpoints."""
    folder = run / "checkpoints"
    return [entry.name for entry in folder.iterdir()
            if entry.name.startswith(".")] if folder.is_dir() else []


def assert_holds(kept: Checkpoint | None, step: int) -> None:
    """Fail unless a checkpoint holds what `saved` puts at a step."""
    assert kept is not None
    assert kept.step == step
    assert kept.state == {"seconds": step / 10}
    for stem, tensors in parts(step).items():
        assert kept.tensors[stem].keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert torch.equal(kept.tensors[stem][name], tensor)


def saved(run: Path, *steps: int, keep: int = 10) -> None:
    """Save checkpoints of these steps."""
    for step in steps:
        save(run, step, parts(step), {"seconds": step / 10}, keep)
