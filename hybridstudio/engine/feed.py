"""Batches for training: pictures on the device, in an order that a checkpoint can continue."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from hybridstudio.data import Dataset
from hybridstudio.errors import ConfigError, Problem
from hybridstudio.families import Batch

RESIDENT_SHARE = 0.3  # of the GPU's free memory that a data set may take


class Order:
    """The order of pictures: epoch after epoch, each in a random order, without a remainder.

    Its state is the stream's state when the epoch began and the place within the epoch.
    """

    def __init__(self, count: int, batch_size: int, stream: torch.Generator) -> None:
        if batch_size > count:
            raise ConfigError([Problem(
                "train.batch_size", f"{batch_size} is more than the {count} pictures of the data",
                f"use at most {count}")])
        self.count, self.batch_size, self.stream = count, batch_size, stream
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        self.began = self.stream.get_state()
        self.permutation = torch.randperm(self.count, generator=self.stream)
        self.place = 0

    def next(self) -> Tensor:
        """Return the indices (batch_size,) of the next batch."""
        if self.place + self.batch_size > self.count:
            self._begin_epoch()
        indices = self.permutation[self.place:self.place + self.batch_size]
        self.place += self.batch_size
        return indices

    def restore(self, began: Tensor, place: int) -> None:
        """Go on from a saved state."""
        self.stream.set_state(began)
        self._begin_epoch()
        self.place = place


class Feed:
    """Pictures of a data set as batches in [-1, 1] on a device, mirrored where the config asks.

    On a GPU the pictures lie there as one uint8 tensor where they fit; otherwise they are gathered
    from memory (or from the memory-mapped cache) batch by batch.
    """

    def __init__(self, dataset: Dataset, on: torch.device, *, flip: bool, labels: bool) -> None:
        self.on, self.flip = on, flip
        self._images: np.ndarray | Tensor = dataset.images  # float32 (N, 2) where they are points
        if on.type == "cuda":
            free, _ = torch.cuda.mem_get_info(on)
            if dataset.images.nbytes < RESIDENT_SHARE * free:
                self._images = torch.from_numpy(np.ascontiguousarray(dataset.images)).to(on)
        self._labels = torch.from_numpy(np.ascontiguousarray(dataset.labels)) if labels else None

    def batch(self, indices: Tensor, augment: torch.Generator) -> Batch:
        """Return the pictures at `indices` (N,) as a batch."""
        if isinstance(self._images, Tensor):
            picked = self._images[indices.to(self.on, non_blocking=True)]
        else:
            picked = torch.from_numpy(self._images[indices.numpy()]).to(self.on)
        labels = None if self._labels is None else self._labels[indices].to(self.on)
        if picked.ndim == 2:
            return Batch(picked[:, :, None, None].float(), labels)
        images = picked.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
        if self.flip:
            mirrored = torch.rand(len(images), generator=augment, device=self.on) < 0.5
            images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
        return Batch(images, labels)
