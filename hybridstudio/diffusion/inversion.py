"""A picture brought to the noise that it would be drawn from, and drawn from there again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from torch import Tensor

from hybridstudio.diffusion.samplers import Moment

ROUNDS = 3  # evaluations that close in on each step of an inversion, see `ddim_invert`


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
