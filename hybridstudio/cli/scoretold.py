"""How scores are told at the terminal: a table, and in words what is more than a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hybridstudio.cli.screen import Screen
from hybridstudio.messages import Scored
from hybridstudio.telling import number

NAMES = {
    "kid": "kernel distance", "precision": "precision", "recall": "recall", "density": "density",
    "coverage": "coverage", "is": "Inception score", "ppl": "path length",
}


def show(event: object, screen: Screen) -> None:
    """Print the scores as a table, and in words what is more than a number."""
    if not isinstance(event, Scored) or screen.as_json:
        return
    figures = {name: told for name, told in event.scores.items() if is_figure(told)}
    screen.table(("score", "value", "95 %", "real", "noise"), [
        [title_of(name, event.distance), number(told["value"]),
         f"{number(told['low'])} to {number(told['high'])}",
         maybe(told["floor"]), maybe(told["ceiling"])] for name, told in figures.items()])
    if found := event.scores.get("classes"):
        screen.say(f"classes: {found['seen']} of {found['of']} drawn, "
                   f"KL to the data {number(found['kl'])} nats")
    if found := event.scores.get("modes"):
        what = "points" if "standard_deviations" in found else "pictures"
        near = f", {found['near']:.1%} of the {what} near one" if "near" in found else ""
        expected = (f" (as many real ones: {found['expected']:,.0f})" if "expected" in found
                    else "")
        screen.say(f"modes: {found['found']:,} of {found['of']:,} found{expected}{near}, "
                   f"KL {number(found['kl'])} nats")
        for name, factor in found.get("factors", {}).items():
            screen.say(f"  {name}: {factor['seen']} of {factor['of']}, "
                       f"KL {maybe(factor['kl'])} nats", "dim")
    if found := event.scores.get("memory"):
        screen.say(f"copies of training pictures: {found['value']:.1%} of {found['count']:,}")


def title_of(name: str, distance: str) -> str:
    """Return what a score is called; `distance` is what the Fréchet distance is, in its features.
    """
    return distance if name == "frechet" else NAMES.get(name, name)


def is_figure(told: Mapping[str, Any]) -> bool:
    """Whether a score is one number with its interval and anchors."""
    return "ceiling" in told


def maybe(value: float | None) -> str:
    """Write a number where there is one."""
    return "" if value is None else number(value)
