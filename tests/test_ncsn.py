"""Score networks: what score matching learns, what Langevin dynamics draws, inpainting."""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hybridstudio import config, engine
from hybridstudio.config import RunConfig
from hybridstudio.diffusion.langevin import (
    RULES,
    annealed,
    best_share,
    geometric,
    spread,
    variance_ratio,
)
from hybridstudio.diffusion.noise import normal, streams
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.engine.learner import Learner
from hybridstudio.errors import ConfigError
from hybridstudio.families.contract import Batch, DrawPlan
from hybridstudio.families.ncsn import NCSN, holding
from hybridstudio.messages import Done, Draw, Train

CPU = torch.device("cpu")
DATA = {"name": "digits", "size": 8, "channels": 1, "classes": ["a", "b", "c"]}
POINTS = {"name": "gaussians25", "size": 1, "channels": 2}
WEIGHTS, CENTRES, DEVIATION = (0.2, 0.8), ((-1.0, 0.5), (1.0, -0.5)), 0.1


def made(data: dict[str, Any] | None = None, train: dict[str, Any] | None = None,
         **model: Any) -> RunConfig:
    return config.parse({
        "data": data or DATA,
        "model": {"family": "ncsn", "width": 16, "channel_mult": [1, 2], "blocks": 1,
                  "noise_levels": 6, "steps_per_level": 2, **model},
        "train": {"precision": "float32", "warmup": 0, "batch_size": 12, **(train or {})}})


def plan(count: int = 3, nfe: int = 13, sampler: str = "langevin", **changes: Any) -> DrawPlan:
    return DrawPlan(config.Shape(1, 8, 8), count, sampler, nfe, 0.0,
                    changes.pop("guidance", 1.0), **changes)


@torch.no_grad()
def moments(family: NCSN, asked: DrawPlan, seed: int = 0) -> list[Moment]:
    return list(family.eval().draw(asked, torch.Generator().manual_seed(seed)))


def mixture_score(x: Tensor, sigma: float) -> Tensor:
    """The score at x (N, 2, P, 1) of the mixture of two Gaussians noised by σ, in closed form."""
    centres = torch.tensor(CENTRES)[:, :, None, None]
    variance = DEVIATION**2 + sigma**2
    apart = centres[None] - x[:, None]
    prior = torch.tensor(WEIGHTS).log()[:, None, None]
    closeness = prior - apart.square().sum(2) / (2 * variance)
    return (closeness.softmax(1)[:, :, None] * apart).sum(1) / variance


def mixture_points(count: int, levels: int, steps: int, rule: str = "langevin",
                   image: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
    """Draw (count, 2) points of the mixture, all from one stream as the places of one picture."""
    sigmas = geometric(3.0, 0.03, levels)
    rows = streams(torch.Generator().manual_seed(0), 1)
    x = sigmas[-1] * normal(rows, (2, count, 1))
    hold = None
    if image is not None and mask is not None:
        hold = holding(image.expand_as(x), mask, rows)
    walk = annealed(rule, lambda x, row: mixture_score(x, sigmas[row]), x, sigmas,
                    spread(levels - 1, levels), steps, rows, hold=hold, reach=None)
    return deque(walk, maxlen=1).pop().x_t[0, :, :, 0].T


class TestLevels:
    def test_neighbours_have_one_ratio(self) -> None:
        sigmas = geometric(20.0, 0.02, 7)
        assert sigmas[0] == 0.02
        assert sigmas[-1] == pytest.approx(20.0)
        assert [after / before for before, after in pairwise(sigmas)] == pytest.approx(
            [1000 ** (1 / 6)] * 6)
        assert geometric(5.0, 0.1, 1) == [0.1]

    def test_fewer_levels_begin_and_end_alike(self) -> None:
        assert spread(9, 10) == spread(9, 99) == list(range(9, -1, -1))
        assert spread(9, 4) == [9, 6, 3, 0]
        assert spread(9, 1) == [9]

    def test_the_step_size_is_the_papers(self) -> None:
        # CIFAR-10 in Song & Ermon 2020, table 5: L = 232 from 50 to 0.01, T = 5, ε = 6.2e-6.
        gamma = (50 / 0.01) ** (1 / 231)
        assert best_share(gamma, 5) * 0.01**2 == pytest.approx(6.2e-6, rel=0.05)

    def test_the_variance_is_that_of_gaussian_data(self) -> None:
        share, gamma, steps = 0.1, 1.3, 3
        variance = gamma**2
        for _ in range(steps):
            variance = (1 - share) ** 2 * variance + 2 * share
        assert variance_ratio(share, gamma, steps) == pytest.approx(variance)

    def test_the_ends_are_those_of_pictures_or_points_unless_given(self) -> None:
        for family, ends in ((NCSN(made()), (0.05, 8.0)), (NCSN(made(POINTS)), (0.01, 2.0)),
                             (NCSN(made(sigma_max=3.0)), (0.05, 3.0))):
            assert (family.sigmas[0], family.sigmas[-1]) == pytest.approx(ends)


class Linear(nn.Module):
    """Says ε = a_row · x for x as the family noised it, where it is told x/√(1 + σ²)."""

    def __init__(self, sigmas: list[float], spread_of_data: float) -> None:
        super().__init__()
        self.sigmas = torch.tensor(sigmas)
        best = self.sigmas / (spread_of_data**2 + self.sigmas**2)
        self.slopes = nn.Parameter(best.clone())

    def forward(self, x: Tensor, t: Tensor, labels: Tensor | None = None) -> Tensor:
        rows = (t * len(self.sigmas) / 1000.0).round().long()
        inner = (1.0 + self.sigmas[rows] ** 2).sqrt()
        return (self.slopes[rows] * inner)[:, None, None, None] * x


class TestScoreMatching:
    @pytest.mark.parametrize("off", [0.8, 1.25])
    def test_its_best_is_the_true_score(self, off: float) -> None:
        # Data N(0, c²) under σ have the score -x/(c² + σ²), so ε̂ = σ x/(c² + σ²), and what is left
        # of the loss is the mean of c²/(c² + σ²).
        family, c = NCSN(made(sigma_max=2.0, sigma_min=0.1, predict="eps")), 0.5
        family.unet = stub = Linear(family.sigmas, c)
        x0 = c * torch.randn(20_000, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        losses: list[Tensor] = []

        def loss() -> float:
            stream = torch.Generator().manual_seed(1)
            with torch.no_grad():
                told = family.train_step(Batch(x0, None), lambda _, loss: losses.append(loss),
                                         stream)
            return float(told["loss"])

        best = loss()
        left = [c**2 / (c**2 + sigma**2) for sigma in family.sigmas]
        assert best == pytest.approx(sum(left) / len(left), rel=0.01)
        with torch.no_grad():
            stub.slopes.mul_(off)
        assert loss() > best * 1.01

    @pytest.mark.parametrize("predict", ["eps", "v"])
    def test_points_of_a_gaussian_teach_its_score(self, predict: str) -> None:
        learner = Learner(made(POINTS, {"lr": 5e-3}, width=32, blocks=2, predict=predict,
                               sigma_max=2.0, sigma_min=0.2), CPU)
        stream, c = torch.Generator().manual_seed(0), 0.5
        for _ in range(150):
            learner.learn(Batch(c * torch.randn(256, 2, 1, 1, generator=stream), None), 0.0)
        family = learner.family.eval()
        assert isinstance(family, NCSN)
        for row in (1, 3, 5):
            sigma = family.sigmas[row]
            x = (c**2 + sigma**2) ** 0.5 * torch.randn(500, 2, 1, 1, generator=stream)
            with torch.no_grad():
                error = family.score(None, 1.0)(x, row) + x / (c**2 + sigma**2)
            assert (sigma * error).square().mean() < 0.05

    @pytest.mark.parametrize("changes", [
        {"labels": True}, {"predict": "eps"}, {"patch": 2, "attention": [4]}, {"dropout": 0.2}])
    def test_every_choice_learns_one_batch(self, changes: dict[str, Any]) -> None:
        learner = Learner(made(train={"lr": 3e-3}, **changes), CPU)
        images = torch.rand(12, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
        labels = torch.arange(12) % 3 if "labels" in changes else None
        first: dict[str, float] = {}
        for _ in range(25):
            learner.learn(Batch(images, labels), 0.0)
            first = first or learner.meters.read()
        last = learner.meters.read()
        assert last["loss"] < first["loss"]
        assert all(math.isfinite(last[f"loss/band-{band}"]) for band in (1, 2, 3, 4))


class TestLangevin:
    @pytest.mark.parametrize(("rule", "levels", "steps"), [
        ("langevin", 40, 20), ("consistent", 40, 1)])
    def test_the_exact_score_draws_the_mixture_with_its_weights(
            self, rule: str, levels: int, steps: int) -> None:
        points = mixture_points(8000, levels, steps, rule)
        right = points[:, 0] > 0
        # Two standard errors are one point; steps of finite size leave another one and a half.
        assert float(right.float().mean()) == pytest.approx(0.8, abs=0.025)
        for side, centre in ((~right, CENTRES[0]), (right, CENTRES[1])):
            torch.testing.assert_close(points[side].mean(0), torch.tensor(centre), atol=0.02,
                                       rtol=0.0)
            assert float(points[side].std(0).mean()) == pytest.approx(DEVIATION, rel=0.15)

    def test_more_steps_come_nearer_to_the_weights(self) -> None:
        few, many = (float((mixture_points(8000, *walk)[:, 0] > 0).float().mean())
                     for walk in ((10, 2), (40, 10)))
        assert abs(many - 0.8) < abs(few - 0.8)

    def test_every_step_is_told(self) -> None:
        family = NCSN(made())
        told = moments(family, plan())
        assert [moment.step for moment in told] == list(range(14))
        assert {moment.steps for moment in told} == {13}
        assert [moment.t for moment in told] == [6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 1, 0]
        assert [moment.nfe for moment in told] == [*range(1, 14), 13]
        for moment in told[:-1]:
            sigma = family.sigmas[int(moment.t) - 1]
            assert moment.alpha_bar == pytest.approx(1 / (1 + sigma**2))
        assert told[0].x_t.std() == pytest.approx(1.0, abs=0.15)  # at the size that is shown
        assert told[-1].x_t.abs().max() <= 1.0

    def test_evaluations_are_levels_times_steps_and_one(self) -> None:
        family = NCSN(made())
        assert moments(family, plan(nfe=7))[-1].nfe == 7
        assert moments(family, plan(nfe=7, knobs={"steps": 1}))[-1].nfe == 7
        assert moments(family, plan(nfe=999, knobs={"steps": 5}))[-1].nfe == 31
        assert moments(family, plan(nfe=2, knobs={"steps": 1}))[-1].nfe == 2

    @pytest.mark.parametrize("rule", RULES)
    def test_the_step_size_matters(self, rule: str) -> None:
        family = NCSN(made())
        small, large = (moments(family, plan(sampler=rule, knobs={"step_size": size}))[-1].x_t
                        for size in (0.5, 1.0))
        assert not torch.allclose(small, large)

    def test_a_consistent_step_arrives_at_the_noise_of_the_level_after_it(self) -> None:
        for size, sigma, after in ((1.0, 2.0, 1.8), (1.0, 2.0, 2.0), (0.0, 2.0, 1.0)):
            step = RULES["consistent"](2.0 / 1.8, 3, size)(sigma, after)
            assert (1 - step.share) ** 2 * sigma**2 + step.noise**2 == pytest.approx(after**2)
        assert RULES["consistent"](2.0, 1, 0.0)(2.0, 1.0).noise == 0.0

    def test_a_picture_is_the_same_however_many_are_drawn(self) -> None:
        family = NCSN(made(labels=True))
        torch.testing.assert_close(moments(family, plan(2))[-1].x_t,
                                   moments(family, plan(5))[-1].x_t[:2], atol=1e-4, rtol=1e-3)

    def test_a_picture_to_begin_with_is_noised_to_its_level(self) -> None:
        family = NCSN(made())
        image = torch.linspace(-0.8, 0.8, 64).reshape(1, 1, 8, 8)
        told = moments(family, plan(image=image, from_step=1))
        assert told[0].t == 1
        assert (told[0].x_t - image).abs().mean() < 0.05

    def test_guidance_goes_further(self) -> None:
        family = NCSN(made(labels=True))
        # The last layer starts at zero, deaf to labels.
        nn.init.normal_(family.unet.get_parameter("out.weight"), std=0.1)
        x, labels = torch.zeros(3, 1, 8, 8), torch.arange(3)
        with torch.no_grad():
            any_class, label, further = (
                family.score(told, by)(x, 2)
                for told, by in ((None, 1.0), (labels, 1.0), (labels, 3.0)))
        torch.testing.assert_close(further, any_class + 3.0 * (label - any_class),
                                   atol=1e-4, rtol=1e-3)


class TestInpainting:
    def test_the_known_part_is_kept_and_noised_on_the_way(self) -> None:
        family = NCSN(made())
        image = torch.linspace(-0.8, 0.8, 64).reshape(1, 1, 8, 8)
        mask = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
        mask[..., :4] = True
        told = moments(family, plan(image=image, mask=mask))
        known = mask.expand(3, -1, -1, -1)
        assert torch.equal(told[-1].x_t[known], image.expand(3, -1, -1, -1)[known])
        assert not torch.allclose(told[-1].x_t[0][~mask[0]], image[0][~mask[0]])
        low = told[-2]  # at the smallest noise the known part is nearly itself
        difference = low.x_t / low.alpha_bar**0.5 - image
        assert difference[known].abs().mean() < 0.05

    def test_what_is_known_of_a_point_decides_the_rest(self) -> None:
        # Of the mixture's points with x = -1 all have y near 0.5, though 80 % have it near -0.5.
        image = torch.tensor([-1.0, 0.0]).reshape(1, 2, 1, 1)
        mask = torch.tensor([True, False])[:, None, None]
        points = mixture_points(1000, 20, 10, "langevin", image, mask)
        assert torch.equal(points[:, 0], torch.full((1000,), -1.0))
        assert float((points[:, 1] > 0).float().mean()) > 0.9
        assert float(points[points[:, 1] > 0, 1].mean()) == pytest.approx(0.5, abs=0.05)

    def test_the_engine_completes_a_picture(self, tmp_path: Path) -> None:
        learned = config.parse({
            **made(train={"batch_size": 8}).model_dump(), "data": {"name": "digits"}})
        deque(engine.run(Train(learned, tmp_path / "run", steps=1, device="cpu")), maxlen=0)
        image = np.arange(64, dtype=np.uint8).reshape(8, 8, 1) * 3
        mask = np.zeros((8, 8), bool)
        mask[2:5] = True
        asked = Draw(tmp_path / "run", 2, image=image, mask=mask, nfe=5, device="cpu")
        done = deque(engine.run(asked), maxlen=1).pop()
        assert isinstance(done, Done)
        assert done.images is not None
        assert np.abs(done.images[:, mask].astype(int) - image[mask].astype(int)).max() <= 1
        for wrong, why in ((Draw(tmp_path / "run", mask=mask), "no picture"),
                           (Draw(tmp_path / "run", image=image, mask=mask[:4]), "8 × 4")):
            with pytest.raises(ConfigError, match=why):
                list(engine.run(wrong))


@pytest.mark.parametrize(("changes", "why"), [
    ({"sigma_max": 0.01}, "not above"), ({"labels": True, "data": {**DATA, "classes": []}},
                                         "no classes"),
    ({"channel_mult": [1, 2, 2, 2, 2]}, "multiple of 16"), ({"attention": [5]}, "names 5"),
])
def test_what_cannot_be_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        made(**changes)
