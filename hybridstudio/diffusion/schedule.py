"""The noise schedule: how the noise grows with t, and every table that follows from it.

Tables are indexed by t = 0 … T-1, as networks are; the papers count 1 … T, so row t is their t + 1.
All of them are made in float64; pictures meet them in float32 on their own device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Literal

import torch
from torch import Tensor

from hybridstudio.errors import UsageError

Spacing = Literal["leading", "trailing", "linspace", "quadratic"]
Predicts = Literal["eps", "x0", "v"]

MAX_BETA = 0.999  # Nichol & Dhariwal 2021, section 3.2: larger ones make t = T singular


# --- the named schedules: T -> betas --------------------------------------------------------------


def linear(timesteps: int) -> Tensor:
    """Return β rising evenly from 1e-4 to 0.02, times 1000/T (Ho 2020, section 4).

    The factor keeps ᾱ_T near 4e-5 for every T: with 100 steps and Ho's own numbers 36 % of the
    variance of x_T would still be the picture's, and drawing from pure noise would start wrong.
    """
    scale = 1000 / timesteps
    betas = torch.linspace(1e-4 * scale, 0.02 * scale, timesteps, dtype=torch.float64)
    return betas.clamp(max=MAX_BETA)


def cosine(timesteps: int, s: float = 0.008) -> Tensor:
    """Return the β of ᾱ = f(t)/f(0), f(t) = cos²((t/T + s)/(1 + s) · π/2).

    Nichol & Dhariwal 2021, equation 17.
    """
    t = torch.arange(timesteps + 1, dtype=torch.float64) / timesteps
    f = torch.cos((t + s) / (1 + s) * math.pi / 2) ** 2
    return (1 - f[1:] / f[:-1]).clamp(max=MAX_BETA)


def sigmoid(timesteps: int) -> Tensor:
    """Return β rising along a logistic curve over [-6, 6] from 1e-4 to 0.02, times 1000/T.

    Xu et al. 2022 (GeoDiff), which is what diffusers calls sigmoid; scaled as `linear` is.
    """
    scale = 1000 / timesteps
    curve = torch.sigmoid(torch.linspace(-6, 6, timesteps, dtype=torch.float64))
    return ((1e-4 + (0.02 - 1e-4) * curve) * scale).clamp(max=MAX_BETA)


SCHEDULES: dict[str, Callable[[int], Tensor]] = {
    "linear": linear,
    "cosine": cosine,
    "sigmoid": sigmoid,
}


# --- the schedule ---------------------------------------------------------------------------------


class Schedule:
    """Everything known about q, from its betas: float64 tables of length T on the CPU.

    `network_t` says which t a network trained on the original schedule knows each row by; it is
    0 … T-1 unless the schedule was respaced. Methods take pictures (N, ...) and t int64 (N,) on the
    pictures' device. Raises ValueError for betas that do not all lie inside (0, 1).
    """

    def __init__(self, betas: Tensor, network_t: Tensor | None = None) -> None:
        betas = torch.as_tensor(betas, dtype=torch.float64).cpu()
        if betas.ndim != 1 or not len(betas) or not bool(((betas > 0) & (betas < 1)).all()):
            raise ValueError("betas must be a vector of numbers between 0 and 1, both excluded")
        self.network_t = torch.arange(len(betas)) if network_t is None else network_t.cpu()

        one = torch.ones(1, dtype=torch.float64)
        self.betas = betas
        self.alphas = 1 - betas
        self.alphas_cumprod = self.alphas.cumprod(0)
        self.alphas_cumprod_prev = torch.cat([one, self.alphas_cumprod[:-1]])
        self.sqrt_alphas_cumprod = self.alphas_cumprod.sqrt()
        self.sqrt_one_minus_alphas_cumprod = (1 - self.alphas_cumprod).sqrt()
        self.snr = self.alphas_cumprod / (1 - self.alphas_cumprod)

        # The posterior q(x_{t-1} | x_t, x_0): Ho 2020, equations 6 and 7; Nichol & Dhariwal 2021,
        # equations 9 to 11.
        rest = (1 - self.alphas_cumprod_prev) / (1 - self.alphas_cumprod)
        self.posterior_variance = rest * betas
        self.posterior_mean_coef1 = (
            self.alphas_cumprod_prev.sqrt() * betas / (1 - self.alphas_cumprod))
        self.posterior_mean_coef2 = self.alphas.sqrt() * rest
        # β̃ of the first row is 0; its logarithm borrows the second row's, or β where there is none.
        first = self.posterior_variance[1:2] if len(betas) > 1 else betas
        self.posterior_log_variance_clipped = torch.cat([first, self.posterior_variance[1:]]).log()
        self.log_betas = betas.log()
        self._cast: dict[tuple[str, torch.device, torch.dtype], Tensor] = {}

    @classmethod
    def named(cls, name: str, timesteps: int) -> Schedule:
        """Return the schedule `name` (linear, cosine or sigmoid) with T = `timesteps`."""
        if name not in SCHEDULES:
            raise UsageError(f"There is no schedule called {name}", "",
                             f"choose one of {', '.join(SCHEDULES)}")
        with torch.device("cpu"):  # also where networks are being made on another default device
            return cls(SCHEDULES[name](timesteps))

    def __len__(self) -> int:
        return len(self.betas)

    def to(self, device: torch.device | str) -> Schedule:
        """Copy the float32 tables to `device` now rather than at first use; return the schedule."""
        for name, table in vars(self).items():
            if isinstance(table, Tensor) and table.is_floating_point():
                self._on(name, torch.device(device), torch.float32)
        return self

    def _on(self, name: str, device: torch.device, dtype: torch.dtype) -> Tensor:
        key = (name, device, dtype)
        if key not in self._cast:
            self._cast[key] = getattr(self, name).to(dtype).to(device)
        return self._cast[key]

    def at(self, name: str, t: Tensor, like: Tensor) -> Tensor:
        """Return rows t of the table `name`, shaped to multiply pictures `like`.

        They come in float32, or in float64 for float64 pictures.
        """
        dtype = torch.promote_types(like.dtype, torch.float32)
        rows = self._on(name, like.device, dtype)[t]
        return rows.reshape(-1, *[1] * (like.ndim - 1))

    # --- the forward process ---

    def q_sample(self, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Return x_t = √ᾱ_t x_0 + √(1 - ᾱ_t) ε (Ho 2020, equation 4)."""
        return (self.at("sqrt_alphas_cumprod", t, x0) * x0
                + self.at("sqrt_one_minus_alphas_cumprod", t, x0) * noise)

    def q_pair(self, x0: Tensor, t: Tensor, to: Tensor, first: Tensor,
               second: Tensor) -> tuple[Tensor, Tensor]:
        """Return x_s at levels `to` and x_t at rows t (N,) of the same walk, from two noises.

        Levels are counted as by `q_leap`. Ho 2020, equation 2, over any distance:
        q(x_t | x_s) = N(√(ᾱ_t / ᾱ_s) x_s, 1 - ᾱ_t / ᾱ_s).
        """
        then = self.at("alphas_cumprod_prev", to, x0)
        x_s = then.sqrt() * x0 + (1.0 - then).sqrt() * first
        left = self.at("alphas_cumprod", t, x0) / then
        return x_s, left.sqrt() * x_s + (1.0 - left).sqrt() * second

    def q_posterior(self, x0: Tensor, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean (N, ...), variance and log variance (N, 1, ...) of q(x_{t-1} | x_t, x_0).

        Nichol & Dhariwal 2021, equations 9 to 11; the logarithm at t = 0 is clipped to t = 1's.
        """
        mean = (self.at("posterior_mean_coef1", t, x_t) * x0
                + self.at("posterior_mean_coef2", t, x_t) * x_t)
        return (mean, self.at("posterior_variance", t, x_t),
                self.at("posterior_log_variance_clipped", t, x_t))

    def q_leap(self, x0: Tensor, x_t: Tensor, t: Tensor, to: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean (N, ...) and variance (N, 1, ...) of q(x_s | x_t, x_0) for any s below t.

        `to` (N,) counts levels: s is row to - 1, and 0 is the picture itself.
        """
        return leap(x0, x_t, self.at("alphas_cumprod", t, x_t),
                    self.at("alphas_cumprod_prev", to, x_t))

    def learned_log_variance(self, fraction: Tensor, t: Tensor) -> Tensor:
        """Return log Σ = f log β_t + (1 - f) log β̃_t for a network's f, (N, ...) in [0, 1].

        Nichol & Dhariwal 2021, equation 15.
        """
        low = self.at("posterior_log_variance_clipped", t, fraction)
        high = self.at("log_betas", t, fraction)
        return low + fraction * (high - low)

    # --- x_0, ε and v are one another's other names once x_t is known ---

    def x0_from_eps(self, x_t: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """Return x_0 = (x_t - √(1 - ᾱ_t) ε) / √ᾱ_t; errors of ε grow by 1/√SNR."""
        return ((x_t - self.at("sqrt_one_minus_alphas_cumprod", t, x_t) * eps)
                / self.at("sqrt_alphas_cumprod", t, x_t))

    def eps_from_x0(self, x_t: Tensor, t: Tensor, x0: Tensor) -> Tensor:
        """Return ε = (x_t - √ᾱ_t x_0) / √(1 - ᾱ_t); errors of x_0 grow by √SNR."""
        return ((x_t - self.at("sqrt_alphas_cumprod", t, x_t) * x0)
                / self.at("sqrt_one_minus_alphas_cumprod", t, x_t))

    def velocity(self, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Return v = √ᾱ_t ε - √(1 - ᾱ_t) x_0 (Salimans & Ho 2022, section 4)."""
        return (self.at("sqrt_alphas_cumprod", t, x0) * noise
                - self.at("sqrt_one_minus_alphas_cumprod", t, x0) * x0)

    def x0_from_v(self, x_t: Tensor, t: Tensor, v: Tensor) -> Tensor:
        """Return x_0 = √ᾱ_t x_t - √(1 - ᾱ_t) v."""
        return (self.at("sqrt_alphas_cumprod", t, x_t) * x_t
                - self.at("sqrt_one_minus_alphas_cumprod", t, x_t) * v)

    def eps_from_v(self, x_t: Tensor, t: Tensor, v: Tensor) -> Tensor:
        """Return ε = √ᾱ_t v + √(1 - ᾱ_t) x_t."""
        return (self.at("sqrt_alphas_cumprod", t, x_t) * v
                + self.at("sqrt_one_minus_alphas_cumprod", t, x_t) * x_t)

    def target(self, predicts: Predicts, x0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """Return what a network that predicts ε, x_0 or v should have said at x_t."""
        if predicts == "v":
            return self.velocity(x0, t, noise)
        return x0 if predicts == "x0" else noise

    def x0_and_eps(
        self, predicts: Predicts, output: Tensor, x_t: Tensor, t: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the x_0 and ε that a network's output (ε, x_0 or v) at x_t stands for."""
        if predicts == "v":
            return self.x0_from_v(x_t, t, output), self.eps_from_v(x_t, t, output)
        if predicts == "x0":
            return output, self.eps_from_x0(x_t, t, output)
        return self.x0_from_eps(x_t, t, output), output

    # --- fewer steps ---

    def timesteps(
        self, count: int, spacing: Spacing = "trailing", start: int | None = None
    ) -> list[int]:
        """Return `count` steps from noisy to clean, the first at most `start` (T-1 if not given).

        trailing begins at `start` exactly, which few steps need (Lin 2024); leading ends at 0;
        linspace does both. quadratic begins at `start` and grows denser towards 0 (Song 2021,
        appendix D.2). Give `start` to begin with a noised picture instead of pure noise. Raises
        UsageError unless 1 <= count <= start + 1 <= T.
        """
        levels = len(self) if start is None else start + 1
        if not 1 <= levels <= len(self):
            raise UsageError(f"There is no step {start}", f"the schedule has {len(self)} steps",
                             f"start between 0 and {len(self) - 1}")
        if not 1 <= count <= levels:
            raise UsageError(f"{count} steps cannot be taken", f"there are {levels} noise levels",
                             f"take 1 to {levels} steps")
        if spacing == "leading":
            return [i * (levels // count) for i in reversed(range(count))]
        if spacing == "linspace" and count > 1:
            return [round(i * (levels - 1) / (count - 1)) for i in reversed(range(count))]
        if spacing == "quadratic":
            return [max(round(levels * (i / count) ** 2), i) - 1 for i in range(count, 0, -1)]
        return [round(levels * i / count) - 1 for i in range(count, 0, -1)]


def leap(x0: Tensor, x_t: Tensor, now: Tensor, then: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance of q(x_s | x_t, x_0), ᾱ being `now` at t and `then` at s < t.

    Nichol & Dhariwal 2021, equations 9 and 10, over any distance.
    """
    beta = 1.0 - now / then
    mean = (then.sqrt() * beta * x0 + (now / then).sqrt() * (1.0 - then) * x_t) / (1.0 - now)
    return mean, (1.0 - then) / (1.0 - now) * beta


def vp_schedule(timesteps: int, beta_min: float = 0.1, beta_max: float = 20.0,
                signal: float = 1.0) -> Schedule:
    """Return the variance-preserving diffusion, seen at T + 1 evenly spaced times.

    Xiao 2021, appendix C: ᾱ(s) = exp(-½ s² (β_max - β_min) - s β_min) at s = t/T, so that few steps
    span what many small ones do. Pictures scaled up by `signal` have the signal-to-noise ratio
    ᾱ/(1 - ᾱ) times its square.
    """
    with torch.device("cpu"):  # also where networks are being made on another default device
        s = torch.arange(timesteps + 1, dtype=torch.float64) / timesteps
        alpha_bar = torch.exp(-0.5 * s.square() * (beta_max - beta_min) - s * beta_min)
        alpha_bar = signal**2 * alpha_bar / (signal**2 * alpha_bar + 1.0 - alpha_bar)
        return Schedule(1.0 - alpha_bar[1:] / alpha_bar[:-1])


def respaced(schedule: Schedule, kept: Iterable[int]) -> Schedule:
    """Return a schedule of the kept steps only, with the same ᾱ there; its `network_t` names them.

    Fewer steps are so a new schedule (Nichol & Dhariwal 2021, section 4), whatever is done with it.
    Raises ValueError when nothing is kept.
    """
    rows = torch.tensor(sorted(set(kept)), dtype=torch.int64)
    if not len(rows):
        raise ValueError("a schedule needs at least one step")
    alphas_cumprod = schedule.alphas_cumprod[rows]
    before = torch.cat([torch.ones(1, dtype=torch.float64), alphas_cumprod[:-1]])
    return Schedule(1 - alphas_cumprod / before, schedule.network_t[rows])
