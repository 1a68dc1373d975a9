"""What models of points see all over the plane: where noise would be moved, how real a place looks.

Two visible dicts say which families see what. One that is not in MEANS removes no noise; one that
is not in JUDGES has no discriminator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hybridstudio.diffusion.noise import normal, streams
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.families.bridged import Bridged
from hybridstudio.families.contract import DrawPlan, Family
from hybridstudio.families.ddgan import DDGAN
from hybridstudio.families.ddpm import DDPM
from hybridstudio.families.gan import GAN
from hybridstudio.families.hybrid import Hybrid
from hybridstudio.families.ncsn import NCSN

DRAWS = 16  # of a z, over which its pictures are averaged

# --- the mean of all x_0 that x_t may come from ---------------------------------------------------


def _ddpm(family: DDPM, moment: Moment, plan: DrawPlan) -> Tensor:
    return family.predictor(plan.labels, plan.guidance)(moment.x_t, _rows(moment)).x0


def _ncsn(family: NCSN, moment: Moment, plan: DrawPlan) -> Tensor:
    row = round(moment.t) - 1
    x = moment.x_t / moment.alpha_bar**0.5  # it is told as the other families tell theirs
    return x + family.sigmas[row]**2 * family.score(plan.labels, plan.guidance)(x, row)


def _ddgan(family: DDGAN, moment: Moment, plan: DrawPlan) -> Tensor:
    streams_of_z = streams(torch.Generator().manual_seed(0), len(moment.x_t))
    size, on = (family.config.latent,), moment.x_t.device
    seen = [family.predict(moment.x_t, _rows(moment), plan.labels, normal(streams_of_z, size, on))
            for _ in range(DRAWS)]
    return torch.stack(seen).mean(0)


def _rows(moment: Moment) -> Tensor:
    """Return the schedule's row for each picture (N,)."""
    return torch.full((len(moment.x_t),), round(moment.t) - 1, device=moment.x_t.device)


MEANS: dict[type[Family], Callable[[Any, Moment, DrawPlan], Tensor]] = {
    DDPM: _ddpm, NCSN: _ncsn, DDGAN: _ddgan,
    Hybrid: lambda family, moment, plan: _ddpm(family.diffusion, moment, plan),
    Bridged: lambda family, moment, plan: _ddpm(family.diffusion, moment, plan),
}
"""E[x_0 | x_t] (N, C, H, W) as a family sees it at a moment; a hybrid's diffusion sees for it."""


def score(family: Family, moment: Moment, plan: DrawPlan) -> Tensor:
    """Return ∇ log q(x_t) (N, C, H, W) at a moment's x_t, as a family of MEANS sees it.

    Tweedie's formula (Vincent 2011): (√ᾱ E[x_0 | x_t] - x_t) / (1 - ᾱ), which is -ε̂/√(1 - ᾱ).
    """
    x0 = MEANS[type(family)](family, moment, plan)
    return (moment.alpha_bar**0.5 * x0 - moment.x_t) / max(1e-12, 1.0 - moment.alpha_bar)


def levels(family: Family) -> list[float]:
    """Return ᾱ at t = 1 … T of a family of MEANS."""
    if isinstance(family, NCSN):
        return [1.0 / (1.0 + sigma**2) for sigma in family.sigmas]
    assert isinstance(family, DDPM | DDGAN | Hybrid | Bridged)
    table: list[float] = family.schedule.alphas_cumprod.tolist()
    return table


# --- how real pictures look -----------------------------------------------------------------------


def _gan_judge(family: GAN, x: Tensor, labels: Tensor | None) -> Tensor:
    logits: Tensor = family.discriminator(x, labels)
    if family.loss.probability is None:  # a critic: only differences mean something
        return torch.sigmoid(logits - logits.mean())
    return family.loss.probability(logits)


def _ddgan_judge(family: DDGAN, x: Tensor, labels: Tensor | None) -> Tensor:
    t = torch.zeros(len(x), dtype=torch.long, device=x.device)
    if family.config.x0_discriminator:
        return torch.sigmoid(family.x0_discriminator(x, t, labels).flatten())
    # It judges pairs: here x_0 with the x_1 that becomes of it on average.
    after = family.schedule.at("alphas", t, x).sqrt() * x
    return torch.sigmoid(family.discriminator(torch.cat([x, after], 1), t, labels).flatten())


def _hybrid_judge(family: Hybrid, x: Tensor, labels: Tensor | None) -> Tensor:
    t = torch.full((len(x),), family.config.handover - 1, device=x.device)
    return torch.sigmoid(family.judged(x, t, labels))


JUDGES: dict[type[Family], Callable[[Any, Tensor, Tensor | None], Tensor]] = {
    GAN: _gan_judge, DDGAN: _ddgan_judge, Hybrid: _hybrid_judge,
}
"""How real a family's discriminator holds finished pictures (N, C, H, W): (N,) from 0 to 1."""
