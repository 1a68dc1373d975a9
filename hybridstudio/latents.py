"""The geometry of latent spaces: codes of seeds, ways between codes, grids and walks.

A code is float32 (D,), and D belongs to a `Space`. Everything is computed in float64 and is the
same for one code alone as among many, so a cell of a grid does not depend on the other cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from hybridstudio.config.models.base import Space
from hybridstudio.messages import Codes, Images

Places = npt.NDArray[np.float64]  # how far along a way, 0 is its beginning and 1 its end

# The tables of arithmetic: of a - b so much is added, to so many points; so many codes of a class.
AMOUNTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
ROWS, STYLES, MOST_CLASSES = 4, 8, 20
AFTER_KEPT = 1000  # the seed that a table goes on with after a point that no seed stands for

STRAIGHT = 1e-4  # radians below which, from 0 or π, an arc is as good as straight or has no plane


# --- codes ----------------------------------------------------------------------------------------


def code_of_seed(space: Space, seed: int) -> Codes:
    """Return the code (D,) that a seed stands for, drawn from N(0, 1) in every dimension.

    The same for ever: numpy keeps the stream of RandomState as it is. Raises ValueError where codes
    are not normal; `Place` carries those of `space.follows` over.
    """
    if not space.is_normal:
        raise ValueError(f"seeds have no codes in {space.name}: carry them over from "
                         f"{space.follows}")
    return np.random.RandomState(seed).standard_normal(space.dimensions).astype(np.float32)


def codes_of_seeds(space: Space, seeds: Sequence[int]) -> Codes:
    """Return the codes (N, D) of seeds."""
    if not seeds:
        return np.zeros((0, space.dimensions), np.float32)
    return np.stack([code_of_seed(space, seed) for seed in seeds])


def parts_of(space: Space) -> list[tuple[str, slice]]:
    """Return the parts of a code by their names, as slices of it; the whole where it has none."""
    found, first = [], 0
    for name, many in space.parts or ((space.name, space.dimensions),):
        found.append((name, slice(first, first + many)))
        first += many
    return found


def norms(codes: npt.ArrayLike) -> Places:
    """Return the length of each code (N, D) or (D,) in units of √D, which those of seeds are near.

    N(0, 1) in D dimensions is a thin shell at √D: halfway between two of its points a straight
    line passes at 0.71, where a model has hardly ever drawn from.
    """
    wide = np.asarray(codes, np.float64)
    length: Places = np.sqrt(np.square(wide).mean(-1))
    return length


# --- from one code to another ---------------------------------------------------------------------


def lerp(start: npt.ArrayLike, end: npt.ArrayLike, at: npt.ArrayLike) -> Codes:
    """Return the codes (..., D) at places `at` (...) of the straight line between two (..., D)."""
    a, b = np.asarray(start, np.float64), np.asarray(end, np.float64)
    t = np.asarray(at, np.float64)[..., None]
    return _exact_at_ends(start, end, t, (1.0 - t) * a + t * b)


def slerp(start: npt.ArrayLike, end: npt.ArrayLike, at: npt.ArrayLike) -> Codes:
    """Return the codes (..., D) at places `at` (...) of the great circle between codes (..., D).

    Directions turn evenly and the length goes evenly from one's to the other's. Codes in nearly
    the same or in opposite directions, between which there is no one circle, are joined straight.
    """
    # Shoemake 1985, section 3.3: sin((1-t)ω)/sin(ω) a + sin(tω)/sin(ω) b for unit a, b.
    a, b = np.asarray(start, np.float64), np.asarray(end, np.float64)
    t = np.asarray(at, np.float64)[..., None]
    long_a, long_b = (np.sqrt(np.square(code).sum(-1, keepdims=True)) for code in (a, b))
    with np.errstate(divide="ignore", invalid="ignore"):
        unit_a, unit_b = a / long_a, b / long_b
        cosine = (unit_a * unit_b).sum(-1, keepdims=True)
        angle = np.arccos(np.clip(cosine, -1.0, 1.0))
        turned = (np.sin((1.0 - t) * angle) * unit_a + np.sin(t * angle) * unit_b) / np.sin(angle)
        along = ((1.0 - t) * long_a + t * long_b) * turned
    has_circle = (angle > STRAIGHT) & (angle < math.pi - STRAIGHT)  # False where one is 0: NaN
    return _exact_at_ends(start, end, t, np.where(has_circle, along, (1.0 - t) * a + t * b))


def _exact_at_ends(start: npt.ArrayLike, end: npt.ArrayLike, t: Places, between: Places) -> Codes:
    rounded = between.astype(np.float32)
    rounded = np.where(t == 0.0, np.asarray(start, np.float32), rounded)
    return np.where(t == 1.0, np.asarray(end, np.float32), rounded)


def between(space: Space, start: npt.ArrayLike, end: npt.ArrayLike, at: npt.ArrayLike,
            linear: bool = False) -> Codes:
    """Return the codes (..., D) on the way between two of a space, part by part.

    Normal codes follow the sphere unless `linear`; others, such as styles, go straight.
    """
    if linear or not space.is_normal:
        return lerp(start, end, at)
    a, b = np.asarray(start, np.float32), np.asarray(end, np.float32)
    return np.concatenate([slerp(a[..., part], b[..., part], at)
                           for _, part in parts_of(space)], axis=-1)


# --- grids ----------------------------------------------------------------------------------------


def inside(space: Space, corners: Codes, across: npt.ArrayLike, down: npt.ArrayLike,
           linear: bool = False) -> Codes:
    """Return the codes (N, D) at places `across` and `down` (N,) of the square of four corners.

    `corners` (4, D) are top left, top right, bottom left, bottom right. The way goes along the left
    and the right edge first, then across between them.
    """
    u, v = np.atleast_1d(np.asarray(across, np.float64), np.asarray(down, np.float64))
    left = between(space, corners[0][None], corners[2][None], v, linear)
    right = between(space, corners[1][None], corners[3][None], v, linear)
    return between(space, left, right, u, linear)


def grid(space: Space, corners: Codes, side: int, linear: bool = False,
         window: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)) -> Codes:
    """Return the codes (side², D) of a grid between four corners (4, D), row by row.

    `window` is the part that is shown: its left, top, right and bottom in the square of corners.
    """
    left, top, right, bottom = window
    u, v = np.meshgrid(_places(left, right, side), _places(top, bottom, side))
    return inside(space, corners, u.ravel(), v.ravel(), linear)


def _places(first: float, last: float, count: int) -> Places:
    """Return `count` places from first to last, both exactly; the first where there is only one."""
    return np.linspace(first, last, count)


def unevenness(images: Images, columns: int) -> tuple[Places, Places]:
    """Return how far apart neighbouring pictures of a grid (N, H, W, C) are, by their pixels.

    The root mean square of the difference in units of [-1, 1]: (rows, columns - 1) across and
    (rows - 1, columns) down. Where they are all alike the space is smooth here.
    """
    values = images.reshape(-1, columns, math.prod(images.shape[1:])).astype(np.float64) / 127.5
    return (np.sqrt(np.square(np.diff(values, axis=1)).mean(-1)),
            np.sqrt(np.square(np.diff(values, axis=0)).mean(-1)))


def apart(images: Images, columns: int) -> tuple[Places, float]:
    """Return how far each picture of a grid (N, H, W, C) is from those beside, above and below it.

    The mean of `unevenness` over its two to four neighbours (N,), and its mean over the whole grid;
    zeros where a picture has no neighbour.
    """
    across, down = unevenness(images, columns)
    total, many = (np.zeros((len(down) + 1, columns)) for _ in range(2))
    for steps, ends in ((across, (np.s_[:, :-1], np.s_[:, 1:])), (down, (np.s_[:-1], np.s_[1:]))):
        for end in ends:
            total[end] += steps
            many[end] += 1.0
    each: Places = total / np.maximum(many, 1.0)
    pairs = across.size + down.size
    return each.ravel(), float(across.sum() + down.sum()) / max(1, pairs)


# --- walks ----------------------------------------------------------------------------------------


EASINGS: dict[str, Callable[[Places], Places]] = {
    "even": lambda t: t,
    "soft": lambda t: t * t * (3.0 - 2.0 * t),  # slows down at every kept point
    "slow": lambda t: t**3 * (t * (6.0 * t - 15.0) + 10.0),  # comes to rest there
}
"""How the speed changes between two points of a walk, by name; each maps [0, 1] to itself."""


def walked(space: Space, points: Codes, at: npt.ArrayLike, *, loop: bool = False,
           linear: bool = False) -> Codes:
    """Return the codes (N, D) at places `at` (N,) in [0, 1] of the way through points (K, D).

    With `loop` the way leads back to the first point. Every point is met exactly.
    """
    stops = np.concatenate([points, points[:1]]) if loop else points
    places = np.atleast_1d(np.asarray(at, np.float64))
    if len(stops) == 1:
        return np.repeat(stops, len(places), axis=0)
    legs = len(stops) - 1
    far = np.clip(places, 0.0, 1.0) * legs
    leg = np.minimum(np.floor(far + 1e-9).astype(int), legs - 1)  # 3 · (1/3) is not short of 1
    within = np.clip(far - leg, 0.0, 1.0)
    within = np.where(np.abs(within - np.round(within)) < 1e-9, np.round(within), within)
    return between(space, stops[leg], stops[leg + 1], within, linear)


def stations(points: int, frames: int, *, loop: bool = False, easing: str = "even") -> Places:
    """Return the places (frames,) of a walk through so many points, eased on every leg.

    A loop ends one step before its beginning, so that playing it again does not stand still.
    """
    legs = max(1, points if loop else points - 1)
    far = np.linspace(0.0, legs, frames, endpoint=not loop)
    leg = np.minimum(np.floor(far + 1e-9), legs - 1)
    places: Places = (leg + EASINGS[easing](np.clip(far - leg, 0.0, 1.0))) / legs
    return places


def paced(at: Places, distances: npt.ArrayLike, frames: int) -> Places:
    """Return places (frames,) between which pictures change equally much.

    `distances` (len(at) - 1,) say how far apart the pictures at neighbouring places `at` are.
    """
    steps = np.maximum(np.asarray(distances, np.float64), 0.0)
    far = np.concatenate([[0.0], steps.cumsum()])
    if far[-1] <= 0.0:
        return np.interp(np.linspace(0.0, 1.0, frames), np.linspace(0.0, 1.0, len(at)), at)
    # Where pictures stand still the way is passed at once: np.interp wants growing distances.
    far = far + np.linspace(0.0, 1e-9 * far[-1], len(far))
    return np.interp(np.linspace(0.0, far[-1], frames), far, at)


def perceived(images: Images) -> Places:
    """Return how far each picture (N, H, W, C) is from the next (N - 1,), as it is seen.

    The mean differences of their Laplacian pyramids, added up over the octaves (Lap₁ of Bojanowski
    2018, section 3.1, after Ling & Okada 2006): a stroke that moves counts by how far it moves,
    where pixels only tell that it is not there any more.
    """
    apart = np.diff(images.astype(np.float32) / 127.5, axis=0)
    total = np.zeros(len(apart))
    while min(apart.shape[1:3]) > 1:
        odd = [(0, size % 2) for size in apart.shape[1:3]]
        apart = np.pad(apart, ((0, 0), *odd, (0, 0)), "edge")
        many, high, wide, channels = apart.shape
        coarse = apart.reshape(many, high // 2, 2, wide // 2, 2, channels).mean((2, 4))
        fine = apart - coarse.repeat(2, axis=1).repeat(2, axis=2)
        total += np.abs(fine).mean((1, 2, 3))
        apart = coarse
    return total + np.abs(apart).mean((1, 2, 3))


def evened(at: Places, images: Images, *, loop: bool = False) -> Places:
    """Return places at which what is seen changes evenly, from pictures (F, H, W, C) at `at` (F,).

    A loop goes on from the last to the first.
    """
    steps = perceived(images)
    if not loop:
        return paced(at, steps, len(at))
    back = perceived(images[[-1, 0]])
    return paced(np.append(at, 1.0), np.concatenate([steps, back]), len(at) + 1)[:-1]


# --- what is done with codes ----------------------------------------------------------------------


def axis(space: Space, place: int) -> Codes:
    """Return the unit direction (D,) of one dimension of a space, counted from 0."""
    direction = np.zeros(space.dimensions, np.float32)
    direction[place] = 1.0
    return direction


def moved(code: npt.ArrayLike, directions: Codes, amounts: npt.ArrayLike) -> Codes:
    """Return code (..., D) moved along directions (K, D) by amounts (K,)."""
    shift = np.asarray(amounts, np.float64) @ np.asarray(directions, np.float64)
    return (np.asarray(code, np.float64) + shift).astype(np.float32)


def analogy(space: Space, a: npt.ArrayLike, b: npt.ArrayLike, c: npt.ArrayLike) -> Codes:
    """Return a - b + c (..., D); normal codes are brought to the mean length of the three.

    The sum of three codes is √3 times too long, part by part.
    """
    codes = [np.asarray(each, np.float64) for each in (a, b, c)]
    total = codes[0] - codes[1] + codes[2]
    if space.is_normal:
        for _, part in parts_of(space):
            wanted = sum(norms(each[..., part]) for each in codes) / 3.0
            found = norms(total[..., part])
            scale = np.divide(wanted, found, out=np.ones_like(found), where=found > 0.0)
            total[..., part] *= np.asarray(scale)[..., None]
    return total.astype(np.float32)


def analogies(space: Space, a: Codes, b: Codes, others: Codes, linear: bool = False) -> Codes:
    """Return each of `others` (R, D) with `AMOUNTS` (K) of a - b added to it, (R · K, D).

    The way from c goes to a - b + c and on, as `between` goes.
    """
    amounts = np.array(AMOUNTS)
    return np.concatenate([between(space, c[None], analogy(space, a, b, c)[None], amounts, linear)
                           for c in others])


def in_classes(codes: Codes, classes: int) -> tuple[Codes, tuple[int, ...]]:
    """Return codes (N, D) once for every class, up to MOST_CLASSES, and the class of each."""
    count = min(MOST_CLASSES, classes)
    return (np.tile(codes, (count, 1)),
            tuple(label for label in range(count) for _ in range(len(codes))))


def seeds_after(seed: int | None, count: int) -> range:
    """Return the seeds that stand beside one in a table, or beside a point that has none."""
    first = AFTER_KEPT if seed is None else seed + 1
    return range(first, first + count)


def mixed(space: Space, coarse: npt.ArrayLike, fine: npt.ArrayLike, begins: int) -> Codes:
    """Return `coarse` (..., D) with its parts from number `begins` on taken from `fine` (..., D).

    With styles of layers for parts this is style mixing (Karras 2019, section 3.1).
    """
    taken = np.array(coarse, np.float32)
    for _, part in parts_of(space)[begins:]:
        taken[..., part] = np.asarray(fine, np.float32)[..., part]
    return taken
