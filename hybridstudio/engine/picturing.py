"""Tensors of drawing as what a user looks at: uint8 pictures, and points of the plane."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
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
    return all_as_images([x], [reach])[0]


def all_as_images(rows: Sequence[Tensor], reaches: Sequence[float]) -> list[Images]:
    """Turn several (N, C, H, W) of one shape into uint8 (N, H, W, C), each with its reach.

    They are turned together: while pictures are drawn, many small operations hold the drawing up.
    """
    if is_points(rows[0]):
        return [cloud(as_points(x), reach=CLOUD_REACH * reach)[None]
                for x, reach in zip(rows, reaches, strict=True)]
    if rows[0].device.type == "cpu":  # numpy's call costs a third of torch's, beside a drawing
        return [_levels(_values(row), reach) for row, reach in zip(rows, reaches, strict=True)]
    stacked = torch.stack([row.float() for row in rows])
    scale = stacked.new_tensor(reaches).reciprocal_().mul_(127.5)[:, None, None, None, None]
    levels = stacked.mul_(scale).add_(127.5).round_().clamp_(0.0, 255.0).byte()
    return list(levels.permute(0, 1, 3, 4, 2).contiguous().cpu().numpy())


def _values(x: Tensor) -> npt.NDArray[np.float32]:
    values: npt.NDArray[np.float32] = x.detach().float().numpy()
    return values


def _levels(x: npt.NDArray[np.float32], reach: float) -> Images:
    """Turn float32 (N, C, H, W) into uint8 (N, H, W, C), -reach black and reach white."""
    with np.errstate(invalid="ignore"):  # a model that diverged draws no numbers: black
        levels = np.multiply(x, np.float32(127.5 / reach))
        levels += np.float32(127.5)
        np.rint(levels, out=levels)
        np.clip(levels, 0.0, 255.0, out=levels)
        return np.ascontiguousarray(levels.transpose(0, 2, 3, 1), np.uint8)


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
    reaches = {"x_t": signal + NOISE_RANGE * noise, "x0": 1.0, "eps": NOISE_RANGE}
    images = dict(zip(has, all_as_images(list(has.values()), [reaches[name] for name in has]),
                      strict=True))
    told = Frame(
        moment.step, moment.steps, moment.t, images["x_t"], images.get("x0"), images.get("eps"),
        moment.nfe, seconds, noise, log_snr,
        {name: as_images(more) for name, more in moment.extra.items()},
        statistics=dict(zip(has, statistics(list(has.values())), strict=True)))
    if not is_points(moment.x_t):
        return told
    return replace(told, points={name: as_points(row) for name, row in has.items()})


def statistics(rows: Sequence[Tensor]) -> list[Statistics]:
    """Tell what the values of tensors of one shape are like; waits for the device once."""
    if rows[0].device.type == "cpu":
        return [_described(_values(row).reshape(-1)) for row in rows]
    values = torch.stack([row.detach().float().flatten() for row in rows])
    mean = values.mean(dim=1)
    variance = (values - mean[:, None]).square_().mean(dim=1)  # var_mean() takes longer
    told = torch.stack([mean, variance.sqrt_(), values.amin(dim=1), values.amax(dim=1)],
                       dim=1).tolist()
    return [Statistics(*of_row) for of_row in told]


def _described(values: npt.NDArray[np.float32]) -> Statistics:
    with np.errstate(invalid="ignore", over="ignore"):
        mean = values.mean()
        apart = values - mean
        return Statistics(float(mean), math.sqrt(float(apart @ apart) / len(apart)),
                          float(values.min()), float(values.max()))
