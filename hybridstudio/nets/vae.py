"""The encoders and decoders of VAEs: a residual pair, and the plain pair of report 002.

Encoders map pictures to 2·latent numbers, the mean and log variance of q(z|x); decoders map z to
what the likelihood needs: logits or means (N, C, H, W). Where there are classes both are told.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hybridstudio.config import Shape
from hybridstudio.nets.labels import embedded, one_hot
from hybridstudio.nets.mlp import PointNet
from hybridstudio.nets.unet import ResBlock

SMALLEST = 8  # the inner sides of the residual pair are halved until they are no larger
WIDEST = 4  # channels at the smallest side, as a multiple of those at the largest


def _norm(width: int) -> nn.GroupNorm:
    """Normalise groups of 16 channels, the size at which torch's CPU kernel is fast."""
    return nn.GroupNorm(width // 16 if width % 16 == 0 else 1, width)


def _with_label(z: Tensor, labels: Tensor | None, classes: int) -> Tensor:
    """Put the label's one-hot row beside z: (N, latent + classes)."""
    if not classes:
        return z
    return torch.cat([z, one_hot(_given(labels), classes, z.dtype)], dim=1)


def _given(labels: Tensor | None) -> Tensor:
    """Return the labels that a network of classes cannot do without; raises ValueError."""
    if labels is None:
        raise ValueError("a network of classes has to be told which one is meant")
    return labels


class LabelPlane(nn.Module):
    """Puts one more channel beside a picture: a learned picture of its class."""

    def __init__(self, shape: Shape, classes: int) -> None:
        super().__init__()
        self.channels = shape.channels + (1 if classes else 0)
        self.planes = nn.Embedding(classes, shape.height * shape.width) if classes else None

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """Map x (N, C, H, W) and labels (N,) to (N, C + 1, H, W); x itself without classes."""
        if self.planes is not None:
            plane = embedded(self.planes, _given(labels)).reshape(-1, 1, *x.shape[2:])
            x = torch.cat([x, plane.to(x.dtype)], dim=1)
        return x.contiguous(memory_format=torch.channels_last)


# --- residual -------------------------------------------------------------------------------------


def _sides(shape: Shape) -> list[tuple[int, int, int]]:
    """Return (multiple of the width, height, width) of each inner resolution, the largest first.

    The first is half the picture's own, where a CPU does its work best.
    """
    multiple, height, width = 1, shape.height // 2, shape.width // 2
    sides = [(multiple, height, width)]
    while min(height, width) > SMALLEST and height % 2 == 0 and width % 2 == 0:
        multiple, height, width = min(2 * multiple, WIDEST), height // 2, width // 2
        sides.append((multiple, height, width))
    return sides


class Block(nn.Module):
    """Two 3×3 convolutions beside a skip."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            _norm(width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1),
            _norm(width), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C, H, W) to the same shape."""
        return x + self.inner(x)


class ResidualEncoder(nn.Module):
    """Residual blocks at half the resolution and below, then one dense layer."""

    def __init__(self, shape: Shape, latent: int, width: int, blocks: int, classes: int) -> None:
        super().__init__()
        sides = _sides(shape)
        self.plane = LabelPlane(shape, classes)
        layers: list[nn.Module] = [
            nn.PixelUnshuffle(2), nn.Conv2d(4 * self.plane.channels, width, 3, padding=1)]
        for level, (multiple, _, _) in enumerate(sides):
            if level:
                layers.append(nn.Conv2d(
                    sides[level - 1][0] * width, multiple * width, 3, stride=2, padding=1))
            layers += [Block(multiple * width) for _ in range(blocks)]
        multiple, high, wide = sides[-1]
        self.layers = nn.Sequential(*layers, _norm(multiple * width), nn.SiLU())
        self.dense = nn.Linear(multiple * width * high * wide, 2 * latent)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map x (N, C, H, W) and labels (N,) to mean and log variance, (N, 2·latent)."""
        h = self.layers(self.plane(x, labels))
        return self.dense(h.flatten(1))


class ResidualDecoder(nn.Module):
    """One dense layer, then residual blocks up to half the resolution.

    z and the label also scale and shift the features inside every block, so that each resolution
    hears of them at first hand.
    """

    def __init__(self, shape: Shape, latent: int, width: int, blocks: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        sides = _sides(shape)[::-1]
        code = latent + classes
        self.start = (sides[0][0] * width, *sides[0][1:])
        self.dense = nn.Linear(code, self.start[0] * self.start[1] * self.start[2])
        self.layers = nn.ModuleList()
        last = sides[0][0] * width
        for level, (multiple, _, _) in enumerate(sides):
            if level:
                self.layers.append(nn.Upsample(scale_factor=2.0, mode="nearest"))
            for _ in range(blocks):
                self.layers.append(ResBlock(last, multiple * width, code, 0.0))
                last = multiple * width
        self.out = nn.Sequential(
            _norm(last), nn.SiLU(), nn.Conv2d(last, 4 * shape.channels, 3, padding=1),
            nn.PixelShuffle(2))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map z (N, latent) and labels (N,) to logits or means (N, C, H, W)."""
        code = _with_label(z, labels, self.classes)
        h = self.dense(code).unflatten(1, self.start)
        h = h.contiguous(memory_format=torch.channels_last)
        for layer in self.layers:
            h = layer(h, code) if isinstance(layer, ResBlock) else layer(h)
        return self.out(h)

    def entrance(self) -> Tensor:
        """Return all weights (F, latent + classes) that multiply the code itself."""
        inner = [layer.scale_shift.weight for layer in self.layers if isinstance(layer, ResBlock)]
        return torch.cat([self.dense.weight, *inner])

    def first(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return what the first block makes of z, (N, F)."""
        code = _with_label(z, labels, self.classes)
        return self.layers[0](self.dense(code).unflatten(1, self.start), code).flatten(1)


# --- report 002: 3 convolutions + 1 dense, 1 dense + 4 transposed convolutions --------------------


def _halvings(shape: Shape, most: int) -> int:
    """Return how often both sides can be halved, `most` at most."""
    return next(count for count in range(most, -1, -1)
                if shape.height % 2**count == 0 and shape.width % 2**count == 0)


class PlainEncoder(nn.Module):
    """Three convolutions, each halving the resolution where that goes, and one dense layer."""

    def __init__(self, shape: Shape, latent: int, width: int, blocks: int, classes: int) -> None:
        super().__init__()
        halvings = _halvings(shape, 3)
        self.plane = LabelPlane(shape, classes)
        widths = [self.plane.channels, width, 2 * width, 4 * width]
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise(widths)):
            stride = 2 if number < halvings else 1
            layers += [nn.Conv2d(before, after, 3, stride=stride, padding=1), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        places = shape.height * shape.width // 4**halvings
        self.dense = nn.Linear(widths[-1] * places, 2 * latent)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map x (N, C, H, W) and labels (N,) to mean and log variance, (N, 2·latent)."""
        h = self.layers(self.plane(x, labels))
        return self.dense(h.flatten(1))


class PlainDecoder(nn.Module):
    """One dense layer and four transposed convolutions, the last of which double the resolution."""

    def __init__(self, shape: Shape, latent: int, width: int, blocks: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        doublings = _halvings(shape, 4)
        widths = [8 * width, 4 * width, 2 * width, width, shape.channels]
        self.start = (widths[0], shape.height >> doublings, shape.width >> doublings)
        self.dense = nn.Linear(latent + classes, self.start[0] * self.start[1] * self.start[2])
        layers: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise(widths)):
            kernel, stride = (4, 2) if number >= 4 - doublings else (3, 1)
            layers += [nn.ReLU(), nn.ConvTranspose2d(before, after, kernel, stride, padding=1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map z (N, latent) and labels (N,) to logits or means (N, C, H, W)."""
        h = self.dense(_with_label(z, labels, self.classes)).unflatten(1, self.start)
        return self.layers(h.contiguous(memory_format=torch.channels_last))

    def entrance(self) -> Tensor:
        """Return the weights (F, latent + classes) that multiply the code."""
        return self.dense.weight

    def first(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return what the first layer makes of z, (N, F)."""
        return self.dense(_with_label(z, labels, self.classes)).relu()


# --- points of the plane --------------------------------------------------------------------------


class PointEncoder(nn.Module):
    """An MLP from a point to mean and log variance."""

    def __init__(self, shape: Shape, latent: int, width: int, blocks: int, classes: int) -> None:
        super().__init__()
        self.net = PointNet(shape.channels, 2 * latent, width, blocks, timed=False,
                            classes=classes)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map x (N, 2, 1, 1) and labels (N,) to mean and log variance, (N, 2·latent)."""
        return self.net(x, labels=labels).flatten(1)


class PointDecoder(nn.Module):
    """An MLP from z to a point."""

    def __init__(self, shape: Shape, latent: int, width: int, blocks: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.net = PointNet(latent + classes, shape.channels, width, blocks, timed=False)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map z (N, latent) and labels (N,) to means (N, 2, 1, 1)."""
        return self.net(_with_label(z, labels, self.classes)[:, :, None, None])

    def entrance(self) -> Tensor:
        """Return the weights (F, latent + classes) that multiply the code."""
        return self.net.stem.weight

    def first(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return what the first layer makes of z, (N, F)."""
        return F.silu(self.net.stem(_with_label(z, labels, self.classes)))


Make = Callable[[Shape, int, int, int, int], nn.Module]  # latent, width, blocks, classes

PAIRS: dict[str, tuple[Make, Make]] = {
    "residual": (ResidualEncoder, ResidualDecoder),
    "plain": (PlainEncoder, PlainDecoder),
    "points": (PointEncoder, PointDecoder),
}
"""Encoder and decoder by the name of `model.net`; points have a pair of their own."""
