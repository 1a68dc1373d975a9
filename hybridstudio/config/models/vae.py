"""Settings of the family `vae`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from hybridstudio.config.data import DataConfig, Shape
from hybridstudio.config.fields import Knob, field
from hybridstudio.config.models.base import ModelSection, Space
from hybridstudio.config.train import TrainConfig
from hybridstudio.errors import Problem


class VaeConfig(ModelSection):
    """A variational autoencoder (Kingma & Welling 2013; β: Higgins 2017)."""

    title: ClassVar[str] = "Variational autoencoder"
    networks: ClassVar[tuple[str, ...]] = ("encoder", "decoder")
    samplers: ClassVar[tuple[str, ...]] = ("one-pass",)
    family: Literal["vae"] = field("vae", "The family of the model.")
    net: Literal["residual", "plain"] = field(
        "residual", "Residual blocks at half the resolution and below, or report 002's 3 "
        "convolutions and 4 transposed ones; points have a small MLP whatever is chosen.")
    latent: int = field(16, "Numbers in the latent vector z.", ge=1, le=1024)
    width: int = field(32, "Channels at the largest inner resolution.", unit="channels",
                       ge=8, le=512, multiple_of=8)
    blocks: int = field(2, "Residual blocks at each resolution, or layers of the MLP.", ge=1, le=8)
    likelihood: Literal["bernoulli", "gaussian"] = field(
        "bernoulli", "What p(x|z) is: each value a shade between black and white, or Gaussian.")
    variance: Literal["learned", "fixed"] = field(
        "learned", "Whether the Gaussian's one deviation is learned or stays as it is.")
    deviation: float = field(
        0.3, "The Gaussian's deviation on pictures in [-1, 1]; where learned, where it begins.",
        gt=0.0, le=10.0)
    beta: float = field(
        1.0, "Weight β of the KL term: more orders the latent space, less sharpens pictures.",
        ge=0.0, le=100.0)
    beta_warmup: float = field(
        0.0, "Share of the training over which β moves from where it begins; 0 has it at once.",
        ge=0.0, le=1.0)
    beta_begin: float = field(
        0.0, "Where β begins, if it is warmed up: 0 to have z used, a high one to have the class "
        "used before z tells it.", ge=0.0, le=100.0, advanced=True)
    labels: bool = field(False, "Learn the class labels, so that a class can be asked for.")

    def knobs(self) -> tuple[Knob, ...]:
        """Offer the temperature of z."""
        return (Knob("temperature", "Temperature",
                     "How far z strays from the middle: 0 draws the mean picture, 1 as learned",
                     1.0, 0.0, 2.0, 0.05),)

    def spaces(self, shape: Shape) -> tuple[Space, ...]:
        """The mean code μ, which the encoder finds for a picture."""
        return (Space("mu", "The code that the decoder draws from; the encoder finds a picture's "
                      "as the mean μ of q(z|x).", self.latent,
                      finds="" if shape.is_points else "encoder",
                      directions=("kl", "pca", "sefa")),)

    def problems(self, data: DataConfig, shape: Shape | None,
                 train: TrainConfig) -> Iterator[Problem]:
        """Tell pictures that the networks cannot halve, labels that are not, shades of points."""
        if shape is None:
            return
        if self.labels and not data.classes:
            yield Problem("model.labels", "the data set has no classes",
                          "set model.labels = false")
        if shape.is_points:
            if self.likelihood == "bernoulli":
                yield Problem("model.likelihood", "points are no shades between black and white",
                              "set model.likelihood = \"gaussian\"")
        elif self.net == "residual" and shape.height % 2:
            yield Problem("data.size", f"{shape.height} is odd, and the residual networks work at "
                          "half the resolution", "choose an even size, or model.net = \"plain\"")
