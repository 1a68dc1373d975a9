"""What is learned from."""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple

from pydantic import field_validator, model_validator

from hybridstudio.config.fields import Section, field


class Shape(NamedTuple):
    """Channels, height and width of one picture.

    A point of the plane is a picture of two channels and one pixel, so that networks, schedules and
    samplers need to know nothing of points.
    """

    channels: int
    height: int
    width: int

    @property
    def is_points(self) -> bool:
        """Whether these are points of the plane."""
        return self.channels == 2


class DataConfig(Section):
    """What is learned from."""

    title: ClassVar[str] = "Data"
    name: str = field("digits", "A data set by name, folder:PATH or zip:PATH.", min_length=1)
    split: Literal["train", "test", "all"] = field("train", "Which part of the data set is used.")
    size: int | None = field(
        None, "Side of the square pictures; empty keeps the data set's own.",
        unit="pixels", ge=1, le=256,
    )
    channels: Literal[1, 2, 3] | None = field(
        None, "1 for grey, 3 for colour, 2 for points of the plane; empty keeps the data's own.")
    fit: Literal["crop", "pad", "stretch"] = field(
        "crop", "How a picture that is not square becomes square.", advanced=True)
    flip: bool = field(False, "Mirror half of the pictures left to right while training.")
    limit: int | None = field(
        None, "Use only this many pictures; empty uses all.", unit="pictures", ge=1, advanced=True)
    classes: tuple[str, ...] = field(
        (), "Names of the classes; filled in from the data set.", advanced=True)

    @field_validator("size")
    @classmethod
    def _points_or_pictures(cls, size: int | None) -> int | None:
        if size is not None and 1 < size < 8:
            raise ValueError("should be at least 8, or 1 for points of the plane")
        return size

    @model_validator(mode="after")
    def _points_have_two_coordinates(self) -> DataConfig:
        if self.size is not None and self.channels is not None and (
                (self.size == 1) != (self.channels == 2)):
            raise ValueError("points have size 1 and 2 channels, pictures 1 or 3 channels")
        return self

    @property
    def shape(self) -> Shape | None:
        """Shape of one picture, or None until the data set was opened and filled it in."""
        if self.size is None or self.channels is None:
            return None
        return Shape(self.channels, self.size, self.size)
