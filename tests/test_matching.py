"""Moment matching: what lies between two levels, the auxiliary denoiser, and where it all ends."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from test_ddgan import TEACHER, learner, moved, normal, weights
from test_families import CPU, a_batch, made
from torch import Tensor

from hybridstudio.diffusion.samplers import Predict, Prediction
from hybridstudio.diffusion.schedule import Schedule
from hybridstudio.engine.learner import Learner
from hybridstudio.errors import ConfigError
from hybridstudio.families.ddgan import DDGAN
from hybridstudio.families.ddpm import DDPM
from hybridstudio.families.matching import Between, auxiliary_loss, carried, pull

ROWS = 20_000
COSINE = Schedule.named("cosine", 100)
MATCHED = {"teacher_from": "another", "teacher": TEACHER, "distil_by": "moments"}


class Bell:
    """A diffusion of pictures from N(mean, deviation²) that answers without error."""

    classes, schedule = 0, COSINE

    def __init__(self, mean: float, deviation: float) -> None:
        self.mean, self.variance = mean, deviation**2

    def predictor(self, labels: Tensor | None, guidance: float,
                  beside: Tensor | None = None) -> Predict:
        def predict(x_t: Tensor, t: Tensor) -> Prediction:
            # Of jointly normal x_0 and x_t = √ᾱ x_0 + √(1 - ᾱ) ε: E[x_0 | x_t].
            alpha_bar = COSINE.at("alphas_cumprod", t, x_t)
            gain = alpha_bar.sqrt() * self.variance / (alpha_bar * self.variance + 1 - alpha_bar)
            return Prediction(self.mean + gain * (x_t - alpha_bar.sqrt() * self.mean), x_t)

        return predict

    def __call__(self) -> DDPM:
        return cast(DDPM, self)


class Knowing:
    """An auxiliary that sees x_t at row `t` too, of x_0 = a + c x_t + b z: it knows the mean."""

    classes, schedule = 0, COSINE

    def __init__(self, a: float, c: float, b: float, t: int) -> None:
        self.a, self.c, self.b, self.t = a, c, b, t

    def predictor(self, labels: Tensor | None, guidance: float, beside: Tensor | None) -> Predict:
        assert beside is not None
        mean = self.a + self.c * beside

        def predict(x_s: Tensor, s: Tensor) -> Prediction:
            # x_s | x_0, x_t is normal around A x_0 + B x_t (Nichol & Dhariwal 2021, equation 10).
            then, now = COSINE.at("alphas_cumprod", s, x_s), float(COSINE.alphas_cumprod[self.t])
            beta = 1 - now / then
            of_x0 = then.sqrt() * beta / (1 - now)
            of_x_t = (now / then).sqrt() * (1 - then) / (1 - now)
            variance = (1 - then) / (1 - now) * beta
            gain = of_x0 * self.b**2 / (of_x0**2 * self.b**2 + variance)
            return Prediction(mean + gain * (x_s - of_x0 * mean - of_x_t * beside), x_s)

        return predict

    def __call__(self) -> DDPM:
        return cast(DDPM, self)


def across(x0: Tensor, low: int, high: int, seed: int = 0) -> Between:
    """Noise x_0 to row `high` and carry it on."""
    rows = len(x0)
    ends = torch.full((rows,), low), torch.full((rows,), high)
    x_t = COSINE.q_sample(x0, ends[1], normal(*x0.shape, seed=seed + 1))
    alpha_bar = COSINE.alphas_cumprod[high].expand(rows)
    return carried(COSINE, x0, x_t, alpha_bar, *ends, None, torch.Generator().manual_seed(seed))


class TestCarried:
    def test_real_pictures_end_as_noisy_as_their_level(self) -> None:
        at = across(torch.full((ROWS, 1, 1, 1), 0.6), 40, 80)
        assert (int(at.s.min()), int(at.s.max())) == (40, 79)
        known = COSINE.at("alphas_cumprod", at.s, at.x_s)
        noise = (at.x_s - 0.6 * known.sqrt()) / (1 - known).sqrt()
        assert float(noise.mean()) == pytest.approx(0.0, abs=0.03)
        assert float(noise.std()) == pytest.approx(1.0, abs=0.03)

    def test_it_keeps_what_x_t_holds_of_the_noise(self) -> None:
        # Just below t all but a little of x_t is left, whatever x_0 is said to be.
        x_t = normal(ROWS, 1, 1, 1)
        ends = torch.full((ROWS,), 79), torch.full((ROWS,), 80)
        at = carried(COSINE, torch.zeros_like(x_t), x_t, COSINE.alphas_cumprod[80].expand(ROWS),
                     *ends, None, torch.Generator().manual_seed(0))
        both = torch.stack([at.x_s.flatten(), x_t.flatten()])
        assert float(torch.corrcoef(both)[0, 1]) > 0.95

    def test_levels_that_fall_together_leave_the_picture_where_it_is(self) -> None:
        x0, x_t = torch.zeros(3, 1, 1, 1), normal(3, 1, 1, 1)
        same = torch.full((3,), 50)
        at = carried(COSINE, x0, x_t, COSINE.alphas_cumprod[50].expand(3), same, same, None,
                     torch.Generator().manual_seed(0))
        torch.testing.assert_close(at.x_s, x_t)


class TestMoments:
    def test_what_agrees_is_left_alone(self) -> None:
        x0 = 0.2 + 0.3 * normal(ROWS, 1, 1, 1)
        gradient, gap = pull(Bell(0.2, 0.3)(), Bell(0.2, 0.3)(), x0, across(x0, 0, 80))
        assert float(gap) == 0.0
        assert float(gradient.abs().max()) == 0.0

    def test_pictures_that_are_too_bright_are_pulled_down(self) -> None:
        x0 = 0.9 + 0.1 * normal(ROWS, 1, 1, 1)
        gradient, gap = pull(Bell(0.9, 0.1)(), Bell(0.2, 0.3)(), x0, across(x0, 40, 80))
        assert float(gap) > 0.1
        assert float(gradient.mean()) > 0.5  # which descent takes away

    def test_it_ends_at_the_teachers_mean_and_width(self) -> None:
        # x_0 = a + b z, as from pure noise a generator of one pixel may draw: N(a, b²).
        a, b = torch.tensor(-0.8, requires_grad=True), torch.tensor(0.05, requires_grad=True)
        optimiser = torch.optim.Adam([a, b], lr=0.02)
        for step in range(300):
            x_t, z = normal(2, 200, 1, 1, 1, seed=step)
            x0 = a + b * z
            ends = torch.zeros(200, dtype=torch.int64), torch.full((200,), 99)
            at = carried(COSINE, x0.detach(), x_t, COSINE.alphas_cumprod[99].expand(200), *ends,
                         None, torch.Generator().manual_seed(step))
            own = Bell(a.item(), b.item())()
            gradient, _ = pull(own, Bell(0.4, 0.3)(), x0.detach(), at)
            optimiser.zero_grad()
            (gradient * x0).mean().backward()
            optimiser.step()
        assert a.item() == pytest.approx(0.4, abs=0.06)
        assert abs(b.item()) == pytest.approx(0.3, abs=0.06)

    def test_an_auxiliary_that_sees_x_t_leads_to_the_posterior(self) -> None:
        # x_0 = a + c x_t + b z has to become q(x_0 | x_t) of N(0.4, 0.3²): its mean and its width.
        row, rows = 60, 400
        alpha_bar = float(COSINE.alphas_cumprod[row])
        gain = alpha_bar**0.5 * 0.09 / (alpha_bar * 0.09 + 1 - alpha_bar)
        width = (0.09 * (1 - alpha_bar) / (alpha_bar * 0.09 + 1 - alpha_bar)) ** 0.5
        a, c, b = (torch.tensor(value, requires_grad=True) for value in (0.0, 0.6, 0.05))
        optimiser = torch.optim.Adam([a, c, b], lr=0.01)
        rates = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, total_iters=600)
        for step in range(600):
            real, eps, z = normal(3, rows, 1, 1, 1, seed=step)
            x_t = COSINE.q_sample(0.4 + 0.3 * real, torch.full((rows,), row), eps)
            x0 = a + c * x_t + b * z
            ends = torch.zeros(rows, dtype=torch.int64), torch.full((rows,), row)
            at = carried(COSINE, x0.detach(), x_t, torch.full((rows,), alpha_bar), *ends, None,
                         torch.Generator().manual_seed(step))
            own = Knowing(a.item(), c.item(), b.item(), row)()
            gradient, _ = pull(own, Bell(0.4, 0.3)(), x0.detach(), at._replace(beside=x_t))
            optimiser.zero_grad()
            (gradient * x0).mean().backward()
            optimiser.step()
            rates.step()
        assert abs(b.item()) == pytest.approx(width, abs=0.03)
        assert c.item() == pytest.approx(gain, abs=0.03)
        assert a.item() == pytest.approx(0.4 * (1 - gain * alpha_bar**0.5), abs=0.03)

    def test_the_auxiliary_pays_for_being_far_from_the_pictures_and_from_the_teacher(self) -> None:
        x0 = 0.2 + 0.3 * normal(ROWS, 1, 1, 1)
        at, own, other = across(x0, 0, 80), Bell(0.2, 0.3)(), Bell(0.9, 0.3)()
        assert auxiliary_loss(own, own, x0, at) < auxiliary_loss(other, own, x0, at)
        assert auxiliary_loss(own, own, x0, at) < auxiliary_loss(own, other, x0, at)


class TestTraining:
    def test_all_but_the_teacher_learn_and_nothing_is_drawn_ahead(self) -> None:
        one = learner(**MATCHED)
        before = weights(one)
        for _ in range(2):
            one.learn(a_batch(), 0.0)
        assert moved(before, weights(one)) == {"generator", "discriminator", "auxiliary"}
        assert {"moments", "loss/auxiliary"} <= set(one.meters.read())
        assert not hasattr(one.family, "pool")

    @pytest.mark.parametrize("only", ["generator", "discriminator", "auxiliary"])
    def test_one_network_steps_alone(self, only: str) -> None:
        one = learner(**MATCHED)
        assert only in one.config.model.players
        before = weights(one)
        one.learn(a_batch(), 0.0, only=only)
        assert moved(before, weights(one)) == {only}

    def test_generator_and_auxiliary_begin_as_the_teacher(self) -> None:
        def lend(family: Any) -> None:
            assert isinstance(family, DDGAN)
            family.lent()

        one = Learner(made("ddgan", **MATCHED), CPU, lend).family
        assert isinstance(one, DDGAN)
        assert one.teacher is not None
        x, t = normal(4, 1, 8, 8), torch.tensor([0, 1, 2, 3])
        known = one.teacher.predictor(None, 1.0)(x, torch.tensor(one.rows)[t]).x0
        torch.testing.assert_close(one.predict(x, t, None, normal(4, 6)), known)
        for name, weight in one.auxiliary.state_dict().items():
            torch.testing.assert_close(weight, one.teacher.state_dict()[name])

    def test_a_z_that_is_to_choose_is_heard_from_the_start(self) -> None:
        def lend(family: Any) -> None:
            for weight in family.teacher.parameters():  # it has learned something
                weight.data.add_(0.1 * normal(*weight.shape))
            family.lent()

        def seen(**more: Any) -> tuple[DDGAN, Tensor]:
            one = Learner(made("ddgan", **{**MATCHED, **more}), CPU, lend).family
            assert isinstance(one, DDGAN)
            x, t = normal(1, 1, 8, 8).expand(4, 1, 8, 8), torch.full((4,), 2)
            return one, one.predict(x, t, None, normal(4, 6)).detach()

        _, same = seen()
        torch.testing.assert_close(same[1:], same[:1].expand_as(same[1:]))
        one, free = seen(distil_by="posterior")
        assert float((free[1:] - free[:1]).abs().max()) > 0.01
        # The auxiliary begins as the teacher too, blind to the x_t beside x_s.
        assert one.teacher is not None
        x, t, beside = normal(2, 1, 8, 8), torch.tensor([10, 40]), normal(2, 1, 8, 8, seed=1)
        torch.testing.assert_close(one.auxiliary.predictor(None, 1.0, beside)(x, t).x0,
                                   one.teacher.predictor(None, 1.0)(x, t).x0)

    def test_without_pull_there_is_nothing_to_match(self) -> None:
        assert "auxiliary" not in made("ddgan", **MATCHED, distil=0.0).model.players

    def test_a_teacher_that_knows_classes_alone_needs_them(self) -> None:
        teacher = {**TEACHER, "labels": True, "label_dropout": 0.0}
        with pytest.raises(ConfigError, match="labels"):
            made("ddgan", **{**MATCHED, "teacher": teacher})
        made("ddgan", labels=True, **{**MATCHED, "teacher": teacher})
