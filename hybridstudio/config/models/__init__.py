"""The settings of every family, by its name."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hybridstudio.config.models.base import Evaluations, ModelSection
from hybridstudio.config.models.classifier import ClassifierConfig
from hybridstudio.config.models.ddgan import DdganConfig
from hybridstudio.config.models.ddpm import DdpmConfig
from hybridstudio.config.models.gan import GanConfig
from hybridstudio.config.models.hybrid import HybridConfig
from hybridstudio.config.models.ncsn import NcsnConfig
from hybridstudio.config.models.stylegan import StyleganConfig
from hybridstudio.config.models.vae import VaeConfig

__all__ = [
    "MODELS", "ClassifierConfig", "DdganConfig", "DdpmConfig", "Evaluations", "GanConfig",
    "HybridConfig", "ModelConfig", "ModelSection", "NcsnConfig", "StyleganConfig", "VaeConfig",
]

MODELS: dict[str, type[ModelSection]] = {
    "classifier": ClassifierConfig,
    "ddgan": DdganConfig,
    "ddpm": DdpmConfig,
    "gan": GanConfig,
    "hybrid": HybridConfig,
    "ncsn": NcsnConfig,
    "stylegan": StyleganConfig,
    "vae": VaeConfig,
}
"""The settings of every family by the name that `model.family` gives it."""

ModelConfig = Annotated[
    ClassifierConfig | DdganConfig | DdpmConfig | GanConfig | HybridConfig
    | NcsnConfig | StyleganConfig | VaeConfig,
    Field(discriminator="family")]
