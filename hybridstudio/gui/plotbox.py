"""What a plot of growing curves shows: axes that stand still between most points. No Qt.

Axes that change with every point cost more to paint than the curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

AHEAD = 0.08  # share of a growing curve by which its axis is longer
SLACK = 0.25  # share of the height that may be empty before the axis is fitted anew


class Box(NamedTuple):
    """What a plot shows, in the units of its axes."""

    low: float
    high: float
    bottom: float
    top: float


def box_of(low: float, high: float, spans: Sequence[tuple[float, float]],
           before: Box | None = None) -> Box:
    """Return a box around curves from `low` to `high` along the axis and of these heights.

    It is the one `before` where they lie inside and fill most of it; one that they have outgrown
    becomes longer than they are, so that it suits for a while.
    """
    bottom = min((lowest for lowest, _ in spans), default=0.0)
    top = max((highest for _, highest in spans), default=1.0)
    if before is not None and _suits(before, low, high, bottom, top):
        return before
    if before is not None and high > before.high:
        high += AHEAD * (high - low)
    margin = 0.06 * (top - bottom) or 0.1 * abs(top) or 0.5
    return Box(low, high if high > low else low + 1.0, bottom - margin, top + margin)


def _suits(box: Box, low: float, high: float, bottom: float, top: float) -> bool:
    return (box.low == low and high <= box.high and box.bottom <= bottom and top <= box.top
            and top - bottom >= (1 - SLACK) * (box.top - box.bottom)
            and high - low >= (1 - 2 * AHEAD) * (box.high - box.low))
