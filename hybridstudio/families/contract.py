"""The contract of all families: what the engine gives them and asks of them.

A family is a torch module made from a `RunConfig`. The engine owns optimisers, EMA, checkpoints,
precision and devices; a family owns what is computed in a training step and how pictures are drawn.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from hybridstudio.config import RunConfig, Shape
from hybridstudio.config.models.base import Space
from hybridstudio.diffusion.noise import Randomness
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.errors import StudioError, UsageError


@dataclass(frozen=True)
class Batch:
    """Training pictures in [-1, 1], float32 (N, C, H, W), and their labels int64 (N,) or None.

    `step` counts the training steps done before, `progress` in [0, 1] is how much of the training
    is over. `only` names the one network that learns in this step, None means all.
    """

    images: Tensor
    labels: Tensor | None
    step: int = 0
    progress: float = 0.0
    only: str | None = None


@dataclass(frozen=True)
class Start:
    """Where a drawing goes on that was left: at `moment`, with the noise of `rows` from there on.

    The levels are those that the plan takes from noise level `origin` down (None: from where it
    begins by itself), without the first `skip` frames of them. The z of `moment` is drawn with
    again, unless it is None. What is drawn once, as classes are, comes from the noise that `draw`
    is given, as it did before.
    """

    moment: Moment
    rows: list[torch.Generator]
    origin: float | None = None
    skip: int = 0

    def first(self, usual: int) -> int:
        """Return the row of the schedule from which the levels are taken, by itself `usual`."""
        return usual if self.origin is None else round(self.origin) - 1


@dataclass(frozen=True)
class DrawPlan:
    """How to draw: everything resolved, nothing optional but the label and the starting picture.

    `image` (N, C, H, W) in [-1, 1] is noised to `from_step` first; `labels` is int64 (N,), or
    float (N, classes) where classes are blended in shares, or None.
    `knobs` holds a value for each knob of the family's config. `mask` bool (1, 1, H, W) is true
    where `image` is known and stays; a family whose config `inpaints` draws the rest. With `invert`
    one whose config `inverts` brings `image` to its noise by inverting DDIM and draws from there.
    With `start` a drawing in more than one step goes on there instead of beginning.
    """

    shape: Shape
    count: int
    sampler: str
    nfe: int
    eta: float
    guidance: float
    labels: Tensor | None = None
    image: Tensor | None = None
    from_step: int | None = None
    knobs: Mapping[str, float] = field(default_factory=dict)
    mask: Tensor | None = None
    start: Start | None = None
    invert: bool = False


# Does one optimiser step of the network with this name (or of several) on this loss, which may run
# through other networks: they are left as they are.
Update = Callable[[str | tuple[str, ...], Tensor], None]


def still(images: Tensor) -> torch.Generator:
    """Return the same stream of noise each time, on the device of `images`."""
    return torch.Generator(images.device).manual_seed(0)


class Family(nn.Module):
    """What the engine asks of a family: a module whose children are its networks.

    What a training keeps beside weights lives as buffers in a module named by `kept`, so that a
    resumed run goes on exactly where it was.
    """

    trained: tuple[str, ...]  # networks that have an optimiser
    drawn: tuple[str, ...]  # networks that drawing needs: these have an EMA and ship
    kept: tuple[str, ...] = ()  # modules without an optimiser whose buffers a training needs
    adversaries: tuple[str, ...] = ()  # networks that learn at train.lr_discriminator
    judges: ClassVar[bool] = False  # whether `judge` has something to tell
    judged_on: ClassVar[int] = 10_000  # held-out pictures, at most

    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        self.shape = config.shape

    @abstractmethod
    def train_step(
        self, batch: Batch, update: Update, noise: torch.Generator
    ) -> dict[str, Tensor]:
        """Learn from one batch through `update`; return named losses, still on the device.

        NaN means 'not seen in this step'.
        """

    def lent(self) -> None:
        """Begin from the networks of other runs, which were just copied into this family."""

    def prepare(self, averaged: Family, progress: float) -> None:
        """Look at the averaged networks before a step; by default they are left alone."""

    def stage(self, progress: float) -> float:
        """Return how much of the stage at work is over, for the learning rate; all at once here."""
        return progress

    def judge(self, batch: Batch) -> dict[str, Tensor]:
        """Return named means over held-out pictures; told as `test/NAME` where it `judges`.

        The averaged networks are asked; where there are adversaries, which have no average, the
        networks as they are.
        """
        return {}

    @abstractmethod
    def draw(self, plan: DrawPlan, noise: Randomness) -> Iterator[Moment]:
        """Draw pictures, yielding each moment from the first noise to the finished picture.

        Moments are counted from 0 wherever the drawing starts. A moment is told before the noise
        of the step after it is drawn.
        """

    # --- where config.model.spaces() names latent spaces --------------------------------------

    def draw_codes(self, codes: Tensor, plan: DrawPlan, space: str) -> Iterator[Moment]:
        """Draw the pictures of codes float32 (N, D), moment by moment, and nothing else by chance.

        `plan.labels` are given wherever classes were learned. Gradients run through where codes
        are found by search.
        """
        raise _no_space()

    def find_codes(self, images: Tensor, plan: DrawPlan, space: str) -> Iterator[Tensor]:
        """Find the codes (N, D) of pictures (N, C, H, W), where the space's `finds` is no search.

        Yields them as they are so far, the last ones found.
        """
        raise _no_space()

    def likeliest(self, images: Tensor) -> Tensor | None:
        """Return the classes (N,) that explain pictures best; None where that is not to be told."""
        return None

    def guess_codes(self, images: Tensor, plan: DrawPlan, space: str) -> Tensor | None:
        """Return codes (N, D) from which a search may well begin; None knows no better than any."""
        return None

    def carry_codes(self, codes: Tensor, plan: DrawPlan, space: str) -> Tensor:
        """Return the codes (N, D) that codes (N, E) of the space which `space` follows become."""
        raise _no_space()

    def information(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return how much each dimension of a code tells of pictures, nats (N, D), for `kl`."""
        raise _no_space()

    def entrance(self, space: str) -> Entrance:
        """Return what codes meet first, where the space has directions."""
        raise _no_space()


class Entrance(NamedTuple):
    """Where a code enters the networks: the weights (F, d) that it is multiplied with first.

    `features` maps d numbers of a code (N, d) and labels to what the first layers make of them
    (N, F'). They are those of each of `parts`, all of the code where there are none.
    """

    weights: Tensor
    features: Callable[[Tensor, Tensor | None], Tensor]
    parts: tuple[str, ...] = ()


def first_weights(network: nn.Module) -> Tensor:
    """Return the weights of a network's first layer."""
    return next(network.parameters())


def _no_space() -> StudioError:
    return UsageError("There is no such latent space here", "this model draws from no codes",
                      "choose a run of another family")


def pieces(codes: Tensor, space: Space) -> dict[str, Tensor]:
    """Return the parts of codes (N, D) by their names."""
    sizes = [many for _, many in space.parts]
    return dict(zip((name for name, _ in space.parts), codes.split(sizes, dim=1), strict=True))
