"""A race as it is shown: lanes of frames, in step or in time with one another. No torch, no Qt."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hybridstudio import pictures
from hybridstudio.messages import Frame
from hybridstudio.pictures import Raster

By = Literal["step", "time"]

SHOWN = 56  # pixels that a picture of a page is enlarged to at least
HEAD = 18  # pixels for the words above a lane
STILLS = 9  # moments of a race in one picture
INK = (245, 245, 245)


@dataclass
class Lane:
    """One way of a race: its name and the frames so far, with seconds by its own clock."""

    name: str
    frames: list[Frame] = field(default_factory=list)
    failed: str = ""  # why it left the race

    @property
    def last(self) -> Frame | None:
        """The newest frame."""
        return self.frames[-1] if self.frames else None

    @property
    def is_in(self) -> bool:
        """Whether the pictures are finished."""
        return bool(self.frames) and self.frames[-1].step >= self.frames[-1].steps

    @property
    def seconds(self) -> float:
        """What its pictures took so far."""
        return self.frames[-1].seconds if self.frames else 0.0

    def at(self, place: float, by: By) -> Frame | None:
        """Return the frame at a step, or that was there after so many seconds."""
        if not self.frames:
            return None
        if by == "step":
            return self.frames[min(round(place), len(self.frames) - 1)]
        number = bisect.bisect_right(self.frames, place + 1e-9, key=lambda frame: frame.seconds)
        return self.frames[max(0, number - 1)]


def end(lanes: Sequence[Lane], by: By) -> float:
    """Return the step or the second at which the last lane comes in."""
    if by == "step":
        return max((lane.frames[-1].steps for lane in lanes if lane.frames), default=0)
    return max((lane.seconds for lane in lanes), default=0.0)


def order(lanes: Sequence[Lane]) -> dict[int, int]:
    """Return in which place each lane that is in came in, from 1 on."""
    times = sorted((lane.seconds, place) for place, lane in enumerate(lanes) if lane.is_in)
    return {place: number for number, (_, place) in enumerate(times, 1)}


def readout(lane: Lane, frame: Frame | None) -> str:
    """Tell where a lane stands: noise level, milliseconds for each picture, evaluations."""
    if lane.failed:
        return lane.failed
    if frame is None:
        return "getting ready"
    each = 1000.0 * frame.seconds / count_of(frame)
    many = "evaluation" if frame.nfe == 1 else "evaluations"
    return f"t = {round(frame.t):,} · {told_ms(each)} · {frame.nfe:,} {many}"


def count_of(frame: Frame) -> int:
    """Return how many pictures or points a frame has."""
    return max(1, len(frame.points["x_t"]) if frame.points else len(frame.x_t))


def told_ms(ms: float) -> str:
    """Tell the time for each picture."""
    return f"{ms:,.0f} ms each" if ms >= 99.5 else f"{ms:.3g} ms each"


# --- files ----------------------------------------------------------------------------------------


def page(lanes: Sequence[Lane], place: float, by: By, most: int = 8) -> Raster:
    """Lay a moment of a race out as one picture (H, W, 3): a lane below the other, with words."""
    finish, ended = order(lanes), place >= end(lanes, by)
    rows = [_row(lane, lane.at(place, by), most, finish.get(number) if ended else None)
            for number, lane in enumerate(lanes)]
    width = max(row.shape[1] for row in rows)
    return np.concatenate([_padded(row, width) for row in rows])


def pages(lanes: Sequence[Lane], by: By, count: int) -> Iterator[Raster]:
    """Lay out `count` moments spread evenly from beginning to end, the last with the order."""
    last = end(lanes, by)
    made = [page(lanes, last * place / max(1, count - 1), by) for place in range(count)]
    width = max(one.shape[1] for one in made)  # their words are of many lengths
    for one in made:
        yield _padded(one, width)


def still(lanes: Sequence[Lane], by: By) -> Raster:
    """Lay a whole race out as one picture: moments from left to right, a lane below the other."""
    last, finish = end(lanes, by), order(lanes)
    rows = []
    for number, lane in enumerate(lanes):
        places = [last * share / (STILLS - 1) for share in range(STILLS)]
        found = [frame.x_t[:1] for at in places if (frame := lane.at(at, by)) is not None]
        images = np.concatenate(found) if found else np.zeros((0, 1, 1, 1), np.uint8)
        rows.append(_strip(_words(lane, lane.last, finish.get(number)), images, STILLS))
    width = max(row.shape[1] for row in rows)
    return np.concatenate([_padded(row, width) for row in rows])


def _row(lane: Lane, frame: Frame | None, most: int, finish: int | None) -> Raster:
    images = np.zeros((0, 1, 1, 1), np.uint8) if frame is None else frame.x_t[:most]
    return _strip(_words(lane, frame, finish), images, most)


def _words(lane: Lane, frame: Frame | None, finish: int | None) -> str:
    place = f"{finish}. " if finish is not None else ""
    return f"{place}{lane.name} · {readout(lane, frame)}"


def _strip(words: str, images: np.ndarray, columns: int) -> Raster:
    """Write words over pictures in one line."""
    zoom = max(1, SHOWN // images.shape[1])
    body = pictures.sheet(images, min(columns, max(1, len(images))), zoom, gap=4)
    font = ImageFont.load_default(12)
    wide = max(body.shape[1], int(font.getlength(words)) + 10)
    head = Image.new("RGB", (wide, HEAD), pictures.BACKGROUND)
    ImageDraw.Draw(head).text((4, 3), words, INK, font)
    return np.concatenate([np.asarray(head), _padded(body, wide)])


def _padded(row: Raster, width: int) -> Raster:
    page = np.empty((len(row), width, 3), np.uint8)
    page[:] = pictures.BACKGROUND
    page[:, :row.shape[1]] = row
    return page
