"""What a hybrid's refiner learns from: coarse pictures, and how they should end."""

from __future__ import annotations

import torch
from torch import Tensor

from hybridstudio.config import HybridConfig
from hybridstudio.families.coarse import Coarse, Pool, drawn, drawn_in_full, joined, noised
from hybridstudio.families.contract import Batch
from hybridstudio.families.ddpm import DDPM

FULL_NFE = 20  # evaluations in which the whole diffusion draws from pure noise; fewer from less


def lessons(config: HybridConfig, diffusion: DDPM, pool: Pool | None, batch: Batch,
            labels: Tensor | None, k: int, noise: torch.Generator) -> tuple[Coarse, int]:
    """Return as many coarse pictures at level k as the batch has, the first of them of real ones.

    Also returns how many these are. With a `pool` and `distil`, `full` is how the others should
    end. What is learned from x_k itself stays right however x_k came about, so there real pictures
    lie in the pool too and none are told apart.
    """
    count, is_joint = len(batch.images), config.mode == "joint"
    strays = config.coarse_sampler == "ancestral"
    distils = config.distil > 0.0 and pool is not None and not is_joint
    from_x_k = distils and config.distil_from == "handover"

    def of_real(many: int) -> Coarse:
        return noised(diffusion, batch.images[:many], None if labels is None else labels[:many], k,
                      config.coarse_steps, noise, learns=is_joint, strays=strays)

    def of_noise(many: int) -> Coarse:
        asked = None
        if labels is not None:  # classes as often as the data have them
            asked = labels[torch.randint(len(labels), (many,), generator=noise,
                                         device=noise.device)]
        return drawn(diffusion, diffusion.shape, asked, many, k, config.coarse_steps, noise,
                     learns=is_joint, full_nfe=FULL_NFE if distils and not from_x_k else 0,
                     strays=strays)

    def of_both(known: int, rest: int) -> Coarse:
        if not rest:
            return of_real(known)
        return joined(of_real(known), of_noise(rest)) if known else of_noise(rest)

    def from_there(many: int) -> Coarse:
        rest = round(many * config.rolled_out)
        begun = of_both(many - rest, rest)
        nfe = max(4, round(FULL_NFE * k / len(diffusion.schedule)))
        return begun._replace(full=drawn_in_full(diffusion, begun.x_k, begun.labels, nfe, k - 1))

    rest = count if from_x_k else round(count * config.rolled_out)
    known = count - rest
    if pool is None or is_joint or not rest:
        return of_both(known, rest), known
    # It fills over some hundred steps: at once it would hold everything else up.
    wanted = rest if int(pool.count) == 0 else max(1, rest // config.uses)
    pool.put((from_there if from_x_k else of_noise)(min(wanted, config.pool)))
    taken = pool.picked(rest, noise, labelled=labels is not None)
    if not distils:
        taken = taken._replace(full=None)
    return (joined(of_real(known), taken) if known else taken), known
