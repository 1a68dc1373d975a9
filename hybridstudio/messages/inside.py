"""Asking and telling of what happens inside a drawing: races, chances, fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hybridstudio.messages.events import Frame
from hybridstudio.messages.requests import Draw
from hybridstudio.messages.words import Device, Images, Points, Weights


@dataclass(frozen=True)
class Race:
    """Draw the same seed in several ways, one frame of each in turn; told as `Lap`s.

    Each way keeps its own clock, which stands still while the others draw.
    """

    draws: tuple[Draw, ...]


@dataclass(frozen=True)
class Lap:
    """A frame of one way of a race, by its place in the request; the last has t = 0.

    Its seconds are by the way's own clock. No frame: the way has left the race.
    """

    way: int
    frame: Frame | None


@dataclass(frozen=True)
class Chances:
    """Stop a drawing of one picture at frame `at` and let `count` seeds say what x_0 is there.

    A model that draws with a latent z gives a different x_0 for every z; one that predicts the
    mean gives the same each time. Frames are counted from 0; beyond the last with noise it is that
    one. `beside` is a diffusion model that is asked what it sees in the same x_t, None the run's
    own where it has one. Told as one `Chanced`.
    """

    draw: Draw
    at: int
    count: int = 16
    beside: Path | None = None


@dataclass(frozen=True)
class Chanced:
    """The x_t (1, H, W, C) that all saw at level t, and the x_0 (N, H, W, C) they saw in it.

    `spread` is the mean standard deviation of a pixel over the x_0, in units of [-1, 1]. `mean`
    (1, H, W, C) is the mean of the x_0, `beside` what a diffusion model sees in the same x_t (None:
    there is none). It was frame `at`, the last of them is `last`; `noise` is √(1 - ᾱ_t). Of points
    (N, 2), `points` holds x_t, x0, mean and beside.
    """

    x_t: Images
    x0: Images
    t: float
    spread: float
    at: int = 0
    last: int = 0
    noise: float = 0.0
    mean: Images | None = None
    beside: Images | None = None
    points: Mapping[str, Points] = field(default_factory=dict)


@dataclass(frozen=True)
class Fields:
    """Ask a model of points what it sees all over the plane; told as one `Field` for each level.

    A model that removes noise tells where it would move a point, a GAN how real it holds it.
    `levels` are timesteps, () is every level that the frames of the usual drawing have.
    """

    run: Path
    levels: tuple[float, ...] = ()
    side: int = 24
    step: int | None = None
    weights: Weights = "ema"
    label: int | None = None
    device: Device = "auto"


@dataclass(frozen=True)
class Field:
    """What a model of points sees at level t on `places` (side², 2), row by row from y = -extent.

    `arrows` (side², 2) is the score, ∇ log p(x_t), `heights` (side²,) the discriminator's
    probability of being real; what a family does not have is None.
    """

    t: float
    places: Points
    arrows: Points | None = None
    heights: Points | None = None
