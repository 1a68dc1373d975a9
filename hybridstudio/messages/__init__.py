"""What is asked of the engine and what it tells: frozen records of numbers and uint8 arrays.

Requests go in through `engine.run(request)`, events come out of it. Neither knows torch or Qt, so
that the command line, the window and the tests speak with the engine in the same words.
Pictures are uint8 arrays of shape (N, H, W, C) with C = 1 (grey) or 3 (RGB). Points of the plane
are shown as one picture of their cloud, with the points themselves beside it.
"""

from __future__ import annotations

from hybridstudio.messages.comparing import (
    Repeat,
    Sheet,
    Sheets,
    Sweep,
)
from hybridstudio.messages.events import (
    Browsed,
    Done,
    Frame,
    Notice,
    Preview,
    Probed,
    Progress,
    Saved,
    Scored,
    Started,
    Statistics,
)
from hybridstudio.messages.inside import (
    Chanced,
    Chances,
    Field,
    Fields,
    Lap,
    Race,
)
from hybridstudio.messages.latent import (
    Decode,
    Decoded,
    Directed,
    Directions,
    Encode,
    Encoded,
    Neighboured,
    Neighbours,
    Place,
)
from hybridstudio.messages.requests import (
    Augment,
    Branch,
    Browse,
    Draw,
    Noise,
    Probe,
    Resume,
    Score,
    Train,
)
from hybridstudio.messages.words import (
    Codes,
    Device,
    Images,
    Mask,
    Points,
    Step,
    Weights,
)

__all__ = [
    "Augment",
    "Branch",
    "Browse",
    "Browsed",
    "Chanced",
    "Chances",
    "Codes",
    "Decode",
    "Decoded",
    "Device",
    "Directed",
    "Directions",
    "Done",
    "Draw",
    "Encode",
    "Encoded",
    "Event",
    "Field",
    "Fields",
    "Frame",
    "Images",
    "Lap",
    "Mask",
    "Neighboured",
    "Neighbours",
    "Noise",
    "Notice",
    "Place",
    "Points",
    "Preview",
    "Probe",
    "Probed",
    "Progress",
    "Race",
    "Repeat",
    "Request",
    "Resume",
    "Saved",
    "Score",
    "Scored",
    "Sheet",
    "Sheets",
    "Started",
    "Statistics",
    "Step",
    "Sweep",
    "Train",
    "Weights",
]

Request = (Train | Resume | Draw | Browse | Noise | Augment | Probe | Score | Race | Chances
    | Fields | Decode | Encode | Place | Directions | Neighbours | Sweep | Sheets | Repeat)

Event = (Started | Progress | Preview | Frame | Browsed | Probed | Scored | Saved | Notice
    | Done | Lap | Chanced | Field | Decoded | Encoded | Directed | Neighboured | Sheet)
