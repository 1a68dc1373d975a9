"""What the training panel says of a run: its numbers, its line of words. No Qt."""

from __future__ import annotations

from hybridstudio import telling
from hybridstudio.gui.drawing import is_points
from hybridstudio.gui.following import Following, Pace
from hybridstudio.messages import Progress

STATES = {"training": "Training", "finished": "Finished", "stopped": "Stopped",
          "interrupted": "Interrupted", "ready": "Ready to use", "broken": "Broken"}


def facts(following: Following, pace: Pace, device: str) -> dict[str, str]:
    """Tell a run's numbers by what they are called."""
    run = following.run
    what = "points" if is_points(run.config) else "pictures"
    return {
        "State": _state(following),
        "Step": f"{pace.step:,}" + ("" if run.shipped else f" of {pace.total:,}"),
        "Speed": f"{telling.number(pace.images_per_second)} {what}/s" if (
            pace.images_per_second) else "",
        "Time left": _left(following, pace) or "–", "Trained for": rounded(pace.seconds),
        "Memory": telling.bytes(pace.memory) if pace.memory else "",
        "Device": device,
        "Checkpoint": _saved(following),
    }


def _saved(following: Following) -> str:
    run = following.run
    if not run.checkpoints:
        return "none yet"
    best = f", best at {run.best:,}" if run.best is not None else ""
    return f"step {max(run.checkpoints):,}{best}"


def line(following: Following, pace: Pace, pending: str) -> str:
    """Tell in a line how far a run is; `pending` is what was asked and has not happened yet."""
    said = [pending or _state(following)]
    if not following.run.shipped:
        said.append(f"{100 * pace.step / max(pace.total, 1):.0f} %")
    if (left := _left(following, pace)) and not following.is_paused:
        said.append(f"{left} left")
    if following.behind:
        said.append(f"reading {telling.bytes(following.behind)} more")
    if following.bad_lines:
        said.append(f"{following.bad_lines} unreadable lines")
    return " · ".join(said)


def preparation(event: Progress) -> tuple[str, float | None]:
    """Tell how far a download or the reading of the data is, in words and as a share of 1."""
    amount = telling.bytes(event.step) if event.unit == "bytes" else f"{event.step:,} {event.unit}"
    share = event.step / event.total if event.total else None
    words = f"Preparing the data: {amount if share is None else f'{100 * share:.0f} %'}"
    return words + (f" · {rounded(event.left)} left" if event.left is not None else ""), share


def rounded(seconds: float) -> str:
    """Tell a duration in whole seconds."""
    return telling.duration(round(seconds))


def _state(following: Following) -> str:
    return "Paused" if following.is_paused else STATES[following.run.state]


def _left(following: Following, pace: Pace) -> str:
    is_training = following.run.state == "training"
    return rounded(pace.left) if pace.left is not None and is_training else ""
