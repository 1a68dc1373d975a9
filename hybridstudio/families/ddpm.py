"""Denoising diffusion: DDPM (Ho 2020), improved DDPM (Nichol & Dhariwal 2021), with labels.

The network predicts ε, x_0 or v, and with learned variance also where log Σ lies between log β̃_t
and log β_t. Labels are hidden at random while training, so that drawing can be guided (Ho &
Salimans 2022).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from hybridstudio.config import DdpmConfig, RunConfig
from hybridstudio.config.models.ddpm import JUMP, RESAMPLED
from hybridstudio.diffusion.inpainting import Known, begun, repaint
from hybridstudio.diffusion.inversion import ROUNDS, highest, there_and_back
from hybridstudio.diffusion.likelihood import vlb_at
from hybridstudio.diffusion.noise import Randomness, normal, streams
from hybridstudio.diffusion.samplers import (
    SAMPLERS,
    Moment,
    Options,
    Predict,
    Prediction,
    ddim_invert,
    levels_of,
    timesteps_for,
)
from hybridstudio.diffusion.schedule import Schedule
from hybridstudio.families.contract import Batch, DrawPlan, Family, Update, still
from hybridstudio.nets.labels import with_any
from hybridstudio.nets.mlp import PointNet
from hybridstudio.nets.unet import UNet

LEVELS_ASKED = (0.5, 0.6, 0.7, 0.8)  # shares of T at which classes are compared
BANDS = 4  # parts of the noise levels whose losses are told apart
MIN_SNR_GAMMA = 5.0  # Hang 2023
WAVES = 3  # octaves in which the network for points sees where it is


class Emphasis(NamedTuple):
    """What a diffusion that is good already is to learn above all: its noisiest levels.

    `share` of its pictures have at least level `k`; for these, with `guidance` w other than 1, it
    learns to answer at once what it would have drawn with that guidance.
    """

    k: int
    share: float = 0.8
    guidance: float = 1.0


class DDPM(Family):
    """A UNet that predicts from x_t and t, and the schedule that it works under.

    It may see `beside` channels more, which `predictor` is given.
    """

    trained = ("unet",)
    drawn = ("unet",)
    judges: ClassVar[bool] = True
    judged_on: ClassVar[int] = 500  # an evaluation each: more would be felt in the training's speed

    def __init__(self, config: RunConfig, beside: int = 0) -> None:
        super().__init__(config)
        assert isinstance(config.model, DdpmConfig)
        self.config = config.model
        self.classes = len(config.data.classes) if self.config.labels else 0
        self.learned = self.config.variance == "learned"
        self.schedule = Schedule.named(self.config.schedule, self.config.timesteps)
        channels = self.shape.channels
        outputs = channels * (2 if self.learned else 1)
        self.unet: nn.Module
        if self.shape.is_points:
            self.unet = PointNet(channels + beside, outputs, self.config.width, self.config.blocks,
                                 timed=True, classes=self.classes, waves=WAVES)
        else:
            self.unet = UNet(
                channels + beside, outputs, self.shape.height, width=self.config.width,
                channel_mult=self.config.channel_mult, blocks=self.config.blocks,
                attention=self.config.attention, head_width=self.config.head_width,
                dropout=self.config.dropout, patch=self.config.patch, classes=self.classes)

    # --- training -----------------------------------------------------------------------------

    def train_step(
        self, batch: Batch, update: Update, noise: torch.Generator,
        emphasis: Emphasis | None = None,
    ) -> dict[str, Tensor]:
        """Do one step of L_simple, or of L_hybrid where the variance is learned."""
        x0, t = batch.images, self._timesteps(len(batch.images), noise, emphasis)
        x_t, labels, target = self._asked(batch, t, noise)
        output, fraction = self._split(self.unet(x_t, t, labels).float())
        if emphasis is not None and emphasis.guidance != 1.0 and labels is not None:
            target = target + self._led(x_t, t, labels, output.detach(), emphasis)
        errors = (output - target).square().flatten(1).mean(1)
        loss = (errors * self._weights(t)).mean()
        losses = {"loss": loss, **self._bands(t, errors.detach())}
        if fraction is not None:
            # L_hybrid = L_simple + λ L_vlb (equation 16), λ L_vlb summed over t as in L_vlb; the
            # mean is detached, so that L_vlb teaches the variance alone.
            x0_seen, _ = self.schedule.x0_and_eps(self.config.predict, output.detach(), x_t, t)
            vlb = vlb_at(self.schedule, self.clipped(x0_seen), fraction, x0, x_t, t).mean()
            losses["vlb"] = vlb.detach() * len(self.schedule)
            loss = loss + self.config.vlb_weight * len(self.schedule) * vlb
        update("unet", loss)
        return {name: value.detach() for name, value in losses.items()}

    def judge(self, batch: Batch) -> dict[str, Tensor]:
        """Tell L_simple of pictures that were never seen, with the same t and noise each time."""
        noise = still(batch.images)
        t = self._timesteps(len(batch.images), noise, None)
        x_t, labels, target = self._asked(batch, t, noise)
        output, _ = self._split(self.unet(x_t, t, labels).float())
        errors = (output - target).square().flatten(1).mean(1)
        return {"loss": (errors * self._weights(t)).mean()}

    def _asked(self, batch: Batch, t: Tensor, noise: torch.Generator,
               ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Noise pictures to rows t (N,): return x_t, the labels that are not hidden, the target."""
        x0 = batch.images
        eps = torch.randn(x0.shape, generator=noise, device=x0.device)
        x_t, labels = self.schedule.q_sample(x0, t, eps), self._hidden(batch.labels, noise)
        return x_t, labels, self.schedule.target(self.config.predict, x0, t, eps)

    def clipped(self, x0: Tensor) -> Tensor:
        """Keep predicted pictures in [-1, 1]; points may lie anywhere."""
        return x0 if self.shape.is_points else x0.clamp(-1, 1)

    def _timesteps(self, count: int, noise: torch.Generator,
                   emphasis: Emphasis | None) -> Tensor:
        """Draw t (N,), one from each of N equal parts of 0 … T-1, which calms the loss.

        An emphasis stretches the noisy ones, rows k - 1 … T-1, over more of these parts.
        """
        places = torch.rand(count, generator=noise, device=noise.device)
        places = (places + torch.arange(count, device=noise.device)) / count
        if emphasis is not None:
            border, calm = (emphasis.k - 1) / len(self.schedule), 1.0 - emphasis.share
            places = torch.where(places < calm, places / max(calm, 1e-9) * border,
                                 border + (places - calm) / emphasis.share * (1.0 - border))
        return (places * len(self.schedule)).long().clamp(max=len(self.schedule) - 1)

    @torch.no_grad()
    def _led(self, x_t: Tensor, t: Tensor, labels: Tensor, output: Tensor,
             emphasis: Emphasis) -> Tensor:
        """Return what guidance adds to the target (N, C, H, W), given what the network answers.

        Tang 2025 (Diffusion models without classifier-free guidance). An answer c that is the mean
        plus (1 - 1/w) (c - c_any) is the mean plus (w - 1) (mean - c_any), with which Ho & Salimans
        2022 draw.
        """
        free, _ = self._split(self.unet(x_t, t, torch.full_like(labels, self.classes)).float())
        is_led = (labels != self.classes) & (t >= emphasis.k - 1)
        more = (1.0 - 1.0 / emphasis.guidance) * (output - free)
        return torch.where(is_led.reshape(-1, 1, 1, 1), more, 0.0)

    def _hidden(self, labels: Tensor | None, noise: torch.Generator) -> Tensor | None:
        """Hide a share of the labels, so that the network also learns to do without."""
        if labels is None or self.classes == 0:
            return None
        hide = torch.rand(len(labels), generator=noise, device=labels.device)
        return torch.where(hide < self.config.label_dropout, self.classes, labels)

    def _weights(self, t: Tensor) -> Tensor:
        """Return the weight (N,) of each picture's error."""
        if self.config.weighting == "uniform":
            return torch.ones_like(t, dtype=torch.float32)
        # Min-SNR-γ (Hang 2023): min(SNR, γ) on x_0, told in terms of what is predicted.
        snr = self.schedule.at("snr", t, t.float())
        divide = {"x0": torch.ones_like(snr), "eps": snr, "v": snr + 1.0}[self.config.predict]
        return snr.clamp(max=MIN_SNR_GAMMA) / divide

    def _bands(self, t: Tensor, errors: Tensor) -> dict[str, Tensor]:
        """Return the mean error in each band of noise levels, from clean to noisy; NaN if empty."""
        band = t * BANDS // len(self.schedule)
        sums = torch.zeros(BANDS, device=t.device).index_add_(0, band, errors)
        counts = torch.zeros(BANDS, device=t.device).index_add_(0, band, torch.ones_like(errors))
        means = sums / counts  # 0/0 is NaN: nothing was seen there
        return {f"loss/band-{number + 1}": means[number] for number in range(BANDS)}

    def _split(self, output: Tensor) -> tuple[Tensor, Tensor | None]:
        """Split the network's output into its prediction and the variance's place in [0, 1]."""
        if not self.learned:
            return output, None
        output, raw = output.chunk(2, dim=1)
        return output, (raw + 1.0) / 2.0

    # --- drawing ------------------------------------------------------------------------------

    def predictor(self, labels: Tensor | None, guidance: float,
                  beside: Tensor | None = None) -> Predict:
        """Return what samplers ask: from x_t and t to the predicted x_0 and ε.

        With `guidance` w other than 1 the network is asked with and without the label, and the
        answer is ε_any + w (ε_label - ε_any).
        """

        def predict(x_t: Tensor, t: Tensor) -> Prediction:
            seen = x_t if beside is None else torch.cat([x_t, beside], 1)
            if labels is not None and guidance != 1.0:
                output, fraction = self._split(self.unet(
                    torch.cat([seen, seen]), torch.cat([t, t]),
                    with_any(labels, self.classes)).float())
                with_label, without = output.chunk(2)
                output = without + guidance * (with_label - without)
                # A variance is no direction to go further in: it stays the label's own.
                fraction = None if fraction is None else fraction.chunk(2)[0]
            else:
                output, fraction = self._split(self.unet(seen, t, labels).float())
            return Prediction(*self.schedule.x0_and_eps(self.config.predict, output, x_t, t),
                              fraction)

        return predict

    def draw(self, plan: DrawPlan, noise: Randomness) -> Iterator[Moment]:
        """Draw pictures from noise, or from a picture noised to the plan's `from_step`."""
        device = next(self.unet.parameters()).device
        rows = streams(noise, plan.count)
        x = normal(rows, plan.shape, device)
        yield from self.walk(plan, x, rows, self.asked_labels(plan, rows, device))

    def walk(self, plan: DrawPlan, x: Tensor, rows: list[torch.Generator],
             labels: Tensor | None) -> Iterator[Moment]:
        """Draw from the noise x (N, C, H, W), each picture's further noise from its own stream."""
        first = len(self.schedule) - 1
        if plan.image is not None and plan.from_step is not None:
            first = plan.from_step - 1
        if plan.start is not None:
            x, rows, first = plan.start.moment.x_t, plan.start.rows, plan.start.first(first)
        if plan.mask is not None:
            yield from self._completed(plan, x, rows, labels, first)
            return
        if plan.invert:
            first = highest(self.schedule, first)
        timesteps = timesteps_for(plan.sampler, self.schedule, plan.nfe, first)
        timesteps = timesteps[plan.start.skip if plan.start is not None else 0:]
        predict, options = self.predictor(labels, plan.guidance), self.options(plan.eta)

        def down(x: Tensor) -> Iterator[Moment]:
            return SAMPLERS[plan.sampler](predict, x, self.schedule, timesteps, rows, options)

        if plan.image is not None and plan.start is None:
            image = plan.image.to(x.device).expand_as(x)
            if plan.invert:
                options = replace(options, clip_x0=False)  # which has no way back
                up = ddim_invert(predict, image, self.schedule, timesteps, ROUNDS)
                yield from there_and_back(up, down, len(timesteps))
                return
            t = torch.full((plan.count,), timesteps[0], device=x.device)
            x = self.schedule.q_sample(image, t, x)
        yield from down(x)

    def _completed(self, plan: DrawPlan, x: Tensor, rows: list[torch.Generator],
                   labels: Tensor | None, first: int) -> Iterator[Moment]:
        """Draw what a mask leaves open, walking each few steps as often as the knobs say."""
        assert plan.image is not None
        assert plan.mask is not None
        times = min(plan.nfe, round(plan.knobs.get("resample", RESAMPLED)))
        steps = min(plan.nfe // times, first + 1)
        timesteps = timesteps_for("ddim", self.schedule, steps, first)
        known = Known(plan.image.to(x.device).expand_as(x), plan.mask.to(x.device), rows)
        x = begun(x, known, levels_of(self.schedule, timesteps)[0],
                  is_noised=plan.from_step is not None)
        yield from repaint(
            plan.sampler, self.predictor(labels, plan.guidance), x, self.schedule, timesteps, rows,
            self.options(plan.eta), known, round(plan.knobs.get("jump", JUMP)), times)

    def asked_labels(self, plan: DrawPlan, rows: list[torch.Generator],
                     device: torch.device) -> Tensor | None:
        """Return the class of each picture (N,); None where none were learned."""
        labels = plan.labels
        if labels is None and self.classes:
            # 'Any class' is a class drawn for each picture: the network knows each one better
            # than all of them at once, and the mixture is the same.
            labels = torch.stack([torch.randint(self.classes, (), generator=row) for row in rows])
        return None if labels is None else labels.to(device)

    def options(self, eta: float) -> Options:
        """Return what samplers may choose, as this model wants it."""
        return Options(clip_x0=not self.shape.is_points, eta=eta,
                       variance="fixed_small" if self.learned else self.config.variance)

    def draw_codes(self, codes: Tensor, plan: DrawPlan, space: str) -> Iterator[Moment]:
        """Draw from the noise x_T (N, C · H · W) with a sampler that adds none."""
        yield from self.walk(replace(plan, eta=0.0), codes.unflatten(1, self.shape), [],
                             plan.labels)

    def find_codes(self, images: Tensor, plan: DrawPlan, space: str) -> Iterator[Tensor]:
        """Walk pictures back to the noise that DDIM draws them from."""
        # All the way to T - 1, where draw_codes begins: its first steps decide too. Taken from the
        # calmer level `highest` instead, 20 to 50 steps lose 0.23 to 0.26 of a digit, not 0.01.
        timesteps = timesteps_for("ddim", self.schedule, plan.nfe)
        predict = self.predictor(plan.labels, plan.guidance)
        for moment in ddim_invert(predict, images, self.schedule, timesteps, ROUNDS):
            yield moment.x_t.flatten(1)

    def likeliest(self, images: Tensor) -> Tensor | None:
        """Return the classes (N,) under which noised pictures are made out best.

        Li 2023 (Your diffusion model is secretly a zero-shot classifier), algorithm 1, with the
        same few levels and noises for all classes, and the error of x_0.
        """
        if not self.classes:
            return None
        noise = torch.Generator().manual_seed(0)
        errors = torch.zeros(self.classes, len(images), device=images.device)
        for share in LEVELS_ASKED:
            t = torch.full((len(images),), int(share * len(self.schedule)), device=images.device)
            eps = torch.randn(images.shape, generator=noise).to(images.device)
            x_t = self.schedule.q_sample(images, t, eps)
            for label in range(self.classes):
                made = self.predictor(torch.full_like(t, label), 1.0)(x_t, t)
                errors[label] += (made.x0 - images).square().flatten(1).mean(1)
        return errors.argmin(0)
