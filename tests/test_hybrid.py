"""The hybrid: coarse by a short diffusion, finished by a GAN; and the other way round."""

from __future__ import annotations

import shutil
from collections import deque
from pathlib import Path
from typing import Any

import pytest
import torch
from test_families import CPU, DATA, SMALL, a_batch, drawn, made, plan
from torch import Tensor

from hybridstudio import config, engine, runs
from hybridstudio.config import RunConfig
from hybridstudio.diffusion.schedule import Schedule
from hybridstudio.engine.learner import Learner
from hybridstudio.errors import ConfigError
from hybridstudio.families.coarse import drawn_in_full, noised
from hybridstudio.families.hybrid import Hybrid
from hybridstudio.families.lessons import lessons
from hybridstudio.messages import Done, Draw, Resume, Train

V = {**SMALL["hybrid"]["diffusion"], "predict": "v"}


def learner(**model: Any) -> Learner:
    model = {"mode": "separate", "diffusion_share": 0.5, **model}
    return Learner(made("hybrid", {"lr": 1e-3}, **model), CPU)


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name.split(".weight")[0].split(".")[0] for name in before
            if not torch.equal(before[name], after[name])
            and not name.startswith(("progress", "pool"))}


def weights(learner: Learner) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in learner.tensors()["model"].items()}


class TestStages:
    def test_the_diffusion_learns_first_and_is_frozen_then(self) -> None:
        one = learner(diffusion_share=0.5)
        start = weights(one)
        one.learn(a_batch(), 0.2)
        first = weights(one)
        assert moved(start, first) == {"diffusion", "refiner"}  # which follows it for previews
        averaged = {name: value.clone() for name, value in one.tensors()["ema"].items()}
        one.learn(a_batch(), 0.6)
        frozen = weights(one)
        assert all(torch.equal(averaged[name], frozen[name])
                   for name in averaged if name.startswith("diffusion"))
        assert {"refiner", "discriminator"} <= moved(first, frozen)
        one.learn(a_batch(), 0.3)  # more steps were granted: what is finished stays as it is
        assert moved(frozen, weights(one)) == {"refiner", "discriminator"}

    def test_joint_training_moves_every_network(self) -> None:
        one = learner(mode="joint", diffusion_share=0.05)
        start = weights(one)
        one.learn(a_batch(), 0.6)
        assert moved(start, weights(one)) == {"diffusion", "refiner", "discriminator"}

    def test_a_taken_diffusion_learns_on_where_it_is_asked_to(self) -> None:
        one = learner(diffusion_from="a run", diffusion_more=0.5)
        start = weights(one)
        one.learn(a_batch(), 0.2)
        assert moved(start, weights(one)) == {"diffusion", "refiner"}
        first = weights(one)
        one.learn(a_batch(), 0.6)
        assert {"refiner", "discriminator"} <= moved(first, weights(one))

    def test_the_refiner_is_the_diffusions_copy_until_it_learns(self) -> None:
        one = learner(diffusion_share=0.5)
        family = one.family
        assert isinstance(family, Hybrid)
        known = {name: value.clone() for name, value in family.diffusion.unet.state_dict().items()}
        one.learn(a_batch(), 0.0)
        follows = family.refiner.state_dict()
        assert all(torch.equal(follows[name], value) for name, value in known.items()
                   if not name.startswith("stem."))

    def test_the_learning_rate_falls_over_each_stage_and_rises_for_the_next(self) -> None:
        model = {"mode": "separate", "diffusion_share": 0.5}
        one = Learner(made("hybrid", {"lr": 1e-3, "decay": "linear", "warmup": 0}, **model), CPU)
        rates = []
        for progress in (0.0, 0.25, 0.375, 0.5, 0.625, 0.75):
            one.learn(a_batch(), progress)
            rates.append(one.optimisers["refiner"].param_groups[0]["lr"])
        # The step in which the GAN begins is the last that the first stage paces.
        assert rates == pytest.approx([1e-3, 5e-4, 2.5e-4, 0.0, 7.5e-4, 5e-4], abs=1e-9)

    def test_the_gradient_reaches_the_diffusion_through_its_last_step(self) -> None:
        family = Learner(made("hybrid", mode="joint", keep_coarse=0.0), CPU).family
        assert isinstance(family, Hybrid)
        noise = torch.Generator().manual_seed(0)
        for weight in family.diffusion.unet.parameters():  # its last layer begins at zero
            torch.nn.init.normal_(weight, 0.0, 0.1, generator=noise)
        coarse, _ = lessons(family.config, family.diffusion, None, a_batch(), None, 25, noise)
        gradients = torch.autograd.grad(coarse.x_k.sum(), family.diffusion.unet.parameters(),
                                        allow_unused=True)
        assert any(g is not None and g.abs().sum() > 0 for g in gradients)

    def test_the_refiner_begins_as_the_diffusion(self) -> None:
        one = learner()
        family = one.family
        assert isinstance(family, Hybrid)
        assert isinstance(one.ema, Hybrid)
        noise = torch.Generator().manual_seed(0)
        for weight in one.ema.diffusion.unet.parameters():
            torch.nn.init.normal_(weight, 0.0, 0.1, generator=noise)
        family.prepare(one.ema, 1.0)
        x = torch.randn(3, 1, 8, 8, generator=noise)
        t = torch.full((3,), 24)
        expected = family.diffusion.predictor(None, 1.0)(x, t).x0
        refined = family.refined(x, torch.randn(x.shape, generator=noise), t, None, noise)
        torch.testing.assert_close(refined, expected)

    @pytest.mark.parametrize("only", ["refiner", "discriminator"])
    def test_a_player_steps_alone(self, only: str) -> None:
        one = learner()
        one.learn(a_batch(), 0.6)
        before = weights(one)
        one.learn(a_batch(), 0.6, only)
        assert moved(before, weights(one)) == {only}

    @pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
    def test_learns_from_drawn_and_from_noised_pictures(self, share: float) -> None:
        one = learner(rolled_out=share)
        one.learn(a_batch(), 0.6)
        told = one.meters.read()
        assert ("reconstruction" in told) == (share < 1.0)
        assert {"loss/generator", "loss/discriminator", "p/real", "p/fake", "r1"} <= set(told)

    def test_what_is_pulled_to_is_drawn_from_where_the_config_says(self) -> None:
        for begins in ("noise", "handover"):
            one = learner(distil_from=begins, rolled_out=0.5, coarse_sampler="ancestral", pool=16)
            family = one.family
            assert isinstance(family, Hybrid)
            noise = torch.Generator().manual_seed(0)
            for weight in family.diffusion.unet.parameters():
                torch.nn.init.normal_(weight, 0.0, 0.1, generator=noise)
            coarse, known = lessons(family.config, family.diffusion.eval(), family.pool, a_batch(),
                                    None, 25, noise)
            assert coarse.full is not None
            assert (known, len(coarse.full)) == ((6, 6) if begins == "noise" else (0, 12))
            ends = drawn_in_full(family.diffusion, coarse.x_k[known:], None, 10, 24)
            assert torch.allclose(coarse.full, ends, atol=1e-5) == (begins == "handover")

    @pytest.mark.parametrize("strays", [False, True])
    def test_coarse_pictures_of_real_ones_stay_near_them(self, strays: bool) -> None:
        schedule = Schedule.named("linear", 50)
        images = a_batch().images

        class Knowing(torch.nn.Module):
            def forward(self, x: Tensor, t: Tensor, labels: object) -> Tensor:
                return schedule.eps_from_x0(x, t, images)

        family = learner().family
        assert isinstance(family, Hybrid)
        family.diffusion.unet = Knowing()
        noise = torch.Generator().manual_seed(0)
        coarse = noised(family.diffusion, images, None, 10, 3, noise, strays=strays)
        torch.testing.assert_close(coarse.picture, images, atol=1e-4, rtol=1e-4)
        alpha_bar = float(schedule.alphas_cumprod[9])
        noisy = (coarse.x_k - alpha_bar**0.5 * images) / (1.0 - alpha_bar) ** 0.5
        assert float(noisy.std()) == pytest.approx(1.0, abs=0.1)  # as q(x_k | x_0) has it
        assert set(coarse.k.tolist()) == {10}

    def test_drawn_coarse_pictures_are_used_a_few_times_and_replaced(self) -> None:
        one = learner(pool=16, uses=2)
        family = one.family
        assert isinstance(family, Hybrid)
        assert family.pool is not None
        for _ in range(3):
            one.learn(a_batch(), 0.6)
        first = family.pool.x_k.clone()
        for _ in range(3):
            one.learn(a_batch(), 0.6)
        changed = (family.pool.x_k != first).flatten(1).any(1)
        assert changed.all()
        assert family.pool.count == 12 + 5 * 6

    def test_the_pool_belongs_to_the_checkpoint(self) -> None:
        one, other = learner(pool=16), learner(pool=16)
        one.learn(a_batch(), 0.6)
        other.restore(one.tensors(), 1)
        for each in (one, other):
            each.learn(a_batch(), 0.6)
        first, second = weights(one), weights(other)
        assert all(torch.equal(first[name], second[name]) for name in first)


class TestDrawing:
    def test_walks_to_the_hand_over_and_finishes_in_one_pass(self) -> None:
        moments = list(learner().ema.draw(plan(nfe=4), torch.Generator().manual_seed(0)))
        assert [moment.t for moment in moments] == [50, 42, 33, 25, 0]
        assert [moment.nfe for moment in moments] == [1, 2, 3, 4, 4]
        assert "Coarse" in moments[-1].extra

    @pytest.mark.parametrize("sampler", config.HybridConfig.samplers)
    def test_any_sampler_draws_the_coarse_picture(self, sampler: str) -> None:
        assert torch.isfinite(drawn(learner().ema, plan(sampler=sampler, nfe=5))).all()

    @pytest.mark.parametrize(("handover", "levels"), [
        (1, [50, 34, 17, 1, 0]), (40, [50, 47, 43, 40, 0]), (50, [50, 0]), (49, [50, 49, 0])])
    def test_the_hand_over_may_move_after_training(self, handover: int, levels: list[int]) -> None:
        asked = plan(nfe=4, knobs={"handover": handover})
        moments = list(learner().ema.draw(asked, torch.Generator().manual_seed(0)))
        assert [moment.t for moment in moments] == levels

    def test_the_full_diffusion_is_drawn_beside_from_the_same_noise(self) -> None:
        family = learner().ema
        assert isinstance(family, Hybrid)
        asked = plan(nfe=4, knobs={"compare": 7})
        last = deque(family.draw(asked, torch.Generator().manual_seed(3)), maxlen=1).pop()
        alone = drawn(family.diffusion, plan(nfe=7), seed=3)
        torch.testing.assert_close(last.extra["Full diffusion"], alone)

    def test_truncated_begins_with_the_gan_and_ends_with_the_diffusion(self) -> None:
        family = learner(mode="truncated", diffusion=V).ema
        moments = list(family.draw(plan(nfe=4), torch.Generator().manual_seed(0)))
        assert moments[0].t == 50
        assert moments[0].nfe == 1
        assert moments[1].t == 25
        assert moments[-1].t == 0
        assert moments[-1].nfe == 4
        assert [moment.step for moment in moments] == list(range(len(moments)))

    def test_a_picture_begins_where_it_is_noised_to(self) -> None:
        image = torch.linspace(-0.8, 0.8, 64).reshape(1, 1, 8, 8)
        moments = list(learner().ema.draw(plan(image=image, from_step=30, nfe=3),
                                          torch.Generator().manual_seed(0)))
        assert moments[0].t == 30
        near = list(learner().ema.draw(plan(image=image, from_step=1, nfe=3),
                                       torch.Generator().manual_seed(0)))
        assert [moment.t for moment in near] == [1, 0]
        assert near[-1].nfe == 2
        assert near[-1].extra["Coarse"].std() > 0

    def test_a_picture_takes_the_gans_place_where_it_goes_first(self) -> None:
        family = learner(mode="truncated", diffusion=V).ema
        image = torch.linspace(-0.8, 0.8, 64).reshape(1, 1, 8, 8)
        here, there = (drawn(family, plan(image=sign * image, from_step=10)) for sign in (1, -1))
        assert (here - there).abs().mean() > 0.1

    def test_points(self) -> None:
        model = {**SMALL["hybrid"], "diffusion_share": 0.1, "mode": "separate"}
        points = config.parse({
            "data": {"name": "gaussians25", "size": 1, "channels": 2}, "model": model,
            "train": {"precision": "float32", "batch_size": 12, "warmup": 0}})
        one = Learner(points, CPU)
        from hybridstudio.families import Batch
        one.learn(Batch(torch.rand(12, 2, 1, 1) * 2 - 1, None), 0.5)
        assert drawn(one.ema, plan(shape=points.shape)).shape == (3, 2, 1, 1)


class TestBorrowing:
    @pytest.fixture
    def diffusion(self, tmp_path: Path) -> Path:
        small = config.parse({
            "data": {"name": "digits"}, "model": SMALL["ddpm"],
            "train": {"steps": 2, "batch_size": 4, "precision": "float32"},
            "sample": {"nfe": 2, "count": 1}})
        list(engine.run(Train(small, tmp_path / "lender")))
        return tmp_path / "lender"

    def hybrid(self, lender: Path, **data: Any) -> RunConfig:
        return config.parse({
            "data": {"name": "digits", **data},
            "model": {"family": "hybrid", "diffusion_from": str(lender), "handover": 25},
            "train": {"steps": 2, "batch_size": 4, "precision": "float32"},
            "sample": {"count": 1}})

    def test_takes_settings_and_weights_and_needs_the_lender_no_more(
            self, diffusion: Path, tmp_path: Path) -> None:
        out = tmp_path / "hybrid"
        list(engine.run(Train(self.hybrid(diffusion), out)))
        run = runs.read(out)
        assert run.config.model.diffusion.width == SMALL["ddpm"]["width"]
        before = self._ema(diffusion, "unet.")
        after = self._ema(out, "diffusion.unet.")
        assert all(torch.equal(before[name], after[name]) for name in before)
        shutil.rmtree(diffusion)
        done = list(engine.run(Draw(out, 2)))[-1]
        assert isinstance(done, Done)
        assert done.images is not None
        list(engine.run(Resume(out, steps=3)))
        *_, done = engine.run(Draw(out, 2, weights="raw"))
        assert isinstance(done, Done)

    def test_a_hybrid_lends_its_diffusion(self, diffusion: Path, tmp_path: Path) -> None:
        first, second = tmp_path / "first", tmp_path / "second"
        more = {"model.diffusion_more": 0.5}
        list(engine.run(Train(config.with_values(self.hybrid(diffusion), more), first)))
        list(engine.run(Train(self.hybrid(first), second)))
        lent, taken = (self._ema(run, "diffusion.unet.") for run in (first, second))
        assert all(torch.equal(lent[name], taken[name]) for name in lent)
        assert any((lent[name] != value).any()
                   for name, value in self._ema(diffusion, "unet.").items())

    def _ema(self, run: Path, prefix: str) -> dict[str, Tensor]:
        from hybridstudio.engine import checkpoints
        tensors = checkpoints.load(run, runs.read(run).checkpoints[-1]).tensors["ema"]
        return {name.removeprefix(prefix): value for name, value in tensors.items()
                if name.startswith(prefix)}

    def test_a_run_without_a_checkpoint_borrows_again(
            self, diffusion: Path, tmp_path: Path) -> None:
        out = tmp_path / "hybrid"
        list(engine.run(Train(self.hybrid(diffusion), out)))
        shutil.rmtree(out / "checkpoints")
        list(engine.run(Resume(out)))
        before, after = self._ema(diffusion, "unet."), self._ema(out, "diffusion.unet.")
        assert all(torch.equal(before[name], after[name]) for name in before)

    def test_a_finished_gan_is_bridged_to(self, diffusion: Path, tmp_path: Path) -> None:
        gan = config.parse({
            "data": {"name": "digits"}, "model": SMALL["gan"], "sample": {"count": 1},
            "train": {"steps": 1, "batch_size": 4, "precision": "float32"}})
        list(engine.run(Train(gan, tmp_path / "gan")))
        asked = config.with_values(self.hybrid(diffusion), {
            "model.mode": "pretrained", "model.gan_from": str(tmp_path / "gan")})
        out = tmp_path / "bridged"
        list(engine.run(Train(asked, out)))
        for part, lender in (("diffusion.unet.", diffusion), ("gan.generator.", tmp_path / "gan")):
            own, taken = self._ema(lender, part.partition(".")[2]), self._ema(out, part)
            assert all(torch.equal(own[name], taken[name]) for name in own)
        done = list(engine.run(Draw(out, 2)))[-1]
        assert isinstance(done, Done)
        assert done.result["nfe"] == 4

    def test_refuses_a_diffusion_of_other_data(self, diffusion: Path, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="other data"):
            list(engine.run(Train(self.hybrid(diffusion, size=16), tmp_path / "hybrid")))
        assert not (tmp_path / "hybrid").exists()

    def test_refuses_a_run_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="diffusion_from"):
            list(engine.run(Train(self.hybrid(tmp_path / "nowhere"), tmp_path / "hybrid")))


@pytest.mark.parametrize(("changes", "path"), [
    ({"mode": "truncated"}, "model.diffusion.predict"),
    ({"handover": 60}, "model.handover"), ({"coarse_steps": 99}, "model.coarse_steps"),
    ({"coarse_guidance": 1.1}, "model.coarse_guidance"),
    ({"mode": "pretrained"}, "model.mode"), ({"gan_from": "x"}, "model.gan_from"),
    ({"diffusion": {**SMALL["ddpm"], "patch": 4, "channel_mult": [1, 2, 2, 2]}}, "data.size"),
])
def test_stages_that_do_not_fit_are_refused(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config.parse({"data": DATA, "model": {**SMALL["hybrid"], **changes}})
    assert path in [problem.path for problem in refused.value.problems]
