"""The networks of StyleGAN2: mapping, style-modulated synthesis, residual discriminator.

After Karras 2019 (mapping, noise inputs, style mixing), Karras 2020 (modulation, skip generator,
residual discriminator) and Karras 2018 (spread of a minibatch).

For colour pictures of 64 pixels with 512 numbers in z and w, two mapping layers, 256 channels at
full resolution and 512 below, the generator has 22,243,608 parameters:
    2 mapping layers of 512·512 + 512                                               525,312
    the constant that it begins with, 512·4·4                                         8,192
    7 convolutions 512 → 512, 3·3: 2,359,296 + bias 512 + noise 1 + style 262,656    18,357,255
    4 to colour 512 → 3: 1,536 + bias 3 + style 262,656                               1,056,780
    64 pixels, 512 → 256: 1,179,648 + bias 256 + noise 1 + style 262,656              1,442,561
    64 pixels, 256 → 256:   589,824 + bias 256 + noise 1 + style 131,328                721,409
    64 pixels, to colour: 768 + bias 3 + style 131,328                                  132,099
(a style is a dense layer 512·C_in + C_in; each layer has one noise strength), and the
discriminator 23,407,361:
    from colour 3 → 256                                                                   1,024
    64 pixels: 256 → 256 590,080, 256 → 512 1,180,160, skip without bias 131,072      1,901,312
    32, 16, 8 pixels, each: twice 512 → 512 2,359,808, skip 262,144                  14,945,280
    4 pixels: 513 → 512, the spread as one more channel                               2,364,416
    dense 512·4·4 → 512, then 512 → 1                                     4,194,816 and 513
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hybridstudio.config import Shape
from hybridstudio.config.models.stylegan import sides
from hybridstudio.nets.equalised import GAIN, Blur, Conv, Dense, bent, unit
from hybridstudio.nets.labels import embedded

MAPPING_RATE = 0.01  # the mapping learns this much more slowly (Karras 2019, appendix C)
MEAN_DECAY = 0.998  # of the mean style w̄


def modulated(x: Tensor, weight: Tensor, style: Tensor, *, demodulate: bool = True,
              blur: Blur | None = None) -> Tensor:
    """Convolve x (N, C_in, H, W) with weights (C_out, C_in, k, k) scaled by styles (N, C_in).

    With a blur the resolution doubles. One convolution serves the whole batch: its input is scaled
    instead of the weights, and its output divided by the length that these would have had.
    """
    # Karras 2020, equations 1 and 3: w'_ijk = s_i w_ijk, w''_ijk = w'_ijk / √(Σ_ik w'²_ijk + ε).
    x = x * style[:, :, None, None]
    if blur is None:
        x = F.conv2d(x, weight, padding=weight.shape[2] // 2)
    else:
        x = blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), 1, 4.0)
    if not demodulate:
        return x
    with torch.autocast(x.device.type, enabled=False):
        lengths = style.square() @ weight.square().sum((2, 3)).T
        return x.float() * (lengths + 1e-8).rsqrt()[:, :, None, None]


class StyledConv(nn.Module):
    """A modulated convolution, noise, bias and leaky ReLU; with `double` at twice the resolution.

    The noise has one strength for all channels, 0 in the beginning.
    """

    def __init__(self, width_in: int, width_out: int, style: int, *, kernel: int = 3,
                 double: bool = False) -> None:
        super().__init__()
        self.affine = Dense(style, width_in, bias=1.0)
        self.weight = nn.Parameter(torch.randn(width_out, width_in, kernel, kernel))
        self.strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(width_out))
        self.blur = Blur() if double else None

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """Map x (N, C_in, H, W), w (N, style) and noise (N, 1, H', W') to (N, C_out, H', W')."""
        x = modulated(x, self.weight, self.affine(w), blur=self.blur)
        if noise is not None:
            x = x + noise * self.strength
        return bent(x + self.bias[:, None, None])


class ToPicture(nn.Module):
    """A modulated 1 × 1 convolution from features to the channels of a picture."""

    def __init__(self, width: int, channels: int, style: int) -> None:
        super().__init__()
        self.affine = Dense(style, width, bias=1.0)
        self.weight = nn.Parameter(torch.randn(channels, width, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.gain = 1.0 / math.sqrt(width)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Map x (N, width, H, W) and w (N, style) to (N, channels, H, W) in float32."""
        picture = modulated(x, self.weight * self.gain, self.affine(w), demodulate=False)
        return picture.float() + self.bias[:, None, None]


# --- the generator --------------------------------------------------------------------------------


class Mapping(nn.Module):
    """From z, and a label where there are classes, to the style w; knows the mean style w̄."""

    mean: Tensor

    def __init__(self, latent: int, style: int, layers: int, classes: int = 0) -> None:
        super().__init__()
        self.label = nn.Embedding(classes, latent) if classes else None
        widths = [latent * (2 if classes else 1)] + [style] * layers
        self.layers = nn.ModuleList(
            Dense(before, after, rate=MAPPING_RATE) for before, after in pairwise(widths))
        self.register_buffer("mean", torch.zeros(style))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map z (N, latent) and labels int64 (N,) to w (N, style); a missing label tells zeros."""
        h = unit(z.float())
        if self.label is not None:
            told = torch.zeros_like(h)
            if labels is not None:
                told = unit(embedded(self.label, labels).float())
            h = torch.cat([h, told], dim=1)
        for layer in self.layers:
            h = bent(layer(h))
        return h

    @torch.no_grad()
    def follow(self, w: Tensor) -> None:
        """Move the mean style towards that of a batch w (N, style)."""
        self.mean.lerp_(w.detach().float().mean(0), 1.0 - MEAN_DECAY)


class Stage(nn.Module):
    """All layers at one resolution, and what they add to the picture."""

    def __init__(self, layers: Sequence[StyledConv], to_picture: ToPicture) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.to_picture = to_picture


class Generator(nn.Module):
    """Mapping and synthesis: from z through the style w of each layer to a picture.

    Points of the plane are pictures of one pixel, made by `blocks` layers.
    """

    def __init__(self, shape: Shape, *, latent: int, style: int, mapping_layers: int, width: int,
                 max_width: int, blocks: int = 4, classes: int = 0) -> None:
        super().__init__()
        self.mapping = Mapping(latent, style, mapping_layers, classes)
        self.blur = Blur()
        self.sides = (1,) if shape.is_points else sides(shape.height)
        stages = []
        before = first = channels_at(self.sides[0], self.sides[-1], width, max_width)
        for number, side in enumerate(self.sides):
            now = channels_at(side, self.sides[-1], width, max_width)
            if shape.is_points:
                layers = [StyledConv(now, now, style, kernel=1) for _ in range(blocks)]
            else:
                layers = [StyledConv(now, now, style)]
                if number:
                    layers.insert(0, StyledConv(before, now, style, double=True))
            stages.append(Stage(layers, ToPicture(now, shape.channels, style)))
            before = now
        self.constant = nn.Parameter(torch.randn(first, self.sides[0], self.sides[0]))
        self.stages = nn.ModuleList(stages)
        # One noise for each layer, one style more: the last is for what the picture is read by.
        self.noise_shapes = tuple((1, side, side) for side, stage in zip(
            self.sides, stages, strict=True) for _ in stage.layers)
        self.styles = len(self.noise_shapes) + 1

    def forward(self, w: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Draw pictures (N, C, H, W) from w (N, style), or (N, styles, style) one for each layer.

        `noise` holds (N, 1, H, W) for each of `noise_shapes`; None goes without.
        """
        each = (w[:, None].expand(-1, self.styles, -1) if w.ndim == 2 else w).unbind(1)
        x = self.constant.expand(len(w), -1, -1, -1)
        picture: Tensor | None = None
        place = 0
        for stage in self.stages:
            assert isinstance(stage, Stage)
            for layer in stage.layers:
                x = layer(x, each[place], None if noise is None else noise[place])
                place += 1
            # It shares the style of the next layer; summed in float32 from coarse to fine.
            added = stage.to_picture(x, each[place])
            picture = added if picture is None else self.blur.doubled(picture) + added
        assert picture is not None
        return picture


def channels_at(side: int, full: int, width: int, most: int) -> int:
    """Return the channels at a side: `width` at the full one, doubled by each halving."""
    return min(width * full // side, most)


# --- the discriminator ----------------------------------------------------------------------------


def with_spread(x: Tensor, group: int) -> Tensor:
    """Append a channel that tells how much the pictures of a group differ (Karras 2018, section 3).

    x is (N, C, ...); groups are as large as fits N, at most `group`. In float32.
    """
    x = x.float()
    size = next(count for count in range(min(group, len(x)), 0, -1) if len(x) % count == 0)
    groups = x.unflatten(0, (size, -1))
    deviation = (groups.var(0, correction=0) + 1e-8).sqrt().flatten(1).mean(1)  # one a group
    spread = deviation.repeat(size).reshape(-1, *[1] * (x.ndim - 1))
    return torch.cat([x, spread.expand(-1, 1, *x.shape[2:])], dim=1)


class Halving(nn.Module):
    """Two convolutions to half the resolution, beside a plain halving (Karras 2020, figure 7)."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.first = Conv(width_in, width_in, 3)
        self.second = Conv(width_in, width_out, 3, halve=True)
        self.skip = Conv(width_in, width_out, 1, bias=False, halve=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (N, C_in, H, W) to (N, C_out, H/2, W/2)."""
        return (bent(self.second(bent(self.first(x)))) + self.skip(x)) / GAIN


class Verdict(nn.Module):
    """The last layer, from features to one logit, and to the label's where there are classes."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.out = Dense(width, 1)
        self.label = nn.Embedding(classes, width) if classes else None

    def forward(self, h: Tensor, labels: Tensor | None) -> Tensor:
        """Map features (N, width) and labels int64 (N,) to logits (N,)."""
        verdict = self.out(h).squeeze(1)
        if self.label is not None and labels is not None:
            # Miyato & Koyama 2018, equation 3: ψ(h) + <v_y, h>, scaled as a dense layer's output.
            verdict = verdict + (unit(self.label(labels).float()) * h).sum(1) / h.shape[1] ** 0.5
        return verdict


class Discriminator(nn.Module):
    """From pictures and their labels to one logit each."""

    def __init__(self, shape: Shape, *, width: int, max_width: int, classes: int = 0,
                 group: int = 4) -> None:
        super().__init__()
        grown = sides(shape.height)
        widths = [channels_at(side, grown[-1], width, max_width) for side in reversed(grown)]
        last = widths[-1]
        self.group = group
        self.first = Conv(shape.channels, widths[0], 1)
        self.halvings = nn.Sequential(*(Halving(*pair) for pair in pairwise(widths)))
        self.joined = Conv(last + 1, last, 3)
        self.dense = Dense(last * grown[0] ** 2, last)
        self.verdict = Verdict(last, classes)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map pictures (N, C, H, W) and labels int64 (N,) to logits (N,) in float32."""
        h = self.halvings(bent(self.first(images)))
        h = bent(self.joined(with_spread(h, self.group)))
        return self.verdict(bent(self.dense(h.flatten(1))), labels)


class PointDiscriminator(nn.Module):
    """From points of the plane and their labels to one logit each, by `blocks` dense layers."""

    def __init__(self, shape: Shape, *, width: int, blocks: int, classes: int = 0,
                 group: int = 4) -> None:
        super().__init__()
        self.group = group
        widths = [shape.channels] + [width] * blocks
        self.layers = nn.ModuleList(Dense(*pair) for pair in pairwise(widths))
        self.joined = Dense(width + 1, width)
        self.verdict = Verdict(width, classes)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map points (N, 2, 1, 1) and labels int64 (N,) to logits (N,) in float32."""
        h = images.flatten(1)
        for layer in self.layers:
            h = bent(layer(h))
        return self.verdict(bent(self.joined(with_spread(h, self.group))), labels)
