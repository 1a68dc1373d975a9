"""Settings of the family `hybrid`: a short diffusion draws coarsely, a GAN finishes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from hybridstudio.config.data import DataConfig, Shape
from hybridstudio.config.fields import Knob, field
from hybridstudio.config.models.base import Evaluations, ModelSection
from hybridstudio.config.models.ddpm import DdpmConfig
from hybridstudio.config.train import TrainConfig
from hybridstudio.errors import Problem


class HybridConfig(ModelSection):
    """A diffusion of few steps and a GAN that refines what it draws, in one pass."""

    title: ClassVar[str] = "Hybrid model"
    networks: ClassVar[tuple[str, ...]] = ("refiner", "discriminator")
    samplers: ClassVar[tuple[str, ...]] = DdpmConfig.samplers
    guided: ClassVar[bool] = True
    adversarial: ClassVar[bool] = True
    family: Literal["hybrid"] = field("hybrid", "The family of the model.")
    mode: Literal["separate", "joint", "pretrained", "truncated"] = field(
        "separate", "How the two stages learn: the diffusion frozen, both together, a GAN of "
        "another run, or the GAN first and a short diffusion after it.")
    diffusion_from: str = field(
        "", "A run or ready model whose diffusion is taken; empty learns one here first.")
    gan_from: str = field("", "A run or ready model whose GAN is taken, for pretrained.")
    handover: int = field(
        600, "Noise level k at which the diffusion hands over to the GAN.", unit="steps", ge=1,
        le=10_000)
    coarse_steps: int = field(
        3, "Network evaluations of the diffusion in each picture.", unit="evaluations", ge=1,
        le=1000)
    latent: int = field(64, "Numbers in the refiner's own noise z; 0 makes it deterministic.",
                        ge=0, le=1024)
    diffusion: DdpmConfig = Field(default_factory=DdpmConfig)

    @property
    def labels(self) -> bool:
        """Whether the diffusion learned labels; the refiner then knows them too."""
        return self.diffusion.labels

    @property
    def levels(self) -> int:
        """The diffusion's number of noise levels T."""
        return self.diffusion.timesteps

    @property
    def evaluations(self) -> Evaluations:
        """One pass of the GAN, the rest for the diffusion."""
        return Evaluations(2, self.coarse_steps + 1, self.diffusion.timesteps + 1)

    @property
    def noising(self) -> tuple[str, int]:
        """The diffusion's schedule."""
        return self.diffusion.noising

    def knobs(self) -> tuple[Knob, ...]:
        """Offer the hand-over, which may move after training."""
        return (Knob("handover", "Hand-over k", "The noise level at which the GAN takes over",
                     self.handover, 1, self.diffusion.timesteps, 10, whole=True),)

    def problems(self, data: DataConfig, shape: Shape | None,
                 train: TrainConfig) -> Iterator[Problem]:
        """Tell what the diffusion cannot do, and stages that do not fit together."""
        yield from self.diffusion.problems(data, shape, train)
        if self.handover > self.diffusion.timesteps:
            yield Problem("model.handover", f"is beyond the {self.diffusion.timesteps} noise "
                          "levels of the diffusion", "choose a smaller k")
