"""Denoising Diffusion GANs (Xiao 2021): each of a few large denoising steps is drawn by a GAN.

The generator predicts x_0 from x_t and a latent z; x_{t-1} is drawn from the posterior
q(x_{t-1} | x_t, x_0). The discriminator tells these from real pairs, knowing x_t and t. A second
discriminator may compare the predicted x_0 with real pictures, as report 001 proposes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hybridstudio.config import DdganConfig, RunConfig
from hybridstudio.config.models.ddgan import JUMP, RESAMPLED
from hybridstudio.diffusion.inpainting import begun, repaint
from hybridstudio.diffusion.noise import Randomness, normal, streams
from hybridstudio.diffusion.samplers import Moment, Options, Prediction, levels_of
from hybridstudio.diffusion.schedule import vp_schedule
from hybridstudio.families.adversarial import (
    HELD_OUT,
    LOSSES,
    Discriminate,
    r1,
    told,
)
from hybridstudio.families.coarse import Coarse, Pool, begin_as, drawn_in_full, known_of
from hybridstudio.families.contract import (
    Batch,
    DrawPlan,
    Entrance,
    Family,
    Update,
    first_weights,
    pieces,
    still,
)
from hybridstudio.families.ddpm import DDPM
from hybridstudio.families.leaping import learned, visited
from hybridstudio.families.matching import Between, auxiliary_loss, carried, pull
from hybridstudio.nets.ddgan import GROUP, Discriminator, Generator
from hybridstudio.nets.mlp import PointNet
from hybridstudio.nets.unet import UNet

VARIANCE = 0.5  # of points, about
WAVES = 3  # octaves in which the networks for points see where they are
GAME = LOSSES["bce"]  # the non-saturating one
Z_GAIN, Z_BEGINS = 10.0, 0.8  # of a z that is to choose: heard from the start, and a fast learner
HELD = 0.25  # weight of the teacher in what the auxiliary learns, where it has x_t to learn to use
FULL_NFE = 20  # evaluations of a teacher from pure noise; fewer from less

OfLevel = Callable[[int], Tensor]  # what belongs to a noise level: z (N, latent), noise (N, …)


class DDGAN(Family):
    """A generator that predicts x_0, the judges of its steps, and the schedule they work under."""

    drawn = ("generator",)
    judges: ClassVar[bool] = True
    judged_on: ClassVar[int] = HELD_OUT

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        assert isinstance(config.model, DdganConfig)
        self.config = config.model
        self.classes = len(config.data.classes) if self.config.labels else 0
        self.schedule = vp_schedule(self.config.timesteps, self.config.beta_min,
                                    self.config.beta_max, self.config.signal)
        self.teacher: DDPM | None = None
        if self.config.teacher_from:
            theirs_too = config.model_copy(update={"model": self.config.teacher})
            self.teacher = DDPM(theirs_too)
            self.kept = ("teacher",)
            if self.config.matches:
                self.auxiliary = DDPM(theirs_too, self.shape.channels * self.config.frees)
            else:
                self.pool = Pool(self.config.pool, self.shape)
                self.kept += ("pool",)
            # The teacher's finer steps in which there is as much noise as in each of ours.
            theirs = self.teacher.schedule.alphas_cumprod
            self.rows = [int((theirs - mine).abs().argmin())
                         for mine in self.schedule.alphas_cumprod]
        self.generator = self._generator()
        self.discriminator = self._judge(2 * self.shape.channels)
        self.adversaries = ("discriminator",)
        if self.config.x0_discriminator:
            self.x0_discriminator = self._judge(self.shape.channels)
            self.adversaries += ("x0_discriminator",)
        if self.config.matches:
            self.adversaries += ("auxiliary",)
        self.trained = ("generator", *self.adversaries)

    def _generator(self) -> nn.Module:
        channels, config = self.shape.channels, self.config
        if self.shape.is_points:
            return PointNet(channels, channels, config.width, config.blocks, timed=True,
                            classes=self.classes, latent=config.latent, waves=WAVES)
        if self.teacher is not None:  # whose copy it starts as
            theirs = config.teacher
            return UNet(
                channels, channels, self.shape.height, width=theirs.width,
                channel_mult=theirs.channel_mult, blocks=theirs.blocks, attention=theirs.attention,
                head_width=theirs.head_width, patch=theirs.patch, classes=self.classes,
                latent=config.latent, gain=Z_GAIN if config.frees else 1.0)
        return Generator(
            channels, self.shape.height, width=config.width, channel_mult=config.channel_mult,
            blocks=config.blocks, attention=config.attention, patch=config.patch,
            latent=config.latent, mapping_width=config.mapping_width,
            mapping_layers=config.mapping_layers, classes=self.classes)

    def lent(self) -> None:
        """Let the generator start as the teacher, which sees the likeliest picture at once.

        A z that is to choose has its say from the start: at none, no z would be better than another
        and none would grow.
        """
        if self.teacher is None:
            return
        if isinstance(self.generator, UNet):
            begin_as(self.generator, self.teacher.unet.state_dict(),
                     Z_BEGINS if self.config.frees else 0.0)
        if self.config.matches:
            begin_as(self.auxiliary.unet, self.teacher.unet.state_dict())

    def _judge(self, channels: int) -> nn.Module:
        config = self.config
        if self.shape.is_points:
            return PointNet(channels, 1, config.discriminator_width, config.blocks, timed=True,
                            classes=self.classes, waves=WAVES)
        return Discriminator(channels, self.shape.height, width=config.discriminator_width,
                             patch=config.patch, classes=self.classes)

    # --- the diffusion ------------------------------------------------------------------------

    def _pair(self, x0: Tensor, t: Tensor, to: Tensor,
              noise: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return real x_s at levels `to` and x_t at rows t, both (N, C, H, W)."""
        first, second = (torch.randn(x0.shape, generator=noise, device=x0.device) for _ in "12")
        return self.schedule.q_pair(x0, t, to, first, second)

    def _steps(self, count: int, noise: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw rows and levels of the steps to learn; pictures that D compares have the same."""
        return learned(len(self.schedule), self.config.leaps, count, GROUP, noise)

    def posterior(self, x0: Tensor, x_t: Tensor, t: Tensor, to: Tensor, fresh: Tensor) -> Tensor:
        """Return x_s drawn from q(x_s | x_t, x_0) with `fresh` noise, at levels `to`; x_0 at 0.

        Xiao 2021, equation 5.
        """
        mean, variance = self.schedule.q_leap(x0, x_t, t, to)
        return mean + variance.sqrt() * fresh

    def predict(self, x_t: Tensor, t: Tensor, labels: Tensor | None, z: Tensor) -> Tensor:
        """Return x_0 = G(x_t, z, t), float32 (N, C, H, W), at rows t (N,) for z (N, latent)."""
        labels = labels if self.classes else None
        if self.teacher is not None and isinstance(self.generator, UNet):
            rows = torch.tensor(self.rows, device=t.device)[t]
            output = self.generator(x_t, rows, labels, z).float()
            x0, _ = self.teacher.schedule.x0_and_eps(
                self.config.teacher.predict, output, x_t, rows)
            return x0 if self.training else x0.clamp(-1.0, 1.0)
        images: Tensor = self.generator(x_t, t, labels, z)
        return self._near(x_t, t, images.float()) if self.shape.is_points else images.float()

    def _near(self, x_t: Tensor, t: Tensor, offset: Tensor) -> Tensor:
        """Return the linear guess of x_0 from x_t, plus an offset in units of that guess's error.

        Karras 2022, table 1 (c_skip and c_out), for points of this variance: a generator that
        begins near all modes need not find them first.
        """
        alpha_bar = self.schedule.at("alphas_cumprod", t, x_t)
        total = alpha_bar * VARIANCE + 1.0 - alpha_bar
        linear = alpha_bar.sqrt() * VARIANCE / total * x_t
        return linear + ((1.0 - alpha_bar) * VARIANCE / total).sqrt() * offset

    def error(self, guess: Tensor, x0: Tensor, t: Tensor) -> Tensor:
        """Return the mean square error of the predicted x_0, by how much x_t tells of it.

        Phung 2023 (WaveDiff), section 4.3, asks the same of all levels; weighed by ᾱ_t it leaves
        what x_t does not decide to z and the discriminator.
        """
        return (self.schedule.at("alphas_cumprod", t, x0) * (guess - x0).square()).mean()

    # --- training -----------------------------------------------------------------------------

    def train_step(
        self, batch: Batch, update: Update, noise: torch.Generator
    ) -> dict[str, Tensor]:
        """Do one step of the discriminators and one of the generator, on the same pairs."""
        x0, labels = batch.images, batch.labels if self.classes else None
        t, to = self._steps(len(x0), noise)
        before, x_t = self._pair(x0, t, to, noise)
        known, full = len(x0), None
        if self.teacher is not None and not self.config.matches:
            known -= len(x0) // 2 // GROUP * GROUP
            taught = self._taught(batch, t, known, noise)
            full, rest = taught.full, taught.k
            to[known:] = torch.where(rest == t[known:], to[known:], rest)  # another, if none fits
            again = torch.randn(taught.x_k.shape, generator=noise, device=x0.device)
            before[known:] = self.posterior(taught.picture, taught.x_k, rest, to[known:], again)
            x0, x_t, t = (torch.cat([ours[:known], theirs]) for ours, theirs in (
                (x0, taught.picture), (x_t, taught.x_k), (t, rest)))
            if labels is not None and taught.labels is not None:
                labels = torch.cat([labels[:known], taught.labels])
        z, fresh = (torch.randn(shape, generator=noise, device=x0.device)
                    for shape in ((len(x0), self.config.latent), x0.shape))
        with torch.set_grad_enabled(batch.only in (None, "generator")):
            guess = self.predict(x_t, t, labels, z)
            fake = self.posterior(guess, x_t, t, to, fresh)

        def judge(images: Tensor) -> Tensor:
            logits: Tensor = self.discriminator(torch.cat([images, x_t], 1), t, labels)
            return logits

        def judge_x0(images: Tensor) -> Tensor:
            logits: Tensor = self.x0_discriminator(images, t, labels)
            return logits

        losses: dict[str, Tensor] = {}
        if batch.only != "generator":
            losses = self._judge_step("discriminator", judge, before, fake, batch.step, update)
            if self.config.x0_discriminator:
                losses |= self._judge_step(
                    "x0_discriminator", judge_x0, x0, guess, batch.step, update)
            if self.config.matches and self.teacher is not None:
                at = self._between(guess.detach(), x_t, t, to, labels, noise)
                losses["loss/auxiliary"] = auxiliary_loss(
                    self.auxiliary, self.teacher, guess, at, HELD if self.config.frees else 1.0)
                update("auxiliary", losses["loss/auxiliary"])
        if batch.only in (None, "generator"):
            loss = GAME.generator(judge(fake))
            losses = {"loss/generator": loss, **losses}
            if self.config.x0_discriminator:
                losses["loss/generator_x0"] = GAME.generator(judge_x0(guess))
                loss = loss + losses["loss/generator_x0"]
            if self.config.matches and self.teacher is not None:
                at = self._between(guess.detach(), x_t, t, to, labels, noise)
                gradient, losses["moments"] = pull(
                    self.auxiliary, self.teacher, guess.detach(), at)
                loss = loss + self.config.distil * (gradient * guess).mean()
            if full is not None:
                losses["distillation"] = F.mse_loss(guess[known:], full)
                loss = loss + self.config.distil * losses["distillation"]
            if self.config.reconstruction:
                losses["reconstruction"] = self.error(guess[:known], x0[:known], t[:known])
                loss = loss + self.config.reconstruction * losses["reconstruction"]
            update("generator", loss)
        return {name: value.detach() for name, value in losses.items()}

    def _between(self, x0: Tensor, x_t: Tensor, t: Tensor, to: Tensor, labels: Tensor | None,
                 noise: torch.Generator) -> Between:
        """Carry what a step sees on to one of the teacher's levels before the step's end."""
        assert self.teacher is not None
        ends = torch.tensor([0, *self.rows], device=t.device)
        alpha_bar = self.schedule.at("alphas_cumprod", t, x0).flatten()
        at = carried(self.teacher.schedule, x0, x_t, alpha_bar, ends[to], ends[t + 1], labels,
                     noise)
        return at._replace(beside=x_t) if self.config.frees else at

    def _taught(self, batch: Batch, t: Tensor, known: int, noise: torch.Generator) -> Coarse:
        """Return noisy pictures of levels t[known:] with what the teacher draws from them.

        Each is drawn once and used some times. The teacher knows a picture's class if it learned
        classes, whether the generator does or not.
        """
        wanted = len(t) - known
        is_empty = int(self.pool.count) == 0
        for _ in range(len(self.schedule) if is_empty else 1):
            new = wanted if is_empty else max(1, wanted // self.config.uses)
            row = int(torch.randint(len(self.schedule), (), generator=noise, device=noise.device))
            self.pool.put(self._finished(batch, row, new, noise))
        labelled = batch.labels is not None
        return self.pool.picked(wanted, noise, labelled=labelled, levels=t[known:])

    def _finished(self, batch: Batch, row: int, count: int, noise: torch.Generator) -> Coarse:
        """Let the teacher draw `count` of the batch's pictures, noised to a row, to their end."""
        assert self.teacher is not None
        x0, device = batch.images[:count], batch.images.device
        labels = None if batch.labels is None else batch.labels[:count]
        t = torch.full((count,), row, device=device)
        _, x_t = self._pair(x0, t, t, noise)
        nfe = max(4, round(FULL_NFE * (row + 1) / len(self.schedule)))
        full = drawn_in_full(self.teacher, x_t, labels if self.teacher.classes else None, nfe,
                             self.rows[row])
        return Coarse(x_t, x0, t, labels, full)

    def _judge_step(self, name: str, judge: Discriminate, real: Tensor, fake: Tensor, step: int,
                    update: Update) -> dict[str, Tensor]:
        """Teach one discriminator to tell real from fake pictures; return its losses."""
        which = name.removesuffix("discriminator")  # "" or "x0_"
        of_real, of_fake = judge(real), judge(fake.detach())
        loss = GAME.discriminator(of_real, of_fake, 0.0)
        losses = {f"loss/{name}": loss,
                  **told(GAME, **{f"{which}real": of_real, f"{which}fake": of_fake})}
        if self.config.r1 and step % self.config.r1_every == 0:
            losses[f"{which}r1"] = r1(judge, real)
            loss = loss + 0.5 * self.config.r1 * self.config.r1_every * losses[f"{which}r1"]
        update(name, loss)
        return losses

    def judge(self, batch: Batch) -> dict[str, Tensor]:
        """Tell what D makes of pairs of real pictures that it never saw."""
        noise = still(batch.images)
        t, to = self._steps(len(batch.images), noise)
        before, x_t = self._pair(batch.images, t, to, noise)
        labels = batch.labels if self.classes else None
        return told(GAME, real=self.discriminator(torch.cat([before, x_t], 1), t, labels))

    # --- drawing ------------------------------------------------------------------------------

    def draw(self, plan: DrawPlan, noise: Randomness) -> Iterator[Moment]:
        """Draw pictures from noise, or from a picture noised to the plan's `from_step`.

        With a mask the known part of the picture stays, and the rest is drawn to go with it.
        """
        device = next(self.generator.parameters()).device
        rows = streams(noise, plan.count)
        x = normal(rows, plan.shape, device)
        levels = visited(self.schedule, plan, self.config.leaps)
        if plan.image is not None and plan.mask is None:
            t = torch.full((plan.count,), levels[0] - 1, device=device)
            x = self.schedule.q_sample(plan.image.to(device).expand_as(x), t, x)
        labels = plan.labels
        if labels is None and self.classes:
            labels = torch.stack([torch.randint(self.classes, (), generator=row) for row in rows])
        labels = None if labels is None else labels.to(device)
        if plan.mask is not None:
            yield from self._completed(plan, x, rows, labels, levels)
            return

        given = None
        if plan.start is not None:
            x, rows, given = plan.start.moment.x_t, plan.start.rows, plan.start.moment.z

        def z_of(_level: int) -> Tensor:
            nonlocal given
            z, given = given, None
            return normal(rows, (self.config.latent,), device) if z is None else z

        yield from self._walk(plan, levels, x, labels, z_of,
                              lambda _: normal(rows, plan.shape, device))

    def _walk(self, plan: DrawPlan, levels: list[int], x: Tensor, labels: Tensor | None,
              z_of: OfLevel, noise_of: OfLevel) -> Iterator[Moment]:
        """Walk from x down these levels, with the z and the noise that belong to each."""
        scale = plan.knobs.get("z_scale", 1.0)
        for step, (level, to) in enumerate(pairwise([*levels, 0])):
            t, then = (torch.full((len(x),), at, device=x.device) for at in (level - 1, to))
            z = z_of(level)
            x0 = self.predict(x, t, labels, scale * z)
            yield Moment(step, len(levels), level, x, x0, self.schedule.eps_from_x0(x, t, x0),
                         step + 1, float(self.schedule.alphas_cumprod[level - 1]), z=z)
            x = self.posterior(x0, x, t, then, noise_of(to) if to else torch.zeros_like(x))
        yield Moment(len(levels), len(levels), 0, x, x, None, len(levels), 1.0)

    def _completed(self, plan: DrawPlan, x: Tensor, rows: list[torch.Generator],
                   labels: Tensor | None, levels: list[int]) -> Iterator[Moment]:
        """Draw what a mask leaves open as RePaint does, every visit of a step with a z of its own.

        Lugmayr 2022, algorithm 1, whose step from x_t to x_{t-1} is Xiao 2021, equation 5.
        """
        scale, z = plan.knobs.get("z_scale", 1.0), x

        def predict(x_t: Tensor, t: Tensor) -> Prediction:
            nonlocal z
            z = normal(rows, (self.config.latent,), x_t.device)
            x0 = self.predict(x_t, t, labels, scale * z)
            return Prediction(x0, self.schedule.eps_from_x0(x_t, t, x0))

        known = known_of(plan, x, rows)
        assert known is not None
        timesteps = [level - 1 for level in levels]
        x = begun(x, known, levels_of(self.schedule, timesteps)[0],
                  is_noised=plan.from_step is not None)
        for moment in repaint("ancestral", predict, x, self.schedule, timesteps, rows,
                              Options(clip_x0=False), known, round(plan.knobs.get("jump", JUMP)),
                              round(plan.knobs.get("resample", RESAMPLED))):
            yield replace(moment, z=z) if moment.t else moment

    def draw_codes(self, codes: Tensor, plan: DrawPlan, space: str) -> Iterator[Moment]:
        """Draw from x_T, the z of every step and the noise between steps, all parts of the code."""
        parts = pieces(codes, self.config.spaces(self.shape)[0])
        levels = visited(self.schedule, plan, self.config.leaps)
        yield from self._walk(
            plan, levels, parts["x_T"].unflatten(1, self.shape), plan.labels,
            lambda level: parts[f"z_{level}"],
            lambda level: parts[f"noise_{level}"].unflatten(1, self.shape))

    def entrance(self, space: str) -> Entrance:
        """Return how the z of every step enters the mapping."""
        is_copy = isinstance(self.generator, UNet)
        latent = self.generator.get_submodule("style" if is_copy else "mapping.latent")
        parts = tuple(f"z_{step}" for step in range(1, len(self.schedule) + 1))
        return Entrance(first_weights(latent), lambda z, _: latent(z), parts)
