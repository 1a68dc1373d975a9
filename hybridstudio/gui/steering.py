"""Steering a training through its folder, so that one elsewhere obeys as one in this window."""

from __future__ import annotations

from pathlib import Path

from hybridstudio import runs
from hybridstudio.gui.jobs import Lane
from hybridstudio.gui.wishes import Pause, Save, Step, Stop


def steer(wish: Stop | Pause | Save | Step, lane: Lane, trained: Path | None) -> None:
    """Stop, pause, save or step the training of a run; `trained` is the one that `lane` does.

    Raises StudioError when the folder cannot be written.
    """
    run = wish.run or trained
    if run is None:
        return
    ours = lane.busy and run == trained
    match wish:
        case Stop() if ours:
            lane.stop()
        case Stop():
            runs.post(run, "stop")
        case Save():
            runs.post(run, "save")
        case Step(network=network, count=count):
            runs.post(run, f"step-{network}-{count}")
        case Pause(on=on) if ours and not run.is_dir():  # its data is still being prepared
            lane.pause(on)
        case Pause(on=True):
            runs.post(run, "pause")
        case Pause():
            if ours:
                lane.pause(False)
            runs.withdraw(run)
