"""Classifiers: cross-entropy on labelled pictures, and the features that scores are measured with.

It draws nothing. How well it does on pictures that it has not learned from is told while it learns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from hybridstudio.config import ClassifierConfig, RunConfig
from hybridstudio.diffusion.noise import Randomness
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.errors import UsageError
from hybridstudio.families.contract import Batch, DrawPlan, Family, Update
from hybridstudio.nets.classifiers import Net, resnet, stack


class Classifier(Family):
    """One network from pictures to logits."""

    trained = ("classifier",)
    drawn = ("classifier",)
    judges: ClassVar[bool] = True

    def __init__(self, config: RunConfig) -> None:
        super().__init__(config)
        assert isinstance(config.model, ClassifierConfig)
        self.config = config.model
        self.classifier = _net(config, self.config)

    # --- training -----------------------------------------------------------------------------

    def train_step(
        self, batch: Batch, update: Update, noise: torch.Generator
    ) -> dict[str, Tensor]:
        """Do one step of cross-entropy with smoothed labels, on pictures moved a little."""
        assert batch.labels is not None
        images = shifted(rotated(batch.images, self.config.rotate, noise), self.config.shift, noise)
        logits = self.classifier(images).float()
        # Szegedy 2016, section 7: the target is (1 - ε) of the label and ε of all classes alike.
        loss = F.cross_entropy(logits, batch.labels, label_smoothing=self.config.smoothing)
        update("classifier", loss)
        return {"loss": loss.detach(), "accuracy": accuracy(logits.detach(), batch.labels)}

    def judge(self, batch: Batch) -> dict[str, Tensor]:
        """Return cross-entropy, without smoothing, and accuracy in [0, 1]."""
        assert batch.labels is not None
        logits = self.classifier(batch.images).float()
        return {"loss": F.cross_entropy(logits, batch.labels),
                "accuracy": accuracy(logits, batch.labels)}

    # --- what it is used for ------------------------------------------------------------------

    def features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Map pictures (N, C, H, W) in [-1, 1] to logits (N, classes) and features (N, D), float32.

        Call `eval()` first, so that a picture's features do not depend on those beside it.
        """
        logits, features = self.classifier.features(images)
        return logits.float(), features.float()

    def probabilities(self, images: Tensor) -> Tensor:
        """Return how probable each class is (N, classes) for pictures (N, C, H, W) in [-1, 1]."""
        return self.features(images)[0].softmax(dim=1)

    def draw(self, plan: DrawPlan, noise: Randomness) -> Iterator[Moment]:
        """Refuse with UsageError: there is nothing to draw."""
        raise UsageError("A classifier draws no pictures", "it tells the classes of given ones",
                         "draw with a run of another family; this one can serve as the feature "
                         "network of its scores")


def _net(config: RunConfig, model: ClassifierConfig) -> Net:
    """Build the network that a config asks for."""
    shape, classes = config.shape, len(config.data.classes)
    if shape.is_points or model.net == "fnn":
        return stack("fnn", shape, classes, hidden=model.hidden, norm=model.norm,
                     dropout=model.dropout)
    if model.net == "resnet":
        return resnet(model.depth, shape, classes, width=model.width, patch=model.patch,
                      dropout=model.dropout)
    return stack(model.net, shape, classes, channels=model.channels, hidden=model.hidden,
                 norm=model.norm, patch=model.patch, dropout=model.dropout)


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the share of pictures whose most probable class is their label."""
    return (logits.argmax(dim=1) == labels).float().mean()


# --- pictures moved a little ----------------------------------------------------------------------


def shifted(images: Tensor, most: int, noise: torch.Generator) -> Tensor:
    """Move each picture by whole pixels, up to `most` each way; its border is drawn out."""
    if most == 0:
        return images
    count, height, width = len(images), *images.shape[2:]
    down, right = torch.randint(-most, most + 1, (2, count, 1), generator=noise,
                                device=noise.device).to(images.device)
    rows = (torch.arange(height, device=images.device) - down).clamp(0, height - 1)
    columns = (torch.arange(width, device=images.device) - right).clamp(0, width - 1)
    every = torch.arange(count, device=images.device)[:, None, None]
    moved = images.permute(0, 2, 3, 1)[every, rows[:, :, None], columns[:, None]]
    return moved.permute(0, 3, 1, 2)


def rotated(images: Tensor, most: float, noise: torch.Generator) -> Tensor:
    """Turn each picture around its middle, up to `most` degrees each way; its border is drawn out.

    Pictures should be as wide as high.
    """
    if most == 0.0:
        return images
    turns = torch.rand(len(images), generator=noise, device=noise.device).to(images.device)
    angle = torch.deg2rad(most * (2.0 * turns - 1.0))
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    where = torch.stack([cos, -sin, zero, sin, cos, zero], dim=1).reshape(-1, 2, 3)
    with torch.autocast(images.device.type, enabled=False):
        grid = F.affine_grid(where, list(images.shape), align_corners=False)
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
