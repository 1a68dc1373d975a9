"""GANs: the networks' sizes, each choice of the game, growing, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hybridstudio import config
from hybridstudio.config import GanConfig, RunConfig, Shape
from hybridstudio.engine.learner import Learner
from hybridstudio.errors import ConfigError
from hybridstudio.families import Batch, DrawPlan
from hybridstudio.families.gan import GAN, grown, growth_at
from hybridstudio.nets.dcgan import DCDiscriminator, DCGenerator
from hybridstudio.nets.gan import DenseDiscriminator, Verdict, spectrally_normal
from hybridstudio.nets.ganresidual import (
    ResidualDiscriminator,
    ResidualGenerator,
    doublings,
    halved,
)

CPU = torch.device("cpu")
GREY = Shape(1, 28, 28)
NETS = ("fully-connected", "dcgan", "residual")


def made(train: dict[str, Any] | None = None, data: dict[str, Any] | None = None,
         **model: Any) -> RunConfig:
    return config.parse({
        "data": {"name": "digits", "size": 16, "channels": 1, "classes": ["a", "b"],
                 **(data or {})},
        "model": {"family": "gan", "width": 8, "latent": 6, "blocks": 2, **model},
        "train": {"precision": "float32", "batch_size": 16, "warmup": 0, "grad_clip": 0.0,
                  "betas": [0.5, 0.999], **(train or {})}})


def a_batch(size: int = 16) -> Batch:
    stream = torch.Generator().manual_seed(0)
    labels = torch.arange(16) % 2
    images = labels[:, None, None, None] * 0.8 - 0.4 + 0.1 * torch.randn(
        16, 1, size, size, generator=stream)
    return Batch(images, labels)


def a_family(learner: Learner) -> GAN:
    assert isinstance(learner.family, GAN)
    return learner.family


def weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in network.named_parameters()}


def changed(before: dict[str, Tensor], network: nn.Module) -> bool:
    return any(not torch.equal(before[name], weight) for name, weight in weights(network).items())


def count(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


class TestNetworks:
    def test_report_002s_shapes_have_their_sizes(self) -> None:
        generator = DCGenerator(GREY, latent=100, width=64)
        dense = 100 * 7 * 7 * 256 + 2 * 7 * 7 * 256
        transposed = 25 * (256 * 128 + 128 * 64 + 64 * 1) + 2 * 128 + 2 * 64
        assert count(generator) == dense + transposed == 2_305_472
        discriminator = DCDiscriminator(GREY, width=64)
        assert count(discriminator) == (25 + 1) * 64 + (25 * 64 + 1) * 128 + 7 * 7 * 128 + 1
        assert count(discriminator) == 212_865
        for layers, kind, number in ((generator, nn.Linear, 1), (generator, nn.ConvTranspose2d, 3),
                                     (discriminator, nn.Conv2d, 2), (discriminator, nn.Linear, 1)):
            assert sum(isinstance(layer, kind) for layer in layers.modules()) == number

    def test_the_dcgan_begins_with_small_weights(self) -> None:
        generator = DCGenerator(GREY, latent=100, width=16)
        first = generator.layers[0]
        assert isinstance(first, nn.ConvTranspose2d)
        assert float(first.weight.detach().std()) == pytest.approx(0.02, rel=0.05)

    @pytest.mark.parametrize("net", NETS)
    @pytest.mark.parametrize("size", [8, 28, 32])
    def test_every_net_draws_and_judges_every_size(self, net: str, size: int) -> None:
        data = {"size": size, "channels": 3}
        family = GAN(made(data=data, net=net, labels=True))
        labels = torch.tensor([0, 1, 0])
        images = family.generate(torch.randn(3, 6), labels)
        assert images.shape == (3, 3, size, size)
        assert images.abs().max() <= 1
        assert family.discriminator(images, labels).shape == (3,)

    def test_points_get_dense_networks_without_a_bound(self) -> None:
        family = GAN(made(data={"name": "gaussians25", "size": 1, "channels": 2}))
        assert family.generate(torch.randn(5, 6)).shape == (5, 2, 1, 1)
        assert isinstance(family.discriminator, DenseDiscriminator)

    def test_projection_adds_the_labels_direction(self) -> None:
        verdict = Verdict(5, classes=3)
        h, labels = torch.randn(4, 5), torch.tensor([2, 0, 1, 1])
        assert verdict.label is not None
        expected = torch.stack([verdict.psi(row)[0] + verdict.label.weight[label] @ row
                                for row, label in zip(h, labels, strict=True)])
        assert torch.allclose(verdict(h, labels), expected, atol=1e-5)

    def test_concatenated_labels_change_what_is_drawn_and_judged(self) -> None:
        family = GAN(made(net="fully-connected", labels=True)).eval()
        z, ones, zeros = torch.randn(3, 6), torch.ones(3).long(), torch.zeros(3).long()
        images = family.generate(z, ones)
        assert not torch.allclose(images, family.generate(z, zeros))
        assert not torch.allclose(family.discriminator(images, ones),
                                  family.discriminator(images, zeros))

    @pytest.mark.parametrize("make", [
        lambda: DCDiscriminator(GREY, width=8),
        lambda: ResidualDiscriminator(Shape(3, 16, 16), width=8, classes=2, projected=True)])
    def test_spectral_norm_makes_every_top_singular_value_one(
        self, make: Callable[[], nn.Module]
    ) -> None:
        discriminator = make()
        spectrally_normal(discriminator)
        size = 28 if isinstance(discriminator, DCDiscriminator) else 16
        channels = 1 if size == 28 else 3
        for _ in range(60):  # one power iteration in each
            discriminator(torch.zeros(1, channels, size, size), torch.zeros(1).long())
        layers = [layer for layer in discriminator.modules() if hasattr(layer, "parametrizations")]
        assert len(layers) >= 3
        for layer in layers:
            weight = layer.weight
            assert isinstance(weight, Tensor)
            weight = weight.detach().flatten(1)
            assert torch.linalg.matrix_norm(weight, 2) == pytest.approx(1.0, abs=0.02)


class TestSteps:
    @pytest.mark.parametrize("changes", [
        {}, {"net": "fully-connected", "dropout": 0.3}, {"net": "residual"}, {"loss": "minimax"},
        {"loss": "least-squares", "label_smoothing": 0.1}, {"loss": "hinge", "spectral_norm": True},
        {"loss": "wasserstein", "gradient_penalty": 10.0},
        {"loss": "wasserstein", "weight_clip": 0.05}, {"r1": 1.0, "r1_every": 4},
        {"instance_noise": 0.3, "label_smoothing": 0.1}, {"labels": True},
        {"labels": True, "conditioning": "projection", "net": "residual", "spectral_norm": True},
        {"augment": "always"}, {"augment": "adaptive", "augmentations": ["flips", "geometry"]},
        {"unroll": 2}, {"unroll": 2, "spectral_norm": True, "loss": "hinge"},
        {"net": "residual", "growing": 2, "r1": 1.0},
    ])
    def test_every_choice_learns(self, changes: dict[str, Any]) -> None:
        learner = Learner(made({"lr": 2e-3}, **changes), CPU)
        family = a_family(learner)
        before = weights(family.generator), weights(family.discriminator)
        batch = a_batch()
        for step in range(6):
            learner.learn(batch, step / 6)
        losses = learner.meters.read()
        assert {"loss/generator", "loss/discriminator"} <= set(losses)
        assert all(math.isfinite(value) for value in losses.values())
        assert changed(before[0], family.generator)
        assert changed(before[1], family.discriminator)
        plan = DrawPlan(learner.config.shape, 3, "one-pass", 1, 0.0, 1.0)
        (moment,) = learner.ema.draw(plan, torch.Generator().manual_seed(0))
        assert (moment.step, moment.steps, moment.t, moment.nfe) == (0, 0, 0, 1)
        assert moment.x_t.shape == (3, 1, 16, 16)

    def test_the_generator_comes_to_each_classs_data(self) -> None:
        learner = Learner(made({"lr": 2e-3, "ema": 0.9}, net="fully-connected", width=32,
                               labels=True), CPU)
        batch = a_batch()
        for step in range(200):
            learner.learn(batch, step / 200)
        plan = DrawPlan(learner.config.shape, 16, "one-pass", 1, 0.0, 1.0, labels=batch.labels)
        (moment,) = learner.ema.draw(plan, torch.Generator().manual_seed(0))
        means = moment.x_t.detach().mean((1, 2, 3))
        assert means[1::2].mean() - means[0::2].mean() > 0.25

    @pytest.mark.parametrize("only", ["generator", "discriminator"])
    def test_one_player_can_learn_alone(self, only: str) -> None:
        learner = Learner(made(), CPU)
        family = a_family(learner)
        before = {name: weights(family.get_submodule(name)) for name in family.trained}
        learner.learn(a_batch(), 0.0, only)
        for name in family.trained:
            assert changed(before[name], family.get_submodule(name)) == (name == only)
        losses = learner.meters.read()
        assert [name for name in losses if name.startswith("loss/")] == [f"loss/{only}"]

    def test_the_generator_learns_at_every_nth_step(self) -> None:
        learner = Learner(made(discriminator_steps=3), CPU)
        generator = a_family(learner).generator
        learned = []
        for _ in range(6):
            before = weights(generator)
            learner.learn(a_batch(), 0.0)
            learned.append(changed(before, generator))
        assert learned == [False, False, True, False, False, True]

    def test_clipping_holds_the_critic(self) -> None:
        learner = Learner(made({"lr": 0.1}, loss="wasserstein", weight_clip=0.02), CPU)
        for _ in range(2):
            learner.learn(a_batch(), 0.0)
        critic = a_family(learner).discriminator
        most = max(float(weight.abs().max()) for weight in weights(critic).values())
        assert most == pytest.approx(0.02)
        assert {"critic/real", "critic/fake"} <= set(learner.meters.read())

    def test_r1_is_lazy(self) -> None:
        learner = Learner(made(r1=1.0, r1_every=3), CPU)
        seen = []
        for _ in range(6):
            learner.learn(a_batch(), 0.0)
            seen.append("r1" in learner.meters.read())
        assert seen == [True, False, False, True, False, False]

    def test_augmentation_adapts_and_is_kept(self) -> None:
        learner = Learner(made(augment="adaptive", ada_pictures=1000.0, ada_target=0.1), CPU)
        for _ in range(8):
            learner.learn(a_batch(), 0.0)
        assert learner.meters.read()["ada_p"] > 0
        assert float(learner.tensors()["model"]["ada.p"]) > 0

    def test_the_generator_meets_the_discriminator_that_has_just_learned(self) -> None:
        # Autocast keeps a bfloat16 copy of each weight, which an optimiser's step does not touch.
        outcomes = []
        for precision in ("bfloat16", "float32"):
            learner = Learner(made({"precision": precision, "lr_discriminator": 0.3,
                                    "optimiser": "sgd"}, net="fully-connected"), CPU)
            learner.learn(a_batch(), 0.0)
            outcomes.append(learner.meters.read()["loss/generator"])
        assert outcomes[0] == pytest.approx(outcomes[1], rel=0.03)

    def test_a_resumed_training_goes_on_exactly(self) -> None:
        settings = made(net="residual", growing=1, augment="adaptive", spectral_norm=True)
        one, other = Learner(settings, CPU), Learner(settings, CPU)
        for step in range(4):
            one.learn(a_batch(), step / 8)
        other.restore(one.tensors(), one.step)
        for learner in (one, other):
            learner.learn(a_batch(), 0.5)
        first, second = one.tensors(), other.tensors()
        for part in ("model", "ema"):
            assert all(torch.equal(value, second[part][key]) for key, value in first[part].items())


class TestGrowing:
    def test_sides_are_halved_to_4_or_an_odd_number(self) -> None:
        assert [doublings(side) for side in (8, 16, 28, 32, 64, 27)] == [1, 2, 2, 3, 4, 0]

    def test_growth_rises_to_all_with_progress(self) -> None:
        settings = made(net="residual", growing=2, grown_at=0.5)
        assert isinstance(settings.model, GanConfig)
        generator = ResidualGenerator(Shape(1, 16, 16), latent=6, width=8, grown=2)
        growths = [growth_at(settings.model, generator, share / 100) for share in range(101)]
        assert growths[:2] == [0.0, 0.0]
        assert growths[50:] == [2.0] * 51
        assert all(0 <= after - before < 0.1 for before, after in zip(
            [g for g in growths if g is not None], growths[1:], strict=False) if after is not None)
        assert float(generator.growth) == 2.0

    @pytest.mark.parametrize("level", [1, 2])
    def test_a_doubling_fades_in_without_a_jump(self, level: int) -> None:
        generator = ResidualGenerator(Shape(1, 16, 16), latent=6, width=8, grown=2).eval()
        discriminator = ResidualDiscriminator(Shape(1, 16, 16), width=8, grown=2)
        z = torch.randn(4, 6)
        images = torch.rand(4, 1, 16, 16) * 2 - 1
        before, after = float(level - 1), level - 1 + 1e-6
        assert torch.allclose(halved(generator(z, growth=after)), generator(z, growth=before),
                              atol=1e-4)
        coarse, fine = (grown(images, growth, generator) for growth in (before, after))
        assert fine.shape[2] == 2 * coarse.shape[2]
        assert torch.allclose(discriminator(fine, growth=after),
                              discriminator(coarse, growth=before), atol=1e-4)

    def test_what_is_drawn_has_the_full_size_from_the_first_step(self) -> None:
        learner = Learner(made(net="residual", growing=2), CPU)
        learner.learn(a_batch(), 0.0)
        plan = DrawPlan(learner.config.shape, 2, "one-pass", 1, 0.0, 1.0)
        (moment,) = learner.ema.draw(plan, torch.Generator().manual_seed(0))
        assert moment.x_t.shape == (2, 1, 16, 16)
        # Four by four cells of one value each.
        assert torch.equal(moment.x_t[:, :, ::4, ::4], moment.x_t[:, :, 3::4, 3::4])


class TestWhatIsRefused:
    @pytest.mark.parametrize(("changes", "fields"), [
        ({"loss": "wasserstein"}, ["model.loss"]),
        ({"loss": "wasserstein", "weight_clip": 0.01, "gradient_penalty": 10,
          "label_smoothing": 0.1, "augment": "adaptive"},
         ["model.label_smoothing", "model.weight_clip", "model.augment"]),
        ({"weight_clip": 0.01, "gradient_penalty": 10},
         ["model.weight_clip", "model.gradient_penalty"]),
        ({"loss": "hinge", "label_smoothing": 0.1}, ["model.label_smoothing"]),
        ({"unroll": 3, "r1": 1.0, "growing": 1}, ["model.unroll", "model.growing"]),
        ({"net": "residual", "growing": 3, "dropout": 0.2}, ["model.growing", "model.dropout"]),
    ])
    def test_contradictions_are_told_all_at_once(
        self, changes: dict[str, Any], fields: list[str]
    ) -> None:
        with pytest.raises(ConfigError) as refused:
            made(**changes)
        assert set(fields) <= {problem.path for problem in refused.value.problems}

    @pytest.mark.parametrize(("data", "changes", "field"), [
        ({"size": 30}, {}, "data.size"),
        ({"size": 27}, {"net": "residual"}, "data.size"),
        ({"classes": []}, {"labels": True}, "model.labels"),
        ({"size": 1, "channels": 2}, {"augment": "always"}, "model.augment"),
    ])
    def test_data_that_do_not_fit_are_told(
        self, data: dict[str, Any], changes: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(ConfigError) as refused:
            made(data=data, **changes)
        assert field in {problem.path for problem in refused.value.problems}
