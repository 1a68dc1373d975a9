"""Settings of the family `hybrid`: a short diffusion draws coarsely, a GAN finishes it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from hybridstudio.config.data import DataConfig, Shape
from hybridstudio.config.fields import Knob, field
from hybridstudio.config.models.base import Evaluations, ModelSection, Space
from hybridstudio.config.models.ddpm import DdpmConfig
from hybridstudio.config.models.gan import GanConfig
from hybridstudio.config.train import TrainConfig
from hybridstudio.errors import Problem


class HybridConfig(ModelSection):
    """A diffusion of few steps and a GAN that refines what it draws, in one pass."""

    title: ClassVar[str] = "Hybrid model"
    networks: ClassVar[tuple[str, ...]] = ("refiner", "discriminator")
    samplers: ClassVar[tuple[str, ...]] = DdpmConfig.samplers
    guided: ClassVar[bool] = True
    adversarial: ClassVar[bool] = True
    inpaints: ClassVar[bool] = True
    lends: ClassVar[tuple[str, ...]] = ("diffusion",)
    family: Literal["hybrid"] = field("hybrid", "The family of the model.")
    mode: Literal["separate", "joint", "pretrained", "truncated"] = field(
        "separate", "How the stages learn: the GAN after a frozen diffusion, both together, only a "
        "bridge to another run's GAN, or the GAN first and a short diffusion after it.")
    diffusion_from: str = field(
        "", "A run or ready model whose diffusion is taken, a hybrid's too; empty learns one here "
        "first.")
    diffusion_share: float = field(
        0.5, "Share of the training in which the diffusion learns, where none is taken.",
        ge=0.0, le=0.95, advanced=True)
    diffusion_more: float = field(
        0.0, "Share of the training in which a diffusion that is taken learns on before the GAN "
        "begins, most of all the noisy levels above k that the coarse picture comes from.",
        ge=0.0, le=0.95, advanced=True)
    coarse_guidance: float = field(
        1.0, "Guidance towards its class, if it knows classes, that it learns meanwhile to answer "
        "with above k, at no second evaluation; 1 is none.", ge=1.0, le=10.0, advanced=True)
    gan_from: str = field(
        "", "A run or ready model whose GAN is taken, for pretrained.", advanced=True)
    handover: int = field(
        500, "Noise level k at which the diffusion hands over to the GAN.", unit="steps", ge=1,
        le=10_000)
    handover_spread: int = field(
        0, "How far k strays up and down while training, so that it may move afterwards.",
        unit="steps", ge=0, le=10_000, advanced=True)
    coarse_steps: int = field(
        3, "Network evaluations of the diffusion in each picture.", unit="evaluations", ge=1,
        le=1000)
    coarse_sampler: Literal["ddim", "ancestral"] = field(
        "ddim", "How the coarse pictures that the GAN learns from are drawn: always the same from "
        "the same noise, or with fresh noise in each step.")
    rolled_out: float = field(
        1.0, "Share of the training's coarse pictures that are really drawn; the rest are real "
        "pictures, noised to k.", ge=0.0, le=1.0)
    pool: int = field(
        1024, "Coarse pictures that are kept and learned from a few times each, while the "
        "diffusion is frozen; 0 draws all anew.", unit="pictures", ge=0, le=1_000_000,
        advanced=True)
    uses: int = field(
        8, "How often each of them is learned from, on average.", ge=1, le=1000, advanced=True)
    distil: float = field(
        10.0, "Pull of a refined picture towards what the whole diffusion draws from the same "
        "noise, while the diffusion is frozen; 0 does not ask it.", ge=0.0, le=1000.0)
    distil_from: Literal["noise", "handover"] = field(
        "noise", "Where the whole diffusion begins to draw what a refined picture is pulled to: at "
        "the first noise, past what the coarse steps did wrong, or at x_k: easier to learn.")
    latent: int = field(64, "Numbers in the refiner's own noise z; 0 makes it deterministic.",
                        ge=0, le=1024)
    keep_coarse: float = field(
        0.0, "Pull of a refined picture towards its coarse one at a quarter of the resolution.",
        ge=0.0, le=100.0)
    reconstruct: float = field(
        0.5, "Pull of a refined picture towards the real one that was noised.", ge=0.0, le=100.0)
    discriminator_width: int = field(
        48, "Channels of the discriminator at its full inner resolution.", unit="channels", ge=8,
        le=512, multiple_of=8)
    r1_gamma: float = field(
        0.05, "Weight γ of the R1 penalty on the discriminator.", ge=0.0, le=1000.0)
    r1_every: int = field(
        16, "Steps between R1 penalties, each as much larger.", unit="steps", ge=1, le=1000,
        advanced=True)
    bridge_kl: float = field(
        0.05, "How strongly a bridge's z is held to N(0, I), for pretrained.", ge=0.0, le=100.0,
        advanced=True)
    diffusion: DdpmConfig = Field(default_factory=DdpmConfig)
    gan: GanConfig = Field(default_factory=GanConfig)

    @property
    def labels(self) -> bool:
        """Whether the diffusion learned labels; the GAN then knows them too."""
        return self.diffusion.labels

    @property
    def diffusion_time(self) -> float:
        """The share of the training in which the diffusion learns alone, before the GAN begins."""
        return self.diffusion_more if self.diffusion_from else self.diffusion_share

    @property
    def draws_after(self) -> float:
        """The GAN draws once it has begun to learn."""
        return 0.0 if self.mode == "pretrained" else self.diffusion_time

    @property
    def players(self) -> tuple[str, ...]:
        """Both players, or the bridge where two finished models are joined."""
        return ("bridge",) if self.mode == "pretrained" else self.networks

    @property
    def inverts(self) -> bool:
        """The diffusion does, where pictures begin with it."""
        return self.mode != "truncated"

    @property
    def levels(self) -> int:
        """The diffusion's number of noise levels T."""
        return self.diffusion.timesteps

    @property
    def evaluations(self) -> Evaluations:
        """One pass of the GAN, the others for the diffusion."""
        return Evaluations(2, self.coarse_steps + 1, self.diffusion.timesteps + 1)

    @property
    def noising(self) -> tuple[str, int]:
        """The diffusion's schedule."""
        return self.diffusion.noising

    def borrows(self) -> dict[str, str]:
        """Take the diffusion, and for `pretrained` the GAN, from where the config says."""
        lenders = {"diffusion": self.diffusion_from, "gan": self.gan_from}
        return {part: name for part, name in lenders.items() if name}

    def idle(self) -> tuple[str, ...]:
        """Only `pretrained` has a GAN of another run; the other modes have players of their own.

        A diffusion that is taken has not learned here, but may learn on.
        """
        more = ("model.diffusion_more", "model.coarse_guidance")
        bridged = self.mode == "pretrained"
        return (*super().idle(), *(() if bridged else ("model.gan.",)),
                *(("model.diffusion_share",) if self.diffusion_from else more),
                *(more if bridged else ()))

    def knobs(self) -> tuple[Knob, ...]:
        """Offer the hand-over, which may move after training, and a full drawing to compare."""
        levels = self.diffusion.timesteps
        compare = (
            Knob("compare", "Compare with", "Evaluations of the diffusion alone from the same "
                 "noise, shown beside; 0 leaves it out", 0, 0, levels, 10, whole=True),)
        return (
            Knob("handover", "Hand-over k", "The noise level at which one stage hands over to the "
                 "other", self.handover, 1, levels, 10, whole=True),
            *(compare if self.mode != "pretrained" else ()),
        )

    def draws_noise(self, sampler: str, eta: float) -> bool:
        """The refiner has a z, the bridge strays, a GAN that goes first is noised."""
        return bool(self.latent) or self.mode in ("pretrained", "truncated") or (
            self.diffusion.draws_noise(sampler, eta))

    def spaces(self, shape: Shape) -> tuple[Space, ...]:
        """The noise x_T, the z of the refiner or GAN, and the noise of x_k where the GAN begins."""
        size = math.prod(shape)
        latent = self.gan.latent if self.mode == "pretrained" else self.latent
        parts = [("x_T", size)] + [("z", latent)] * bool(latent)
        if self.mode == "truncated":
            parts.append(("noise_k", size))
        finds = "" if shape.is_points else "search"
        says = {
            "truncated": "The noise x_T from which the GAN draws first, its z, and the noise of "
            "the x_k that the diffusion goes on from.",
            "pretrained": "The noise x_T of the diffusion, and how the GAN's z strays from what "
            "the bridge asks for.",
        }.get(self.mode, "The noise x_T of the diffusion, and the z that the refiner settles "
              "detail with.")
        return (Space("x_T + z" if latent else "x_T", says, sum(many for _, many in parts),
                      parts=tuple(parts), finds=finds,
                      directions=("pca", "sefa") if latent and not shape.is_points else ()),)

    @property
    def steady(self) -> tuple[str, ...]:
        """Those of the diffusion."""
        return self.diffusion.steady

    def problems(self, data: DataConfig, shape: Shape | None,
                 train: TrainConfig) -> Iterator[Problem]:
        """Tell what the diffusion cannot do, and stages that do not fit together."""
        for problem in self.diffusion.problems(data, shape, train):
            path = problem.path.replace("model.", "model.diffusion.", 1)
            yield Problem(path, problem.what, problem.fix)
        if self.diffusion_from and self.diffusion == DdpmConfig():
            return  # what it will be is known once the run that lends it was read
        if self.mode == "truncated" and self.diffusion.predict == "eps":
            yield Problem("model.diffusion.predict", "from pure noise ε tells nothing of the "
                          "picture, which the GAN draws first in this mode",
                          'set it to "v" or "x0", or take such a diffusion')
        levels = self.diffusion.timesteps
        if self.handover > levels:
            yield Problem("model.handover", f"is beyond the {levels} noise levels of the diffusion",
                          f"choose 1 to {levels}")
        if self.coarse_steps > levels:
            yield Problem("model.coarse_steps", f"is more than the {levels} noise levels of the "
                          "diffusion", f"choose 1 to {levels}")
        if self.mode == "pretrained" and not (self.diffusion_from and self.gan_from):
            yield Problem("model.mode", "pretrained joins two runs, and it is not said which",
                          "set model.diffusion_from and model.gan_from")
        if self.mode == "pretrained" and self.gan.labels and not self.diffusion.labels:
            yield Problem("model.gan_from", "its GAN wants to be told a class, which the diffusion "
                          "knows nothing of", "take a diffusion that learned labels")
        if not self.diffusion_share and not self.diffusion_from and self.mode != "joint":
            yield Problem("model.diffusion_share", "leaves the diffusion untrained",
                          "set it above 0, or name a run in model.diffusion_from")
        if self.coarse_guidance != 1.0 and not (self.diffusion_more and self.diffusion_from):
            yield Problem("model.coarse_guidance", "is learned by a diffusion that is taken and "
                          "learns on, and this one does not", "set model.diffusion_from and "
                          "model.diffusion_more, or set it to 1")
        if self.gan_from and self.mode != "pretrained":
            yield Problem("model.gan_from", f"means nothing where the mode is {self.mode}",
                          "leave it empty, or set model.mode = \"pretrained\"")
