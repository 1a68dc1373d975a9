"""Settings of the family `classifier`: it tells classes apart and draws nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import field_validator

from hybridstudio.config.data import DataConfig, Shape
from hybridstudio.config.fields import field
from hybridstudio.config.models.base import ModelSection
from hybridstudio.config.train import TrainConfig
from hybridstudio.errors import Problem

CONVOLUTIONS = {"fnn": 0, "cnn": 3, "alexnet": 5, "resnet": 0}  # unless channels says otherwise


class ClassifierConfig(ModelSection):
    """A network that tells classes apart, also the feature network of scores."""

    title: ClassVar[str] = "Classifier"
    networks: ClassVar[tuple[str, ...]] = ("classifier",)
    no_space: ClassVar[str] = "A classifier draws nothing, so there is no space to draw from."
    family: Literal["classifier"] = field("classifier", "The family of the model.")
    net: Literal["fnn", "cnn", "alexnet", "resnet"] = field(
        "cnn", "Fully connected, convolutional, AlexNet style or residual; points of the plane "
        "always take a fully connected one.")
    hidden: tuple[int, ...] = field(
        (), "Widths of the hidden dense layers; empty takes 64, 32 (fully connected), 128 (CNN) or "
        "none (AlexNet style).", max_length=8)
    channels: tuple[int, ...] = field(
        (), "Channels of the convolutions; empty takes 32, 64, 128 (CNN) or 64, 192, 384, 256, 256 "
        "(AlexNet style).", unit="channels", max_length=12)
    depth: Literal[18, 34, 50] = field(18, "Layers of a residual net; 50 has bottlenecks.")
    width: int = field(64, "Channels of a residual net's first stage; each further one doubles "
                       "them.", unit="channels", ge=8, le=256)
    patch: Literal[1, 2, 4] = field(
        1, "Space-to-depth stem: convolutions work at 1/patch of the resolution, which is faster.")
    norm: bool = field(True, "Batch normalisation after every layer; residual nets always have it.")
    dropout: float = field(0.0, "Share of the features hidden from the last layer while training.",
                           ge=0.0, lt=1.0)
    smoothing: float = field(0.0, "Label smoothing: share of the target spread over all classes.",
                             ge=0.0, lt=1.0)
    shift: int = field(0, "Move each picture by up to this much while training.",
                       unit="pixels", ge=0, le=64)
    rotate: float = field(0.0, "Turn each picture by up to this much while training.",
                          unit="degrees", ge=0.0, le=180.0)

    @field_validator("hidden", "channels")
    @classmethod
    def _widths_in_range(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if not all(1 <= width <= 4096 for width in widths):
            raise ValueError("every width should be 1 to 4096")
        return widths

    @property
    def learns_labels(self) -> bool:
        """Labels are all that it learns."""
        return True

    def problems(self, data: DataConfig, shape: Shape | None,
                 train: TrainConfig) -> Iterator[Problem]:
        """Tell data without classes, pictures too small for the net, settings that say nothing."""
        if self.channels and not CONVOLUTIONS[self.net]:
            yield Problem("model.channels", f"means nothing to the net {self.net}",
                          "leave it empty")
        if self.hidden and self.net == "resnet":
            yield Problem("model.hidden", "means nothing to the net resnet", "leave it empty")
        if train.batch_size < 2 and (self.norm or self.net == "resnet"):
            yield Problem("train.batch_size", "batch normalisation needs two pictures or more",
                          "use at least 2")
        if shape is None:
            return
        if len(data.classes) < 2:
            has = f"only the class {data.classes[0]}" if data.classes else "no classes"
            yield Problem("data.name", f"a classifier learns classes, and the data set has {has}",
                          "choose labelled data, such as a folder of folders named by class")
        if shape.is_points:
            if self.shift or self.rotate:
                yield Problem("model.shift" if self.shift else "model.rotate",
                              "moves pixels, and points have none", "set it to 0")
            return
        yield from self._too_small(shape)

    def _too_small(self, shape: Shape) -> Iterator[Problem]:
        """Tell what the resolution does not allow."""
        convolutions = len(self.channels) or CONVOLUTIONS[self.net]
        if self.net == "fnn":
            return
        if shape.height % self.patch:
            yield Problem("data.size", f"{shape.height} is not a multiple of {self.patch}, which "
                          "model.patch asks for")
        halvings = min(convolutions, 3) if self.net == "alexnet" else convolutions
        if shape.height // self.patch < 2**halvings:
            yield Problem("data.size", f"{shape.height} cannot be halved {halvings} times after "
                          f"model.patch {self.patch}, as the convolutions ask for",
                          "use larger pictures, a smaller model.patch or fewer convolutions")
        if self.shift >= shape.height:
            yield Problem("model.shift", f"moves pictures of {shape.height} pixels out of sight",
                          f"use at most {shape.height // 4}")
