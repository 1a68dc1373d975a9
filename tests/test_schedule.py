import math

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridstudio.diffusion.noise import normal, streams
from hybridstudio.diffusion.schedule import SCHEDULES, Schedule, respaced
from hybridstudio.errors import UsageError

NAMES = sorted(SCHEDULES)
BETA_NAMES = {"linear": "linear", "cosine": "squaredcos_cap_v2", "sigmoid": "sigmoid"}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def random_schedule(seed=0, steps=50):
    return Schedule(torch.rand(steps, generator=seeded(seed), dtype=torch.float64) * 0.2 + 1e-4)


# --- tables ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [100, 1000, 4000])
def test_betas_agree_with_diffusers(name, steps):
    scale = 1000 / steps
    theirs = DDPMScheduler(steps, 1e-4 * scale, 0.02 * scale, BETA_NAMES[name])
    ours = Schedule.named(name, steps)
    torch.testing.assert_close(ours.betas.float(), theirs.betas, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(ours.alphas_cumprod.float(), theirs.alphas_cumprod,
                               rtol=1e-3, atol=1e-6)


def test_betas_agree_with_the_formulas_in_float64():
    linear = np.linspace(1e-4, 0.02, 1000)
    np.testing.assert_allclose(Schedule.named("linear", 1000).betas, linear, atol=1e-12)

    def f(t):
        return math.cos((t / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2

    cosine = [min(1 - f(t + 1) / f(t), 0.999) for t in range(1000)]
    np.testing.assert_allclose(Schedule.named("cosine", 1000).betas, cosine, atol=1e-12)


@pytest.mark.parametrize("schedule", [*(Schedule.named(name, 200) for name in NAMES),
                                      random_schedule()], ids=[*NAMES, "random"])
def test_tables_agree_with_numpy_in_float64(schedule):
    beta = schedule.betas.numpy()
    alpha_bar = np.cumprod(1 - beta)
    before = np.append(1.0, alpha_bar[:-1])
    tables = {
        "alphas": 1 - beta,
        "alphas_cumprod": alpha_bar,
        "alphas_cumprod_prev": before,
        "sqrt_alphas_cumprod": np.sqrt(alpha_bar),
        "sqrt_one_minus_alphas_cumprod": np.sqrt(1 - alpha_bar),
        "snr": alpha_bar / (1 - alpha_bar),
        # Report 004, equations 9 and 10.
        "posterior_variance": (1 - before) / (1 - alpha_bar) * beta,
        "posterior_mean_coef1": np.sqrt(before) * beta / (1 - alpha_bar),
        "posterior_mean_coef2": np.sqrt(1 - beta) * (1 - before) / (1 - alpha_bar),
    }
    for name, expected in tables.items():
        table = getattr(schedule, name)
        assert table.dtype == torch.float64
        np.testing.assert_allclose(table, expected, rtol=1e-9, atol=1e-6, err_msg=name)
    log_variance = schedule.posterior_log_variance_clipped
    assert log_variance[0] == log_variance[1]
    np.testing.assert_allclose(log_variance[1:].exp(), tables["posterior_variance"][1:])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [1, 2, 4, 10, 50, 100, 200, 1000, 4000])
def test_every_length_is_finite_and_ends_in_noise(name, steps):
    schedule = Schedule.named(name, steps).to("cpu")
    for table in vars(schedule).values():
        if isinstance(table, torch.Tensor):
            assert table.float().isfinite().all()
    assert schedule.alphas_cumprod.diff().lt(0).all()
    if steps >= 10:
        assert schedule.alphas_cumprod[-1] < 1e-4


@pytest.mark.parametrize("betas", [[], [0.0, 0.1], [0.1, 1.0], [-0.1], [float("nan")], [[0.1]]])
def test_bad_betas_are_refused(betas):
    with pytest.raises(ValueError, match="betas"):
        Schedule(torch.tensor(betas))


def test_unknown_name_is_refused():
    with pytest.raises(UsageError, match="linear, cosine, sigmoid"):
        Schedule.named("cosin", 10)


# --- the forward process and its posterior --------------------------------------------------------


def test_q_sample_has_the_moments_of_many_small_steps():
    # Report 004: iterating equation 2 must give equation 8.
    schedule = Schedule.named("linear", 100)
    generator = seeded()
    x = torch.full((50_000,), 0.7, dtype=torch.float64)
    for beta in schedule.betas[:40]:
        x = (1 - beta).sqrt() * x + beta.sqrt() * torch.randn(
            len(x), generator=generator, dtype=torch.float64)
    t = torch.full((len(x),), 39)
    straight = schedule.q_sample(torch.full_like(x, 0.7), t, torch.randn(
        len(x), generator=generator, dtype=torch.float64))
    assert x.mean() == pytest.approx(float(straight.mean()), abs=0.02)
    assert x.std() == pytest.approx(float(straight.std()), abs=0.02)


def test_q_sample_agrees_with_diffusers():
    theirs = DDPMScheduler(1000)
    x0, noise = torch.randn(2, 8, 3, 4, 4, generator=seeded()).unbind()
    t = torch.tensor([0, 1, 10, 100, 500, 900, 998, 999])
    torch.testing.assert_close(Schedule.named("linear", 1000).q_sample(x0, t, noise),
                               theirs.add_noise(x0, noise, t), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("schedule", [*(Schedule.named(name, 60) for name in NAMES),
                                      random_schedule(1, 60)], ids=[*NAMES, "random"])
def test_posterior_is_bayes_theorem(schedule):
    # q(x_{t-1} | x_t, x_0) ∝ q(x_t | x_{t-1}) q(x_{t-1} | x_0), by integrating over a fine grid.
    # Not where the density is too narrow for the grid.
    grid = torch.linspace(-8, 8, 40_001, dtype=torch.float64)
    x0 = torch.tensor([0.4], dtype=torch.float64)
    for t in [10, 30, 50, 59]:
        x_t = schedule.sqrt_alphas_cumprod[t] * x0 + 0.5
        beta, before = schedule.betas[t], schedule.alphas_cumprod_prev[t]
        log_density = (-(x_t - (1 - beta).sqrt() * grid) ** 2 / (2 * beta)
                       - (grid - before.sqrt() * x0) ** 2 / (2 * (1 - before)))
        weight = torch.softmax(log_density, 0)
        mean = (weight * grid).sum()
        variance = (weight * (grid - mean) ** 2).sum()
        ours = schedule.q_posterior(x0, x_t, torch.tensor([t]))
        assert float(ours[0]) == pytest.approx(float(mean), abs=1e-6)
        assert float(ours[1]) == pytest.approx(float(variance), abs=1e-6)
        assert float(ours[2]) == pytest.approx(math.log(variance), abs=1e-5)


def test_posterior_of_the_first_step_is_the_picture():
    schedule = Schedule.named("linear", 1000)
    x0, x_t = torch.randn(2, 1, 3, generator=seeded(), dtype=torch.float64).unbind()
    mean, variance, _ = schedule.q_posterior(x0, x_t, torch.tensor([0]))
    torch.testing.assert_close(mean, x0)
    assert float(variance) == 0


def test_learned_log_variance_runs_from_the_posterior_to_beta():
    schedule = Schedule.named("cosine", 20)
    t = torch.arange(20)
    low = schedule.learned_log_variance(torch.zeros(20, 1, dtype=torch.float64), t)
    high = schedule.learned_log_variance(torch.ones(20, 1, dtype=torch.float64), t)
    torch.testing.assert_close(low[:, 0], schedule.posterior_log_variance_clipped)
    torch.testing.assert_close(high[:, 0], schedule.betas.log())


# --- x_0, ε and v ---------------------------------------------------------------------------------


@given(seed=st.integers(0, 2**31), t=st.integers(0, 299), name=st.sampled_from(NAMES))
@settings(max_examples=60, deadline=None)
def test_x0_eps_and_v_turn_into_one_another(seed, t, name):
    schedule = Schedule.named(name, 300)
    x0, noise = torch.randn(2, 2, 5, generator=seeded(seed), dtype=torch.float64).unbind()
    t = torch.tensor([t, t])
    x_t = schedule.q_sample(x0, t, noise)
    for predicts in ("eps", "x0", "v"):
        output = schedule.target(predicts, x0, t, noise)
        same_x0, same_eps = schedule.x0_and_eps(predicts, output, x_t, t)
        torch.testing.assert_close(same_x0, x0, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(same_eps, noise, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_tables_meet_pictures_in_float32_at_least(dtype):
    schedule = Schedule.named("cosine", 1000)
    x = torch.randn(2, 1, 4, 4, generator=seeded()).to(dtype)
    x0 = schedule.x0_from_v(x, torch.tensor([0, 999]), x)
    assert x0.dtype == torch.float32
    assert schedule.to("cpu") is schedule


# --- fewer steps ----------------------------------------------------------------------------------


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("count", [1, 2, 7, 10, 50, 999, 1000])
def test_timesteps_agree_with_diffusers(spacing, count):
    theirs = DDPMScheduler(1000, timestep_spacing=spacing)
    theirs.set_timesteps(count)
    ours = Schedule.named("linear", 1000).timesteps(count, spacing)
    if (spacing, count) == ("linspace", 1):
        assert ours == [999]  # theirs would call pure noise clean
    else:
        assert ours == theirs.timesteps.tolist()


@given(steps=st.integers(1, 400), data=st.data())
@settings(max_examples=100, deadline=None)
def test_timesteps_descend_inside_the_schedule(steps, data):
    schedule = random_schedule(steps=steps)
    start = data.draw(st.integers(0, steps - 1))
    count = data.draw(st.integers(1, start + 1))
    for spacing in ("leading", "trailing", "linspace"):
        t = schedule.timesteps(count, spacing, start)
        assert len(t) == count
        assert t == sorted(set(t), reverse=True)
        assert t[-1] >= 0
        assert t[0] <= start
        assert spacing == "leading" or t[0] == start


@pytest.mark.parametrize(("count", "start"), [(0, None), (11, None), (5, 3), (1, 10), (1, -1)])
def test_impossible_timesteps_are_refused(count, start):
    with pytest.raises(UsageError):
        Schedule.named("linear", 10).timesteps(count, start=start)


def test_respaced_keeps_alpha_bar_and_remembers_the_network_s_steps():
    schedule = Schedule.named("cosine", 1000)
    kept = schedule.timesteps(25)
    short = respaced(schedule, kept)
    assert short.network_t.tolist() == kept[::-1]
    np.testing.assert_allclose(short.alphas_cumprod, schedule.alphas_cumprod[kept[::-1]],
                               rtol=1e-6)
    again = respaced(short, short.timesteps(5))
    assert again.network_t.tolist() == schedule.timesteps(5)[::-1]
    np.testing.assert_allclose(respaced(schedule, range(1000)).betas, schedule.betas, rtol=1e-9)
    with pytest.raises(ValueError, match="at least one"):
        respaced(schedule, [])


# --- noise ----------------------------------------------------------------------------------------


def test_a_picture_s_noise_does_not_depend_on_its_neighbours():
    few, many = streams(seeded(7), 3), streams(seeded(7), 20)
    for _ in range(3):
        torch.testing.assert_close(normal(few, (1, 5, 5)), normal(many, (1, 5, 5))[:3],
                                   rtol=0, atol=0)
    parts = seeded(7)
    apart = [*streams(parts, 5), *streams(parts, 15)]
    assert [row.initial_seed() for row in apart] == [row.initial_seed() for row in many]


def test_streams_differ_and_are_normal():
    x = normal(streams(seeded(), 500), (400,))
    assert x.mean() == pytest.approx(0, abs=0.01)
    assert x.std() == pytest.approx(1, abs=0.01)
    assert (x @ x.T / 400 - torch.eye(500)).abs().max() < 0.5
    assert normal([], (2,)).shape == (0, 2)


def test_streams_of_another_number_are_refused():
    assert len(streams([seeded(), seeded()], 2)) == 2
    with pytest.raises(ValueError, match="2 generators for 3 pictures"):
        streams([seeded(), seeded()], 3)
