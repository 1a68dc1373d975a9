"""The hybrid: a short diffusion draws the coarse picture, a GAN finishes it in one pass.

The diffusion walks from pure noise down to level k in a few evaluations; its last x_k and the x̂_0
that it sees there go to the refiner, a UNet with a noise vector z of its own, which a discriminator
of finished pictures teaches. It learns from what drawing really gives: the x_k at which a few steps
arrive is not distributed as q(x_k), and a refiner of truly noised pictures fails on it.

The modes: `separate` leaves the diffusion as it is, `joint` sends the discriminator's gradient on
through the diffusion's last evaluation, `pretrained` bridges to a finished GAN, and `truncated`
goes the other way round (Zheng 2022): a GAN draws x_k in one pass, k short steps finish it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hybridstudio.config import HybridConfig, RunConfig
from hybridstudio.diffusion.inpainting import repaint
from hybridstudio.diffusion.noise import Randomness, normal, streams
from hybridstudio.diffusion.samplers import Moment, levels_of, nfe_steps, sampler_for
from hybridstudio.families.adversarial import HELD_OUT, LOSSES, r1, told
from hybridstudio.families.coarse import (
    Coarse,
    Pool,
    Progress,
    begin_as,
    finished,
    known_of,
    walked_down,
)
from hybridstudio.families.contract import (
    Batch,
    DrawPlan,
    Entrance,
    Family,
    Start,
    Update,
    first_weights,
    pieces,
    still,
)
from hybridstudio.families.ddpm import DDPM, Emphasis
from hybridstudio.families.lessons import FULL_NFE, lessons
from hybridstudio.nets.ddgan import Discriminator
from hybridstudio.nets.mlp import PointNet
from hybridstudio.nets.unet import UNet

GAME = LOSSES["bce"]
FOLLOWS = 50  # steps after which the refiner is the diffusion's copy again, until it learns itself
COARSENESS = 4  # the side of the squares over which refined and coarse pictures are compared

Shown = tuple[Tensor, Tensor, Tensor | None]  # what D is shown: pictures, rows t, labels


class Hybrid(Family):
    """A diffusion, a refiner and a discriminator of finished pictures."""

    adversaries = ("discriminator",)
    kept: tuple[str, ...] = ("progress",)
    judges: ClassVar[bool] = True
    judged_on: ClassVar[int] = HELD_OUT

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        assert isinstance(config.model, HybridConfig)
        self.config = model = config.model
        self.diffusion = DDPM(config.model_copy(update={"model": model.diffusion}))
        self.schedule, self.classes = self.diffusion.schedule, self.diffusion.classes
        channels, side, unet = self.shape.channels, self.shape.height, model.diffusion
        self.refiner: nn.Module
        self.discriminator: nn.Module
        if self.shape.is_points:
            self.refiner = PointNet(2 * channels, channels, unet.width, unet.blocks, timed=True,
                                    classes=self.classes, latent=model.latent)
            self.discriminator = PointNet(channels, 1, unet.width, unet.blocks, timed=True,
                                          classes=self.classes)
        else:
            self.refiner = UNet(
                2 * channels, channels, side, width=unet.width, channel_mult=unet.channel_mult,
                blocks=unet.blocks, attention=unet.attention, head_width=unet.head_width,
                patch=unet.patch, classes=self.classes, latent=model.latent)
            self.discriminator = Discriminator(
                channels, side, width=model.discriminator_width,
                patch=2 if side % 2 == 0 else 1, classes=self.classes)
        self.progress = Progress()
        is_frozen = model.mode == "separate"
        self.pool = Pool(model.pool, self.shape) if model.pool and is_frozen else None
        if self.pool is not None:
            self.kept = ("progress", "pool")
        learns_diffusion = model.mode == "joint" or model.diffusion_time > 0.0
        self.trained = ("refiner", "discriminator",
                        *(("diffusion.unet",) if learns_diffusion else ()))
        self.drawn = ("diffusion.unet", "refiner")

    # --- training -----------------------------------------------------------------------------

    def train_step(
        self, batch: Batch, update: Update, noise: torch.Generator
    ) -> dict[str, Tensor]:
        """Teach the diffusion until it is good enough, then the refiner and the discriminator."""
        losses: dict[str, Tensor] = {}
        if not bool(self.progress.refines):
            return self._teach_diffusion(batch, update, noise)
        if self.config.mode == "joint":
            losses |= self._teach_diffusion(batch, update, noise)
        return {**self._play(batch, update, noise), **losses}

    def prepare(self, averaged: Family, progress: float) -> None:
        """Begin to refine once the diffusion is good enough; what it is then is its average."""
        if bool(self.progress.refines):
            return
        assert isinstance(averaged, Hybrid)
        if progress >= self.config.diffusion_time:
            self.diffusion.unet.load_state_dict(averaged.diffusion.unet.state_dict())
            # The best one-pass answer so far; the coarse picture beside x_k has no say yet.
            begin_as(self.refiner, self.diffusion.unet.state_dict())
            self.progress.refines.fill_(True)
            averaged.refiner.load_state_dict(self.refiner.state_dict())

    def stage(self, progress: float) -> float:
        """Let the learning rate fall over each stage, and rise again for the next."""
        share = self.config.diffusion_time
        if not bool(self.progress.refines):
            return progress / share if share else 0.0
        return (progress - share) / (1.0 - share)

    def _teach_diffusion(
        self, batch: Batch, update: Update, noise: torch.Generator
    ) -> dict[str, Tensor]:
        self.diffusion.train(self.training)
        if batch.step % FOLLOWS == 0 and not bool(self.progress.refines):
            begin_as(self.refiner, self.diffusion.unet.state_dict())  # so that previews show digits
        emphasis = None
        if self.config.diffusion_from and not bool(self.progress.refines):
            emphasis = Emphasis(self.config.handover, guidance=self.config.coarse_guidance)
        learned = self.diffusion.train_step(
            batch, lambda name, loss: update(f"diffusion.{name}", loss), noise, emphasis)
        return {f"diffusion/{name}" if name == "loss" else name: loss
                for name, loss in learned.items()}

    def _play(self, batch: Batch, update: Update, noise: torch.Generator) -> dict[str, Tensor]:
        """Do a step of both players."""
        real, labels = batch.images, batch.labels if self.classes else None
        known = 0  # how many of the coarse pictures, the first, are of real ones
        seen = real  # what D compares: finished pictures, or x_k where the GAN goes first
        coarse: Coarse | None = None
        if self.config.mode == "truncated":
            k = torch.full((len(real),), self._handover(noise), device=real.device)
            eps = torch.randn(real.shape, generator=noise, device=real.device)
            fake, of_fake = self.first(eps, labels, noise), labels
            # Zheng 2022, section 3: D compares x_k, so the GAN need not be sharper than the noise.
            fresh = torch.randn((2, *real.shape), generator=noise, device=real.device)
            seen, shown = (self.schedule.q_sample(images, k - 1, own)
                           for images, own in zip((real, fake), fresh, strict=True))
        else:
            self.diffusion.eval()  # as it draws: without dropout
            coarse, known = lessons(self.config, self.diffusion, self.pool, batch, labels,
                                    self._handover(noise), noise)
            k, of_fake = coarse.k, coarse.labels
            fake = shown = self.refined(coarse.x_k, coarse.picture, k - 1, of_fake, noise)

        losses: dict[str, Tensor] = {}
        if batch.only in (None, "discriminator"):
            losses |= self._discriminate(
                batch, update, (seen, k - 1, labels), (shown.detach(), k - 1, of_fake))
        if batch.only != "discriminator":
            losses["loss/generator"] = loss = GAME.generator(self.judged(shown, k - 1, of_fake))
            if coarse is not None and self.config.keep_coarse and not self.shape.is_points:
                losses["coarse"] = F.mse_loss(_coarsened(fake), _coarsened(coarse.picture.detach()))
                loss = loss + self.config.keep_coarse * losses["coarse"]
            if coarse is not None and coarse.full is not None:
                losses["distillation"] = F.mse_loss(fake[known:], coarse.full)
                loss = loss + self.config.distil * losses["distillation"]
            if known and self.config.reconstruct:
                losses["reconstruction"] = F.mse_loss(fake[:known], real[:known])
                loss = loss + self.config.reconstruct * losses["reconstruction"]
            update(("refiner", "diffusion.unet") if self.config.mode == "joint" else "refiner",
                   loss)
        return {name: value.detach() for name, value in losses.items()}

    def _handover(self, noise: torch.Generator) -> int:
        """Return the level k of this step, which strays where the config says so."""
        spread, k = self.config.handover_spread, self.config.handover
        if spread:
            k += int(torch.randint(-spread, spread + 1, (), generator=noise, device=noise.device))
        return min(max(k, 1), len(self.schedule))

    def _discriminate(self, batch: Batch, update: Update, real: Shown,
                      fake: Shown) -> dict[str, Tensor]:
        outputs = {"real": self.judged(*real), "fake": self.judged(*fake)}
        loss = GAME.discriminator(outputs["real"], outputs["fake"], 0.0)
        losses = {"loss/discriminator": loss, **told(GAME, **outputs)}
        every, gamma = self.config.r1_every, self.config.r1_gamma
        losses["r1"] = torch.full_like(loss, torch.nan)
        if gamma and batch.step % every == 0:
            images, t, labels = real
            losses["r1"] = penalty = r1(lambda shown: self.judged(shown, t, labels), images)
            loss = loss + gamma / 2.0 * every * penalty
        update("discriminator", loss)
        return losses

    def judged(self, images: Tensor, t: Tensor, labels: Tensor | None) -> Tensor:
        """Return D's logits (N,) of pictures that were handed over at rows t (N,)."""
        return self.discriminator(images, t, labels).flatten()

    def judge(self, batch: Batch) -> dict[str, Tensor]:
        """Tell what D makes of real pictures that it never saw, once the GAN learns."""
        if not bool(self.progress.refines):
            return {}
        images = batch.images
        t = torch.full((len(images),), self.config.handover - 1, device=images.device)
        if self.config.mode == "truncated":
            eps = torch.randn(images.shape, generator=still(images), device=images.device)
            images = self.schedule.q_sample(images, t, eps)
        return told(GAME, real=self.judged(images, t, batch.labels if self.classes else None))

    # --- both ---------------------------------------------------------------------------------

    def refined(self, x_t: Tensor, coarse: Tensor, t: Tensor, labels: Tensor | None,
                noise: Randomness, z: Tensor | None = None) -> Tensor:
        """Return the finished picture (N, C, H, W) that the refiner makes of x_t in one pass."""
        z = self._z(x_t, noise) if z is None else z
        output = self.refiner(torch.cat([x_t, coarse], dim=1), t, labels, z).float()
        x0, _ = self.schedule.x0_and_eps(self.config.diffusion.predict, output, x_t, t)
        return x0

    def _z(self, like: Tensor, noise: Randomness) -> Tensor | None:
        """Draw the refiner's own noise for each picture, None where it has none."""
        shape = (self.config.latent,)
        if self.config.latent and isinstance(noise, torch.Generator):
            return torch.randn((len(like), *shape), generator=noise, device=like.device)
        return normal(streams(noise, len(like)), shape, like.device) if self.config.latent else None

    def first(self, eps: Tensor, labels: Tensor | None, noise: Randomness,
              z: Tensor | None = None) -> Tensor:
        """Return the picture that the GAN makes of pure noise, where it goes first."""
        t = torch.full((len(eps),), len(self.schedule) - 1, device=eps.device)
        return self.refined(eps, torch.zeros_like(eps), t, labels, noise, z)

    # --- drawing ------------------------------------------------------------------------------

    def draw(self, plan: DrawPlan, noise: Randomness) -> Iterator[Moment]:
        """Draw coarsely down to the hand-over, then refine; or the other way round, `truncated`.

        The last moment shows the coarse picture, and where the knob `compare` asks for it what the
        diffusion alone makes of the same noise.
        """
        device = next(self.refiner.parameters()).device
        rows = streams(noise, plan.count)
        x_T = normal(rows, plan.shape, device)
        labels = self.diffusion.asked_labels(plan, rows, device)
        k = int(plan.knobs.get("handover", self.config.handover))
        if self.config.mode == "truncated":
            moments = self._draw_truncated(plan, x_T, rows, labels, k)
        else:
            moments = self._draw_refined(plan, x_T, rows, labels, k)
        beside = int(plan.knobs.get("compare", 0))
        for moment in moments:
            if moment.t == 0 and beside:
                alone = replace(plan, nfe=beside, labels=labels, start=None)
                *_, full = self.diffusion.walk(alone, x_T, rows, labels)
                moment = replace(moment, extra={**moment.extra, "Full diffusion": full.x_t})
            yield moment

    def _draw_refined(self, plan: DrawPlan, x: Tensor, rows: list[torch.Generator],
                      labels: Tensor | None, k: int) -> Iterator[Moment]:
        z: Tensor | None = None
        if plan.start is not None:
            rows, z = plan.start.rows, plan.start.moment.z
        known = known_of(plan, x, rows)
        for moment, coarse in walked_down(self.diffusion, plan, x, rows, labels, k):
            if coarse is None:
                yield moment
                continue
            t = torch.full((plan.count,), round(moment.t) - 1, device=x.device)
            z = self._z(x, rows) if z is None else z
            x0 = finished(self.refined(moment.x_t, coarse, t, labels, rows, z), known)
            last = replace(moment, x0=x0, eps=self.schedule.eps_from_x0(moment.x_t, t, x0),
                           nfe=moment.nfe + 1, extra={"Coarse": coarse}, z=z)
            yield last
            yield replace(last, step=moment.steps, t=0, x_t=x0, eps=None, alpha_bar=1.0)

    def _draw_truncated(self, plan: DrawPlan, x_T: Tensor, rows: list[torch.Generator],
                        labels: Tensor | None, k: int) -> Iterator[Moment]:
        rows, start = plan.start.rows if plan.start is not None else rows, plan.start
        given = plan.image if plan.from_step is not None else None  # takes the GAN's place
        if plan.from_step is not None and given is not None:
            k = min(k, plan.from_step)
        z = start.moment.z if start is not None else None
        begins = start is None or "Coarse" not in start.moment.extra
        passes = int(begins and given is None)  # of the GAN
        if start is not None and not begins:
            first, x, k = start.moment.extra["Coarse"], start.moment.x_t, start.first(k - 1) + 1
        elif given is not None:
            first = given.to(x_T.device).expand_as(x_T)
        else:
            z = self._z(x_T, rows) if z is None else z
            first = self.first(x_T, labels, rows, z)
        # Where the levels are those of the whole plan, it counts the GAN's evaluation and frame.
        whole = given is None and (start is None or start.origin is None or begins)
        steps = min(nfe_steps(plan.sampler, max(1, plan.nfe - whole)), k)
        skip = start.skip - whole if start is not None and not begins else 0
        down = self.schedule.timesteps(steps, "quadratic", k - 1)
        beginning = Moment(0, steps + 1, len(self.schedule), x_T, first, x_T, 1,
                           float(self.schedule.alphas_cumprod[-1]), z=z)
        if passes and plan.mask is None:  # else the walk must say how long it is
            yield beginning
        if begins:
            t = torch.full((plan.count,), k - 1, device=x_T.device)
            x = self.schedule.q_sample(first, t, normal(rows, plan.shape, x_T.device))
        options = self.diffusion.options(plan.eta)
        predict = self.diffusion.predictor(labels, plan.guidance)
        if (known := known_of(plan, x, rows)) is not None:
            x = known.put(x, levels_of(self.schedule, down)[0])
            walk = repaint(plan.sampler, predict, x, self.schedule, down, rows, options, known)
        else:
            walk = sampler_for(plan.sampler, x)(predict, x, self.schedule, down[skip:], rows,
                                                options)
        for moment in walk:
            if passes and plan.mask is not None and moment.step == 0:
                yield replace(beginning, steps=moment.steps + 1)
            yield replace(moment, step=moment.step + passes, steps=moment.steps + passes,
                          nfe=moment.nfe + passes, extra={"Coarse": first})

    def draw_codes(self, codes: Tensor, plan: DrawPlan, space: str) -> Iterator[Moment]:
        """Draw from x_T and z, and from the noise of x_k where the GAN goes first."""
        parts = pieces(codes, self.config.spaces(self.shape)[0])
        x_T, z = parts["x_T"].unflatten(1, self.shape), parts.get("z")
        begin = Moment(0, 0, len(self.schedule), x_T, None, None, 0, 0.0, z=z)
        plan = replace(plan, eta=0.0, count=len(codes))
        k = int(plan.knobs.get("handover", self.config.handover))
        if self.config.mode != "truncated":
            plan = replace(plan, start=Start(begin, []))
            yield from self._draw_refined(plan, x_T, [], plan.labels, k)
            return
        t = torch.full((len(codes),), len(self.schedule) - 1, device=codes.device)
        first = self.refined(x_T, torch.zeros_like(x_T), t, plan.labels, [], z)
        x_k = self.schedule.q_sample(
            first, torch.full_like(t, k - 1), parts["noise_k"].unflatten(1, self.shape))
        plan = replace(plan, start=Start(
            replace(begin, x_t=x_k, extra={"Coarse": first}), [], skip=1))
        yield from self._draw_truncated(plan, x_T, [], plan.labels, k)

    def likeliest(self, images: Tensor) -> Tensor | None:
        """Ask the diffusion."""
        return self.diffusion.likeliest(images)

    def guess_codes(self, images: Tensor, plan: DrawPlan, space: str) -> Tensor | None:
        """Return the noise from which the diffusion alone would draw pictures, and no z."""
        if self.config.mode == "truncated":
            return None
        *_, x_T = self.diffusion.find_codes(images, replace(plan, nfe=FULL_NFE), "x_T")
        return F.pad(x_T, (0, self.config.latent))

    def entrance(self, space: str) -> Entrance:
        """Return how z enters the refiner."""
        enter = self.refiner.get_submodule("style")
        return Entrance(first_weights(enter), lambda z, _: enter(z), ("z",))


def _coarsened(images: Tensor) -> Tensor:
    return F.avg_pool2d(images, COARSENESS, ceil_mode=True)
