"""`score`: how good and how various pictures are, beside a data set."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from hybridstudio import runs
from hybridstudio.cli import options, scoreagain, watch
from hybridstudio.cli.draw import read_knobs
from hybridstudio.cli.scoretold import show
from hybridstudio.cli.screen import screen_of
from hybridstudio.errors import UsageError
from hybridstudio.messages import Score
from hybridstudio.telling import duration, number

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
        metavar="NAME", help="digits-net, pixels, points, inception (or inception:FILE, its "
        "weights), or run:PATH of your own classifier; by default what fits the data.")] = None,
    metrics: Annotated[str | None, typer.Option(
        metavar="LIST", help="Of fid,kid,prdc,is,classes,modes,memory,ppl, with commas "
        "between; by default all that apply but memory and ppl.")] = None,
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
    swept: Annotated[list[str] | None, typer.Option(
        "--sweep", metavar="NAME=A,B,C", help="Score with each of these values, as nfe=4,8,20 or "
        "sampler=ddim,dpm++2m; given more than once, with every combination. Ways that were scored "
        "before are left out.")] = None,
    again: Annotated[bool, typer.Option(
        "--again", help="With --sweep: score what was scored before, too.")] = False,
    repeat: Annotated[int | None, typer.Option(
        min=1, metavar="[N]", help="Do the newest scoring of this run (or the N-th newest) once "
        "more, and say whether the number comes out the same.")] = None,
    device: options.Device = "auto",
    data_root: options.DataRoot = None,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """Score pictures against a data set: distance, precision, coverage, modes and more."""
    screen = screen_of(context)
    path, own_step = _found(source)
    if repeat is not None:
        if swept:
            raise UsageError("--repeat and --sweep do not go together", "one number is repeated",
                             "leave one of them out")
        return scoreagain.repeated(path, repeat, data_root, screen)
    chosen = None if metrics is None else tuple(
        name.strip().lower() for name in metrics.split(",") if name.strip())
    request = Score(
        path, data, count, features, chosen, split, sampler, nfe, eta, guidance,
        _knobs(knobs, path), seed, weights,
        own_step if step is None else step, batch, device, data_root)
    if swept:
        return scoreagain.swept(request, swept, again, screen)
    watched = watch.run(request, screen, lambda event: show(event, screen))
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


def numbered(words: list[str]) -> list[str]:
    """Return a command line in which --repeat without a number says 1."""
    return [each for word, after in itertools.zip_longest(words, words[1:], fillvalue="")
            for each in ((word, "1") if word == "--repeat" and not after.isdigit() else (word,))]


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
