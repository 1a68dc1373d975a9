"""Scores from a classifier's answers: the Inception score, and how often each class is drawn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from hybridstudio.scores.frechet import Array

SPLITS = 10

Counts = npt.NDArray[np.int64]


def inception_scores(probabilities: npt.NDArray[Any], splits: int = SPLITS) -> Array:
    """Return exp(mean KL(p(y|x) ‖ p(y))) of each of `splits` parts (Salimans 2016, section 4).

    `probabilities` (N, K) are a classifier's. With fewer pictures than parts each is a part.
    """
    parts = np.array_split(probabilities.astype(np.float64), min(splits, len(probabilities)))
    return np.array([math.exp(_information(part)) for part in parts])


def _information(p: Array) -> float:
    tiny = np.finfo(np.float64).tiny  # 0 log 0 is 0
    kl = p * (np.log(p.clip(tiny)) - np.log(p.mean(0, keepdims=True).clip(tiny)))
    return max(0.0, float(kl.sum(1).mean()))


def entropy(shares: npt.NDArray[Any]) -> float:
    """Return the entropy in nats of classes with these counts or shares; log K where all alike."""
    p = shares / max(shares.sum(), 1)
    p = p[p > 0]
    return max(0.0, float(-(p * np.log(p)).sum()))


def divergence(drawn: npt.NDArray[Any], real: npt.NDArray[Any]) -> float:
    """Return KL(drawn ‖ real) in nats of two histograms (K,); half a picture fills every gap."""
    p, q = drawn / max(drawn.sum(), 1), real / max(real.sum(), 1)
    if not q[p > 0].all():
        q = (real + 0.5) / (real + 0.5).sum()
    seen = p > 0
    return max(0.0, float((p[seen] * np.log(p[seen] / q[seen])).sum()))
