"""The frames of one drawing, kept to scrub through within a limit of memory. No Qt."""

from __future__ import annotations

import bisect
from collections.abc import Iterator

from hybridstudio.frames import NOISE, ROWS, Row, place_of, rows_of
from hybridstudio.messages import Frame

LIMIT = 512 << 20  # bytes of pictures kept; 1,000 steps of 16 pictures of 256 × 256 are 9 GB
NEAR = 4  # a part in so many of the limit is for frames that were made again
FEWEST = 8  # frames that are kept whatever they take


class Film:
    """Frames in the order of their steps, within a limit of memory.

    Where the limit is reached every second frame is let go and only every second one is kept from
    then on, so that a long drawing stays evenly covered; the newest is always there. Frames that
    were let go are taken again around one place at a time, once they are made again.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self.clear()

    def clear(self) -> None:
        """Forget all frames."""
        self._frames: list[Frame] = []
        self._near: list[Frame] = []  # those made again
        self._around = range(0)  # the steps that are
        self._stride = 1
        self._bytes = 0
        self.rows: tuple[Row, ...] = ()  # all that any frame had to show

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames)

    @property
    def bytes(self) -> int:
        """What all frames take, in bytes."""
        return self._bytes + sum(map(_size, self._near))

    def add(self, frame: Frame) -> None:
        """Keep the next frame; one that is not later than the last begins a new film."""
        if self._frames and frame.step <= self._frames[-1].step:
            self.clear()
        if self._frames and self._frames[-1].step % self._stride:
            self._bytes -= _size(self._frames.pop())  # it was kept only for being the newest
        self._frames.append(frame)
        self._bytes += _size(frame)
        if fresh := [row for row in rows_of(frame) if row not in self.rows]:
            self.rows = tuple(sorted((*self.rows, *fresh), key=place_of))
        while self._bytes > self._limit - self._limit // NEAR and len(self._frames) > FEWEST:
            self._stride *= 2
            last = self._frames[-1]
            self._frames = [kept for kept in self._frames
                            if kept is last or kept.step % self._stride == 0]
            self._bytes = sum(map(_size, self._frames))

    @property
    def steps(self) -> int:
        """The last step there will be."""
        return self._frames[-1].steps if self._frames else 0

    @property
    def last(self) -> Frame | None:
        """The newest frame."""
        return self._frames[-1] if self._frames else None

    @property
    def is_whole(self) -> bool:
        """Whether the drawing came to its end."""
        return bool(self._frames) and self._frames[-1].step == self.steps

    def at(self, step: int) -> Frame | None:
        """Return the frame of a step, or the nearest one before it that is kept."""
        found = [frame for frames in (self._frames, self._near)
                 if (frame := _latest(frames, step)) is not None]
        if found:
            return max(found, key=lambda frame: frame.step)
        return self._frames[0] if self._frames else None

    def before(self, frame: Frame) -> Frame | None:
        """Return the frame before one, the nearest that is kept."""
        found = self.at(frame.step - 1)
        return found if found is not None and found.step < frame.step else None

    def like(self, other: Frame) -> Frame | None:
        """Return the frame at the place of one of another drawing.

        That is the same step where its noise level is the same, or else the first frame that is no
        noisier, or the newest so far.
        """
        same = self.at(other.step)
        if same is not None and same.t == other.t:
            return same
        return next((frame for frame in self._frames if frame.t <= other.t), self.last)

    def place_among(self, frame: Frame) -> tuple[int, int]:
        """Return which of how many steps at the same noise level a frame is, from 1."""
        alike = [kept.step for kept in self._frames if kept.t == frame.t]
        return sum(step <= frame.step for step in alike), len(alike)

    # --- frames that were let go ------------------------------------------------------------------

    def lacks(self, step: int) -> bool:
        """Return whether a step that was drawn is not kept."""
        found = self.at(step)
        return found is not None and found.step != step and step < self._frames[-1].step

    def wait_for(self, step: int) -> range:
        """Make room for the frames around a step; returns the steps to be made again."""
        room = max(2, self._limit // NEAR // max(1, _size(self._frames[-1])))
        first = max(0, step - room // 2)
        self._around = range(first, min(self._frames[-1].step, first + room))
        self._near = []
        return self._around

    def take_again(self, frame: Frame) -> bool:
        """Keep a frame that was made again; returns whether it is one of those waited for."""
        if frame.step in self._around and (not self._near or self._near[-1].step < frame.step):
            self._near.append(frame)
            return True
        return False


def _latest(frames: list[Frame], step: int) -> Frame | None:
    place = bisect.bisect_right(frames, step, key=lambda frame: frame.step) - 1
    return frames[place] if place >= 0 else None


def _size(frame: Frame) -> int:
    extra = (array for name, array in frame.extra.items() if name != NOISE)  # one for all frames
    arrays = [getattr(frame, row) for row in ROWS] + [*extra, *frame.points.values()]
    return sum(array.nbytes for array in arrays if array is not None)
