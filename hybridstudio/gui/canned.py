"""Events without an engine, for panels that run alone and for their tests: the digits, noised.

The drawing they tell is no model's: each frame mixes real digits with noise as the cosine schedule
does (Nichol & Dhariwal 2021, equation 17), and the "prediction" is a blurred digit that sharpens.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from hybridstudio import paths
from hybridstudio.messages import Browsed, Done, Event, Frame, Images, Progress, Started

CLASSES = tuple("0123456789")


@lru_cache(maxsize=1)
def digits() -> tuple[Images, Images]:
    """Return the embedded digits (N, 8, 8, 1) and their labels (N,)."""
    with np.load(paths.resources() / "data" / "digits.npz") as archive:
        return archive["images"][..., None], archive["labels"]


def pictures(count: int, size: int = 8, channels: int = 1) -> Images:
    """Return `count` digits enlarged to a multiple of 8 pixels, coloured where channels is 3."""
    images, _ = digits()
    images = images[np.arange(count) % len(images)]
    images = images.repeat(size // 8, axis=1).repeat(size // 8, axis=2)
    if channels == 3:
        tints = np.array([(230, 159, 0), (86, 180, 233), (0, 158, 115), (204, 121, 167)])
        shades = images.astype(np.uint16) * tints[np.arange(count) % 4][:, None, None] // 255
        images = shades.astype(np.uint8)
    return images


def frames(
    count: int = 16, steps: int = 50, size: int = 8, channels: int = 1, timesteps: int = 1000,
    seed: int = 0, rising: bool = False,
) -> Iterator[Frame]:
    """Tell a drawing's frames, or with `rising` those of noising, t growing."""
    clean = pictures(count, size, channels).astype(np.float32) / 127.5 - 1
    noise = np.random.default_rng(seed).standard_normal(clean.shape, dtype=np.float32)
    for step in range(steps + 1):
        share = step / steps if rising else 1 - step / steps
        signal = max(1e-4, math.cos((share + 0.008) / 1.008 * math.pi / 2))
        sigma = math.sqrt(1 - signal**2) if share else 0.0
        x_t = signal * clean + sigma * noise
        expected = clean * (1 - sigma) + clean.mean(axis=0) * sigma
        yield Frame(
            step, steps, share * timesteps, as_images(x_t / (signal + 2.5 * sigma)),
            as_images(expected), as_images(noise / 2.5) if share else None, min(step + 1, steps),
            step * 0.02, sigma, 2 * math.log(signal / sigma) if sigma else math.inf)


def as_images(x: np.ndarray) -> Images:
    """Turn values in [-1, 1] into uint8."""
    return np.clip(np.rint((x + 1) * 127.5), 0, 255).astype(np.uint8)


def drawing_events(count: int = 16, steps: int = 50, size: int = 8, channels: int = 1,
                   ) -> Iterator[Event]:
    """Tell a whole drawing."""
    yield Started("Drawing from ddpm-digits", Path("ddpm-digits"))
    for frame in frames(count, steps, size, channels):
        yield frame
        yield Progress(frame.step, steps)
    yield Done("finished", {"count": count, "nfe": steps})


def data_events(count: int = 64, offset: int = 0) -> Iterator[Event]:
    """Tell a data set being opened."""
    images, labels = digits()
    yield Started("Opening digits")
    for step in range(0, len(images), 200):
        yield Progress(step, len(images), "pictures", rate=12_000.0, left=0.1)
    places = range(offset, min(offset + count, len(images)))
    yield Browsed(
        "digits", len(images), images[places.start:places.stop], tuple(places),
        tuple(int(labels[place]) for place in places), CLASSES,
        tuple(int(number) for number in np.bincount(labels, minlength=10)),
        (("holiday/IMG_2041.png", "the file ends too early"),
         ("notes.psd", "not a picture format that is read")), 2)
    yield Done("finished", {"name": "digits", "total": len(images)})
