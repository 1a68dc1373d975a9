"""All that a run is made from."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from hybridstudio.config.data import DataConfig, Shape
from hybridstudio.config.fields import Section, field
from hybridstudio.config.models import DdpmConfig, ModelConfig
from hybridstudio.config.train import SampleConfig, TrainConfig
from hybridstudio.errors import Problem, UsageError

SCHEMA_VERSION = 1
STEADY_NFE = 50  # of a sampler without fresh noise: more hardly change its pictures


class RunConfig(Section):
    """All that a run is made from; `run.toml` holds it resolved."""

    title: ClassVar[str] = "Run"
    schema_version: int = field(SCHEMA_VERSION, "Version of this file's layout.", advanced=True)
    name: str = field("run", "What the run is called.", min_length=1, max_length=100)
    says: str = field("", "One sentence on what this is.", advanced=True)
    source: str = field("", "The paper or report that it comes from.", advanced=True)
    data: DataConfig = Field(default_factory=DataConfig)
    model: ModelConfig = Field(default_factory=DdpmConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    sample: SampleConfig = Field(default_factory=SampleConfig)

    @property
    def shape(self) -> Shape:
        """Shape of one picture; known once the data has been resolved into the config."""
        if self.data.shape is None:
            raise UsageError("This config does not say how large its pictures are",
                             "data.size or data.channels is empty",
                             "open the data first, or set both")
        return self.data.shape

    @property
    def sampler(self) -> str:
        """The way pictures are drawn: the config's, or else the family's own; "" draws nothing."""
        return self.sample.sampler or next(iter(self.model.samplers), "")

    @property
    def nfe(self) -> int:
        """Network evaluations for each picture: the config's, or else the family's usual number."""
        return self.sample.nfe or self.model.evaluations.usual

    @property
    def steady_sampler(self) -> str:
        """The way in which a code alone decides its picture: the usual one where it does, or "".
        """
        steady = self.model.steady
        return self.sampler if self.sampler in steady else next(iter(steady), "")

    @property
    def steady_nfe(self) -> int:
        """Evaluations of that way; one without fresh noise in its steps needs no more than 50."""
        return self.nfe if self.sampler == self.steady_sampler else min(self.nfe, STEADY_NFE)

    def settled(self) -> RunConfig:
        """Return the config with what the family settles itself filled in."""
        if not self.model.samplers:
            return self
        sample = {"sampler": self.sampler, "nfe": self.nfe}
        return self.model_copy(update={"sample": self.sample.model_copy(update=sample)})

    def problems(self) -> list[Problem]:
        """Tell every reason why these settings do not go together."""
        told = list(self.model.problems(self.data, self.data.shape, self.train))
        names, (low, _, high) = self.model.samplers, self.model.evaluations
        if self.sample.sampler is not None and self.sample.sampler not in names:
            told.append(Problem(
                "sample.sampler", f"a {self.model.family} does not draw with {self.sample.sampler}",
                f"leave it empty or choose {', '.join(names)}" if names else "leave it empty"))
        if self.sample.nfe is not None and names and not low <= self.sample.nfe <= high:
            told.append(Problem("sample.nfe", (
                f"should be {low} to {high:,}, not {self.sample.nfe}" if low < high
                else f"this model always takes {low}"), "leave it empty for the usual number"))
        return told
