"""StyleGAN2: sizes, layers against plain computations, penalties, drawing, learning."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hybridstudio import config
from hybridstudio.config import RunConfig, Shape
from hybridstudio.config.models.stylegan import sides
from hybridstudio.engine.learner import Learner
from hybridstudio.errors import UsageError
from hybridstudio.families import Batch, DrawPlan
from hybridstudio.families.adversarial import r1
from hybridstudio.families.stylegan import PathLength, StyleGAN
from hybridstudio.nets.equalised import Blur, Conv, Dense
from hybridstudio.nets.stylegan import Discriminator, Generator, modulated, with_spread

CPU = torch.device("cpu")
SMALL = {"family": "stylegan", "latent": 8, "style": 8, "width": 8, "max_width": 16}


def made(data: dict[str, Any] | None = None, train: dict[str, Any] | None = None,
         **model: Any) -> RunConfig:
    return config.parse({
        "data": {"name": "digits", "size": 8, "channels": 1, "classes": ["a", "b"],
                 **(data or {})},
        "model": {**SMALL, **model},
        "train": {"precision": "float32", "batch_size": 4, "warmup": 0, "lr": 2.5e-3,
                  "betas": [0.0, 0.99], "grad_clip": 0.0, **(train or {})}})


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def family(**model: Any) -> StyleGAN:
    ema = Learner(made(**model), CPU).ema
    assert isinstance(ema, StyleGAN)
    return ema


def a_batch(count: int = 4, shape: tuple[int, int, int] = (1, 8, 8)) -> Batch:
    return Batch(numbers(count, *shape).clamp(-1, 1), torch.arange(count) % 2)


def drawn(of: StyleGAN, count: int = 3, labels: Tensor | None = None, **knobs: float) -> Tensor:
    plan = DrawPlan(of.shape, count, "one-pass", 1, 0.0, 1.0, labels=labels, knobs=knobs)
    return deque(of.draw(plan, torch.Generator().manual_seed(0)), maxlen=1).pop().x_t


# --- sizes ----------------------------------------------------------------------------------------


def test_the_networks_have_the_reports_parameters() -> None:
    generator = Generator(Shape(3, 64, 64), latent=512, style=512, mapping_layers=2, width=256,
                          max_width=512)
    discriminator = Discriminator(Shape(3, 64, 64), width=256, max_width=512)
    assert sum(p.numel() for p in generator.parameters()) == 22_243_608
    assert sum(p.numel() for p in discriminator.parameters()) == 23_407_361
    assert sum(p.numel() for p in generator.mapping.parameters()) == 2 * 262_656
    assert generator.styles == 10


@pytest.mark.parametrize(("size", "begins"), [(8, 4), (28, 7), (32, 4), (64, 4), (96, 6), (256, 4),
                                              (20, 5), (9, None), (100, None), (34, None)])
def test_a_picture_grows_from_a_small_side(size: int, begins: int | None) -> None:
    grown = sides(size)
    assert (grown[0] if grown else None) == begins
    assert all(2 * now == after for now, after in pairwise(grown))


@pytest.mark.parametrize("shape", [Shape(1, 28, 28), Shape(3, 16, 16), Shape(1, 8, 8)])
def test_pictures_of_every_shape_come_and_are_judged(shape: Shape) -> None:
    generator = Generator(shape, latent=6, style=8, mapping_layers=3, width=4, max_width=8)
    images = generator(generator.mapping(numbers(2, 6)),
                       [numbers(2, *each) for each in generator.noise_shapes])
    assert images.shape == (2, *shape)
    assert Discriminator(shape, width=4, max_width=8)(images).shape == (2,)


# --- layers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("demodulate", [True, False])
def test_modulation_is_that_of_a_plain_loop(demodulate: bool) -> None:
    x, weight, style = numbers(3, 4, 5, 5), numbers(6, 4, 3, 3, seed=1), numbers(3, 4, seed=2)
    result = modulated(x, weight, style, demodulate=demodulate)
    for picture, scales, seen in zip(x, style, result, strict=True):
        own = weight * scales[None, :, None, None]
        if demodulate:
            own = own / own.square().sum((1, 2, 3), keepdim=True).sqrt()
        torch.testing.assert_close(seen, F.conv2d(picture[None], own, padding=1)[0],
                                   rtol=1e-4, atol=1e-4)


def test_modulation_while_doubling_is_the_blurred_convolution_of_a_spread_picture() -> None:
    x, weight, style = numbers(2, 3, 4, 4), numbers(5, 3, 3, 3, seed=1), numbers(2, 3, seed=2)
    spread = torch.zeros(2, 3, 8, 8)
    spread[:, :, ::2, ::2] = x * style[:, :, None, None]
    blur = Blur()
    wanted = blur(F.conv2d(F.pad(spread, (2, 1, 2, 1)), weight.flip(2, 3)), 1, 4.0)
    lengths = (weight[None] * style[:, None, :, None, None]).square().sum((2, 3, 4)).sqrt()
    torch.testing.assert_close(modulated(x, weight, style, blur=blur),
                               wanted / lengths[:, :, None, None], rtol=1e-4, atol=1e-4)


def test_demodulated_features_have_unit_variance_whatever_the_style() -> None:
    x, weight = numbers(2, 32, 32, 32), numbers(16, 32, 3, 3, seed=1)
    style = torch.stack([torch.full((32,), 0.01), 30.0 * numbers(32, seed=2)])
    inside = modulated(x, weight, style)[:, :, 1:-1, 1:-1]
    assert inside.var((1, 2, 3)).tolist() == pytest.approx([1.0, 1.0], abs=0.1)


@pytest.mark.parametrize("width", [8, 128])
def test_layers_keep_the_size_of_a_signal_at_every_width(width: int) -> None:
    torch.manual_seed(0)
    dense, conv = Dense(width, 64), Conv(width, 64, 3)
    assert float(dense.weight.detach().std()) == pytest.approx(1.0, abs=0.1)
    assert float(conv.weight.detach().std()) == pytest.approx(1.0, abs=0.1)
    assert float(dense(numbers(256, width, seed=9)).detach().var()) == pytest.approx(1.0, abs=0.2)
    inside = conv(numbers(4, width, 16, 16, seed=9))[:, :, 1:-1, 1:-1]
    assert float(inside.detach().var()) == pytest.approx(1.0, abs=0.2)


def test_a_slow_layer_learns_slowly_and_begins_as_large() -> None:
    torch.manual_seed(0)
    slow = Dense(32, 32, bias=1.0, rate=0.01)
    with torch.no_grad():
        assert float(slow(numbers(256, 32, seed=9)).var(0).mean()) == pytest.approx(1.0, abs=0.2)
        assert float(slow(torch.zeros(1, 32)).mean()) == pytest.approx(1.0)
    slow(torch.ones(1, 32)).sum().backward()
    assert slow.bias.grad is not None
    assert slow.bias.grad.tolist() == pytest.approx([0.01] * 32)


def test_blurring_keeps_what_is_even_and_halves_and_doubles() -> None:
    even = torch.full((1, 2, 8, 8), 3.0)
    torch.testing.assert_close(Blur().doubled(even)[:, :, 2:-2, 2:-2], even.new_full(
        (1, 2, 12, 12), 3.0))
    for kernel in (1, 3):
        assert Conv(2, 5, kernel, halve=True)(even).shape == (1, 5, 4, 4)


def test_the_spread_of_a_minibatch_is_the_mean_deviation_of_its_groups() -> None:
    x = numbers(6, 3, 4, 4)
    spread = with_spread(x, 4)[:, 3]  # 6 pictures: two groups of three, every second one
    for group in (0, 1):
        wanted = x[group::2].std(0, correction=0).mean()
        torch.testing.assert_close(spread[group::2], wanted.expand(3, 4, 4), rtol=1e-3, atol=1e-4)
    alike = with_spread(x[:1].repeat(4, 1, 1, 1), 4)[:, 3]
    assert float(alike.max()) < 1e-3
    assert torch.equal(with_spread(x, 4)[:, :3], x)


# --- penalties ------------------------------------------------------------------------------------


def test_path_lengths_are_those_of_the_jacobian() -> None:
    matrix = numbers(5, 16)

    def picture(w: Tensor) -> Tensor:  # from (5,) to (1, 4, 4)
        return (w.sin() @ matrix).reshape(1, 4, 4)

    styles = numbers(3, 1, 5, seed=1).requires_grad_()
    images = torch.stack([picture(w[0]) for w in styles])
    lengths = PathLength().lengths(styles, images, torch.Generator().manual_seed(4))
    y = numbers(3, 1, 4, 4, seed=4) / 4.0
    for length, w, way in zip(lengths, styles.detach(), y, strict=True):
        jacobian = torch.autograd.functional.jacobian(picture, w[0]).reshape(16, 5)
        torch.testing.assert_close(length, (jacobian.T @ way.flatten()).norm())


def test_the_path_penalty_follows_the_mean_length() -> None:
    path = PathLength()
    lengths = torch.tensor([1.0, 3.0])
    first = path.penalty(lengths)
    assert float(path.mean) == pytest.approx(0.02)
    assert float(first) == pytest.approx((0.98**2 + 2.98**2) / 2)
    for _ in range(1000):
        path.penalty(lengths)
    assert float(path.mean) == pytest.approx(2.0, abs=1e-3)
    path.penalty(torch.tensor([torch.nan]))
    assert path.mean.isfinite()


def test_r1_of_the_discriminator_is_its_slope() -> None:
    torch.manual_seed(0)
    judge = Discriminator(Shape(1, 8, 8), width=4, max_width=4, group=1)
    image = numbers(1, 1, 8, 8)
    steps = 1e-2 * torch.eye(64).reshape(64, 1, 1, 8, 8)
    with torch.no_grad():
        slopes = [float(judge(image + step) - judge(image - step)) / 2e-2 for step in steps]
    wanted = sum(slope**2 for slope in slopes)
    assert float(r1(judge, image).detach()) == pytest.approx(wanted, rel=0.02)


def test_penalties_come_in_their_steps_only() -> None:
    learner = Learner(made(r1_every=3, path_every=2), CPU)
    seen = []
    for _ in range(6):
        learner.learn(a_batch(), 0.0)
        told = learner.meters.read()
        seen.append(("r1" in told, "path_length" in told))
    assert seen == [(step % 3 == 0, step % 2 == 0) for step in range(6)]


# --- drawing --------------------------------------------------------------------------------------


def test_truncation_of_0_gives_the_mean_picture_whatever_z_is() -> None:
    of = family()
    with torch.no_grad():
        for stage in of.generator.stages:
            for layer in stage.layers:
                layer.strength.fill_(0.5)
    pictures = drawn(of, truncation=0.0, noise=0.0)
    torch.testing.assert_close(pictures, pictures[:1].expand(3, -1, -1, -1))
    assert not torch.allclose(drawn(of, noise=0.0), pictures)
    noisy = drawn(of, truncation=0.0)
    assert not torch.allclose(noisy[0], noisy[1])


def test_a_picture_is_the_same_however_many_are_drawn() -> None:
    of = family()
    torch.testing.assert_close(drawn(of, 5)[:2], drawn(of, 2))


def test_styles_are_mixed_layer_by_layer() -> None:
    of = family()
    coarse, fine = of.map(numbers(2, 2, 8)[0]), of.map(numbers(2, 2, 8)[1])
    torch.testing.assert_close(of.synthesise(of.mixed(coarse, fine, 0)), of.synthesise(fine))
    torch.testing.assert_close(of.synthesise(of.mixed(coarse, fine, of.generator.styles)),
                               of.synthesise(coarse))
    between = of.synthesise(of.mixed(coarse, fine, 2))
    assert not torch.allclose(between, of.synthesise(coarse))
    assert not torch.allclose(between, of.synthesise(fine))


def test_labels_change_the_picture_and_the_verdict() -> None:
    of = family(labels=True)
    zeros, ones = torch.zeros(3, dtype=torch.long), torch.ones(3, dtype=torch.long)
    assert not torch.allclose(drawn(of, labels=zeros), drawn(of, labels=ones))
    images = a_batch(3).images
    assert not torch.allclose(of.discriminator(images, zeros), of.discriminator(images, ones))


# --- learning -------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [
    {}, {"augment": "adaptive"}, {"augment": "always", "labels": True}, {"path_length": 0.0,
                                                                         "style_mixing": 0.0}])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_choice_stays_finite(model: dict[str, Any], precision: str) -> None:
    learner = Learner(made(train={"precision": precision}, r1=1.0, r1_every=2, path_every=2,
                           **model), CPU)
    for _ in range(4):
        learner.learn(a_batch(), 0.0)
    assert int(learner.skipped) == 0
    assert torch.tensor(list(learner.meters.read().values())).isfinite().all()
    assert all(value.isfinite().all() for value in learner.tensors()["model"].values())


def test_it_goes_on_exactly_where_it_was() -> None:
    model = {"augment": "adaptive", "ada_pictures": 1000.0, "r1_every": 2, "path_every": 2}
    whole, first, second = (Learner(made(**model), CPU) for _ in range(3))
    for _ in range(5):
        whole.learn(a_batch(), 0.0)
    for _ in range(3):
        first.learn(a_batch(), 0.0)
    kept = {file: {name: value.clone() for name, value in tensors.items()}
            for file, tensors in first.tensors().items()}
    second.restore(kept, 3)
    for _ in range(2):
        second.learn(a_batch(), 0.0)
    wanted, found = whole.tensors()["model"], second.tensors()["model"]
    assert {"path.mean", "ada.p", "ada.r_t", "generator.mapping.mean"} <= set(wanted)
    assert all(torch.equal(wanted[name], found[name]) for name in wanted)


def test_one_network_can_learn_alone() -> None:
    learner = Learner(made(), CPU)
    before = {name: value.clone() for name, value in learner.tensors()["model"].items()}
    learner.learn(a_batch(), 0.0, "discriminator")
    after = learner.tensors()["model"]
    changed = {name.partition(".")[0] for name in before
               if not torch.equal(before[name], after[name])}
    assert "discriminator" in changed
    assert torch.equal(before["generator.constant"], after["generator.constant"])


def test_points_are_learned_too() -> None:
    points = made({"name": "gaussians8", "size": 1, "channels": 2}, {"batch_size": 64}, blocks=2,
                  width=32, max_width=32)
    learner = Learner(points, CPU)
    stream = torch.Generator().manual_seed(0)
    for _ in range(120):
        near = 0.5 + 0.1 * torch.randn(64, 2, 1, 1, generator=stream)
        learner.learn(Batch(near, None), 0.0)
    assert isinstance(learner.ema, StyleGAN)
    with torch.no_grad():
        found = drawn(learner.ema, 64)
    assert found.shape == (64, 2, 1, 1)
    assert float((found.mean(0) - 0.5).abs().max()) < 0.2


def test_small_pictures_are_learned() -> None:
    learner = Learner(made(train={"batch_size": 16, "lr": 5e-3}, width=16), CPU)
    # The left half is bright or the right: what is drawn comes near one of the two.
    images = torch.full((16, 1, 8, 8), -0.8)
    images[:8, :, :, :4] = 0.8
    images[8:, :, :, 4:] = 0.8
    for _ in range(160):
        learner.learn(Batch(images, None), 0.0)
    assert isinstance(learner.ema, StyleGAN)
    with torch.no_grad():
        found = drawn(learner.ema, 32, noise=0.0)
    distance = (found[:, None] - images[None, [0, 8]]).square().mean((2, 3, 4)).amin(1)
    assert float(distance.mean()) < 0.4  # 0.6 in the beginning


@pytest.mark.parametrize(("data", "model", "where"), [
    ({"size": 34}, {}, "data.size"),
    ({"classes": []}, {"labels": True}, "model.labels"),
    ({"size": 1, "channels": 2}, {"augment": "always"}, "model.augment"),
    ({}, {"width": 64}, "model.max_width"),
])
def test_what_does_not_go_together_is_refused(
    data: dict[str, Any], model: dict[str, Any], where: str
) -> None:
    with pytest.raises(UsageError, match=where):
        made(data, **model)
