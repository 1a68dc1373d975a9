"""What every family's config says of itself, so that nobody outside asks for its name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from hybridstudio.config.data import DataConfig, Shape
from hybridstudio.config.fields import Knob, Section
from hybridstudio.config.train import TrainConfig
from hybridstudio.errors import Problem


class Evaluations(NamedTuple):
    """How many network evaluations a picture may take: the fewest, the usual number, the most."""

    low: int
    usual: int
    high: int


ONE_PASS = Evaluations(1, 1, 1)


class Space(NamedTuple):
    """A latent space: its name ("z", "w", "x_T"), a sentence, its dimensions D and its nature.

    A point of it is a code, float32 (D,). Where `is_normal`, codes are drawn from N(0, 1) in every
    dimension, so that walks follow the sphere. `parts` names runs of dimensions that belong
    together, as layers of styles or the z of each step: (name, how many), in their order.
    `finds` says how a picture's code is found: encoder, inversion, search, or "" where it is not.
    `follows` names the space whose codes are mapped to it, where seeds have no codes of its own:
    the engine carries them over when asked by `Place`.
    """

    name: str
    says: str
    dimensions: int
    is_normal: bool = True
    parts: tuple[tuple[str, int], ...] = ()
    finds: str = "search"
    directions: tuple[str, ...] = ()  # of pca, sefa, kl
    follows: str = ""


class ModelSection(Section):
    """A family's own settings, and what it offers where pictures are drawn."""

    family: str
    networks: ClassVar[tuple[str, ...]] = ()  # those that learn, by the names that curves use
    samplers: ClassVar[tuple[str, ...]] = ()  # ways to draw, the usual one first; () draws nothing
    guided: ClassVar[bool] = False  # whether classifier-free guidance means something
    adversarial: ClassVar[bool] = False  # whether two players learn against each other
    inpaints: ClassVar[bool] = False  # whether a picture known in part can be completed
    lends: ClassVar[tuple[str, ...]] = ()  # parts that are models themselves and may be taken
    no_space: ClassVar[str] = ""  # why there is no latent space, a sentence, where there is none

    @property
    def players(self) -> tuple[str, ...]:
        """Networks that may step alone while a training is paused."""
        return self.networks

    @property
    def learns_labels(self) -> bool:
        """Whether class labels are learned, so that a class can be asked for."""
        return bool(getattr(self, "labels", False))

    @property
    def inverts(self) -> bool:
        """Whether a picture can be brought to the noise that it would be drawn from."""
        return False

    @property
    def levels(self) -> int:
        """How many noise levels drawing walks down; 0 where a picture comes in one pass."""
        return 0

    @property
    def evaluations(self) -> Evaluations:
        """Return how many network evaluations a picture may be drawn with."""
        return ONE_PASS

    @property
    def draws_after(self) -> float:
        """The share of a training before which what is drawn says little of it."""
        return 0.0

    @property
    def noising(self) -> tuple[str, int]:
        """Return the schedule's name and T under which data are shown being noised."""
        return "linear", 1000

    def knobs(self) -> tuple[Knob, ...]:
        """List the further settings of drawing."""
        return ()

    def draws_noise(self, sampler: str, eta: float) -> bool:
        """Tell whether fresh noise is drawn on the way, so that another seed changes what comes."""
        return True

    def spaces(self, shape: Shape) -> tuple[Space, ...]:
        """List the latent spaces that pictures are drawn from, the usual one first.

        Where there are none, `no_space` says why.
        """
        return ()

    @property
    def steady(self) -> tuple[str, ...]:
        """Samplers by which a code alone decides its picture, the usual one first."""
        return self.samplers

    def borrows(self) -> dict[str, str]:
        """Return the runs whose networks are taken, by the part of the model that takes them."""
        return {}

    def idle(self) -> tuple[str, ...]:
        """Return the beginnings of the paths that mean nothing now, as in a part that is taken."""
        drawing = () if self.samplers else ("train.score_",)
        return (*(f"model.{part}." for part in self.borrows()), *drawing)

    def problems(self, data: DataConfig, shape: Shape | None,
                 train: TrainConfig) -> Iterator[Problem]:
        """Tell every reason why this cannot be learned; `shape` is None until data are open."""
        yield from ()


def of_labels(labels: bool, data: DataConfig, shape: Shape | None) -> Iterator[Problem]:
    """Tell where labels are asked for that the data set, once it is open, does not have."""
    if shape is not None and labels and not data.classes:
        yield Problem("model.labels", "the data set has no classes", "set model.labels = false")


def of_levels(size: int | None, patch: int, channel_mult: tuple[int, ...],
              attention: tuple[int, ...]) -> Iterator[Problem]:
    """Tell what a UNet of these levels cannot do with pictures of this side."""
    if size is None or size == 1:  # not known yet, or points of the plane
        return
    factor = patch * 2 ** (len(channel_mult) - 1)
    if size % factor:
        yield Problem(
            "data.size", f"{size} is not a multiple of {factor}, which model.patch and the levels "
            "of model.channel_mult ask for")
    sides = [size // patch // 2**level for level in range(len(channel_mult))]
    if idle := [side for side in attention if side not in sides]:
        yield Problem("model.attention", f"names {idle[0]}, but the inner resolutions are "
                      f"{', '.join(map(str, sides))}")
