"""The newest scores of runs beside each other: what is comparable, and why what is not is not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hybridstudio.comparison.reading import Subject
from hybridstudio.telling import number

Record = Mapping[str, Any]
Key = tuple[str, str, str, int]  # features, data, part of it, N

TITLES = {
    "frechet": "Fréchet distance", "kid": "Kernel distance", "precision": "Precision",
    "recall": "Recall", "density": "Density", "coverage": "Coverage", "is": "Inception score",
    "modes": "Modes found", "classes": "Class balance (KL)", "memory": "Copies of training data",
    "ppl": "Path length",
}
LOWER = ("frechet", "kid", "classes", "memory", "ppl")  # where less is better
SAYS = {
    "frechet": "How far the drawn pictures' features are from real ones' on the whole.",
    "kid": "The same question by another distance, fair for small sets.",
    "precision": "The share of drawn pictures that look like real ones.",
    "recall": "The share of real pictures that the model could have drawn.",
    "density": "How deep among real pictures the drawn ones lie; can exceed 1.",
    "coverage": "The share of real pictures that have a drawn one beside them.",
    "is": "How sure a classifier is of each picture and how various they are.",
    "modes": "How many of the data's known clusters were drawn.",
    "classes": "How far the classes' shares are from the data's, in nats.",
    "memory": "The share of drawn pictures that are nearly training pictures.",
    "ppl": "How much a picture changes along a walk through the latent space.",
}


@dataclass(frozen=True)
class Figure:
    """One score of one run: its value and, where they were measured, interval, floor, ceiling.

    `text` is how it is told, `is_fair` whether it may be held beside the table's other figures.
    """

    value: float
    text: str
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    ceiling: float | None = None
    is_fair: bool = True

    @property
    def interval(self) -> str:
        """The interval in words, or nothing."""
        if self.low is None or self.high is None:
            return ""
        return f"{number(self.low)} to {number(self.high)}"


@dataclass(frozen=True)
class ScoreTable:
    """Figures by the name of the score, one for each run or None; in the runs' order.

    `labels` tell how each run was scored, `reasons` why a run's figures cannot be held beside the
    others' ("" where they can). `best` names for each score the places of the runs that are best:
    those whose interval meets that of the best value.
    """

    rows: Mapping[str, tuple[Figure | None, ...]]
    labels: tuple[str, ...]
    reasons: tuple[str, ...]
    best: Mapping[str, frozenset[int]]
    distance: str = TITLES["frechet"]

    def title(self, name: str) -> str:
        """What a score is called, as its feature network allows."""
        return self.distance if name == "frechet" else TITLES.get(name, name)


def score_table(subjects: Sequence[Subject]) -> ScoreTable:
    """Lay the newest scores beside each other, those taken in the way that most runs share."""
    common = _common(subjects)
    chosen = [_chosen(subject, common) for subject in subjects]
    reasons = [_reason(subject, record, common, len(subjects))
               for subject, record in zip(subjects, chosen, strict=True)]
    per_run = [_figures(subject, record, not reason) for subject, record, reason
               in zip(subjects, chosen, reasons, strict=True)]
    names = sorted(dict.fromkeys(name for figures in per_run for name in figures),
                   key=lambda name: [*TITLES, name].index(name))
    rows = {name: tuple(figures.get(name) for figures in per_run) for name in names}
    labels = tuple(_label(subject, record)
                   for subject, record in zip(subjects, chosen, strict=True))
    distances = [str(record["distance"]) for record in chosen
                 if record is not None and record.get("distance")]
    return ScoreTable(rows, labels, tuple(reasons),
                      {name: best(name, row) for name, row in rows.items()},
                      distances[0] if len(set(distances)) == 1 else TITLES["frechet"])


def best(name: str, row: Sequence[Figure | None]) -> frozenset[int]:
    """Return the places of the best figures: the best value, and all whose interval meets its."""
    fair = {place: figure for place, figure in enumerate(row)
            if figure is not None and figure.is_fair and math.isfinite(figure.value)}
    if len(fair) < 2:
        return frozenset()
    pick = min if name in LOWER else max
    first = fair[pick(fair, key=lambda place: fair[place].value)]
    low, high = _ends(first)
    return frozenset(place for place, figure in fair.items()
                     if _ends(figure)[0] <= high and _ends(figure)[1] >= low)


def _ends(figure: Figure) -> tuple[float, float]:
    if figure.low is None or figure.high is None:
        return figure.value, figure.value
    return figure.low, figure.high


# --- how a score was taken ------------------------------------------------------------------------


def _key(record: Record) -> Key | None:
    """Return what has to be the same for two records to be comparable; None where it says not."""
    features = record.get("features")
    count = record.get("n")
    if not isinstance(features, dict) or not isinstance(count, int):
        return None
    data = record.get("data_sha256") or record.get("data")
    return str(features.get("sha256")), str(data), str(record.get("split")), count


def _common(subjects: Sequence[Subject]) -> Key | None:
    """Return the way of scoring that most runs have a record of; the newest of several such."""
    shared: Counter[Key] = Counter()
    newest: dict[Key, str] = {}
    for subject in subjects:
        keys = {key for record in subject.records if (key := _key(record)) is not None}
        shared.update(keys)
        for record in subject.records:
            if (key := _key(record)) is not None:
                newest[key] = max(newest.get(key, ""), str(record.get("when", "")))
    return max(shared, key=lambda key: (shared[key], newest[key]), default=None)


def _chosen(subject: Subject, common: Key | None) -> Record | None:
    """Return a run's newest record of the common way, or of any; with the scores of its fellows.

    Records of one way and one checkpoint add up: each may hold other scores.
    """
    records = [record for record in subject.records if _key(record) is not None]
    alike = [record for record in records if _key(record) == common] or records
    if not alike:
        return None
    newest = alike[-1]
    made = ("step", "weights", "sampler", "nfe")
    merged: dict[str, Any] = {}
    for record in alike:
        if _key(record) == _key(newest) and all(record.get(part) == newest.get(part)
                                                for part in made):
            merged |= record["scores"]
    return {**newest, "scores": merged}


def _reason(subject: Subject, record: Record | None, common: Key | None, count: int) -> str:
    """Tell why a run's figures cannot be held beside the others'; "" where they can."""
    if record is None:
        if not subject.is_sound:
            return "it cannot be read"
        if _card_scores(subject):
            return "its card tells the values alone, without how they were taken: score it again"
        return "it was never scored"
    key = _key(record)
    if key is None or common is None or key == common or count < 2:
        return ""
    names = ("feature networks", "data", "parts of the data", "counts")
    told = [name for name, own, other in zip(names, key, common, strict=True) if own != other]
    if told == ["counts"]:
        return f"N = {key[3]:,}, not {common[3]:,}: a distance shrinks as N grows"
    words = " and ".join(part for part in (", ".join(told[:-1]), told[-1]) if part)
    return f"it was taken with other {words}"


def _label(subject: Subject, record: Record | None) -> str:
    if record is None:
        scored = (subject.run.card or {}).get("scored")
        return str(scored) if scored and _card_scores(subject) else ""
    told = [str(record.get("label", "")), f"{record.get('split')} part of {record.get('data')}"]
    if record.get("sampler"):
        told.append(f"{record['sampler']}, NFE = {record.get('nfe')}")
    told.append(f"{record.get('weights', 'ema')} weights")
    if isinstance(step := record.get("step"), int):
        told.append(f"step {step:,}")
        if step != subject.run.step and not subject.run.shipped:
            told[-1] += f" (it is at {subject.run.step:,} now)"
    return " · ".join(part for part in told if part)


# --- figures --------------------------------------------------------------------------------------


def _card_scores(subject: Subject) -> Mapping[str, Any]:
    scores = (subject.run.card or {}).get("scores")
    return scores if isinstance(scores, dict) else {}


def _figures(subject: Subject, record: Record | None, is_fair: bool) -> dict[str, Figure]:
    told = record["scores"] if record is not None else _card_scores(subject)
    found = {str(name): _figure(str(name), score, is_fair) for name, score in told.items()}
    return {name: figure for name, figure in found.items() if figure is not None}


def _figure(name: str, told: Any, is_fair: bool) -> Figure | None:
    """Read one score as a record or a card writes it; None for what is none."""
    if (bare := _float(told)) is not None:
        return Figure(bare, number(bare), is_fair=is_fair)
    if not isinstance(told, Mapping):
        return None
    if name == "modes" and (found := _float(told.get("found"))) is not None:
        of = _float(told.get("of"))
        text = f"{found:.0f} of {of:.0f}" if of is not None else f"{found:.0f}"
        if (near := _float(told.get("near"))) is not None:
            text += f", {100 * near:.1f} % near one"
        return Figure(found, text, floor=of, ceiling=0.0, is_fair=is_fair)
    value = _float(told.get("kl" if name == "classes" else "value"))
    if value is None:
        return None
    text = number(value)
    if name == "classes" and "seen" in told and "of" in told:
        text += f" ({told['seen']} of {told['of']} seen)"
    ends = {part: _float(told.get(part)) for part in ("low", "high", "floor", "ceiling")}
    return Figure(value, text, **ends, is_fair=is_fair)


def _float(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value)
