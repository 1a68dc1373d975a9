"""`pause` and `step`: speaking with a training that is under way in another process."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated

import typer

from hybridstudio import runs
from hybridstudio.cli import options
from hybridstudio.cli.screen import screen_of
from hybridstudio.errors import UsageError


def pause(
    context: typer.Context,
    run: options.Run,
    off: Annotated[bool, typer.Option("--off", help="Let it go on.")] = False,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """Let a training that is under way wait, or go on."""
    screen, folder = screen_of(context), _under_way(run)
    if off:
        runs.withdraw(folder)
    else:
        runs.post(folder, "pause")
    screen.say(f"{folder.name} {'goes on' if off else 'waits at its next step'}.", "bold")
    screen.result({"run": str(folder), "paused": not off})
    return 0


def step(
    context: typer.Context,
    run: options.Run,
    network: Annotated[str, typer.Option(
        metavar="NAME", help="The network that learns, as `info RUN` names them.")],
    count: Annotated[int, typer.Option(
        min=1, max=999_999, metavar="N", help="How many steps.")] = 1,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """Let one network alone learn while a training is paused, to see what that does."""
    screen, folder = screen_of(context), _under_way(run)
    model = runs.read(folder).config.model
    if network not in model.players:
        close = difflib.get_close_matches(network, model.players, n=1, cutoff=0.5)
        raise UsageError(f"There is no network {network} to learn alone",
                         f"this {model.family} learns with {', '.join(model.players)}",
                         f"did you mean {close[0]}?" if close else "")
    if not runs.is_paused(folder):
        raise UsageError(f"{folder.name} is not paused", "all its networks learn by turns",
                         f"pause it first: hybridstudio pause {folder}")
    runs.post(folder, f"step-{network}-{count}")
    times = "one step" if count == 1 else f"{count:,} steps"
    screen.say(f"The {network} of {folder.name} learns alone for {times}.", "bold")
    screen.result({"run": str(folder), "network": network, "count": count})
    return 0


def _under_way(run: str) -> Path:
    """Find a run that is being trained now."""
    folder = runs.find(run)
    if runs.holder(folder) is None:
        raise UsageError(f"{folder.name} is not being trained", "nobody would hear",
                         f"go on with it: hybridstudio resume {folder}")
    return folder
