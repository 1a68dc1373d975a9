"""The contract of all families: what the engine gives them and asks of them.

A family is a torch module made from a `RunConfig`. The engine owns optimisers, EMA, checkpoints,
precision and devices; a family owns what is computed in a training step and how pictures are drawn.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from hybridstudio.config import RunConfig, Shape
from hybridstudio.diffusion.samplers import Moment


@dataclass(frozen=True)
class Batch:
    """Training pictures in [-1, 1], float32 (N, C, H, W), and their labels int64 (N,) or None."""

    images: Tensor
    labels: Tensor | None


@dataclass(frozen=True)
class DrawPlan:
    """How to draw: everything resolved, nothing optional but the label and the starting picture.

    `image` (N, C, H, W) in [-1, 1] is noised to `from_step` first; `labels` is int64 (N,) or None.
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


# Does one optimiser step of the network with this name on this loss.
Update = Callable[[str, Tensor], None]


class Family(nn.Module):
    """What the engine asks of a family: a module whose children are its networks."""

    trained: ClassVar[tuple[str, ...]]  # networks that have an optimiser
    drawn: ClassVar[tuple[str, ...]]  # networks that drawing needs: these have an EMA and ship

    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        self.shape = config.shape

    @abstractmethod
    def train_step(
        self, batch: Batch, update: Update, noise: torch.Generator
    ) -> dict[str, Tensor]:
        """Learn from one batch through `update`; return named losses, still on the device."""

    @abstractmethod
    def draw(self, plan: DrawPlan, noise: torch.Generator) -> Iterator[Moment]:
        """Draw pictures, yielding each moment from the first noise to the finished picture."""
