"""Settings of the family `gan`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from hybridstudio.config.data import DataConfig, Shape
from hybridstudio.config.fields import field
from hybridstudio.config.models.base import ModelSection, Space
from hybridstudio.config.train import TrainConfig
from hybridstudio.errors import Problem


class GanConfig(ModelSection):
    """A generator and a discriminator that learn against each other (Goodfellow 2014)."""

    title: ClassVar[str] = "Generative adversarial network"
    networks: ClassVar[tuple[str, ...]] = ("generator", "discriminator")
    samplers: ClassVar[tuple[str, ...]] = ("one-pass",)
    adversarial: ClassVar[bool] = True
    family: Literal["gan"] = field("gan", "The family of the model.")
    net: Literal["fully-connected", "dcgan", "residual"] = field(
        "dcgan", "The two networks; points of the plane always take fully connected ones.")
    latent: int = field(100, "Numbers in z, from which a picture is made.", ge=1, le=4096)
    width: int = field(64, "Channels at full resolution; of each layer where fully connected.",
                       unit="channels", ge=4, le=2048, multiple_of=4)
    blocks: int = field(3, "Hidden layers of fully connected networks.", ge=1, le=12)
    dropout: float = field(0.0, "Dropout in the discriminator.", ge=0.0, lt=1.0)
    labels: bool = field(False, "Learn the class labels, so that a class can be asked for.")
    conditioning: Literal["concatenation", "projection"] = field(
        "concatenation", "How the discriminator is told the label: beside the picture, or by a "
        "projection of its features.")

    loss: Literal["bce", "minimax", "least-squares", "hinge", "wasserstein"] = field(
        "bce", "The game; bce is the non-saturating one with binary cross-entropy.")
    discriminator_steps: int = field(
        1, "Steps of the discriminator for each step of the generator.", unit="steps", ge=1, le=100)
    label_smoothing: float = field(
        0.0, "How far below 1 the target of real pictures lies.", ge=0.0, lt=0.5)
    weight_clip: float = field(
        0.0, "Largest weight of a Wasserstein critic; 0 does not clip.", ge=0.0, le=10.0)
    gradient_penalty: float = field(
        0.0, "Weight λ of the penalty that holds a Wasserstein critic's gradient at norm 1.",
        ge=0.0, le=1000.0)
    r1: float = field(0.0, "Weight γ of the R1 penalty on the gradient at real pictures.",
                      ge=0.0, le=1000.0)
    r1_every: int = field(16, "Steps from one R1 penalty to the next, which weighs as many times.",
                          unit="steps", ge=1, le=1000, advanced=True)
    spectral_norm: bool = field(
        False, "Divide the discriminator's weights by their largest singular value.")
    unroll: int = field(
        0, "Steps of the discriminator that the generator looks ahead.", unit="steps", ge=0, le=50)
    unroll_lr: float = field(
        1e-3, "Learning rate of the steps looked ahead.", gt=0.0, le=10.0, advanced=True)
    instance_noise: float = field(
        0.0, "Standard deviation of noise on what the discriminator sees; it falls to 0 by the "
        "end of training.", ge=0.0, le=2.0)

    augment: Literal["none", "always", "adaptive"] = field(
        "none", "Augment what the discriminator sees: always, or as much as it overfits (ADA).")
    augmentations: tuple[
        Literal["flips", "geometry", "colour", "cutout", "translation", "jitter"], ...] = field(
            ("translation", "cutout"), "Which transforms, in their order.", min_length=1,
            advanced=True)
    ada_target: float = field(
        0.6, "Overfitting r_t that the adaptive controller aims at.", gt=0.0, lt=1.0,
        advanced=True)
    ada_pictures: float = field(
        100_000.0, "Pictures in which the adaptive probability can rise from 0 to 1.",
        unit="pictures", ge=1000.0, advanced=True)
    growing: int = field(
        0, "How many times the resolution doubles while learning; for residual networks.",
        ge=0, le=6)
    grown_at: float = field(
        0.6, "Share of the training after which the full resolution is reached.", gt=0.0, le=1.0,
        advanced=True)

    def spaces(self, shape: Shape) -> tuple[Space, ...]:
        """The noise z that a picture is drawn from in one pass."""
        return (Space("z", "The noise z from which the generator draws a picture in one pass.",
                      self.latent, finds="" if shape.is_points else "search",
                      directions=("pca", "sefa")),)

    def problems(self, data: DataConfig, shape: Shape | None,
                 train: TrainConfig) -> Iterator[Problem]:
        """Tell every choice that contradicts another one or the data."""
        yield from self._of_the_game()
        if self.growing and self.net != "residual":
            yield Problem("model.growing", f"the {self.net} network cannot grow",
                          'set model.net = "residual" or model.growing = 0')
        if self.dropout and self.net == "residual":
            yield Problem("model.dropout", "the residual discriminator has none",
                          "set model.dropout = 0, or use spectral_norm")
        if train.batch_size < 2 and self.net != "fully-connected" and not (
                shape is not None and shape.is_points):
            yield Problem("train.batch_size", "batch normalisation needs at least 2 pictures")
        if shape is not None:
            yield from self._of_the_data(data, shape)

    def _of_the_game(self) -> Iterator[Problem]:
        is_critic = self.loss == "wasserstein"
        if is_critic and not (self.weight_clip or self.gradient_penalty or self.spectral_norm):
            yield Problem("model.loss", "nothing bounds the slope of the Wasserstein critic",
                          "set model.gradient_penalty = 10 or model.weight_clip = 0.01")
        if self.label_smoothing and self.loss in ("hinge", "wasserstein"):
            yield Problem("model.label_smoothing", f"the {self.loss} loss has no labels to smooth",
                          "set it to 0, or choose another loss")
        for name in ("weight_clip", "gradient_penalty"):
            if getattr(self, name) and not is_critic:
                yield Problem(f"model.{name}", f"belongs to the Wasserstein loss, not {self.loss}",
                              'set it to 0, or model.loss = "wasserstein"')
        if self.weight_clip and self.gradient_penalty:
            yield Problem("model.weight_clip", "the gradient penalty takes its place",
                          "set one of the two to 0")
        if self.weight_clip and self.spectral_norm:
            yield Problem("model.weight_clip", "spectral normalisation rescales clipped weights",
                          "set one of the two to 0 or false")
        penalties = [name for name in ("weight_clip", "gradient_penalty", "r1")
                     if getattr(self, name)]
        if self.unroll and self.growing:
            yield Problem("model.unroll", "layers that have not grown yet have nothing to look "
                          "ahead with", "set model.unroll = 0 or model.growing = 0")
        if self.unroll and penalties:
            yield Problem("model.unroll", f"the steps looked ahead do not know {penalties[0]}",
                          f"set model.unroll = 0 or model.{penalties[0]} = 0")
        if self.augment == "adaptive" and is_critic:
            yield Problem("model.augment", "a critic's sign does not tell whether it overfits",
                          'set it to "always" or "none", or choose another loss')

    def _of_the_data(self, data: DataConfig, shape: Shape) -> Iterator[Problem]:
        if self.labels and not data.classes:
            yield Problem("model.labels", "the data set has no classes",
                          "set model.labels = false")
        if shape.is_points:
            if self.growing or self.augment != "none":
                name = "growing" if self.growing else "augment"
                yield Problem(f"model.{name}", "means nothing for points of the plane",
                              "leave it at its default")
            return
        if self.net == "dcgan" and shape.height % 4:
            yield Problem("data.size", f"{shape.height} cannot be halved twice, which the dcgan "
                          "network asks for", "use a multiple of 4")
        if self.net == "residual":
            # Halved until odd or below 8, as nets.ganresidual does it.
            side, doublings = shape.height, 0
            while side % 2 == 0 and side >= 8:
                side, doublings = side // 2, doublings + 1
            if doublings == 0:
                yield Problem("data.size", f"{shape.height} cannot be halved, which the residual "
                              "network asks for", "use a multiple of 4 or more")
            elif self.growing > doublings:
                yield Problem("model.growing", f"{shape.height} pixels are doubled only "
                              f"{doublings} times", f"use at most {doublings}")
