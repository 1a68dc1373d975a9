"""What data sets are known to look like before they are opened."""

from __future__ import annotations

from typing import NamedTuple

from hybridstudio.config.data import DataConfig
from hybridstudio.config.run import RunConfig
from hybridstudio.errors import Problem


class Looks(NamedTuple):
    """Side and channels of a picture, the number of classes, whether it comes with the program."""

    size: int
    channels: int
    classes: int
    embedded: bool = False


# The data sets whose pictures, or points, are all alike.
KNOWN: dict[str, Looks] = {
    "digits": Looks(8, 1, 10, embedded=True),
    "shapes": Looks(32, 3, 8, embedded=True),
    "mnist": Looks(28, 1, 10),
    "fashion-mnist": Looks(28, 1, 10),
    "kmnist": Looks(28, 1, 10),
    "stacked-mnist": Looks(28, 3, 1000),
    "cifar10": Looks(32, 3, 10),
    "gaussians25": Looks(1, 2, 25, embedded=True),
    "gaussians8": Looks(1, 2, 8, embedded=True),
    "rings": Looks(1, 2, 4, embedded=True),
    "swissroll": Looks(1, 2, 3, embedded=True),
    "moons": Looks(1, 2, 2, embedded=True),
}


def is_embedded(data: DataConfig) -> bool:
    """Tell whether a data set is there without a download."""
    return data.name in KNOWN and KNOWN[data.name].embedded


def resolved(config: RunConfig) -> RunConfig:
    """Fill in what the data set will say, as far as that is known."""
    looks = KNOWN.get(config.data.name)
    return config if looks is None else _with(config, looks)


def problems(config: RunConfig) -> list[Problem]:
    """Tell why settings do not go together, taking the data for what they most probably are.

    Of data that nobody has seen yet colour and two classes are expected; what they say themselves
    is checked again when they are opened.
    """
    looks = KNOWN.get(config.data.name)
    if looks is None and config.data.size is not None:
        looks = Looks(config.data.size, 2 if config.data.size == 1 else 3, 2)
    return config.problems() if looks is None else _with(config, looks).problems()


def _with(config: RunConfig, looks: Looks) -> RunConfig:
    data = config.data
    return config.model_copy(update={"data": data.model_copy(update={
        "size": data.size or looks.size, "channels": data.channels or looks.channels,
        "classes": data.classes or tuple(map(str, range(looks.classes)))})})
