"""Settings of the family `stylegan`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from hybridstudio.config.data import DataConfig, Shape
from hybridstudio.config.fields import Knob, field
from hybridstudio.config.models.base import ModelSection, Space
from hybridstudio.config.train import TrainConfig
from hybridstudio.errors import Problem

SMALLEST, LARGEST = 4, 16  # sides that the generator may begin with


def sides(size: int) -> tuple[int, ...]:
    """Return the sides that a picture grows through, each twice the one before.

    It begins at a side that is odd or cannot be halved above 4: 4 for 64, 7 for 28. () where that
    is too large to begin with.
    """
    grown = [size]
    while grown[0] % 2 == 0 and grown[0] // 2 >= SMALLEST:
        grown.insert(0, grown[0] // 2)
    return tuple(grown) if len(grown) > 1 and grown[0] <= LARGEST else ()


class StyleganConfig(ModelSection):
    """A generator that is told the style of each of its layers (Karras 2020), with ADA (2020b)."""

    title: ClassVar[str] = "StyleGAN2"
    networks: ClassVar[tuple[str, ...]] = ("generator", "discriminator")
    samplers: ClassVar[tuple[str, ...]] = ("one-pass",)
    adversarial: ClassVar[bool] = True
    family: Literal["stylegan"] = field("stylegan", "The family of the model.")
    latent: int = field(512, "Numbers in z, from which a picture is made.", ge=2, le=4096)
    style: int = field(512, "Numbers in w, the style that z is mapped to.", ge=2, le=4096)
    mapping_layers: int = field(2, "Layers of the mapping from z to w.", ge=1, le=16)
    width: int = field(256, "Channels at full resolution; each halving doubles them.",
                       unit="channels", ge=4, le=1024, multiple_of=4)
    max_width: int = field(512, "Most channels at any resolution.", unit="channels", ge=4, le=2048,
                           multiple_of=4)
    blocks: int = field(4, "Hidden layers of the networks for points of the plane.", ge=1, le=12)
    labels: bool = field(False, "Learn the class labels, so that a class can be asked for.")
    group: int = field(4, "Pictures whose spread the discriminator sees together; 1 shows none.",
                       unit="pictures", ge=1, le=64, advanced=True)

    style_mixing: float = field(
        0.9, "Share of pictures whose coarse and fine layers have different styles while training.",
        ge=0.0, le=1.0)
    r1: float = field(0.03, "Weight γ of the R1 penalty on the gradient at real pictures.",
                      ge=0.0, le=1000.0)
    r1_every: int = field(16, "Steps from one R1 penalty to the next, which weighs as many times.",
                          unit="steps", ge=1, le=1000, advanced=True)
    path_length: float = field(
        2.0, "Weight of the penalty that holds steps in w at equal lengths in pictures.",
        ge=0.0, le=1000.0)
    path_every: int = field(
        4, "Steps from one path-length penalty to the next, which weighs as many times.",
        unit="steps", ge=1, le=1000, advanced=True)

    augment: Literal["none", "always", "adaptive"] = field(
        "none", "Augment what the discriminator sees: always, or as much as it overfits (ADA).")
    augmentations: tuple[
        Literal["flips", "geometry", "colour", "cutout", "translation", "jitter"], ...] = field(
            ("flips", "geometry", "colour"), "Which transforms, in their order.", min_length=1,
            advanced=True)
    ada_target: float = field(
        0.6, "Overfitting r_t that the adaptive controller aims at.", gt=0.0, lt=1.0,
        advanced=True)
    ada_pictures: float = field(
        500_000.0, "Pictures in which the adaptive probability can rise from 0 to 1.",
        unit="pictures", ge=1000.0, advanced=True)

    def knobs(self) -> tuple[Knob, ...]:
        """Truncation of w, and the noise inputs."""
        return (
            Knob("truncation", "truncation ψ", "How far w may lie from the mean style: less gives "
                 "more typical pictures, 1 all that was learned.", 1.0, -1.0, 2.0),
            Knob("noise", "noise", "Strength of the noise inputs, which settle small detail: 1 as "
                 "learned, 0 without.", 1.0, 0.0, 2.0))

    def layers(self, shape: Shape) -> int:
        """Return how many styles a picture is made with: one each layer, and one to read it by."""
        return (self.blocks if shape.is_points else 2 * len(sides(shape.height)) - 1) + 1

    def spaces(self, shape: Shape) -> tuple[Space, ...]:
        """The noise z, and the styles w that it is mapped to, one for each layer."""
        finds, found = "" if shape.is_points else "search", ("pca", "sefa")
        layers = self.layers(shape)
        parts = tuple((f"layer {number}", self.style) for number in range(1, layers + 1))
        return (
            Space("z", "The noise z that is mapped to the style of all layers; only its direction "
                  "counts.", self.latent, finds=finds, directions=found),
            Space("w", "The style of each layer, from coarse to fine; layers may have styles of "
                  "different pictures.", layers * self.style, is_normal=False, parts=parts,
                  finds=finds, directions=found, follows="z"))

    def problems(self, data: DataConfig, shape: Shape | None,
                 train: TrainConfig) -> Iterator[Problem]:
        """Tell sizes that cannot be grown, labels that are not, what points have no use for."""
        if self.max_width < self.width:
            yield Problem("model.max_width", f"{self.max_width} is less than the {self.width} "
                          "channels at full resolution", "make it at least model.width")
        if shape is None:
            return
        if self.labels and not data.classes:
            yield Problem("model.labels", "the data set has no classes",
                          "set model.labels = false")
        if shape.is_points:
            if self.augment != "none":
                yield Problem("model.augment", "means nothing for points of the plane",
                              'set it to "none"')
        elif not sides(shape.height):
            yield Problem("data.size", f"{shape.height} cannot be reached by doubling a side of "
                          f"{SMALLEST} to {LARGEST}", "use 32, 64 or another multiple of 8")
