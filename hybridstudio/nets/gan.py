"""What the networks of GANs share, and the fully connected ones (Goodfellow 2014).

Every generator maps z (N, latent) and labels int64 (N,) or None to pictures, every discriminator
pictures and labels to one logit (N,) each. Both take a `growth` that only growing networks heed.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from hybridstudio.config import Shape
from hybridstudio.nets.labels import one_hot
from hybridstudio.nets.unet import Dropout


def with_labels(x: Tensor, labels: Tensor | None, classes: int) -> Tensor:
    """Append labels (N,) as one-hot channels to z (N, L) or to pictures (N, C, H, W).

    Mirza & Osindero 2014; the next layer turns them into an embedding. None appends zeros.
    """
    if classes == 0:
        return x
    told = x.new_zeros(len(x), classes) if labels is None else one_hot(labels, classes, x.dtype)
    if x.ndim == 4:
        told = told[:, :, None, None].expand(-1, -1, *x.shape[2:])
    return torch.cat([x, told], dim=1)


class Verdict(nn.Module):
    """The last layer of a discriminator, from features h (N, width) to one logit (N,).

    With `classes` it is the projection discriminator's: ψ(h) + <v_y, h> (Miyato & Koyama 2018,
    equation 3).
    """

    def __init__(self, width: int, classes: int = 0) -> None:
        super().__init__()
        self.psi = nn.Linear(width, 1)
        self.label = nn.Embedding(classes, width) if classes else None

    def forward(self, h: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map features (N, width) and labels (N,) to logits (N,)."""
        verdict = self.psi(h).squeeze(1)
        if self.label is not None and labels is not None:
            verdict = verdict + (self.label(labels) * h).sum(1)
        return verdict


def spectrally_normal(network: nn.Module) -> None:
    """Divide every weight of a network by its largest singular value (Miyato 2018)."""
    for layer in list(network.modules()):
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.Embedding):
            nn.utils.parametrizations.spectral_norm(layer)


def near_zero(network: nn.Module) -> None:
    """Begin with weights from N(0, 0.02²) and scales from N(1, 0.02²) (Radford 2016, section 4)."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear | nn.Embedding):
            nn.init.normal_(layer.weight, 0.0, 0.02)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
        if isinstance(bias := getattr(layer, "bias", None), Tensor):
            nn.init.zeros_(bias)


def _layers(widths: list[int], dropout: float = 0.0) -> nn.Sequential:
    """Make hidden layers between these widths, begun so that signals keep their size (He 2015)."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        linear = nn.Linear(before, after)
        nn.init.kaiming_normal_(linear.weight, a=0.2)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.LeakyReLU(0.2), Dropout(dropout)]
    return nn.Sequential(*layers)


class DenseGenerator(nn.Module):
    """Fully connected layers from z to a picture in [-1, 1], or to a point of the plane."""

    def __init__(self, shape: Shape, *, latent: int, width: int, blocks: int,
                 classes: int = 0) -> None:
        super().__init__()
        self.shape, self.classes = shape, classes
        self.layers = _layers([latent + classes] + [width] * blocks)
        self.out = nn.Linear(width, shape.channels * shape.height * shape.width)

    def forward(self, z: Tensor, labels: Tensor | None = None,
                growth: float | None = None) -> Tensor:
        """Map z (N, latent) to pictures (N, C, H, W)."""
        h = self.out(self.layers(with_labels(z, labels, self.classes)))
        images = h.unflatten(1, tuple(self.shape))
        return images if self.shape.is_points else images.tanh()

    @property
    def entrance(self) -> nn.Linear:
        """The layer that z meets first."""
        layer = self.layers[0]
        assert isinstance(layer, nn.Linear)
        return layer

    def first(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return what the first layers make of z, (N, F)."""
        return self.layers[:2](with_labels(z, labels, self.classes))


class DenseDiscriminator(nn.Module):
    """Fully connected layers from a picture to its verdict."""

    def __init__(self, shape: Shape, *, width: int, blocks: int, dropout: float = 0.0,
                 classes: int = 0, projected: bool = False) -> None:
        super().__init__()
        self.appended = 0 if projected else classes
        inputs = shape.channels * shape.height * shape.width + self.appended
        self.layers = _layers([inputs] + [width] * blocks, dropout)
        self.verdict = Verdict(width, classes if projected else 0)

    def forward(self, images: Tensor, labels: Tensor | None = None,
                growth: float | None = None) -> Tensor:
        """Map pictures (N, C, H, W) to logits (N,)."""
        h = self.layers(with_labels(images.flatten(1), labels, self.appended))
        return self.verdict(h, labels)
