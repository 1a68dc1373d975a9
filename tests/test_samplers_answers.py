"""Samplers on data whose exact predictor and flow are known."""

import math
from itertools import pairwise

import pytest
import torch
from samplerwalks import FREE, SCHEDULES, randn, seeded

from hybridstudio.diffusion.samplers import (
    SAMPLERS,
    Options,
    Prediction,
    ddim_invert,
    nfe_steps,
    timesteps_for,
)
from hybridstudio.diffusion.schedule import Schedule


class Gaussian:
    """The exact predictor for data from N(μ, s²): E[x_0 | x_t] and all that follows are linear."""

    def __init__(self, schedule, mean=0.4, deviation=0.3):
        self.schedule, self.mean, self.deviation = schedule, mean, deviation

    def predict(self, x, t):
        alpha = self.schedule.at("sqrt_alphas_cumprod", t, x)
        variance = self.schedule.at("sqrt_one_minus_alphas_cumprod", t, x) ** 2
        gain = alpha * self.deviation**2 / (alpha**2 * self.deviation**2 + variance)
        x0 = self.mean + gain * (x - alpha * self.mean)
        return Prediction(x0, self.schedule.eps_from_x0(x, t, x0))

    def solution(self, x, t):
        """Return where the probability flow leads x from row t: the same quantile of the data."""
        alpha, sigma = (float(table[t]) for table in (
            self.schedule.sqrt_alphas_cumprod, self.schedule.sqrt_one_minus_alphas_cumprod))
        spread = math.sqrt(alpha**2 * self.deviation**2 + sigma**2)
        return self.mean + self.deviation / spread * (x - alpha * self.mean)


class Mixture(Gaussian):
    """The exact predictor for two narrow peaks at ±μ, as black and white pixels are."""

    def predict(self, x, t):
        alpha = self.schedule.at("sqrt_alphas_cumprod", t, x)
        variance = self.schedule.at("sqrt_one_minus_alphas_cumprod", t, x) ** 2
        spread = alpha**2 * self.deviation**2 + variance
        peak = self.mean * torch.tanh(alpha * self.mean * x / spread)
        x0 = peak + alpha * self.deviation**2 / spread * (x - alpha * peak)
        return Prediction(x0, self.schedule.eps_from_x0(x, t, x0))

    def solution(self, x, t):
        wanted = torch.special.ndtr(x)
        low, high = torch.full_like(x, -4.0), torch.full_like(x, 4.0)
        for _ in range(60):
            middle = (low + high) / 2
            below = sum(torch.special.ndtr((middle + side * self.mean) / self.deviation) / 2
                        for side in (-1, 1)) < wanted
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return low


ODE = [name for name in SAMPLERS if name != "ancestral"]


def error(name, data, timesteps, x):
    *_, last = SAMPLERS[name](data.predict, x, data.schedule, timesteps, seeded(), FREE)
    return float((last.x_t - data.solution(x, timesteps[0])).square().mean().sqrt())


@pytest.mark.parametrize("schedule", ["linear", "cosine", "sigmoid"])
@pytest.mark.parametrize("name", ODE)
def test_samplers_follow_the_flow_from_noise_to_the_data(name, schedule):
    data, x = Gaussian(SCHEDULES[schedule]), randn(500, 1).double()
    timesteps = timesteps_for(name, data.schedule, 500)
    assert error(name, data, timesteps, x) < (2e-3 if name in ("ddim", "euler") else 1e-3)
    *_, last = SAMPLERS[name](data.predict, x, data.schedule, timesteps, seeded(), FREE)
    assert float(last.x_t.mean()) == pytest.approx(0.4 + 0.3 * float(x.mean()), abs=0.01)
    assert float(last.x_t.std()) == pytest.approx(0.3 * float(x.std()), abs=0.01)


@pytest.mark.parametrize("name", ODE)
def test_samplers_follow_the_flow_from_the_middle(name):
    data, x = Gaussian(SCHEDULES["linear"]), randn(500, 1).double()
    assert error(name, data, timesteps_for(name, data.schedule, 200, 400), x) < 3e-3


@pytest.mark.parametrize(("name", "order"), [
    ("ddim", 1), ("euler", 1), ("heun", 2), ("dpm++2m", 2), ("unipc", 2)])
def test_samplers_converge_at_their_order(name, order):
    # T is large, so that the steps are even in t also when there are many.
    data, x = Gaussian(Schedule.named("cosine", 20_000)), randn(200, 1).double()
    start = 15_000
    errors = [error(name, data, data.schedule.timesteps(count, "quadratic", start), x)
              for count in (20, 40, 80)]
    gains = [before / after for before, after in pairwise(errors)]
    assert min(gains) > 0.85 * 2**order, errors


@pytest.mark.parametrize("predictor", [Gaussian, Mixture])
@pytest.mark.parametrize("options", [
    FREE, Options(clip_x0=False, variance="fixed_large"), Options(clip_x0=False, eta=1.0)])
def test_samplers_with_fresh_noise_draw_the_data(predictor, options):
    data = predictor(SCHEDULES["cosine"], mean=0.5, deviation=0.2)
    name = "ddim" if options.eta else "ancestral"
    timesteps = timesteps_for(name, data.schedule, 250)
    *_, last = SAMPLERS[name](
        data.predict, randn(8, 500), data.schedule, timesteps, seeded(1), options)
    drawn = last.x_t.flatten().sort().values
    quantiles = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    if predictor is Gaussian:
        wanted = 0.5 + 0.2 * torch.special.ndtri(quantiles)
    else:
        wanted = data.solution(torch.special.ndtri(quantiles), 999)
    assert float((drawn - wanted).abs().mean()) < 0.02


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("name", ODE)
def test_the_chosen_timesteps_beat_even_ones(name, schedule):
    data, x = Mixture(SCHEDULES[schedule], 0.9, 0.05), randn(1000, 1).double()
    for nfe in (20, 50):
        chosen = error(name, data, timesteps_for(name, data.schedule, nfe), x)
        even = data.schedule.timesteps(nfe_steps(name, nfe), "trailing")
        assert chosen < 0.5 * error(name, data, even, x)


def test_ddim_runs_backwards():
    data, x0 = Mixture(SCHEDULES["cosine"], 0.6, 0.2), 0.6 + 0.2 * randn(50, 1).double()
    timesteps = data.schedule.timesteps(50, "quadratic", 700)
    for rounds, tolerance in ((1, 0.1), (5, 1e-3), (20, 1e-8)):
        moments = list(ddim_invert(data.predict, x0, data.schedule, timesteps, rounds))
        assert [moment.t for moment in moments] == [0, *(t + 1 for t in reversed(timesteps))]
        assert moments[-1].nfe == 50 * rounds
        *_, back = SAMPLERS["ddim"](
            data.predict, moments[-1].x_t, data.schedule, timesteps, seeded(), FREE)
        assert float((back.x_t - x0).abs().max()) < tolerance
