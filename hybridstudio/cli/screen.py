"""Where a command's words go: to a person at the terminal, or as JSON to a program."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hybridstudio.errors import ConfigError, StudioError

WIDE = 1000  # columns for output that no terminal wraps: a pipe or a file gets whole lines
COLOURS = {"info": "cyan", "warning": "yellow", "error": "red", "ok": "green",
           "warn": "yellow", "bad": "red"}


class Screen:
    """What a command prints; with `as_json`, stdout carries nothing but one JSON object."""

    def __init__(self, as_json: bool = False, verbose: bool = False) -> None:
        self.as_json = as_json
        self.verbose = verbose or bool(os.environ.get("HYBRIDSTUDIO_DEBUG"))
        self.console = _console(stderr=as_json)
        self._errors = _console(stderr=True)

    @classmethod
    def of(cls, words: Sequence[str]) -> Screen:
        """Read --json and --verbose from the command line, however wrong the rest of it is."""
        return cls("--json" in words, "--verbose" in words)

    def say(self, text: str, style: str = "") -> None:
        """Print a line for people; never interpreted as markup."""
        self.console.print(Text(text, style))

    def notice(self, what: str, why: str = "", fix: str = "", level: str = "info") -> None:
        """Print something worth knowing, coloured after its level, with its remedy."""
        self.console.print(_told(what, why, fix, COLOURS[level]))

    def finding(self, state: str, text: str, fix: str = "") -> None:
        """Print one line of a check-up, its state in colour, with the remedy below."""
        line = Text.assemble((f"{state:4} ", f"bold {COLOURS[state]}"), text)
        if fix:
            line.append(f"\n     → {fix}", "dim")
        self.console.print(line)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print rows, under heads if there are any, for people."""
        table = Table(*heads, box=None, pad_edge=False, header_style="bold",
                      show_header=bool(heads))
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.console.print(table)

    def result(self, values: Mapping[str, Any]) -> None:
        """With --json, print `values` as one line; NaN and infinity become strings."""
        if self.as_json:
            print(json.dumps(_plain(values), default=str), flush=True)

    def error(self, error: StudioError) -> None:
        """Print what went wrong, why, and how to mend it; the detail only when asked for."""
        if isinstance(error, ConfigError):
            self._errors.print(_told(error.what, "", "", "red"))
            for problem in error.problems:
                self._errors.print(Text(f"  {problem}"))
        else:
            self._errors.print(_told(error.what, error.why, error.fix, "red"))
        if error.detail and self.verbose:
            self._errors.print(Text(error.detail, "dim"))
        told = {"error": error.what, "why": error.why, "fix": error.fix}
        if isinstance(error, ConfigError):
            told["problems"] = [vars(problem) for problem in error.problems]  # type: ignore[assignment]
        self.result(told)


def screen_of(context: typer.Context) -> Screen:
    """Return the screen of a command; a plain one where typer was called without `main`."""
    return context.obj if isinstance(context.obj, Screen) else Screen()


def _console(stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, width=WIDE)


def _told(what: str, why: str, fix: str, colour: str) -> Text:
    text = Text(what, f"bold {colour}")
    for line in (why, fix and f"→ {fix}"):
        if line:
            text.append("\n  " + line.replace("\n", "\n  "), "not bold default")
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):  # a numpy number
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
