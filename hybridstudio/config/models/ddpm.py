"""Settings of the family `ddpm`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import field_validator

from hybridstudio.config.data import DataConfig, Shape
from hybridstudio.config.fields import Knob, field
from hybridstudio.config.models.base import (
    Evaluations,
    ModelSection,
    Space,
    of_labels,
    of_levels,
)
from hybridstudio.config.train import TrainConfig
from hybridstudio.errors import Problem

RESAMPLED, JUMP = 4, 5  # of completing a picture: how often, and how many steps at a time


class DdpmConfig(ModelSection):
    """A denoising diffusion model (Ho 2020; Nichol & Dhariwal 2021)."""

    title: ClassVar[str] = "Diffusion model"
    networks: ClassVar[tuple[str, ...]] = ("unet",)
    samplers: ClassVar[tuple[str, ...]] = (
        "ddim", "ancestral", "dpm++2m", "unipc", "heun", "euler")
    guided: ClassVar[bool] = True
    inpaints: ClassVar[bool] = True
    family: Literal["ddpm"] = field("ddpm", "The family of the model.")
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
    timesteps: int = field(1000, "Number of noise levels T.", unit="steps", ge=2, le=10_000)
    schedule: Literal["linear", "cosine", "sigmoid"] = field(
        "linear", "How the noise grows with t.")
    predict: Literal["eps", "x0", "v"] = field(
        "eps", "What the network predicts: the noise, the clean picture, or the velocity.")
    variance: Literal["fixed_small", "fixed_large", "learned"] = field(
        "fixed_small", "Variance of the reverse process: β̃_t, β_t, or learned between them.")
    vlb_weight: float = field(
        0.001, "Weight λ of L_vlb in L_hybrid, used when the variance is learned.",
        ge=0.0, le=1.0, advanced=True)
    weighting: Literal["uniform", "min_snr"] = field(
        "uniform", "Weight of each noise level in the loss: all alike, or min-SNR-5.",
        advanced=True)

    @field_validator("channel_mult")
    @classmethod
    def _multiples_in_range(cls, multiples: tuple[int, ...]) -> tuple[int, ...]:
        if not all(1 <= multiple <= 16 for multiple in multiples):
            raise ValueError("every multiple should be 1 to 16")
        return multiples

    @property
    def inverts(self) -> bool:
        """DDIM draws without chance, so that it can be walked backwards."""
        return True

    @property
    def levels(self) -> int:
        """The number of noise levels T."""
        return self.timesteps

    @property
    def evaluations(self) -> Evaluations:
        """From one to all noise levels."""
        return Evaluations(1, min(50, self.timesteps), self.timesteps)

    @property
    def noising(self) -> tuple[str, int]:
        """The model's own schedule."""
        return self.schedule, self.timesteps

    def draws_noise(self, sampler: str, eta: float) -> bool:
        """Only the ancestral sampler does, and DDIM with η above 0."""
        return sampler == "ancestral" or (sampler == "ddim" and eta > 0.0)

    def spaces(self, shape: Shape) -> tuple[Space, ...]:
        """The noise x_T, which decides the picture where no sampler adds more."""
        return (Space("x_T", "The noise x_T that drawing begins with; without fresh noise on the "
                      "way (DDIM with η = 0) it alone decides the picture.", math.prod(shape),
                      finds="" if shape.is_points else "inversion"),)

    @property
    def steady(self) -> tuple[str, ...]:
        """All samplers but the one that draws fresh noise in every step."""
        return tuple(name for name in self.samplers if name != "ancestral")

    def knobs(self) -> tuple[Knob, ...]:
        """Offer how often a completed picture goes back and down again (Lugmayr 2022)."""
        return (
            Knob("resample", "Resampling", "How often each part of the way is walked where a "
                 "picture is completed; the evaluations are shared out among them", RESAMPLED, 1,
                 20, 1, whole=True, needs="mask"),
            Knob("jump", "Jump length", "Steps that completing a picture goes back each time",
                 JUMP, 1, 50, 1, whole=True, needs="mask"))

    def problems(self, data: DataConfig, shape: Shape | None,
                 train: TrainConfig) -> Iterator[Problem]:
        """Tell what the UNet cannot do with pictures of this shape, and labels that are not."""
        yield from of_labels(self.labels, data, shape)
        yield from of_levels(data.size, self.patch, self.channel_mult, self.attention)
