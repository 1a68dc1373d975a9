"""What is asked of the engine: to train, to draw, to look at data, to score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from hybridstudio.config import DataConfig, RunConfig
from hybridstudio.messages.words import Device, Images, Mask, Step, Weights


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
class Branch:
    """Where a drawing goes another way: after frame `at`, with what differs from there on.

    None keeps what it was. `seed` is that of the noise drawn from there on, `nfe` the evaluations
    that are left from there.
    """

    at: int
    seed: int | None = None
    sampler: str | None = None
    nfe: int | None = None
    eta: float | None = None
    guidance: float | None = None
    label: int | None = None


@dataclass(frozen=True)
class Draw:
    """Draw `count` pictures from a run or a shipped model; None takes the run's own setting.

    `label` is a class index, or None for any. `step` picks a checkpoint by its training step,
    "best" the one whose Fréchet distance was smallest in training, None the newest. `image`
    (H, W, C) uint8 is noised to timestep `from_step` and denoised from there, or with `invert`
    brought there by inverting DDIM, so that drawing leads back to it; where `mask` (H, W) is true
    it is known and stays, and the rest is drawn to go with it. `branches` are taken one after the
    other, their `at` growing.
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
    step: Step = None
    image: Images | None = None
    from_step: int | None = None
    knobs: Mapping[str, float] = field(default_factory=dict)
    frames: bool = True
    batch: int = 256
    device: Device = "auto"
    mask: Mask | None = None
    invert: bool = False
    branches: tuple[Branch, ...] = ()

    def settled(self, config: RunConfig) -> Draw:
        """Return this with a way without fresh noise where a picture is inverted, none being named.

        Fresh noise would lead somewhere else.
        """
        if not self.invert or self.sampler is not None:
            return self
        return replace(self, sampler=config.steady_sampler or None,
                       nfe=self.nfe or config.steady_nfe)


@dataclass(frozen=True)
class Browse:
    """Open a data set and show up to `count` of its pictures; told as one `Browsed`.

    Points are not leafed through: up to 20,000 are shown, evenly spread over the whole. With
    `density` that of all of them is told too.
    """

    data: DataConfig
    count: int = 64
    offset: int = 0
    label: int | None = None
    data_root: Path | None = None
    density: bool = False


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
    applies (memory and ppl only if named), the data's test part (with Inception the training
    part, as papers do), and the run's own sampler. Of `features` there are those of
    `scores.features.FEATURES`, and run:PATH for a classifier of the user's. `metrics` are of fid,
    kid, prdc, is, classes, modes, memory and ppl. Told as one `Scored`; a run also keeps it.
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
    step: Step = None
    batch: int = 256
    device: Device = "auto"
    data_root: Path | None = None
