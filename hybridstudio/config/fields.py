"""What a config is made of: sections, fields with their help, and the flat list of them all."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict


class Section(BaseModel):
    """One table of the TOML file: unknown keys are errors, values never change after parsing."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    title: ClassVar[str] = ""


def field(default: Any, says: str, *, unit: str = "", advanced: bool = False, **limits: Any) -> Any:
    """Declare a field: its default, one sentence of help, its unit, and pydantic's limits on it."""
    extra: JsonDict = {"unit": unit, "advanced": advanced}
    return Field(default, description=says, json_schema_extra=extra, **limits)


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


def leaves(section: type[Section] | Section, prefix: str = "") -> Iterator[Leaf]:
    """List every field of a config in reading order; pass a config to follow its own family."""
    cls = section if isinstance(section, type) else type(section)
    for name, info in cls.model_fields.items():
        path = f"{prefix}{name}"
        value = None if isinstance(section, type) else getattr(section, name)
        if isinstance(section, type) and info.default_factory is not None:
            # A section, or one of several: the family that is meant unless another is named.
            value = info.get_default(call_default_factory=True)
        if isinstance(value, Section):
            yield from leaves(value, f"{path}.")
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


class Knob(NamedTuple):
    """A further setting of drawing that a family offers; forms and flags are made from it.

    It means something only where the field `needs` of a drawing's request is given.
    """

    name: str
    label: str
    says: str
    default: float
    low: float
    high: float
    step: float = 0.1
    whole: bool = False
    needs: str = ""
