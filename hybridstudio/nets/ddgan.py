"""The networks of a Denoising Diffusion GAN (Xiao 2021): G(x_t, t, y, z) and D(x_{t-1}, x_t, t, y).

The generator is a UNet whose every normalisation is scaled and shifted by what a mapping network
makes of the latent z, together with t and the class. The discriminator is a residual network that
knows t and the class, and sees how much the pictures of a small group differ from each other.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hybridstudio.nets.labels import embedded
from hybridstudio.nets.unet import Attention, Grow, Shrink, timestep_embedding

TIMES = 64  # width of the sines and cosines of t
GROUP = 4  # pictures that are compared with each other


class Mapping(nn.Module):
    """Map the latent z, the timestep and the class to the style that all layers obey."""

    def __init__(self, latent: int, width: int, layers: int, classes: int) -> None:
        super().__init__()
        sizes = [latent, *[width] * layers]
        self.latent = nn.Sequential(*(
            part for inner, outer in pairwise(sizes)
            for part in (nn.Linear(inner, outer), nn.SiLU())))
        self.time = nn.Sequential(nn.Linear(TIMES, width), nn.SiLU(), nn.Linear(width, width))
        self.label = nn.Embedding(classes, width) if classes else None
        self.out = nn.Linear(width, width)

    def forward(self, t: Tensor, labels: Tensor | None, z: Tensor) -> Tensor:
        """Map t (N,), labels (N,) and z (N, latent) to styles (N, width)."""
        style = self.out(self.latent(z)) + self.time(timestep_embedding(t, TIMES))
        if self.label is not None and labels is not None:
            style = style + embedded(self.label, labels)
        return F.silu(style)


class StyledNorm(nn.Module):
    """Group normalisation whose scale and shift come from the style (Xiao 2021, appendix C)."""

    def __init__(self, width: int, style: int) -> None:
        super().__init__()
        # Groups of 16 channels: below that torch's CPU kernel is 10 times slower.
        groups = width // 16 if width % 16 == 0 else 1
        self.norm = nn.GroupNorm(groups, width, affine=False)
        self.scale_shift = nn.Linear(style, 2 * width)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map x (N, C, H, W) to the same shape."""
        scale, shift = self.scale_shift(style)[:, :, None, None].chunk(2, dim=1)
        return torch.addcmul(shift, self.norm(x), 1.0 + scale)


class StyledBlock(nn.Module):
    """Two 3×3 convolutions beside a skip, each after a styled normalisation; then attention."""

    def __init__(self, width_in: int, width_out: int, style: int, attend: bool) -> None:
        super().__init__()
        self.norm1 = StyledNorm(width_in, style)
        self.conv1 = nn.Conv2d(width_in, width_out, 3, padding=1)
        self.norm2 = StyledNorm(width_out, style)
        self.conv2 = nn.Conv2d(width_out, width_out, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)  # each block starts as the identity
        self.skip = nn.Conv2d(width_in, width_out, 1) if width_in != width_out else nn.Identity()
        self.attention = Attention(width_out, 64) if attend else nn.Identity()

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Map x (N, C_in, H, W) to (N, C_out, H, W)."""
        h = self.conv1(F.silu(self.norm1(x, style)))
        h = self.conv2(F.silu(self.norm2(h, style)))
        return self.attention(self.skip(x) + h)


class Generator(nn.Module):
    """Predict x_0 from x_t, t, the class and a latent z, in [-1, 1].

    `size` is the side of the pictures; attention is used at the inner resolutions in `attention`.
    """

    def __init__(self, channels: int, size: int, *, width: int, channel_mult: tuple[int, ...],
                 blocks: int, attention: tuple[int, ...], patch: int, latent: int,
                 mapping_width: int, mapping_layers: int, classes: int = 0) -> None:
        super().__init__()
        self.patch = patch
        self.mapping = Mapping(latent, mapping_width, mapping_layers, classes)
        self.stem = nn.Conv2d(channels * patch**2, width, 3, padding=1)
        levels = [(width * mult, size // patch // 2**level)
                  for level, mult in enumerate(channel_mult)]

        def block(width_in: int, width_out: int, side: int) -> StyledBlock:
            return StyledBlock(width_in, width_out, mapping_width, side in attention)

        skips, last = [width], width  # widths that the way up meets again
        self.down = nn.ModuleList()
        for level, (inner, side) in enumerate(levels):
            if level:
                self.down.append(Shrink(last))
                skips.append(last)
            for _ in range(blocks):
                self.down.append(block(last, inner, side))
                skips.append(inner)
                last = inner
        self.middle = nn.ModuleList([block(last, last, levels[-1][1]), block(last, last, 0)])
        self.up = nn.ModuleList()
        for level, (inner, side) in reversed(list(enumerate(levels))):
            for _ in range(blocks + 1):
                self.up.append(block(last + skips.pop(), inner, side))
                last = inner
            if level:
                self.up.append(Grow(last))
        self.norm = StyledNorm(last, mapping_width)
        self.out = nn.Conv2d(last, channels * patch**2, 3, padding=1)

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None, z: Tensor) -> Tensor:
        """Map x_t (N, C, H, W), t (N,), labels (N,) and z (N, latent) to x_0 (N, C, H, W)."""
        style = self.mapping(t, labels, z)
        if self.patch > 1:
            x = F.pixel_unshuffle(x, self.patch)
        h = self.stem(x.contiguous(memory_format=torch.channels_last))
        skips = [h]
        for layer in self.down:
            h = layer(h, style)
            skips.append(h)
        for layer in self.middle:
            h = layer(h, style)
        for layer in self.up:
            if not isinstance(layer, Grow):
                h = torch.cat([h, skips.pop()], dim=1)
            h = layer(h, style)
        h = self.out(F.silu(self.norm(h, style))).float()
        return torch.tanh(F.pixel_shuffle(h, self.patch) if self.patch > 1 else h)


class TimedBlock(nn.Module):
    """Two convolutions beside a skip, the second halving the resolution; t is added between."""

    def __init__(self, width_in: int, width_out: int, times: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width_out, 3, padding=1)
        self.time = nn.Linear(times, width_out)
        self.conv2 = nn.Conv2d(width_out, width_out, 3, stride=2, padding=1)
        self.skip = nn.Conv2d(width_in, width_out, 1, stride=2, bias=False)

    def forward(self, x: Tensor, times: Tensor) -> Tensor:
        """Map x (N, C_in, H, W) to (N, C_out, ⌈H/2⌉, ⌈W/2⌉)."""
        h = self.conv1(F.leaky_relu(x, 0.2)) + self.time(times)[:, :, None, None]
        h = self.conv2(F.leaky_relu(h, 0.2))
        return (h + self.skip(x)) * 0.5**0.5  # the sum of two keeps the variance of each


class Discriminator(nn.Module):
    """Say how real pictures are, given t, the class and whatever is stacked behind them.

    The resolution halves until its side is at most 4, while the width doubles up to 8 times.
    """

    def __init__(self, channels: int, size: int, *, width: int, patch: int,
                 classes: int = 0) -> None:
        super().__init__()
        self.patch = patch
        times = 2 * TIMES
        self.time = nn.Sequential(nn.Linear(TIMES, times), nn.LeakyReLU(0.2),
                                  nn.Linear(times, times), nn.LeakyReLU(0.2))
        self.stem = nn.Conv2d(channels * patch**2, width, 3, padding=1)
        self.blocks = nn.ModuleList()
        side, last, most = size // patch, width, 8 * width
        while side > 4:
            self.blocks.append(TimedBlock(last, min(2 * last, most), times))
            side, last = (side + 1) // 2, min(2 * last, most)
        self.conv = nn.Conv2d(last + 1, last, 3, padding=1)
        self.out = nn.Linear(last, 1)
        self.label = nn.Embedding(classes, last) if classes else None
        if self.label is not None:
            nn.init.zeros_(self.label.weight)  # before it has learned it should have no opinion
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, a=0.2)

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map x (N, C, H, W), t (N,) and labels (N,) to logits (N,), float32."""
        times = self.time(timestep_embedding(t, TIMES))
        if self.patch > 1:
            x = F.pixel_unshuffle(x, self.patch)
        h = self.stem(x.contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            h = block(h, times)
        h = F.leaky_relu(h, 0.2)
        h = F.leaky_relu(self.conv(torch.cat([h, deviation(h)], dim=1)), 0.2)
        h = h.float().mean((2, 3))
        logits = self.out(h)[:, 0]
        if self.label is not None and labels is not None:
            # A class is asked for by projection (Miyato & Koyama 2018).
            logits = logits + (h * self.label(labels)).sum(1) * h.shape[1] ** -0.5
        return logits.float()


def deviation(h: Tensor) -> Tensor:
    """Return how much groups of pictures differ: (N, 1, H, W), one number for each group.

    Karras 2018, section 3; neighbours in the batch make a group.
    """
    n, _, height, width = h.shape
    group = next(size for size in range(min(GROUP, n), 0, -1) if n % size == 0)
    spread = h.float().reshape(n // group, group, -1).var(1, correction=0)
    told = (spread + 1e-8).sqrt().mean(1).repeat_interleave(group)
    return told[:, None, None, None].expand(n, 1, height, width).to(h.dtype)
