"""How long a training has worked, how fast it goes, and when its budget is used up."""

from __future__ import annotations

import collections
import contextlib
import time
from collections.abc import Iterator, Mapping

import torch

from hybridstudio.engine import lanes, runtime
from hybridstudio.messages import Progress

RATE_OVER = 50  # steps over which the speed is told


class Pace:
    """The clock of a training: it stands still while the training is paused or gives way.

    `budget` is in seconds of training, `before` those of earlier sittings, `active` those of this.
    """

    def __init__(self, budget: float | None) -> None:
        self.budget = budget
        self.before = 0.0
        self.active = 0.0
        self._step_seconds: collections.deque[float] = collections.deque(maxlen=RATE_OVER)

    @property
    def seconds(self) -> float:
        """Seconds of training by now, those of earlier sittings among them."""
        return self.before + self.active

    @property
    def is_over(self) -> bool:
        """Whether the budget is used up."""
        return self.budget is not None and self.seconds >= self.budget

    def stepped(self, seconds: float) -> None:
        """Count the seconds of a training step."""
        self.active += seconds
        self._step_seconds.append(seconds)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Do other work of the training inside this block, after all interactive work."""
        began = time.perf_counter()
        with lanes.training_step() as waited:
            yield
        self.active += time.perf_counter() - began - waited.seconds

    def share(self, step: int, steps: int) -> float:
        """Return how much of the training is over, in [0, 1]: by steps, or by the budget."""
        return max(step / steps, self.seconds / self.budget if self.budget else 0.0)

    def progress(self, step: int, steps: int, values: Mapping[str, float],
                 on: torch.device) -> Progress:
        """Tell how far the training is."""
        rate = len(self._step_seconds) / (sum(self._step_seconds) or 1.0)
        left = (steps - step) / rate if rate else None
        if self.budget is not None and left is not None:
            left = min(left, max(0.0, self.budget - self.seconds))
        return Progress(step, steps, "steps", values, self.seconds, rate, left, runtime.memory(on))

    def granted(self, before: float, budget: float | None) -> None:
        """Go on after `before` seconds of earlier sittings, which had this budget."""
        self.before = before
        if self.budget is not None:
            self.budget += before
        elif budget is not None and before < budget:
            self.budget = budget  # what is left of it
