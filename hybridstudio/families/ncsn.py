"""Noise conditional score networks: NCSN (Song & Ermon 2019) and its improvements (2020).

One network learns the score ∇ log p_σ(x) of the data under every noise σ of a geometric sequence
by denoising score matching. Pictures are drawn, and inpainted, by annealed Langevin dynamics.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from hybridstudio.config import NcsnConfig, RunConfig
from hybridstudio.diffusion.langevin import Hold, Score, annealed, geometric, spread
from hybridstudio.diffusion.noise import Randomness, normal, streams
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.families.contract import Batch, DrawPlan, Family, Update
from hybridstudio.nets.labels import with_any
from hybridstudio.nets.mlp import PointNet
from hybridstudio.nets.unet import UNet

BANDS = 4  # parts of the noise levels whose losses are told apart
WAVES = 3  # octaves in which the network for points sees where it is
TIMES = 1000.0  # the network is told its level on the scale that time embeddings are made for


class NCSN(Family):
    """A network from a noised picture and its noise level to the noise in it, and the levels."""

    trained = ("unet",)
    drawn = ("unet",)

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        assert isinstance(config.model, NcsnConfig)
        self.config = config.model
        self.classes = len(config.data.classes) if self.config.labels else 0
        largest, smallest = self.config.sigmas(self.shape)
        self.sigmas = geometric(largest, smallest, self.config.noise_levels)
        channels = self.shape.channels
        self.unet: nn.Module
        if self.shape.is_points:
            self.unet = PointNet(channels, channels, self.config.width, self.config.blocks,
                                 timed=True, classes=self.classes, waves=WAVES)
        else:
            self.unet = UNet(
                channels, channels, self.shape.height, width=self.config.width,
                channel_mult=self.config.channel_mult, blocks=self.config.blocks,
                attention=self.config.attention, head_width=self.config.head_width,
                dropout=self.config.dropout, patch=self.config.patch, classes=self.classes)

    def noise_in(self, x: Tensor, rows: Tensor, labels: Tensor | None) -> Tensor:
        """Return the noise ε (N, ...) that the network sees in x = x_0 + σ ε at level rows (N,)."""
        sigma = self._sigma(rows)
        return self._noise(self._output(x, sigma, rows, labels), x, sigma)

    def _output(self, x: Tensor, sigma: Tensor, rows: Tensor, labels: Tensor | None) -> Tensor:
        # The network sees x at about the same size at every level (Karras 2022, c_in).
        times = rows * (TIMES / len(self.sigmas))
        return self.unet(x / (1.0 + sigma**2).sqrt(), times, labels).float()

    def _noise(self, output: Tensor, x: Tensor, sigma: Tensor) -> Tensor:
        """Return ε from the network's output; v = (ε - σ x_0)/√(1 + σ²) as for x/√(1 + σ²)."""
        if self.config.predict == "eps":
            return output
        return (sigma * x / (1.0 + sigma**2).sqrt() + output) / (1.0 + sigma**2).sqrt()

    def _sigma(self, rows: Tensor) -> Tensor:
        """Return σ (N, 1, 1, 1) at level rows (N,)."""
        return torch.tensor(self.sigmas, device=rows.device)[rows][:, None, None, None]

    # --- training -----------------------------------------------------------------------------

    def train_step(
        self, batch: Batch, update: Update, noise: torch.Generator
    ) -> dict[str, Tensor]:
        """Do one step of denoising score matching, weighted by σ² (2019, equations 5 and 6).

        With s = -ε̂/σ (2020, technique 3) the weighted σ² ‖s + ε/σ‖² is ‖ε̂ - ε‖²; its mean over
        values is told as the loss. Where the velocity is predicted its error is.
        """
        x0 = batch.images
        rows = self._rows(len(x0), noise)
        eps = torch.randn(x0.shape, generator=noise, device=x0.device)
        sigma = self._sigma(rows)
        output = self._output(x0 + sigma * eps, sigma, rows, self._hidden(batch.labels, noise))
        target = eps
        if self.config.predict == "v":
            target = (eps - sigma * x0) / (1.0 + sigma**2).sqrt()
        errors = (output - target).square().flatten(1).mean(1)
        loss = errors.mean()
        update("unet", loss)
        return {"loss": loss.detach(), **self._bands(rows, errors.detach())}

    def _rows(self, count: int, noise: torch.Generator) -> Tensor:
        """Draw level rows (N,), one from each of N equal parts of them, which calms the loss."""
        places = torch.rand(count, generator=noise, device=noise.device)
        places = (places + torch.arange(count, device=noise.device)) / count
        return (places * len(self.sigmas)).long().clamp(max=len(self.sigmas) - 1)

    def _hidden(self, labels: Tensor | None, noise: torch.Generator) -> Tensor | None:
        """Hide a share of the labels, so that the network also learns to do without."""
        if labels is None or self.classes == 0:
            return None
        hide = torch.rand(len(labels), generator=noise, device=labels.device)
        return torch.where(hide < self.config.label_dropout, self.classes, labels)

    def _bands(self, rows: Tensor, errors: Tensor) -> dict[str, Tensor]:
        """Return the mean error in each band of noise levels, from clean to noisy; NaN if empty."""
        band = rows * BANDS // len(self.sigmas)
        sums = torch.zeros(BANDS, device=rows.device).index_add_(0, band, errors)
        counts = torch.zeros(BANDS, device=rows.device).index_add_(
            0, band, torch.ones_like(errors))
        means = sums / counts  # 0/0 is NaN: nothing was seen there
        return {f"loss/band-{number + 1}": means[number] for number in range(BANDS)}

    # --- drawing ------------------------------------------------------------------------------

    def score(self, labels: Tensor | None, guidance: float) -> Score:
        """Return the score s(x, σ) = -ε̂/σ that Langevin dynamics follows.

        With `guidance` w other than 1 it is s_any + w (s_label - s_any), Ho & Salimans 2022.
        """

        def score(x: Tensor, row: int) -> Tensor:
            rows = torch.full((len(x),), row, device=x.device)
            if labels is not None and guidance != 1.0:
                both = self.noise_in(torch.cat([x, x]), torch.cat([rows, rows]),
                                     with_any(labels, self.classes))
                with_label, without = both.chunk(2)
                eps = without + guidance * (with_label - without)
            else:
                eps = self.noise_in(x, rows, labels)
            return -eps / self.sigmas[row]

        return score

    def draw(self, plan: DrawPlan, noise: Randomness) -> Iterator[Moment]:
        """Draw by annealed Langevin dynamics, from noise or from a picture noised to `from_step`.

        As many levels are used as `nfe` pays for, each with the knob's steps. With a mask the known
        part of the picture is kept, and the rest drawn to go with it.
        """
        device = next(self.unet.parameters()).device
        rows = streams(noise, plan.count)
        steps = round(plan.knobs.get("steps", self.config.steps_per_level))
        steps = min(steps, max(1, plan.nfe - 1))
        first = len(self.sigmas) - 1
        if plan.image is not None and plan.from_step is not None:
            first = plan.from_step - 1
        if plan.start is not None:
            first = plan.start.first(first)
        levels = spread(first, max(1, (plan.nfe - 1) // steps))
        x = self.sigmas[levels[0]] * normal(rows, plan.shape, device)
        hold: Hold | None = None
        if plan.image is not None:
            image = plan.image.to(device).expand_as(x)
            if plan.mask is not None:
                hold = holding(image, plan.mask.to(device),
                               rows if plan.start is None else plan.start.rows)
            if plan.mask is None or plan.from_step is not None:
                x = x + image
        labels = plan.labels
        if labels is None and self.classes:
            labels = torch.stack([torch.randint(self.classes, (), generator=row) for row in rows])
        labels = None if labels is None else labels.to(device)
        skip = 0
        if plan.start is not None:
            moment, rows, skip = plan.start.moment, plan.start.rows, plan.start.skip
            x = moment.x_t / moment.alpha_bar**0.5
        yield from annealed(
            plan.sampler, self.score(labels, plan.guidance), x, self.sigmas, levels, steps, rows,
            size=plan.knobs.get("step_size", 1.0), hold=hold,
            reach=None if self.shape.is_points else 1.0, skip=skip)


def holding(image: Tensor, mask: Tensor, noise: list[torch.Generator]) -> Hold:
    """Return what keeps `image` (N, C, H, W) where `mask` (..., H, W) is true, noised to a level.

    Song & Ermon 2019, appendix B.3 (algorithm 2): the known part is noised anew at every level.
    """

    def hold(x: Tensor, sigma: float) -> Tensor:
        known = image
        if sigma:
            known = image + sigma * normal(noise, image.shape[1:], image.device)
        return torch.where(mask, known, x)

    return hold
