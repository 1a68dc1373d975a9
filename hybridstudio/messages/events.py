"""What the engine tells while it trains, draws, looks and scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from hybridstudio.messages.words import Images, Points


class Statistics(NamedTuple):
    """What the values of a row of pictures are like."""

    mean: float
    std: float
    least: float
    most: float


@dataclass(frozen=True)
class Started:
    """The work begins: what it is, its run, the device (empty: no matter), the networks' sizes."""

    what: str
    run: Path | None = None
    device: str = ""
    parameters: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """`step` of `total` (None: unknown) is done; `values` are the newest losses.

    `rate` is units a second, `left` seconds to go, `memory` bytes in use by the process or GPU.
    """

    step: int
    total: int | None
    unit: str = "steps"
    values: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    rate: float = 0.0
    left: float | None = None
    memory: int = 0


@dataclass(frozen=True)
class Preview:
    """Pictures from the fixed preview noise at training step `step`."""

    step: int
    images: Images


@dataclass(frozen=True)
class Frame:
    """One moment of drawing: `step` of `steps`, at noise level `t` (0 is clean).

    x_t, the predicted x_0 and noise (None where a family has none) are each (N, H, W, C). `nfe`
    counts network evaluations so far, `seconds` the time since drawing began. `noise` is the
    standard deviation √(1 - ᾱ_t) and `log_snr` = log(ᾱ_t / (1 - ᾱ_t)) at this frame. `extra` holds
    more pictures of the moment by the name they are shown under, `points` the points (N, 2) of a
    cloud by x_t, x0 and eps. `statistics` are mean, standard deviation, least and most by x_t, x0
    and eps, in units of [-1, 1].
    """

    step: int
    steps: int
    t: float
    x_t: Images
    x0: Images | None = None
    eps: Images | None = None
    nfe: int = 0
    seconds: float = 0.0
    noise: float = 0.0
    log_snr: float = 0.0
    extra: Mapping[str, Images] = field(default_factory=dict)
    points: Mapping[str, Points] = field(default_factory=dict)
    statistics: Mapping[str, Statistics] = field(default_factory=dict)


@dataclass(frozen=True)
class Browsed:
    """A data set opened: some pictures with their places and labels, counts, what was skipped.

    `skipped` holds (name, why) pairs, the first thousand; `skipped_count` says how many in all.
    `points` are those of a data set of points, and `images` then one picture of their cloud;
    `density` float32 (S, S) is how densely they lie, as in `hybridstudio.density`, and `is_exact`
    whether that follows from how they are made rather than from the points.
    """

    name: str
    total: int
    images: Images
    indices: tuple[int, ...]
    labels: tuple[int, ...]
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    skipped_count: int = 0
    points: Points | None = None
    density: npt.NDArray[np.float32] | None = None
    is_exact: bool = False


@dataclass(frozen=True)
class Probed:
    """What training would cost: seconds a step, bytes of memory, seconds for the whole."""

    seconds_per_step: float
    memory: int
    seconds: float
    parameters: Mapping[str, int]


@dataclass(frozen=True)
class Scored:
    """What pictures scored, by the name of the score, and what every one of the numbers carries.

    A score holds `value`, `low` and `high` (95 of 100 drawings lie between), `floor` (what as many
    of the data's own pictures get) and `ceiling` (what noise gets); `classes`, `modes` and
    `memory` hold more. `label` names feature network and N, `distance` what the Fréchet distance
    is called in these features; `step` is the training step of what was drawn from, `place` which
    one it is of those that were asked for together.
    """

    scores: Mapping[str, Mapping[str, Any]]
    label: str
    distance: str
    run: Path | None = None
    step: int | None = None
    place: int | None = None


@dataclass(frozen=True)
class Saved:
    """A checkpoint of training step `step` lies complete and verified-writable at `path`."""

    step: int
    path: Path


@dataclass(frozen=True)
class Notice:
    """Something a user should know that does not end the work: what, why, how to mend it.

    `run` is the one that it is about, where the work is with several.
    """

    what: str
    why: str = ""
    fix: str = ""
    level: Literal["info", "warning", "error"] = "info"
    step: int | None = None
    run: Path | None = None


@dataclass(frozen=True)
class Done:
    """The work ended: `finished`, `budget` used up, or `stopped`; `result` as --json prints it.

    `images` are the pictures that were drawn, where the work was drawing, `points` the points.
    """

    outcome: Literal["finished", "budget", "stopped"]
    result: Mapping[str, Any] = field(default_factory=dict)
    images: Images | None = None
    points: Points | None = None
