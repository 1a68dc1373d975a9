"""`digits`: 1,797 real handwritten digits of 8×8, embedded; no network, no waiting.

E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, CC BY 4.0,
https://doi.org/10.24432/C50P49.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hybridstudio import paths
from hybridstudio.config import DataConfig
from hybridstudio.data.arrays import adapted
from hybridstudio.data.dataset import Loading

CLASSES = tuple("0123456789")
TRAIN = 1500  # the first pictures; the other 297 are for testing
PARTS = {"train": slice(None, TRAIN), "test": slice(TRAIN, None), "all": slice(None)}


def load_digits(config: DataConfig, root: Path, rest: str) -> Loading:
    """Open `digits`."""
    with np.load(paths.resources() / "data" / "digits.npz", allow_pickle=False) as file:
        images, labels = file["images"][..., None], file["labels"].astype(np.int64)
    part = PARTS[config.split]
    return (yield from adapted(config, "digits", images[part], labels[part], CLASSES))
