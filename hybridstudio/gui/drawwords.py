"""What the drawing panel says: where a frame stands, and why there is none. No Qt."""

from __future__ import annotations

from hybridstudio import telling
from hybridstudio.gui.drawing import is_points
from hybridstudio.messages import Frame, Notice
from hybridstudio.runs import Run


def readout(frame: Frame, levels: int, left: float | None) -> str:
    """Tell where a frame stands: its noise level of `levels`, step, time left, evaluations."""
    nfe = f"{frame.nfe:,} evaluation{'' if frame.nfe == 1 else 's'}"
    if frame.steps == 0:
        said = ["Drawn in one pass: there are no steps to go through", nfe]
    else:
        said = [f"t = {round(frame.t):,} of {levels or round(frame.t):,}",
                f"step {frame.step:,} of {frame.steps:,}"]
        if left is not None and left >= 1:
            said.append(f"{telling.duration(round(left))} left")
        said.append(nfe)
    return "  ·  ".join(said)


def draws(run: Run | None) -> bool:
    """Tell whether a run's model draws at all; a classifier does not."""
    return run is None or bool(run.config.model.samplers)


def why_empty(run: Run | None, awaited: str, is_drawing: bool, can_draw: bool) -> str:
    """Tell why there is no picture yet, and what to do; `awaited` is a run that gets ready."""
    if awaited:
        return (f"Getting {awaited} ready…\n"
                "There is something to draw from once its training has begun.")
    if run is None:
        return "Choose a model in the library to watch it turn noise into pictures."
    if not draws(run):
        return (f"{run.name} draws nothing: a {run.config.model.title.lower()} tells what a "
                "picture shows.\nHow well it does stands on the page Train.")
    if is_drawing:
        return f"Getting {run.name} ready…"
    if not can_draw:
        return (f"{run.name} has no checkpoint to draw from yet.\n"
                "Let it train until its first save.")
    what = "points" if is_points(run.config) else "pictures"
    return f"Press Draw to watch {run.name} turn noise into {what} (Ctrl+Return)."


def restored(name: str, run: Run) -> Notice:
    """Tell that the settings of a picture drawn from the run `name` are back, for another or it."""
    if name == run.name:
        return Notice(f"The settings of a picture of {name} are back",
                      fix="press Draw to make it again")
    return Notice(f"These settings come from a picture of {name}",
                  f"{run.name} is chosen now, so it draws other pictures",
                  f"choose {name} in the library", "warning")
