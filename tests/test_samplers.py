import math
import weakref
from itertools import pairwise

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    UniPCMultistepScheduler,
)

from hybridstudio import config
from hybridstudio.diffusion.samplers import (
    SAMPLERS,
    Options,
    Prediction,
    ddim_invert,
    nfe_steps,
    timesteps_for,
)
from hybridstudio.diffusion.schedule import Schedule, respaced

# diffusers hands numpy its tensors in a way that numpy 2 dislikes.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

FREE = Options(clip_x0=False)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def randn(*shape, seed=0):
    return torch.randn(shape, generator=seeded(seed))


def random_schedule(seed=0, steps=200):
    betas = torch.rand(steps, generator=seeded(seed), dtype=torch.float64)
    return Schedule(betas * 0.1 + 1e-3)


SCHEDULES = {
    "linear": Schedule.named("linear", 1000),
    "cosine": Schedule.named("cosine", 1000),
    "sigmoid": Schedule.named("sigmoid", 1000),
    "linear-100": Schedule.named("linear", 100),
    "random": random_schedule(),
}


class Network:
    """A random network that says ε or v within [-1, 1], or the x_0 that belongs to such a v.

    An x_0 that has nothing to do with x_t would let rounding grow at every step.
    """

    def __init__(self, predicts, schedule, seed=0):
        self.predicts, self.schedule = predicts, schedule
        self.first = 0.3 * randn(8, 2, 3, 3, seed=seed)
        self.last = 0.2 * randn(2, 8, 3, 3, seed=seed + 1)
        self.time = randn(8, 1, 1, seed=seed + 2)
        self.seen = []

    def __call__(self, x, t):
        self.seen.append(int(t[0]))
        hidden = torch.nn.functional.conv2d(x, self.first.to(x.dtype), padding=1)
        hidden = hidden + torch.sin(t / len(self.schedule) * 6).to(x.dtype).reshape(
            -1, 1, 1, 1) * self.time.to(x.dtype)
        v = torch.nn.functional.conv2d(hidden.tanh(), self.last.to(x.dtype), padding=1).tanh()
        return self.schedule.x0_from_v(x, t, v) if self.predicts == "x0" else v

    def predict(self, x, t):
        return Prediction(*self.schedule.x0_and_eps(self.predicts, self(x, t), x, t))


def draw(name, network, timesteps, x, generator=None, options=FREE):
    return list(SAMPLERS[name](
        network.predict, x, network.schedule, timesteps, generator or seeded(), options))


# --- against diffusers ----------------------------------------------------------------------------

PREDICTION_TYPES = {"eps": "epsilon", "x0": "sample", "v": "v_prediction"}
IN_SIGMA = ("euler", "heun")  # theirs keep x/√ᾱ instead of x


def their_scheduler(name, schedule, predicts, spacing, **more):
    common = {
        "num_train_timesteps": len(schedule),
        "trained_betas": schedule.betas.numpy(),
        "prediction_type": PREDICTION_TYPES[predicts],
        "timestep_spacing": spacing,
        **more,
    }
    kinds = {
        "ancestral": lambda: DDPMScheduler(**{"clip_sample": False, **common}),
        "ddim": lambda: DDIMScheduler(**{"clip_sample": False, **common}),
        "dpm++2m": lambda: DPMSolverMultistepScheduler(
            algorithm_type="dpmsolver++", solver_order=2, **common),
        "unipc": lambda: UniPCMultistepScheduler(solver_order=2, solver_type="bh2", **common),
        "heun": lambda: HeunDiscreteScheduler(**common),
        "euler": lambda: EulerDiscreteScheduler(**common),
    }
    scheduler = kinds[name]()
    # Theirs keeps ᾱ in float32, which leaves 1 - ᾱ_0 four digits. It is the steps that are compared
    # here, not the tables.
    scheduler.alphas_cumprod = schedule.alphas_cumprod
    return scheduler


def their_walk(name, theirs, network, x, **step_options):
    """Return x after each step of a diffusers scheduler whose timesteps are set."""
    walk = []
    if name in IN_SIGMA:
        x = x * (theirs.sigmas[0] ** 2 + 1) ** 0.5
    for i, t in enumerate(theirs.timesteps):
        seen = theirs.scale_model_input(x, t)
        output = network(seen, torch.full((len(x),), int(t)))
        x = theirs.step(output, t, x, **step_options).prev_sample
        between = name == "heun" and not theirs.state_in_first_order
        if between and i < len(theirs.timesteps) - 1:
            continue  # Heun's first half of a step
        scale = (theirs.sigmas[i + 1] ** 2 + 1) ** 0.5 if name in IN_SIGMA else 1
        walk.append(x / scale)
    return walk


def assert_same_walk(ours, theirs, tolerance=1e-5):
    assert len(ours) == len(theirs) + 1
    for step, (moment, x) in enumerate(zip(ours[1:], theirs, strict=True)):
        size = max(1.0, float(x.abs().max()))
        assert float((moment.x_t - x).abs().max()) <= tolerance * size, f"step {step}"


def rows(count=3):
    return [seeded(100 + i) for i in range(count)]


def compare(name, schedule, predicts, spacing, count, options=FREE, step_options=None, **more):
    theirs = their_scheduler(name, schedule, predicts, spacing, **more)
    theirs.set_timesteps(count)
    timesteps = list(dict.fromkeys(theirs.timesteps.tolist()))  # theirs names Heun's steps twice
    network, x = Network(predicts, schedule, seed=count), randn(3, 2, 8, 8, seed=1)
    ours = draw(name, network, timesteps, x, rows(), options)
    step_options = step_options or {}
    if name in ("ancestral", "ddim"):
        step_options = {"generator": rows(), **step_options}
    assert_same_walk(ours, their_walk(name, theirs, network, x, **step_options))


@pytest.mark.parametrize("count", [1, 2, 5, 20, 50])
@pytest.mark.parametrize("predicts", ["eps", "x0", "v"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", [name for name in SAMPLERS if name not in IN_SIGMA])
def test_every_step_agrees_with_diffusers(name, schedule, predicts, count):
    # Each with its own default spacing in diffusers, and with one that begins at T.
    for spacing in ("leading" if name in ("ancestral", "ddim") else "linspace", "trailing"):
        compare(name, SCHEDULES[schedule], predicts, spacing, count)


# One to three steps would cross all of σ/α, where theirs loses float32 digits in x/√ᾱ.
@pytest.mark.parametrize("count", [5, 10, 50])
@pytest.mark.parametrize("predicts", ["eps", "x0", "v"])
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", IN_SIGMA)
def test_every_step_in_sigma_agrees_with_diffusers(name, schedule, predicts, count):
    if (name, predicts) == ("heun", "x0"):
        return  # theirs knows no such Heun; ours is held by the eps and v cases
    for spacing in ("leading", "trailing"):
        # At the cosine schedule's end σ/α = 20,000: their x/√ᾱ has no float32 digits left there.
        if (schedule, spacing) != ("cosine", "trailing"):
            compare(name, SCHEDULES[schedule], predicts, spacing, count)


@pytest.mark.parametrize("eta", [0.3, 1.0])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_ddim_with_fresh_noise_agrees_with_diffusers(schedule, eta):
    for predicts in ("eps", "x0", "v"):
        compare("ddim", SCHEDULES[schedule], predicts, "leading", 20,
                Options(clip_x0=False, eta=eta), {"eta": eta})


@pytest.mark.parametrize("rederive", [False, True])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_clipped_pictures_agree_with_diffusers(schedule, rederive):
    for predicts in ("eps", "x0", "v"):
        compare("ddim", SCHEDULES[schedule], predicts, "trailing", 10,
                Options(rederive_eps=rederive), {"use_clipped_model_output": rederive},
                clip_sample=True)
        compare("ancestral", SCHEDULES[schedule], predicts, "trailing", 10, Options(),
                clip_sample=True)
    compare("heun", SCHEDULES[schedule], "eps", "leading", 10, Options(), clip_sample=True)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_large_variance_agrees_with_diffusers(schedule):
    compare("ancestral", SCHEDULES[schedule], "eps", "leading", 20,
            Options(clip_x0=False, variance="fixed_large"), variance_type="fixed_large")


@pytest.mark.parametrize("count", [4, 50])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_learned_variance_agrees_with_diffusers(schedule, count):
    schedule = SCHEDULES[schedule]
    theirs = their_scheduler("ancestral", schedule, "v", "leading", variance_type="learned_range")
    theirs.set_timesteps(count)
    network, x = Network("v", schedule), randn(3, 2, 8, 8)
    raw = randn(3, 2, 8, 8, seed=5).tanh()  # theirs reads [-1, 1] as ours reads [0, 1]

    def predict(x_t, t):
        return Prediction(*schedule.x0_and_eps("v", network(x_t, t), x_t, t), (raw + 1) / 2)

    ours = list(SAMPLERS["ancestral"](
        predict, x, schedule, theirs.timesteps.tolist(), rows(), FREE))
    walk = their_walk("ancestral", theirs, lambda x_t, t: torch.cat([network(x_t, t), raw], 1), x,
                      generator=rows())
    assert_same_walk(ours, walk)


@pytest.mark.parametrize("name", ["ancestral", "ddim"])
def test_a_walk_from_the_middle_agrees_with_diffusers(name):
    # What diffusers does in image-to-image: the tail of the timesteps, from a noised picture.
    schedule = SCHEDULES["linear"]
    theirs = their_scheduler(name, schedule, "eps", "leading")
    theirs.set_timesteps(20)
    theirs.timesteps = theirs.timesteps[8:]
    network = Network("eps", schedule)
    x = schedule.q_sample(randn(3, 2, 8, 8, seed=3).clamp(-1, 1),
                          torch.full((3,), int(theirs.timesteps[0])), randn(3, 2, 8, 8, seed=4))
    ours = draw(name, network, theirs.timesteps.tolist(), x, rows())
    assert_same_walk(ours, their_walk(name, theirs, network, x, generator=rows()))


# --- known answers --------------------------------------------------------------------------------


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
