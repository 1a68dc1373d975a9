"""`stacked-mnist`: three digits of MNIST as red, green and blue; 1,000 classes to lose modes of.

After Metz 2017 (unrolled GANs) and Lin 2018 (PacGAN).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hybridstudio.config import DataConfig
from hybridstudio.data.dataset import Dataset, Loading, chosen, fingerprint
from hybridstudio.data.idx import MNIST
from hybridstudio.errors import UsageError

CLASSES = tuple(f"{number:03}" for number in range(1000))  # red, green, blue
SEED = 20


def load_stacked_mnist(config: DataConfig, root: Path, rest: str) -> Loading:
    """Open `stacked-mnist`: as many pictures as MNIST has, 28×28 unless `config` asks otherwise.

    Each digit stands once in every channel: with the 128,000 pictures of Lin 2018 a part would come
    back more often, for 300 MB instead of 140.
    """
    if config.channels == 1:
        raise UsageError("stacked-mnist is in colour", "its digits are the colour channels",
                         "leave data.channels empty; mnist has the digits in grey")
    digits = yield from MNIST(config.model_copy(update={
        "name": "mnist", "channels": 1, "limit": None, "classes": ()}), root, "")
    # RandomState's stream is frozen for good, unlike default_rng's.
    stream = np.random.RandomState(SEED)
    places = np.stack([stream.permutation(len(digits)) for _ in range(3)], axis=1)
    labels = digits.labels[places] @ np.array([100, 10, 1])
    rows, labels, classes = chosen(labels, CLASSES, config)
    size = digits.images.shape[1]
    images = np.empty((len(rows), size, size, 3), np.uint8)
    for channel in range(3):
        images[..., channel] = digits.images[places[rows, channel], ..., 0]
    return Dataset("stacked-mnist", images, labels, classes,
                   fingerprint=fingerprint([images], images.shape[1:], labels, classes))
