"""Networks that tell classes apart: fully connected, convolutional, AlexNet style, residual.

Each is a body, which turns a picture into features, and one last dense layer, which turns these
into logits. What the features say of a picture is what scores are measured with.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from hybridstudio.nets.unet import Dropout

BN_MOMENTUM = 0.05  # how fast the norms' running statistics follow those of the batches


class Stack(NamedTuple):
    """A plain net: channels of its 3×3 convolutions, widths of its hidden dense layers."""

    channels: tuple[int, ...]
    hidden: tuple[int, ...]
    pools_all: bool  # halve after every convolution, or as AlexNet after the first two and the last


STACKS: dict[str, Stack] = {
    "fnn": Stack((), (64, 32), True),
    "cnn": Stack((32, 64, 128), (128,), True),
    "alexnet": Stack((64, 192, 384, 256, 256), (), False),  # Krizhevsky 2014
}
"""The plain nets by name, with what they are made of unless something else is asked."""

DEPTHS: dict[int, tuple[tuple[int, ...], bool]] = {
    18: ((2, 2, 2, 2), False), 34: ((3, 4, 6, 3), False), 50: ((3, 4, 6, 3), True)}
"""Residual nets by depth: blocks of each stage and whether they are bottlenecks (He 2016)."""


class Net(nn.Module):
    """A body that ends in `dimension` features, and the dense layer that makes logits of them."""

    def __init__(self, body: nn.Module, dimension: int, classes: int, patch: int = 1,
                 dropout: float = 0.0) -> None:
        super().__init__()
        self.dimension, self.patch = dimension, patch
        self.body = body
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(dimension, classes)

    def features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map pictures (N, C, H, W) to logits (N, classes) and features (N, dimension)."""
        if self.patch > 1:
            images = F.pixel_unshuffle(images, self.patch)
        found = self.body(images)
        return self.head(self.dropout(found)), found

    def forward(self, images: Tensor) -> Tensor:
        """Map pictures (N, C, H, W) to logits (N, classes)."""
        return self.features(images)[0]


# --- plain nets: fully connected, CNN, AlexNet style ----------------------------------------------


def pooled(kind: str, count: int) -> list[bool]:
    """Say after which of `count` convolutions a plain net halves the resolution."""
    return [STACKS[kind].pools_all or place in (0, 1, count - 1) for place in range(count)]


def stack(kind: str, shape: tuple[int, int, int], classes: int, *, channels: Sequence[int] = (),
          hidden: Sequence[int] = (), norm: bool = True, dropout: float = 0.0,
          patch: int = 1) -> Net:
    """Build a plain net of `STACKS` for pictures of `shape`; empty widths are the kind's own.

    A convolution of a grey or colour picture works at 1/patch of its resolution.
    """
    own = STACKS[kind]
    channels = channels or own.channels if own.channels else ()
    hidden = tuple(hidden) or own.hidden
    depth, height, width = shape[0] * patch**2, shape[1] // patch, shape[2] // patch

    layers: list[nn.Module] = []
    for inner, pool in zip(channels, pooled(kind, len(channels)), strict=True):
        layers += [nn.Conv2d(depth, inner, 3, padding=1, bias=not norm)]
        layers += [nn.BatchNorm2d(inner, momentum=BN_MOMENTUM)] if norm else []
        layers += [nn.ReLU(inplace=True)]
        if pool:
            layers.append(nn.MaxPool2d(2))
            height, width = height // 2, width // 2
        depth = inner
    layers.append(nn.Flatten())
    for before, after in itertools.pairwise((depth * height * width, *hidden)):
        layers += [nn.Linear(before, after, bias=not norm)]
        layers += [nn.BatchNorm1d(after, momentum=BN_MOMENTUM)] if norm else []
        layers += [nn.ReLU(inplace=True)]
    dimension = hidden[-1] if hidden else depth * height * width
    return Net(nn.Sequential(*layers), dimension, classes, patch, dropout)


# --- residual nets --------------------------------------------------------------------------------


def _convolution(width_in: int, width_out: int, side: int, stride: int = 1,
                 gain: float = 1.0) -> nn.Sequential:
    """Return a convolution without bias, followed by its norm, which begins with this gain."""
    norm = nn.BatchNorm2d(width_out, momentum=BN_MOMENTUM)
    nn.init.constant_(norm.weight, gain)
    return nn.Sequential(
        nn.Conv2d(width_in, width_out, side, stride=stride, padding=side // 2, bias=False), norm)


class Block(nn.Module):
    """A residual block: two 3×3 convolutions, or the bottleneck 1×1, 3×3, 1×1 (He 2016).

    A bottleneck's stride lies in its 3×3 convolution, so that no place goes unseen. The last norm's
    gain begins at zero, so that the block begins as its skip (Goyal 2017).
    """

    def __init__(self, width_in: int, width: int, width_out: int, stride: int) -> None:
        super().__init__()
        if width_out == width:
            parts = [_convolution(width_in, width, 3, stride), nn.ReLU(inplace=True),
                     _convolution(width, width, 3, gain=0.0)]
        else:
            parts = [_convolution(width_in, width, 1), nn.ReLU(inplace=True),
                     _convolution(width, width, 3, stride), nn.ReLU(inplace=True),
                     _convolution(width, width_out, 1, gain=0.0)]
        self.branch = nn.Sequential(*parts)
        same = stride == 1 and width_in == width_out
        self.skip = nn.Identity() if same else _convolution(width_in, width_out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C_in, H, W) to (N, C_out, H/stride, W/stride)."""
        return F.relu(self.skip(x) + self.branch(x))


def resnet(depth: int, shape: tuple[int, int, int], classes: int, *, width: int = 64,
           dropout: float = 0.0, patch: int = 1) -> Net:
    """Build a residual net of `DEPTHS` (He 2016) with a 3×3 stem, for small pictures of `shape`.

    Its four stages are 1, 2, 4 and 8 times `width` wide (bottlenecks four times that), each at half
    the resolution of the one before.
    """
    stages, bottleneck = DEPTHS[depth]
    layers: list[nn.Module] = [
        _convolution(shape[0] * patch**2, width, 3), nn.ReLU(inplace=True)]
    last = width
    for stage, blocks in enumerate(stages):
        inner = width * 2**stage
        outer = inner * 4 if bottleneck else inner
        for place in range(blocks):
            layers.append(Block(last, inner, outer, 2 if stage and place == 0 else 1))
            last = outer
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return Net(nn.Sequential(*layers), last, classes, patch, dropout)
