"""Differentiable augmentation of what a discriminator sees, and the controller of how much of it.

Real and drawn pictures go through the same transforms, and the generator's gradient flows back
through them, so a small data set is not learned by heart. Each transform strikes each picture with
probability p: as long as p is below about 0.8 nothing of it leaks into what is drawn (Karras
2020b). The transforms are those of adaptive discriminator augmentation (Karras 2020b, appendix B)
and of DiffAugment (Zhao 2020).

Pictures are warped by bilinear sampling, which torch differentiates once only: a gradient penalty
is to be taken with respect to the augmented pictures, which are what the discriminator judges.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SHIFT = 0.125  # largest shift as a share of the side
SCALE_SPREAD = 0.2 * math.log(2)  # standard deviation of log scale
LUMA = torch.full((3, 3), 1 / 3)  # projects a colour on the axis of greys
TURN = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)


class Dice:
    """The random numbers of one policy for N pictures, and which of these it has touched."""

    def __init__(self, images: Tensor, p: float | Tensor, generator: torch.Generator) -> None:
        self.count, self.device, self.p, self.generator = len(images), images.device, p, generator
        self.touched = torch.zeros(self.count, dtype=torch.bool, device=self.device)

    def strikes(self, p: float | Tensor | None = None) -> Tensor:
        """Return which pictures (N,) are struck, each with probability p, the policy's if None."""
        struck = self.uniform() < (self.p if p is None else p)
        self.touched |= struck
        return struck

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Draw (N,) evenly from [low, high)."""
        drawn = torch.rand(self.count, generator=self.generator, device=self.generator.device)
        return low + (high - low) * drawn.to(self.device)

    def normal(self, spread: float) -> Tensor:
        """Draw (N,) from the normal distribution around 0 with this standard deviation."""
        drawn = torch.randn(self.count, generator=self.generator, device=self.generator.device)
        return spread * drawn.to(self.device)


Policy = Callable[[Tensor, Dice], Tensor]


def _wide(values: Tensor) -> Tensor:
    """Shape (N,) so that it meets (N, C, H, W)."""
    return values[:, None, None, None]


# --- adaptive discriminator augmentation (Karras 2020b, appendix B) -------------------------------


def flips(images: Tensor, dice: Dice) -> Tensor:
    """Mirror left to right, and turn by a multiple of 90 degrees: exact moves of pixels."""
    mirrored = dice.strikes() & (dice.uniform() < 0.5)
    images = torch.where(_wide(mirrored), images.flip(3), images)
    turns = torch.where(dice.strikes(), dice.uniform(0, 4).long(), 0)
    for quarter in (1, 2, 3):
        images = torch.where(_wide(turns == quarter), images.rot90(quarter, (2, 3)), images)
    return images


def geometry(images: Tensor, dice: Dice) -> Tensor:
    """Shift, scale, rotate and stretch by one warp; what lies outside mirrors what lies inside."""
    height, width = images.shape[2:]
    p_turn = 1.0 - (1.0 - torch.as_tensor(dice.p, device=dice.device)).clamp(min=0.0).sqrt()

    def whole(side: int) -> Tensor:
        return (dice.uniform(-SHIFT, SHIFT) * side).round() * 2.0 / side

    # The product of the inverses says where in the picture each place of the result lies.
    struck = dice.strikes()
    where = _affine(x=whole(width) * struck, y=whole(height) * struck)
    scale = torch.exp(dice.normal(SCALE_SPREAD) * dice.strikes())
    where = where @ _affine(across=scale, down=scale)
    where = where @ _rotation(dice.uniform(-math.pi, math.pi) * dice.strikes(p_turn))
    stretch = torch.exp(dice.normal(SCALE_SPREAD) * dice.strikes())
    where = where @ _affine(across=stretch, down=1.0 / stretch)
    where = where @ _rotation(dice.uniform(-math.pi, math.pi) * dice.strikes(p_turn))
    struck = 2.0 * dice.strikes()
    where = where @ _affine(x=dice.normal(SHIFT) * struck, y=dice.normal(SHIFT) * struck)
    grid = F.affine_grid(where[:, :2], list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def _affine(*, x: Tensor | None = None, y: Tensor | None = None, across: Tensor | None = None,
            down: Tensor | None = None) -> Tensor:
    """Return matrices (N, 3, 3) that scale and then shift, in units of half the picture's side."""
    given = next(value for value in (x, y, across, down) if value is not None)
    one, zero = torch.ones_like(given), torch.zeros_like(given)
    rows = [across if across is not None else one, zero, x if x is not None else zero,
            zero, down if down is not None else one, y if y is not None else zero,
            zero, zero, one]
    return torch.stack(rows, dim=1).reshape(-1, 3, 3)


def _rotation(angle: Tensor) -> Tensor:
    """Return matrices (N, 3, 3) that rotate by angles (N,) in radians."""
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    rows = [cos, -sin, zero, sin, cos, zero, zero, zero, torch.ones_like(angle)]
    return torch.stack(rows, dim=1).reshape(-1, 3, 3)


def colour(images: Tensor, dice: Dice) -> Tensor:
    """Change brightness and contrast, invert the luma; in colour pictures also hue, saturation."""
    brightness = dice.normal(0.2) * dice.strikes()
    contrast = torch.exp(dice.normal(0.5 * math.log(2)) * dice.strikes())
    inverted = dice.strikes() & (dice.uniform() < 0.5)
    gain = torch.where(inverted, -contrast, contrast)  # of the part of a colour that is grey
    if images.shape[1] != 3:
        return _wide(gain) * (images + _wide(brightness))
    hue = dice.uniform(-math.pi, math.pi) * dice.strikes()
    saturation = torch.exp(dice.normal(math.log(2)) * dice.strikes())
    # A colour is its grey part L x and its chroma (I - L) x: the first is inverted, the second
    # turned around the axis of greys by Rodrigues' formula and stretched.
    luma, turn = LUMA.to(images.device), TURN.to(images.device)
    chroma = torch.eye(3, device=images.device) - luma
    cos, sin = hue.cos()[:, None, None], hue.sin()[:, None, None]
    matrix = (gain[:, None, None] * luma
              + (contrast * saturation)[:, None, None] * (cos * chroma + sin * turn))
    mixed = torch.bmm(matrix, images.flatten(2)).unflatten(2, images.shape[2:])
    return mixed + _wide(gain * brightness)


def cutout(images: Tensor, dice: Dice) -> Tensor:
    """Blank a box of half the side around a random place; DiffAugment has the same."""
    struck = dice.strikes()
    places = [_near(side, dice.uniform(), dice.device) for side in images.shape[2:]]
    hidden = places[0][:, None, :, None] & places[1][:, None, None, :] & _wide(struck)
    return images.masked_fill(hidden, 0.0)


def _near(side: int, centre: Tensor, device: torch.device) -> Tensor:
    """Return which of `side` pixels (N, side) lie within a quarter of the side of the centre."""
    pixels = (torch.arange(side, device=device) + 0.5) / side
    return (pixels - centre[:, None]).abs() < 0.25


# --- DiffAugment (Zhao 2020) ----------------------------------------------------------------------


def translation(images: Tensor, dice: Dice) -> Tensor:
    """Shift by up to an eighth of the side; what comes in from outside is middle grey."""
    struck = dice.strikes()
    for axis in (2, 3):
        side = images.shape[axis]
        most = int(side * SHIFT + 0.5)
        shift = torch.where(struck, dice.uniform(-most, most + 1).floor().long(), 0)
        source = torch.arange(side, device=images.device) - shift[:, None]
        inside = (source >= 0) & (source < side)
        shape = (-1, 1, side, 1) if axis == 2 else (-1, 1, 1, side)
        source = source.clamp(0, side - 1).reshape(shape).expand_as(images)
        images = images.gather(axis, source) * inside.reshape(shape)
    return images


def jitter(images: Tensor, dice: Dice) -> Tensor:
    """Change brightness, saturation and contrast: DiffAugment's `color`."""
    images = images + _wide(dice.uniform(-0.5, 0.5) * dice.strikes())
    if images.shape[1] == 3:
        saturation = torch.where(dice.strikes(), dice.uniform(0.0, 2.0), 1.0)
        images = torch.lerp(images.mean(1, keepdim=True).expand_as(images), images,
                            _wide(saturation))
    contrast = torch.where(dice.strikes(), dice.uniform(0.5, 1.5), 1.0)
    middle = images.mean((1, 2, 3), keepdim=True).expand_as(images)
    return torch.lerp(middle, images, _wide(contrast))


# --- together -------------------------------------------------------------------------------------

POLICIES: dict[str, Policy] = {
    "flips": flips, "geometry": geometry, "colour": colour, "cutout": cutout,
    "translation": translation, "jitter": jitter,
}
"""Every policy by its name: the first four are Karras 2020b's, with `cutout` the last Zhao's."""


class Augment:
    """Some policies, one after the other in the given order; raises KeyError for an unknown one."""

    def __init__(self, policies: Sequence[str]) -> None:
        self.policies = {name: POLICIES[name] for name in policies}

    def __call__(self, images: Tensor, p: float | Tensor, generator: torch.Generator) -> Tensor:
        """Augment pictures (N, C, H, W) in [-1, 1], each transform with probability p in [0, 1].

        A picture that nothing strikes comes back bit by bit. Differentiable in the pictures; the
        result is float32, and may leave [-1, 1].
        """
        with torch.autocast(images.device.type, enabled=False):
            images = images.float()
            for policy in self.policies.values():
                dice = Dice(images, p, generator)
                changed = policy(images, dice)
                images = torch.where(_wide(dice.touched), changed, images)
        return images


class AdaController(nn.Module):
    """How probable augmentation is: more when D overfits, less otherwise (Karras 2020b, section 3).

    Overfitting is r_t = E[sign(D(real))], 0 where D cannot tell and 1 where it is always right.
    Where r_t is above `target` p rises, below it falls, by 1 in `images_per_p` pictures.
    """

    p: Tensor
    r_t: Tensor

    def __init__(self, target: float = 0.6, images_per_p: float = 500_000.0) -> None:
        super().__init__()
        self.target, self.images_per_p = target, images_per_p
        self.register_buffer("p", torch.zeros(()))
        self.register_buffer("r_t", torch.zeros(()))

    @torch.no_grad()
    def update(self, real_logits: Tensor, batch_size: int) -> None:
        """Move p after D judged a batch of real pictures; the device is not waited for."""
        signs = real_logits.detach().float().sign().mean().nan_to_num(0.0)
        self.r_t.lerp_(signs, 0.25)  # the mean of about the last four batches, as in the paper
        self.p.add_((self.r_t - self.target).sign() * (batch_size / self.images_per_p))
        self.p.clamp_(0.0, 1.0)
