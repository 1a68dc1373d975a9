"""A race: the same seed drawn in several ways, one frame of each in turn, each by its own clock."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any, cast

from hybridstudio import runs
from hybridstudio.engine import lanes
from hybridstudio.engine.draw import draw
from hybridstudio.errors import StudioError, UsageError, translate
from hybridstudio.messages import Done, Draw, Event, Frame, Lap, Notice, Progress, Race, Started


def race(request: Race) -> Iterator[Event]:
    """Tell the frames of every way in turn; one that fails is told and leaves the race.

    Raises UsageError where there is nobody to race, StudioError where all have failed.
    """
    if not request.draws:
        raise UsageError("There is nobody to race", "no way to draw was given", "add one or more")
    ways = [Way(place, asked) for place, asked in enumerate(request.draws)]
    with lanes.interactive():
        try:
            yield from _run(ways)
        finally:
            for way in ways:
                way.leave()


def _run(ways: list[Way]) -> Iterator[Event]:
    many = "one way" if len(ways) == 1 else f"{len(ways)} ways"
    told = [event for way in ways for event in way.make_ready()]
    device = next((way.device for way in ways if way.device), "")
    yield Started(f"Racing {many} of drawing", None, device)
    yield from _unlike(ways)
    yield from told
    began = time.perf_counter()
    while going := [way for way in ways if way.is_going]:
        for way in going:
            yield from way.advance()
            if not way.is_going:
                continue
            done = sum(way.told for way in ways)
            known = [way.frames for way in ways if way.error is None]
            yield Progress(done, sum(known) if all(known) else None, "frames",
                           seconds=time.perf_counter() - began)
    errors = [way.error for way in ways if way.error is not None]
    if len(errors) == len(ways):
        raise errors[-1]
    order = sorted((way.seconds, way.place) for way in ways if way.error is None)
    finish = {place: number for number, (_, place) in enumerate(order, 1)}
    yield Done("finished", {"ways": [way.result(finish.get(way.place)) for way in ways]})


class Way:
    """One way of drawing in the race, with its own clock."""

    def __init__(self, place: int, asked: Draw) -> None:
        self.place = place
        self.asked = replace(asked, frames=True, batch=max(asked.count, asked.batch))
        self.is_going = True
        self.device = ""
        self.seconds = 0.0
        self.told = 0  # frames so far
        self.frames = 0  # that there will be, once that is known
        self.error: StudioError | None = None
        self._done: Done | None = None
        self._events: Generator[Event] | None = None

    @property
    def name(self) -> str:
        """Run and sampler, as a user tells ways apart."""
        return " · ".join(filter(None, (self.asked.run.name, self.asked.sampler)))

    def make_ready(self) -> Iterator[Event]:
        """Load the model and draw a first frame that does not count.

        The first evaluation of a network also pays for making it ready, which is no way's fault.
        """
        try:
            warm = self._drawn()
            for event in warm:
                if isinstance(event, Frame):
                    break
            warm.close()
            self._events = self._drawn()
            for event in self._events:
                if isinstance(event, Started):
                    self.device = event.device
                    break
                yield event
        except Exception as error:  # of torch and the system too: the others go on
            yield from self._fail(error)

    def advance(self) -> Iterator[Event]:
        """Tell the next frame; the clock runs only while it is drawn."""
        assert self._events is not None
        began = time.perf_counter()
        try:
            for event in self._events:
                if isinstance(event, Frame):
                    self.seconds += time.perf_counter() - began
                    self.told, self.frames = self.told + 1, event.steps + 1
                    yield Lap(self.place, replace(event, seconds=self.seconds))
                    return
                if isinstance(event, Done):
                    self._done = event
                elif isinstance(event, Notice):
                    yield event
        except Exception as error:  # of torch and the system too: the others go on
            yield from self._fail(error)
        self.is_going = False

    def leave(self) -> None:
        """End what is still being drawn."""
        if self._events is not None:
            self._events.close()

    def result(self, finish: int | None) -> dict[str, Any]:
        """Return what came of it: seconds, evaluations and the place in which it came in."""
        told: dict[str, Any] = {"run": str(self.asked.run), "sampler": self.asked.sampler,
                                "seed": self.asked.seed, "count": self.asked.count}
        if self.error is not None or self._done is None:
            return told | {"error": self.error.what if self.error is not None else "stopped"}
        return told | {
            "sampler": self._done.result["sampler"], "nfe": self._done.result["nfe"],
            "seconds": self.seconds, "ms_per_image": 1000.0 * self.seconds / self.asked.count,
            "finish": finish}

    def _drawn(self) -> Generator[Event]:
        return cast("Generator[Event]", draw(self.asked, keeps=False))

    def _fail(self, error: Exception) -> Iterator[Event]:
        self.error, self.is_going = translate(error), False
        yield Notice(f"{self.name} leaves the race: {self.error.what}", self.error.why,
                     self.error.fix, "warning")
        yield Lap(self.place, None)


def _unlike(ways: list[Way]) -> Iterator[Notice]:
    """Tell where not all learned the same data, so that the same noise means other pictures."""
    drawn: dict[str, list[str]] = {}
    for way in ways:
        try:
            data = runs.read(way.asked.run).config.data
        except StudioError:
            continue  # told when the way is made ready
        size = f" {data.size} × {data.size}" if data.size and data.size > 1 else ""
        drawn.setdefault(f"{data.name}{size}", []).append(way.asked.run.name)
    if len(drawn) > 1:
        yield Notice("These models learned different data", "; ".join(
            f"{', '.join(dict.fromkeys(names))} {data}" for data, names in drawn.items()),
            "compare their speed; their pictures begin with other noise")
