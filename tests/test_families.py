"""The contract that every family keeps, and what is particular to DDPM."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
import torch
from torch import Tensor

from hybridstudio import config, presets
from hybridstudio.config import MODELS, DdpmConfig, RunConfig
from hybridstudio.engine.learner import Learner
from hybridstudio.errors import UsageError
from hybridstudio.families import FAMILIES, Batch, DrawPlan, Family
from hybridstudio.families.ddpm import DDPM, Emphasis

CPU = torch.device("cpu")
DATA = {"name": "digits", "size": 8, "channels": 1, "classes": ["a", "b", "c"]}
SMALL: dict[str, dict[str, Any]] = {
    "classifier": {"family": "classifier", "net": "fnn", "hidden": [16]},
    "ddgan": {"family": "ddgan", "width": 16, "blocks": 1, "discriminator_width": 8, "latent": 6},
    "ddpm": {"family": "ddpm", "width": 16, "channel_mult": [1, 2], "blocks": 1, "timesteps": 50},
    "gan": {"family": "gan", "width": 8, "latent": 6},
    "hybrid": {"family": "hybrid", "mode": "joint", "diffusion_share": 0.0, "handover": 25,
               "latent": 4, "discriminator_width": 8, "diffusion": {
                   "width": 16, "channel_mult": [1, 2], "blocks": 1, "patch": 2, "timesteps": 50}},
    "ncsn": {"family": "ncsn", "width": 16, "channel_mult": [1, 2], "blocks": 1,
             "noise_levels": 6, "steps_per_level": 2},
    "stylegan": {"family": "stylegan", "latent": 8, "style": 8, "width": 8, "max_width": 16},
    "vae": {"family": "vae", "width": 16, "latent": 4, "blocks": 1},
}
DRAWING = [name for name, model in MODELS.items() if name in FAMILIES and model.samplers]


def made(family: str = "ddpm", train: dict[str, Any] | None = None, **model: Any) -> RunConfig:
    return config.parse({
        "data": DATA, "model": {**SMALL[family], **model},
        "train": {"precision": "float32", "batch_size": 12, "warmup": 0, **(train or {})}})


def a_batch(labels: bool = False) -> Batch:
    stream = torch.Generator().manual_seed(0)
    images = torch.rand(12, 1, 8, 8, generator=stream) * 2 - 1
    return Batch(images, torch.arange(12) % 3 if labels else None)


def asked_for(name: str) -> Batch:
    return a_batch(labels=made(name).model.learns_labels)


def plan(**changes: Any) -> DrawPlan:
    values: dict[str, Any] = {
        "shape": (1, 8, 8), "count": 3, "sampler": "ddim", "nfe": 4, "eta": 0.0, "guidance": 1.0}
    return DrawPlan(**{**values, **changes})


def usual(name: str) -> DrawPlan:
    return plan(sampler=MODELS[name].samplers[0])


def drawn(family: Family, asked: DrawPlan, seed: int = 0) -> Tensor:
    moments = family.eval().draw(asked, torch.Generator().manual_seed(seed))
    return deque(moments, maxlen=1).pop().x_t


@pytest.mark.parametrize("name", FAMILIES)
class TestContract:
    def test_a_step_changes_every_network_and_tells_finite_losses(self, name: str) -> None:
        learner = Learner(made(name), CPU)
        before = {key: value.clone() for key, value in learner.tensors()["model"].items()}
        for _ in range(3):
            learner.learn(asked_for(name), 0.0)
        losses = learner.meters.read()
        assert all(torch.isfinite(torch.tensor(list(losses.values()))))
        assert any(name.partition("/")[0] == "loss" for name in losses)
        after = learner.tensors()["model"]
        for network in learner.family.trained:
            assert any(not torch.equal(before[key], after[key]) for key in before
                       if key.startswith(f"{network}."))

    def test_the_same_seed_begins_and_learns_the_same(self, name: str) -> None:
        one, other = Learner(made(name), CPU), Learner(made(name), CPU)
        for learner in (one, other):
            learner.learn(asked_for(name), 0.0)
        first, second = one.tensors()["model"], other.tensors()["model"]
        assert all(torch.equal(first[key], second[key]) for key in first)

    def test_beginning_a_run_leaves_the_shared_random_numbers_alone(self, name: str) -> None:
        torch.manual_seed(5)
        expected = torch.rand(3)
        torch.manual_seed(5)
        learner = Learner(made(name), CPU)
        learner.learn(asked_for(name), 0.0)
        if learner.config.model.samplers:
            drawn(learner.ema, usual(name))
        assert torch.equal(torch.rand(3), expected)

    def test_the_ema_follows_slowly(self, name: str) -> None:
        learner = Learner(made(name, {"ema": 0.9, "lr": 0.01}), CPU)
        for _ in range(3):
            learner.learn(asked_for(name), 0.0)
        tensors = learner.tensors()
        key = next(iter(tensors["ema"]))
        assert not torch.equal(tensors["ema"][key], tensors["model"][key])


    def test_unseen_pictures_are_judged_alike_each_time_and_change_nothing(
            self, name: str) -> None:
        learner = Learner(made(name), CPU)
        learner.learn(asked_for(name), 0.0)
        before = {key: value.clone() for key, value in learner.tensors()["model"].items()}
        judged = learner.family if learner.family.adversaries else learner.ema
        first, second = (judged.judge(asked_for(name)) for _ in "12")
        assert bool(first) == judged.judges
        assert all(float(first[key]) == float(second[key]) for key in first)
        assert all(torch.isfinite(value) for value in first.values())
        after = learner.tensors()["model"]
        assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("name", DRAWING)
class TestDrawing:
    def test_draws_from_noise_to_a_picture(self, name: str) -> None:
        family = Learner(made(name), CPU).ema
        moments = list(family.draw(usual(name), torch.Generator().manual_seed(0)))
        assert [moment.step for moment in moments] == list(range(len(moments)))
        assert moments[-1].t == 0
        assert moments[-1].x_t.shape == (3, 1, 8, 8)
        assert all(torch.isfinite(moment.x_t).all() for moment in moments)
        assert moments[-1].nfe >= 1

    def test_the_seed_decides_the_picture(self, name: str) -> None:
        family = Learner(made(name), CPU).ema
        assert torch.equal(drawn(family, usual(name)), drawn(family, usual(name)))
        assert not torch.equal(drawn(family, usual(name)), drawn(family, usual(name), seed=1))


def test_a_step_without_a_finite_gradient_counts_once_for_all_players() -> None:
    learner = Learner(made("gan"), CPU)
    broken = Batch(torch.full((12, 1, 8, 8), torch.nan), None)
    for _ in range(3):
        learner.learn(broken, 0.0)
    assert int(learner.skipped) == 3
    learner.learn(a_batch(), 0.0)
    assert int(learner.skipped) == 0


class TestDDPM:
    @pytest.mark.parametrize("sampler", DdpmConfig.samplers)
    @pytest.mark.parametrize("predict", ["eps", "x0", "v"])
    def test_every_sampler_draws_with_every_prediction(self, sampler: str, predict: str) -> None:
        family = Learner(made(predict=predict, schedule="cosine"), CPU).ema
        picture = drawn(family, plan(sampler=sampler, nfe=7))
        assert torch.isfinite(picture).all()

    @pytest.mark.parametrize("changes", [
        {"variance": "learned", "schedule": "cosine"}, {"weighting": "min_snr"},
        {"predict": "x0", "weighting": "min_snr"}, {"attention": [8, 4]}, {"patch": 2},
        {"labels": True}, {"dropout": 0.2}, {"schedule": "sigmoid", "variance": "fixed_large"},
    ])
    def test_every_choice_learns_one_batch(self, changes: dict[str, Any]) -> None:
        learner = Learner(made(train={"lr": 3e-3}, **changes), CPU)
        batch = a_batch(labels=bool(changes.get("labels")))
        first: dict[str, float] = {}
        for _ in range(60):
            learner.learn(batch, 0.0)
            first = first or learner.meters.read()
        assert learner.meters.read()["loss"] < first["loss"]
        drawn(learner.ema, plan(sampler="ancestral"))

    def test_learned_variance_tells_the_bound(self) -> None:
        learner = Learner(made(variance="learned"), CPU)
        learner.learn(a_batch(), 0.0)
        assert learner.meters.read()["vlb"] > 0

    def test_the_bands_cover_the_loss(self) -> None:
        learner = Learner(made(), CPU)
        learner.learn(a_batch(), 0.0)
        losses = learner.meters.read()
        bands = [losses[f"loss/band-{band}"] for band in (1, 2, 3, 4)]
        assert sum(bands) / 4 == pytest.approx(losses["loss"], rel=0.05)

    def test_guidance_of_one_is_the_label_alone_and_more_goes_further(self) -> None:
        learner = Learner(made(labels=True, train={"lr": 3e-3}), CPU)
        for _ in range(20):
            learner.learn(a_batch(labels=True), 0.0)
        labels = torch.tensor([0, 1, 2])
        alone, guided = (drawn(learner.family, plan(labels=labels, guidance=by)) for by in (1, 4))
        other = drawn(learner.family, plan(labels=labels.flip(0)))
        assert not torch.allclose(alone, guided)
        assert not torch.allclose(alone, other)

    def test_an_emphasis_is_on_noisy_levels_and_asks_for_the_guided_answer(
            self, monkeypatch: pytest.MonkeyPatch) -> None:
        family = Learner(made(labels=True, label_dropout=0.5, predict="x0"), CPU).family
        assert isinstance(family, DDPM)
        asked: dict[str, Tensor] = {}
        free, mean, w = 0.25, 1.0, 1.5  # what it answers without a class, and what is right

        class Guided(torch.nn.Module):
            def forward(self, x_t: Tensor, t: Tensor, labels: Tensor) -> Tensor:
                asked.setdefault("t", t)
                asked.setdefault("labels", labels)
                led = (labels < 3) & (t >= 20)
                own = torch.where(led, free + w * (mean - free), mean)
                own = torch.where((labels == 3) & (asked["labels"] < 3), free, own)
                return own.reshape(-1, 1, 1, 1).expand(x_t.shape)

        monkeypatch.setattr(family, "unet", Guided())
        batch = Batch(torch.full((64, 1, 8, 8), mean), torch.arange(64) % 3)
        losses = family.train_step(batch, lambda _name, _loss: None,
                                   torch.Generator().manual_seed(0), Emphasis(21, 0.75, w))
        assert int((asked["t"] >= 20).sum()) == 48
        assert set((asked["labels"] < 3).tolist()) == {True, False}
        assert float(losses["loss"]) == pytest.approx(0.0, abs=1e-10)

    def test_labels_without_classes_are_refused(self) -> None:
        with pytest.raises(UsageError, match="labels"):
            config.parse({"data": {**DATA, "classes": []},
                          "model": {**SMALL["ddpm"], "labels": True}})

    def test_a_picture_to_begin_with_is_kept_where_little_noise_is_added(self) -> None:
        family = Learner(made(), CPU).ema
        image = torch.linspace(-0.8, 0.8, 64).reshape(1, 1, 8, 8)
        moments = list(family.draw(plan(image=image, from_step=2, nfe=2),
                                   torch.Generator().manual_seed(0)))
        assert moments[0].t <= 2
        assert (moments[0].x_t - image).abs().mean() < 0.2


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_builds_its_networks(name: str) -> None:
    preset = presets.find(name)
    size = {"digits": 8, "cifar10": 32}.get(preset.data.name, 28)
    shape = {"data.size": preset.data.size or size,
             "data.channels": 3 if preset.data.name in ("cifar10", "shapes") else 1,
             "data.classes": tuple("0123456789")}
    with torch.device("meta"):
        family = FAMILIES[preset.model.family](config.with_values(preset, shape))
    assert sum(p.numel() for p in family.parameters()) > 10_000
    assert preset.says
    assert preset.source
