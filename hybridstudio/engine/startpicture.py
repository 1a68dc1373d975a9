"""A picture of the user's that a drawing begins with: what fits, what is known of it, how it ends.

It is noised and denoised, completed from a part of it, or inverted and drawn again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hybridstudio.config import MODELS, DdpmConfig, ModelSection, RunConfig
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.engine.picturing import as_images, frame
from hybridstudio.errors import Problem, UsageError
from hybridstudio.frames import NOISE, NOISE_RANGE
from hybridstudio.messages import Draw, Frame, Images, Mask


def problems(request: Draw, config: RunConfig) -> Iterator[Problem]:
    """Tell every reason why a drawing cannot begin like this."""
    model, image = config.model, request.image
    if image is not None and config.shape.is_points:
        yield Problem("image", "points of the plane start from no picture")
    elif image is not None and not model.levels:
        yield Problem("image", f"a {model.family} starts from no picture: it draws in one pass")
    elif request.from_step is not None and not 1 <= request.from_step <= model.levels:
        yield Problem("from_step", f"should be 1 to {model.levels}, not {request.from_step}")
    if request.mask is not None:
        yield from _about_mask(request.mask, image, model)
    if request.invert:
        yield from _about_inversion(request, config)


def _about_mask(mask: Mask, image: Images | None, model: ModelSection) -> Iterator[Problem]:
    if not model.inpaints:
        yield Problem("mask", f"a {model.family} completes no pictures",
                      f"those that do: {_able('inpaints')}")
    elif image is None:
        yield Problem("mask", "there is no picture that it is of", "give the picture too")
    elif mask.shape != image.shape[:2]:
        size = " × ".join(map(str, mask.shape[::-1]))
        yield Problem("mask", f"is {size} pixels, the picture {image.shape[1]} × {image.shape[0]}",
                      "give a mask of the same size")


def _about_inversion(request: Draw, config: RunConfig) -> Iterator[Problem]:
    model = config.model
    sampler = request.sampler or config.sampler
    eta = config.sample.eta if request.eta is None else request.eta
    if not model.inverts:
        yield Problem("invert", f"a {model.family} cannot be walked backwards",
                      f"those that can: {_able('inverts')}")
    elif request.image is None:
        yield Problem("invert", "there is no picture to invert", "give the picture too")
    elif request.mask is not None:
        yield Problem("invert", "what is inverted is known as a whole", "leave the mask out")
    elif DdpmConfig().draws_noise(sampler, eta):
        yield Problem("invert", f"{sampler} draws fresh noise, which leads somewhere else",
                      "draw with ddim, and η = 0")


def _able(what: str) -> str:
    usual = {name: model(family=name) for name, model in MODELS.items()}
    return ", ".join(name for name, model in usual.items() if getattr(model, what))


def fitted(image: Images, config: RunConfig) -> Tensor:
    """Bring a user's picture (H, W, C) to the model's shape, as (1, C, H, W) in [-1, 1].

    Raises UsageError for what is neither grey nor RGB.
    """
    shape = config.shape
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3) or not image.size:
        raise UsageError("This is no picture to start from",
                         f"its shape is {image.shape}", "give a grey or RGB picture")
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    picture = picture.convert("L" if shape.channels == 1 else "RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    picture = picture.resize((shape.width, shape.height), Image.Resampling.LANCZOS,
                             (left, top, left + side, top + side))
    array = np.asarray(picture, dtype=np.float32).reshape(shape.height, shape.width, -1)
    return torch.from_numpy(array / 127.5 - 1.0).permute(2, 0, 1)[None]


def known(mask: Mask, config: RunConfig) -> Tensor:
    """Bring a mask (H, W) to the model's shape, as bool (1, 1, H, W)."""
    return fitted(mask.astype(np.uint8) * 255, config)[:, :1] > 0.0


class Told:
    """Tells moments as frames, with the noise that was added to the picture `image`, if it was."""

    def __init__(self, request: Draw, image: Tensor | None) -> None:
        self._image = image
        self._is_noised = image is not None and request.mask is None and not request.invert
        self._is_inverted = request.invert
        self._noise: Images | None = None  # one array for all frames of a batch

    def frame(self, moment: Moment, seconds: float) -> Frame:
        """Tell one moment."""
        told = frame(moment, seconds)
        if not self._is_noised or self._image is None:
            return told
        if moment.step == 0:
            # Ho 2020, equation 4, solved for ε.
            scale = moment.alpha_bar**0.5, (1.0 - moment.alpha_bar) ** 0.5
            image = self._image.to(moment.x_t.device)
            self._noise = as_images((moment.x_t - scale[0] * image) / scale[1], NOISE_RANGE)
        if self._noise is None:
            return told
        return replace(told, extra={**told.extra, NOISE: self._noise})

    def result(self, finished: Tensor) -> dict[str, float]:
        """Return how far what came back is from what was inverted: root mean square of [-1, 1]."""
        if not self._is_inverted or self._image is None:
            return {}
        gap = finished.float() - self._image.to(finished.device)
        return {"error": float(gap.square().mean().sqrt())}
