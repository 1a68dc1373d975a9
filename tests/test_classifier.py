"""Classifiers: their networks' sizes, what they learn, what they refuse."""

from __future__ import annotations

import itertools
from collections import deque
from typing import Any

import pytest
import torch
from torch import Tensor

from hybridstudio import config
from hybridstudio.config import RunConfig
from hybridstudio.engine.learner import Learner
from hybridstudio.errors import ConfigError, UsageError
from hybridstudio.families import Batch, DrawPlan
from hybridstudio.families.classifier import Classifier, rotated, shifted
from hybridstudio.nets.classifiers import DEPTHS, Net, pooled, resnet, stack

CPU = torch.device("cpu")
SMALL_NETS: list[dict[str, Any]] = [
    {"net": "fnn"}, {"net": "fnn", "hidden": [32], "norm": False},
    {"net": "cnn", "channels": [8, 16], "hidden": [16], "dropout": 0.1, "smoothing": 0.1},
    {"net": "cnn", "channels": [8], "patch": 2, "shift": 1, "rotate": 5.0},
    {"net": "alexnet", "channels": [8, 8, 16, 16, 16]},
    {"net": "resnet", "width": 8}, {"net": "resnet", "depth": 50, "width": 8, "patch": 2},
]


def made(data: dict[str, Any] | None = None, train: dict[str, Any] | None = None,
         **model: Any) -> RunConfig:
    return config.parse({
        "data": {"name": "digits", "size": 16, "channels": 1, "classes": list("abcd"),
                 **(data or {})},
        "model": {"family": "classifier", **model},
        "train": {"precision": "float32", "batch_size": 32, "warmup": 0, "lr": 3e-3,
                  **(train or {})}})


def pictures(count: int = 32, side: int = 16, channels: int = 1) -> Tensor:
    stream = torch.Generator().manual_seed(0)
    return torch.rand(count, channels, side, side, generator=stream) * 2 - 1


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def count(net: Net) -> int:
    return sum(p.numel() for p in net.parameters())


def problems(**model: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        made(**model)
    return str(caught.value)


class TestNets:
    @pytest.mark.parametrize(("shape", "hidden"), [
        ((1, 28, 28), (64, 32)), ((3, 32, 32), (128, 64))])
    def test_the_fully_connected_nets_of_the_report(
            self, shape: tuple[int, int, int], hidden: tuple[int, ...]) -> None:
        net = stack("fnn", shape, 10, hidden=hidden, norm=False)
        sides = (shape[0] * shape[1] * shape[2], *hidden, 10)
        layers = [part for part in net.modules() if isinstance(part, torch.nn.Linear)]
        pairs = list(itertools.pairwise(sides))
        assert [(layer.in_features, layer.out_features) for layer in layers] == pairs
        assert count(net) == sum((before + 1) * after for before, after in pairs)

    def test_the_norm_takes_the_place_of_the_bias(self) -> None:
        plain, normed = (stack("fnn", (1, 28, 28), 10, norm=norm) for norm in (False, True))
        assert count(normed) == count(plain) + 64 + 32  # a gain and a shift for each bias

    def test_the_cnn_has_three_convolutions_and_two_dense_layers(self) -> None:
        net = stack("cnn", (3, 32, 32), 10, norm=False)
        kinds = [type(part).__name__ for part in net.modules()]
        assert (kinds.count("Conv2d"), kinds.count("Linear")) == (3, 2)
        convolutions = 9 * (3 * 32 + 32 * 64 + 64 * 128) + 32 + 64 + 128
        assert count(net) == convolutions + (4 * 4 * 128 + 1) * 128 + 129 * 10

    def test_alexnet_has_five_convolutions_and_one_dense_layer(self) -> None:
        net = stack("alexnet", (3, 32, 32), 10, norm=False)
        kinds = [type(part).__name__ for part in net.modules()]
        assert (kinds.count("Conv2d"), kinds.count("MaxPool2d"), kinds.count("Linear")) == (5, 3, 1)
        assert net.dimension == 256 * 4 * 4
        assert pooled("alexnet", 5) == [True, True, False, False, True]

    @pytest.mark.parametrize(("depth", "published"), [(18, 11_173_962), (50, 23_520_842)])
    def test_residual_nets_have_the_published_sizes(self, depth: int, published: int) -> None:
        # He 2016's weights with a 3×3 stem and ten classes instead of a 7×7 one and a thousand.
        with torch.device("meta"):
            assert count(resnet(depth, (3, 32, 32), 10)) == published

    @pytest.mark.parametrize("depth", DEPTHS)
    def test_the_depth_counts_convolutions_and_the_dense_layer(self, depth: int) -> None:
        with torch.device("meta"):
            net = resnet(depth, (1, 28, 28), 10)
        counted = [name for name, part in net.named_modules()
                   if isinstance(part, torch.nn.Conv2d | torch.nn.Linear) and "skip" not in name]
        assert len(counted) == depth

    @pytest.mark.parametrize("side", [28, 32, 64])
    @pytest.mark.parametrize("patch", [1, 2, 4])
    def test_pictures_of_any_usual_size_become_logits_and_features(
            self, side: int, patch: int) -> None:
        images = torch.zeros(2, 3, side, side)
        for net in (stack("cnn", (3, side, side), 7, channels=(4, 8), patch=patch),
                    stack("fnn", (3, side, side), 7),
                    resnet(18, (3, side, side), 7, width=8, patch=patch)):
            logits, features = net.eval().features(images)
            assert logits.shape == (2, 7)
            assert features.shape == (2, net.dimension)
            assert torch.equal(net(images), logits)
            assert torch.equal(net.head(features), logits)

    def test_a_residual_block_begins_as_its_skip(self) -> None:
        block = resnet(18, (3, 32, 32), 10, width=8).body[2]
        x = torch.rand(2, 8, 4, 4)
        assert torch.equal(block(x), x)


class TestLearning:
    @pytest.mark.parametrize("model", SMALL_NETS)
    def test_every_net_learns_a_few_pictures_by_heart(self, model: dict[str, Any]) -> None:
        learner = Learner(made(**model), CPU)
        batch = Batch(pictures(), torch.arange(32) % 4)
        for _ in range(60):
            learner.learn(batch, 0.0)
        learner.meters.read()
        learner.learn(batch, 0.0)
        told = learner.meters.read()
        assert told["accuracy"] > 0.9
        assert set(told) == {"loss", "accuracy", "grad_norm/classifier", "lr"}

    def test_points_take_a_fully_connected_net_whatever_is_asked(self) -> None:
        data = {"name": "rings", "size": 1, "channels": 2}
        learner = Learner(made(data, net="resnet", patch=4), CPU)
        assert sum(isinstance(part, torch.nn.Conv2d) for part in learner.family.modules()) == 0
        points = torch.randn(32, 2, 1, 1, generator=dice())
        labels = (points[:, 0, 0, 0] > 0).long()
        for _ in range(40):
            learner.learn(Batch(points, labels), 0.0)
        learner.meters.read()
        learner.learn(Batch(points, labels), 0.0)
        assert learner.meters.read()["accuracy"] > 0.9

    def test_the_judge_tells_means_over_the_batch(self) -> None:
        family = Classifier(made(net="fnn", smoothing=0.3)).eval().requires_grad_(False)
        images, labels = pictures(), torch.arange(32) % 4
        judged = family.judge(Batch(images, labels))
        probabilities = family.probabilities(images)
        assert torch.allclose(probabilities.sum(1), torch.ones(32))
        assert float(judged["accuracy"]) == pytest.approx(
            float((probabilities.argmax(1) == labels).float().mean()))
        assert float(judged["loss"]) == pytest.approx(
            float(-probabilities[torch.arange(32), labels].log().mean()), rel=1e-4)

    def test_a_picture_is_judged_alike_beside_others(self) -> None:
        learner = Learner(made(net="cnn", channels=[8]), CPU)
        batch = Batch(pictures(), torch.arange(32) % 4)
        learner.learn(batch, 0.0)
        family = learner.family.eval()
        assert isinstance(family, Classifier)
        logits, features = family.features(batch.images)
        assert features.shape == (32, 128)
        assert torch.allclose(family.features(batch.images[:3])[0], logits[:3], atol=1e-5)

    def test_smoothing_keeps_the_loss_above_that_of_certainty(self) -> None:
        learner = Learner(made(net="fnn", smoothing=0.2), CPU)
        batch = Batch(pictures(), torch.arange(32) % 4)
        for _ in range(60):
            learner.learn(batch, 0.0)
        # The entropy of the smoothed target: 0.85 for the label, 0.05 for each of the other three.
        target = torch.tensor([0.85, 0.05, 0.05, 0.05])
        least = float(-(target * target.log()).sum())
        learner.meters.read()
        learner.learn(batch, 0.0)
        assert least <= learner.meters.read()["loss"] < least + 0.1

    def test_a_training_goes_on_exactly(self) -> None:
        asked = made(net="cnn", channels=[8], dropout=0.2, shift=2, rotate=10.0)
        batch = Batch(pictures(), torch.arange(32) % 4)
        one, other = Learner(asked, CPU), Learner(asked, CPU)
        for _ in range(2):
            one.learn(batch, 0.0)
        other.restore({name: {key: value.clone() for key, value in part.items()}
                       for name, part in one.tensors().items()}, 2)
        for learner in (one, other):
            learner.learn(batch, 0.0)
        first, second = one.tensors()["ema"], other.tensors()["ema"]
        assert all(torch.equal(first[key], second[key]) for key in first)


class TestMovedPictures:
    def test_nothing_moves_where_nothing_is_asked(self) -> None:
        images, noise = pictures(), dice()
        before = noise.get_state()
        assert shifted(images, 0, noise) is images
        assert rotated(images, 0.0, noise) is images
        assert torch.equal(noise.get_state(), before)

    def test_moved_pictures_keep_shape_and_range(self) -> None:
        images = pictures(channels=3)
        for moved in (shifted(images, 3, dice()), rotated(images, 20.0, dice())):
            assert moved.shape == images.shape
            assert moved.dtype == torch.float32
            assert moved.abs().max() <= 1.0
            assert not torch.equal(moved, images)

    def test_a_shift_moves_whole_pixels_as_far_as_asked_in_every_direction(self) -> None:
        images = torch.full((400, 1, 9, 9), -1.0)
        images[:, :, 4, 4] = 1.0
        moved = shifted(images, 2, dice())
        rows, columns = (moved[:, 0] == 1.0).nonzero()[:, 1:].T
        assert len(rows) == 400
        assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == {
            (row, column) for row in range(2, 7) for column in range(2, 7)}

    def test_a_border_is_drawn_out(self) -> None:
        images = torch.linspace(-1, 1, 8).expand(50, 1, 8, 8)  # alike from top to bottom
        moved = shifted(images, 2, dice())
        assert torch.equal(moved[:, :, 0], moved[:, :, 7])
        assert (float(moved.min()), float(moved.max())) == (-1.0, 1.0)
        assert (moved.diff(dim=3) >= 0).all()

    def test_a_turn_keeps_the_middle_and_every_picture_has_its_own(self) -> None:
        images = torch.full((8, 1, 9, 9), -1.0)
        images[:, :, 4] = 1.0  # a line across
        moved = rotated(images, 30.0, dice())
        assert torch.allclose(moved[:, 0, 4, 4], torch.ones(8))
        assert len(torch.unique(moved[:, 0, 3, 0])) > 1

    def test_the_seed_decides(self) -> None:
        images = pictures()
        assert torch.equal(shifted(images, 2, dice()), shifted(images, 2, dice()))
        assert not torch.equal(shifted(images, 2, dice()), shifted(images, 2, dice(1)))
        assert torch.equal(rotated(images, 9.0, dice()), rotated(images, 9.0, dice()))


class TestRefusals:
    def test_it_draws_nothing_and_says_what_to_do(self) -> None:
        asked = made(net="fnn")
        plan = DrawPlan(asked.shape, 4, "", 1, 0.0, 1.0)
        with pytest.raises(UsageError, match="draws no pictures") as caught:
            deque(Classifier(asked).draw(plan, dice()), maxlen=0)
        assert caught.value.fix
        assert asked.sampler == ""
        assert asked.model.learns_labels

    @pytest.mark.parametrize("classes", [[], ["only"]])
    def test_data_without_classes_are_refused(self, classes: list[str]) -> None:
        assert "data.name" in problems(data={"classes": classes})

    def test_data_that_are_not_open_yet_are_believed(self) -> None:
        config.parse({"data": {"name": "mnist"}, "model": {"family": "classifier"}})

    @pytest.mark.parametrize(("changes", "at"), [
        ({"data": {"size": 30}, "patch": 4}, "data.size"),
        ({"net": "cnn", "channels": [8] * 5}, "data.size"),
        ({"net": "alexnet", "patch": 4}, "data.size"),
        ({"net": "fnn", "channels": [8]}, "model.channels"),
        ({"net": "resnet", "hidden": [8]}, "model.hidden"),
        ({"channels": [0]}, "model.channels"), ({"shift": 16}, "model.shift"),
        ({"train": {"batch_size": 1}}, "train.batch_size"),
        ({"data": {"name": "rings", "size": 1, "channels": 2}, "shift": 2}, "model.shift"),
    ])
    def test_what_cannot_be_is_refused_by_its_field(
            self, changes: dict[str, Any], at: str) -> None:
        assert at in problems(**changes)

    def test_all_reasons_come_at_once(self) -> None:
        told = problems(data={"classes": []}, net="alexnet", patch=4, train={"batch_size": 1})
        assert all(at in told for at in ("data.name", "data.size", "train.batch_size"))
