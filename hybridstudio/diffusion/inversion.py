"""A picture brought to the noise that it would be drawn from, and drawn from there again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from torch import Tensor

from hybridstudio.diffusion.samplers import Moment
from hybridstudio.diffusion.schedule import Schedule

ROUNDS = 6  # evaluations that close in on each step of an inversion, see `ddim_invert`
REACH = 5.0  # the largest σ/α to which a picture is walked back: 98 % of the noise's deviation


def highest(schedule: Schedule, first: int) -> int:
    """Return the row, `first` or a calmer one, up to which a picture can be walked back.

    Beyond, α is so small that what is left of the picture drowns in a network's errors: with the
    cosine schedule digits come back from σ/α = 5 with an error of 0.01, from 60 with 0.2.
    """
    return min(first, max(0, int((schedule.snr >= REACH**-2).sum()) - 1))


def there_and_back(
    up: Iterator[Moment], down: Callable[[Tensor], Iterator[Moment]], steps: int
) -> Iterator[Moment]:
    """Tell an inversion and the drawing from where it ends, in `steps`, as one series.

    The last moment of the one is the first of the other, and told once.
    """
    top: Moment | None = None
    for moment in up:
        if top is not None:
            yield replace(top, steps=top.steps + steps)
        top = moment
    assert top is not None
    for moment in down(top.x_t):
        yield replace(moment, step=top.step + moment.step, steps=top.steps + steps,
                      nfe=top.nfe + moment.nfe)
