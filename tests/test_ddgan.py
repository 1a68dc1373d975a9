"""Denoising Diffusion GANs: their diffusion, what the networks see, both players' steps."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from test_families import CPU, DATA, SMALL, a_batch, drawn, made, plan
from torch import Tensor

from hybridstudio import config
from hybridstudio.diffusion.schedule import vp_schedule
from hybridstudio.engine.learner import Learner
from hybridstudio.errors import ConfigError
from hybridstudio.families.ddgan import DDGAN
from hybridstudio.nets.ddgan import Discriminator, deviation

TEACHER = {"family": "ddpm", "width": 16, "channel_mult": [1], "blocks": 1, "attention": [],
           "timesteps": 50, "schedule": "cosine", "predict": "v"}
PLANE = {"data": {"name": "gaussians25", "size": 1, "channels": 2}}


def learner(train: dict[str, Any] | None = None, **model: Any) -> Learner:
    return Learner(made("ddgan", {"lr": 1e-3, "betas": [0.5, 0.9], **(train or {})}, **model), CPU)


def family(**model: Any) -> DDGAN:
    made_of = learner(**model).ema
    assert isinstance(made_of, DDGAN)
    return made_of


def on_the_plane(**model: Any) -> Learner:
    model = {"family": "ddgan", "width": 32, "blocks": 2, "latent": 3, "discriminator_width": 32,
             **model}
    return Learner(config.parse({**PLANE, "model": model, "train": {"precision": "float32"}}), CPU)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def weights(of: Learner) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in of.tensors()["model"].items()}


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}


class TestDiffusion:
    @pytest.mark.parametrize("steps", [1, 2, 4, 8])
    def test_the_betas_are_those_of_the_paper(self, steps: int) -> None:
        # Xiao 2021, appendix C: β_t = 1 - exp(-β_min/T - ½ (β_max - β_min) (2t - 1)/T²).
        t = torch.arange(1, steps + 1, dtype=torch.float64)
        betas = 1 - torch.exp(-0.1 / steps - 0.5 * 19.9 * (2 * t - 1) / steps**2)
        torch.testing.assert_close(vp_schedule(steps).betas, betas)

    def test_a_signal_scales_the_ratio_to_the_noise(self) -> None:
        torch.testing.assert_close(vp_schedule(4, signal=3.0).snr, 9.0 * vp_schedule(4).snr)

    def test_pairs_follow_the_forward_process(self) -> None:
        one, rows = family(), 20_000
        x0 = torch.full((rows, 1, 1, 1), 0.7)
        for row in range(4):
            t = torch.full((rows,), row)
            before, after = one._pair(x0, t, t, torch.Generator().manual_seed(row))
            alpha_bar = one.schedule.alphas_cumprod
            known = float(alpha_bar[row - 1]) if row else 1.0
            assert float(before.mean()) == pytest.approx(0.7 * known**0.5, abs=0.03)
            assert float(before.var()) == pytest.approx(1 - known, abs=0.03)
            assert float(after.mean()) == pytest.approx(0.7 * float(alpha_bar[row])**0.5, abs=0.03)
            assert float(after.var()) == pytest.approx(1 - float(alpha_bar[row]), abs=0.03)
            covariance = ((before - before.mean()) * (after - after.mean())).mean()
            alpha = float(one.schedule.alphas[row])
            assert float(covariance) == pytest.approx(alpha**0.5 * (1 - known), abs=0.03)

    @pytest.mark.parametrize("row", [1, 2, 3])
    def test_the_posterior_has_the_schedules_mean_and_variance(self, row: int) -> None:
        # Ho 2020, equations 6 and 7, written out.
        one, rows = family(), 20_000
        t = torch.full((rows,), row)
        x0, x_t = torch.full((rows, 1, 1, 1), 0.4), torch.full((rows, 1, 1, 1), -1.1)
        drawn_x = one.posterior(x0, x_t, t, t, normal(rows, 1, 1, 1))
        bars, beta = one.schedule.alphas_cumprod, float(one.schedule.betas[row])
        now, then = float(bars[row]), float(bars[row - 1])
        mean = (then**0.5 * beta * 0.4 - (1 - beta)**0.5 * (1 - then) * 1.1) / (1 - now)
        assert float(drawn_x.mean()) == pytest.approx(mean, abs=0.02)
        assert float(drawn_x.var()) == pytest.approx((1 - then) / (1 - now) * beta, rel=0.05)

    def test_a_leap_has_the_posterior_of_the_steps_that_it_leaps_over(self) -> None:
        # Two steps of q(x_{t-1} | x_t, x_0) with the same x_0 are one leap.
        one, rows = family(timesteps=8, leaps=True), 40_000
        x0, x_t = torch.full((rows, 1, 1, 1), 0.4), torch.full((rows, 1, 1, 1), -1.1)
        level = torch.full((rows,), 5)
        between = one.posterior(x0, x_t, level, level, normal(rows, 1, 1, 1))
        twice = one.posterior(x0, between, level - 1, level - 1, normal(rows, 1, 1, 1, seed=1))
        leapt = one.posterior(x0, x_t, level, level - 1, normal(rows, 1, 1, 1, seed=2))
        assert float(leapt.mean()) == pytest.approx(float(twice.mean()), abs=0.01)
        assert float(leapt.var()) == pytest.approx(float(twice.var()), rel=0.03)

    def test_pairs_across_a_leap_follow_the_forward_process(self) -> None:
        one, rows = family(timesteps=8, leaps=True), 20_000
        x0 = torch.full((rows, 1, 1, 1), 0.7)
        before, after = one._pair(x0, torch.full((rows,), 5), torch.full((rows,), 2),
                                 torch.Generator().manual_seed(0))
        then, now = (float(one.schedule.alphas_cumprod[row]) for row in (1, 5))
        assert float(before.var()) == pytest.approx(1 - then, rel=0.05)
        assert float(after.mean()) == pytest.approx(0.7 * now**0.5, abs=0.03)
        assert float(after.var()) == pytest.approx(1 - now, rel=0.05)
        covariance = ((before - before.mean()) * (after - after.mean())).mean()
        assert float(covariance) == pytest.approx((now / then)**0.5 * (1 - then), abs=0.02)

    def test_the_last_step_is_the_predicted_picture_itself(self) -> None:
        one, x0 = family(), normal(3, 1, 8, 8)
        t = torch.zeros(3, dtype=torch.int64)
        last = one.posterior(x0, normal(3, 1, 8, 8, seed=1), t, t, normal(3, 1, 8, 8, seed=2))
        torch.testing.assert_close(last, x0)

    def test_real_pairs_drawn_backwards_are_real_pairs(self) -> None:
        # With the true x_0 the posterior gives back q(x_{t-1}), whatever x_t was drawn.
        one, rows = family(), 20_000
        x0, t = torch.full((rows, 1, 1, 1), -0.6), torch.full((rows,), 2)
        _, x_t = one._pair(x0, t, t, torch.Generator().manual_seed(0))
        back = one.posterior(x0, x_t, t, t, normal(rows, 1, 1, 1, seed=3))
        known = float(one.schedule.alphas_cumprod[1])
        assert float(back.mean()) == pytest.approx(-0.6 * known**0.5, abs=0.03)
        assert float(back.var()) == pytest.approx(1 - known, abs=0.03)


class TestNetworks:
    def test_z_t_and_the_label_change_the_prediction(self) -> None:
        one = learner(labels=True)
        for _ in range(3):
            one.learn(a_batch(labels=True), 0.0)
        assert isinstance(one.family, DDGAN)
        x, z = normal(3, 1, 8, 8), normal(3, 6)
        t, labels = torch.ones(3, dtype=torch.int64), torch.tensor([0, 1, 2])
        said = one.family.predict(x, t, labels, z)
        assert said.abs().max() <= 1.0
        for other in ((x, t, labels, -z), (x, 0 * t, labels, z), (x, t, labels.flip(0), z)):
            assert not torch.allclose(said, one.family.predict(*other))

    def test_the_discriminator_sees_t_the_label_and_x_t(self) -> None:
        judge = Discriminator(2, 8, width=8, patch=1, classes=3)
        torch.nn.init.normal_(judge.label.weight)  # type: ignore[union-attr]
        x, t = normal(4, 2, 8, 8), torch.tensor([0, 0, 1, 1])
        labels = torch.tensor([0, 1, 2, 0])
        said = judge(x, t, labels)
        assert said.shape == (4,)
        assert not torch.allclose(said, judge(x, 1 - t, labels))
        assert not torch.allclose(said, judge(x, t, 2 - labels))
        other = torch.cat([x[:, :1], normal(4, 1, 8, 8, seed=5)], 1)
        assert not torch.allclose(said, judge(other, t, labels))

    def test_deviation_tells_groups_of_alike_pictures_from_varied_ones(self) -> None:
        varied, alike = normal(4, 3, 2, 2), normal(1, 3, 2, 2).expand(4, 3, 2, 2)
        told = deviation(torch.cat([varied, alike]))
        expected = (varied.var(0, correction=0) + 1e-8).sqrt().mean()
        assert told.shape == (8, 1, 2, 2)
        torch.testing.assert_close(told[0, 0, 0, 0], expected)
        assert float(told[4:].max()) < 1e-3
        assert deviation(normal(6, 3, 2, 2)).shape == (6, 1, 2, 2)

    def test_networks_share_no_weights(self) -> None:
        one = learner(x0_discriminator=True).family
        owners = [{id(weight) for weight in one.get_submodule(name).parameters()}
                  for name in one.trained]
        assert sum(map(len, owners)) == len(set.union(*owners)) == len(list(one.parameters()))

    @pytest.mark.parametrize("changes", [
        {"patch": 2}, {"attention": [4]}, {"timesteps": 1}, {"timesteps": 8, "labels": True},
        {"x0_discriminator": True, "mapping_layers": 1}, {"reconstruction": 10.0},
        {"teacher_from": "another", "teacher": TEACHER, "pool": 64},
        {"teacher_from": "another", "teacher": TEACHER, "distil_by": "moments"},
        {"teacher_from": "another", "teacher": TEACHER, "distil_by": "posterior", "timesteps": 8,
         "leaps": True},
        {"teacher_from": "another", "teacher": TEACHER, "pool": 64, "leaps": True},
        {"teacher_from": "another", "teacher": {**TEACHER, "labels": True, "variance": "learned"},
         "distil_by": "moments", "labels": True}])
    def test_every_choice_learns_and_draws(self, changes: dict[str, Any]) -> None:
        one = learner(**changes)
        for _ in range(2):
            one.learn(a_batch(labels=bool(changes.get("labels"))), 0.0)
        assert all(torch.isfinite(torch.tensor(list(one.meters.read().values()))))
        assert drawn(one.ema, plan()).abs().max() <= 1.0


class TestTraining:
    @pytest.mark.parametrize("only", ["generator", "discriminator", "x0_discriminator"])
    def test_one_network_steps_alone(self, only: str) -> None:
        one = learner(x0_discriminator=True)
        assert only in one.config.model.players
        before = weights(one)
        one.learn(a_batch(), 0.0, only=only)
        assert moved(before, weights(one)) == {only}

    def test_all_levels_are_learned_equally_often_and_groups_share_theirs(self) -> None:
        rows = family()._steps(32, torch.Generator().manual_seed(0))[0]
        assert torch.bincount(rows).tolist() == [8, 8, 8, 8]
        assert all(len(group.unique()) == 1 for group in rows.split(4))
        assert len(family()._steps(7, torch.Generator().manual_seed(0))[0]) == 7

    def test_leaps_of_all_lengths_are_learned_and_each_from_every_place(self) -> None:
        rows, to = family(timesteps=8, leaps=True)._steps(6400, torch.Generator().manual_seed(0))
        lengths = rows + 1 - to
        assert torch.bincount(lengths).tolist() == [0, 1600, 1600, 0, 1600, 0, 0, 0, 1600]
        for length in (1, 2, 4, 8):
            ends = to[lengths == length].unique().tolist()
            assert ends == list(range(0, 8, length))
        assert all(len(group.unique()) == 1 for group in rows.split(4))

    def test_r1_comes_every_nth_step_and_weighs_n_times(self) -> None:
        one = learner(r1=0.5, r1_every=3)
        assert isinstance(one.family, DDGAN)
        seen = []
        for step in range(6):
            told: list[Tensor] = []
            losses = one.family._judge_step(
                "discriminator", lambda x: x.flatten(1).sum(1), normal(4, 1, 8, 8),
                normal(4, 1, 8, 8, seed=1), step, lambda name, loss, told=told: told.append(loss))
            seen.append("r1" in losses)
            extra = float(told[0] - losses["loss/discriminator"])
            # D(x) = Σ x has the gradient 1 at each of 64 pixels.
            assert extra == pytest.approx(0.5 * 0.5 * 3 * 64.0 if seen[-1] else 0.0, abs=1e-4)
        assert seen == [True, False, False, True, False, False]

    @pytest.mark.parametrize("which", ["discriminator", "x0_discriminator"])
    def test_a_discriminator_learns_against_a_generator_that_stands(self, which: str) -> None:
        one = learner({"lr": 3e-3}, x0_discriminator=True, r1=0.0, timesteps=2)
        batch = a_batch()
        batch = type(batch)(batch.images.sign(), None)
        for _ in range(40):
            one.learn(batch, 0.0, only=which)
        losses = one.meters.read()
        for _ in range(10):
            one.learn(batch, 0.0, only=which)
        assert one.meters.read()[f"loss/{which}"] < losses[f"loss/{which}"]
        kind = "x0_" if which.startswith("x0") else ""
        assert losses[f"p/{kind}real"] > losses[f"p/{kind}fake"]

    def test_the_generator_learns_from_a_discriminator_that_stands(self) -> None:
        one = learner()
        first: dict[str, float] = {}
        for _ in range(15):
            one.learn(a_batch(), 0.0, only="generator")
            first = first or one.meters.read()
        assert one.meters.read()["loss/generator"] < first["loss/generator"]


    def test_the_error_of_a_prediction_weighs_what_x_t_tells(self) -> None:
        one, x0 = family(), normal(2, 1, 8, 8)
        t = torch.tensor([0, 3])
        expected = (one.schedule.alphas_cumprod[t] * 0.25).mean()
        torch.testing.assert_close(one.error(x0 + 0.5, x0, t), expected.float())


class TestTeacher:
    def test_noisy_pictures_of_every_level_come_with_what_the_teacher_draws_from_them(self) -> None:
        one = learner(teacher_from="another", teacher=TEACHER, pool=64)
        before = weights(one)
        one.learn(a_batch(), 0.0)
        ddgan = one.family
        assert isinstance(ddgan, DDGAN)
        assert ddgan.teacher is not None
        filled = int(ddgan.pool.count)
        assert 0 < filled <= 64
        assert set(ddgan.pool.k[:filled].tolist()) <= set(range(4))
        assert ddgan.pool.full[:filled].abs().max() <= 1.0
        assert "distillation" in one.meters.read()
        assert "teacher" not in moved(before, weights(one))

    def test_a_clean_enough_picture_is_what_the_teacher_makes_of_it(self) -> None:
        one = learner(teacher_from="another", teacher=TEACHER, pool=64).family
        assert isinstance(one, DDGAN)
        assert one.teacher is not None
        at = one.teacher.schedule.alphas_cumprod
        rows = [int((at - one.schedule.alphas_cumprod[t]).abs().argmin()) for t in range(4)]
        assert rows == sorted(rows)  # the same noise, in the teacher's finer steps
        assert len(set(rows)) == 4


class TestDrawing:
    @pytest.mark.parametrize("steps", [1, 2, 4])
    def test_frames_walk_down_all_levels(self, steps: int) -> None:
        one = family(timesteps=steps)
        moments = list(one.draw(plan(), torch.Generator().manual_seed(0)))
        assert [moment.t for moment in moments] == [*range(steps, 0, -1), 0]
        assert [moment.nfe for moment in moments] == [*range(1, steps + 1), steps]
        for moment in moments[:-1]:
            assert moment.x0 is not None
            assert moment.eps is not None
            assert moment.x0.abs().max() <= 1.0
            known = moment.alpha_bar**0.5 * moment.x0 + (1 - moment.alpha_bar)**0.5 * moment.eps
            torch.testing.assert_close(known, moment.x_t)
        torch.testing.assert_close(moments[-1].x_t, moments[-2].x0)

    @pytest.mark.parametrize(("nfe", "levels"), [
        (1, [8]), (2, [8, 4]), (3, [8, 5, 3]), (4, [8, 6, 4, 2]), (8, [8, 7, 6, 5, 4, 3, 2, 1])])
    def test_one_that_leaps_draws_in_any_number_of_steps(self, nfe: int, levels: list[int]) -> None:
        one = family(timesteps=8, leaps=True)
        assert one.config.evaluations == (1, 8, 8)
        moments = list(one.draw(plan(nfe=nfe), torch.Generator().manual_seed(0)))
        assert [moment.t for moment in moments] == [*levels, 0]
        assert [moment.nfe for moment in moments] == [*range(1, nfe + 1), nfe]
        torch.testing.assert_close(moments[-1].x_t, moments[-2].x0)
        rest = list(one.draw(plan(nfe=nfe, image=moments[-1].x_t, from_step=2),
                             torch.Generator().manual_seed(0)))
        assert [moment.t for moment in rest] == ([2, 0] if nfe == 1 else [2, 1, 0])

    def test_one_step_draws_from_noise_in_one_pass(self) -> None:
        one = family(timesteps=1)
        noise, only = next(one.draw(plan(), torch.Generator().manual_seed(0))), one.schedule
        assert float(only.alphas_cumprod[0]) < 1e-4
        assert float(noise.x_t.std()) == pytest.approx(1.0, abs=0.15)

    def test_a_picture_is_the_same_however_many_are_drawn(self) -> None:
        one = family(labels=True)
        torch.testing.assert_close(drawn(one, plan(count=2)), drawn(one, plan(count=5))[:2])

    def test_the_scale_of_z_changes_the_picture(self) -> None:
        one = learner().family
        knob = one.config.knobs()[0]  # type: ignore[union-attr, operator]
        assert not torch.allclose(drawn(one, plan(knobs={knob.name: 0.0})),
                                  drawn(one, plan(knobs={knob.name: 2.0})))
        torch.testing.assert_close(drawn(one, plan(knobs={knob.name: knob.default})),
                                   drawn(one, plan()))

    def test_a_picture_to_begin_with_is_noised_to_its_level(self) -> None:
        image = torch.linspace(-0.8, 0.8, 64).reshape(1, 1, 8, 8)
        moments = list(family(signal=50.0).draw(
            plan(image=image, from_step=1), torch.Generator().manual_seed(0)))
        assert [moment.t for moment in moments] == [1, 0]
        assert (moments[0].x_t - image).abs().mean() < 0.1


class TestPoints:
    def test_points_begin_near_what_their_place_says(self) -> None:
        # Karras 2022: with no offset, the guess is the linear one of least error.
        one = on_the_plane(signal=12.0).ema
        assert isinstance(one, DDGAN)
        x0, t = 0.5**0.5 * normal(5000, 2, 1, 1), torch.zeros(5000, dtype=torch.int64)
        _, x_t = one._pair(x0, t, t, torch.Generator().manual_seed(0))
        guess = one._near(x_t, t, torch.zeros_like(x_t))
        error = float(1 - one.schedule.alphas_cumprod[0])
        assert float((guess - x0).square().mean()) < 1.05 * error

    def test_points_are_learned_and_drawn(self) -> None:
        one = on_the_plane()
        before, batch = weights(one), a_batch()
        for _ in range(2):
            one.learn(type(batch)(normal(16, 2, 1, 1), None), 0.0)
        assert moved(before, weights(one)) == {"generator", "discriminator"}
        assert drawn(one.ema, plan(shape=one.config.shape, count=7)).shape == (7, 2, 1, 1)


@pytest.mark.parametrize(("data", "model", "names"), [
    ({"size": 28}, {"channel_mult": [1, 2, 2]}, "multiple of"),
    ({"classes": []}, {"labels": True}, "labels"),
    ({}, {"attention": [5]}, "attention"),
    ({}, {"timesteps": 1, "x0_discriminator": True}, "x0_discriminator"),
    ({}, {"timesteps": 3}, "timesteps"),
    ({}, {"timesteps": 1, "leaps": True}, "leap"),
])
def test_what_cannot_be_is_refused(
    data: dict[str, Any], model: dict[str, Any], names: str
) -> None:
    model = {**SMALL["ddgan"], **model, **({"patch": 4} if "size" in data else {})}
    with pytest.raises(ConfigError, match=names):
        config.parse({"data": {**DATA, **data}, "model": model})
