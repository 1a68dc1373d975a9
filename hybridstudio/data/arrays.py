"""Pictures that come as one array: a part chosen, fitted to the size and channels asked for."""

from __future__ import annotations

import numpy as np

from hybridstudio.config import DataConfig
from hybridstudio.data import decode
from hybridstudio.data.dataset import Dataset, Labels, Loading, Meter, chosen, fingerprint
from hybridstudio.messages import Images

ROWS = 512


def adapted(config: DataConfig, name: str, images: Images, labels: Labels,
            classes: tuple[str, ...]) -> Loading:
    """Make a data set of pictures uint8 (N, H, W, C) and their labels (N,), as `config` asks."""
    count = len(labels)
    places, labels, classes = chosen(labels, classes, config)
    if len(places) < count:
        images = images[places]
    height, width, channels = images.shape[1:]
    size = config.size or min(256, max(8, height if height == width else min(height, width)))
    channels = config.channels or channels
    if images.shape[1:] != (size, size, channels):
        meter = Meter(len(images))
        out = np.empty((len(images), size, size, channels), np.uint8)
        for start in range(0, len(images), ROWS):
            rows = slice(start, start + ROWS)
            out[rows] = decode.coloured(decode.fitted(images[rows], size, config.fit), channels)
            yield from meter.at(start)
        yield from meter.at(len(images), always=True)
        images = out
    images, labels = np.ascontiguousarray(images), np.ascontiguousarray(labels)
    return Dataset(name, images, labels, classes,
                   fingerprint=fingerprint([images], images.shape[1:], labels, classes))
