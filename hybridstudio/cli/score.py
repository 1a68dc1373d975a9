"""`score`: how good and how various pictures are, beside a data set."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from hybridstudio import runs
from hybridstudio.cli import options, watch
from hybridstudio.cli.draw import read_knobs
from hybridstudio.cli.screen import Screen, screen_of
from hybridstudio.errors import UsageError
from hybridstudio.messages import Score, Scored
from hybridstudio.telling import duration, number

NAMES = {
    "kid": "kernel distance", "precision": "precision", "recall": "recall", "density": "density",
    "coverage": "coverage", "is": "Inception score",
}
_STEP = re.compile(r"step-(\d{8,})")


def score(
    context: typer.Context,
    source: Annotated[str, typer.Argument(
        metavar="RUN|DIR|X.npy", help="A run, one of its checkpoints, a folder or an archive of "
        "pictures, or an array.")],
    data: Annotated[str | None, typer.Option(
        metavar="NAME", help="The data set to compare with; a run's own unless you say.")] = None,
    count: Annotated[int, typer.Option(
        min=1, metavar="N", help="How many pictures, or points.")] = Score.count,
    features: Annotated[str | None, typer.Option(
        metavar="NAME", help="digits-net, pixels, points, inception, or run:PATH for a classifier "
        "of your own; by default what fits the data.")] = None,
    metrics: Annotated[str | None, typer.Option(
        metavar="LIST", help="Of fid,kid,prdc,is,classes,modes,memory, with commas between; by "
        "default all that apply but memory.")] = None,
    split: Annotated[Literal["train", "test", "all"] | None, typer.Option(
        help="Which part of the data; by default test, with Inception train.")] = None,
    sampler: options.Sampler = None,
    nfe: options.Nfe = None,
    eta: options.Eta = None,
    guidance: options.Guidance = None,
    knobs: options.Knobs = None,
    seed: options.Seed = 0,
    weights: options.Weights = "ema",
    step: options.Step = None,
    batch: options.Batch = Score.batch,
    device: options.Device = "auto",
    data_root: options.DataRoot = None,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """Score pictures against a data set: distance, precision, coverage, modes and more."""
    screen = screen_of(context)
    path, own_step = _found(source)
    chosen = None if metrics is None else tuple(
        name.strip().lower() for name in metrics.split(",") if name.strip())
    request = Score(
        path, data, count, features, chosen, split, sampler, nfe, eta, guidance,
        _knobs(knobs, path), seed, weights,
        own_step if step is None else step, batch, device, data_root)
    watched = watch.run(request, screen, lambda event: _show(event, screen))
    if watched.done is None:
        screen.say("Cancelled", "bold")
        screen.result({"outcome": "cancelled"})
        return watched.code
    result = watched.done.result
    drawn = f", {number(result['ms_per_image'])} ms per picture" if "ms_per_image" in result else ""
    screen.say(f"{result['label']}, {result['split']} part of {result['data']}: scored in "
               f"{duration(result['seconds'])}{drawn}", "bold")
    screen.result(result)
    return 0


def _found(text: str) -> tuple[Path, int | None]:
    """Find what to score, and the training step where a checkpoint's folder was given."""
    path = Path(text).expanduser()
    match = _STEP.fullmatch(path.name)
    if match and (path.parent.parent / "run.toml").is_file():
        return path.parent.parent.absolute(), int(match[1])
    if path.exists() and not (path / "run.toml").is_file() and path.name != "run.toml":
        return path.absolute(), None
    return runs.find(text), None


def _knobs(values: Sequence[str] | None, path: Path) -> dict[str, float]:
    if not values:
        return {}
    if not (path / "run.toml").is_file():
        raise UsageError(f"--knob {values[0]} means nothing for {path.name}",
                         "its pictures are drawn already", "leave it out, or score a run")
    return read_knobs(values, runs.read(path).config)


def _show(event: object, screen: Screen) -> None:
    """Print the scores as a table, and in words what is more than a number."""
    if not isinstance(event, Scored) or screen.as_json:
        return
    figures = {name: told for name, told in event.scores.items() if _is_figure(told)}
    names = {**NAMES, "frechet": event.distance}
    screen.table(("score", "value", "95 %", "real", "noise"), [
        [names.get(name, name), number(told["value"]),
         f"{number(told['low'])} to {number(told['high'])}",
         _maybe(told["floor"]), _maybe(told["ceiling"])] for name, told in figures.items()])
    if found := event.scores.get("classes"):
        screen.say(f"classes: {found['seen']} of {found['of']} drawn, "
                   f"KL to the data {number(found['kl'])} nats")
    if found := event.scores.get("modes"):
        near = f", {found['near']:.1%} of the points near one" if "near" in found else ""
        screen.say(f"modes: {found['found']:,} of {found['of']:,} found{near}, "
                   f"KL {number(found['kl'])} nats")
    if found := event.scores.get("memory"):
        screen.say(f"copies of training pictures: {found['value']:.1%} of {found['count']:,}")


def _is_figure(told: Mapping[str, Any]) -> bool:
    return "ceiling" in told


def _maybe(value: float | None) -> str:
    return "" if value is None else number(value)
