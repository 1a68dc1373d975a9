"""StyleGAN2 (Karras 2019, 2020), with adaptive discriminator augmentation (Karras 2020b).

A mapping turns z into the style w, a synthesis turns the styles of its layers into a picture, and a
discriminator tells it from real ones; the loss is the non-saturating one. A penalty is computed in
every n-th step only and weighs n times as much there (lazy regularisation, Karras 2020, section
3.1), as one more term of that step's loss. R1 is taken at the augmented pictures, which are what
the discriminator judges.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from hybridstudio.config import RunConfig, StyleganConfig
from hybridstudio.diffusion.noise import Randomness, normal, streams
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.families.adversarial import HELD_OUT, LOSSES, r1, told
from hybridstudio.families.contract import (
    Batch,
    DrawPlan,
    Entrance,
    Family,
    Update,
    first_weights,
    still,
)
from hybridstudio.nets.augment import AdaController, Augment
from hybridstudio.nets.stylegan import (
    Discriminator,
    Generator,
    PointDiscriminator,
    StyledConv,
    ToPicture,
)

GAME = LOSSES["bce"]
PATH_DECAY = 0.99  # of the mean path length (Karras 2020, appendix B)
PATH_SHARE = 2  # the path penalty looks at 1/2 of a batch, which saves time and memory


class PathLength(nn.Module):
    """The penalty that holds steps in w at equal lengths in pictures, and the mean length so far.

    Karras 2020, equation 4: E_{w, y}[(‖J_wᵀ y‖ - a)²], y ~ N(0, I), a the running mean.
    """

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    def lengths(self, styles: Tensor, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return ‖J_wᵀ y‖ (N,) of pictures (N, C, H, W) by the styles (N, L, W) they were made of.

        A square mean over the L layers; y is scaled by 1/√(H W), so that sizes compare.
        """
        y = torch.randn(images.shape, generator=generator, device=images.device)
        y = y / (images.shape[2] * images.shape[3]) ** 0.5
        (gradient,) = torch.autograd.grad((images * y).sum(), styles, create_graph=True)
        return gradient.square().sum(2).mean(1).sqrt()

    def penalty(self, lengths: Tensor) -> Tensor:
        """Return the penalty of a batch's lengths (N,), and move the mean towards theirs."""
        seen = lengths.detach().mean()
        moved = torch.lerp(self.mean, seen, 1.0 - PATH_DECAY)
        self.mean.copy_(torch.where(seen.isfinite(), moved, self.mean))
        return (lengths - self.mean).square().mean()


class StyleGAN(Family):
    """A style-based generator, a residual discriminator, and what regularises the two."""

    trained = ("generator", "discriminator")
    drawn = ("generator",)
    kept: tuple[str, ...] = ("path",)
    adversaries = ("discriminator",)
    judges: ClassVar[bool] = True
    judged_on: ClassVar[int] = HELD_OUT

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        assert isinstance(config.model, StyleganConfig)
        self.config = model = config.model
        self.latent = model.latent
        self.classes = len(config.data.classes) if model.labels else 0
        self.generator = Generator(
            self.shape, latent=model.latent, style=model.style,
            mapping_layers=model.mapping_layers, width=model.width, max_width=model.max_width,
            blocks=model.blocks, classes=self.classes)
        self.discriminator: nn.Module
        if self.shape.is_points:
            self.discriminator = PointDiscriminator(
                self.shape, width=model.width, blocks=model.blocks, classes=self.classes,
                group=model.group)
        else:
            self.discriminator = Discriminator(
                self.shape, width=model.width, max_width=model.max_width, classes=self.classes,
                group=model.group)
        self.path = PathLength()
        self.augment = Augment(model.augmentations)
        if model.augment == "adaptive":
            self.ada = AdaController(model.ada_target, model.ada_pictures)
            self.kept = ("path", "ada")

    # --- training -----------------------------------------------------------------------------

    def train_step(
        self, batch: Batch, update: Update, noise: torch.Generator
    ) -> dict[str, Tensor]:
        """Do one step of D and one of G on the same drawn pictures."""
        labels = batch.labels if self.classes else None
        g_learns = batch.only != "discriminator"
        with torch.set_grad_enabled(g_learns):
            styles = self._styles(len(batch.images), labels, noise)
            self.generator.mapping.follow(styles[:, 0])
            fake = self.generator(styles, self._noise(len(styles), noise))
        losses: dict[str, Tensor] = {}
        if batch.only != "generator":
            losses |= self._discriminator_step(batch, fake.detach(), labels, update, noise)
        if g_learns:
            taught = self._generator_step(batch, fake, labels, update, noise)
            # The two losses first; p/fake is told as it was beside p/real.
            losses = {"loss/generator": taught["loss/generator"], **losses, **(taught | losses)}
        return {name: value.detach() for name, value in losses.items()}

    def _discriminator_step(
        self, batch: Batch, fake: Tensor, labels: Tensor | None, update: Update,
        noise: torch.Generator,
    ) -> dict[str, Tensor]:
        """Teach D to tell the batch from the drawn pictures; return its losses."""
        config = self.config
        seen = self._seen(batch.images, noise)
        # Two passes: the spread within a group would give away whether all of it is real.
        of_real = self.discriminator(seen, labels)
        of_fake = self.discriminator(self._seen(fake, noise), labels)
        loss = GAME.discriminator(of_real, of_fake, 0.0)
        losses = {"loss/discriminator": loss, **told(GAME, real=of_real, fake=of_fake)}
        if config.r1 and batch.step % config.r1_every == 0:
            losses["r1"] = r1(lambda images: self.discriminator(images, labels), seen)
            loss = loss + 0.5 * config.r1 * config.r1_every * losses["r1"]
        update("discriminator", loss)
        if config.augment == "adaptive":
            self.ada.update(of_real, len(of_real))
            losses |= {"ada_p": self.ada.p.clone(), "ada_r": self.ada.r_t.clone()}
        return losses

    def _generator_step(
        self, batch: Batch, fake: Tensor, labels: Tensor | None, update: Update,
        noise: torch.Generator,
    ) -> dict[str, Tensor]:
        """Teach G to be taken for real; return its losses."""
        config = self.config
        of_fake = self.discriminator(self._seen(fake, noise), labels)
        loss = GAME.generator(of_fake)
        losses = {"loss/generator": loss, **told(GAME, fake=of_fake)}
        if config.path_length and batch.step % config.path_every == 0:
            lengths = self._path_lengths(len(fake), labels, noise)
            losses["path_length"] = lengths.mean()
            loss = loss + config.path_length * config.path_every * self.path.penalty(lengths)
        update("generator", loss)
        return losses

    def _path_lengths(self, count: int, labels: Tensor | None, noise: torch.Generator) -> Tensor:
        """Draw a part of a batch anew, and return its path lengths (N,)."""
        part = max(1, count // PATH_SHARE)
        with torch.autocast(noise.device.type, enabled=False):
            styles = self._styles(part, None if labels is None else labels[:part], noise)
            images = self.generator(styles, self._noise(part, noise))
            return self.path.lengths(styles, images, noise)

    def _styles(self, count: int, labels: Tensor | None, noise: torch.Generator) -> Tensor:
        """Return styles (N, layers, W) of fresh z; some pictures change z at a random layer."""
        # Karras 2019, section 3.1: style mixing.
        z = torch.randn(2, count, self.latent, generator=noise, device=noise.device)
        first, second = self.generator.mapping(z[0], labels), self.generator.mapping(z[1], labels)
        layers = self.generator.styles
        chance, place = torch.rand(2, count, generator=noise, device=noise.device)
        begins = 1 + (place * (layers - 1)).long()  # of 1 … layers - 1
        begins = torch.where(chance < self.config.style_mixing, begins, layers)
        is_first = torch.arange(layers, device=noise.device) < begins[:, None]
        return torch.where(is_first[:, :, None], first[:, None], second[:, None])

    def _noise(self, count: int, noise: torch.Generator) -> list[Tensor]:
        return [torch.randn(count, *shape, generator=noise, device=noise.device)
                for shape in self.generator.noise_shapes]

    def _seen(self, images: Tensor, noise: torch.Generator) -> Tensor:
        """Return pictures as D is shown them."""
        if self.config.augment == "none":
            return images
        p = self.ada.p if self.config.augment == "adaptive" else 1.0
        return self.augment(images, p, noise)

    def judge(self, batch: Batch) -> dict[str, Tensor]:
        """Tell what D makes of real pictures that it never saw, shown as the others are."""
        seen = self._seen(batch.images, still(batch.images))
        return told(GAME, real=self.discriminator(seen, batch.labels if self.classes else None))

    # --- drawing ------------------------------------------------------------------------------

    def map(self, z: Tensor, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        """Return the styles w (N, W) of z (N, latent), drawn towards the mean style.

        `truncation` ψ is how much of the way from the mean is kept: 1 leaves w as it is.
        """
        # Karras 2019, appendix B: w' = w̄ + ψ (w - w̄).
        mapping = self.generator.mapping
        return torch.lerp(mapping.mean, mapping(z, labels if self.classes else None), truncation)

    def mixed(self, coarse: Tensor, fine: Tensor, begins: int) -> Tensor:
        """Return styles (N, layers, W): w of `coarse` (N, W), from layer `begins` that of `fine`.

        `begins` counts from 0 (all fine) to `generator.styles` (all coarse).
        """
        is_coarse = torch.arange(self.generator.styles, device=coarse.device) < begins
        return torch.where(is_coarse[:, None], coarse[:, None], fine[:, None])

    def synthesise(self, w: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Draw pictures (N, C, H, W) float32 from w (N, W) or (N, layers, W).

        `noise` holds (N, *shape) for each of `generator.noise_shapes`; None goes without.
        """
        images: Tensor = self.generator(w, noise)
        return images

    def generate(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Draw pictures (N, C, H, W) float32 from z (N, latent) and labels, without noise."""
        return self.synthesise(self.map(z, labels))

    def draw(self, plan: DrawPlan, noise: Randomness) -> Iterator[Moment]:
        """Draw pictures in one pass, each from its own z and its own noise."""
        device = self.generator.constant.device
        rows = streams(noise, plan.count)
        z = normal(rows, (self.latent,), device)
        strength = plan.knobs.get("noise", 1.0)
        inputs = [normal(rows, shape, device) * strength for shape in self.generator.noise_shapes]
        labels = plan.labels
        if labels is None and self.classes:
            labels = torch.stack([torch.randint(self.classes, (), generator=row) for row in rows])
        labels = None if labels is None else labels.to(device)
        w = self.map(z, labels, plan.knobs.get("truncation", 1.0))
        images = self.synthesise(w, inputs)
        yield Moment(0, 0, 0, images, images, None, 1, 1.0)

    def draw_codes(self, codes: Tensor, plan: DrawPlan, space: str) -> Iterator[Moment]:
        """Draw the pictures of z (N, latent), or of w (N, layers · W), all with the same noise."""
        kept, strength = plan.knobs.get("truncation", 1.0), plan.knobs.get("noise", 1.0)
        if space == "w":
            styles = codes.unflatten(1, (self.generator.styles, -1))
            w = torch.lerp(self.generator.mapping.mean, styles, kept)
        else:
            w = self.map(codes, plan.labels, kept)
        still = torch.Generator().manual_seed(0)
        noise = [strength * torch.randn(1, *shape, generator=still).to(w.device)
                 for shape in self.generator.noise_shapes]
        images = self.synthesise(w, noise)
        yield Moment(0, 0, 0, images, images, None, 1, 1.0)

    def carry_codes(self, codes: Tensor, plan: DrawPlan, space: str) -> Tensor:
        """Map z (N, latent) to the style of every layer, (N, layers · W)."""
        return self.map(codes, plan.labels).repeat(1, self.generator.styles)

    def entrance(self, space: str) -> Entrance:
        """Return how z enters the mapping, or w the layers: through the styles' own weights."""
        mapping = self.generator.mapping
        if space == "z":
            return Entrance(first_weights(mapping.layers)[:, :self.latent], mapping)
        affine: list[Tensor] = [layer.affine.weight for layer in self.generator.modules()
                  if isinstance(layer, (StyledConv, ToPicture))]
        parts = tuple(f"layer {number + 1}" for number in range(self.generator.styles))
        return Entrance(torch.cat(affine), lambda w, _: w, parts)
