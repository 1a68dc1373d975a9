"""Residual networks for GANs (Miyato 2018, appendix B), which can grow while they learn.

Growing is Karras 2018's (Progressive growing of GANs): both begin at a low resolution; a doubling
fades in while `growth` rises by 1, and is whole where `growth` is the next whole number.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hybridstudio.config import Shape
from hybridstudio.nets.gan import Verdict, with_labels

WIDEST = 4  # channels of the deepest level, as a multiple of those at full resolution


def doublings(side: int) -> int:
    """Return how often a side can be halved until it is odd or less than 8."""
    count = 0
    while side % 2 == 0 and side >= 8:
        side, count = side // 2, count + 1
    return count


def halved(images: Tensor) -> Tensor:
    """Halve the resolution by the mean of 2×2 pixels."""
    return F.avg_pool2d(images, 2)


def doubled(images: Tensor) -> Tensor:
    """Double the resolution, each pixel becoming 2×2."""
    return F.interpolate(images, scale_factor=2.0, mode="nearest")


def _widths(shape: Shape, width: int) -> list[int]:
    """Return the channels of each level, from the lowest resolution to the whole one."""
    levels = doublings(shape.height)
    return [width * min(2 ** (levels - level), WIDEST) for level in range(levels + 1)]


def _stage(growth: float) -> tuple[int, float]:
    """Return the level that is growing or grown, and the share of it that is seen, in (0, 1]."""
    level = math.ceil(growth)
    return level, 1.0 - (level - growth)


class UpBlock(nn.Module):
    """Two normalised 3×3 convolutions beside a skip; the resolution doubles."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(width_in)
        self.conv1 = nn.Conv2d(width_in, width_out, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(width_out)
        self.conv2 = nn.Conv2d(width_out, width_out, 3, padding=1)
        self.skip = nn.Conv2d(width_in, width_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C_in, H, W) to (N, C_out, 2H, 2W)."""
        h = self.conv1(doubled(F.relu(self.norm1(x))))
        return doubled(self.skip(x)) + self.conv2(F.relu(self.norm2(h)))


class DownBlock(nn.Module):
    """Two 3×3 convolutions beside a skip; the resolution halves, or stays."""

    def __init__(self, width_in: int, width_out: int, *, halves: bool = True) -> None:
        super().__init__()
        self.halves = halves
        self.conv1 = nn.Conv2d(width_in, width_out, 3, padding=1)
        self.conv2 = nn.Conv2d(width_out, width_out, 3, padding=1)
        self.skip = nn.Conv2d(width_in, width_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C_in, H, W) to (N, C_out, H/2, W/2)."""
        h = self.conv2(F.relu(self.conv1(F.relu(x))))
        if self.halves:
            x, h = halved(x), halved(h)
        return self.skip(x) + h


class ResidualGenerator(nn.Module):
    """From z through residual blocks to a picture in [-1, 1].

    `grown` is how many doublings grow while it learns; the buffer `growth` says how far that is.
    """

    growth: Tensor

    def __init__(self, shape: Shape, *, latent: int, width: int, classes: int = 0,
                 grown: int = 0) -> None:
        super().__init__()
        widths = _widths(shape, width)
        self.classes, self.levels, self.grown = classes, len(widths) - 1, grown
        side = shape.height >> self.levels
        self.base = (widths[0], side, side)
        self.dense = nn.Linear(latent + classes, widths[0] * side * side)
        self.blocks = nn.ModuleList(
            UpBlock(before, after) for before, after in pairwise(widths))
        self.heads = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(wide), nn.ReLU(),
                          nn.Conv2d(wide, shape.channels, 3, padding=1))
            for wide in widths[self.levels - grown:])
        if grown:
            self.register_buffer("growth", torch.tensor(float(self.levels - grown)))

    def forward(self, z: Tensor, labels: Tensor | None = None,
                growth: float | None = None) -> Tensor:
        """Map z (N, latent) to pictures (N, C, H, W), smaller ones while not all is grown.

        Without a `growth` it is as far as training has come, for which the device is waited for.
        """
        if growth is None:
            growth = float(self.growth) if self.grown else float(self.levels)
        level, share = _stage(growth)
        before = h = self._begun(z, labels)
        for block in self.blocks[:level]:
            before, h = h, block(h)
        first = self.levels - self.grown
        images = self.heads[level - first](h)
        if share < 1.0:
            images = torch.lerp(doubled(self.heads[level - 1 - first](before)), images, share)
        return images.tanh()

    @property
    def entrance(self) -> nn.Linear:
        """The layer that z meets first."""
        return self.dense

    def first(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return what the first layers make of z, (N, F)."""
        return self.blocks[0](self._begun(z, labels)).flatten(1)

    def _begun(self, z: Tensor, labels: Tensor | None) -> Tensor:
        return self.dense(with_labels(z, labels, self.classes)).unflatten(1, self.base)


class ResidualDiscriminator(nn.Module):
    """From a picture through residual blocks and a sum over all places to its verdict."""

    def __init__(self, shape: Shape, *, width: int, classes: int = 0, projected: bool = False,
                 grown: int = 0) -> None:
        super().__init__()
        widths = _widths(shape, width)
        self.appended = 0 if projected else classes
        self.levels, self.grown = len(widths) - 1, grown
        self.stems = nn.ModuleList(
            nn.Conv2d(shape.channels + self.appended, wide, 1)
            for wide in widths[self.levels - grown:])
        self.blocks = nn.ModuleList(
            DownBlock(after, before) for before, after in pairwise(widths))
        self.last = DownBlock(widths[0], widths[0], halves=False)
        self.verdict = Verdict(widths[0], classes if projected else 0)

    def forward(self, images: Tensor, labels: Tensor | None = None,
                growth: float | None = None) -> Tensor:
        """Map pictures (N, C, H, W) of the resolution that `growth` asks for to logits (N,)."""
        level, share = _stage(float(self.levels) if growth is None else growth)
        first = self.levels - self.grown
        x = with_labels(images, labels, self.appended)
        h = self.stems[level - first](x)
        if level:
            h = self.blocks[level - 1](h)
        if share < 1.0:
            h = torch.lerp(self.stems[level - 1 - first](halved(x)), h, share)
        for number in range(level - 2, -1, -1):
            h = self.blocks[number](h)
        return self.verdict(F.relu(self.last(h)).sum((2, 3)), labels)
