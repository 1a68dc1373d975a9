"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hybridstudio import messages


def step_of(text: str) -> int | str:
    """Read a training step, or "best"; raises ValueError, which typer tells."""
    if text.strip().lower() == "best":
        return "best"
    if not text.strip().isdecimal():
        raise ValueError(f"{text!r} is neither a training step nor best")
    return int(text)


# `Screen.of` reads these two before typer does, so that even a mistyped command obeys them.
Json = Annotated[bool, typer.Option(
    "--json", help="End with one JSON object on the last line of stdout.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show the details of an error.")]

Steps = Annotated[int | None, typer.Option(
    min=1, metavar="N", help="End at this training step instead of the config's.")]
Budget = Annotated[float | None, typer.Option(
    min=0.001, metavar="SECONDS", help="End after this many seconds of training.")]
Device = Annotated[messages.Device, typer.Option(
    help="Where the arithmetic is done; auto takes the fastest.")]
DataRoot = Annotated[Path | None, typer.Option(
    metavar="DIR", help="Where data sets lie, in torchvision's layout [HYBRIDSTUDIO_DATA].")]

Run = Annotated[str, typer.Argument(
    metavar="RUN", help="A run's folder, or the name of a run or of a model that ships.")]
Count = Annotated[int | None, typer.Option(
    min=1, metavar="N", help="How many pictures, or points [16, or 2,000 points].")]
Sampler = Annotated[str | None, typer.Option(
    metavar="NAME", help="One of the ways to draw that `info RUN` lists.")]
Knobs = Annotated[list[str] | None, typer.Option(
    "--knob", metavar="NAME=VALUE", help="A further setting of the run's model, as `info RUN` "
    "lists them. Give it as often as needed.")]
Nfe = Annotated[int | None, typer.Option(
    min=1, metavar="N", help="Network evaluations for each picture.")]
Eta = Annotated[float | None, typer.Option(
    min=0.0, max=1.0, metavar="η",
    help="Fresh noise in each DDIM step: 0 is deterministic, 1 is ancestral.")]
Guidance = Annotated[float | None, typer.Option(
    min=0.0, max=20.0, metavar="W", help="1 follows the class as learned, more exaggerates it.")]
Seed = Annotated[int, typer.Option(
    min=0, max=2**31 - 1, metavar="S", help="Where the random numbers begin.")]
Label = Annotated[str | None, typer.Option(
    metavar="L", help="The class to draw, by its index or its name.")]
Weights = Annotated[messages.Weights, typer.Option(
    help="The moving average of the weights, or the weights as trained.")]
Step = Annotated[Any, typer.Option(
    parser=step_of, metavar="N|best", help="Draw from the checkpoint of this training step, or "
    "from the best by its score in training, not the newest.")]
Batch = Annotated[int, typer.Option(
    min=1, metavar="N", help="Pictures drawn at a time; fewer need less memory.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what is there.")]
