"""Make the bundled feature network out of a run of the preset digits-net.

    hybridstudio train digits-net --out RUN
    python tools/ship_features.py RUN resources/features/digits-net --data-root DIR

Writes the EMA weights in half precision, and a card with the command and the accuracy that these
very weights reach on the test pictures.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import safetensors.torch
import torch

from hybridstudio import __version__, data, paths, presets, runs
from hybridstudio.commands import as_command
from hybridstudio.config import ClassifierConfig, DataConfig
from hybridstudio.engine import checkpoints
from hybridstudio.messages import Train
from hybridstudio.scores.features import DigitsNet
from hybridstudio.scores.sets import as_tensor


def ship(run_path: Path, out: Path, root: Path) -> None:
    """Write weights.safetensors and card.json of a run's newest checkpoint into `out`."""
    run = runs.read(run_path)
    kept = checkpoints.load(run_path, run.checkpoints[-1])
    halves = {name.removeprefix("classifier."): value.half() if value.is_floating_point() else value
              for name, value in kept.tensors["ema"].items()}
    packed = safetensors.torch.save(halves)
    out.mkdir(parents=True, exist_ok=True)
    (out / "weights.safetensors").write_bytes(packed)
    model = run.config.model
    assert isinstance(model, ClassifierConfig)
    card = {
        "name": "digits-net",
        "says": run.config.says,
        "source": run.config.source,
        "sha256": hashlib.sha256(packed).hexdigest(),
        "model": model.model_dump(mode="json", include={
            "net", "channels", "hidden", "norm", "patch"}),
        "size": run.config.shape.height,
        "classes": list(run.config.data.classes),
        "parameters": sum(value.numel() for name, value in halves.items()
                          if not name.endswith(("running_mean", "running_var", "tracked"))),
        "data": run.config.data.name,
        "data_licence": "CC BY-SA 3.0 (LeCun, Cortes, Burges)",
        "steps": kept.step,
        "seconds": round(float(kept.state["seconds"])),
        "machine": kept.state["saved_by"],
        "weights": "ema, float16",
        "command": as_command(Train(presets.find(run.config.name), Path("digits-net"))),
        "hybridstudio": __version__,
    }
    file = out / "card.json"
    file.write_text(json.dumps(card), encoding="utf-8")
    card["test_accuracy"] = accuracy(DigitsNet(out), root)
    file.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    print(f"{card['test_accuracy']:.2%} of the test pictures, {len(packed):,} bytes")


def accuracy(net: DigitsNet, root: Path) -> float:
    """Return the share of MNIST's test pictures that the network names rightly."""
    loading = data.load(DataConfig(name="mnist", split="test"), root)
    while True:
        try:
            next(loading)
        except StopIteration as ended:
            dataset = ended.value
            break
    with torch.inference_mode():
        told = torch.cat([net(part)[1].argmax(1) for part in as_tensor(dataset.images).split(500)])
    return float((told.numpy() == dataset.labels).mean())


def main() -> None:
    """Read the folders from the command line and ship."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data-root", type=Path)
    asked = parser.parse_args()
    ship(asked.run, asked.out, paths.data_root(asked.data_root))


if __name__ == "__main__":
    main()
