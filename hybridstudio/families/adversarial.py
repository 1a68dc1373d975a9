"""What adversarial families share: the losses of both players, penalties, and unrolling.

D's outputs are logits, (N,) or (N, ...) of any shape; all functions are pure. Penalties are
computed in float32, because their gradient is taken twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

Discriminate = Callable[[Tensor], Tensor]  # from pictures (N, ...) to logits
Weights = dict[str, Tensor]

# --- the losses -----------------------------------------------------------------------------------


class Loss(NamedTuple):
    """A game: what each player makes small, and how D's output is told as a probability.

    `discriminator(real, fake, smoothing)` and `generator(fake)` take D's outputs and return scalars
    in float32. `probability` is None where D is a critic, whose values are not probabilities.
    """

    discriminator: Callable[[Tensor, Tensor, float], Tensor]
    generator: Callable[[Tensor], Tensor]
    probability: Callable[[Tensor], Tensor] | None
    smooths: bool  # whether label smoothing means something


def _cross_entropy(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    # Goodfellow 2014, equation 1, as a loss of D: -E[log D(x)] - E[log(1 - D(G(z)))].
    # Salimans 2016, section 3.4: the target of real pictures alone is α = 1 - smoothing.
    seen = F.softplus(-real.float()) + smoothing * real.float()  # -α log D - (1 - α) log(1 - D)
    return seen.mean() + F.softplus(fake.float()).mean()


def _minimax(fake: Tensor) -> Tensor:
    # Goodfellow 2014, equation 1, as a loss of G: E[log(1 - D(G(z)))].
    return -F.softplus(fake.float()).mean()


def _non_saturating(fake: Tensor) -> Tensor:
    # Goodfellow 2014, section 3: G maximises E[log D(G(z))], cross-entropy with swapped labels.
    return F.softplus(-fake.float()).mean()


def _least_squares(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    # Mao 2017, equation 9: ½ E[(D(x) - 1)²] + ½ E[D(G(z))²].
    target = 1.0 - smoothing
    return 0.5 * ((real.float() - target).square().mean() + fake.float().square().mean())


def _least_squares_generator(fake: Tensor) -> Tensor:
    # Mao 2017, equation 9: ½ E[(D(G(z)) - 1)²].
    return 0.5 * (fake.float() - 1.0).square().mean()


def _hinge(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    # Lim & Ye 2017; Miyato 2018, equation 16: E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))].
    return F.relu(1.0 - real.float()).mean() + F.relu(1.0 + fake.float()).mean()


def _wasserstein(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    # Arjovsky 2017, equation 2, as a loss of the critic: E[D(G(z))] - E[D(x)].
    return fake.float().mean() - real.float().mean()


def _critic(fake: Tensor) -> Tensor:
    # Arjovsky 2017, section 3; Miyato 2018, equation 17: -E[D(G(z))].
    return -fake.float().mean()


def _clamped(logits: Tensor) -> Tensor:
    return logits.clamp(0.0, 1.0)  # least squares aim at 0 and 1 themselves


LOSSES: dict[str, Loss] = {
    "bce": Loss(_cross_entropy, _non_saturating, torch.sigmoid, smooths=True),
    "minimax": Loss(_cross_entropy, _minimax, torch.sigmoid, smooths=True),
    "least-squares": Loss(_least_squares, _least_squares_generator, _clamped, smooths=True),
    "hinge": Loss(_hinge, _critic, torch.sigmoid, smooths=False),
    "wasserstein": Loss(_wasserstein, _critic, None, smooths=False),
}
"""Every game by its config's name; "bce" is the non-saturating one."""


def told(loss: Loss, **outputs: Tensor) -> dict[str, Tensor]:
    """Tell D's outputs for `real` and `fake` pictures: mean probabilities, or a critic's values."""
    if loss.probability is None:
        return {f"critic/{name}": values.detach().float().mean()
                for name, values in outputs.items()}
    return {f"p/{name}": loss.probability(values.detach().float()).mean()
            for name, values in outputs.items()}


HELD_OUT = 1000  # pictures that tell well enough how a discriminator takes those it never saw


# --- penalties ------------------------------------------------------------------------------------


def _squared_norms(discriminate: Discriminate, images: Tensor) -> Tensor:
    """Return ‖∇D(x)‖² (N,) of each picture, through which D's weights can learn."""
    with torch.enable_grad(), torch.autocast(images.device.type, enabled=False):
        images = images.detach().float().requires_grad_(True)
        outputs = discriminate(images).float().sum()
        (gradients,) = torch.autograd.grad(outputs, images, create_graph=True)
        return gradients.square().flatten(1).sum(1)


def r1(discriminate: Discriminate, images: Tensor) -> Tensor:
    """Return the mean squared norm of D's gradient at real pictures (N, ...), float32.

    The loss adds γ/2 of it, times n where it is computed in every n-th step only.
    """
    # Mescheder 2018, equation 9: R_1 = γ/2 E_data[‖∇D(x)‖²]; lazily as in Karras 2020, section 4.1.
    return _squared_norms(discriminate, images).mean()


def gradient_penalty(
    discriminate: Discriminate, real: Tensor, fake: Tensor, generator: torch.Generator
) -> Tensor:
    """Return how far D's gradient is from norm 1 between real and fake pictures (N, ...), squared.

    The loss adds λ times it (10 in the paper).
    """
    # Gulrajani 2017, equation 3: λ E[(‖∇D(x̂)‖ - 1)²], x̂ = u x + (1 - u) G(z), u uniform.
    u = torch.rand(len(real), *[1] * (real.ndim - 1), generator=generator, device=real.device)
    between = fake.detach().float() + u * (real.float() - fake.detach().float())
    norms = (_squared_norms(discriminate, between) + 1e-12).sqrt()  # √ has no slope at 0
    return (norms - 1.0).square().mean()


@torch.no_grad()
def clip_(weights: list[Tensor], limit: float) -> None:
    """Hold every weight of a critic within ±limit, in place."""
    # Arjovsky 2017, algorithm 1: w ← clip(w, -c, c).
    torch._foreach_clamp_min_(weights, -limit)
    torch._foreach_clamp_max_(weights, limit)


def noised(images: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Add instance noise of this standard deviation, which makes real and fake overlap."""
    # Arjovsky & Bottou 2017, section 3; Sønderby 2017: D sees x + ε, ε from N(0, σ²), σ falling.
    if deviation <= 0.0:
        return images
    noise = torch.randn(images.shape, generator=generator, device=images.device)
    return images + deviation * noise


# --- unrolling ------------------------------------------------------------------------------------


def unrolled(
    loss: Callable[[Weights], Tensor], weights: Weights, steps: int, lr: float, *,
    adaptive: bool = True,
) -> Weights:
    """Return D's weights after some steps down its loss, as a function of what the loss depends on.

    A loss of G that is computed with these weights has a gradient through all the steps. `adaptive`
    scales each weight tensor's gradient to a root mean square of 1, so that `lr` is about Adam's;
    without it they are plain gradient descent. The weights must require gradients.
    """
    # Metz 2017, equations 4 to 7: θ^{k+1} = θ^k - η dL_D(θ_G, θ^k)/dθ^k; G descends f(θ_G, θ^K).
    for _ in range(steps):
        with torch.enable_grad():
            gradients = torch.autograd.grad(
                loss(weights), list(weights.values()), create_graph=True)
        moved: Weights = {}
        for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
            # The scale is taken as a constant, and is one for the whole tensor: with Adam's own,
            # weights whose gradient is nearly 0 would carry most of G's.
            scale = gradient.detach().square().mean().sqrt() + 1e-8 if adaptive else 1.0
            moved[name] = weight - lr / scale * gradient
        weights = moved
    return weights
