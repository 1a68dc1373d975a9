"""Coverage of `shapes`, whose factors are known: which combinations are drawn, and how evenly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hybridstudio.data.factors import recognised
from hybridstudio.data.shapes import LEVELS, Table
from hybridstudio.scores.classes import Counts, divergence
from hybridstudio.scores.sets import Pictures


class FactorCount:
    """Counts the combinations that pictures show, whatever their number."""

    def __init__(self) -> None:
        self.count = 0
        self.combinations: Counts = np.zeros(math.prod(LEVELS), np.int64)

    def add(self, pictures: Pictures) -> None:
        """Take in pictures (N, H, W, 3); what is near no combination counts for none."""
        found = recognised(pictures)
        self.count += len(pictures)
        codes = np.ravel_multi_index(tuple(found.table[found.near].T), LEVELS)
        self.combinations += np.bincount(codes, minlength=self.combinations.size)

    def told(self, real: Table) -> dict[str, Any]:
        """Return the modes found, and each factor by itself, beside the factors (M, 6) of the data.

        `expected` is how many combinations as many pictures of the data would show; `kl` is the sum
        over the factors of KL(drawn ‖ data) in nats, as so few pictures for so many combinations
        tell nothing of their own shares.
        """
        shown = real[:, 0]  # a data set may leave out shapes, and never another factor
        of = self.combinations.size * len(np.unique(shown)) // LEVELS.shape
        near = int(self.combinations.sum())
        cube = self.combinations.reshape(LEVELS)
        factors: dict[str, Any] = {}
        for place, name in enumerate(LEVELS._fields):
            drawn = cube.sum(tuple(other for other in range(len(LEVELS)) if other != place))
            data = np.bincount(real[:, place], minlength=LEVELS[place]).astype(np.int64)
            factors[name] = {
                "seen": int((drawn > 0).sum()), "of": int((data > 0).sum()),
                "kl": divergence(drawn, data) if near else None,
                "counts": drawn.tolist()}
        return {
            "found": int((self.combinations > 0).sum()), "of": of,
            "expected": of * -math.expm1(near * math.log1p(-1.0 / of)),
            "kl": sum(one["kl"] for one in factors.values()) if near else 0.0,
            "near": near / max(1, self.count), "factors": factors}
