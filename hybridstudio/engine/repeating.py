"""Repeating a number: the same scoring once more, and whether it came out the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from hybridstudio.commands import repeated
from hybridstudio.engine.score import score
from hybridstudio.messages import Done, Event, Repeat

Record = Mapping[str, Any]

# What a number depends on: where a record tells it, and in words.
CIRCUMSTANCES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("weights_sha256",), "the weights"),
    (("features", "sha256"), "the feature network"),
    (("data_sha256",), "the data"),
    (("split",), "the part of the data"),
    (("n",), "the number of pictures"),
    (("step",), "the training step"),
    (("sampler",), "the sampler"),
    (("nfe",), "the evaluations"),
    (("nearest",), "the neighbours counted"),
    (("precision",), "the precision"),
    (("machine", "device"), "the device"),
    (("machine", "processor"), "the processor"),
    (("machine", "threads"), "the threads"),
    (("machine", "torch"), "torch"),
    (("machine", "python"), "Python"),
    (("hybridstudio",), "HybridStudio"),
)
SHOWN = 12  # characters of a hash


def repeat(request: Repeat) -> Iterator[Event]:
    """Score again as a record says; the result is compared with it, and not kept."""
    asked = replace(repeated(request.record), source=request.source)
    for event in score(asked, keeps=False):
        if isinstance(event, Done):
            event = replace(event, result={
                **event.result, "repeat": compared(request.record, event.result)})
        yield event


def compared(before: Record, now: Record) -> dict[str, Any]:
    """Compare two records of one number.

    `outcome` is "same" where every score is equal to the last digit, "differs" where a new value
    lies outside the interval of the old one, else "within". `scores` tells it score by score,
    `differences` what was different in how they were taken.
    """
    scores = {name: _held(old, now["scores"].get(name))
              for name, old in before["scores"].items() if isinstance(old, Mapping)}
    outcomes = {one["outcome"] for one in scores.values()}
    outcome = "differs" if "differs" in outcomes else "within" if outcomes - {"same"} else "same"
    return {"outcome": outcome, "scores": scores, "differences": differences(before, now),
            "when": before.get("when")}


def differences(before: Record, now: Record) -> list[dict[str, Any]]:
    """Tell what is different in how two numbers were taken, where both records say it."""
    found = []
    for path, words in CIRCUMSTANCES:
        old, new = _at(before, path), _at(now, path)
        if old is not None and new is not None and old != new:
            found.append({"what": words, "before": _short(old), "now": _short(new)})
    return found


def _held(old: Mapping[str, Any], new: Mapping[str, Any] | None) -> dict[str, Any]:
    """Hold one score beside what it was; scores without a value are compared as a whole."""
    if new is None:
        return {"outcome": "differs", "before": old.get("value"), "now": None}
    if "value" not in old:
        return {"outcome": "same" if dict(old) == dict(new) else "other",
                "before": old.get("found", old.get("kl")), "now": new.get("found", new.get("kl"))}
    outcome = "differs"
    if old["value"] == new["value"]:
        outcome = "same"
    elif old.get("low", old["value"]) <= new["value"] <= old.get("high", old["value"]):
        outcome = "within"
    return {"outcome": outcome, "before": old["value"], "now": new["value"],
            "low": old.get("low"), "high": old.get("high")}


def _at(record: Record, path: tuple[str, ...]) -> Any:
    found: Any = record
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _short(value: Any) -> Any:
    is_hash = isinstance(value, str) and len(value) == 64
    return value[:SHOWN] if is_hash else value
