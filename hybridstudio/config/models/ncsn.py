"""Settings of the family `ncsn`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import field_validator

from hybridstudio.config.data import DataConfig, Shape
from hybridstudio.config.fields import Knob, field
from hybridstudio.config.models.base import Evaluations, ModelSection, of_labels, of_levels
from hybridstudio.config.train import TrainConfig
from hybridstudio.errors import Problem

MOST_STEPS = 20  # of Langevin at each noise level


class NcsnConfig(ModelSection):
    """A noise conditional score network (Song & Ermon 2019 and 2020)."""

    title: ClassVar[str] = "Score network"
    networks: ClassVar[tuple[str, ...]] = ("unet",)
    samplers: ClassVar[tuple[str, ...]] = ("langevin", "consistent")
    guided: ClassVar[bool] = True
    inpaints: ClassVar[bool] = True
    no_space: ClassVar[str] = (
        "Annealed Langevin dynamics adds fresh noise at every step, so no single point that it "
        "starts from decides the picture: a score network has no latent space.")
    family: Literal["ncsn"] = field("ncsn", "The family of the model.")
    width: int = field(64, "Channels of the UNet at full inner resolution.",
                       unit="channels", ge=8, le=512, multiple_of=8)
    channel_mult: tuple[int, ...] = field(
        (1, 2), "Width of each level as a multiple; each further level halves the resolution.",
        min_length=1, max_length=6)
    blocks: int = field(2, "Residual blocks at each level.", ge=1, le=6)
    attention: tuple[int, ...] = field(
        (), "Inner resolutions at which self-attention is used.", unit="pixels")
    head_width: int = field(64, "Channels of each attention head.", unit="channels", ge=8, le=256,
                            advanced=True)
    dropout: float = field(0.0, "Dropout inside the residual blocks.", ge=0.0, lt=1.0)
    patch: Literal[1, 2, 4] = field(
        1, "Space-to-depth stem: the UNet works at 1/patch of the resolution, which is faster.")
    labels: bool = field(False, "Learn the class labels, so that a class can be asked for.")
    label_dropout: float = field(
        0.1, "Share of labels hidden while training, which makes guidance possible.",
        ge=0.0, le=1.0, advanced=True)
    noise_levels: int = field(
        40, "Number of noise levels L, from σ_max to σ_min with one ratio between neighbours.",
        unit="levels", ge=2, le=2000)
    sigma_max: float | None = field(
        None, "The largest noise: up to the largest distance between two pictures, but less is "
        "learned faster; empty takes 8 for pictures in [-1, 1], 2 for points.", gt=0.0, le=1000.0)
    sigma_min: float | None = field(
        None, "The smallest noise, which the last step takes away; empty takes 0.05 for pictures, "
        "0.01 for points.", gt=0.0, le=1.0)
    steps_per_level: int = field(
        3, "Langevin steps at each noise level when drawing.", unit="steps", ge=1, le=MOST_STEPS)
    predict: Literal["eps", "v"] = field(
        "v", "What the network predicts, and by whose error it learns: the noise, which is the "
        "papers' weighting by σ², or the velocity between noise and picture, which learns faster.")

    @field_validator("channel_mult")
    @classmethod
    def _multiples_in_range(cls, multiples: tuple[int, ...]) -> tuple[int, ...]:
        if not all(1 <= multiple <= 16 for multiple in multiples):
            raise ValueError("every multiple should be 1 to 16")
        return multiples

    def sigmas(self, shape: Shape | None) -> tuple[float, float]:
        """Return the largest and the smallest noise for pictures of this shape."""
        largest, smallest = (2.0, 0.01) if shape is not None and shape.is_points else (8.0, 0.05)
        return self.sigma_max or largest, self.sigma_min or smallest

    @property
    def levels(self) -> int:
        """The number of noise levels L."""
        return self.noise_levels

    @property
    def evaluations(self) -> Evaluations:
        """One for each Langevin step and a last one that denoises: levels · steps + 1."""
        return Evaluations(2, self.noise_levels * self.steps_per_level + 1,
                           self.noise_levels * MOST_STEPS + 1)

    def knobs(self) -> tuple[Knob, ...]:
        """Offer what Langevin dynamics does at each level."""
        return (
            Knob("steps", "Steps at each level", "Langevin steps at each noise level; as many "
                 "levels are used as the evaluations pay for", self.steps_per_level, 1,
                 MOST_STEPS, 1, whole=True),
            Knob("step_size", "Step size", "The step size as a multiple of the usual one; less "
                 "brings less fresh noise", 1.0, 0.1, 3.0, 0.05))

    def problems(self, data: DataConfig, shape: Shape | None,
                 train: TrainConfig) -> Iterator[Problem]:
        """Tell levels that do not descend, and what the UNet cannot do with these pictures."""
        largest, smallest = self.sigmas(shape)
        if largest <= smallest:
            yield Problem("model.sigma_max", f"{largest:g} is not above the smallest noise, "
                          f"{smallest:g}")
        yield from of_labels(self.labels, data, shape)
        yield from of_levels(data.size, self.patch, self.channel_mult, self.attention)
