"""A run's configuration: one model of it drives the TOML file, the form, the flags and the reader.

A config has five parts: what is learned (`model`, one class for each family), from what (`data`),
how (`train`), how pictures are drawn by default (`sample`), and what the run is called. Every field
carries its default, its limits, its unit and one sentence of help, so that nothing about a field
is written twice.
"""

from __future__ import annotations

from hybridstudio.config.data import DataConfig, Shape
from hybridstudio.config.fields import Knob, Leaf, Section, field, leaves, value_at
from hybridstudio.config.models import (
    MODELS,
    ClassifierConfig,
    DdganConfig,
    DdpmConfig,
    Evaluations,
    GanConfig,
    HybridConfig,
    ModelConfig,
    ModelSection,
    NcsnConfig,
    StyleganConfig,
    VaeConfig,
)
from hybridstudio.config.reading import (
    MAX_BYTES,
    assignment,
    dumps,
    load,
    loads,
    parse,
    plain,
    read_text,
    with_values,
)
from hybridstudio.config.run import SCHEMA_VERSION, RunConfig
from hybridstudio.config.train import SampleConfig, TrainConfig

__all__ = [
    "MAX_BYTES", "MODELS", "SCHEMA_VERSION", "ClassifierConfig", "DataConfig", "DdganConfig",
    "DdpmConfig", "Evaluations", "GanConfig", "HybridConfig", "Knob", "Leaf", "ModelConfig",
    "ModelSection", "NcsnConfig", "RunConfig", "SampleConfig", "Section", "Shape",
    "StyleganConfig", "TrainConfig", "VaeConfig", "assignment", "dumps", "field", "leaves", "load",
    "loads", "parse", "plain", "read_text", "value_at", "with_values",
]
