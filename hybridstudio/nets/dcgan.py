"""The deep convolutional GAN (Radford 2016) in the shape that report 002 trained.

Generator: 1 dense layer and 3 transposed convolutions, the last two of which double the side.
Discriminator: 2 convolutions that halve it and 1 dense layer. Kernels are 5×5; with `width` 64 and
grey pictures of 28×28 they have 2,305,472 and 212,865 weights.
"""

from __future__ import annotations

from torch import Tensor, nn

from hybridstudio.config import Shape
from hybridstudio.nets.gan import Verdict, near_zero, with_labels
from hybridstudio.nets.unet import Dropout


class DCGenerator(nn.Module):
    """From z to a picture in [-1, 1], through feature maps of a quarter, a half, the whole side."""

    def __init__(self, shape: Shape, *, latent: int, width: int, classes: int = 0) -> None:
        super().__init__()
        self.classes = classes
        self.base = (4 * width, shape.height // 4, shape.width // 4)
        cells = self.base[0] * self.base[1] * self.base[2]
        self.dense = nn.Sequential(
            nn.Linear(latent + classes, cells, bias=False), nn.BatchNorm1d(cells), nn.ReLU())
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(4 * width, 2 * width, 5, 1, 2, bias=False),
            nn.BatchNorm2d(2 * width), nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 5, 2, 2, output_padding=1, bias=False),
            nn.BatchNorm2d(width), nn.ReLU(),
            nn.ConvTranspose2d(width, shape.channels, 5, 2, 2, output_padding=1, bias=False))
        near_zero(self)

    def forward(self, z: Tensor, labels: Tensor | None = None,
                growth: float | None = None) -> Tensor:
        """Map z (N, latent) to pictures (N, C, H, W)."""
        return self.layers(self.first(z, labels).unflatten(1, self.base)).tanh()

    @property
    def entrance(self) -> nn.Linear:
        """The layer that z meets first."""
        layer = self.dense[0]
        assert isinstance(layer, nn.Linear)
        return layer

    def first(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return what the first layers make of z, (N, F)."""
        return self.dense(with_labels(z, labels, self.classes))


class DCDiscriminator(nn.Module):
    """From a picture to its verdict: strides in place of pooling, leaky activations."""

    def __init__(self, shape: Shape, *, width: int, dropout: float = 0.0, classes: int = 0,
                 projected: bool = False) -> None:
        super().__init__()
        self.appended = 0 if projected else classes
        self.layers = nn.Sequential(
            nn.Conv2d(shape.channels + self.appended, width, 5, 2, 2),
            nn.LeakyReLU(0.2), Dropout(dropout),
            nn.Conv2d(width, 2 * width, 5, 2, 2), nn.LeakyReLU(0.2), Dropout(dropout))
        cells = 2 * width * (shape.height // 4) * (shape.width // 4)
        self.verdict = Verdict(cells, classes if projected else 0)
        near_zero(self)

    def forward(self, images: Tensor, labels: Tensor | None = None,
                growth: float | None = None) -> Tensor:
        """Map pictures (N, C, H, W) to logits (N,)."""
        h = self.layers(with_labels(images, labels, self.appended))
        return self.verdict(h.flatten(1), labels)
