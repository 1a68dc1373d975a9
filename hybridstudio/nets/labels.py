"""How networks are told classes: labels int64 (N,), or a blend as weights float (N, classes).

A blend of one class is that class, bit for bit; sums stay in float32 under autocast.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def one_hot(labels: Tensor, classes: int, dtype: torch.dtype) -> Tensor:
    """Return rows (N, classes) that are 1 at each label, or the weights of a blend."""
    told = labels if labels.is_floating_point() else F.one_hot(labels, classes)
    return told.to(dtype)


def embedded(table: nn.Embedding, labels: Tensor) -> Tensor:
    """Return rows (N, width) of a table of classes, or the mean of its rows that a blend asks for.

    A blend may leave the last rows of the table out.
    """
    if not labels.is_floating_point():
        rows: Tensor = table(labels)
        return rows
    known = table.weight[:labels.shape[1]]
    return (labels.to(known.dtype)[:, :, None] * known).sum(1)


def with_any(labels: Tensor, classes: int) -> Tensor:
    """Return labels twice over: as they are, then `classes`, which stands for 'any', as often."""
    if not labels.is_floating_point():
        return torch.cat([labels, torch.full_like(labels, classes)])
    told = F.pad(labels, (0, classes + 1 - labels.shape[1]))
    no_class = torch.zeros_like(told)
    no_class[:, classes] = 1.0
    return torch.cat([told, no_class])
