"""Schedules and a random network, for tests that walk with samplers."""

import torch

from hybridstudio.diffusion.samplers import SAMPLERS, Options, Prediction
from hybridstudio.diffusion.schedule import Schedule

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
    """Return all moments of a walk with a sampler."""
    return list(SAMPLERS[name](
        network.predict, x, network.schedule, timesteps, generator or seeded(), options))
