"""Moment matching (Salimans 2024): a few large steps learn to end where many small ones would.

What a step sees is carried on to a level s between the step's two ends. There the teacher tells the
mean picture behind x_s, and the auxiliary denoiser, which learns from the step's own pictures,
tells the mean that is really behind it. Where both agree at all s, the step draws from the
distribution of the teacher's whole walk, though nobody walked it.

An auxiliary that sees x_t as well tells the mean behind both. The teacher's needs no x_t, as x_s
holds all that x_t knows of the picture; so both agree only where the step draws from
q(x_0 | x_t) itself, and a generator has to leave to z what x_t leaves open.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hybridstudio.diffusion.schedule import Schedule, leap
from hybridstudio.families.ddpm import DDPM, MIN_SNR_GAMMA

LEAST = 1e-3  # mean absolute error below which a picture's pull grows no more


class Between(NamedTuple):
    """Pictures x_s (N, C, H, W) at rows s (N,) of the teacher's schedule, and their classes.

    `beside` is the x_t that they came from, for an auxiliary that sees it.
    """

    x_s: Tensor
    s: Tensor
    labels: Tensor | None
    beside: Tensor | None = None


def carried(schedule: Schedule, x0: Tensor, x_t: Tensor, alpha_bar: Tensor, low: Tensor,
            high: Tensor, labels: Tensor | None, noise: torch.Generator) -> Between:
    """Draw x_s from q(x_s | x_t, x_0) at rows s of `schedule`, each in low … high - 1 (N,).

    `alpha_bar` (N,) is x_t's own ᾱ, at most that of row high - 1. Salimans 2024, section 3.1.
    """
    place = torch.rand(low.shape, generator=noise, device=noise.device)
    s = low + (place * (high - low)).long()
    then = schedule.at("alphas_cumprod", s, x0)
    now = torch.minimum(alpha_bar.reshape(then.shape).to(then), then)
    mean, variance = leap(x0, x_t, now, then)
    fresh = torch.randn(x0.shape, generator=noise, device=x0.device)
    return Between(mean + variance.sqrt() * fresh, s, labels)


def auxiliary_loss(auxiliary: DDPM, teacher: DDPM, x0: Tensor, at: Between,
                   held: float = 1.0) -> Tensor:
    """Return how far the auxiliary is from the pictures x_0 behind x_s, and from the teacher.

    The second, of weight `held`, keeps it near enough to be told from the teacher (Salimans 2024,
    algorithm 2). Both count as errors of v, with min-SNR-γ (Hang 2023).
    """
    with torch.no_grad():
        known = _seen(teacher, at)
    own = _seen(auxiliary, at, at.beside)
    snr = auxiliary.schedule.at("snr", at.s, x0).clamp(max=MIN_SNR_GAMMA)
    errors = (own - x0.detach()).square() + held * (own - known).square()
    return ((1.0 + snr) * errors).mean()


@torch.no_grad()
def pull(auxiliary: DDPM, teacher: DDPM, x0: Tensor, at: Between) -> tuple[Tensor, Tensor]:
    """Return the gradient (N, C, H, W) of the moments' distance by x_0, and their mean square gap.

    Salimans 2024, algorithm 2; each picture weighs by how far it is from what the teacher sees in
    it (Yin 2024, equation 8), so that clear and noisy levels teach alike.
    """
    known = _seen(teacher, at)
    gap = _seen(auxiliary, at, at.beside) - known
    error = (x0 - known).abs().flatten(1).mean(1).clamp(min=LEAST)
    return gap / error.reshape(-1, 1, 1, 1), gap.square().mean()


def _seen(model: DDPM, at: Between, beside: Tensor | None = None) -> Tensor:
    predict = model.predictor(at.labels if model.classes else None, 1.0, beside)
    return predict(at.x_s, at.s).x0
