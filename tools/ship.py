"""Make a model that ships out of a run: EMA weights in half precision, and a card.

    python tools/ship.py RUN checkpoints/NAME

The card tells what the run recorded of itself: steps, seconds, machine, losses, data, and the
command that trains it.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from hybridstudio import __version__, config, runs
from hybridstudio.commands import as_command, portable
from hybridstudio.engine import checkpoints
from hybridstudio.engine.learner import build, parameters
from hybridstudio.messages import Train

CURVE_POINTS = 150  # of each curve that are kept
DIGITS = 4  # of their values
DATA_LICENCES = {
    "mnist": "CC BY-SA 3.0 (LeCun, Cortes, Burges)",
    "digits": "CC BY 4.0 (Alpaydin, Kaynak)",
}


def ship(run_path: Path, out: Path) -> None:
    """Write the newest checkpoint of a run into a new folder `out`, without optimiser state."""
    run = runs.read(run_path)
    newest = run.checkpoints[-1]
    kept = checkpoints.load(run_path, newest)
    if out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True)
    settings = run.config.model_copy(update={"name": out.name})
    (out / "run.toml").write_text(config.dumps(settings), encoding="utf-8")
    halves = {name: tensor.half() if tensor.is_floating_point() else tensor
              for name, tensor in kept.tensors["ema"].items()}
    checkpoints.save(out, newest, {"ema": halves}, {}, keep=1)
    shown = runs.previews(run_path)
    if shown:
        (out / "previews").mkdir()
        _copy_small(shown[-1][1], runs.preview_path(out, newest))
    _thin_curves(run_path, out)
    if told := scores_of(run, newest):
        runs.record_score(out, portable(told[-1], out.name))
    (out / "card.json").write_text(json.dumps(card(run, kept), indent=1) + "\n", encoding="utf-8")


def scores_of(run: runs.Run, step: int) -> list[dict[str, Any]]:
    """Return what was scored of a checkpoint; what the training scored itself comes first."""
    found = [record for record in runs.scores(run.path) if record.get("step") == step]
    return sorted(found, key=lambda record: not record.get("live"))


def card(run: runs.Run, kept: checkpoints.Checkpoint) -> dict[str, Any]:
    """Return what is worth knowing about a shipped model, all of it from the run's own records."""
    scored = scores_of(run, kept.step)
    reader = runs.MetricsReader(run.path)
    reader.poll()
    losses = {name: float(series.values[-20:].mean()) for name, series in reader.series().items()
              if name.startswith(("loss", "test/", "accuracy"))}
    return {
        "name": run.config.name,
        "says": run.config.says,
        "source": run.config.source,
        "data": run.config.data.name,
        "step": kept.step,
        "steps": kept.step,
        "seconds": round(float(kept.state["seconds"])),
        "images": kept.step * run.config.train.batch_size,
        "parameters": parameters(build(run.config, torch.device("cpu"))),
        "losses": {name: round(value, 5) for name, value in losses.items()
                   if np.isfinite(value)},
        "scores": {name: _plain(score) for name, score in scored[-1]["scores"].items()
                   } if scored else {},
        "scored": " ".join((scored[-1]["label"], f"{scored[-1]['sampler']},",
                            f"NFE = {scored[-1]['nfe']}")) if scored else "",
        "machine": kept.state["saved_by"],
        "weights": "ema, float16",
        "command": as_command(Train(_unresolved(run.config), Path(run.config.name))),
        "hybridstudio": __version__,
        "data_licence": DATA_LICENCES.get(run.config.data.name, ""),
    }


def _plain(score: dict[str, Any]) -> Any:
    """Return a score's value, or where it has none the numbers that it consists of."""
    if "value" in score:
        return score["value"]
    return {name: value for name, value in score.items() if isinstance(value, int | float)}


def _unresolved(settings: config.RunConfig) -> config.RunConfig:
    """Leave out what the data set filled in."""
    return config.with_values(
        settings, {"data.size": None, "data.channels": None, "data.classes": ()})


def _copy_small(preview: Path, out: Path) -> None:
    """Copy a preview with what it tells of itself, in one channel where all three are alike."""
    with Image.open(preview) as sheet:
        info = PngInfo()
        for key, text in sheet.info.items():
            info.add_itxt(key, str(text))
        channels = sheet.convert("RGB").split()
        is_grey = all(channel.tobytes() == channels[0].tobytes() for channel in channels[1:])
        (channels[0] if is_grey else sheet).save(out, pnginfo=info, optimize=True)


def _thin_curves(source: Path, out: Path) -> None:
    """Copy the curves, thinned: a model that ships needs their shape, not every point."""
    lines = (source / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    points = [line for line in lines if line.startswith('{"step"')]
    every = max(1, math.ceil(len(points) / CURVE_POINTS))
    thinned = [rounded(json.loads(line)) for line in points[::-every][::-1]]  # with the last
    (out / "metrics.jsonl").write_text(
        "".join(json.dumps(point, separators=(",", ":")) + "\n" for point in thinned),
        encoding="utf-8")


def rounded(point: dict[str, Any]) -> dict[str, Any]:
    """Return a point of the curves with fewer digits of its values."""
    values = {name: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
              for name, value in point["values"].items()}
    return {**point, "values": values}


def main() -> None:
    """Read the two folders from the command line and ship."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    asked = parser.parse_args()
    ship(asked.run, asked.out)


if __name__ == "__main__":
    main()
