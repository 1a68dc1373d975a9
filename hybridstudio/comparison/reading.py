"""Reading runs to compare them: whatever is missing or broken is told, and never ends the rest."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hybridstudio import runs
from hybridstudio.config import RunConfig
from hybridstudio.errors import StudioError, translate
from hybridstudio.runs import Run, Series

MOST = 6  # runs beside each other: as many as there are colours that are told apart
MAX_HEADER = 2_000_000  # bytes of a safetensors header


@dataclass(frozen=True)
class Subject:
    """One run as it is compared; `name` is unlike that of the others, `colour` its place in a row.

    `records` are those of its scores.jsonl, oldest first, `parameters` counts by network, `size`
    the bytes of its newest checkpoint, `device` what it was trained on as far as that was recorded.
    One that cannot be read says why in `problem`, and its config stands for nothing.
    """

    run: Run
    name: str
    colour: int
    curves: Mapping[str, Series] = field(default_factory=dict)
    records: tuple[dict[str, Any], ...] = ()
    parameters: Mapping[str, int] = field(default_factory=dict)
    size: int = 0
    device: str = ""
    problem: str = ""

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.run.path

    @property
    def config(self) -> RunConfig:
        """Its config, with what the family settles itself filled in."""
        return self.run.config.settled()

    @property
    def is_sound(self) -> bool:
        """Whether it could be read."""
        return self.run.state != "broken"

    @property
    def draws(self) -> bool:
        """Whether there is something to draw pictures with."""
        return self.is_sound and bool(self.config.model.samplers and self.run.checkpoints)


@dataclass(frozen=True)
class Comparison:
    """Runs in the order in which they were named, each at most once."""

    subjects: tuple[Subject, ...]

    @property
    def sound(self) -> tuple[Subject, ...]:
        """Those that could be read."""
        return tuple(subject for subject in self.subjects if subject.is_sound)


class Reader:
    """Reads runs, as often as wanted: of curves that grow only what is new is read."""

    def __init__(self) -> None:
        self._readers: dict[Path, runs.MetricsReader] = {}

    def read(self, paths: Iterable[Path]) -> Comparison:
        """Read the runs in these folders; raises nothing for what is missing in them."""
        wanted = list(dict.fromkeys(Path(path).expanduser().absolute() for path in paths))
        self._readers = {path: reader for path, reader in self._readers.items() if path in wanted}
        names = _told_apart(wanted)
        return Comparison(tuple(self._subject(path, name, place) for place, (path, name)
                                in enumerate(zip(wanted, names, strict=True))))

    def _subject(self, path: Path, name: str, place: int) -> Subject:
        try:
            run = runs.read(path)
        except (StudioError, OSError) as error:
            told = translate(error)
            why = f"{told.what}: {told.why}" if told.why else told.what
            run = Run(path, RunConfig(), path.name, "broken", problem=why)
            return Subject(run, name, place % MOST, problem=why)
        reader = self._readers.setdefault(path, runs.MetricsReader(path))
        reader.poll()
        problem, records = "", []
        try:
            records = runs.scores(path)
        except StudioError as error:
            problem = f"its scores cannot be read: {error.why or error.what}"
        if reader.bad_lines:
            problem = problem or f"{reader.bad_lines:,} lines of its curves cannot be read"
        counts, size = _networks(run)
        return Subject(run, name, place % MOST, reader.series() | reader.series("rates"),
                       tuple(records), counts, size, _device(run, reader), problem)


def _told_apart(paths: Sequence[Path]) -> list[str]:
    """Return a name for each: the folder's, with those above it where several are called alike."""
    depth = {path: 1 for path in paths}
    while True:
        names = ["/".join(path.parts[-depth[path]:]) for path in paths]
        alike = [path for path, name in zip(paths, names, strict=True)
                 if names.count(name) > 1 and depth[path] < len(path.parts)]
        if not alike:
            return names
        for path in alike:
            depth[path] += 1


def _device(run: Run, reader: runs.MetricsReader) -> str:
    """Tell what a run was trained on: its card knows, or the events of its training."""
    machine = (run.card or {}).get("machine")
    if isinstance(machine, dict):
        cores = machine.get("cores")
        told = str(machine.get("device", "")) or "?"
        return f"{told}, {cores} cores" if cores else told
    for event in reversed(reader.events):
        if isinstance(event.get("device"), str):
            return str(event["device"])
    return ""


def _networks(run: Run) -> tuple[dict[str, int], int]:
    """Count the parameters of each network and the bytes of the newest checkpoint."""
    counts: dict[str, int] = {}
    size = 0
    if run.checkpoints:
        folder = runs.checkpoint_path(run.path, run.checkpoints[-1])
        try:
            size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
            for stem in ("ema", "model"):
                counts |= _counted(folder / f"{stem}.safetensors")
        except OSError:
            pass  # pruned under us: a training goes on
    told = (run.card or {}).get("parameters")
    if isinstance(told, dict):
        counts = {str(name): count for name, count in told.items() if isinstance(count, int)}
    return counts, size


def _counted(file: Path) -> dict[str, int]:
    """Count the numbers of each network in a safetensors file by its header alone."""
    counts: dict[str, int] = {}
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            header = json.loads(opened.read(length)) if length <= MAX_HEADER else {}
        for name, tensor in header.items():
            if name != "__metadata__" and str(tensor["dtype"]).startswith(("F", "BF")):
                network = name.partition(".")[0]
                counts[network] = counts.get(network, 0) + math.prod(tensor["shape"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return counts
