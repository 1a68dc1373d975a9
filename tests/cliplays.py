"""What a played engine tells the command line, and how its answers are read."""

import json
import os
import sys

import numpy as np

from hybridstudio import runs
from hybridstudio.config import RunConfig, with_values
from hybridstudio.messages import Done, Frame, Notice, Preview, Progress, Saved, Started, Train

CONFIG = with_values(RunConfig(), {
    "name": "tiny", "data.size": 8, "data.channels": 1, "data.classes": ("cat", "dog"),
    "model.labels": True})

# Children find the package wherever the tests did.
AROUND = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def training(request):
    """Train for three steps, as an engine tells it."""
    out = request.out if isinstance(request, Train) else request.run
    if isinstance(request, Train):
        runs.create(out, CONFIG)
    yield Started("Training tiny", out, "cpu", {"unet": 1234})
    for step in range(1, 4):
        yield Progress(step, 3, values={"loss": 0.5 / step, "loss/band-1": float("nan")},
                       seconds=float(step), rate=12.5, left=65.0, memory=1_200_000_000)
        yield Preview(step, np.zeros((1, 8, 8, 1), np.uint8))
    yield Notice("The disk is nearly full", "2 MB are left", "free some", "warning")
    yield Saved(3, out)
    yield Done("finished", {"steps": 3, "seconds": 3.0, "steps_per_second": 1.0,
                            "losses": {"loss": float("nan")}, "run": out})


def drawing(request):
    """Draw noise, as an engine tells it."""
    rng = np.random.default_rng(0)
    yield Started("Drawing", request.run)
    for step in range(request.nfe + 1 if request.nfe else 21):
        x_t, x0 = (rng.integers(0, 255, (request.count, 8, 8, 1), np.uint8) for _ in range(2))
        yield Frame(step, request.nfe or 20, 1.0, x_t, x0 if step else None)
        yield Progress(step, request.nfe or 20)
    yield Done("finished", {"count": request.count, "seconds": 1.5, "ms_per_image": 10.0,
                            "nfe": request.nfe or 20, "sampler": request.sampler or "ddim"}, x_t)


def last_json(capsys) -> dict:
    """Return the JSON that a command printed; fail if it printed more."""
    out, err = capsys.readouterr()
    assert out.count("\n") == 1, "stdout carries more than the one JSON line"
    assert "{" not in err
    return json.loads(out)
