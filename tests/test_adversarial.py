"""What adversarial families share, against formulas, autograd by hand and known answers."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import Tensor

from hybridstudio.families.adversarial import (
    LOSSES,
    clip_,
    gradient_penalty,
    noised,
    r1,
    told,
    unrolled,
)


def a_stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


REAL = torch.tensor([2.0, -1.0, 0.5])
FAKE = torch.tensor([-0.3, 1.5, -2.0])


class TestLosses:
    def test_cross_entropy_is_the_papers(self) -> None:
        real, fake = REAL.sigmoid(), FAKE.sigmoid()
        expected = -(real.log().mean() + (1 - fake).log().mean())
        for name in ("bce", "minimax"):
            assert torch.allclose(LOSSES[name].discriminator(REAL, FAKE, 0.0), expected)
        assert torch.allclose(LOSSES["bce"].generator(FAKE), -fake.log().mean())
        assert torch.allclose(LOSSES["minimax"].generator(FAKE), (1 - fake).log().mean())

    def test_smoothing_is_one_sided(self) -> None:
        real, fake = REAL.sigmoid(), FAKE.sigmoid()
        expected = -(0.9 * real.log() + 0.1 * (1 - real).log()).mean() - (1 - fake).log().mean()
        assert torch.allclose(LOSSES["bce"].discriminator(REAL, FAKE, 0.1), expected)
        squares = 0.5 * (REAL - 0.9).square().mean() + 0.5 * FAKE.square().mean()
        assert torch.allclose(LOSSES["least-squares"].discriminator(REAL, FAKE, 0.1), squares)

    def test_least_squares_hinge_and_wasserstein_are_the_papers(self) -> None:
        squares, hinge, critic = (LOSSES[name] for name in ("least-squares", "hinge",
                                                            "wasserstein"))
        assert torch.allclose(squares.generator(FAKE), 0.5 * (FAKE - 1).square().mean())
        expected = (1 - REAL).clamp(min=0).mean() + (1 + FAKE).clamp(min=0).mean()
        assert torch.allclose(hinge.discriminator(REAL, FAKE, 0.0), expected)
        assert torch.allclose(critic.discriminator(REAL, FAKE, 0.0), FAKE.mean() - REAL.mean())
        for game in (hinge, critic):
            assert torch.allclose(game.generator(FAKE), -FAKE.mean())

    def test_all_stay_finite_and_float32_for_wild_outputs(self) -> None:
        wild = torch.tensor([-300.0, 300.0]).bfloat16()
        for game in LOSSES.values():
            for value in (game.discriminator(wild, wild, 0.0), game.generator(wild)):
                assert value.dtype == torch.float32
                assert torch.isfinite(value)

    def test_outputs_are_told_as_probabilities_or_as_a_critics_values(self) -> None:
        assert told(LOSSES["bce"], real=torch.zeros(4)) == {"p/real": torch.tensor(0.5)}
        assert told(LOSSES["least-squares"], fake=FAKE)["p/fake"] == pytest.approx(1 / 3)
        critic = told(LOSSES["wasserstein"], real=REAL, fake=FAKE)
        assert critic == {"critic/real": REAL.mean(), "critic/fake": FAKE.mean()}


class TestTheOptimalDiscriminator:
    """On a 1-D grid, where D is a table with one logit for each place."""

    places = torch.linspace(-4, 4, 41)

    def points(self, mean: float) -> Tensor:
        """Return places as often as a density says: a Gaussian on a low floor."""
        density = torch.softmax(-0.5 * (self.places - mean).square(), 0)
        return torch.repeat_interleave(torch.arange(41), (density * 2_000).long() + 20)

    def solved(self, real: Tensor, fake: Tensor) -> tuple[Tensor, float]:
        """Return D* and the value V(D*)."""
        table = torch.zeros(41, requires_grad=True)
        optimiser = torch.optim.LBFGS([table], max_iter=500, line_search_fn="strong_wolfe",
                                      tolerance_grad=1e-9, tolerance_change=1e-12)

        def loss() -> Tensor:
            optimiser.zero_grad()
            value = LOSSES["minimax"].discriminator(table[real], table[fake], 0.0)
            value.backward()
            return value.detach()

        optimiser.step(loss)
        return table.detach().sigmoid(), -float(loss())

    def test_is_p_over_p_plus_q(self) -> None:
        real, fake = self.points(-1.0), self.points(0.5)
        p, q = (places.bincount() / len(places) for places in (real, fake))
        best, value = self.solved(real, fake)
        assert torch.allclose(best, p / (p + q), atol=2e-3)
        divergence = 0.5 * ((p * (2 * p / (p + q)).log()).sum()
                            + (q * (2 * q / (p + q)).log()).sum())
        assert value == pytest.approx(-math.log(4) + 2 * float(divergence), abs=1e-4)

    def test_has_value_minus_log_4_where_the_densities_agree(self) -> None:
        best, value = self.solved(self.points(0.3), self.points(0.3))
        assert torch.allclose(best, torch.full((41,), 0.5), atol=1e-4)
        assert value == pytest.approx(-math.log(4), abs=1e-5)


class TestPenalties:
    def test_r1_is_the_squared_gradient_norm(self) -> None:
        images = torch.randn(5, 2, 3, 3, generator=a_stream())
        weight = torch.tensor(1.5, requires_grad=True)
        # D(x) = w Σ x²: ∇D = 2 w x, R1 = 4 w² mean Σ x², dR1/dw = 8 w mean Σ x².
        penalty = r1(lambda x: weight * x.square().flatten(1).sum(1), images)
        squares = images.square().flatten(1).sum(1).mean()
        assert torch.allclose(penalty, 4 * 1.5**2 * squares)
        penalty.backward()
        assert weight.grad is not None
        assert torch.allclose(weight.grad, 8 * 1.5 * squares)

    def test_gradient_penalty_is_zero_for_slope_one_and_grows_squared(self) -> None:
        real, fake = torch.randn(2, 6, 1, 4, 4, generator=a_stream())
        direction = torch.randn(16, generator=a_stream(1))
        direction = direction / direction.norm()
        for slope in (1.0, 3.0):
            normal = slope * direction
            penalty = gradient_penalty(partial(torch.matmul, other=normal), real.flatten(1),
                                       fake.flatten(1), a_stream())
            assert penalty == pytest.approx((slope - 1) ** 2, abs=1e-4)

    def test_gradient_penalty_looks_between_real_and_fake(self) -> None:
        seen = []

        def discriminate(x: Tensor) -> Tensor:
            seen.append(x.detach())
            return x.flatten(1).sum(1)

        gradient_penalty(discriminate, torch.zeros(50, 2, 1, 1), torch.ones(50, 2, 1, 1),
                         a_stream())
        between = seen[0].flatten(1)
        assert torch.equal(between[:, 0], between[:, 1])  # one u for each picture
        assert 0.0 <= between.min() < 0.2
        assert 0.8 < between.max() <= 1.0

    def test_penalties_are_float32_under_autocast_and_teach_a_flat_critic(self) -> None:
        layer = torch.nn.Linear(4, 1)
        torch.nn.init.zeros_(layer.weight)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            penalty = gradient_penalty(layer, torch.randn(3, 4, generator=a_stream()),
                                       torch.zeros(3, 4), a_stream())
            assert r1(layer, torch.zeros(3, 4)).dtype == torch.float32
        assert penalty.dtype == torch.float32
        penalty.backward()
        assert layer.weight.grad is not None
        assert torch.isfinite(layer.weight.grad).all()

    def test_clipping_holds_every_weight_within_the_limit(self) -> None:
        weights = [torch.randn(9, generator=a_stream()) for _ in range(3)]
        kept = [weight.clone() for weight in weights]
        clip_(weights, 0.3)
        for weight, before in zip(weights, kept, strict=True):
            assert torch.equal(weight, before.clamp(-0.3, 0.3))

    def test_instance_noise_has_the_deviation_that_it_says(self) -> None:
        images = torch.zeros(1000, 1, 4, 4)
        assert noised(images, 0.4, a_stream()).std() == pytest.approx(0.4, rel=0.02)
        assert noised(images, 0.0, a_stream()) is images


class TestUnrolling:
    """On V(x, y) = xy: x descends, y ascends, and the only equilibrium is 0."""

    def loss(self, x: Tensor, weights: dict[str, Tensor]) -> Tensor:
        return -x * weights["y"]

    def distance_after(self, rounds: int, steps: int, lr: float = 0.2) -> list[float]:
        x, y = torch.tensor(1.0), torch.tensor(1.0)
        distances = []
        for _ in range(rounds):
            x.requires_grad_(True)
            at = {"y": y.clone().requires_grad_(True)}
            later = unrolled(partial(self.loss, x), at, steps, lr, adaptive=False)
            (slope,) = torch.autograd.grad(x * later["y"], x)
            x, y = (x - lr * slope).detach(), (y + lr * x).detach()
            distances.append(float(torch.hypot(x, y)))
        return distances

    def test_simultaneous_descent_spirals_outwards(self) -> None:
        distances = self.distance_after(60, steps=0)
        # Each step multiplies the distance by √(1 + lr²).
        expected = [math.sqrt(2) * math.hypot(1, 0.2) ** (n + 1) for n in range(60)]
        assert distances == pytest.approx(expected, rel=1e-4)

    def test_unrolling_mends_it(self) -> None:
        distances = self.distance_after(60, steps=5)
        assert distances[-1] < 0.01
        assert distances[-1] < distances[20] < distances[5]

    def test_the_gradient_runs_through_every_step(self) -> None:
        # y_k = y + k lr x, so x y_k has slope y + 2 k lr x.
        x = torch.tensor(2.0, requires_grad=True)
        at = {"y": torch.tensor(0.5, requires_grad=True)}
        later = unrolled(partial(self.loss, x), at, 4, 0.1, adaptive=False)
        (slope,) = torch.autograd.grad(x * later["y"], x)
        assert slope == pytest.approx(0.5 + 2 * 4 * 0.1 * 2.0)

    def test_an_adaptive_step_has_the_length_of_the_rate(self) -> None:
        at = {"w": torch.tensor([4.0, -3.0], requires_grad=True)}
        later = unrolled(lambda w: 0.5 * w["w"].square().sum(), at, 1, 0.1)
        moved = later["w"] - at["w"]
        assert moved.square().mean().sqrt().detach() == pytest.approx(0.1)
        assert torch.allclose(moved / moved[0], at["w"] / 4.0)
        assert torch.equal(at["w"].detach(), torch.tensor([4.0, -3.0]))
