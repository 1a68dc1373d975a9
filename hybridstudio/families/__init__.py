"""What is learned: one file for each family, read top to bottom, under one contract."""

from __future__ import annotations

from hybridstudio.families.classifier import Classifier
from hybridstudio.families.contract import Batch, DrawPlan, Family, Update
from hybridstudio.families.ddpm import DDPM
from hybridstudio.families.gan import GAN
from hybridstudio.families.hybrid import Hybrid
from hybridstudio.families.vae import VAE

__all__ = ["FAMILIES", "Batch", "DrawPlan", "Family", "Update"]

FAMILIES: dict[str, type[Family]] = {
    "classifier": Classifier,
    "ddpm": DDPM,
    "gan": GAN,
    "hybrid": Hybrid,
    "vae": VAE,
}
"""Every family by the name that `model.family` gives it."""
