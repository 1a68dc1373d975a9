"""What is asked of the engine and what it tells: frozen records of numbers and uint8 arrays.

Requests go in through `engine.run(request)`, events come out of it. Neither knows torch or Qt, so
that the command line, the window and the tests speak with the engine in the same words.
Pictures are uint8 arrays of shape (N, H, W, C) with C = 1 (grey) or 3 (RGB). Points of the plane
are shown as one picture of their cloud, with the points themselves beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hybridstudio.config import DataConfig, RunConfig

Images = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float32]  # of the plane, (N, 2), about -1 to 1
Device = Literal["auto", "cpu", "cuda", "mps"]
Weights = Literal["ema", "raw"]

# --- requests -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Train:
    """Train `config` from scratch into the new folder `out`.

    It ends after `steps` (default: the config's), or after `budget` seconds of training.
    """

    config: RunConfig
    out: Path
    steps: int | None = None
    budget: float | None = None
    device: Device = "auto"
    data_root: Path | None = None


@dataclass(frozen=True)
class Resume:
    """Go on with the run in folder `run` from its newest valid checkpoint."""

    run: Path
    steps: int | None = None
    budget: float | None = None
    device: Device = "auto"
    data_root: Path | None = None


@dataclass(frozen=True)
class Draw:
    """Draw `count` pictures from a run or a shipped model; None takes the run's own setting.

    `label` is a class index, or None for any. `step` picks a checkpoint by its training step,
    None the newest. `image` (H, W, C) uint8 is noised to timestep `from_step` and denoised from
    there; where `mask` (H, W) is true it is known and stays, and the rest is drawn to go with it.
    `knobs` sets what the run's family offers besides. `frames` asks for every step on the way;
    without it only the end is told. A run that is training in this process is drawn from as it
    stands now.
    """

    run: Path
    count: int = 16
    sampler: str | None = None
    nfe: int | None = None
    eta: float | None = None
    guidance: float | None = None
    seed: int = 0
    label: int | None = None
    weights: Weights = "ema"
    step: int | None = None
    image: Images | None = None
    from_step: int | None = None
    knobs: Mapping[str, float] = field(default_factory=dict)
    frames: bool = True
    batch: int = 256
    device: Device = "auto"
    mask: Mask | None = None


@dataclass(frozen=True)
class Browse:
    """Open a data set and show up to `count` of its pictures; told as one `Browsed`.

    Points are not leafed through: up to 20,000 are shown, evenly spread over the whole.
    """

    data: DataConfig
    count: int = 64
    offset: int = 0
    label: int | None = None
    data_root: Path | None = None


@dataclass(frozen=True)
class Noise:
    """Noise pictures of a data set under a config's schedule; told as `Frame`s, t growing.

    `indices` are places in the data set, `levels` how many timesteps between 0 and T to show.
    """

    config: RunConfig
    indices: tuple[int, ...]
    levels: int = 11
    seed: int = 0
    data_root: Path | None = None


@dataclass(frozen=True)
class Augment:
    """Augment pictures of a data set as a discriminator sees them; told as `Frame`s.

    `policies` are names of nets.augment.POLICIES. The frames' t is the probability of each
    transform, from 0 to 1 in `levels` steps; the same dice are thrown at every step.
    """

    data: DataConfig
    indices: tuple[int, ...]
    policies: tuple[str, ...]
    levels: int = 11
    seed: int = 0
    data_root: Path | None = None


@dataclass(frozen=True)
class Probe:
    """Estimate time and memory of training `config` from a few steps; told as one `Probed`."""

    config: RunConfig
    device: Device = "auto"
    data_root: Path | None = None


@dataclass(frozen=True)
class Score:
    """Score `count` pictures of a run, a folder, an archive or a .npy file against a data set.

    None takes the usual: the run's own data, the features that fit the data, every metric that
    applies (memory only where it is named), the data's test part (with Inception the training
    part, as papers do), and the run's own sampler. Of `features` there are those of
    `scores.features.FEATURES`, and run:PATH for a classifier of the user's. `metrics` are of fid,
    kid, prdc, is, classes, modes and memory. Told as one `Scored`; a run also keeps it.
    """

    source: Path
    data: str | None = None
    count: int = 5000
    features: str | None = None
    metrics: tuple[str, ...] | None = None
    split: Literal["train", "test", "all"] | None = None
    sampler: str | None = None
    nfe: int | None = None
    eta: float | None = None
    guidance: float | None = None
    knobs: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    weights: Weights = "ema"
    step: int | None = None
    batch: int = 256
    device: Device = "auto"
    data_root: Path | None = None


Request = Train | Resume | Draw | Browse | Noise | Augment | Probe | Score

# --- events ---------------------------------------------------------------------------------------


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
    cloud by x_t, x0 and eps.
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


@dataclass(frozen=True)
class Browsed:
    """A data set opened: some pictures with their places and labels, counts, what was skipped.

    `skipped` holds (name, why) pairs, the first thousand; `skipped_count` says how many in all.
    `points` are those of a data set of points, and `images` then one picture of their cloud.
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
    is called in these features; `step` is the training step of what was drawn from.
    """

    scores: Mapping[str, Mapping[str, Any]]
    label: str
    distance: str
    run: Path | None = None
    step: int | None = None


@dataclass(frozen=True)
class Saved:
    """A checkpoint of training step `step` lies complete and verified-writable at `path`."""

    step: int
    path: Path


@dataclass(frozen=True)
class Notice:
    """Something a user should know that does not end the work: what, why, how to mend it."""

    what: str
    why: str = ""
    fix: str = ""
    level: Literal["info", "warning", "error"] = "info"
    step: int | None = None


@dataclass(frozen=True)
class Done:
    """The work ended: `finished`, `budget` used up, or `stopped`; `result` as --json prints it.

    `images` are the pictures that were drawn, where the work was drawing, `points` the points.
    """

    outcome: Literal["finished", "budget", "stopped"]
    result: Mapping[str, Any] = field(default_factory=dict)
    images: Images | None = None
    points: Points | None = None


Event = (Started | Progress | Preview | Frame | Browsed | Probed | Scored | Saved | Notice
         | Done)
