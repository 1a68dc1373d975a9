"""The variational autoencoder (Kingma & Welling 2013), with β (Higgins 2017), labels (Sohn 2015).

All terms are nats for each picture. A picture's value in [-1, 1] is told to the Bernoulli
likelihood as a shade (x + 1)/2 in [0, 1]; the Gaussian's density is that of values in [-1, 1].
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hybridstudio.config import RunConfig, VaeConfig
from hybridstudio.diffusion.likelihood import normal_kl
from hybridstudio.diffusion.noise import Randomness, normal, streams
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.families.contract import Batch, DrawPlan, Entrance, Family, Update
from hybridstudio.nets.vae import PAIRS, PlainDecoder, PointDecoder, ResidualDecoder

TOLD = 32  # latent dimensions whose KL is told one by one
ACTIVE = 0.01  # nats above which a dimension is in use
REACH = 15.0  # the log variance of z is kept within ±REACH, so that no exponential overflows


def kl_terms(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(q(z|x) ‖ N(0, I)) for each latent dimension (N, latent), in nats.

    ½ (μ² + σ² - 1 - log σ²): Kingma & Welling 2013, appendix B.
    """
    zero = torch.zeros((), device=mean.device)
    return normal_kl(mean, log_variance, zero, zero)


def bernoulli_nll(logits: Tensor, x: Tensor) -> Tensor:
    """Return -log p(x|z) (N,) in nats, a Bernoulli for each value's shade (x + 1)/2.

    Kingma & Welling 2013, equation 11; shades between 0 and 1 are taken as probabilities.
    """
    shades = (x + 1.0) / 2.0
    return F.binary_cross_entropy_with_logits(logits, shades, reduction="none").flatten(1).sum(1)


def gaussian_nll(mean: Tensor, log_deviation: Tensor, x: Tensor) -> Tensor:
    """Return -log p(x|z) (N,) in nats, a Gaussian of one deviation for every value.

    Kingma & Welling 2013, equation 12; one learned deviation for all: Rybkin 2021 (σ-VAE).
    """
    squares = (x - mean).square() * torch.exp(-2.0 * log_deviation)
    return (0.5 * squares + log_deviation + 0.5 * math.log(2.0 * math.pi)).flatten(1).sum(1)


class VAE(Family):
    """An encoder q(z|x) and a decoder p(x|z), both told the class where there are classes."""

    trained = ("encoder", "decoder")
    drawn = ("encoder", "decoder")  # both ship: the encoder finds the place of a user's picture
    judges: ClassVar[bool] = True

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        assert isinstance(config.model, VaeConfig)
        self.config = config.model
        self.classes = len(config.data.classes) if self.config.labels else 0
        encoder, decoder = PAIRS["points" if self.shape.is_points else self.config.net]
        latent, width, blocks = self.config.latent, self.config.width, self.config.blocks
        self.encoder = encoder(self.shape, latent, width, blocks, self.classes)
        self.decoder = decoder(self.shape, latent, width, blocks, self.classes)
        if self.config.likelihood == "gaussian":
            # It lies in the decoder, whose likelihood it belongs to, and is learned with it.
            begin = torch.full((), math.log(self.config.deviation))
            if self.config.variance == "learned":
                self.decoder.register_parameter("log_deviation", nn.Parameter(begin))
            else:
                self.decoder.register_buffer("log_deviation", begin)

    @property
    def log_deviation(self) -> Tensor:
        """The logarithm of the Gaussian likelihood's deviation, on pictures in [-1, 1]."""
        value = self.decoder.log_deviation
        assert isinstance(value, Tensor)
        return value

    def encode(self, images: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return mean and log variance (N, latent) of q(z|x) for pictures (N, C, H, W).

        A model of classes takes the `likeliest` ones where `labels` (N,) are not given.
        """
        if self.classes and labels is None:
            labels = self.likeliest(images)
        mean, log_variance = self.encoder(images, labels).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-REACH, REACH)

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the mean pictures (N, C, H, W) of p(x|z) for z (N, latent), in [-1, 1].

        A model of classes needs `labels` (N,); points are not kept in [-1, 1].
        """
        output = self.decoder(z, labels).float()
        if self.config.likelihood == "bernoulli":
            return 2.0 * output.sigmoid() - 1.0
        return output if self.shape.is_points else output.clamp(-1.0, 1.0)

    def likeliest(self, images: Tensor) -> Tensor:
        """Return the class (N,) that explains each picture best: the largest ELBO at q's mean."""
        costs = []
        for label in range(self.classes):
            labels = torch.full((len(images),), label, device=images.device)
            mean, log_variance = self.encode(images, labels)
            kl = kl_terms(mean, log_variance).sum(1)
            costs.append(self._nll(mean, labels, images) + kl)
        return torch.stack(costs).argmin(0)

    # --- training -----------------------------------------------------------------------------

    def train_step(
        self, batch: Batch, update: Update, noise: torch.Generator
    ) -> dict[str, Tensor]:
        """Do one step on -ELBO with its KL weighted by β."""
        reconstruction, kl = self.terms(batch, noise)
        loss = reconstruction + self.beta(batch.progress) * kl.sum()
        # Told for each picture, learned for each value: so a gradient's size, and what
        # train.grad_clip means for it, hardly depends on the size of pictures.
        update(("encoder", "decoder"), loss / math.prod(self.shape))
        return {"loss": loss.detach(), **self._told(reconstruction.detach(), kl.detach())}

    def terms(self, batch: Batch, noise: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return the batch's mean -log p(x|z), and mean KL of each latent dimension (latent,).

        One z is drawn for each picture (Kingma & Welling 2013, equation 10).
        """
        labels = batch.labels if self.classes else None
        mean, log_variance = self.encode(batch.images, labels)
        eps = torch.randn(mean.shape, generator=noise, device=mean.device)
        z = mean + torch.exp(0.5 * log_variance) * eps
        return (self._nll(z, labels, batch.images).mean(),
                kl_terms(mean, log_variance).mean(0))

    def _nll(self, z: Tensor, labels: Tensor | None, x: Tensor) -> Tensor:
        """Return -log p(x|z) (N,) in nats."""
        output = self.decoder(z, labels).float()
        if self.config.likelihood == "bernoulli":
            return bernoulli_nll(output, x)
        return gaussian_nll(output, self.log_deviation, x)

    def beta(self, progress: float) -> float:
        """Return β after this share of the training."""
        config = self.config
        moved = min(1.0, progress / config.beta_warmup) if config.beta_warmup else 1.0
        return config.beta_begin + moved * (config.beta - config.beta_begin)

    def _told(self, reconstruction: Tensor, kl: Tensor) -> dict[str, Tensor]:
        """Name the parts of the loss: the ELBO is -(reconstruction + kl), whatever β is."""
        parts = {"reconstruction": reconstruction, "kl": kl.sum(),
                 "active": (kl > ACTIVE).sum().float()}
        if self.config.likelihood == "gaussian":
            parts["deviation"] = self.log_deviation.detach().exp()
        each = {f"kl/z-{number:02d}": nats for number, nats in enumerate(kl[:TOLD], start=1)}
        return {**parts, **each}

    def judge(self, batch: Batch) -> dict[str, Tensor]:
        """Return the loss with the whole β, and its terms, on held-out pictures."""
        noise = torch.Generator(batch.images.device).manual_seed(0)
        reconstruction, kl = self.terms(batch, noise)
        total = kl.sum()
        return {"loss": reconstruction + self.config.beta * total,
                "reconstruction": reconstruction, "kl": total}

    # --- drawing ------------------------------------------------------------------------------

    def draw(self, plan: DrawPlan, noise: Randomness) -> Iterator[Moment]:
        """Decode z ~ N(0, temperature²) in one pass; what is shown is the mean of p(x|z)."""
        device = next(self.decoder.parameters()).device
        rows = streams(noise, plan.count)
        z = plan.knobs.get("temperature", 1.0) * normal(rows, (self.config.latent,), device)
        labels = plan.labels
        if labels is None and self.classes:
            labels = torch.stack([torch.randint(self.classes, (), generator=row) for row in rows])
        x = self.decode(z, None if labels is None else labels.to(device))
        yield Moment(0, 0, 0, x, x, None, 1, 1.0)

    def draw_codes(self, codes: Tensor, plan: DrawPlan, space: str) -> Iterator[Moment]:
        """Decode codes (N, latent), as far from the middle as the temperature lets them."""
        x = self.decode(plan.knobs.get("temperature", 1.0) * codes, plan.labels)
        yield Moment(0, 0, 0, x, x, None, 1, 1.0)

    def find_codes(self, images: Tensor, plan: DrawPlan, space: str) -> Iterator[Tensor]:
        """Encode pictures: their codes are the means μ of q(z|x)."""
        mean, _ = self.encode(images, plan.labels)
        yield mean / (plan.knobs.get("temperature", 1.0) or 1.0)

    def information(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the KL terms (N, latent) of pictures: what each dimension tells of them."""
        return kl_terms(*self.encode(images, labels))

    def entrance(self, space: str) -> Entrance:
        """Return what the decoder first makes of a code."""
        decoder = self.decoder
        assert isinstance(decoder, (ResidualDecoder, PlainDecoder, PointDecoder))
        return Entrance(decoder.entrance()[:, :self.config.latent], decoder.first)
