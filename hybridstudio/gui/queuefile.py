"""The queue of trainings on the disk, so that it is there again after the window was closed. No Qt.

    [[training]]
    out = "/home/me/runs/digits-lr0.0002"
    state = "waiting"                       waiting, training, done or failed
    reason = ""                             why it failed
    device = "auto"
    [training.config]                       as in run.toml
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import tomlkit

from hybridstudio import config as configs
from hybridstudio import paths, runs
from hybridstudio.errors import StudioError
from hybridstudio.messages import Device, Resume, Train
from hybridstudio.runs.disk import replace_durably

State = Literal["waiting", "training", "done", "failed"]
MAX_BYTES = 16_000_000


@dataclass(frozen=True)
class Queued:
    """One training that waits, or what became of it; `reason` says why it failed or stopped."""

    request: Train
    state: State = "waiting"
    reason: str = ""

    @property
    def name(self) -> str:
        """What it is called: its folder's name."""
        return self.request.out.name

    def asks(self) -> Train | Resume:
        """Return what is to be asked for: to go on, where something of it is saved already."""
        request = self.request
        if (request.out / "run.toml").is_file() and runs.checkpoint_steps(request.out):
            return Resume(request.out, request.steps, request.budget, request.device,
                          request.data_root)
        return request


def file() -> Path:
    """Return where the queue lies: beside the runs that it makes."""
    return paths.runs() / "queue.toml"


def write(items: Sequence[Queued]) -> None:
    """Write the queue; an empty one leaves no file. Raises OSError."""
    place = file()
    if not items:
        place.unlink(missing_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    replace_durably(place, tomlkit.dumps({"training": [_table(item) for item in items]}).encode())


def read() -> list[Queued]:
    """Return the queue as it was left; what cannot be read of it is left out.

    One that was training when the window went waits again.
    """
    try:
        with file().open("rb") as opened:
            values = tomllib.loads(opened.read(MAX_BYTES).decode())
    except (OSError, ValueError, RecursionError):
        return []
    tables = values.get("training")
    found = [item for table in (tables if isinstance(tables, list) else [])
             if (item := _item(table)) is not None]
    return [replace(item, state="waiting", reason="The window was closed") if
            item.state == "training" else item for item in found]


def _table(item: Queued) -> dict[str, Any]:
    request = item.request
    optional = {"steps": request.steps, "budget": request.budget,
                "data_root": None if request.data_root is None else str(request.data_root)}
    return {"out": str(request.out), "state": item.state, "reason": item.reason,
            "device": request.device,
            **{name: value for name, value in optional.items() if value is not None},
            "config": request.config.model_dump(mode="json", exclude_none=True)}


def _item(table: Any) -> Queued | None:
    try:
        root = table.get("data_root")
        device = table.get("device")
        request = Train(configs.parse(table["config"], "the queue"), Path(table["out"]),
                        table.get("steps"), table.get("budget"),
                        device if device in get_args(Device) else "auto",
                        None if root is None else Path(root))
        state = table.get("state")
        return Queued(request, state if state in get_args(State) else "waiting",
                      str(table.get("reason", "")))
    except (StudioError, AttributeError, KeyError, TypeError):
        return None
