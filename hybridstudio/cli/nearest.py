"""`nearest`: the training pictures that resemble others most."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from hybridstudio import pictures, runs
from hybridstudio.cli import options, watch
from hybridstudio.cli.codes import Asking, Cancelled, read_mix
from hybridstudio.cli.draw import cancelled, read_knobs, refuse_existing
from hybridstudio.cli.latent import Mix, Space
from hybridstudio.cli.screen import screen_of
from hybridstudio.config import RunConfig
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import Event, Images, Neighboured, Neighbours
from hybridstudio.telling import number


def nearest(
    context: typer.Context,
    run: options.Run,
    images: Annotated[list[Path] | None, typer.Argument(
        metavar="[IMAGE...]", help="Pictures, brought to the run's size.")] = None,
    seeds: Annotated[str | None, typer.Option(
        metavar="S1,S2,...", help="Draw these seeds, kept points or A-B+C of three seeds instead.")
    ] = None,
    out: Annotated[Path | None, typer.Option(
        metavar="X.png", help="A sheet: in each row a picture, then those nearest to it.")] = None,
    count: Annotated[int, typer.Option(
        min=1, max=64, metavar="N", help="Training pictures for each.")] = Neighbours.count,
    space: Space = "",
    label: options.Label = None,
    mix: Mix = None,
    sampler: options.Sampler = None,
    nfe: options.Nfe = None,
    knobs: options.Knobs = None,
    weights: options.Weights = "ema",
    step: options.Step = None,
    zoom: Annotated[int, typer.Option(
        min=1, max=32, metavar="N", help="Enlarge by a whole number.")] = 1,
    device: options.Device = "auto",
    data_root: options.DataRoot = None,
    force: options.Force = False,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """Find the training pictures nearest to seeds' pictures, or to files, by their pixels."""
    screen = screen_of(context)
    if out is not None:
        out = out.expanduser()
        refuse_existing(out, force, (".png",))
    if bool(images) == (seeds is not None):
        raise UsageError("It is not said which pictures are meant", "give files or --seeds",
                         "as in --seeds 1,2,3")
    folder = runs.find(run)
    config = runs.read(folder).config
    try:
        if seeds is not None:
            names = [name.strip() for name in seeds.split(",")]
            asking = Asking.of(
                folder, screen, space=space, mix=read_mix(mix, label, config), sampler=sampler,
                nfe=nfe, knobs=read_knobs(knobs, config), step=step, weights=weights, device=device)
            if config.shape.is_points:
                raise UsageError(f"{folder.name} learned points of the plane",
                                 "there are no pictures to find", "choose a run of pictures")
            given = asking.pictures(asking.codes(names)).images
        else:
            names = [file.name for file in images or ()]
            given = np.stack([_read(file, config) for file in images or ()])
    except Cancelled as stopped:
        return cancelled(stopped.code, screen)
    found: list[Neighboured] = []

    def see(event: Event) -> None:
        if isinstance(event, Neighboured):
            found.append(event)

    watched = watch.run(Neighbours(folder, given, count, data_root), screen, see)
    if watched.done is None:
        return cancelled(watched.code, screen)
    if not found:
        raise StudioError("Nothing came back", "the engine ended without an answer")
    told = found[-1]
    if out is not None:
        rows = np.concatenate([given[:, None], told.images], axis=1)
        pictures.write_png(out, pictures.sheet(rows.reshape(-1, *rows.shape[2:]), rows.shape[1],
                                               zoom), {"run": folder.name}, force)
    screen.table(("picture", "nearest", "at", "class"), [
        (name, number(told.distances[row][0]) + (", copied" if told.copied[row] else ""),
         f"{told.places[row][0]:,}", _name(told.labels[row][0], config))
        for row, name in enumerate(names)])
    screen.say(f"{len(given)} held against {told.total:,} training pictures"
               + (f" → {out}" if out is not None else ""), "bold")
    screen.result({**watched.done.result, "names": names,
                   "out": None if out is None else str(out)})
    return 0


def _read(file: Path, config: RunConfig) -> Images:
    """Read a picture (H, W, C) as the run learned them."""
    from hybridstudio.data import decode  # only here: the package may bring torch

    try:
        picture = decode.picture(file.expanduser().read_bytes(), config.shape.height,
                                 config.data.fit)
    except decode.UnreadableError as error:
        raise UsageError(f"{file} cannot be used", str(error), "give another picture") from None
    return decode.coloured(picture, config.shape.channels)


def _name(label: int, config: RunConfig) -> str:
    classes = config.data.classes
    return classes[label] if label < len(classes) else ""
