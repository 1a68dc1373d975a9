"""The doctor of trainings: what is going wrong in a run, by its curves, in plain words.

    examine(config, reader.series())   # what is wrong now, () where all looks well

Each rule looks at what a run has recorded, so a training in this process, in another, or of last
year is examined alike. A rule speaks only of what has lasted: a single bad point is noise. Nothing
is ever changed by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from hybridstudio.config import RunConfig

Floats = npt.NDArray[np.float64]

EARLY = 12  # points of a curve before which nothing is said
LASTS = 8  # points over which a fault has to hold
UNSEEN = 3  # looks at held-out pictures over which a discriminator's judgement has to hold
OVERFIT = 0.5  # r_v above which it is said to overfit
BEGINS = 0.03  # share of the training in which the players may still be finding their feet


class Curve(Protocol):
    """Steps that grow and the values there, NaN where something was not seen."""

    @property
    def steps(self) -> npt.NDArray[np.int64]:
        """Training steps."""

    @property
    def values(self) -> Floats:
        """What was measured there."""


@dataclass(frozen=True)
class Finding:
    """One fault of a training: its name, what is seen, why that is one, what to try."""

    name: str
    what: str
    why: str
    fix: str
    step: int = 0


class Patient(NamedTuple):
    """A run as the rules see it."""

    config: RunConfig
    curves: Mapping[str, Curve]

    def values(self, name: str) -> Floats:
        """Return the finite values of a curve, oldest first; empty where there is none."""
        curve = self.curves.get(name)
        if curve is None:
            return np.empty(0)
        values = np.asarray(curve.values, dtype=np.float64)
        return values[np.isfinite(values)]

    def last(self, name: str, count: int = LASTS) -> Floats:
        """Return the newest `count` finite values of a curve, empty where there are fewer."""
        values = self.values(name)
        return values[-count:] if len(values) >= max(count, EARLY) else np.empty(0)

    def drawn(self, name: str) -> Floats:
        """Return the finite values of a curve of drawn pictures, from where these say something."""
        curve = self.curves.get(name)
        if curve is None:
            return np.empty(0)
        values = np.asarray(curve.values, dtype=np.float64)[np.asarray(curve.steps) > self.begins]
        return values[np.isfinite(values)]

    @property
    def begins(self) -> float:
        """The step after which what is drawn says something of the training."""
        return self.config.model.draws_after * self.config.train.steps

    @property
    def step(self) -> int:
        """The newest step that anything was recorded at."""
        ends = [int(curve.steps[-1]) for curve in self.curves.values() if len(curve.steps)]
        return max(ends, default=0)


Rule = Callable[[Patient], Iterator[Finding]]


def examine(config: RunConfig, curves: Mapping[str, Curve]) -> tuple[Finding, ...]:
    """Return what is wrong with a training by its curves, the gravest first."""
    patient = Patient(config, curves)
    return tuple(Finding(name, found.what, found.why, found.fix, patient.step)
                 for name, rule in RULES.items() for found in rule(patient))


def _of(what: str, why: str, fix: str) -> Finding:
    return Finding("", what, why, fix)


# --- the rules ------------------------------------------------------------------------------------


def not_finite(patient: Patient) -> Iterator[Finding]:
    """Losses or gradients that are no numbers."""
    for name, curve in patient.curves.items():
        if not name.startswith(("loss", "grad_norm")):
            continue
        newest = np.asarray(curve.values, dtype=np.float64)[-LASTS:]
        if np.isinf(newest).any() or (len(newest) >= 3 and np.isnan(newest[-3:]).all()
                                      and not name.startswith("loss/")):
            yield _of(f"{name} is no finite number any more",
                      "somewhere a value grew beyond what the arithmetic can hold",
                      'lower train.lr, set train.grad_clip = 1, or train.precision = "float32"')
            return


def collapsed(patient: Patient) -> Iterator[Finding]:
    """Pictures of many noises that are nearly one picture, or all of one class."""
    spread = patient.drawn("sample/spread")
    if _is_begun(patient) and len(spread) >= 2 and (spread[-2:] < 0.25).all():
        yield _of("The pictures are nearly all the same: mode collapse",
                  f"two of them lie {100 * spread[-1]:.0f} % as far apart as two real ones",
                  _against_collapse(patient.config))
        return
    entropy, classes = patient.drawn("score/class_entropy"), len(patient.config.data.classes)
    if classes > 1 and _is_begun(patient) and len(entropy) >= 2:
        share = entropy[-2:] / np.log(classes)
        if (share < 0.6).all():
            yield _of("Some classes are hardly ever drawn: mode collapse",
                      f"the classes of what it draws have {100 * share[-1]:.0f} % of the entropy "
                      "that an even mixture has", _against_collapse(patient.config))
            return
    modes = patient.drawn("score/modes")
    if len(modes) >= 3 and modes[-1] < 0.7 * modes.max():
        yield _of("Modes that it had are being forgotten",
                  f"{modes.max():.0f} were found before, {modes[-1]:.0f} now",
                  _against_collapse(patient.config))


def discriminator_wins(patient: Patient) -> Iterator[Finding]:
    """A discriminator so sure that the generator learns nothing from it."""
    real, fake = patient.last("p/real"), patient.last("p/fake")
    if not _is_begun(patient) or not len(real) or not len(fake):
        return
    if real.min() > 0.95 and fake.max() < 0.05:
        yield _of("The discriminator wins: it tells nearly every picture apart",
                  f"it gives {100 * fake[-1]:.1f} % to what the generator draws and "
                  f"{100 * real[-1]:.1f} % to real pictures, so there is little to learn from it",
                  "lower train.lr_discriminator, raise the R1 penalty, or add instance noise")


def discriminator_overfits(patient: Patient) -> Iterator[Finding]:
    """A discriminator that doubts real pictures it never saw, or is surer of ever worse ones."""
    told = "critic" if patient.values("critic/real").size else "p"
    unseen = patient.values(f"test/{told}/real")
    if len(unseen) >= UNSEEN and _is_begun(patient):
        # Karras 2020b, equation 1: r_v = (E[D_train] - E[D_validation]) / (E[D_train] - E[D_gen]).
        shares = [_share_of_gap(patient, told, back) for back in range(UNSEEN)]
        if min(shares) > OVERFIT:
            yield _of("The discriminator overfits: it knows the training pictures by heart",
                      f"real pictures that it never saw lie {100 * shares[0]:.0f} % of the way "
                      "from those it learns from to drawn ones",
                      "augment what it sees (model.augment, ADA), take more data, or stop here")
            return
    real, fake = patient.last("p/real"), patient.last("p/fake")
    distance = patient.values("score/frechet")
    if not len(real) or not len(fake) or len(distance) < 4:
        return
    gap, before = float(np.mean(real) - np.mean(fake)), _gap_at_best(patient, distance)
    if gap > max(0.5, before + 0.1) and (distance[-2:] > 1.3 * distance.min()).all():
        yield _of("The discriminator overfits: it knows the training pictures by heart",
                  f"it tells real from drawn ever better, while the distance to the data rose "
                  f"from {distance.min():.3g} to {distance[-1]:.3g}",
                  "augment what it sees (model.augment, ADA), take more data, or stop at the best "
                  "checkpoint, which is kept")


def vanishing(patient: Patient) -> Iterator[Finding]:
    """Gradients that have all but gone, while the loss says there is much to learn."""
    for name in patient.curves:
        if not name.startswith("grad_norm/"):
            continue
        norms = patient.values(name)
        if len(norms) < 2 * EARLY:
            continue
        usual = float(np.median(norms[:EARLY]))
        newest = norms[-LASTS:]
        if usual > 0 and newest.max() < max(1e-8, 1e-3 * usual):
            network = name.removeprefix("grad_norm/")
            yield _of(f"The gradients of the {network} vanish",
                      f"they are {newest[-1] / usual:.1g} times what they were at first, so it "
                      "hardly learns any more",
                      'use the non-saturating loss (model.loss = "bce") or a critic, or lower '
                      "train.lr_discriminator" if patient.config.model.adversarial else
                      "raise train.lr, or look whether its input still varies")
            return


def too_fast(patient: Patient) -> Iterator[Finding]:
    """A loss that has left its best value far behind, or swings wildly."""
    if patient.config.model.adversarial:
        return
    loss = patient.values("loss")
    if len(loss) < 2 * EARLY:
        return
    newest = np.median(loss[-LASTS:])
    best = min(np.median(part) for part in _parts(loss))
    scale = max(abs(best), 1e-12)
    if newest > best + 1.0 * scale and newest > 0:
        yield _of("The loss has risen again: the learning rate is too high",
                  f"it stood at {best:.3g} and is {newest:.3g} now",
                  "lower train.lr (a third is a good next try), or set train.grad_clip = 1")


def overfits(patient: Patient) -> Iterator[Finding]:
    """Held-out pictures that are judged ever worse while the training loss falls."""
    held, loss = patient.values("test/loss"), patient.values("loss")
    if len(held) < 5 or len(loss) < EARLY:
        return
    best = int(held.argmin())
    if len(held) - best > 3 and (held[-2:] > 1.1 * held[best] + 1e-12).all() and (
            np.median(loss[-LASTS:]) < np.median(loss[:len(loss) // 2])):
        yield _of("It overfits: held-out pictures are judged ever worse",
                  f"their loss was {held[best]:.3g} at its best and is {held[-1]:.3g}, while that "
                  "of the training pictures falls",
                  "stop here, raise train.weight_decay, or take more data or flips")


def lags(patient: Patient) -> Iterator[Finding]:
    """Averaged weights that still hold much of what was before a fall of the loss."""
    if patient.config.model.adversarial or "loss" not in patient.curves:
        return
    curve, step = patient.curves["loss"], patient.step
    reach = min(1.0 / (1.0 - patient.config.train.ema), (10 + step) / 9)  # as the average warms up
    values = np.asarray(curve.values, dtype=np.float64)
    if len(values) < 2 * EARLY or step < 100:
        return
    then = int(np.searchsorted(curve.steps, step - reach))
    before = values[max(0, then - LASTS):then + 1]
    now = values[-min(LASTS, max(1, len(values) - then)):]
    if np.isfinite(before).any() and np.isfinite(now).any() and (
            np.nanmedian(now) > 0 and np.nanmedian(before) > 1.5 * np.nanmedian(now)):
        yield _of("The averaged weights lag behind: the EMA is too slow here",
                  f"they reach back some {reach:,.0f} steps, over which the loss fell from "
                  f"{np.nanmedian(before):.3g} to {np.nanmedian(now):.3g}",
                  "draw with the raw weights for now, or lower train.ema")


def silent(patient: Patient) -> Iterator[Finding]:
    """A VAE whose code tells nothing of the picture."""
    active = patient.last("active")
    if len(active) and _is_begun(patient) and active.max() < 1.0:
        yield _of("The code tells nothing: posterior collapse",
                  "no dimension of z carries more than noise, the decoder draws without it",
                  "lower model.beta, or let it rise slowly")


RULES: dict[str, Rule] = {
    "non-finite": not_finite,
    "mode-collapse": collapsed,
    "discriminator-wins": discriminator_wins,
    "discriminator-overfits": discriminator_overfits,
    "vanishing-gradients": vanishing,
    "learning-rate": too_fast,
    "overfitting": overfits,
    "ema-lag": lags,
    "posterior-collapse": silent,
}


def _is_begun(patient: Patient) -> bool:
    step = patient.step - patient.begins
    return step >= BEGINS * patient.config.train.steps or step >= 500


def _against_collapse(config: RunConfig) -> str:
    if not config.model.adversarial:
        return "look whether the data vary at all, and lower train.lr"
    return ("try another seed, a lower train.lr_discriminator, minibatch statistics, an unrolled "
            "discriminator, or a hybrid, whose diffusion covers what a GAN forgets")


def _gap_at_best(patient: Patient, distance: Floats) -> float:
    """Return how well real was told from drawn when the distance was smallest."""
    scores = patient.curves["score/frechet"]
    finite = np.isfinite(np.asarray(scores.values, dtype=np.float64))
    at = int(np.asarray(scores.steps)[finite][int(distance.argmin())])
    gap = 0.0
    for name, sign in (("p/real", 1.0), ("p/fake", -1.0)):
        curve = patient.curves[name]
        place = max(0, int(np.searchsorted(curve.steps, at)) - 1)
        gap += sign * float(np.nan_to_num(np.asarray(curve.values, dtype=np.float64)[place]))
    return gap


def _share_of_gap(patient: Patient, told: str, back: int) -> float:
    """Return r_v at a look at held-out pictures, `back` looks before the last; 0 without a gap."""
    unseen = patient.curves[f"test/{told}/real"]
    looks = np.flatnonzero(np.isfinite(np.asarray(unseen.values, dtype=np.float64)))
    at = looks[-1 - back]
    known, drawn = (_around(patient.curves[f"{told}/{name}"], int(unseen.steps[at]))
                    for name in ("real", "fake"))
    gap = known - drawn
    # What is told apart by a hair has no way to go.
    is_told = gap > (0.2 if told == "p" else 0.0)
    return float((known - float(unseen.values[at])) / gap) if is_told else 0.0


def _around(curve: Curve, step: int) -> float:
    """Return the median of a curve over the last points up to a step; NaN where there are none."""
    end = int(np.searchsorted(curve.steps, step, side="right"))
    values = np.asarray(curve.values, dtype=np.float64)[max(0, end - LASTS):end]
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else float("nan")


def _parts(values: Floats) -> Iterator[Floats]:
    """Cut a curve into stretches of LASTS points."""
    for first in range(0, len(values) - LASTS + 1, LASTS):
        yield values[first:first + LASTS]
