"""The arithmetic of curves: smoothing, thinning to what a screen can show, ranges. No Qt."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[Any]  # floats, or integers such as steps
FAR = 2.0**62  # beyond any step
LONGEST_BLOCK = 4096  # samples smoothed at once
MOST_SMOOTHED = 1 << 14  # longer curves are averaged in buckets first: finer than any screen


def smoothed(x: Numbers, y: Floats, weight: float) -> tuple[Numbers, Floats]:
    """Return the exponential moving average of a curve, without its bias towards the start.

    y_t = Σ w^(t-s) y_s / Σ w^(t-s) over the finite y_s up to t (Kingma & Ba 2015, section 3);
    gaps (NaN) stay gaps. `weight` w lies in [0, 1) and counts per sample. Curves of more than
    16,384 samples are averaged in buckets first, with the weight of a whole bucket.
    """
    if weight <= 0 or y.size == 0:
        return x, y
    bucket = -(-y.size // MOST_SMOOTHED)
    starts = np.arange(0, y.size, bucket)
    ends = np.minimum(starts + bucket, y.size)
    total, count = np.add.reduceat(y, starts), (ends - starts).astype(np.float64)
    if not np.isfinite(total).all():
        finite = np.isfinite(y)
        total = np.add.reduceat(np.where(finite, y, 0.0), starts)
        count = np.add.reduceat(finite.astype(np.float64), starts)
    x = x[ends - 1]
    w = weight**bucket
    with np.errstate(invalid="ignore", divide="ignore"):
        average = _decayed_sum(total, w) / _decayed_sum(count, w)
    return x, np.where(count > 0, average, np.nan)


def _decayed_sum(x: Floats, w: float) -> Floats:
    """Return y_t = w y_{t-1} + x_t, in blocks so that numpy does the work."""
    # Within a block y_t = w^t (Σ x_s w^-s + w y_before), and w^-length must not overflow.
    length = int(np.clip(200 / -np.log(max(w, 1e-80)), 1, LONGEST_BLOCK))
    rows = -(-x.size // length)
    blocks = np.zeros(rows * length)
    blocks[:x.size] = x
    falling = w ** np.arange(length)
    inside = np.cumsum(blocks.reshape(rows, length) / falling, axis=1) * falling
    before, carried = 0.0, np.zeros(rows)
    for row, last in enumerate(inside[:, -1].tolist()):
        carried[row] = before
        before = last + falling[-1] * w * before
    return (inside + carried[:, None] * (falling * w)).ravel()[:x.size]


def thinned(x: Numbers, y: Floats, columns: int) -> tuple[Numbers, Floats]:
    """Return at most about 2 × `columns` samples that draw the same: each bucket's low and high.

    Finite samples win over NaN within a bucket.
    """
    if y.size <= 4 * columns:
        return x, y
    bucket = -(-y.size // columns)
    whole = y.size // bucket * bucket
    rows = y[:whole].reshape(-1, bucket)
    low, high = np.fmin.reduce(rows, axis=1), np.fmax.reduce(rows, axis=1)
    at = x[:whole:bucket]
    thin_y = np.column_stack([low, high]).ravel()
    thin_x = np.repeat(at, 2)
    return np.concatenate([thin_x, x[whole:]]), np.concatenate([thin_y, y[whole:]])


def visible(x: Numbers, low: float, high: float, lead: int = 0) -> slice:
    """Return the samples of a rising x within [low, high], one more each side, `lead` before."""
    start = place_of(x, low) - 1 - lead
    end = place_of(x, np.nextafter(high, np.inf))
    return slice(max(0, start), end + 1)


def place_of(x: Numbers, at: float) -> int:
    """Return the place of the first sample that is not below `at` in a rising x."""
    if x.dtype.kind == "i":  # numpy would turn all of x into floats to compare
        return int(np.searchsorted(x, x.dtype.type(math.ceil(min(max(at, -FAR), FAR)))))
    return int(np.searchsorted(x, at))


def span(y: Floats, log: bool = False) -> tuple[float, float] | None:
    """Return the range that shows a curve well: its first twentieth and rare spikes are let go.

    With `log` it is in exponents of ten, of the positive values. None where nothing is finite.
    """
    sample = scaled(y[:: max(1, y.size // 4096)], log)
    settled = sample[sample.size // 20 if sample.size >= 40 else 0:]
    finite = settled[np.isfinite(settled)]
    if not finite.size:
        finite = sample[np.isfinite(sample)]
    if not finite.size:
        return None
    highest = finite.size - 1 - (finite.size // 500)
    return float(finite.min()), float(np.partition(finite, highest)[highest])


def scaled(y: Floats, log: bool) -> Floats:
    """Return values as an axis counts them: finite or NaN, exponents of ten where it is log."""
    if not log:
        return np.where(np.isfinite(y), y, np.nan)
    positive = np.isfinite(y) & (y > 0)
    return np.where(positive, np.log10(np.where(positive, y, 1.0)), np.nan)


def nearest(x: Numbers, at: float) -> int:
    """Return the place of the sample nearest to `at` in a rising, non-empty x."""
    place = place_of(x, at)
    if place == 0:
        return 0
    if place == x.size:
        return x.size - 1
    return place - 1 if at - x[place - 1] <= x[place] - at else place
