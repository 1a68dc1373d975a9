"""Layers of equalised learning rate: weights begin as N(0, 1) and are scaled where they are used.

So one learning rate fits all of them (Karras 2018, section 4.1). Dense layers are computed in
float32 always, convolutions in what autocast says. Halving and doubling the resolution blurs
(Karras 2019, after Zhang 2019).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GAIN = math.sqrt(2.0)  # after a leaky ReLU, so that signals keep their size (He 2015)


def bent(x: Tensor) -> Tensor:
    """Apply the leaky ReLU, keeping the size of the signal."""
    return F.leaky_relu(x, 0.2) * GAIN


def unit(x: Tensor) -> Tensor:
    """Scale each row (N, C) to a mean square of 1."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class Dense(nn.Module):
    """A dense layer, always in float32; with `rate` it learns so many times as fast."""

    def __init__(self, width_in: int, width_out: int, *, bias: float = 0.0,
                 rate: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width_out, width_in) / rate)
        self.bias = nn.Parameter(torch.full((width_out,), bias / rate))
        self.gain, self.rate = rate / math.sqrt(width_in), rate

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C_in) to (N, C_out)."""
        with torch.autocast(x.device.type, enabled=False):
            return F.linear(x.float(), self.weight * self.gain, self.bias * self.rate)


class Blur(nn.Module):
    """The filter [1, 3, 3, 1] along both axes, as a depthwise convolution."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        row = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8.0
        self.register_buffer("kernel", torch.outer(row, row), persistent=False)

    def forward(self, x: Tensor, padding: int, gain: float = 1.0) -> Tensor:
        """Map x (N, C, H, W) to (N, C, H', W'), H' = H + 2 · padding - 3."""
        return F.conv2d(x, self._for(x, gain), padding=padding, groups=x.shape[1])

    def doubled(self, x: Tensor) -> Tensor:
        """Return x (N, C, H, W) at twice the resolution, in float32."""
        with torch.autocast(x.device.type, enabled=False):
            x = x.float()
            return F.conv_transpose2d(x, self._for(x, 4.0), stride=2, padding=1,
                                      groups=x.shape[1])

    def _for(self, x: Tensor, gain: float) -> Tensor:
        return (self.kernel * gain).expand(x.shape[1], 1, 4, 4)


class Conv(nn.Module):
    """A convolution; with `halve` it blurs and halves the resolution."""

    def __init__(self, width_in: int, width_out: int, kernel: int, *, bias: bool = True,
                 halve: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width_out, width_in, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(width_out)) if bias else None
        self.gain, self.kernel = 1.0 / math.sqrt(width_in * kernel**2), kernel
        self.blur = Blur() if halve else None

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C_in, H, W) to (N, C_out, H, W), or half the resolution."""
        weight = self.weight * self.gain
        if self.blur is None:
            return F.conv2d(x, weight, self.bias, padding=self.kernel // 2)
        # Blurred in full and then halved: a depthwise convolution that halves by itself is 20 times
        # slower to differentiate on a CPU.
        return F.conv2d(self.blur(x, 1 + self.kernel // 2), weight, self.bias, stride=2)
