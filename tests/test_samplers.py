"""Samplers: the contract that all of them keep, and how they hang together."""

import weakref

import pytest
import torch
from samplerwalks import FREE, SCHEDULES, Network, draw, randn, random_schedule, seeded

from hybridstudio import config
from hybridstudio.diffusion.samplers import SAMPLERS, Options, Prediction, nfe_steps, timesteps_for
from hybridstudio.diffusion.schedule import Schedule, respaced

# --- how the samplers hang together ---------------------------------------------------------------


@pytest.mark.parametrize("variance", ["fixed_small", "fixed_large"])
def test_fewer_ancestral_steps_are_a_respaced_schedule(variance):
    schedule = SCHEDULES["cosine"]
    timesteps = schedule.timesteps(20)
    short = respaced(schedule, timesteps)
    network, x = Network("v", schedule), randn(2, 2, 8, 8)

    def predict(x_t, t):
        return network.predict(x_t, short.network_t[t])

    options = Options(variance=variance)
    there = list(SAMPLERS["ancestral"](predict, x, short, range(19, -1, -1), seeded(), options))
    here = draw("ancestral", network, timesteps, x, options=options)
    for one, other in zip(there, here, strict=True):
        torch.testing.assert_close(one.x_t, other.x_t, rtol=1e-5, atol=1e-5)
        assert one.alpha_bar == pytest.approx(other.alpha_bar)


def test_the_ancestral_step_is_the_posterior():
    schedule = random_schedule(steps=30)
    network, x = Network("v", schedule), randn(2, 2, 8, 8).double()
    moments = draw("ancestral", network, range(29, -1, -1), x)
    _, now, then = moments[:3]
    t = torch.full((2,), 28)
    mean, variance, _ = schedule.q_posterior(now.x0, now.x_t, t)
    residue = (then.x_t - mean) / variance.sqrt()
    assert float(residue.std()) == pytest.approx(1, abs=0.15)
    torch.testing.assert_close(moments[-1].x_t, moments[-2].x0)


def test_euler_is_ddim():
    schedule = SCHEDULES["linear"]
    network, x = Network("v", schedule), randn(2, 2, 8, 8)
    timesteps = schedule.timesteps(20)
    for options in (FREE, Options(rederive_eps=True)):
        one = draw("euler", network, timesteps, x, options=options)
        other = draw("ddim", network, timesteps, x, options=options)
        torch.testing.assert_close(one[-1].x_t, other[-1].x_t, rtol=1e-5, atol=1e-5)


# --- the contract of all samplers -----------------------------------------------------------------


def test_the_config_names_the_samplers():
    assert set(SAMPLERS) == set(config.DdpmConfig.samplers)


@pytest.mark.parametrize("nfe", [1, 2, 10, 50])
@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_tells_each_moment(name, nfe):
    schedule = SCHEDULES["cosine"]
    network, x = Network("v", schedule), randn(2, 2, 8, 8)
    timesteps = timesteps_for(name, schedule, nfe)
    moments = draw(name, network, timesteps, x, options=Options())
    steps = len(timesteps)
    assert [moment.step for moment in moments] == list(range(steps + 1))
    assert {moment.steps for moment in moments} == {steps}
    assert [moment.t for moment in moments] == [*(t + 1 for t in timesteps), 0]
    assert moments[0].x_t is x
    assert [moment.nfe for moment in moments[-2:]] == [len(network.seen)] * 2
    assert len(network.seen) == (nfe if name != "heun" else 2 * nfe_steps(name, nfe) - 1)
    assert nfe - 1 <= len(network.seen) <= nfe
    for moment, t in zip(moments, timesteps, strict=False):
        assert moment.alpha_bar == pytest.approx(float(schedule.alphas_cumprod[t]))
        assert moment.x0.abs().max() <= 1
        assert moment.x_t.shape == moment.x0.shape == moment.eps.shape == x.shape
        assert moment.x_t.dtype == torch.float32
    last = moments[-1]
    assert (last.t, last.alpha_bar, last.eps) == (0, 1.0, None)
    assert last.x0 is last.x_t
    assert last.x_t.abs().max() <= 1


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_takes_all_its_randomness_from_the_generator(name):
    schedule = SCHEDULES["linear-100"]
    network, x = Network("eps", schedule), randn(5, 2, 8, 8)
    timesteps, options = schedule.timesteps(10), Options(eta=0.7)
    torch.manual_seed(1)
    one = draw(name, network, timesteps, x, seeded(4), options)[-1].x_t
    torch.manual_seed(2)
    assert torch.equal(one, draw(name, network, timesteps, x, seeded(4), options)[-1].x_t)
    other = draw(name, network, timesteps, x, seeded(5), options)[-1].x_t
    assert torch.equal(one, other) == (name not in ("ancestral", "ddim"))
    few = draw(name, network, timesteps, x[:2], seeded(4), options)[-1].x_t
    torch.testing.assert_close(few, one[:2], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", SAMPLERS)
def test_no_sampler_builds_a_graph_or_leaks_its_mode(name):
    schedule = SCHEDULES["linear-100"]
    weight = torch.ones(1, requires_grad=True)

    def predict(x, t):
        return Prediction(*schedule.x0_and_eps("eps", weight * x, x, t))

    for moment in SAMPLERS[name](
            predict, randn(1, 2, 4, 4), schedule, [50, 20, 0], seeded(), Options()):
        assert torch.is_grad_enabled()
        assert not moment.x_t.requires_grad
        assert not moment.x0.requires_grad


@pytest.mark.parametrize("name", SAMPLERS)
def test_memory_does_not_grow_with_the_steps(name):
    schedule = SCHEDULES["linear-100"]
    network = Network("v", schedule)
    alive = []
    for moment in SAMPLERS[name](
            network.predict, randn(1, 2, 4, 4), schedule, schedule.timesteps(30), seeded(), FREE):
        alive.append(weakref.ref(moment.x0))
        del moment
        assert sum(ref() is not None for ref in alive) <= 4


@pytest.mark.parametrize("timesteps", [[100], [0, 1], [5, 5], [3, -1]])
@pytest.mark.parametrize("name", SAMPLERS)
def test_timesteps_that_do_not_descend_are_refused(name, timesteps):
    network = Network("v", SCHEDULES["linear-100"])
    with pytest.raises(ValueError, match="descend"):
        draw(name, network, timesteps, randn(1, 2, 4, 4))


@pytest.mark.parametrize("name", SAMPLERS)
def test_no_steps_leave_the_picture_alone(name):
    x = randn(1, 2, 4, 4)
    (only,) = draw(name, Network("v", SCHEDULES["linear-100"]), [], x)
    assert only.x_t is x
    assert (only.step, only.steps, only.t, only.nfe) == (0, 0, 0, 0)


def test_the_chosen_timesteps_never_ask_for_more_than_there_is():
    for name in SAMPLERS:
        for steps in (1, 2, 4, 100):
            schedule = Schedule.named("cosine", steps)
            for nfe in (1, 3, 10_000):
                for start in (None, 0, steps - 1):
                    timesteps = timesteps_for(name, schedule, nfe, start)
                    assert 1 <= len(timesteps) <= nfe_steps(name, nfe)
                    assert timesteps[0] <= (steps - 1 if start is None else start)
    assert timesteps_for("ddim", SCHEDULES["linear"], 1000) == list(range(999, -1, -1))
    assert timesteps_for("ddim", SCHEDULES["linear"], 50)[0] == 999
