"""The run folder itself: making it, reading it, finding it by its name."""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from hybridstudio import config as configs
from hybridstudio import paths
from hybridstudio.config import RunConfig
from hybridstudio.errors import ConfigError, Problem, StudioError, UsageError, translate
from hybridstudio.messages import Step
from hybridstudio.runs.disk import replace_durably
from hybridstudio.runs.locking import holder
from hybridstudio.runs.records import Record, is_step, last_records, metrics_file, number
from hybridstudio.runs.scores import best

State = Literal["training", "finished", "stopped", "interrupted", "ready", "broken"]
MAX_CARD = 1_000_000  # bytes
_DEPTH = 3  # how far below a folder its runs are looked for
_STEP = re.compile(r"step-(\d{8}|[1-9]\d{8,14})")


@dataclass(frozen=True)
class Run:
    """A run as it lies on the disk: `name` is the folder's, `step` how far it has been trained.

    `seconds` is the time of training, `changed` when it was last written (seconds since 1970).
    `best` is the checkpoint whose Fréchet distance was smallest in training, if it was scored.
    `shipped` models come with the program; `card` is what they, or an export, recorded about
    themselves. A run that cannot be read has state "broken", its `problem` says why, and its config
    stands for nothing.
    """

    path: Path
    config: RunConfig
    name: str
    state: State
    step: int = 0
    seconds: float = 0.0
    checkpoints: tuple[int, ...] = ()
    shipped: bool = False
    card: dict[str, Any] | None = None
    changed: float = 0.0
    problem: str = ""
    best: int | None = None


# --- making ---------------------------------------------------------------------------------------


def create(path: Path, config: RunConfig) -> None:
    """Make a run's folder with its run.toml.

    Raises UsageError when it holds a run already, StudioError when it cannot be written.
    """
    if (path / "run.toml").exists():
        raise UsageError(f"There is a run at {path} already", "it would be overwritten",
                         f"choose another folder, or go on with it: hybridstudio resume {path}")
    try:
        path.mkdir(parents=True, exist_ok=True)
        replace_durably(path / "run.toml", configs.dumps(config).encode())
    except OSError as error:
        raise translate(error) from error


def rewrite(path: Path, config: RunConfig) -> None:
    """Replace the config of a run that the caller has locked; raises StudioError."""
    try:
        replace_durably(path / "run.toml", configs.dumps(config).encode())
    except OSError as error:
        raise translate(error) from error


def new_path(name: str) -> Path:
    """Return a free folder for a run of this name among the user's: name, name-2, name-3 ..."""
    # No character that a file system or a shell trips over; short enough with the number added.
    base = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*\s]+', "-", name).strip("-. ")
    base = base.encode()[:200].decode(errors="ignore") or "run"
    folder = paths.runs() / base
    number = 2
    while os.path.lexists(folder):
        folder = paths.runs() / f"{base}-{number}"
        number += 1
    return folder


# --- its parts ------------------------------------------------------------------------------------


def checkpoint_path(run: Path, step: int) -> Path:
    """Return the folder of the checkpoint of a training step, whether it exists or not."""
    return run / "checkpoints" / f"step-{step:08d}"


def checkpoint_steps(run: Path) -> list[int]:
    """Return the steps of which there are finished checkpoints, growing; unchecked so far."""
    return [step for step, folder in numbered(run / "checkpoints")
            if (folder / "manifest.json").is_file()]


def preview_path(run: Path, step: int) -> Path:
    """Return the picture of the preview at a training step, whether it exists or not."""
    return run / "previews" / f"step-{step:08d}.png"


def previews(run: Path) -> list[tuple[int, Path]]:
    """Return the previews of a run as (step, picture), steps growing."""
    return numbered(run / "previews", ".png")


def numbered(folder: Path, suffix: str = "") -> list[tuple[int, Path]]:
    """Return what is called step-00000500 (and a suffix) in a folder as (step, path), growing."""
    found = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _STEP.fullmatch(entry.name.removesuffix(suffix))
            if match and entry.name.endswith(suffix):
                found.append((int(match[1]), folder / entry.name))
    return sorted(found)


# --- reading --------------------------------------------------------------------------------------


def read(path: Path) -> Run:
    """Read a run as it stands; needs no lock and changes nothing.

    Raises StudioError when there is no run, ConfigError when its run.toml is faulty.
    """
    path = Path(path).expanduser().absolute()
    file = path / "run.toml"
    if not os.path.isfile(file):
        raise StudioError(f"There is no run at {path}", "it has no file run.toml",
                          "check the path; hybridstudio runs lists what there is")
    try:
        status = file.stat()
        config = _config(file, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise translate(error) from error
    shipped = _is_shipped(path)
    card = _card(path / "card.json")
    checkpoints = tuple(checkpoint_steps(path))
    top = best(path)
    records = last_records(path)
    # The newest of the metrics knows best; a model that ships has only its card.
    recorded = card or {}
    steps = [max(checkpoints, default=0), recorded.get("steps"),
             *(record.get("step") for record in records)]
    seconds = [0.0, recorded.get("seconds"), *(record.get("seconds") for record in records)]
    return Run(
        path, config, path.name, _state(path, shipped, records),
        [int(step) for step in steps if step is not None and is_step(step)][-1],
        [second for second in map(number, seconds) if second is not None][-1],
        checkpoints, shipped, card, max(status.st_mtime, _written(metrics_file(path))),
        best=top if top in checkpoints else None)


def step_of(run: Run, step: Step) -> int | None:
    """Return which checkpoint is meant; raises UsageError where "best" is not known."""
    if step != "best":
        return step
    if run.best is None:
        raise UsageError(f"{run.name} has no best checkpoint", "it was not scored while it trained",
                         "name a training step, or train with train.score_every above 0")
    return run.best


def listing(folder: Path) -> list[Run]:
    """Read all runs below a folder, newest first; a broken one tells its problem, none raises."""
    found = []
    for path in _run_folders(Path(folder).expanduser().absolute(), _DEPTH):
        try:
            found.append(read(path))
        except StudioError as error:
            found.append(Run(path, RunConfig(), path.name, "broken", shipped=_is_shipped(path),
                             changed=_written(path / "run.toml"), problem=str(error)))
    return sorted(found, key=lambda run: (-run.changed, run.name))


def find(name_or_path: str | Path) -> Path:
    """Return the folder of a run given by its path, or by its name among the user's or shipped.

    Raises UsageError with the nearest name when there is none.
    """
    text = str(name_or_path).strip()
    folders = [Path(os.path.expanduser(text))]
    if not folders[0].is_absolute():
        folders += [paths.runs() / text, paths.checkpoints() / text]
    for folder in folders if text else []:
        folder = folder.parent if folder.name == "run.toml" else folder
        # Unlike Path's, os.path's questions have an answer for any text that somebody types.
        if os.path.isfile(folder / "run.toml"):
            return folder.absolute()
    known = [path.name for root in (paths.runs(), paths.checkpoints())
             for path in _run_folders(root, 1)]
    near = difflib.get_close_matches(Path(text).name, known, n=1, cutoff=0.5)
    why = "the folder holds no run.toml" if text and os.path.isdir(folders[0]) else (
        "it is neither a folder nor the name of a run or of a model that ships")
    raise UsageError(f"There is no run {text or 'without a name'}", why,
                     f"did you mean {near[0]}?" if near else "hybridstudio runs lists them")


@lru_cache(maxsize=4096)
def _config(file: Path, changed_ns: int, size: int) -> RunConfig:
    """Read a run.toml; one that has not changed since is not parsed again."""
    text = configs.read_text(file)
    try:
        values = tomllib.loads(text)  # ten times as fast as tomlkit
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError([Problem("TOML", str(error))], str(file)) from None
    return configs.parse(values, str(file))


def _state(path: Path, shipped: bool, records: list[Record]) -> State:
    if shipped:
        return "ready"
    if holder(path) is not None:
        return "training"
    told = [record for record in records if record.get("event") != "notice"]
    if not told:
        return "stopped"  # made, but never trained
    if told[-1].get("event") != "done":
        return "interrupted"
    return "stopped" if told[-1].get("outcome") == "stopped" else "finished"


def _is_shipped(path: Path) -> bool:
    return path.resolve().is_relative_to(paths.checkpoints().resolve())


def _card(file: Path) -> dict[str, Any] | None:
    try:
        if not os.path.isfile(file):
            return None
        with file.open("rb") as opened:
            raw = opened.read(MAX_CARD + 1)
        card = json.loads(raw) if len(raw) <= MAX_CARD else None
    except (OSError, ValueError, RecursionError):
        return None
    return card if isinstance(card, dict) else None


def _written(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _run_folders(folder: Path, depth: int) -> Iterator[Path]:
    """Walk down to folders with a run.toml; links are followed, which the depth keeps finite."""
    try:
        with os.scandir(folder) as entries:
            below = sorted(entry.name for entry in entries
                           if not entry.name.startswith(".") and os.path.isdir(entry.path))
    except OSError:
        return
    for name in below:
        path = folder / name
        if os.path.lexists(path / "run.toml"):
            yield path
        elif depth > 1:
            yield from _run_folders(path, depth - 1)
