"""The variational autoencoder: its terms against closed forms, its drawing, its refusals."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Normal, kl_divergence

from hybridstudio import config
from hybridstudio.config import RunConfig
from hybridstudio.engine.learner import Learner
from hybridstudio.errors import ConfigError
from hybridstudio.families.contract import Batch, DrawPlan
from hybridstudio.families.vae import VAE, bernoulli_nll, gaussian_nll, kl_terms

CPU = torch.device("cpu")
DATA = {"name": "digits", "size": 8, "channels": 1, "classes": ["a", "b", "c"]}
POINTS = {"name": "gaussians25", "size": 1, "channels": 2}


def made(data: dict[str, Any] | None = None, train: dict[str, Any] | None = None,
         **model: Any) -> RunConfig:
    return config.parse({
        "data": data or DATA,
        "model": {"family": "vae", "width": 16, "latent": 4, "blocks": 1, **model},
        "train": {"precision": "float32", "warmup": 0, **(train or {})}})


def a_vae(**model: Any) -> VAE:
    torch.manual_seed(0)
    return VAE(made(**model)).eval()


def a_batch(labels: bool = False, count: int = 12) -> Batch:
    stream = torch.Generator().manual_seed(0)
    images = torch.rand(count, 1, 8, 8, generator=stream) * 2 - 1
    return Batch(images, torch.arange(count) % 3 if labels else None)


def plan(count: int = 3, temperature: float = 1.0, labels: Tensor | None = None,
         shape: tuple[int, int, int] = (1, 8, 8)) -> DrawPlan:
    return DrawPlan(config.Shape(*shape), count, "one-pass", 1, 0.0, 1.0, labels,
                    knobs={"temperature": temperature})


@torch.no_grad()
def drawn(family: VAE, asked: DrawPlan, seed: int = 0) -> Tensor:
    [moment] = family.draw(asked, torch.Generator().manual_seed(seed))
    assert (moment.step, moment.steps, moment.t, moment.nfe) == (0, 0, 0, 1)
    return moment.x_t


class TestTerms:
    def test_kl_is_the_closed_form_and_what_samples_say(self) -> None:
        mean, log_variance = torch.tensor([[0.3, -1.2]]), torch.tensor([[-0.7, 0.4]])
        q, prior = Normal(mean, torch.exp(0.5 * log_variance)), Normal(0.0, 1.0)
        told = kl_terms(mean, log_variance)
        torch.testing.assert_close(told, kl_divergence(q, prior))
        z = mean + q.stddev * torch.randn(
            200_000, 2, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(
            told[0], (q.log_prob(z) - prior.log_prob(z)).mean(0), atol=0.01, rtol=0.0)

    def test_bernoulli_is_that_of_shades(self) -> None:
        logits = torch.randn(4, 1, 3, 3, generator=torch.Generator().manual_seed(0))
        x = (torch.rand(logits.shape, generator=torch.Generator().manual_seed(1)) > 0.5) * 2.0 - 1.0
        expected = -Bernoulli(logits=logits).log_prob((x + 1) / 2).flatten(1).sum(1)
        torch.testing.assert_close(bernoulli_nll(logits, x), expected)

    def test_gaussian_is_a_density_of_values(self) -> None:
        mean = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
        x = torch.randn(mean.shape, generator=torch.Generator().manual_seed(1))
        deviation = torch.tensor(0.4)
        expected = -Normal(mean, deviation).log_prob(x).flatten(1).sum(1)
        torch.testing.assert_close(gaussian_nll(mean, deviation.log(), x), expected)

    def test_the_loss_is_reconstruction_and_beta_times_kl(self) -> None:
        learner = Learner(made(beta=3.0), CPU)
        learner.learn(a_batch(), 0.0)
        told = learner.meters.read()
        assert told["loss"] == pytest.approx(told["reconstruction"] + 3.0 * told["kl"])
        each = [told[f"kl/z-{number:02d}"] for number in range(1, 5)]
        assert told["kl"] == pytest.approx(sum(each), rel=1e-4)
        assert told["active"] == sum(nats > 0.01 for nats in each)

    def test_beta_moves_from_its_beginning(self) -> None:
        assert [a_vae(beta=2.0, beta_warmup=0.5).beta(share) for share in (0.0, 0.25, 0.5, 1.0)
                ] == [0.0, 1.0, 2.0, 2.0]
        assert a_vae(beta=1.0, beta_begin=5.0, beta_warmup=1.0).beta(0.5) == 3.0
        assert a_vae(beta=2.0).beta(0.0) == 2.0

    def test_judging_weighs_kl_with_the_whole_beta_and_repeats_itself(self) -> None:
        family = a_vae(beta=2.0, beta_warmup=1.0)
        told = family.judge(a_batch())
        torch.testing.assert_close(told["loss"], told["reconstruction"] + 2.0 * told["kl"])
        assert torch.equal(family.judge(a_batch())["loss"], told["loss"])

    def test_the_bound_lies_below_the_likelihood(self) -> None:
        # With one pixel and one z the likelihood is an integral that can be summed up.
        torch.manual_seed(0)
        family = VAE(made(POINTS, likelihood="gaussian", latent=1)).eval()
        x = torch.tensor([[0.3, -0.4]]).reshape(1, 2, 1, 1)
        z = torch.linspace(-8, 8, 4001)[:, None]
        with torch.no_grad():
            log_joint = -family._nll(z, None, x.expand(len(z), -1, -1, -1)) + Normal(
                0.0, 1.0).log_prob(z[:, 0])
            likelihood = torch.logsumexp(log_joint, 0) + torch.log(z[1, 0] - z[0, 0])
            many = Batch(x.expand(5000, -1, -1, -1), None)
            reconstruction, kl = family.terms(many, torch.Generator().manual_seed(0))
        assert -(reconstruction + kl.sum()) < likelihood


class TestLearning:
    @pytest.mark.parametrize("changes", [
        {"labels": True}, {"net": "plain", "labels": True}, {"likelihood": "gaussian"},
    ])
    def test_what_was_learned_comes_back(self, changes: dict[str, Any]) -> None:
        learner = Learner(made(train={"lr": 5e-3}, beta=0.01, latent=8, **changes), CPU)
        batch = a_batch(labels=bool(changes.get("labels")), count=4)
        for _ in range(80):
            learner.learn(batch, 1.0)
        family = learner.family.eval()
        assert isinstance(family, VAE)
        with torch.no_grad():
            mean, _ = family.encode(batch.images, batch.labels)
            error = (family.decode(mean, batch.labels) - batch.images).square().mean()
        assert error < 0.3 * batch.images.var()

    def test_the_deviation_is_learned_or_stays(self) -> None:
        for variance, stays in (("learned", False), ("fixed", True)):
            learner = Learner(made(likelihood="gaussian", variance=variance, deviation=0.5), CPU)
            for _ in range(3):
                learner.learn(a_batch(), 0.0)
            family = learner.family
            assert isinstance(family, VAE)
            assert (float(family.log_deviation.detach().exp()) == pytest.approx(0.5)) is stays

    def test_the_likeliest_class_is_the_one_with_the_largest_bound(self) -> None:
        learner = Learner(made(labels=True, beta=4.0, train={"lr": 5e-3}), CPU)
        # Three classes of one picture each, which the label alone tells.
        images = a_batch(count=3).images.sign()
        batch = Batch(images, torch.arange(3))
        for _ in range(60):
            learner.learn(batch, 1.0)
        family = learner.family.eval()
        assert isinstance(family, VAE)
        with torch.no_grad():
            assert family.likeliest(images).tolist() == [0, 1, 2]
            assert torch.equal(family.encode(images)[0], family.encode(images, batch.labels)[0])

    def test_points_are_learned(self) -> None:
        learner = Learner(made(POINTS, {"lr": 1e-2}, likelihood="gaussian", width=32, latent=2,
                               blocks=2), CPU)
        stream = torch.Generator().manual_seed(0)
        clouds = torch.tensor([-0.6, 0.6])[torch.randint(2, (256,), generator=stream)]
        points = torch.stack([clouds, -clouds], 1) + 0.05 * torch.randn(256, 2, generator=stream)
        for _ in range(150):
            learner.learn(Batch(points[:, :, None, None], None), 1.0)
        family = learner.family.eval()
        assert isinstance(family, VAE)
        xs = drawn(family, plan(400, shape=(2, 1, 1))).flatten(1)
        near = (xs - torch.tensor([0.6, -0.6])).norm(dim=1).minimum(
            (xs + torch.tensor([0.6, -0.6])).norm(dim=1)) < 0.25
        assert near.float().mean() > 0.8


class TestDrawing:
    def test_temperature_zero_draws_the_mean_picture(self) -> None:
        family = a_vae()
        cold = drawn(family, plan(temperature=0.0))
        with torch.no_grad():
            torch.testing.assert_close(cold, family.decode(torch.zeros(3, 4)))
        spread = [drawn(family, plan(16, by)).std(0).mean() for by in (0.5, 1.0, 2.0)]
        assert spread[0] < spread[1] < spread[2]

    def test_a_picture_is_the_same_however_many_are_drawn(self) -> None:
        family = a_vae(labels=True)
        torch.testing.assert_close(drawn(family, plan(3)), drawn(family, plan(7))[:3])

    @pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
    def test_pictures_stay_in_their_range(self, likelihood: str) -> None:
        assert drawn(a_vae(likelihood=likelihood), plan(16, 2.0)).abs().max() <= 1.0

    def test_a_class_that_is_asked_for_is_told(self) -> None:
        family = a_vae(labels=True)
        one, other = (drawn(family, plan(labels=torch.full((3,), label))) for label in (0, 1))
        assert not torch.allclose(one, other)
        with pytest.raises(ValueError, match="which one is meant"):
            family.decode(torch.zeros(1, 4))


class TestNetworks:
    @pytest.mark.parametrize("net", ["residual", "plain"])
    @pytest.mark.parametrize(("size", "channels"), [(8, 1), (28, 1), (64, 3)])
    def test_every_size_comes_back_as_it_was(self, net: str, size: int, channels: int) -> None:
        data = {"name": "digits", "size": size, "channels": channels}
        family = VAE(made(data, net=net))
        with torch.no_grad():
            mean, log_variance = family.encode(torch.zeros(2, channels, size, size))
            assert mean.shape == log_variance.shape == (2, 4)
            assert family.decode(mean).shape == (2, channels, size, size)

    def test_the_plain_pair_is_the_reports(self) -> None:
        data = {"name": "celeba", "size": 64, "channels": 3}
        family = VAE(made(data, net="plain", likelihood="gaussian"))
        kinds = [[type(part).__name__ for part in network.modules()
                  if next(part.parameters(recurse=False), None) is not None]
                 for network in (family.encoder, family.decoder.get_submodule("layers"))]
        assert kinds == [["Conv2d"] * 3 + ["Linear"], ["ConvTranspose2d"] * 4]

    @pytest.mark.parametrize(("data", "model", "why"), [
        ({**DATA, "size": 9}, {}, "odd"),
        ({**DATA, "classes": []}, {"labels": True}, "no classes"),
        (POINTS, {}, "shades"),
    ])
    def test_what_cannot_be_is_refused(self, data: dict[str, Any], model: dict[str, Any],
                                       why: str) -> None:
        with pytest.raises(ConfigError, match=why):
            made(data, **model)
