"""`trilemma`: where runs stand between quality, coverage and speed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from hybridstudio import pictures, runs, standing
from hybridstudio.cli import options, watch
from hybridstudio.cli.screen import Screen, screen_of
from hybridstudio.commands import as_command
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import Score, Sweep
from hybridstudio.runs import Run
from hybridstudio.standing import Board, Dot
from hybridstudio.telling import duration, number

ON_FRONT = "●"


def trilemma(
    context: typer.Context,
    run: Annotated[list[str] | None, typer.Argument(
        metavar="[RUN...]", help="Only these runs; by default all that were scored.")] = None,
    data: Annotated[str | None, typer.Option(
        metavar="NAME", help="Only scores against this data set.")] = None,
    cost: Annotated[Literal["ms", "nfe"], typer.Option(
        help="What speed is: ms per picture on one machine, or network evaluations.")] = "ms",
    sweep: Annotated[str | None, typer.Option(
        metavar="SETTING", help="First score these runs along a setting: nfe, sampler, eta, "
        "guidance, or a knob that `info RUN` lists, such as handover.")] = None,
    count: Annotated[int, typer.Option(
        min=1, metavar="N", help="With --sweep: how many pictures of each.")] = Score.count,
    published: Annotated[bool, typer.Option(
        "--published", help="List published results too, measured elsewhere.")] = False,
    svg: Annotated[Path | None, typer.Option(
        metavar="OUT.svg", help="Draw Pareto plot and triangle of the first table.")] = None,
    force: options.Force = False,
    data_root: options.DataRoot = None,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """List what was scored by quality, coverage and speed; ● marks what nothing else beats."""
    screen = screen_of(context)
    if svg is not None:
        svg = svg.expanduser()
        if svg.suffix.lower() != ".svg":
            raise UsageError(f"--svg {svg} does not end in .svg", fix="name it OUT.svg")
        if svg.exists() and not force:
            raise UsageError(f"{svg} exists already", fix="choose another name, or add --force")
    chosen = [runs.read(runs.find(name)) for name in run or ()]
    if sweep is not None:
        code = _swept(chosen, sweep, count, data_root, screen)
        if code:
            screen.result({"outcome": "cancelled"})
            return code
    boards = [board for board in standing.boards(standing.of_runs(chosen or standing.everyone()))
              if data in (None, board.ground.data)]
    if published:
        boards += [board for board in standing.published() if data in (None, board.ground.data)]
    if not boards:
        what = f" against {data}" if data else ""
        names = " ".join(run) if run else "RUN"
        raise StudioError(f"Nothing was scored{what} yet", "a dot needs a Fréchet distance",
                          f"score it: hybridstudio score {names} --metrics fid,prdc")
    for board in boards:
        _show(board, cost, screen)
    if svg is not None:
        _draw(boards[0], cost, svg, screen)
    screen.result({"cost": cost, "boards": [_told(board, cost) for board in boards],
                   **({"svg": str(svg)} if svg is not None else {})})
    return 0


def _swept(chosen: Sequence[Run], axis: str, count: int, data_root: Path | None,
           screen: Screen) -> int:
    """Score runs along a setting; returns the exit code where it was cancelled."""
    if not chosen:
        raise UsageError("It is not said what to sweep", fix="name a run: hybridstudio trilemma "
                         "ddpm-mnist --sweep nfe")
    asked: list[Score] = []
    took: list[float | None] = []
    for run in chosen:
        if axis not in (known := standing.axes(run)):
            raise UsageError(f"{run.name} has no {axis} to sweep",
                             fix=f"choose of {', '.join(known)}" if known else
                             "name runs that can be drawn in more than one way")
        for way in standing.plan(run, standing.way_of(run, {}), axis):
            asked.append(standing.request(run, way, None, count, data_root))
            took.append(standing.seconds(standing.of_run(run), way, count))
    known_times = [each for each in took if each is not None]
    about = f", about {duration(sum(known_times))}" if len(known_times) == len(took) else ""
    screen.say(f"{len(asked)} scores of {count:,} pictures{about}")
    return watch.run(Sweep(tuple(asked)), screen).code


# --- showing --------------------------------------------------------------------------------------


def _show(board: Board, cost: standing.Cost, screen: Screen) -> None:
    """Print a board as a table, what is apart from it, and what to mind."""
    edge = standing.front(board.dots, cost)
    screen.say(board.told(), "bold")
    screen.table(("", "run", "drawn with", "distance", "95 %", "coverage", "ms / picture"), [
        [ON_FRONT if dot in edge else "", dot.name, dot.way.told(), *_figures(dot),
         "" if dot.ms is None else number(dot.ms)]
        for dot in sorted(board.dots, key=lambda dot: (dot.cost(cost) or 0.0, dot.name))])
    real = next((dot.distance for dot in board.dots if dot.distance), None)
    if real is not None and real.floor is not None and real.ceiling is not None:
        screen.say(f"real pictures {number(real.floor)}, noise {number(real.ceiling)}", "dim")
    for caution in standing.cautions(board, cost):
        screen.say(caution, "dim")
    for dot, why in board.apart:
        screen.say(f"not comparable: {dot.name}, {dot.way.told()}: {why}", "dim")
    screen.say("")


def _figures(dot: Dot) -> list[str]:
    assert dot.distance is not None
    low, high = dot.distance.low, dot.distance.high
    variety = dot.variety
    kind = " (recall)" if dot.source and variety is not None else ""
    value = f"{dot.distance.value:g}" if dot.source else number(dot.distance.value)
    return [value, f"{number(low)} to {number(high)}" if low < high else "",
            "" if variety is None else number(variety.value) + kind]


def _draw(board: Board, cost: standing.Cost, out: Path, screen: Screen) -> None:
    inks = standing.colours(board.dots)
    scene = standing.Scene(board.dots, lambda dot: inks[dot.way.run], cost)
    text = standing.sheet(scene, board.told(), standing.cautions(board, cost))
    with pictures.complete(out, overwrite=True) as file:
        file.write(text.encode())
    screen.say(f"drawn → {out}", "bold")


def _told(board: Board, cost: standing.Cost) -> dict[str, Any]:
    """Return a board as plain values."""
    edge, scales = standing.front(board.dots, cost), standing.scales(board.dots, cost)
    return {
        "label": board.told(), "published": board.is_published, **board.ground._asdict(),
        "scales": {"distance": scales.distance, "coverage": scales.variety, "cost": scales.cost},
        "dots": [{**_plain(dot), "front": dot in edge, "wants": scales.of(dot)._asdict()}
                 for dot in board.dots],
        "not_comparable": [{**_plain(dot), "why": why} for dot, why in board.apart],
        "cautions": standing.cautions(board, cost),
    }


def _plain(dot: Dot) -> dict[str, Any]:
    way = dot.way
    command = as_command(standing.again(dot)) if standing.repeatable(dot) else ""
    return {
        "run": dot.name, "path": "" if dot.source else str(way.run), "family": dot.family,
        "sampler": way.sampler, "nfe": way.nfe, "eta": way.eta, "guidance": way.guidance,
        "knobs": dict(way.knobs), "step": way.step, "weights": way.weights,
        "scores": {name: figure._asdict() for name, figure in dot.figures.items()},
        "ms_per_image": dot.ms, "machine": dot.machine and dot.machine._asdict(),
        "when": dot.when, "n": dot.ground.n, "source": dot.source, "command": command}
