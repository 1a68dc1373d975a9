"""`presets`, `runs`, `info`, `doctor` and `bench`: what there is, and how well it does."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from hybridstudio import diagnosis, paths
from hybridstudio import doctor as clinic
from hybridstudio import presets as shelf
from hybridstudio import runs as folders
from hybridstudio.cli import options
from hybridstudio.cli.screen import COLOURS, Screen, screen_of
from hybridstudio.config import RunConfig, known
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.telling import duration

# Those of hybridstudio.bench, which brings torch.
BENCHES = ("ui-stall", "scrub", "latent-drag", "launch", "train-overhead", "time-to-quality",
           "few-step")
# Of the models that have them.
TOLD = ("timesteps", "schedule", "predict", "net", "loss", "latent", "mode")


def presets(
    context: typer.Context, json: options.Json = False, verbose: options.Verbose = False
) -> int:
    """List the configs that ship."""
    screen = screen_of(context)
    listed = [{"name": name, "family": config.model.family, "data": config.data.name,
               "says": config.says, "source": config.source}
              for name, config in shelf.listing().items()]
    if not screen.as_json:
        heads = ("name", "family", "data", "says")
        screen.table(heads, [[each[head] for head in heads] for each in listed])
    screen.result({"presets": listed})
    return 0


def runs(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Option(
        "--runs", metavar="DIR", help="The folder to list instead of your runs.")] = None,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """List your runs, newest first, and the models that ship."""
    screen = screen_of(context)
    where = folder.expanduser() if folder is not None else paths.runs()
    found = folders.listing(where)
    if folder is None:
        found += folders.listing(paths.checkpoints())
    listed = [{"name": run.name, "state": run.state, "step": run.step, "seconds": run.seconds,
               "shipped": run.shipped, "run": str(run.path), "problem": run.problem}
              for run in found]
    if not screen.as_json:
        screen.table(("name", "state", "step", "folder"),
                     [[run.name, run.problem or run.state, f"{run.step:,}", str(run.path)]
                      for run in found])
        if not found:
            screen.say(f"There are no runs in {where} yet. Begin with: "
                       "hybridstudio train ddpm-digits")
    screen.result({"runs": listed, "folder": str(where)})
    return 0


def info(
    context: typer.Context,
    target: Annotated[str, typer.Argument(
        metavar="PRESET|RUN", help="A preset, a TOML file, a run or a model that ships.")],
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """Tell what a preset or a run is made of: networks, shapes, sampler, data."""
    screen = screen_of(context)
    config, told = _target(target)
    facts = {**told, **_facts(config)}
    if not screen.as_json:
        if config.says:
            screen.say(config.says, "italic")
        rows = [[key, _spelled(value)] for key, value in facts.items()
                if value not in (None, "", [])]
        screen.table((), rows)
    screen.result({**facts, "config": config.model_dump(mode="json")})
    return 0


def _target(text: str) -> tuple[RunConfig, dict[str, Any]]:
    """Return the config that a name or a path means, and what only a run can tell."""
    if text in shelf.names() or text.endswith(".toml"):
        config = shelf.find(text)
        return config, {"preset": text}
    try:
        run = folders.read(folders.find(text))
    except UsageError as error:
        raise UsageError(f"There is no preset and no run called {text}", error.why,
                         error.fix or "`hybridstudio presets` and `hybridstudio runs` list both"
                         ) from None
    return run.config, {
        "run": str(run.path), "state": run.state, "step": run.step,
        "trained_for": duration(run.seconds), "checkpoints": list(run.checkpoints),
        "best": run.best,
        "card": run.card}


def _facts(config: RunConfig) -> dict[str, Any]:
    whole = _borrowed(known.resolved(config))
    model = whole.model
    sizes, problem = _parameters(whole)
    low, usual, high = model.evaluations
    return {
        "name": config.name,
        "family": model.family,
        "data": config.data.name,
        "shape": list(whole.data.shape) if whole.data.shape is not None else None,
        "classes": len(whole.data.classes),
        "parameters": sizes,
        "parameters_unknown": problem,
        **{name: getattr(model, name) for name in TOLD if hasattr(model, name)},
        "levels": model.levels or None,
        "sampler": config.sampler,
        "samplers": list(model.samplers),
        "nfe": config.nfe if model.samplers else None,
        "evaluations": [low, usual, high] if low < high else None,
        "guidance": config.sample.guidance if model.guided else None,
        "knobs": [knob._asdict() for knob in model.knobs()],
        "steps": config.train.steps,
        "batch_size": config.train.batch_size,
        "source": config.source,
    }


def _borrowed(config: RunConfig) -> RunConfig:
    """Fill in what other runs lend, where they are there."""
    if not config.model.borrows():
        return config
    from hybridstudio.engine.borrowing import filled

    with contextlib.suppress(StudioError):
        return filled(config)
    return config


def _parameters(config: RunConfig) -> tuple[dict[str, int], str]:
    """Count the parameters of each network; where it cannot be built yet, say why."""
    import torch  # which the other commands here do without

    from hybridstudio.engine.learner import parameters
    from hybridstudio.families import FAMILIES

    try:
        with torch.device("meta"):  # counts without filling any memory
            family = FAMILIES[config.model.family](config)
    except StudioError as error:
        return {}, ": ".join(part for part in (error.what, error.why) if part)
    return parameters(family), ""


def _spelled(value: Any) -> str:
    if isinstance(value, dict) and "says" in value:  # a knob
        return (f"{value['name']} ({value['low']:g} to {value['high']:g}, {value['default']:g}): "
                f"{value['says']}")
    if isinstance(value, dict):
        return ", ".join(f"{key} {_spelled(item)}" for key, item in value.items())
    if isinstance(value, list):
        is_long = any(isinstance(item, dict) for item in value)
        return ("\n" if is_long else ", ").join(map(_spelled, value)) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


def doctor(
    context: typer.Context,
    run: Annotated[str | None, typer.Argument(
        metavar="[RUN]", help="A run whose training is examined instead of this machine.")] = None,
    data_root: options.DataRoot = None,
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """Check this machine, or a training by its curves, and say how to mend what is wrong."""
    screen = screen_of(context)
    if run is not None:
        return _examined(screen, folders.read(folders.find(run)))
    found = []
    for check in clinic.examine(data_root):
        found.append(check)
        screen.finding(check.state, f"{check.name}: {check.says}", check.fix)
    is_well = all(check.state != "bad" for check in found)
    words, colour = (("Everything that is needed is here.", COLOURS["ok"]) if is_well else
                     ("What is marked bad has to be mended.", COLOURS["bad"]))
    screen.say(words, f"bold {colour}")
    screen.result({"ok": is_well, "checks": [vars(check) for check in found]})
    return 0 if is_well else 1


def _examined(screen: Screen, run: folders.Run) -> int:
    """Tell what is wrong with a training; return 1 where anything is."""
    reader = folders.MetricsReader(run.path)
    reader.poll()
    curves = reader.series()
    findings = diagnosis.examine(run.config, curves)
    for found in findings:
        screen.finding("warn", f"{found.what}: {found.why}", found.fix)
    if not findings:
        screen.say("Its curves look well." if curves else "It has recorded no curves yet.",
                   f"bold {COLOURS['ok']}")
    screen.result({"ok": not findings, "run": str(run.path), "findings": [
        vars(found) for found in findings]})
    return 1 if findings else 0


def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(
        metavar="NAME", help=f"{', '.join(BENCHES[:-1])} or {BENCHES[-1]}; `bench NAME --help` "
        "lists its options.")],
    json: options.Json = False,
    verbose: options.Verbose = False,
) -> int:
    """Measure something on this machine; the options that follow are the measurement's own."""
    if name in ("-h", "--help"):  # which go on to the measurement where it is named
        screen_of(context).say(context.get_help())
        return 0
    words = [sys.executable, "-m", "hybridstudio.bench", name, *context.args]
    # A process of its own, so that nothing of this one weighs on the measurement.
    code = subprocess.run(words + (["--json"] if json else []), check=False).returncode
    if code < 0:
        raise StudioError(f"The measurement {name} was ended from outside", f"by signal {-code}")
    return code
