"""Tensors of drawing as what a user looks at: uint8 pictures, and points of the plane."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from hybridstudio.cloud import cloud
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.frames import NOISE_RANGE
from hybridstudio.messages import Frame, Images, Points, Statistics

CLOUD_REACH = 1.25  # of a picture of points, beyond the square in which their data lie


def is_points(x: Tensor) -> bool:
    """Whether these are points of the plane (N, 2, 1, 1)."""
    return x.shape[1:] == (2, 1, 1)


def as_images(x: Tensor, reach: float = 1.0) -> Images:
    """Turn (N, C, H, W) into uint8 (N, H, W, C), -reach black and reach white.

    Points become one picture of their cloud.
    """
    if is_points(x):
        return cloud(as_points(x), reach=CLOUD_REACH * reach)[None]
    scaled = (x.float() / reach + 1.0).mul(127.5).round_().clamp_(0.0, 255.0)
    array: Images = scaled.byte().permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return array


def as_points(x: Tensor) -> Points:
    """Turn (N, 2, 1, 1) into float32 (N, 2)."""
    points: Points = x.detach().flatten(1).float().cpu().numpy()
    return points


def frame(moment: Moment, seconds: float) -> Frame:
    """Tell a moment as uint8 pictures.

    x_t is shown in a range that goes from 2.5 standard deviations of pure noise to exactly the
    picture's own range at the end, so that nothing jumps or saturates on the way.
    """
    signal = moment.alpha_bar**0.5
    noise = max(0.0, 1.0 - moment.alpha_bar) ** 0.5
    log_snr = float("inf") if noise == 0.0 else 2.0 * float(np.log(max(signal, 1e-12) / noise))
    rows = {"x_t": moment.x_t, "x0": moment.x0, "eps": moment.eps}
    has = {name: row for name, row in rows.items() if row is not None}
    told = Frame(
        moment.step, moment.steps, moment.t,
        as_images(moment.x_t, signal + NOISE_RANGE * noise),
        None if moment.x0 is None else as_images(moment.x0),
        None if moment.eps is None else as_images(moment.eps, NOISE_RANGE),
        moment.nfe, seconds, noise, log_snr,
        {name: as_images(more) for name, more in moment.extra.items()},
        statistics={name: statistics(row) for name, row in has.items()})
    if not is_points(moment.x_t):
        return told
    return replace(told, points={name: as_points(row) for name, row in has.items()})


def statistics(x: Tensor) -> Statistics:
    """Tell what values are like; waits for the device once."""
    x = x.detach().float()
    return Statistics(*torch.stack([x.mean(), x.std(correction=0), x.min(), x.max()]).tolist())
