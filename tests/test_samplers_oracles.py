"""Every step of every sampler against diffusers."""

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
from samplerwalks import FREE, SCHEDULES, Network, draw, randn, seeded

from hybridstudio.diffusion.samplers import SAMPLERS, Options, Prediction

# diffusers hands numpy its tensors in a way that numpy 2 dislikes.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

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
