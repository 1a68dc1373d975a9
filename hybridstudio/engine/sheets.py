"""The same seeds drawn from several runs, one after the other, as they would draw by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hybridstudio import runs
from hybridstudio.engine.draw import draw
from hybridstudio.errors import StudioError, UsageError, translate
from hybridstudio.messages import Done, Draw, Event, Notice, Progress, Sheet, Sheets, Started

POINTS_EACH = 125  # points of a cloud for each picture that is asked for


def sheets(request: Sheets) -> Iterator[Event]:
    """Draw from each run with its own sampler; one that fails is told, and the rest go on."""
    if not request.runs:
        raise UsageError("There is nothing to draw from", "no run was named", "name some runs")
    if request.count < 1:
        raise UsageError(f"{request.count} pictures cannot be drawn", fix="ask for at least 1")
    many = "one run" if len(request.runs) == 1 else f"{len(request.runs)} runs"
    yield Started(f"Drawing the same seeds from {many}")
    failed = []
    for place, path in enumerate(request.runs):
        yield Progress(place, len(request.runs), "runs")
        try:
            yield from _sheet(path, request)
        except (StudioError, RuntimeError, MemoryError, OSError) as error:
            told = translate(error)
            failed.append(str(path))
            yield Notice(f"Nothing was drawn from {path.name}", f"{told.what}: {told.why}"
                         if told.why else told.what, told.fix, "warning", run=path)
    yield Progress(len(request.runs), len(request.runs), "runs")
    yield Done("finished", {"runs": [str(path) for path in request.runs], "seed": request.seed,
                            "count": request.count, "failed": failed})


def _sheet(path: Path, request: Sheets) -> Iterator[Event]:
    """Draw from one run, telling what is worth knowing on the way and the sheet at last."""
    run = runs.read(path)
    is_points = run.config.data.shape is not None and run.config.data.shape.is_points
    count = request.count * POINTS_EACH if is_points else request.count
    wanted = Draw(path, count, seed=request.seed, weights=request.weights, device=request.device,
                  frames=False)
    for event in draw(wanted):
        if isinstance(event, Notice):
            yield event
        elif isinstance(event, Done) and event.images is not None:
            yield Sheet(path, event.images, float(event.result["ms_per_image"]),
                        int(event.result["nfe"]))
        elif isinstance(event, Progress):
            # Each event is a moment at which the whole can be stopped.
            yield Progress(request.runs.index(path), len(request.runs), "runs",
                           seconds=event.seconds, left=event.left)
