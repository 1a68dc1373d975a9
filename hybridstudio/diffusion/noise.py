"""Random numbers for drawing: every picture has a stream of its own.

A picture so depends on its seed alone, neither on how many are drawn with it nor on the device:
the numbers are made on the CPU, which costs little beside a network.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

# One generator for all pictures (each gets its own stream from it), or one for each picture.
Randomness = torch.Generator | Sequence[torch.Generator]


def streams(source: Randomness, count: int) -> list[torch.Generator]:
    """Return `count` independent CPU generators, the i-th the same for every count.

    A sequence is taken as the streams themselves; raises ValueError when it is not `count` long.
    """
    if not isinstance(source, torch.Generator):
        if len(source) != count:
            raise ValueError(f"{len(source)} generators for {count} pictures")
        return list(source)
    seeds = torch.randint(2**62, (count,), generator=source, device=source.device)
    return [torch.Generator().manual_seed(seed) for seed in seeds.tolist()]


def normal(rows: Sequence[torch.Generator], shape: Sequence[int], device: torch.device | str = "cpu"
           ) -> Tensor:
    """Draw (len(rows), *shape) float32 from N(0, 1), each row from its own stream."""
    if not rows:
        return torch.empty(0, *shape, device=device)
    return torch.stack([torch.randn(tuple(shape), generator=row) for row in rows]).to(device)
