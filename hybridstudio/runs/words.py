"""Control words: how a window speaks to a training in another process, as files in control/."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Literal, get_args

from hybridstudio.errors import UsageError, translate

Word = Literal["save", "stop", "pause"]
WORDS: tuple[str, ...] = get_args(Word)
_STEPS = re.compile(r"step-([A-Za-z0-9_.]{1,60})-([0-9]{1,6})")  # step-generator-10


def post(run: Path, word: str) -> None:
    """Leave a word for the training of `run`: save or stop now, or pause until withdrawn.

    `step-NETWORK-COUNT` lets that network alone learn so many steps while the rest is paused.
    Raises UsageError for an unknown word, StudioError when the folder cannot be written.
    """
    if word not in WORDS and not _STEPS.fullmatch(word):
        raise UsageError(f"A training knows no word {word}", fix=f"use one of {', '.join(WORDS)}")
    try:
        (run / "control").mkdir(exist_ok=True)
        (run / "control" / word).touch()
    except OSError as error:
        raise translate(error) from error


def withdraw(run: Path, word: str = "pause") -> None:
    """Take a word back; withdrawing `pause` lets the training go on."""
    try:
        (run / "control" / word).unlink(missing_ok=True)
    except OSError as error:
        raise translate(error) from error


def taken(run: Path) -> set[str]:
    """Return the words posted since the last call, and take them away; `pause` stays posted."""
    words = set()
    for word in WORDS:
        # A word that cannot be taken away is not obeyed: it would be obeyed at every step.
        with suppress(OSError):
            if word != "pause":
                (run / "control" / word).unlink()
                words.add(word)
    for word in _steps_posted(run):
        with suppress(OSError):
            (run / "control" / word).unlink()
            words.add(word)
    return words


def steps_of(word: str) -> tuple[str, int] | None:
    """Return which network a word lets step alone, and how often; None for another word."""
    match = _STEPS.fullmatch(word)
    return (match[1], int(match[2])) if match else None


def _steps_posted(run: Path) -> list[str]:
    try:
        return [name for name in os.listdir(run / "control") if _STEPS.fullmatch(name)]
    except OSError:
        return []


def is_paused(run: Path) -> bool:
    """Tell whether the training of `run` is asked to wait."""
    return os.path.exists(run / "control" / "pause")


def forget(run: Path) -> None:
    """Drop every word: those left from an earlier training mean nothing to a new one."""
    for word in (*WORDS, *_steps_posted(run)):
        with suppress(OSError):
            (run / "control" / word).unlink()
