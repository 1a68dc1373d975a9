"""How it is learned, and how pictures are drawn unless something else is asked."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from hybridstudio.config.fields import Section, field

SamplerName = Literal[
    "ancestral", "ddim", "dpm++2m", "unipc", "heun", "euler", "langevin",
    "consistent", "posterior", "one-pass"]


class TrainConfig(Section):
    """How it is learned."""

    title: ClassVar[str] = "Training"
    steps: int = field(20_000, "How many batches to train on.", unit="steps", ge=1)
    batch_size: int = field(128, "Pictures in each batch.", unit="pictures", ge=1, le=65_536)
    optimiser: Literal["adam", "adamw", "rmsprop", "sgd"] = field(
        "adam", "The update rule.", advanced=True)
    lr: float = field(2e-4, "Learning rate.", gt=0.0, le=1.0)
    lr_discriminator: float | None = field(
        None, "Learning rate of a GAN's discriminator; empty takes the same.", gt=0.0, le=1.0,
        advanced=True)
    betas: tuple[float, float] = field((0.9, 0.999), "Adam's two decay rates.", advanced=True)
    weight_decay: float = field(0.0, "Pull of the weights towards zero.", ge=0.0, le=1.0,
                                advanced=True)
    warmup: int = field(100, "Steps over which the learning rate rises from zero.",
                        unit="steps", ge=0)
    decay: Literal["constant", "cosine", "linear"] = field(
        "constant", "How the learning rate falls towards the end of training.")
    ema: float = field(0.999, "Decay of the exponential moving average of the weights.",
                       ge=0.0, lt=1.0)
    grad_clip: float = field(1.0, "Largest norm of a gradient; 0 leaves gradients alone.", ge=0.0)
    precision: Literal["auto", "float32", "bfloat16"] = field(
        "auto", "Arithmetic of the networks; auto takes bfloat16 where the machine is fast at it.")
    seed: int = field(0, "Where all random numbers of the run begin.", ge=0, le=2**31 - 1)
    log_every: int = field(10, "Steps between points of the curves.", unit="steps", ge=1)
    preview_every: int = field(500, "Steps between previews from fixed noise.", unit="steps", ge=1)
    save_every: int = field(1000, "Steps between checkpoints.", unit="steps", ge=1)
    keep: int = field(3, "How many checkpoints are kept, beside the best by its score.", ge=1,
                      le=1000)
    score_every: int = field(
        1000, "Steps between scores of the averaged weights; 0 leaves them out. Less often where "
        "that would cost more than 3 % of the training.", unit="steps", ge=0)
    score_count: int = field(
        0, "Pictures (or points) that each score looks at; 0 takes as many as cost 3 % of the "
        "training.", unit="pictures", ge=0, le=100_000, advanced=True)

    @model_validator(mode="after")
    def _betas_in_range(self) -> TrainConfig:
        if not all(0.0 <= beta < 1.0 for beta in self.betas):
            raise ValueError("betas must lie between 0 and 1")
        return self


class SampleConfig(Section):
    """How pictures are drawn unless something else is asked."""

    title: ClassVar[str] = "Sampling"
    sampler: SamplerName | None = field(
        None, "The method that turns noise into pictures; empty takes the family's own.")
    nfe: int | None = field(
        None, "Network evaluations for each picture; empty takes the family's usual number.",
        unit="evaluations", ge=1, le=10_000)
    eta: float = field(0.0, "Fresh noise in each DDIM step: 0 is deterministic, 1 is ancestral.",
                       ge=0.0, le=1.0)
    guidance: float = field(
        1.0, "Classifier-free guidance: 1 follows the class as learned, more exaggerates it.",
        ge=0.0, le=20.0)
    count: int = field(16, "Pictures (or a hundredth of the points) in each preview.",
                       unit="pictures", ge=1, le=256)
    seed: int = field(0, "Seed of the preview noise.", ge=0, le=2**31 - 1)
