"""Asking and telling of latent spaces: decode, encode, find directions, training pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hybridstudio.messages.words import Codes, Device, Images, Points, Step, Weights


@dataclass(frozen=True)
class Decode:
    """Draw the pictures of `codes` (N, D) of a run's latent space; told as `Decoded`.

    `space` is a name of config.model.spaces(), "" the first. `mix` blends classes: a weight for
    each class index, () for the class-less or, in a class-conditional model, class 0.
    With `draft`, what so few network evaluations give is told first. Labels may be one for each
    code instead: `labels` (N class indices) wins over `mix`.
    """

    run: Path
    codes: Codes
    space: str = ""
    mix: Mapping[int, float] = field(default_factory=dict)
    labels: tuple[int, ...] = ()
    sampler: str | None = None
    nfe: int | None = None
    draft: int | None = None
    knobs: Mapping[str, float] = field(default_factory=dict)
    step: Step = None
    weights: Weights = "ema"
    device: Device = "auto"


@dataclass(frozen=True)
class Decoded:
    """The pictures of a `Decode` (N, H, W, C), or its points; a draft is followed by the whole."""

    images: Images
    is_draft: bool = False
    seconds: float = 0.0
    nfe: int = 0
    points: Points | None = None


@dataclass(frozen=True)
class Encode:
    """Find the codes of pictures (N, H, W, C): by an encoder, by DDIM inversion, or by search.

    `steps` of search (None: the family's usual number); told as `Progress`, `Decoded` drafts of
    what is found so far, and one `Encoded`.
    """

    run: Path
    images: Images
    space: str = ""
    label: int | None = None
    steps: int | None = None
    knobs: Mapping[str, float] = field(default_factory=dict)
    step: Step = None
    weights: Weights = "ema"
    device: Device = "auto"
    seed: int = 0


@dataclass(frozen=True)
class Encoded:
    """Codes (N, D), what they decode to (N, H, W, C), and the root mean square error of each.

    Errors are in units of [-1, 1]. Where the model is told classes, `labels` are those that the
    codes belong to.
    """

    codes: Codes
    images: Images
    errors: tuple[float, ...]
    labels: tuple[int, ...] = ()


@dataclass(frozen=True)
class Place:
    """Carry codes (N, E) of the space that `space` follows over to it; told as `Encoded`.

    So seeds get their codes in a space such as w, whose own codes are not normal.
    """

    run: Path
    codes: Codes
    space: str
    mix: Mapping[int, float] = field(default_factory=dict)
    knobs: Mapping[str, float] = field(default_factory=dict)
    step: Step = None
    weights: Weights = "ema"
    device: Device = "auto"


@dataclass(frozen=True)
class Directions:
    """Find directions of a latent space that change pictures most; told as one `Directed`.

    `kind`: pca (of features or w over `samples` codes, as GANSpace), sefa (closed form, from the
    first weights that z or w meets), kl (a VAE's dimensions by what they tell). Kept with the run.
    """

    run: Path
    kind: Literal["pca", "sefa", "kl"]
    space: str = ""
    count: int = 12
    samples: int = 2000
    seed: int = 0
    step: Step = None
    weights: Weights = "ema"
    device: Device = "auto"


@dataclass(frozen=True)
class Directed:
    """Unit directions (K, D), the strongest first, and how strong each is (same order)."""

    vectors: Codes
    strengths: tuple[float, ...]
    kind: str = ""


@dataclass(frozen=True)
class Neighbours:
    """Find the `count` training pictures nearest to each of `images` (N, H, W, C) of a run's shape.

    By their pixels, among all that the run learned from; told as `Progress` while they are read and
    looked at, and one `Neighboured`.
    """

    run: Path
    images: Images
    count: int = 6
    data_root: Path | None = None


@dataclass(frozen=True)
class Neighboured:
    """The nearest training pictures (N, K, H, W, C) of each picture, the nearest first.

    For each its root mean square difference in units of [-1, 1], its place in the data set and its
    class (0 where there are none). `copied` says which are so much nearer to one training picture
    than to any other that they copy it (Yoon 2023); `total` is how many were looked at.
    """

    images: Images
    distances: tuple[tuple[float, ...], ...]
    places: tuple[tuple[int, ...], ...]
    labels: tuple[tuple[int, ...], ...]
    copied: tuple[bool, ...]
    total: int
