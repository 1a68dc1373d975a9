"""`race`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hybridstudio import pictures, racing, runs
from hybridstudio.cli import options, watch
from hybridstudio.cli.draw import cancelled, refuse_existing
from hybridstudio.cli.screen import screen_of
from hybridstudio.errors import UsageError
from hybridstudio.messages import Draw, Event, Lap, Race
from hybridstudio.racing import By, Lane
from hybridstudio.telling import number
from hybridstudio.ways import read_way

MOMENTS = 60  # of an animation
COUNT = 8  # pictures of each way


def race(
    context: typer.Context,
    ways: Annotated[list[str], typer.Argument(
        metavar="RUN[:SAMPLER[:NFE]]...", help="Who takes part: a run, its sampler, its network "
        "evaluations.")],
    out: Annotated[Path | None, typer.Option(
        metavar="X.gif|webp|mp4|png", help="Where the race is shown; without it only the result "
        "is told.")] = None,
    count: Annotated[int, typer.Option(
        min=1, metavar="N", help="Pictures that each way draws.")] = COUNT,
    seed: options.Seed = 0,
    by: Annotated[By, typer.Option(
        help="In step, or in time as each way's own clock measured it.")] = "time",
    frames: Annotated[int, typer.Option(
        min=2, metavar="N", help="Moments in an animation.")] = MOMENTS,
    ms: Annotated[int, typer.Option(
        min=10, max=10_000, metavar="MS", help="Milliseconds for each moment.")] = 80,
    weights: options.Weights = "ema",
    device: options.Device = "auto",
    force: options.Force = False,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """Draw the same seed in several ways side by side, each by its own clock."""
    screen = screen_of(context)
    if out is not None:
        out = out.expanduser()
        refuse_existing(out, force, (".png", *pictures.ANIMATIONS))
    draws, lanes = [], []
    for text in ways:
        way = read_way(text)
        folder = runs.find(way.run)
        config = runs.read(folder).config
        if not config.model.samplers:
            raise UsageError(f"{folder.name} draws nothing", "it tells pictures apart",
                             "leave it out of the race")
        draws.append(Draw(folder, count, way.sampler, way.nfe, seed=seed, weights=weights,
                          device=device))
        nfe = way.nfe or config.nfe
        lanes.append(Lane(f"{folder.name} · {way.sampler or config.sampler} · {nfe}"))

    def see(event: Event) -> None:
        if isinstance(event, Lap) and event.frame is not None:
            lanes[event.way].frames.append(event.frame)
        elif isinstance(event, Lap):
            lanes[event.way].failed = "left the race"

    watched = watch.run(Race(tuple(draws)), screen, see)
    if watched.done is None:
        return cancelled(watched.code, screen)
    finished = watched.done.result["ways"]
    told = sorted((way.get("finish") or len(ways) + 1, place, way)
                  for place, way in enumerate(finished))
    screen.table(("", "way", "ms each", "evaluations"), [
        (str(way.get("finish") or "–"), lanes[place].name,
         number(way["ms_per_image"]) if "ms_per_image" in way else way["error"],
         str(way.get("nfe", ""))) for _, place, way in told])
    if out is not None:
        if out.suffix.lower() == ".png":
            pictures.write_png(out, racing.still(lanes, by), {"seed": seed}, force)
        else:
            pictures.write_animation(out, racing.pages(lanes, by, frames), ms, overwrite=force)
        screen.say(f"→ {out}", "bold")
    screen.result({"ways": finished, "seed": seed, "count": count,
                   "out": None if out is None else str(out)})
    return 0
