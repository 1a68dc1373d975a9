"""Small networks for points of the plane, which are pictures of two channels and one pixel."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hybridstudio.nets.labels import embedded
from hybridstudio.nets.unet import timestep_embedding

TIMES = 64  # sines and cosines that tell the time


class PointNet(nn.Module):
    """A residual MLP from a point to a point, told the time, a label and a noise vector z.

    `blocks` layers of `width` channels stand between the first and the last; a z of `latent`
    numbers is one more input. With `timed` or `classes` the inner layers are scaled and shifted by
    what they are told (Perez 2018); the row after the last class means 'any'. With `waves` the
    network also sees sines and cosines of its point at so many octaves (Tancik 2020): it learns
    modes that are narrow beside their distance ten times faster.
    """

    def __init__(self, channels_in: int, channels_out: int, width: int, blocks: int, *,
                 timed: bool, classes: int = 0, latent: int = 0, waves: int = 0) -> None:
        super().__init__()
        self.timed, self.classes, self.latent = timed, classes, latent
        self.waves = waves
        self.stem = nn.Linear(channels_in * (1 + 2 * waves) + latent, width)
        self.inner = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        self.head = nn.Linear(width, channels_out)
        told = timed or classes > 0
        self.time = nn.Sequential(nn.Linear(TIMES, width), nn.SiLU()) if timed else None
        self.label = nn.Embedding(classes + 1, width) if classes else None
        self.films = nn.ModuleList(
            nn.Linear(width, 2 * width) for _ in range(blocks)) if told else None

    def forward(self, x: Tensor, t: Tensor | None = None, labels: Tensor | None = None,
                z: Tensor | None = None) -> Tensor:
        """Map x (N, C_in, 1, 1), t (N,), labels int64 (N,) or None, z (N, latent) to a point."""
        inputs = x.flatten(1)
        if self.waves:
            octaves = math.pi * 2.0 ** torch.arange(self.waves, device=x.device)
            angles = (inputs[:, :, None] * octaves).flatten(1)
            inputs = torch.cat([inputs, angles.sin(), angles.cos()], dim=1)
        if z is not None:
            inputs = torch.cat([inputs, z], dim=1)
        told = self._told(t, labels, len(x), inputs.device)
        h = self.stem(inputs)
        for number, layer in enumerate(self.inner):
            inside = F.silu(h)
            if self.films is not None and told is not None:
                scale, shift = self.films[number](told).chunk(2, dim=1)
                inside = torch.addcmul(shift, inside, 1.0 + scale)
            h = h + layer(inside)
        return self.head(F.silu(h))[:, :, None, None]

    def _told(self, t: Tensor | None, labels: Tensor | None, count: int,
              on: torch.device) -> Tensor | None:
        """Return the embedding (N, width) of time and label, or None where nothing is told."""
        parts = []
        if self.time is not None:
            assert t is not None, "this network wants to be told the time"
            parts.append(self.time(timestep_embedding(t, TIMES)))
        if self.label is not None:
            if labels is None:
                labels = torch.full((count,), self.classes, device=on)
            parts.append(embedded(self.label, labels))
        return torch.stack(parts).sum(0) if parts else None
