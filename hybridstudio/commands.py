"""What a request is on the command line, so that every action in the window can be copied."""

from __future__ import annotations

import dataclasses
import math
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit

from hybridstudio import paths, presets
from hybridstudio.config import RunConfig, assignment, leaves, value_at
from hybridstudio.errors import UsageError
from hybridstudio.messages import (
    Chances,
    Draw,
    Race,
    Repeat,
    Request,
    Resume,
    Score,
    Sheets,
    Sweep,
    Train,
)
from hybridstudio.ways import Way, branch_words

# What `score --sweep` varies beside the knobs of a model, and what each is where nothing is said.
SWEPT: dict[str, Any] = {
    "sampler": None, "nfe": None, "eta": None, "guidance": None, "step": None,
    "count": Score.count, "seed": Score.seed, "weights": Score.weights,
}


def as_command(request: Request, *, out: str | None = None, image: str = "IMAGE.png",
               mask: str = "MASK.png", rows: Sequence[str] = ()) -> str:
    """Return the command line that does the same as a request, quoted for the shell.

    `out` is the file that drawing writes (default samples.png, or denoise.gif where the frames are
    asked for). `image` and `mask` name the files that hold `request.image` and `request.mask`,
    which a request does not know; `rows` are those of a drawing's frames that are shown.
    Returns "" for a request that no command makes.
    """
    words = words_of(request, out=out, image=image, mask=mask)
    shown = ["--rows", ",".join(rows)] if rows and words[1:2] == ["denoise"] else []
    return quoted(words + shown)


def quoted(words: list[str]) -> str:
    """Return words as one line, quoted for the shell."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def words_of(request: Request, *, out: str | None = None, image: str = "IMAGE.png",
             mask: str = "MASK.png") -> list[str]:
    """Return the words of `as_command`, unquoted; [] for a request that no command makes."""
    match request:
        case Train():
            words = _train(request)
        case Resume():
            words = ["resume", name_of(request.run), *_ends(request)]
        case Draw(frames=True):
            words = ["denoise", *_draw(request, out or "denoise.gif")]
            if request.image is not None:
                words += ["--image", image]
            if request.mask is not None:
                words += ["--mask", mask]
            words += _option("--from-step", request.from_step)
            words += ["--invert"] if request.invert else []
            for branch in request.branches:
                words += ["--branch", branch_words(branch)]
        case Chances():
            words = ["denoise", *_draw(dataclasses.replace(request.draw, count=1),
                                       out or "chances.png"),
                     "--chances", str(request.count), "--at", str(request.at)]
        case Draw(image=None, from_step=None, mask=None):
            words = ["sample", *_draw(request, out or "samples.png")]
            words += _option("--batch", request.batch if request.batch != Draw.batch else None)
        case Score():
            words = _score(request)
        case Race():
            words = _race(request, out)
        case Sweep():
            words = _sweep(request)
        case Repeat():
            words = _score(dataclasses.replace(repeated(request.record), source=request.source))
        case Sheets():
            words = _compare(request, out or "report.html")
        case _:
            return []
    return ["hybridstudio", *words] if words else []


def _train(request: Train) -> list[str]:
    base = _closest(request.config)
    if base is None:
        return []
    name, preset = base
    words = ["train", name, "--out", str(request.out)]
    for path in _differences(preset, request.config):
        words += ["--set", f"{path}={_literal(value_at(request.config, path))}"]
    return words + _ends(request)


def _closest(config: RunConfig) -> tuple[str, RunConfig] | None:
    """Return the preset of the same family from which the fewest values differ."""
    alike = [(name, preset) for name, preset in presets.listing().items()
             if preset.model.family == config.model.family]
    return min(alike, key=lambda item: len(_differences(item[1], config)), default=None)


def _differences(base: RunConfig, config: RunConfig) -> list[str]:
    """List the paths at which two configs differ, but for what other runs fill in."""
    borrowed = tuple(f"model.{part}." for part in config.model.borrows())
    base, config = base.settled(), config.settled()
    return [leaf.path for leaf in leaves(config)
            if not leaf.path.startswith(borrowed)
            and value_at(base, leaf.path) != value_at(config, leaf.path)]


def _literal(value: Any) -> str:
    """Write a value so that `config.assignment` reads the same one back."""
    if value is None:
        return ""
    if isinstance(value, str) and assignment(f"x={value}")[1] == value:
        return value
    return tomlkit.item(list(value) if isinstance(value, tuple) else value).as_string()


def _ends(request: Train | Resume) -> list[str]:
    words = _option("--steps", request.steps) + _option("--budget", request.budget)
    return words + _device(request.device) + _option("--data-root", request.data_root)


def _draw(request: Draw, out: str) -> list[str]:
    words = [name_of(request.run), "--count", str(request.count), "--out", out]
    for name in ("sampler", "nfe", "eta", "guidance", "seed", "label", "step"):
        words += _option(f"--{name}", getattr(request, name))
    for name, value in request.knobs.items():
        words += ["--knob", f"{name}={value}"]
    words += _option("--weights", request.weights if request.weights != "ema" else None)
    return words + _device(request.device)


def _race(request: Race, out: str | None) -> list[str]:
    if not request.draws:
        return []
    first = request.draws[0]
    ways = [Way(name_of(draw.run), draw.sampler, draw.nfe).words for draw in request.draws]
    words = ["race", *ways, "--count", str(first.count), "--seed", str(first.seed),
             "--out", out or "race.gif"]
    words += _option("--weights", first.weights if first.weights != "ema" else None)
    return words + _device(first.device)


def _score(request: Score) -> list[str]:
    is_run = (request.source / "run.toml").is_file()
    words = ["score", name_of(request.source) if is_run else str(request.source)]
    words += [*_option("--data", request.data), "--count", str(request.count)]
    words += _option("--features", request.features)
    words += _option("--metrics", ",".join(request.metrics) if request.metrics else None)
    for name in ("split", "sampler", "nfe", "eta", "guidance", "seed", "step"):
        words += _option(f"--{name}", getattr(request, name))
    for name, value in request.knobs.items():
        words += ["--knob", f"{name}={value}"]
    words += _option("--weights", request.weights if request.weights != "ema" else None)
    words += _option("--batch", request.batch if request.batch != Score.batch else None)
    return words + _device(request.device) + _option("--data-root", request.data_root)


def _sweep(request: Sweep) -> list[str]:
    """Write scorings that are every combination of some values; [] for any other set of them."""
    ways = [{**{name: getattr(each, name) for name in SWEPT}, **each.knobs}
            for each in request.scores]
    if not ways or len({repr(dataclasses.replace(each, **SWEPT, knobs={}))
                        for each in request.scores}) > 1 or len(set(map(tuple, ways))) > 1:
        return []
    values = {name: list(dict.fromkeys(way[name] for way in ways)) for name in ways[0]}
    varied = {name: found for name, found in values.items() if len(found) > 1}
    different = {tuple(way.values()) for way in ways}
    if any(None in found for found in varied.values()) or (
            math.prod(map(len, varied.values())) != len(different)):
        return []
    first = request.scores[0]
    plain = {name: usual for name, usual in SWEPT.items() if name in varied}
    knobs = {name: value for name, value in first.knobs.items() if name not in varied}
    words = _score(dataclasses.replace(first, **plain, knobs=knobs))
    for name, found in varied.items():
        words += ["--sweep", f"{name}={','.join(map(str, found))}"]
    return words + (["--again"] if request.again else [])


def _compare(request: Sheets, out: str) -> list[str]:
    words = ["compare", *map(name_of, request.runs), "--out", out, "--count", str(request.count)]
    words += ["--seed", str(request.seed)]
    words += _option("--weights", request.weights if request.weights != "ema" else None)
    return words + _device(request.device)


def as_fields(request: Score) -> dict[str, Any]:
    """Return a scoring as plain values, as its record keeps it."""
    fields = {each.name: getattr(request, each.name) for each in dataclasses.fields(request)}
    root = request.data_root
    return {**fields, "source": str(request.source), "knobs": dict(request.knobs),
            "data_root": None if root is None else str(root)}


def repeated(record: Mapping[str, Any]) -> Score:
    """Return the request that a record of scores.jsonl came from, to be made again.

    Raises UsageError where the record does not hold it.
    """
    known = {each.name for each in dataclasses.fields(Score)}
    fields = record.get("request")
    if not isinstance(fields, dict) or not isinstance(fields.get("source"), str):
        raise UsageError("This score does not say how it was made", fix="make it anew")
    kept = {name: value for name, value in fields.items() if name in known}
    metrics, root = kept.get("metrics"), kept.get("data_root")
    source = Path(kept["source"])
    if (paths.checkpoints() / source / "run.toml").is_file():  # a model that ships is named alone
        source = paths.checkpoints() / source
    return Score(**{**kept, "source": source,
                    "metrics": None if metrics is None else tuple(metrics),
                    "data_root": None if root is None else Path(root)})


def portable(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a run's record as it ships with the model `name`: without a path of this machine.

    One of a shipped model's own, which says so beside a user's runs, says it no longer.
    """
    asked = dataclasses.replace(repeated(record), source=Path(name), data_root=None,
                                step=record.get("step"))
    kind, _, path = (asked.features or "").partition(":")
    if path:
        asked = dataclasses.replace(asked, features=f"{kind}:{Path(path).name}")
    kept = {key: value for key, value in record.items() if key != "model"}
    return {**kept, "request": as_fields(asked), "source": name, "command": as_command(asked)}


def _device(device: str) -> list[str]:
    return _option("--device", device if device != "auto" else None)


def _option(name: str, value: object) -> list[str]:
    return [] if value is None else [name, str(value)]


def name_of(run: Path) -> str:
    """Name a run as short as it stays found: a shipped model by its name, any other by its path."""
    is_shipped = run.parent == paths.checkpoints() and not (paths.runs() / run.name).exists()
    return run.name if is_shipped and not Path(run.name).exists() else str(run)
