"""Settings of the family `ddgan`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from hybridstudio.config.data import DataConfig, Shape
from hybridstudio.config.fields import Knob, field
from hybridstudio.config.models.base import (
    Evaluations,
    ModelSection,
    Space,
    of_labels,
    of_levels,
)
from hybridstudio.config.models.ddpm import DdpmConfig
from hybridstudio.config.train import TrainConfig
from hybridstudio.errors import Problem

RESAMPLED, JUMP = 4, 2  # of completing a picture: how often, and how many steps at a time


class DdganConfig(ModelSection):
    """A Denoising Diffusion GAN: a few large denoising steps, each drawn by a GAN (Xiao 2021)."""

    title: ClassVar[str] = "Denoising Diffusion GAN"
    networks: ClassVar[tuple[str, ...]] = ("generator", "discriminator")
    samplers: ClassVar[tuple[str, ...]] = ("posterior",)
    adversarial: ClassVar[bool] = True
    inpaints: ClassVar[bool] = True
    family: Literal["ddgan"] = field("ddgan", "The family of the model.")
    timesteps: Literal[1, 2, 4, 8] = field(
        4, "Number of noise levels T; 1 is a GAN that draws from noise in one pass.", unit="steps")
    leaps: bool = field(
        False, "Learn larger steps too, over two levels, four, and so on: one model then draws in "
        "any number of steps up to T.")
    beta_min: float = field(0.1, "The noise's rate of growth at t = 0, in a time of length 1.",
                            gt=0.0, le=1.0, advanced=True)
    beta_max: float = field(20.0, "The noise's rate of growth at t = T, in a time of length 1.",
                            ge=1.0, le=100.0, advanced=True)
    signal: float = field(
        1.0, "Scale of the data beside the noise; more where small things lie far apart.",
        ge=0.1, le=100.0, advanced=True)
    labels: bool = field(False, "Learn the class labels, so that a class can be asked for.")

    width: int = field(64, "Channels of the generator at full inner resolution.",
                       unit="channels", ge=8, le=512, multiple_of=8)
    channel_mult: tuple[int, ...] = field(
        (1, 2), "Width of each level as a multiple; each further level halves the resolution.",
        min_length=1, max_length=6)
    blocks: int = field(2, "Residual blocks at each level.", ge=1, le=6)
    attention: tuple[int, ...] = field(
        (), "Inner resolutions at which self-attention is used.", unit="pixels")
    patch: Literal[1, 2, 4] = field(
        1, "Space-to-depth stem: both networks work at 1/patch of the resolution, which is faster.")
    latent: int = field(100, "Numbers in z, which decides what the noisy picture leaves open.",
                        ge=1, le=4096)
    mapping_layers: int = field(4, "Layers of the network that turns z into styles.", ge=1, le=12)
    mapping_width: int = field(256, "Numbers in each style.", ge=8, le=1024)

    discriminator_width: int = field(
        64, "Channels of the discriminator at full inner resolution; they double 3 times at most.",
        unit="channels", ge=8, le=512, multiple_of=8)
    r1: float = field(0.02, "Weight γ of the R1 penalty on the gradient at real pictures.",
                      ge=0.0, le=1000.0)
    r1_every: int = field(15, "Steps from one R1 penalty to the next, which weighs as many times.",
                          unit="steps", ge=1, le=1000, advanced=True)
    reconstruction: float = field(
        0.0, "Weight of the predicted x_0's square error, most where x_t is clearest: learns far "
        "faster (WaveDiff); the paper has none.", ge=0.0, le=1000.0)
    teacher_from: str = field(
        "", "A run or ready model of a diffusion, or of a hybrid for its diffusion: the generator "
        "starts as its copy and learns what it draws too. Minutes instead of hours; the paper has "
        "none.")
    distil: float = field(
        10.0, "Pull of the predicted x_0 towards what the teacher says; means nothing without one.",
        ge=0.0, le=1000.0)
    distil_by: Literal["pictures", "moments", "posterior"] = field(
        "pictures", "What the teacher says: the picture that it draws from the same x_t, or which "
        "mean it expects wherever the step may lead, which needs no drawn pictures: over all x_t "
        "(moments), or for each x_t (posterior), where z has to choose what x_t leaves open.")
    pool: int = field(
        1024, "Noisy pictures that are kept with what the teacher draws from them.",
        unit="pictures", ge=32, le=1_000_000, advanced=True)
    uses: int = field(
        8, "How often each of them is learned from, on average.", ge=1, le=1000, advanced=True)
    x0_discriminator: bool = field(
        False, "A second discriminator that compares the predicted x_0 with real pictures.")
    teacher: DdpmConfig = Field(default_factory=DdpmConfig)

    @field_validator("channel_mult")
    @classmethod
    def _multiples_in_range(cls, multiples: tuple[int, ...]) -> tuple[int, ...]:
        if not all(1 <= multiple <= 16 for multiple in multiples):
            raise ValueError("every multiple should be 1 to 16")
        return multiples

    @property
    def players(self) -> tuple[str, ...]:
        """Both players, the second discriminator and the auxiliary denoiser where they are."""
        return (*self.networks, *(("x0_discriminator",) if self.x0_discriminator else ()),
                *(("auxiliary",) if self.matches else ()))

    @property
    def matches(self) -> bool:
        """Whether the teacher's moments are matched (Salimans 2024)."""
        return bool(self.teacher_from) and self.distil_by != "pictures" and self.distil > 0.0

    @property
    def frees(self) -> bool:
        """Whether they are matched for each x_t, so that z decides what it leaves open."""
        return self.matches and self.distil_by == "posterior"

    @property
    def levels(self) -> int:
        """The number of noise levels T."""
        return self.timesteps

    @property
    def evaluations(self) -> Evaluations:
        """One for each noise level, or fewer where larger steps were learned."""
        return Evaluations(1 if self.leaps else self.timesteps, self.timesteps, self.timesteps)

    def borrows(self) -> dict[str, str]:
        """Take the teacher from where the config says."""
        return {"teacher": self.teacher_from} if self.teacher_from else {}

    def idle(self) -> tuple[str, ...]:
        """The teacher's settings are those of the run that it is taken from."""
        return ("model.teacher.",)

    def knobs(self) -> tuple[Knob, ...]:
        """Offer how far z reaches, and how often a completed picture goes back (Lugmayr 2022)."""
        return (
            Knob("z_scale", "Scale of z",
                 "How far z reaches; at 0 all comes from the noisy picture.", 1.0, 0.0, 2.0),
            Knob("resample", "Resampling", "How often each step is walked where a picture is "
                 "completed; all take an evaluation each time", RESAMPLED, 1, 20, 1, whole=True,
                 needs="mask"),
            Knob("jump", "Jump length", "Steps that completing a picture goes back each time",
                 JUMP, 1, 8, 1, whole=True, needs="mask"))

    def spaces(self, shape: Shape) -> tuple[Space, ...]:
        """The noise x_T, the z of every step and the noise between steps, in the order of use."""
        size, steps = math.prod(shape), self.timesteps
        parts = [("x_T", size), (f"z_{steps}", self.latent)]
        for step in range(steps - 1, 0, -1):
            parts += [(f"noise_{step}", size), (f"z_{step}", self.latent)]
        return (Space("x_T + z", "The noise x_T with the z of every step, and the noise that each "
                      "step but the last leaves behind.", sum(many for _, many in parts),
                      parts=tuple(parts), finds="" if shape.is_points else "search",
                      directions=() if shape.is_points else ("pca", "sefa")),)

    def problems(self, data: DataConfig, shape: Shape | None,
                 train: TrainConfig) -> Iterator[Problem]:
        """Tell what the networks cannot do with pictures of this shape, and labels that are not."""
        if self.x0_discriminator and self.timesteps == 1:
            yield Problem("model.x0_discriminator", "with one step x_0 is what the first "
                          "discriminator sees", "set it to false, or take more timesteps")
        if self.leaps and self.timesteps == 1:
            yield Problem("model.leaps", "there is one step, and nothing to leap over",
                          "set it to false, or take more timesteps")
        if (self.matches and self.teacher.labels and not self.labels
                and not self.teacher.label_dropout):
            yield Problem("model.labels", "the teacher never learned what a picture of any class "
                          "is", "set it to true, or model.distil_by = \"pictures\"")
        yield from of_labels(self.labels, data, shape)
        yield from of_levels(data.size, self.patch, self.channel_mult, self.attention)
