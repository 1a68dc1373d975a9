"""A run's folder without a training, for the training panel alone and for its tests."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from hybridstudio import runs
from hybridstudio.config import RunConfig, with_values
from hybridstudio.gui.canned import pictures
from hybridstudio.messages import Images
from hybridstudio.pictures import sheet, write_png

EVERY = 10  # steps between records
RATE = 5.2  # steps a second
BANDS = 4


def write_run(path: Path, steps: int = 2000, total: int = 4000, previews: int = 9,
              size: int = 8, seed: int = 0) -> RunConfig:
    """Write a run that was trained for `steps` of `total` and then broke off; returns its config.

    Its losses fall as those of a diffusion do, its previews are real digits under less and less
    noise.
    """
    config = with_values(RunConfig(name="canned"), {
        "train.steps": total, "train.log_every": EVERY, "sample.count": 36,
        "data.size": size, "data.channels": 1,
        "data.classes": tuple("0123456789")})
    runs.create(path, config)
    random = np.random.default_rng(seed)
    log = runs.MetricsLog(path)
    log.mark("started", step=0)
    for step in range(EVERY, steps + 1, EVERY):
        log_point(log, step, config.train.batch_size, random)
        if step == steps // EVERY // 2 * EVERY:
            log.mark("resumed", step=step)
    log.close()
    for step in np.linspace(0, steps, previews).astype(int):
        write_preview(path, int(step), noised(config.sample.count, size, step / total, random))
    folder = runs.checkpoint_path(path, steps // 1000 * 1000)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    return config


def log_point(log: runs.MetricsLog, step: int, batch: int, random: np.random.Generator) -> None:
    """Write one record as a diffusion's training does."""
    level = 0.03 + 0.5 * math.exp(-step / 300)
    bands = {f"loss/band-{band + 1}": level * (0.3, 0.6, 1.1, 2.0)[band] * random.gamma(9) / 9
             for band in range(BANDS)}
    seconds = step / RATE
    log.append(step, {"loss": float(np.mean(list(bands.values()))), **bands}, {
        "images_per_second": RATE * batch * random.normal(1, 0.01),
        "memory": 612e6}, seconds)


def write_preview(path: Path, step: int, images: Images) -> None:
    """Write a preview as a training does."""
    file = runs.preview_path(path, step)
    file.parent.mkdir(exist_ok=True)
    write_png(file, sheet(images), overwrite=True)


def noised(count: int, size: int, share: float, random: np.random.Generator) -> Images:
    """Return digits of which `share` (0 to 1) is seen and the rest is noise."""
    seen = min(1.0, 1.6 * share) ** 0.5
    clean = pictures(count, size).astype(np.float64)
    noise = random.normal(110, 60, clean.shape)
    return np.clip(seen * clean + (1 - seen) * noise, 0, 255).astype(np.uint8)
