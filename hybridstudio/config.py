"""A run's configuration: one model of it drives the TOML file, the form, the flags and the reader.

A config has five parts: what is learned (`model`, one class per family), from what (`data`), how
(`train`), how pictures are drawn by default (`sample`), and what the run is called. Every field
carries its default, its limits, its unit and one sentence of help, so that nothing about a field
is written twice.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.config import JsonDict
from tomlkit.exceptions import TOMLKitError

from hybridstudio.errors import ConfigError, Problem, UsageError

SCHEMA_VERSION = 1
MAX_BYTES = 1_000_000  # a config larger than this is some other file

SAMPLERS = ("ancestral", "ddim", "dpm++2m", "unipc", "heun", "euler")


class Section(BaseModel):
    """One table of the TOML file: unknown keys are errors, values never change after parsing."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    title: ClassVar[str] = ""


def field(default: Any, says: str, *, unit: str = "", advanced: bool = False, **limits: Any) -> Any:
    """Declare a field: its default, one sentence of help, its unit, and pydantic's limits on it."""
    extra: JsonDict = {"unit": unit, "advanced": advanced}
    return Field(default, description=says, json_schema_extra=extra, **limits)


class DataConfig(Section):
    """What is learned from."""

    title: ClassVar[str] = "Data"
    name: str = field("digits", "A data set by name, folder:PATH or zip:PATH.", min_length=1)
    split: Literal["train", "test", "all"] = field("train", "Which part of the data set is used.")
    size: int | None = field(
        None, "Side of the square pictures; empty keeps the data set's own.",
        unit="pixels", ge=8, le=256,
    )
    channels: Literal[1, 3] | None = field(
        None, "1 for grey, 3 for colour; empty keeps the data set's own.")
    fit: Literal["crop", "pad", "stretch"] = field(
        "crop", "How a picture that is not square becomes square.", advanced=True)
    flip: bool = field(False, "Mirror half of the pictures left to right while training.")
    limit: int | None = field(
        None, "Use only this many pictures; empty uses all.", unit="pictures", ge=1, advanced=True)
    classes: tuple[str, ...] = field(
        (), "Names of the classes; filled in from the data set.", advanced=True)


class DdpmConfig(Section):
    """A denoising diffusion model (Ho 2020; Nichol & Dhariwal 2021)."""

    title: ClassVar[str] = "Diffusion model"
    family: Literal["ddpm"] = field("ddpm", "The family of the model.")
    width: int = field(64, "Channels of the UNet at full inner resolution.",
                       unit="channels", ge=8, le=512, multiple_of=8)
    channel_mult: tuple[int, ...] = field(
        (1, 2), "Width of each level as a multiple; each further level halves the resolution.",
        min_length=1, max_length=6)
    blocks: int = field(2, "Residual blocks at each level.", ge=1, le=6)
    attention: tuple[int, ...] = field(
        (), "Inner resolutions at which self-attention is used.", unit="pixels")
    head_width: int = field(64, "Channels of each attention head.", unit="channels", ge=8, le=256,
                            advanced=True)
    dropout: float = field(0.0, "Dropout inside the residual blocks.", ge=0.0, lt=1.0)
    patch: Literal[1, 2, 4] = field(
        1, "Space-to-depth stem: the UNet works at 1/patch of the resolution, which is faster.")
    labels: bool = field(False, "Learn the class labels, so that a class can be asked for.")
    label_dropout: float = field(
        0.1, "Share of labels hidden while training, which makes guidance possible.",
        ge=0.0, le=1.0, advanced=True)
    timesteps: int = field(1000, "Number of noise levels T.", unit="steps", ge=2, le=10_000)
    schedule: Literal["linear", "cosine", "sigmoid"] = field(
        "linear", "How the noise grows with t.")
    predict: Literal["eps", "x0", "v"] = field(
        "eps", "What the network predicts: the noise, the clean picture, or the velocity.")
    variance: Literal["fixed_small", "fixed_large", "learned"] = field(
        "fixed_small", "Variance of the reverse process: β̃_t, β_t, or learned between them.")
    vlb_weight: float = field(
        0.001, "Weight λ of L_vlb in L_hybrid, used when the variance is learned.",
        ge=0.0, le=1.0, advanced=True)
    weighting: Literal["uniform", "min_snr"] = field(
        "uniform", "Weight of each noise level in the loss: all alike, or min-SNR-5.",
        advanced=True)

    @field_validator("channel_mult")
    @classmethod
    def _multiples_in_range(cls, multiples: tuple[int, ...]) -> tuple[int, ...]:
        if not all(1 <= multiple <= 16 for multiple in multiples):
            raise ValueError("every multiple should be 1 to 16")
        return multiples


ModelConfig = Annotated[DdpmConfig, Field()]  # a union by `family` once there is more than one


class TrainConfig(Section):
    """How it is learned."""

    title: ClassVar[str] = "Training"
    steps: int = field(20_000, "How many batches to train on.", unit="steps", ge=1)
    batch_size: int = field(128, "Pictures in each batch.", unit="pictures", ge=1, le=65_536)
    optimiser: Literal["adam", "adamw"] = field("adam", "The update rule.", advanced=True)
    lr: float = field(2e-4, "Learning rate.", gt=0.0, le=1.0)
    betas: tuple[float, float] = field((0.9, 0.999), "Adam's two decay rates.", advanced=True)
    weight_decay: float = field(0.0, "Pull of the weights towards zero.", ge=0.0, le=1.0,
                                advanced=True)
    warmup: int = field(100, "Steps over which the learning rate rises from zero.",
                        unit="steps", ge=0)
    decay: Literal["constant", "cosine", "linear"] = field(
        "constant", "How the learning rate falls towards the end of training.")
    ema: float = field(0.999, "Decay of the exponential moving average of the weights.",
                       ge=0.0, lt=1.0)
    grad_clip: float = field(1.0, "Largest norm of a gradient; 0 leaves gradients alone.", ge=0.0)
    precision: Literal["auto", "float32", "bfloat16"] = field(
        "auto", "Arithmetic of the networks; auto takes bfloat16 where the machine is fast at it.")
    seed: int = field(0, "Where all random numbers of the run begin.", ge=0, le=2**31 - 1)
    log_every: int = field(10, "Steps between points of the curves.", unit="steps", ge=1)
    preview_every: int = field(500, "Steps between previews from fixed noise.", unit="steps", ge=1)
    save_every: int = field(1000, "Steps between checkpoints.", unit="steps", ge=1)
    keep: int = field(3, "How many checkpoints are kept.", ge=1, le=1000)

    @model_validator(mode="after")
    def _betas_in_range(self) -> TrainConfig:
        if not all(0.0 <= beta < 1.0 for beta in self.betas):
            raise ValueError("betas must lie between 0 and 1")
        return self


class SampleConfig(Section):
    """How pictures are drawn unless something else is asked."""

    title: ClassVar[str] = "Sampling"
    sampler: Literal["ancestral", "ddim", "dpm++2m", "unipc", "heun", "euler"] = field(
        "ddim", "The method that turns noise into pictures.")
    nfe: int = field(50, "Network evaluations for each picture.", unit="evaluations",
                     ge=1, le=10_000)
    eta: float = field(0.0, "Fresh noise in each DDIM step: 0 is deterministic, 1 is ancestral.",
                       ge=0.0, le=1.0)
    guidance: float = field(
        1.0, "Classifier-free guidance: 1 follows the class as learned, more exaggerates it.",
        ge=0.0, le=20.0)
    count: int = field(16, "Pictures in each preview.", unit="pictures", ge=1, le=256)
    seed: int = field(0, "Seed of the preview noise.", ge=0, le=2**31 - 1)


class Shape(NamedTuple):
    """Channels, height and width of one picture."""

    channels: int
    height: int
    width: int


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
        if self.data.size is None or self.data.channels is None:
            raise UsageError("This config does not say how large its pictures are",
                             "data.size or data.channels is empty",
                             "open the data first, or set both")
        return Shape(self.data.channels, self.data.size, self.data.size)

    @model_validator(mode="after")
    def _shape_divides(self) -> RunConfig:
        if self.data.size is None:
            return self
        factor = self.model.patch * 2 ** (len(self.model.channel_mult) - 1)
        if self.data.size % factor:
            raise ValueError(
                f"data.size {self.data.size} is not a multiple of {factor}, which model.patch and "
                f"the levels of model.channel_mult ask for")
        sides = [self.data.size // self.model.patch // 2**level
                 for level in range(len(self.model.channel_mult))]
        if idle := [side for side in self.model.attention if side not in sides]:
            raise ValueError(f"model.attention names {idle[0]}, but the inner resolutions are "
                             f"{', '.join(map(str, sides))}")
        return self


# --- the fields as a flat list: what the form, --help and the reader show -------------------------


@dataclass(frozen=True)
class Leaf:
    """One field: its dotted path, type, default, help, unit and limits."""

    path: str
    type: Any
    default: Any
    says: str
    unit: str
    advanced: bool
    limits: Mapping[str, Any]

    @property
    def choices(self) -> tuple[Any, ...]:
        """Values that the field can take where they are a fixed list, else ()."""
        options: tuple[Any, ...] = ()
        for part in _union_parts(self.type):
            if typing.get_origin(part) is Literal:
                options += typing.get_args(part)
        return options

    @property
    def optional(self) -> bool:
        """Whether the field may be left empty."""
        return types.NoneType in _union_parts(self.type)


def _union_parts(kind: Any) -> tuple[Any, ...]:
    is_union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    return typing.get_args(kind) if is_union else (kind,)


def leaves(section: type[Section] | Section = RunConfig, prefix: str = "") -> Iterator[Leaf]:
    """List every field of a config in reading order; pass a config to follow its own family."""
    cls = section if isinstance(section, type) else type(section)
    for name, info in cls.model_fields.items():
        path = f"{prefix}{name}"
        value = None if isinstance(section, type) else getattr(section, name)
        kind = type(value) if isinstance(value, Section) else info.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from leaves(value if isinstance(value, Section) else kind, f"{path}.")
            continue
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        limits = {key: getattr(rule, key) for rule in info.metadata
                  for key in ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length")
                  if getattr(rule, key, None) is not None}
        yield Leaf(path, info.annotation, info.get_default(call_default_factory=True),
                   info.description or "", str(extra.get("unit", "")),
                   bool(extra.get("advanced", False)), limits)


def value_at(config: Section, path: str) -> Any:
    """Return the value of the field at a dotted path; raises AttributeError for an unknown one."""
    value: Any = config
    for part in path.split("."):
        value = getattr(value, part)
    return value


# --- reading --------------------------------------------------------------------------------------


def parse(values: Mapping[str, Any], source: str = "the config") -> RunConfig:
    """Make a config from nested plain values; raises ConfigError naming every fault at once."""
    values = _migrated(values, source)
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError([_told(fault) for fault in error.errors()], source) from None


def loads(text: str, source: str = "the config") -> RunConfig:
    """Parse TOML text; raises ConfigError."""
    return parse(plain(text, source), source)


def plain(text: str, source: str = "the config") -> dict[str, Any]:
    """Turn TOML text into nested plain values, unchecked; raises ConfigError on bad syntax."""
    try:
        return tomlkit.parse(text).unwrap()
    except TOMLKitError as error:
        raise ConfigError([Problem("TOML", str(error))], source) from None


def load(path: Path) -> RunConfig:
    """Read a config from a TOML file; raises ConfigError (or OSError when it cannot be read)."""
    return loads(read_text(path), str(path))


def read_text(path: Path) -> str:
    """Read a small text file as UTF-8 with or without a BOM; raises ConfigError otherwise."""
    with path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ConfigError([Problem("file", "larger than 1 MB", "this is no config")], str(path))
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError([Problem("file", "encoded as UTF-16", "save it as UTF-8")], str(path))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError([Problem("file", f"not UTF-8: {error}", "save it as UTF-8")],
                          str(path)) from None


def dumps(config: RunConfig) -> str:
    """Write a config as TOML; empty optional fields are left out, since TOML has no null."""
    return tomlkit.dumps(config.model_dump(mode="json", exclude_none=True))


def with_values(config: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
    """Return the config with values at dotted paths replaced and everything checked anew.

    Raises ConfigError naming every unknown path and every bad value.
    """
    values = config.model_dump(mode="python")
    problems = []
    for path, value in changes.items():
        *parents, last = path.split(".")
        table: Any = values
        for parent in parents:
            table = table.get(parent) if isinstance(table, dict) else None
        if not isinstance(table, dict) or last not in table or isinstance(table[last], dict):
            problems.append(Problem(path, "no such field", _nearest(path)))
        else:
            table[last] = value
    try:
        changed = parse(values, "the changed config")
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems, "the changed config")
    return changed


def assignment(text: str) -> tuple[str, Any]:
    """Split `key=value` as --set takes it; the value is read as TOML, or else as a string."""
    path, equals, raw = text.partition("=")
    if not equals or not path.strip():
        raise UsageError(f"--set {text} has no value", fix="write it as --set train.lr=0.0002")
    path, raw = path.strip(), raw.strip()
    if raw in ("", "none", "None"):
        return path, None
    try:
        return path, tomlkit.parse(f"value = {raw}").unwrap()["value"]
    except TOMLKitError:
        return path, raw


def _migrated(values: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    version = values.get("schema_version", SCHEMA_VERSION)
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise ConfigError([Problem(
            "schema_version", f"{version} is newer than this program's {SCHEMA_VERSION}",
            "update HybridStudio to open it")], source)
    return values


def _told(fault: Any) -> Problem:
    """Tell one of pydantic's faults in a user's words, with the nearest name for a typo."""
    path = ".".join(str(part) for part in fault["loc"]) or "config"
    if fault["type"] == "extra_forbidden":
        return Problem(path, "no such field", _nearest(path))
    shown = fault["input"]
    what = str(fault["msg"]).removeprefix("Value error, ")
    what = what.replace("Input should", "should")
    is_scalar = isinstance(shown, (str, int, float, bool))
    return Problem(path, what + (f", not {shown!r}" if is_scalar else ""))


def _nearest(path: str) -> str:
    """Suggest the field that was probably meant, looking first at whole paths, then at names."""
    known = [leaf.path for leaf in leaves()]
    by_name = {name.rpartition(".")[2]: name for name in reversed(known)}
    close = difflib.get_close_matches(path, known, n=1, cutoff=0.75)
    if not close:
        last = difflib.get_close_matches(path.rpartition(".")[2], by_name, n=1, cutoff=0.6)
        close = [by_name[name] for name in last]
    return f"did you mean {close[0]}?" if close else ""
