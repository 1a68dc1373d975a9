import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch.distributions import Normal, kl_divergence

from hybridstudio.diffusion.likelihood import (
    bits_per_dimension,
    discretised_gaussian_log_likelihood,
    normal_kl,
    prior_term,
    reverse_process,
    vlb_at,
    vlb_terms,
)
from hybridstudio.diffusion.samplers import Prediction
from hybridstudio.diffusion.schedule import Schedule

BINS = torch.arange(256, dtype=torch.float64) / 127.5 - 1


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(count=4, shape=(1, 6, 6), seed=0):
    return torch.randint(0, 256, (count, *shape), generator=seeded(seed)) / 127.5 - 1


# --- the densities --------------------------------------------------------------------------------


@given(mean1=st.floats(-3, 3), mean2=st.floats(-3, 3), log1=st.floats(-8, 3), log2=st.floats(-8, 3))
@settings(max_examples=100, deadline=None)
def test_normal_kl_agrees_with_torch(mean1, mean2, log1, log2):
    values = torch.tensor([mean1, log1, mean2, log2], dtype=torch.float64)
    wanted = kl_divergence(Normal(values[0], (values[1] / 2).exp()),
                           Normal(values[2], (values[3] / 2).exp()))
    torch.testing.assert_close(normal_kl(*values), wanted)
    assert float(normal_kl(values[0], values[1], values[0], values[1])) == pytest.approx(0)


@pytest.mark.parametrize("mean", [-1.2, -0.9, 0.0, 0.31, 1.0])
@pytest.mark.parametrize("deviation", [0.001, 0.01, 0.1, 1.0, 5.0])
def test_discretised_gaussian_agrees_with_scipy(mean, deviation):
    ours = discretised_gaussian_log_likelihood(
        BINS, torch.tensor(mean, dtype=torch.float64),
        torch.tensor(2 * math.log(deviation), dtype=torch.float64))
    assert ours.isfinite().all()
    assert float(ours.exp().sum()) == pytest.approx(1)
    gaussian = stats.norm(mean, deviation)
    x = BINS.numpy()
    upper, lower = x + 1 / 255, x - 1 / 255
    mass = np.where(x > mean, gaussian.sf(lower) - gaussian.sf(upper),
                    gaussian.cdf(upper) - gaussian.cdf(lower))
    mass[0], mass[-1] = gaussian.cdf(upper[0]), gaussian.sf(lower[-1])
    seen = mass > 1e-290  # beyond, scipy's own difference is 0
    np.testing.assert_allclose(ours[seen], np.log(mass[seen]), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("log_variance", [-14.0, -9.0, -2.0, 3.0])
def test_discretised_gaussian_in_float32_is_exact_enough_and_can_be_learned(log_variance):
    mean = torch.linspace(-1.5, 1.5, 301, requires_grad=True)
    scale = torch.full((301,), log_variance, requires_grad=True)
    for x in (-1.0, BINS[17], BINS[127], 1.0):
        x = torch.as_tensor(x)
        ours = discretised_gaussian_log_likelihood(x.float(), mean, scale)
        wanted = discretised_gaussian_log_likelihood(x.double(), mean.double(), scale.double())
        torch.testing.assert_close(ours.double(), wanted, rtol=1e-3, atol=1e-3)
        for gradient in torch.autograd.grad(ours.sum(), (mean, scale)):
            assert gradient.isfinite().all()


def test_bits_per_dimension_averages_and_changes_the_base():
    nats = torch.full((3, 2, 4), math.log(2)) * torch.tensor([1.0, 2.0, 8.0]).reshape(3, 1, 1)
    torch.testing.assert_close(bits_per_dimension(nats), torch.tensor([1.0, 2.0, 8.0]))


# --- the terms ------------------------------------------------------------------------------------


def test_reverse_process_takes_the_variance_that_was_asked_for():
    schedule = Schedule.named("linear", 50)
    x_t, x0_seen = torch.randn(2, 3, 1, 2, 2, generator=seeded()).unbind()
    t = torch.tensor([0, 1, 40])
    mean, small = reverse_process(schedule, x0_seen, None, x_t, t)
    torch.testing.assert_close(mean, schedule.q_posterior(x0_seen, x_t, t)[0])
    torch.testing.assert_close(small.flatten().double(), schedule.posterior_log_variance_clipped[t])
    _, large = reverse_process(schedule, x0_seen, None, x_t, t, "fixed_large")
    torch.testing.assert_close(large.flatten()[1:].double(), schedule.betas[t[1:]].log())
    assert large.flatten()[0] == small.flatten()[0]
    _, learned = reverse_process(schedule, x0_seen, torch.full_like(x_t, 0.5), x_t, t)
    torch.testing.assert_close(learned[1:], (small[1:] + large[1:]).expand_as(x_t[1:]) / 2)


@pytest.mark.parametrize("variance", ["fixed_small", "fixed_large"])
def test_a_perfect_prediction_leaves_only_the_decoder_and_the_prior(variance):
    schedule = Schedule.named("cosine", 20)
    x0 = pictures().double()

    def predict(x_t, t):
        return Prediction(x0, schedule.eps_from_x0(x_t, t, x0))

    terms = list(vlb_terms(predict, x0, schedule, seeded(), variance))
    assert [term.t for term in terms] == list(range(20, -1, -1))
    torch.testing.assert_close(terms[0].bits, prior_term(schedule, x0))
    assert terms[0].x0_mse is None
    for term in terms[1:]:
        assert term.bits.shape == (4,)
        assert term.x0_mse.max() == 0
        assert term.eps_mse.max() < 1e-6
    if variance == "fixed_small":
        assert max(term.bits.max() for term in terms[1:-1]) < 1e-12
    else:
        assert min(term.bits.min() for term in terms[1:-1]) > 0
    assert (terms[-1].bits > 0).all()


def test_vlb_at_tells_each_picture_s_own_term():
    schedule = Schedule.named("linear", 30)
    x0, noise = pictures(6), torch.randn(6, 1, 6, 6, generator=seeded(1))
    t = torch.tensor([0, 1, 5, 0, 20, 29])
    x_t = schedule.q_sample(x0, t, noise)
    seen, fraction = (x_t * 0.7).clamp(-1, 1), torch.sigmoid(noise)
    together = vlb_at(schedule, seen, fraction, x0, x_t, t)
    for i in range(6):
        one = slice(i, i + 1)
        alone = vlb_at(schedule, seen[one], fraction[one], x0[one], x_t[one], t[one])
        torch.testing.assert_close(together[one], alone)
    # L_{t-1} from its definition: report 004, equation 6.
    mean, log_variance = reverse_process(schedule, seen, fraction, x_t, t)
    true_mean, true_variance, _ = schedule.q_posterior(x0, x_t, t)
    for i in (1, 2, 4, 5):
        kl = kl_divergence(Normal(true_mean[i], true_variance[i].sqrt()),
                           Normal(mean[i], (log_variance[i] / 2).exp()))
        assert float(together[i]) == pytest.approx(
            float(kl.mean()) / math.log(2), rel=1e-4, abs=1e-6)


def test_only_the_variance_learns_from_a_detached_mean():
    schedule = Schedule.named("cosine", 1000)
    x0, t = pictures(64), torch.arange(64) * 1000 // 64
    x_t = schedule.q_sample(x0, t, torch.randn(x0.shape, generator=seeded()))
    fraction = torch.rand(x0.shape, generator=seeded(), requires_grad=True)
    bits = vlb_at(schedule, x_t.clamp(-1, 1), fraction, x0, x_t, t)
    bits.mean().backward()
    assert bits.isfinite().all()
    assert fraction.grad.isfinite().all()
    assert (fraction.grad.flatten(1).abs().max(1).values > 0).all()


class ExactGaussian:
    """The true reverse process of data from N(μ, s²): Gaussian, with a variance between β̃ and β."""

    def __init__(self, schedule, mean, deviation):
        self.schedule, self.mean, self.deviation = schedule, mean, deviation

    def predict(self, x_t, t):
        schedule = self.schedule
        alpha = schedule.at("sqrt_alphas_cumprod", t, x_t)
        spread = alpha**2 * self.deviation**2 + 1 - alpha**2
        x0 = self.mean + alpha * self.deviation**2 / spread * (x_t - alpha * self.mean)
        left = self.deviation**2 * (1 - alpha**2) / spread  # Var[x_0 | x_t]
        coefficient = schedule.at("posterior_mean_coef1", t, x_t)
        variance = schedule.at("posterior_variance", t, x_t) + coefficient**2 * left
        low = schedule.at("posterior_log_variance_clipped", t, x_t)
        high = schedule.at("log_betas", t, x_t)
        fraction = (variance.log() - low) / (high - low)
        return Prediction(x0, schedule.eps_from_x0(x_t, t, x0), fraction.expand_as(x_t))


def test_the_bound_of_an_exact_model_is_the_likelihood():
    # With the true reverse process the bound is tight: its mean over the data is -log p(x_0).
    mean, deviation = torch.tensor([0.1, 0.25], dtype=torch.float64)
    every = discretised_gaussian_log_likelihood(BINS, mean, 2 * deviation.log())
    draw = torch.multinomial(every.exp(), 16_000, replacement=True, generator=seeded(1))
    x0 = BINS[draw].reshape(8, 2000)
    schedule = Schedule.named("linear", 400)
    exact = ExactGaussian(schedule, float(mean), float(deviation))
    terms = list(vlb_terms(exact.predict, x0, schedule, seeded(), clip_x0=False))
    assert len(terms) == 401
    bound = float(sum(term.bits for term in terms).mean())
    assert bound == pytest.approx(-float(every[draw].mean()) / math.log(2), abs=0.02)
    assert float(terms[0].bits.mean()) < 1e-4

    worse = ExactGaussian(schedule, float(mean) + 0.1, float(deviation))
    more = float(sum(term.bits for term in vlb_terms(
        worse.predict, x0, schedule, seeded(), clip_x0=False)).mean())
    moved = discretised_gaussian_log_likelihood(x0, mean + 0.1, 2 * deviation.log())
    assert more == pytest.approx(-float(moved.mean()) / math.log(2), abs=0.02)


def test_sampled_terms_estimate_the_whole_bound():
    # T times the mean of L_t over evenly drawn t is L_vlb without L_T, as L_hybrid uses it.
    schedule = Schedule.named("cosine", 50)
    exact = ExactGaussian(schedule, 0.0, 0.3)
    x0 = pictures(1, (20_000,), seed=2).double() * 0.3
    whole = sum(float(term.bits) for term in vlb_terms(
        exact.predict, x0, schedule, seeded(), clip_x0=False) if term.t < 50)
    t = torch.arange(50)
    many = x0.expand(50, -1)
    x_t = schedule.q_sample(many, t, torch.randn(
        many.shape, generator=seeded(5), dtype=torch.float64))
    made = exact.predict(x_t, t)
    sampled = 50 * float(vlb_at(schedule, made.x0, made.fraction, many, x_t, t).mean())
    assert sampled == pytest.approx(whole, rel=0.02)


def test_a_picture_s_bound_does_not_depend_on_its_neighbours():
    schedule = Schedule.named("cosine", 10)
    exact = ExactGaussian(schedule, 0.0, 0.5)
    many = sum(term.bits for term in vlb_terms(exact.predict, pictures(5), schedule, seeded(3)))
    few = sum(term.bits for term in vlb_terms(exact.predict, pictures(5)[:2], schedule, seeded(3)))
    torch.testing.assert_close(many[:2], few)
