"""The kinds of value that requests and events are made of."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]  # (N, H, W, C)
Mask = npt.NDArray[np.bool_]  # (H, W)
Points = npt.NDArray[np.float32]  # of the plane, (N, 2), about -1 to 1
Codes = npt.NDArray[np.float32]  # points of a latent space, (N, D), see config.models.base.Space
Device = Literal["auto", "cpu", "cuda", "mps"]
Weights = Literal["ema", "raw"]
Step = int | Literal["best"] | None  # whose checkpoint: of that training step, the newest
