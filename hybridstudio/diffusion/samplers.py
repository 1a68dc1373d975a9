"""The samplers: plain generator functions that walk from noise to a picture.

Each is called as `sampler(predict, x, schedule, timesteps, generator, options)`. It yields one
Moment for every step, with x_t as it was before that step and what the network saw in it, and a
last Moment with the finished picture. x may be pure noise with all the timesteps, or a picture
noised to timesteps[0] with the rest of them.

All but `ancestral` and `ddim` with η > 0 solve one differential equation, whose exact solution for
a constant x_0 is `towards`; they differ only in the x_0 that they step towards.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from hybridstudio.diffusion.noise import Randomness, normal, streams
from hybridstudio.diffusion.schedule import Schedule

Variance = Literal["fixed_small", "fixed_large", "learned"]


@dataclass(frozen=True)
class Prediction:
    """What a network makes of x_t: the picture x_0, the noise ε, both float32 (N, ...).

    `fraction` in [0, 1] says where a learned log variance lies between log β̃ and log β (Nichol &
    Dhariwal 2021, equation 15), so that it serves for every number of steps; None: not learned.
    """

    x0: Tensor
    eps: Tensor
    fraction: Tensor | None = None


# From x_t (N, ...) and t int64 (N,), rows of the schedule, both on the device.
Predict = Callable[[Tensor, Tensor], Prediction]


@dataclass(frozen=True)
class Moment:
    """One moment of drawing, on the device: `step` of `steps` at noise level t (T … 1, 0 is clean).

    x_t, x0 and eps are (N, ...) float32; t counts as the papers do, one more than the schedule's
    row. `nfe` counts network evaluations so far, `alpha_bar` is ᾱ at this moment. The last moment
    has t = 0, the finished picture as x_t and x0, and no eps. `extra` holds more pictures of this
    moment by the name under which they are shown, `z` the noise (N, D) that x0 was drawn with by a
    network that takes one.
    """

    step: int
    steps: int
    t: float
    x_t: Tensor
    x0: Tensor | None
    eps: Tensor | None
    nfe: int
    alpha_bar: float
    extra: Mapping[str, Tensor] = field(default_factory=dict)
    z: Tensor | None = None


@dataclass(frozen=True)
class Options:
    """What may be chosen about drawing; each sampler reads what concerns it.

    `clip_x0` keeps the predicted picture in [-1, 1]. `eta` is the fresh noise in a DDIM step, 0
    none to 1 ancestral; `rederive_eps` makes DDIM take its ε anew from the clipped picture, as the
    others do. `variance` is the ancestral sampler's where the prediction brings no fraction.
    """

    clip_x0: bool = True
    eta: float = 0.0
    rederive_eps: bool = False
    variance: Variance = "fixed_small"


PLAIN = Options()
CALM = 0.7  # share of what a round of inversion finds that is taken, so that it does not swing
HEUN_BEGINS = 20.0  # the largest σ/α at which Heun's steps begin, see `timesteps_for`
Sampler = Callable[
    [Predict, Tensor, Schedule, Sequence[int], Randomness, Options], Iterator[Moment]]


class Level(NamedTuple):
    """A noise level x_t = α x_0 + σ ε: α = √ᾱ_t and σ = √(1 - ᾱ_t), t a row or -1 for clean."""

    t: int
    alpha: float
    sigma: float

    @property
    def lam(self) -> float:
        """Half the log signal-to-noise ratio, λ = log(α/σ)."""
        return math.log(self.alpha / self.sigma)


CLEAN = Level(-1, 1.0, 0.0)


def towards(x: Tensor, x0: Tensor, now: Level, then: Level) -> Tensor:
    """Move x from one noise level to another along its straight line through x_0.

    Song 2021 (DDIM), equation 12 with η = 0, free of ε so that it is exact at both ends of the
    schedule; also DPM-Solver++'s first order, and an Euler step in σ/α.
    """
    ratio = then.sigma / now.sigma
    return ratio * x + (then.alpha - now.alpha * ratio) * x0


# --- what every sampler does ----------------------------------------------------------------------


def levels_of(schedule: Schedule, timesteps: Sequence[int] | Tensor) -> list[Level]:
    """Return the levels of these steps and the clean one; raises ValueError unless they descend."""
    rows = [int(t) for t in timesteps]
    if any(t <= s for t, s in pairwise([len(schedule), *rows, -1])):
        raise ValueError(f"timesteps must descend between {len(schedule) - 1} and 0, not {rows}")
    alpha, sigma = schedule.sqrt_alphas_cumprod, schedule.sqrt_one_minus_alphas_cumprod
    return [*(Level(t, float(alpha[t]), float(sigma[t])) for t in rows), CLEAN]


def ask(predict: Predict, x: Tensor, level: Level, options: Options) -> Prediction:
    """Ask what a network sees in x at a level, kept within [-1, 1] where the options say so."""
    t = torch.full((len(x),), level.t, dtype=torch.int64, device=x.device)
    made = predict(x, t)
    return replace(made, x0=made.x0.clamp(-1, 1)) if options.clip_x0 else made


def _moment(levels: list[Level], step: int, x: Tensor, made: Prediction, nfe: int) -> Moment:
    level = levels[step]
    return Moment(step, len(levels) - 1, level.t + 1, x, made.x0, made.eps, nfe, level.alpha**2)


def finished(steps: int, x: Tensor, nfe: int) -> Moment:
    """Return the last moment, the finished picture x."""
    return Moment(steps, steps, 0, x, x, None, nfe, 1.0)


# --- the samplers ---------------------------------------------------------------------------------


@torch.no_grad()
def ancestral(
    predict: Predict, x: Tensor, schedule: Schedule, timesteps: Sequence[int],
    generator: Randomness, options: Options = PLAIN,
) -> Iterator[Moment]:
    """Draw each x_s from the posterior q(x_s | x_t, x̂_0) (Ho 2020, algorithm 2).

    Between steps further apart β is β_{t|s} = 1 - ᾱ_t/ᾱ_s, as in a respaced schedule.
    """
    levels = levels_of(schedule, timesteps)
    rows = streams(generator, len(x))
    for step, (now, then) in enumerate(pairwise(levels)):
        made = ask(predict, x, now, options)
        yield _moment(levels, step, x, made, step + 1)
        x = posterior_step(x, made, now, then, rows, options)
    yield finished(len(levels) - 1, x, len(levels) - 1)


def posterior_step(x: Tensor, made: Prediction, now: Level, then: Level,
                   rows: Sequence[torch.Generator], options: Options) -> Tensor:
    """Return x_s drawn from the posterior q(x_s | x_t, x̂_0), from t to any s < t.

    Nichol & Dhariwal 2021, equations 9 and 10.
    """
    beta = 1 - (now.alpha / then.alpha) ** 2
    small = beta * (then.sigma / now.sigma) ** 2
    mean = (then.alpha * beta / now.sigma**2 * made.x0
            + now.alpha / then.alpha * (then.sigma / now.sigma) ** 2 * x)
    if then is CLEAN:
        return mean
    deviation: Tensor | float = math.sqrt(beta if options.variance == "fixed_large" else small)
    if made.fraction is not None:
        log_variance = math.log(small) + made.fraction * math.log(beta / small)
        deviation = torch.exp(0.5 * log_variance)
    return mean + deviation * normal(rows, x.shape[1:], x.device)


@torch.no_grad()
def ddim(
    predict: Predict, x: Tensor, schedule: Schedule, timesteps: Sequence[int],
    generator: Randomness, options: Options = PLAIN,
) -> Iterator[Moment]:
    """Step as denoising diffusion implicit models do (Song 2021, equations 12 and 16)."""
    levels = levels_of(schedule, timesteps)
    rows = streams(generator, len(x)) if options.eta else []
    for step, (now, then) in enumerate(pairwise(levels)):
        made = ask(predict, x, now, options)
        if options.rederive_eps:
            made = replace(made, eps=(x - now.alpha * made.x0) / now.sigma)
        yield _moment(levels, step, x, made, step + 1)
        x = ddim_step(x, made, now, then, rows, options)
    yield finished(len(levels) - 1, x, len(levels) - 1)


def ddim_step(x: Tensor, made: Prediction, now: Level, then: Level,
              rows: Sequence[torch.Generator], options: Options) -> Tensor:
    """Return x_s of DDIM with as much fresh noise as η says (Song 2021, equations 12 and 16)."""
    beta = 1 - (now.alpha / then.alpha) ** 2
    fresh = options.eta * then.sigma / now.sigma * math.sqrt(beta)
    towards_then = then.alpha * made.x0 + math.sqrt(then.sigma**2 - fresh**2) * made.eps
    return towards_then + fresh * normal(rows, x.shape[1:], x.device) if fresh else towards_then


@torch.no_grad()
def euler(
    predict: Predict, x: Tensor, schedule: Schedule, timesteps: Sequence[int],
    generator: Randomness, options: Options = PLAIN,
) -> Iterator[Moment]:
    """Take Euler steps of the probability flow in σ/α (Karras 2022, algorithm 1, first order)."""
    levels = levels_of(schedule, timesteps)
    for step, (now, then) in enumerate(pairwise(levels)):
        made = ask(predict, x, now, options)
        yield _moment(levels, step, x, made, step + 1)
        x = towards(x, made.x0, now, then)
    yield finished(len(levels) - 1, x, len(levels) - 1)


@torch.no_grad()
def heun(
    predict: Predict, x: Tensor, schedule: Schedule, timesteps: Sequence[int],
    generator: Randomness, options: Options = PLAIN,
) -> Iterator[Moment]:
    """Take Heun's steps of the probability flow in σ/α (Karras 2022, algorithm 1).

    Each step but the last asks the network twice; the moment shows the first answer.
    """
    levels = levels_of(schedule, timesteps)
    nfe = 0
    for step, (now, then) in enumerate(pairwise(levels)):
        made = ask(predict, x, now, options)
        nfe += 1
        yield _moment(levels, step, x, made, nfe)
        x0 = made.x0
        if then is not CLEAN:
            again = ask(predict, towards(x, x0, now, then), then, options)
            nfe += 1
            # The mean of the slopes (x - α x_0)/σ at both ends, told as the x_0 that has it.
            shrinks = then.sigma / then.alpha * now.alpha / now.sigma
            x0 = x0 + (again.x0 - x0) / (2 * shrinks)
        x = towards(x, x0, now, then)
    yield finished(len(levels) - 1, x, nfe)


def _extrapolated(x0: Tensor, before: Tensor, was: Level, now: Level, then: Level) -> Tensor:
    """Carry x_0 on from its last two values to the middle of the step, along λ.

    Lu 2022 (DPM-Solver++), algorithm 2; UniPC's predictor of second order with B(h) = e^h - 1.
    """
    return x0 + (then.lam - now.lam) / (2 * (now.lam - was.lam)) * (x0 - before)


@torch.no_grad()
def dpm_solver_pp_2m(
    predict: Predict, x: Tensor, schedule: Schedule, timesteps: Sequence[int],
    generator: Randomness, options: Options = PLAIN,
) -> Iterator[Moment]:
    """Take second-order multistep steps in λ (Lu 2022, DPM-Solver++, algorithm 2).

    The first and the last are of first order: one has no history, the other ends at λ = ∞.
    """
    levels = levels_of(schedule, timesteps)
    before: Tensor | None = None
    for step, (now, then) in enumerate(pairwise(levels)):
        made = ask(predict, x, now, options)
        yield _moment(levels, step, x, made, step + 1)
        x0 = made.x0
        if before is not None and then is not CLEAN:
            x0 = _extrapolated(x0, before, levels[step - 1], now, then)
        x, before = towards(x, x0, now, then), made.x0
    yield finished(len(levels) - 1, x, len(levels) - 1)


@torch.no_grad()
def unipc(
    predict: Predict, x: Tensor, schedule: Schedule, timesteps: Sequence[int],
    generator: Randomness, options: Options = PLAIN,
) -> Iterator[Moment]:
    """Predict and correct with second order (Zhao 2023, UniPC-2 with B(h) = e^h - 1).

    What the network says of a predicted x_t first corrects that x_t, then predicts the next one, so
    the corrector costs no evaluation.
    """
    levels = levels_of(schedule, timesteps)
    pictures: list[Tensor] = []  # x_0 as seen at this level and the two before it
    corrected = x  # x at the level before
    for step, (now, then) in enumerate(pairwise(levels)):
        made = ask(predict, x, now, options)
        yield _moment(levels, step, x, made, step + 1)
        pictures = [*pictures[-2:], made.x0]
        if step:
            x0 = _interpolated(pictures, levels[: step + 1])
            x = towards(corrected, x0, levels[step - 1], now)
        corrected, x0 = x, made.x0
        if step and then is not CLEAN:
            x0 = _extrapolated(x0, pictures[-2], levels[step - 1], now, then)
        x = towards(x, x0, now, then)
    yield finished(len(levels) - 1, x, len(levels) - 1)


def _interpolated(pictures: list[Tensor], levels: list[Level]) -> Tensor:
    """Return the constant x_0 that does what UniC's polynomial through the last x_0 does.

    Zhao 2023, UniC with data prediction: the polynomial passes through the newest x_0 (at the level
    arrived at) and the one or two before it.
    """
    *older_still, old, new = pictures
    if not older_still:
        return (old + new) / 2
    was, start, end = (level.lam for level in levels[-3:])
    h = end - start
    # φ_1 … φ_3 of -h, and the weights that make the step exact for x_0 of degree 0, 1, 2 in λ.
    phi1 = math.expm1(-h)
    phi2 = phi1 / -h - 1
    phi3 = phi2 / -h - 0.5
    first, second = phi2 / phi1, 2 * phi3 / phi1
    r = (was - start) / h
    older = (first - second) / (1 - r)
    return old + older / r * (older_still[0] - old) + (first - older) * (new - old)


# The names are those of the config's `sample.sampler`.
SAMPLERS: dict[str, Sampler] = {
    "ancestral": ancestral,
    "ddim": ddim,
    "dpm++2m": dpm_solver_pp_2m,
    "unipc": unipc,
    "heun": heun,
    "euler": euler,
}


def sampler_for(name: str, x: Tensor) -> Sampler:
    """Return a sampler by its name; gradients run through it if the noise x wants one."""
    sampler = SAMPLERS[name]
    return inspect.unwrap(sampler) if x.requires_grad else sampler  # without its no_grad


def nfe_steps(sampler: str, nfe: int) -> int:
    """Return how many timesteps `nfe` network evaluations pay for; Heun's cost two but the last."""
    return max(1, (nfe + 1) // 2) if sampler == "heun" else nfe


def timesteps_for(
    sampler: str, schedule: Schedule, nfe: int, start: int | None = None
) -> list[int]:
    """Return the timesteps on which `sampler` makes most of at most `nfe` evaluations.

    They are spaced quadratically from `start` (T-1 if not given); a picture to begin with belongs
    at the first of them. Where the true ε is known, 50 steps of DDIM so end three times nearer to
    the exact picture than with even spacing. Heun's begin where σ/α is 20 at most: its mean of two
    slopes in σ/α fails across the last steps of a schedule like the cosine, where σ/α leaps from
    30 to 20,000.
    """
    first = len(schedule) - 1 if start is None else start
    if sampler == "heun":
        calm = int((schedule.snr >= HEUN_BEGINS**-2).sum())
        first = min(first, max(calm, 1) - 1)
    return schedule.timesteps(min(nfe_steps(sampler, nfe), first + 1), "quadratic", first)


@torch.no_grad()
def ddim_invert(
    predict: Predict, x: Tensor, schedule: Schedule, timesteps: Sequence[int], rounds: int = 1
) -> Iterator[Moment]:
    """Walk a picture back to the noise that DDIM (η = 0, unclipped) would draw it from.

    `timesteps` are those of the drawing, descending. ε is needed at the noisier end of each step,
    which is not known yet: `rounds` network evaluations a step close in on it (Song 2021, section
    4.3, takes one). The first moment is the picture, the last the noise, with t rising between.
    """
    levels = levels_of(schedule, timesteps)[::-1]
    steps = len(levels) - 1
    x0: Tensor | None = x
    eps: Tensor | None = None
    for step, (now, then) in enumerate(pairwise(levels)):
        yield Moment(step, steps, now.t + 1, x, x0, eps, step * rounds, now.alpha**2)
        # With α = cos φ, σ = sin φ, v = α ε - σ x_0: x_s = cos(φ_t - φ_s) x_t - sin(φ_t - φ_s) v.
        # Solved for x_t this closes in where ε's own form runs away.
        cos = then.alpha * now.alpha + then.sigma * now.sigma
        sin = then.sigma * now.alpha - then.alpha * now.sigma
        grow = then.alpha / now.alpha
        guess = x
        for number in range(rounds):
            made = ask(predict, guess, then, Options(clip_x0=False))
            if number == 0:
                guess = grow * x + (then.sigma - grow * now.sigma) * made.eps
            else:
                closer = (x + sin * (then.alpha * made.eps - then.sigma * made.x0)) / cos
                guess = closer if number == 1 else torch.lerp(guess, closer, CALM)
        x, x0, eps = guess, made.x0, made.eps
    yield Moment(steps, steps, levels[-1].t + 1, x, x0, eps, steps * rounds, levels[-1].alpha**2)
