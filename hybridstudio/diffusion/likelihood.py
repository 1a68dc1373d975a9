"""The variational bound L_vlb = L_0 + … + L_T on -log p(x_0), in bits per dimension.

Terms are named by the schedule's rows: L_0 is the decoder's, L_1 … L_{T-1} compare the reverse
process with the posterior at rows 1 … T-1, and L_T compares q(x_T | x_0) with pure noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from hybridstudio.diffusion.noise import Randomness, normal, streams
from hybridstudio.diffusion.samplers import Predict, Variance
from hybridstudio.diffusion.schedule import Schedule

HALF_BIN = 1 / 255  # pictures of 256 values in [-1, 1]


def normal_kl(mean1: Tensor, log_variance1: Tensor, mean2: Tensor, log_variance2: Tensor) -> Tensor:
    """Return KL(N(mean1, e^log_variance1) ‖ N(mean2, e^log_variance2)) for each element, in nats.

    The four broadcast together.
    """
    return 0.5 * (log_variance2 - log_variance1 - 1 + torch.exp(log_variance1 - log_variance2)
                  + (mean1 - mean2) ** 2 * torch.exp(-log_variance2))


def discretised_gaussian_log_likelihood(x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return log p(x) in nats of 8-bit values x = k/127.5 - 1 under a Gaussian cut into 256 bins.

    Ho 2020, equation 13: the first and the last bin reach to infinity. Exact also far from the
    mean, where the difference of two distribution functions would be 0 - 0 or 1 - 1.
    """
    inverse = torch.exp(-0.5 * log_variance)
    centred = x - mean
    upper, lower = (centred + HALF_BIN) * inverse, (centred - HALF_BIN) * inverse
    first, last = x < -1 + HALF_BIN, x > 1 - HALF_BIN
    # Φ(b) - Φ(a) = Φ(-a) - Φ(-b): take the side on which both are small.
    flip = ((centred > 0) | last) & ~first
    more = torch.special.log_ndtr(torch.where(flip, -lower, upper))
    less = torch.special.log_ndtr(torch.where(flip, -upper, lower))
    return more + torch.log1p(-torch.exp(less - more).masked_fill(first | last, 0.0))


def bits_per_dimension(nats: Tensor) -> Tensor:
    """Average nats (N, ...) over all but the first dimension, in bits: (N,)."""
    return nats.flatten(1).mean(1) / math.log(2)


def reverse_process(
    schedule: Schedule, x0_seen: Tensor, fraction: Tensor | None, x_t: Tensor, t: Tensor,
    variance: Variance = "fixed_small",
) -> tuple[Tensor, Tensor]:
    """Return mean and log variance of p(x_{t-1} | x_t) for the x_0 that the network sees in x_t.

    A learned `fraction` decides the variance; without one it is β̃ (fixed_small) or β (fixed_large).
    """
    mean, _, log_small = schedule.q_posterior(x0_seen, x_t, t)
    if fraction is not None:
        return mean, schedule.learned_log_variance(fraction, t)
    if variance == "fixed_large":
        # Row 0 keeps β̃ of row 1: a better decoder than β_0 (Nichol & Dhariwal 2021, their code).
        rows = t.reshape(-1, *[1] * (x_t.ndim - 1))
        return mean, torch.where(rows == 0, log_small, schedule.at("log_betas", t, x_t))
    return mean, log_small


def vlb_at(
    schedule: Schedule, x0_seen: Tensor, fraction: Tensor | None, x0: Tensor, x_t: Tensor,
    t: Tensor, variance: Variance = "fixed_small",
) -> Tensor:
    """Return L_t for each picture (N,) at its own t, in bits per dimension.

    x0 is the picture, x_t its noised form, x0_seen and `fraction` what the network made of that.
    For L_hybrid detach x0_seen, so that the bound teaches the variance alone; T times the mean over
    evenly drawn t estimates L_vlb - L_T (Nichol & Dhariwal 2021, equations 4 to 7 and 16).
    """
    mean, log_variance = reverse_process(schedule, x0_seen, fraction, x_t, t, variance)
    true_mean, _, true_log_variance = schedule.q_posterior(x0, x_t, t)
    kl = bits_per_dimension(normal_kl(true_mean, true_log_variance, mean, log_variance))
    # The decoder's term is dear and wanted at t = 0 alone; finding those rows would stall a GPU.
    rows = (t == 0).nonzero().flatten() if t.device.type == "cpu" else torch.arange(
        len(t), device=t.device)
    decoder = bits_per_dimension(-discretised_gaussian_log_likelihood(
        x0[rows], mean[rows], log_variance[rows]))
    return kl.index_copy(0, rows, torch.where(t[rows] == 0, decoder, kl[rows]))


def prior_term(schedule: Schedule, x0: Tensor) -> Tensor:
    """Return L_T for each picture (N,), in bits per dimension: what is left of x_0 in x_T."""
    t = torch.full((len(x0),), len(schedule) - 1, device=x0.device)
    mean = schedule.at("sqrt_alphas_cumprod", t, x0) * x0
    log_variance = 2 * schedule.at("sqrt_one_minus_alphas_cumprod", t, x0).log()
    zero = torch.zeros((), dtype=mean.dtype, device=mean.device)
    return bits_per_dimension(normal_kl(mean, log_variance, zero, zero))


@dataclass(frozen=True)
class Term:
    """L_t for each picture (N,) in bits per dimension, and the mean squared errors of x_0 and ε.

    The errors are (N,), and None in the term of the prior, t = T.
    """

    t: int
    bits: Tensor
    x0_mse: Tensor | None = None
    eps_mse: Tensor | None = None


@torch.no_grad()
def vlb_terms(
    predict: Predict, x0: Tensor, schedule: Schedule, generator: Randomness,
    variance: Variance = "fixed_small", clip_x0: bool = True,
) -> Iterator[Term]:
    """Yield every term of the bound, L_T first and L_0 last; their sum is L_vlb.

    x0 (N, ...) are pictures of 256 values in [-1, 1]; each term costs one network evaluation and
    fresh noise, a stream for each picture.
    """
    yield Term(len(schedule), prior_term(schedule, x0))
    rows = streams(generator, len(x0))
    for step in reversed(range(len(schedule))):
        t = torch.full((len(x0),), step, device=x0.device)
        noise = normal(rows, x0.shape[1:], x0.device)
        x_t = schedule.q_sample(x0, t, noise)
        made = predict(x_t, t)
        seen = made.x0.clamp(-1, 1) if clip_x0 else made.x0
        yield Term(
            step,
            vlb_at(schedule, seen, made.fraction, x0, x_t, t, variance),
            (seen - x0).square().flatten(1).mean(1),
            (made.eps - noise).square().flatten(1).mean(1),
        )
