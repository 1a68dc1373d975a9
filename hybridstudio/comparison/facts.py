"""What runs are in a few facts, such as their size and time of training, and what spoils a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hybridstudio import telling
from hybridstudio.comparison.differences import MISSING
from hybridstudio.comparison.reading import Subject

STATES = {"training": "training now", "finished": "finished", "stopped": "stopped",
          "interrupted": "interrupted", "ready": "ready model", "broken": "cannot be read"}


@dataclass(frozen=True)
class Fact:
    """One fact of every run, in their order; `says` explains it."""

    name: str
    values: tuple[str, ...]
    says: str = ""


def facts(subjects: Sequence[Subject]) -> tuple[Fact, ...]:
    """Tell the runs' facts; what a run does not know is a dash."""
    told = [_told(subject) for subject in subjects]
    return tuple(Fact(name, tuple(each.get(name) or MISSING for each in told), _SAYS.get(name, ""))
                 for name in _NAMES if any(each.get(name) for each in told))


def images_seen(subject: Subject) -> int:
    """Return how many pictures (or points) a run has learned from, repeated ones counted anew."""
    images = (subject.run.card or {}).get("images")
    if isinstance(images, int) and not isinstance(images, bool):
        return images
    return subject.run.step * subject.config.train.batch_size


def notes(subjects: Sequence[Subject]) -> tuple[str, ...]:
    """Tell what keeps runs from being compared at their word."""
    sound = [subject for subject in subjects if subject.is_sound]
    found = [f"{subject.name} cannot be read: {subject.problem}." for subject in subjects
             if not subject.is_sound]
    found += [f"{subject.name}: {subject.problem}." for subject in sound if subject.problem]
    if len({subject.config.data.name for subject in sound}) > 1:
        found.append("The runs learned from different data: neither their losses nor their scores "
                     "measure the same.")
    if len({subject.config.model.family for subject in sound}) > 1:
        found.append("The families differ: each has a loss of its own, and curves of one name may "
                     "mean different things. Compare the scores and the pictures.")
    devices = dict.fromkeys(subject.device for subject in sound if subject.device)
    if len(devices) > 1:
        found.append(f"They were trained on different machines ({'; '.join(devices)}): their "
                     "times say little beside each other.")
    found += [f"{subject.name} is not finished: step {subject.run.step:,} of "
              f"{subject.config.train.steps:,}." for subject in sound
              if not subject.run.shipped and subject.run.step < subject.config.train.steps]
    found += [f"{subject.name} has no checkpoint yet, so nothing can be drawn from it."
              for subject in sound if not subject.run.checkpoints]
    return tuple(found)


_NAMES = ("State", "Family", "Data", "Trained", "Pictures seen", "Time of training",
          "Time per 1,000 pictures", "Trained on", "Parameters", "Networks", "Checkpoint",
          "Sampler", "Drawing")
_SAYS = {
    "Pictures seen": "Training steps times the batch size.",
    "Time of training": "Without pauses and waiting.",
    "Parameters": "Of all networks, those that only teach included where the run tells them.",
    "Checkpoint": "The newest checkpoint on the disk; a model that ships has its averaged weights.",
    "Drawing": "As its newest score measured it, on the machine that scored.",
}


def _told(subject: Subject) -> dict[str, str]:
    run, config = subject.run, subject.config
    if not subject.is_sound:
        return {"State": STATES["broken"]}
    seen = images_seen(subject)
    per = f"{telling.duration(1000 * run.seconds / seen)}" if seen and run.seconds else ""
    draws = config.model.samplers
    evaluations = f", {config.nfe:,} evaluation{'s' if config.nfe != 1 else ''}" if draws else ""
    return {
        "State": STATES[run.state], "Family": config.model.family, "Data": config.data.name,
        "Trained": f"{run.step:,} steps in batches of {config.train.batch_size:,}",
        "Pictures seen": f"{seen:,}" if seen else "",
        "Time of training": telling.duration(run.seconds) if run.seconds else "",
        "Time per 1,000 pictures": per, "Trained on": subject.device,
        "Parameters": _amount(sum(subject.parameters.values())) if subject.parameters else "",
        "Networks": ", ".join(f"{name} {_amount(count)}" for name, count
                              in subject.parameters.items()) if len(subject.parameters) > 1 else "",
        "Checkpoint": telling.bytes(subject.size) if subject.size else "",
        "Sampler": f"{config.sampler}{evaluations}" if draws else "",
        "Drawing": _drawing(subject),
    }


def _amount(count: int) -> str:
    """Tell a count of parameters in three figures: 812, 45.3 k, 2.99 M."""
    for size, unit in ((1_000_000, "M"), (1000, "k")):
        if count >= size:
            return f"{telling.number(count / size)} {unit}"
    return str(count)


def _drawing(subject: Subject) -> str:
    for record in reversed(subject.records):
        spent = record.get("ms_per_image")
        if isinstance(spent, (int, float)) and not isinstance(spent, bool):
            return f"{telling.number(spent)} ms each"
    return ""
