"""How it runs: every request becomes a generator of events.

`run(request)` is the whole face. The command line is a `for` loop over it, the window drives it in
a QThread, tests list it. Stop is closing it, pause is not asking for the next event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from hybridstudio.engine.chances import chances
from hybridstudio.engine.directions import directions
from hybridstudio.engine.draw import draw
from hybridstudio.engine.fields import fields
from hybridstudio.engine.finding import encode
from hybridstudio.engine.latent import decode, place
from hybridstudio.engine.look import augment, browse, noise
from hybridstudio.engine.nearest import neighbours
from hybridstudio.engine.probe import probe
from hybridstudio.engine.race import race
from hybridstudio.engine.repeating import repeat
from hybridstudio.engine.score import score
from hybridstudio.engine.sheets import sheets
from hybridstudio.engine.sweep import sweep
from hybridstudio.engine.train import resume, train
from hybridstudio.messages import (
    Augment,
    Browse,
    Chances,
    Decode,
    Directions,
    Draw,
    Encode,
    Event,
    Fields,
    Neighbours,
    Noise,
    Place,
    Probe,
    Race,
    Repeat,
    Request,
    Resume,
    Score,
    Sheets,
    Sweep,
    Train,
)

__all__ = ["run"]

_WORK: dict[type, Callable[[Any], Iterator[Event]]] = {
    Train: train, Resume: resume, Draw: draw, Browse: browse, Noise: noise, Augment: augment,
    Probe: probe, Score: score, Sweep: sweep, Repeat: repeat,
    Sheets: sheets, Chances: chances, Fields: fields,
    Race: race,
    Decode: decode, Place: place,
    Encode: encode, Directions: directions, Neighbours: neighbours,
}


def run(request: Request) -> Iterator[Event]:
    """Do what is asked, telling events on the way; a finished work ends with `Done`.

    Raises StudioError for what a user can mend; other errors are told by `errors.translate`.
    """
    return _WORK[type(request)](request)
