"""A score as a dot: what was drawn how, how good and various it was, how long a picture took."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from os import cpu_count
from pathlib import Path
from typing import Any, NamedTuple

from hybridstudio import paths, runs
from hybridstudio.config import Knob
from hybridstudio.errors import StudioError
from hybridstudio.runs import Run
from hybridstudio.telling import number

SHARES = ("precision", "recall", "density", "coverage")
FIGURES = ("frechet", "kid", "is", *SHARES)  # scores that are one number each
MAKER = "who ships it"


class Figure(NamedTuple):
    """A score, between what it lies in 95 of 100 drawings, and what real pictures and noise get."""

    value: float
    low: float
    high: float
    floor: float | None = None
    ceiling: float | None = None


class Machine(NamedTuple):
    """Where a speed was measured; `by` is empty for the user's own machines."""

    processor: str
    system: str
    cores: int
    device: str
    threads: int = 0
    by: str = ""

    def told(self) -> str:
        """Tell it in a few words."""
        if not self.cores:  # of a published result
            return self.processor
        by = f", measured by {self.by}" if self.by else ""
        threads = f", {self.threads} thread{'s' if self.threads != 1 else ''}"
        return (f"{self.device}{threads if self.threads else ''}, {self.cores} cores, "
                f"{self.processor} {self.system}{by}")

    @property
    def is_here(self) -> bool:
        """Whether it may be this one, as far as can be told without the device's driver."""
        return not self.by and self[:3] == this_machine()


@lru_cache(maxsize=1)
def this_machine() -> tuple[str, str, int]:
    """Return processor, system and cores of this machine, as every score records them."""
    return platform.processor() or platform.machine(), platform.system(), cpu_count() or 1


class Ground(NamedTuple):
    """What two scores must share to be compared: data, part, features and N."""

    data: str
    data_sha256: str
    split: str
    features: str
    sha256: str
    n: int

    def told(self) -> str:
        """Tell it as a label does: mnist, digits-net c2adf3, N = 5,000, test part."""
        split = f", {self.split} part" if self.split else ""
        return f"{self.data}, {self.features} {self.sha256[:6]}, N = {self.n:,}{split}"


_SHORT = {"eta": "η", "step_size": "step size"}
_NEUTRAL = {"eta": 0.0, "guidance": 1.0}  # which change nothing and need no words


@dataclass(frozen=True)
class Way:
    """How a run was drawn from; None where a setting means nothing to it."""

    run: Path
    sampler: str
    nfe: int
    eta: float | None = None
    guidance: float | None = None
    knobs: tuple[tuple[str, float], ...] = ()
    step: int | None = None
    weights: str = "ema"

    def coordinates(self) -> dict[str, float]:
        """Return the settings that are numbers and may be moved, by their names."""
        told = {"nfe": float(self.nfe), **dict(self.knobs)}
        for name in ("eta", "guidance"):
            if (value := getattr(self, name)) is not None:
                told[name] = float(value)
        return told

    def told(self) -> str:
        """Tell it in a few words: ddim, 20 evaluations, handover 300."""
        words = [self.sampler, f"{self.nfe:,} evaluation{'s' if self.nfe != 1 else ''}"]
        words += [f"{_SHORT.get(name, name)} {number(value)}"
                  for name, value in self.coordinates().items()
                  if name != "nfe" and _NEUTRAL.get(name) != value]
        return ", ".join(word for word in words if word)


@dataclass(frozen=True)
class Dot:
    """One score of one way of drawing; `figures` by the names of FIGURES.

    `source` names who published it, and is empty for what was measured with this program.
    """

    name: str
    family: str
    way: Way
    ground: Ground
    figures: Mapping[str, Figure]
    ms: float | None
    machine: Machine | None
    when: str = ""
    distance_name: str = "Fréchet distance"
    size: int | None = None
    source: str = ""
    record: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def distance(self) -> Figure | None:
        """The Fréchet distance."""
        return self.figures.get("frechet")

    @property
    def variety(self) -> Figure | None:
        """The coverage, or of published results the recall where no coverage is told."""
        return self.figures.get("coverage") or (
            self.figures.get("recall") if self.source else None)

    def cost(self, kind: str) -> float | None:
        """Return "ms" a picture, or "nfe"; None where it is not known."""
        return self.ms if kind == "ms" else (float(self.way.nfe) if self.way.nfe else None)

    def told(self) -> str:
        """Tell everything in lines, as pointing at the dot does."""
        lines = [self.name + (f" ({self.source}; measured elsewhere)" if self.source else ""),
                 self.way.told(), self.ground.told()]
        lines += [f"{_NAMES.get(name, self.distance_name)} {figure_told(figure)}"
                  for name, figure in self.figures.items()]
        if self.ms is not None:
            on = f" on {self.machine.told()}" if self.machine else ""
            lines.append(f"{number(self.ms)} ms per picture{on}")
        if self.way.step is not None:
            lines.append(f"step {self.way.step:,}, "
                         f"{'averaged' if self.way.weights == 'ema' else 'raw'} weights")
        return "\n".join([*lines, self.when.replace("T", " ").partition("+")[0]]).strip()


_NAMES = {"kid": "kernel distance", "is": "Inception score", **{name: name for name in SHARES}}


def name_of(score: str, distance: str = "Fréchet distance") -> str:
    """Return what a score is called in words."""
    return _NAMES.get(score, distance if score == "frechet" else score)


def figure_told(figure: Figure) -> str:
    """Tell a figure with its interval, and what real pictures get."""
    if figure.low >= figure.high and figure.floor is None:
        return f"{figure.value:g}"  # as it was published
    told = number(figure.value)
    if figure.low < figure.high:
        told += f" ({number(figure.low)} to {number(figure.high)})"
    return told + (f", real {number(figure.floor)}" if figure.floor is not None else "")


# --- reading --------------------------------------------------------------------------------------


def of_runs(found: Iterable[Run]) -> list[Dot]:
    """Return the dots of runs, those of one run oldest first; unreadable scores are left out."""
    dots: list[Dot] = []
    for run in found:
        if run.state != "broken" and run.config.model.samplers:
            try:
                dots += of_run(run)
            except StudioError:
                continue
    return dots


def everyone() -> list[Run]:
    """Return all runs that draw pictures: the models that ship and the user's own."""
    return [run for folder in (paths.checkpoints(), paths.runs()) for run in runs.listing(folder)
            if run.state != "broken" and run.config.model.samplers]


def of_run(run: Run) -> list[Dot]:
    """Return the dots of one run, oldest first; raises StudioError where they cannot be read."""
    found = (dot_of(record, run) for record in runs.scores(run.path))
    return [dot for dot in found if dot is not None]


def dot_of(record: Mapping[str, Any], run: Run | None = None) -> Dot | None:
    """Return a record of scores.jsonl as a dot, or None where it lacks what a dot needs.

    Without a run it is of files, which were drawn nobody knows how.
    """
    try:
        features = record["features"]
        ground = Ground(str(record["data"]), str(record.get("data_sha256", "")),
                        str(record.get("split", "")), str(features["name"]),
                        str(features["sha256"]), int(record["n"]))
        figures = {name: figure for name in FIGURES
                   if (figure := figure_of(record["scores"].get(name))) is not None}
        ms = record.get("ms_per_image")
        source = Path(str(record.get("source", "")))
        own = (run.name, run.config.model.family, _way(record, run)) if run is not None else (
            source.name, "", Way(source, "", 0))
        return Dot(*own, ground, figures, None if ms is None else float(ms),
                   _machine(record, run), str(record.get("when", "")),
                   str(record.get("distance", "Fréchet distance")),
                   run.config.data.size if run is not None else None, record=record)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def figure_of(told: Any) -> Figure | None:
    """Return a score as a figure; None where it is none."""
    if not isinstance(told, Mapping) or "low" not in told:
        return None
    floor, ceiling = told.get("floor"), told.get("ceiling")
    return Figure(float(told["value"]), float(told["low"]), float(told["high"]),
                  None if floor is None else float(floor),
                  None if ceiling is None else float(ceiling))


def way_of(run: Run, asked: Mapping[str, Any]) -> Way:
    """Return how a run is drawn when so much is asked; its own settings fill in the rest."""
    config = run.config
    model, sample = config.model, config.sample
    sampler = asked.get("sampler") or config.sampler

    def said(name: str, means_something: bool) -> float | None:
        value = asked.get(name)
        return (getattr(sample, name) if value is None else value) if means_something else None

    said_knobs = asked.get("knobs") or {}
    return Way(run.path, sampler, int(asked.get("nfe") or config.nfe),
               said("eta", sampler == "ddim" and "ddim" in model.samplers),
               said("guidance", model.guided and model.learns_labels),
               tuple(sorted((knob.name, float(said_knobs.get(knob.name, knob.default)))
                            for knob in knobs(run))),
               asked.get("step"), asked.get("weights") or "ema")


def knobs(run: Run) -> tuple[Knob, ...]:
    """Return the knobs that change what is drawn; what is shown beside, or needs more, does not."""
    return tuple(knob for knob in run.config.model.knobs()
                 if knob.name != "compare" and not knob.needs)


def _way(record: Mapping[str, Any], run: Run) -> Way:
    asked = {**(record.get("request") or {}), "step": record.get("step")}
    for name in ("sampler", "nfe", "weights"):
        asked[name] = record.get(name) or asked.get(name)
    return way_of(run, asked)


def _machine(record: Mapping[str, Any], run: Run | None) -> Machine | None:
    told = record.get("machine")
    if not isinstance(told, Mapping):
        return None
    by = MAKER if run is not None and run.shipped and "model" not in record else ""
    return Machine(str(told.get("processor", "")), str(told.get("system", "")),
                   int(told.get("cores", 0)), str(told.get("device", "")),
                   int(told.get("threads", 0)), by)
