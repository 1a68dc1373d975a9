"""`train` and `resume`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from hybridstudio import config, presets, runs
from hybridstudio.cli import options, watch
from hybridstudio.cli.screen import Screen, screen_of
from hybridstudio.cli.vary import train_all
from hybridstudio.errors import UsageError
from hybridstudio.messages import Resume, Scored, Train
from hybridstudio.telling import duration, number
from hybridstudio.variants import read_values, varied


def train(
    context: typer.Context,
    preset: Annotated[str, typer.Argument(
        metavar="PRESET|FILE.toml", help="A preset's name, or a config of your own.",
        autocompletion=presets.names)],
    out: Annotated[Path | None, typer.Option(
        metavar="RUN", help="The new run's folder; by default one among your runs.")] = None,
    values: Annotated[list[str] | None, typer.Option(
        "--set", metavar="KEY=VALUE", help="Change a value of the config, as train.lr=0.0002. "
        "Give it as often as needed.")] = None,
    vary: Annotated[list[str] | None, typer.Option(
        "--vary", metavar="KEY=A,B,C", help="Train a run for each value, and for every "
        "combination where several keys are given, into folders of their own in --out. Done ones "
        "are skipped, so that the same command goes on where it was stopped.")] = None,
    steps: options.Steps = None,
    budget: options.Budget = None,
    device: options.Device = "auto",
    data_root: options.DataRoot = None,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """Train a model from scratch. Ctrl-C saves it; `resume` goes on from there."""
    _one_end(steps, budget)
    chosen = presets.find(preset)
    if values:
        changes = dict(config.assignment(text) for text in values)
        chosen = config.with_values(chosen, changes)
        _refuse_what_is_taken(chosen, changes)
    folder = out.expanduser() if out is not None else runs.new_path(chosen.name)
    _refuse_a_run(folder)
    if vary:
        options = dict(read_values(text) for text in vary)
        _refuse_what_is_taken(chosen, options)
        if out is None:
            raise UsageError("--vary trains several runs", "they need a folder to lie in",
                             "name it by --out, so that they can be gone on with")
        if steps is not None:
            chosen = config.with_values(chosen, {"train.steps": steps})
        return train_all(varied(chosen, options), folder, screen_of(context), budget, device,
                         data_root)
    request = Train(chosen, folder, steps, budget, device, data_root)
    return _followed(request, folder, screen_of(context))


def resume(
    context: typer.Context,
    run: options.Run,
    steps: options.Steps = None,
    budget: options.Budget = None,
    device: options.Device = "auto",
    data_root: options.DataRoot = None,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """Go on with a training from its newest whole checkpoint."""
    _one_end(steps, budget)
    folder = runs.find(run)
    return _followed(Resume(folder, steps, budget, device, data_root), folder, screen_of(context))


def _one_end(steps: int | None, budget: float | None) -> None:
    if steps is not None and budget is not None:
        raise UsageError("--steps and --budget were both given", "each says when training ends",
                         "give one of them")


def _refuse_what_is_taken(chosen: config.RunConfig, paths: Iterable[str]) -> None:
    """Refuse to change a part of the model that comes whole from another run."""
    for part, lender in chosen.model.borrows().items():
        for path in paths:
            if path.startswith(f"model.{part}."):
                raise UsageError(f"--set {path} would change nothing",
                                 f"model.{part} is taken whole from {lender}",
                                 "leave it out, or take another run's")


def _refuse_a_run(folder: Path) -> None:
    if not (folder / "run.toml").exists():
        return
    saved = runs.read(folder).checkpoints
    raise UsageError(
        f"{folder} holds a run already",
        f"it is saved up to step {saved[-1]:,}" if saved else "it was never saved",
        (f"go on with it by `hybridstudio resume {folder}`, or " if saved else "")
        + "choose another --out")


def _followed(request: Train | Resume, folder: Path, screen: Screen) -> int:
    watched = watch.run(request, screen, lambda event: _tell_score(event, screen))
    if watched.done is not None:
        result = dict(watched.done.result)
        end = {"finished": "Finished", "budget": "Time is up", "stopped": "Stopped"}
        words = end[watched.done.outcome]
        outcome: str = watched.done.outcome
    else:
        newest = watched.progress
        step, seconds = (newest.step, newest.seconds) if newest else (0, 0.0)
        result = {"steps": step, "seconds": seconds,
                  "steps_per_second": newest.rate if newest else 0.0,
                  "losses": newest.values if newest else {}, "run": str(folder)}
        words, outcome = "Cancelled", "cancelled"
    screen.say(f"{words}: {_summary(result)}", "bold")
    if outcome != "finished":
        _tell_how_to_go_on(folder, screen)
    screen.result({**result, "outcome": outcome})
    return watched.code


def _tell_score(event: object, screen: Screen) -> None:
    """Tell a live score in a line."""
    if not isinstance(event, Scored) or "frechet" not in event.scores:
        return
    told = [f"{event.distance} {number(event.scores['frechet']['value'])}"]
    if "coverage" in event.scores:
        told.append(f"coverage {number(event.scores['coverage']['value'])}")
    if found := event.scores.get("modes"):
        told.append(f"modes {found['found']:,} of {found['of']:,}")
    screen.say(f"scored step {event.step:,} · {' · '.join(told)} · {event.label}", "dim")


def _summary(result: dict[str, object]) -> str:
    words = []
    if isinstance(steps := result.get("steps"), int):
        words.append(f"{steps:,} steps")
    if isinstance(seconds := result.get("seconds"), (int, float)):
        words.append(f"in {duration(seconds)}")
    if isinstance(losses := result.get("losses"), dict):
        words += [f"· {told}" for told in watch.told_values(losses)]
    return " ".join([*words, f"· {result.get('run', '')}"])


def _tell_how_to_go_on(folder: Path, screen: Screen) -> None:
    saved = runs.read(folder).checkpoints if (folder / "run.toml").exists() else ()
    if saved:
        screen.say(f"It is saved up to step {saved[-1]:,}. "
                   f"Go on with: hybridstudio resume {folder}")
    else:
        screen.say("Nothing was saved yet.")
