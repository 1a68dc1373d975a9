"""Two lanes in one process: training gives way to interactive work at a step boundary.

A training step runs inside `training_step()`, drawing inside `interactive()`. While drawing waits
or runs, no training step begins; so drawing also sees weights that do not change under it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hybridstudio.engine.learner import Learner

_turn = threading.Condition()
_interactive = 0  # interactive work that waits or runs
_training = 0  # training steps under way

live: dict[Path, Learner] = {}
"""The trainings of this process by their run folder, for drawing from them as they stand."""


@dataclass(frozen=True)
class Waited:
    """How long a training step waited for interactive work, in seconds."""

    seconds: float


@contextlib.contextmanager
def training_step() -> Iterator[Waited]:
    """Do one training step, after all interactive work that waits or runs."""
    global _training
    began = time.perf_counter()
    with _turn:
        _turn.wait_for(lambda: _interactive == 0)
        _training += 1
    try:
        yield Waited(time.perf_counter() - began)
    finally:
        with _turn:
            _training -= 1
            _turn.notify_all()


@contextlib.contextmanager
def interactive() -> Iterator[None]:
    """Hold trainings at their next step boundary while this block runs."""
    global _interactive
    with _turn:
        _interactive += 1
        _turn.wait_for(lambda: _training == 0)
    try:
        yield
    finally:
        with _turn:
            _interactive -= 1
            _turn.notify_all()
