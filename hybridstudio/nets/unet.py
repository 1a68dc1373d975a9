"""The UNet of diffusion: residual blocks with time embedding, attention where asked.

After Ho et al. 2020 and Nichol & Dhariwal 2021 (scale-shift normalisation), with a space-to-depth
stem, which moves the work of small pictures to half the resolution, where a CPU does it best.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hybridstudio.nets.labels import embedded


def timestep_embedding(t: Tensor, width: int) -> Tensor:
    """Embed timesteps (N,) as sines and cosines (N, width) of geometric frequencies."""
    half = width // 2
    freqs = torch.exp(-math.log(10_000.0) / half * torch.arange(half, device=t.device))
    angles = t.float()[:, None] * freqs[None]
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def _norm(width: int) -> nn.GroupNorm:
    """Normalise groups of 16 channels: below that torch's CPU kernel is 10 times slower."""
    return nn.GroupNorm(width // 16 if width % 16 == 0 else 1, width)


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    """Start a layer at zero, so that its residual branch starts as the identity."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class Dropout(nn.Module):
    """Dropout from its own generator: the global one is shared with other threads.

    `generator` is set before training; its state belongs to the run's checkpoints.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Zero a share of x and scale up the rest, while training."""
        if not self.training or self.share == 0.0:
            return x
        kept = torch.rand(x.shape, generator=self.generator, device=x.device) >= self.share
        return x * kept / (1.0 - self.share)


class ResBlock(nn.Module):
    """Two 3×3 convolutions beside a skip; the embedding scales and shifts between them."""

    def __init__(self, width_in: int, width_out: int, embedding: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = _norm(width_in)
        self.conv1 = nn.Conv2d(width_in, width_out, 3, padding=1)
        self.scale_shift = nn.Linear(embedding, 2 * width_out)
        self.norm2 = _norm(width_out)
        self.dropout = Dropout(dropout)
        self.conv2 = _zero(nn.Conv2d(width_out, width_out, 3, padding=1))
        self.skip = nn.Conv2d(width_in, width_out, 1) if width_in != width_out else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Map x (N, C_in, H, W) to (N, C_out, H, W)."""
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.scale_shift(embedding)[:, :, None, None].chunk(2, dim=1)
        h = torch.addcmul(shift, self.norm2(h), 1.0 + scale)
        return self.skip(x) + self.conv2(self.dropout(F.silu(h)))


class Attention(nn.Module):
    """Self-attention over all places of a feature map, in heads of `head_width` channels."""

    def __init__(self, width: int, head_width: int) -> None:
        super().__init__()
        most = max(1, width // head_width)
        self.heads = next(count for count in range(most, 0, -1) if width % count == 0)
        self.norm = _norm(width)
        self.qkv = nn.Conv2d(width, 3 * width, 1)
        self.out = _zero(nn.Conv2d(width, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C, H, W) to the same shape."""
        n, c, h, w = x.shape
        qkv = self.qkv(self.norm(x)).reshape(n, 3, self.heads, c // self.heads, h * w)
        q, k, v = qkv.transpose(-1, -2).unbind(1)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(mixed.transpose(-1, -2).reshape(n, c, h, w))


class Stage(nn.Module):
    """A residual block, followed by attention where asked."""

    def __init__(self, width_in: int, width_out: int, embedding: int, dropout: float,
                 attend: bool, head_width: int) -> None:
        super().__init__()
        self.block = ResBlock(width_in, width_out, embedding, dropout)
        self.attention = Attention(width_out, head_width) if attend else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Map x (N, C_in, H, W) to (N, C_out, H, W)."""
        return self.attention(self.block(x, embedding))


class Shrink(nn.Module):
    """Half the resolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Map x (N, C, H, W) to (N, C, H/2, W/2); the embedding has no say."""
        return self.conv(x)


class Grow(nn.Module):
    """Twice the resolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Map x (N, C, H, W) to (N, C, 2H, 2W); the embedding has no say."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class UNet(nn.Module):
    """Predict from a noisy picture and its timestep, and a class label where there are classes.

    `size` is the side of the pictures; attention is used at the inner resolutions in `attention`.
    With `classes` > 0 the label `classes` (one past the last) stands for 'any'. With `latent` > 0
    a noise vector z of so many numbers has a say beside the timestep, which `gain` multiplies: as
    many times faster it learns.
    """

    def __init__(self, channels: int, out_channels: int, size: int, *, width: int,
                 channel_mult: tuple[int, ...], blocks: int, attention: tuple[int, ...] = (),
                 head_width: int = 64, dropout: float = 0.0, patch: int = 1,
                 classes: int = 0, latent: int = 0, gain: float = 1.0) -> None:
        super().__init__()
        self.width, self.patch, self.classes, self.gain = width, patch, classes, gain
        embedding = 4 * width
        self.embed = nn.Sequential(
            nn.Linear(width, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.label = nn.Embedding(classes + 1, embedding) if classes else None
        self.style = nn.Sequential(
            nn.Linear(latent, embedding), nn.SiLU(), nn.Linear(embedding, embedding),
        ) if latent else None
        self.stem = nn.Conv2d(channels * patch**2, width, 3, padding=1)

        levels = [(width * mult, size // patch // 2**level)
                  for level, mult in enumerate(channel_mult)]

        def stage(width_in: int, width_out: int, side: int) -> Stage:
            return Stage(width_in, width_out, embedding, dropout, side in attention, head_width)

        skips, last = [width], width  # widths that the way up meets again
        self.down = nn.ModuleList()
        for level, (inner, side) in enumerate(levels):
            if level:
                self.down.append(Shrink(last))
                skips.append(last)
            for _ in range(blocks):
                self.down.append(stage(last, inner, side))
                skips.append(inner)
                last = inner
        self.middle = nn.ModuleList([stage(last, last, levels[-1][1]), stage(last, last, 0)])
        self.up = nn.ModuleList()
        for level, (inner, side) in reversed(list(enumerate(levels))):
            for _ in range(blocks + 1):
                self.up.append(stage(last + skips.pop(), inner, side))
                last = inner
            if level:
                self.up.append(Grow(last))
        self.norm = _norm(last)
        self.out = _zero(nn.Conv2d(last, out_channels * patch**2, 3, padding=1))

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None,
                z: Tensor | None = None) -> Tensor:
        """Map x (N, C, H, W), t (N,), labels (N,), z (N, latent) to (N, out_channels, H, W)."""
        embedding = self.embed(timestep_embedding(t, self.width))
        if self.label is not None:
            if labels is None:
                labels = torch.full_like(t, self.classes, dtype=torch.long)
            embedding = embedding + embedded(self.label, labels)
        if self.style is not None and z is not None:
            embedding = embedding + self.gain * self.style(z)
        embedding = F.silu(embedding)

        if self.patch > 1:
            x = F.pixel_unshuffle(x, self.patch)
        h = self.stem(x.contiguous(memory_format=torch.channels_last))
        skips = [h]
        for layer in self.down:
            h = layer(h, embedding)
            skips.append(h)
        for layer in self.middle:
            h = layer(h, embedding)
        for layer in self.up:
            if not isinstance(layer, Grow):
                h = torch.cat([h, skips.pop()], dim=1)
            h = layer(h, embedding)
        h = self.out(F.silu(self.norm(h)))
        return F.pixel_shuffle(h, self.patch) if self.patch > 1 else h
