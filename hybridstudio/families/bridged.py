"""The hybrid's mode `pretrained`: a finished GAN is fed from a finished diffusion's output.

A student's first try fed the noisy picture itself to the GAN as its z, which drew poorly, since a
picture is no sample of N(0, I). Here a bridge learns which z draws the picture that the diffusion
sees; the diffusion and the GAN stay as their own runs left them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hybridstudio.config import HybridConfig, RunConfig
from hybridstudio.diffusion.noise import Randomness, normal, streams
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.families.coarse import drawn, finished, joined, known_of, noised, walked_down
from hybridstudio.families.contract import Batch, DrawPlan, Entrance, Family, Start, Update, pieces
from hybridstudio.families.ddpm import DDPM
from hybridstudio.families.gan import GAN
from hybridstudio.nets.mlp import PointNet
from hybridstudio.nets.vae import ResidualEncoder

BLOCKS = 2


class Bridged(Family):
    """A frozen diffusion, a frozen GAN, and the bridge from the one's picture to the other's z."""

    trained = ("bridge",)
    drawn = ("diffusion.unet", "gan.generator", "bridge")

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        assert isinstance(config.model, HybridConfig)
        self.config = model = config.model
        self.diffusion = DDPM(config.model_copy(update={"model": model.diffusion}))
        self.gan = GAN(config.model_copy(update={"model": model.gan}))
        self.schedule = self.diffusion.schedule
        width = model.diffusion.width
        self.bridge: nn.Module
        if self.shape.is_points:
            self.bridge = PointNet(self.shape.channels, 2 * self.gan.latent, width, BLOCKS,
                                   timed=False)
        else:
            self.bridge = ResidualEncoder(
                self.shape, self.gan.latent, width, BLOCKS, classes=0)
        self.train()

    def train(self, mode: bool = True) -> Bridged:
        """Set the bridge alone to training: the stages are finished, their statistics too."""
        super().train(mode)
        self.diffusion.eval()
        self.gan.eval()
        return self

    def train_step(
        self, batch: Batch, update: Update, noise: torch.Generator
    ) -> dict[str, Tensor]:
        """Teach the bridge which z draws each coarse picture, and to spread its z as N(0, I)."""
        labels = batch.labels if self.diffusion.classes else None
        known = len(batch.images) - round(len(batch.images) * self.config.rolled_out)
        k, steps = self.config.handover, self.config.coarse_steps
        rest = None if labels is None else labels[known:]
        states = joined(
            noised(self.diffusion, batch.images[:known], None if labels is None else labels[:known],
                   k, steps, noise),
            drawn(self.diffusion, self.shape, rest, len(batch.images) - known, k, steps, noise))
        coarse = states.picture
        mean, log_variance = self._z(coarse)
        eps = torch.randn(mean.shape, generator=noise, device=mean.device)
        made = self.gan.generate(mean + (0.5 * log_variance).exp() * eps, batch.labels)
        target = torch.cat([batch.images[:known], coarse[known:]])
        missed = F.mse_loss(made, target)
        # Kingma & Welling 2013, appendix B: the divergence of q(z | picture) from N(0, I), which
        # is what the GAN knows how to draw from; per number of z, as the error is per pixel.
        kl = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).mean()
        loss = missed + self.config.bridge_kl * kl
        update("bridge", loss)
        return {"loss": loss.detach(), "reconstruction": missed.detach(), "kl": kl.detach()}

    def _z(self, coarse: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.bridge(coarse).flatten(1).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-10.0, 5.0)

    def draw(self, plan: DrawPlan, noise: Randomness) -> Iterator[Moment]:
        """Draw coarsely down to the hand-over, then let the GAN draw what the bridge asks for."""
        device = next(self.bridge.parameters()).device
        rows = streams(noise, plan.count)
        x_T = normal(rows, plan.shape, device)
        labels = self.diffusion.asked_labels(plan, rows, device)
        k = int(plan.knobs.get("handover", self.config.handover))
        fresh: Tensor | None = None
        if plan.start is not None:
            rows, fresh = plan.start.rows, plan.start.moment.z
        for moment, coarse in walked_down(self.diffusion, plan, x_T, rows, labels, k):
            if coarse is None:
                yield moment
                continue
            mean, log_variance = self._z(coarse)
            fresh = normal(rows, mean.shape[1:], device) if fresh is None else fresh
            z = mean + (0.5 * log_variance).exp() * fresh
            x0 = finished(self.gan.generate(z, labels), known_of(plan, x_T, rows))
            eps = self.schedule.eps_from_x0(
                moment.x_t, torch.full((plan.count,), round(moment.t) - 1, device=device), x0)
            last = replace(moment, x0=x0, eps=eps, nfe=moment.nfe + 1, extra={"Coarse": coarse},
                           z=fresh)
            yield last
            yield replace(last, step=moment.steps, t=0, x_t=x0, eps=None, alpha_bar=1.0)

    def draw_codes(self, codes: Tensor, plan: DrawPlan, space: str) -> Iterator[Moment]:
        """Draw from x_T, and from how far z strays from what the bridge asks for."""
        parts = pieces(codes, self.config.spaces(self.shape)[0])
        x_T = parts["x_T"].unflatten(1, self.shape)
        begin = Moment(0, 0, len(self.schedule), x_T, None, None, 0, 0.0, z=parts["z"])
        yield from self.draw(
            replace(plan, eta=0.0, count=len(codes), start=Start(begin, [])), torch.Generator())

    def likeliest(self, images: Tensor) -> Tensor | None:
        """Ask the diffusion."""
        return self.diffusion.likeliest(images)

    def entrance(self, space: str) -> Entrance:
        """Return the GAN's first layer."""
        return self.gan.entrance("z")._replace(parts=("z",))
