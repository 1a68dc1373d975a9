"""What is learned: one file for each family, read top to bottom, under one contract."""

from __future__ import annotations

from collections.abc import Callable

from hybridstudio.config import HybridConfig, RunConfig
from hybridstudio.families.bridged import Bridged
from hybridstudio.families.classifier import Classifier
from hybridstudio.families.contract import Batch, DrawPlan, Family, Update
from hybridstudio.families.ddgan import DDGAN
from hybridstudio.families.ddpm import DDPM
from hybridstudio.families.gan import GAN
from hybridstudio.families.hybrid import Hybrid
from hybridstudio.families.ncsn import NCSN
from hybridstudio.families.stylegan import StyleGAN
from hybridstudio.families.vae import VAE

__all__ = ["FAMILIES", "Batch", "DrawPlan", "Family", "Update"]



def hybrid(config: RunConfig) -> Family:
    """Make the hybrid of a config: its two stages learn, or are bridged as they are."""
    is_bridged = isinstance(config.model, HybridConfig) and config.model.mode == "pretrained"
    return Bridged(config) if is_bridged else Hybrid(config)


FAMILIES: dict[str, Callable[[RunConfig], Family]] = {
    "classifier": Classifier,
    "ddgan": DDGAN,
    "ddpm": DDPM,
    "gan": GAN,
    "hybrid": hybrid,
    "ncsn": NCSN,
    "stylegan": StyleGAN,
    "vae": VAE,
}
"""Every family by the name that `model.family` gives it."""
