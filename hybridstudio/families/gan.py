"""Generative adversarial networks (Goodfellow 2014) and what made them learn in the years after.

A generator G draws from z in one pass; a discriminator D tells real pictures from drawn ones. The
losses and penalties of the two are in `adversarial`, the networks in `nets`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call

from hybridstudio.config import GanConfig, RunConfig
from hybridstudio.diffusion.noise import Randomness, normal, streams
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.families.adversarial import (
    HELD_OUT,
    LOSSES,
    Weights,
    clip_,
    gradient_penalty,
    noised,
    r1,
    told,
    unrolled,
)
from hybridstudio.families.contract import Batch, DrawPlan, Entrance, Family, Update, still
from hybridstudio.nets.augment import AdaController, Augment
from hybridstudio.nets.dcgan import DCDiscriminator, DCGenerator
from hybridstudio.nets.gan import DenseDiscriminator, DenseGenerator, spectrally_normal
from hybridstudio.nets.ganresidual import (
    ResidualDiscriminator,
    ResidualGenerator,
    doubled,
    halved,
)


class GAN(Family):
    """A generator and a discriminator, and the game that they play."""

    trained = ("generator", "discriminator")
    drawn = ("generator",)
    adversaries = ("discriminator",)
    judges: ClassVar[bool] = True
    judged_on: ClassVar[int] = HELD_OUT

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        assert isinstance(config.model, GanConfig)
        self.config = config.model
        self.latent = self.config.latent
        self.classes = len(config.data.classes) if self.config.labels else 0
        self.loss = LOSSES[self.config.loss]
        self.generator, self.discriminator = self._players()
        if self.config.spectral_norm:
            spectrally_normal(self.discriminator)
        self.augment = Augment(self.config.augmentations)
        if self.config.augment == "adaptive":
            self.ada = AdaController(self.config.ada_target, self.config.ada_pictures)
            self.kept = ("ada",)

    def _players(self) -> tuple[nn.Module, nn.Module]:
        """Make the two networks that the config names."""
        shape, width, classes = self.shape, self.config.width, self.classes
        latent, blocks, dropout = self.latent, self.config.blocks, self.config.dropout
        projected, grown = self.config.conditioning == "projection", self.config.growing
        if shape.is_points or self.config.net == "fully-connected":
            return (DenseGenerator(shape, latent=latent, width=width, blocks=blocks,
                                   classes=classes),
                    DenseDiscriminator(shape, width=width, blocks=blocks, dropout=dropout,
                                       classes=classes, projected=projected))
        if self.config.net == "dcgan":
            return (DCGenerator(shape, latent=latent, width=width, classes=classes),
                    DCDiscriminator(shape, width=width, dropout=dropout, classes=classes,
                                    projected=projected))
        return (ResidualGenerator(shape, latent=latent, width=width, classes=classes, grown=grown),
                ResidualDiscriminator(shape, width=width, classes=classes, projected=projected,
                                      grown=grown))

    # --- training -----------------------------------------------------------------------------

    def train_step(
        self, batch: Batch, update: Update, noise: torch.Generator
    ) -> dict[str, Tensor]:
        """Do one step of D, and every n-th time one of G."""
        turn = Turn(self, batch, noise)
        steps = self.config.discriminator_steps
        g_learns = batch.only == "generator" or (
            batch.only is None and batch.step % steps == steps - 1)
        with torch.set_grad_enabled(g_learns):
            fake = turn.drawn()
        losses: dict[str, Tensor] = {}
        if batch.only != "generator":
            losses |= self._discriminator_step(turn, fake.detach(), update)
        if g_learns:
            losses = {**self._generator_step(turn, fake, update), **losses}
        return {name: value.detach() for name, value in losses.items()}

    def _discriminator_step(
        self, turn: Turn, fake: Tensor, update: Update
    ) -> dict[str, Tensor]:
        """Teach D to tell the batch from the drawn pictures; return its losses."""
        config = self.config
        seen_real, seen_fake = turn.seen(turn.real), turn.seen(fake)
        real, fake = turn.judged(seen_real, seen_fake)
        loss = self.loss.discriminator(real, fake, config.label_smoothing)
        losses = {"loss/discriminator": loss, **told(self.loss, real=real, fake=fake)}
        if config.r1 and turn.step % config.r1_every == 0:
            losses["r1"] = r1(turn.judge, seen_real)
            loss = loss + 0.5 * config.r1 * config.r1_every * losses["r1"]
        if config.gradient_penalty:
            losses["gradient_penalty"] = gradient_penalty(
                turn.judge, seen_real, seen_fake, turn.noise)
            loss = loss + config.gradient_penalty * losses["gradient_penalty"]
        update("discriminator", loss)
        if config.weight_clip:
            clip_(list(self.discriminator.parameters()), config.weight_clip)
        if config.augment == "adaptive" and self.loss.probability is not None:
            self.ada.update(self.loss.probability(real.detach().float()) - 0.5, len(real))
            losses["ada_p"] = self.ada.p.clone()
        return losses

    def _generator_step(self, turn: Turn, fake: Tensor, update: Update) -> dict[str, Tensor]:
        """Teach G to be taken for real; return its loss."""
        if self.config.unroll:
            loss, outputs = self._looked_ahead(turn, fake)
        else:
            outputs = turn.judge(turn.seen(fake))
            loss = self.loss.generator(outputs)
        update("generator", loss)
        return {"loss/generator": loss, **told(self.loss, fake=outputs)}

    def _looked_ahead(self, turn: Turn, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return G's loss against the D of some steps ahead, and what that D says of `fake`.

        G's gradient runs through these steps: what D would answer is part of what G learns from.
        """
        # Metz 2017, equation 6: G descends f(θ_G, θ_D^K), whose real part depends on G through
        # θ_D^K. With "minimax" that is f itself; the other games replace only G's own part.
        smoothing = self.config.label_smoothing
        with torch.autocast(fake.device.type, enabled=False):
            real, fake = turn.seen(turn.real).float(), turn.seen(fake).float()

            def outputs(weights: Weights) -> tuple[Tensor, Tensor]:
                judged = functional_call(
                    self.discriminator, weights, (torch.cat([real, fake]), turn.labels_twice,
                                                  turn.growth))
                of_real, of_fake = judged.chunk(2)
                return of_real, of_fake

            def loss(weights: Weights) -> Tensor:
                return self.loss.discriminator(*outputs(weights), smoothing)

            weights = unrolled(loss, dict(self.discriminator.named_parameters()),
                               self.config.unroll, self.config.unroll_lr)
            of_real, of_fake = outputs(weights)
            real_part = self.loss.discriminator(of_real, torch.zeros_like(of_fake), smoothing)
            return self.loss.generator(of_fake) - real_part, of_fake

    def judge(self, batch: Batch) -> dict[str, Tensor]:
        """Tell what D makes of real pictures that it never saw, shown as the others are."""
        turn = Turn(self, batch, still(batch.images))
        return told(self.loss, real=turn.judge(turn.seen(turn.real)))

    # --- drawing ------------------------------------------------------------------------------

    def generate(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Draw pictures (N, C, H, W) from z (N, latent) and labels int64 (N,), as float32."""
        images = self.generator(z, labels if self.classes else None).float()
        while images.shape[2] < self.shape.height:  # a network that has not grown up yet
            images = doubled(images)
        return images

    def draw(self, plan: DrawPlan, noise: Randomness) -> Iterator[Moment]:
        """Draw pictures in one pass, each from its own z."""
        device = next(self.generator.parameters()).device
        rows = streams(noise, plan.count)
        z = normal(rows, (self.latent,), device)
        labels = plan.labels
        if labels is None and self.classes:
            labels = torch.stack([torch.randint(self.classes, (), generator=row) for row in rows])
        images = self.generate(z, None if labels is None else labels.to(device))
        yield Moment(0, 0, 0, images, images, None, 1, 1.0)

    def draw_codes(self, codes: Tensor, plan: DrawPlan, space: str) -> Iterator[Moment]:
        """Draw the pictures of z (N, latent)."""
        images = self.generate(codes, plan.labels)
        yield Moment(0, 0, 0, images, images, None, 1, 1.0)

    def entrance(self, space: str) -> Entrance:
        """Return the generator's first layer."""
        generator = self.generator
        assert isinstance(generator, (DenseGenerator, DCGenerator, ResidualGenerator))
        return Entrance(generator.entrance.weight[:, :self.latent], generator.first)


class Turn:
    """One training step's batch as the players see it: at this growth, noised and augmented."""

    def __init__(self, family: GAN, batch: Batch, noise: torch.Generator) -> None:
        self.family, self.noise, self.step = family, noise, batch.step
        self.progress = batch.progress
        self.labels = batch.labels if family.classes else None
        self.labels_twice = None if self.labels is None else self.labels.repeat(2)
        self.growth = growth_at(family.config, family.generator, batch.progress)
        self.real = grown(batch.images, self.growth, family.generator)

    def drawn(self) -> Tensor:
        """Draw as many pictures as there are real ones, of the same classes."""
        z = torch.randn(len(self.real), self.family.latent, generator=self.noise,
                        device=self.real.device)
        images: Tensor = self.family.generator(z, self.labels, self.growth)
        return images

    def seen(self, images: Tensor) -> Tensor:
        """Return pictures as D is shown them: with instance noise and augmentation."""
        family = self.family
        images = noised(images, family.config.instance_noise * (1.0 - self.progress), self.noise)
        if family.config.augment == "none":
            return images
        p = family.ada.p if family.config.augment == "adaptive" else 1.0
        return family.augment(images, p, self.noise)

    def judge(self, images: Tensor) -> Tensor:
        """Return D's logits (N,) of pictures that belong to the batch's labels."""
        logits: Tensor = self.family.discriminator(images, self.labels, self.growth)
        return logits

    def judged(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Return D's logits of real and drawn pictures, in one pass."""
        logits = self.family.discriminator(
            torch.cat([real, fake.to(real.dtype)]), self.labels_twice, self.growth)
        of_real, of_fake = logits.chunk(2)
        return of_real, of_fake


# --- growing --------------------------------------------------------------------------------------


def growth_at(config: GanConfig, generator: nn.Module, progress: float) -> float | None:
    """Return how many doublings a growing generator does by now, and keep it there; None: all.

    Each doubling fades in for as long as it then stands alone, as in Karras 2018.
    """
    if not isinstance(generator, ResidualGenerator) or not config.growing:
        return None
    phase = min(progress / config.grown_at, 1.0) * 2 * config.growing  # stands, fades, stands, …
    whole, rest = divmod(phase, 2.0)
    grown_by = min(whole + max(0.0, rest - 1.0), float(config.growing))
    # More steps granted to a finished training do not make it small again.
    growth = max(generator.levels - config.growing + grown_by, float(generator.growth))
    generator.growth.fill_(growth)
    return growth


def grown(images: Tensor, growth: float | None, generator: nn.Module) -> Tensor:
    """Return pictures (N, C, H, W) at the resolution and the sharpness of this growth."""
    if growth is None or not isinstance(generator, ResidualGenerator):
        return images
    level = math.ceil(growth)
    for _ in range(generator.levels - level):
        images = halved(images)
    if growth < level:
        images = torch.lerp(doubled(halved(images)), images, 1.0 - (level - growth))
    return images
