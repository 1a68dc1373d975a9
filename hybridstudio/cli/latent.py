"""`interpolate`, `encode` and `directions`: inside a latent space."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from hybridstudio import latents, pictures, points_kept, runs
from hybridstudio.cli import options, watch
from hybridstudio.cli.codes import (
    Asking,
    Cancelled,
    moves_of,
    read_mix,
    read_moves,
    read_points,
    read_window,
    settings_of,
    table_of,
)
from hybridstudio.cli.draw import cancelled, index_of, read_knobs, refuse_existing
from hybridstudio.cli.screen import screen_of
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import Codes, Directions, Encode, Encoded, Event, Images
from hybridstudio.telling import duration, number

SIDE = 8  # of a grid
FRAMES = 60  # of a walk
REACH, COLUMNS = 3.0, 7  # how far each way, and pictures, of a row that shows a direction
SHOWN = 12  # directions

Space = Annotated[str, typer.Option(
    metavar="NAME", help="The latent space, as z, w, mu or x_T; the model's usual one by default.")]
Mix = Annotated[str | None, typer.Option(
    metavar="L:SHARE,...", help="Blend classes, as in 3:0.5,8:0.5.")]


def interpolate(
    context: typer.Context,
    run: options.Run,
    out: Annotated[Path, typer.Option(
        metavar="X.png|gif|webp|mp4", help="The grid, or the frames of a walk; an animation of "
        "a walk.")],
    corners: Annotated[str | None, typer.Option(
        metavar="S1,S2,S3,S4", help="Seeds, names of kept points, or A-B+C of three seeds: top "
        "left, top right, bottom left, bottom right.")] = None,
    grid: Annotated[int | None, typer.Option(
        min=1, max=64, metavar="N", help=f"Pictures on each side of the grid ({SIDE}); rows of "
        f"--analogy ({latents.ROWS}), columns of --classes ({latents.STYLES}).")] = None,
    walk: Annotated[str | None, typer.Option(
        metavar="S1,S2,...", help="Walk through these points instead.")] = None,
    analogy: Annotated[str | None, typer.Option(
        metavar="A,B,C", help="Add 0 to 1.5 times A-B to C and to the seeds after it, a row each.")
    ] = None,
    classes: Annotated[str | None, typer.Option(
        metavar="S", help="Draw every class, a row each, with the code of this point and those of "
        "the seeds after it.")] = None,
    frames: Annotated[int, typer.Option(
        min=2, max=5000, metavar="N", help="Frames of a walk.")] = FRAMES,
    loop: Annotated[bool, typer.Option(help="Lead a walk back to where it began.")] = True,
    ease: Annotated[str, typer.Option(
        metavar="NAME", help=f"How a walk passes its points: {', '.join(latents.EASINGS)}.")
    ] = "soft",
    paced: Annotated[bool, typer.Option(
        "--paced", help="Walk so that what is seen changes equally much from frame to frame.")
    ] = False,
    ms: Annotated[int, typer.Option(
        min=10, max=10_000, metavar="MS", help="Milliseconds for each frame.")] = 50,
    space: Space = "",
    lerp: Annotated[bool, typer.Option(
        "--lerp", "--linear", help="Go straight instead of along the sphere.")] = False,
    window: Annotated[str | None, typer.Option(
        metavar="L,T,R,B", help="Show a part of the square of corners, each side 0 to 1.")] = None,
    move: Annotated[list[str] | None, typer.Option(
        metavar="NAME=AMOUNT", help="Move all codes along a direction: pca1=2, sefa3=-1, kl1=2, "
        "axis5=1 (a dimension), or one that you kept under a name. Give it as often as needed.")
    ] = None,
    style: Annotated[str | None, typer.Option(
        metavar="S", help="Take the parts from --begins on, as layers of w, from this point.")
    ] = None,
    begins: Annotated[int, typer.Option(
        min=0, metavar="N", help="The part from which --style is taken.")] = 1,
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
    force: options.Force = False,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """Draw what lies between points of a latent space: a grid, a walk, or a table of sums."""
    screen = screen_of(context)
    out = out.expanduser()
    refuse_existing(out, force, (".png", *(pictures.ANIMATIONS if walk else ())))
    kind, points = read_points(corners=corners, walk=walk, analogy=analogy, classes=classes)
    if window is not None and kind != "corners":
        raise UsageError("--window shows a part of a grid", fix="give it with --corners")
    if ease not in latents.EASINGS:
        raise UsageError(f"There is no easing {ease}",
                         fix=f"choose of {', '.join(latents.EASINGS)}")
    folder = runs.find(run)
    config = runs.read(folder).config
    asking = Asking.of(folder, screen, space=space, mix=read_mix(mix, label, config),
                       sampler=sampler, nfe=nfe, knobs=read_knobs(knobs, config), step=step,
                       weights=weights, device=device)
    if kind != "corners" and config.shape.is_points:
        raise UsageError("Points of the plane are shown as one cloud, not one by one",
                         f"{folder.name} draws points", "give --corners, and see where they go")
    if kind == "classes" and asking.mix and asking.space.is_normal:
        raise UsageError("--classes draws every class", fix="leave out --label and --mix")
    side = grid or {"analogy": latents.ROWS, "classes": latents.STYLES}.get(kind, SIDE)
    path = "linear" if lerp else "slerp"
    amounts = read_moves(move or ())
    settings = settings_of(asking, kind, points, {
        "frames": frames, "loop": loop, "ease": ease, "pace": "pixels" if paced else "latent",
        "path": path, "ms": ms} if walk else {
            "grid": side, "path": path, "window": window, "move": amounts or None,
            "style": style, "begins": begins if style is not None else None})
    try:
        other = None if style is None else asking.codes([style])[0]
        moves = moves_of(asking, amounts)

        def changed(codes: Codes) -> Codes:
            if other is not None:
                codes = latents.mixed(asking.space, codes, other, begins)
            return codes if moves is None else latents.moved(codes, *moves)

        labels: tuple[int, ...] = ()
        if kind == "corners":
            codes = latents.grid(asking.space, asking.codes(points), side, lerp,
                                 read_window(window))
        elif kind == "walk":
            stops = asking.codes(points)
            at = latents.stations(len(stops), frames, loop=loop, easing=ease)
            codes = latents.walked(asking.space, stops, at, loop=loop, linear=lerp)
        else:
            codes, labels = table_of(asking, kind, points, side, lerp)
        drawn = asking.pictures(changed(codes), labels)
        if walk and paced:
            at = latents.evened(at, drawn.images, loop=loop)
            codes = latents.walked(asking.space, stops, at, loop=loop, linear=lerp)
            drawn = asking.pictures(changed(codes))
    except Cancelled as stopped:
        return cancelled(stopped.code, screen)
    images = drawn.images
    columns = {"walk": None, "analogy": len(latents.AMOUNTS)}.get(kind, side)
    if out.suffix.lower() in pictures.ANIMATIONS:
        pages = (pictures.zoomed(page, zoom) for page in pictures.as_rgb(images))
        pictures.write_animation(out, pages, ms, hold=ms, overwrite=force, settings=settings)
    else:
        pictures.write_png(out, pictures.sheet(images, columns, zoom), settings, force)
    steps = _steps(images, columns or len(images))
    screen.say(f"{len(codes):,} codes of {asking.space.name} in {duration(drawn.seconds)}, "
               f"neighbours {number(steps['mean'])} apart, {number(steps['largest'])} at most "
               f"→ {out}", "bold")
    screen.result({**drawn.result, "steps": steps, "out": str(out)})
    return 0


def _steps(images: Images, columns: int) -> dict[str, float]:
    """Tell how far apart neighbouring pictures are, in units of [-1, 1]."""
    if len(images) < 2:
        return {"mean": 0.0, "largest": 0.0}
    apart = np.concatenate([each.ravel() for each in latents.unevenness(images, columns)])
    return {"mean": float(apart.mean()), "largest": float(apart.max())}


def encode(
    context: typer.Context,
    run: options.Run,
    images: Annotated[list[Path], typer.Argument(
        metavar="IMAGE...", help="Pictures, brought to the run's size.")],
    out: Annotated[Path, typer.Option(
        metavar="X.npz", help="Where codes, errors and classes are written; X.png beside it shows "
        "each picture above its reconstruction.")],
    space: Space = "",
    label: options.Label = None,
    steps: Annotated[int | None, typer.Option(
        min=1, metavar="N", help="Steps of search, or of DDIM's inversion.")] = None,
    keep: Annotated[str | None, typer.Option(
        metavar="NAME", help="Keep the codes with the run, to be given as points by this name.")
    ] = None,
    knobs: options.Knobs = None,
    weights: options.Weights = "ema",
    step: options.Step = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    force: options.Force = False,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """Find the codes of pictures: by an encoder, by inversion, or by search."""
    from hybridstudio.data import decode  # only here: the package may bring torch

    screen = screen_of(context)
    out = out.expanduser()
    sheet = out.with_suffix(".png")
    refuse_existing(out, force, (".npz",))
    refuse_existing(sheet, force, (".png",))
    folder = runs.find(run)
    config = runs.read(folder).config
    given = []
    for file in images:
        try:
            given.append(decode.picture(file.expanduser().read_bytes(), config.shape.height,
                                        config.data.fit))
        except decode.UnreadableError as error:
            raise UsageError(f"{file} cannot be used", str(error), "give another picture") from None
    channels = max(picture.shape[2] for picture in given)
    whole = np.stack([np.broadcast_to(each, (*each.shape[:2], channels)) for each in given])
    found: list[Encoded] = []

    def see(event: Event) -> None:
        if isinstance(event, Encoded):
            found.append(event)

    watched = watch.run(Encode(
        folder, whole, space, index_of(label, config), steps, read_knobs(knobs, config), step,
        weights, device, seed), screen, see)
    if watched.done is None:
        return cancelled(watched.code, screen)
    if not found:
        raise StudioError("No codes came back", "the engine ended without any")
    codes = found[-1]
    used = str(watched.done.result.get("space", space))
    with pictures.complete(out, force) as written:
        np.savez_compressed(written, codes=codes.codes, errors=np.array(codes.errors, np.float32),
                            labels=np.array(codes.labels, np.int64), space=np.array(used))
    shown = np.concatenate([pictures.as_rgb(whole), pictures.as_rgb(codes.images)])
    pictures.write_png(sheet, pictures.sheet(shown, len(whole), 2),
                       {"run": folder.name, "space": used}, force)
    for place, code in enumerate(codes.codes if keep else ()):
        name = points_kept.free_name(folder, used, "point", keep or "")
        points_kept.keep(folder, points_kept.Kept(
            name, used, code, label=codes.labels[place] if codes.labels else None,
            picture=codes.images[place]))
    screen.table(("picture", "error", "class"), [
        (file.name, number(codes.errors[place]), str(codes.labels[place]) if codes.labels else "")
        for place, file in enumerate(images)])
    screen.say(f"{len(given)} found in {duration(watched.done.result['seconds'])} → {out}, {sheet}",
               "bold")
    screen.result({**watched.done.result, "labels": list(codes.labels), "out": str(out),
                   "picture": str(sheet)})
    return 0


def directions(
    context: typer.Context,
    run: options.Run,
    kind: Annotated[Literal["pca", "sefa", "kl"], typer.Option(
        help="Principal components (GANSpace), the closed form from weights (SeFa), or a VAE's "
        "dimensions by what they tell.")],
    out: Annotated[Path | None, typer.Option(
        metavar="X.npz|X.png", help="The unit directions, or a sheet with a row for each: --seed's "
        "picture moved along it.")] = None,
    count: Annotated[int, typer.Option(
        min=1, max=64, metavar="N", help="How many, the strongest first.")] = SHOWN,
    samples: Annotated[int, typer.Option(
        min=2, max=100_000, metavar="N", help="Codes or pictures that are looked at.")] = 2000,
    space: Space = "",
    seed: options.Seed = 0,
    weights: options.Weights = "ema",
    step: options.Step = None,
    device: options.Device = "auto",
    force: options.Force = False,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """Find the directions of a latent space that change pictures most; they are kept."""
    screen = screen_of(context)
    if out is not None:
        out = out.expanduser()
        refuse_existing(out, force, (".npz", ".png"))
    folder = runs.find(run)
    asking = Asking.of(folder, screen, space=space, step=step, weights=weights, device=device)
    try:
        found, result = asking.directions(Directions(
            folder, kind, asking.space.name, count, samples, seed, step, weights, device))
        if out is not None and out.suffix.lower() == ".png":
            here = asking.codes([str(seed)])[0]
            reach = np.linspace(-REACH, REACH, COLUMNS)
            codes = np.concatenate([latents.moved(here, vector[None], reach[:, None])
                                    for vector in found.vectors])
            images = asking.pictures(codes).images
            told = {"run": folder.name, "space": asking.space.name, "seed": seed}
            pictures.write_png(out, pictures.sheet(images, COLUMNS), told, force)
        elif out is not None:
            with pictures.complete(out, force) as file:
                np.savez_compressed(file, vectors=found.vectors,
                                    strengths=np.array(found.strengths, np.float32))
    except Cancelled as stopped:
        return cancelled(stopped.code, screen)
    screen.table(("", "strength"), [
        (f"{kind}{place}", number(strength)) for place, strength in enumerate(found.strengths, 1)])
    screen.result({**result, "vectors": found.vectors.tolist(),
                   "out": None if out is None else str(out)})
    return 0
