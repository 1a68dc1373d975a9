"""Runs with scores on the disk, for tests of what compares them."""

from __future__ import annotations

from pathlib import Path

from hybridstudio import paths, runs
from hybridstudio.config import RunConfig, with_values
from hybridstudio.standing.dots import this_machine

DDPM = {"model.family": "ddpm", "model.timesteps": 200, "sample.nfe": 20}
GAN = {"model.family": "gan"}
FEATURES = {"name": "digits-net", "sha256": "c2adf3" + "0" * 58, "width": 128}


def write_run(name: str, values: dict[str, object], step: int = 1000) -> Path:
    """Write a run of digits with one checkpoint."""
    path = paths.runs() / name
    family = RunConfig() if values["model.family"] == "ddpm" else RunConfig.model_validate(
        {"model": {"family": values["model.family"]}})
    rest = {key: value for key, value in values.items() if key != "model.family"}
    runs.create(path, with_values(family, {
        "name": name, "data.size": 8, "data.channels": 1,
        "data.classes": tuple("0123456789"), **rest}))
    checkpoint = runs.checkpoint_path(path, step)
    checkpoint.mkdir(parents=True)
    (checkpoint / "manifest.json").write_text("{}", encoding="utf-8")
    return path


def score_run(run: Path, *, nfe: int, distance: float, coverage: float, ms: float | None = 1.0,
              n: int = 5000, step: int = 1000, when: str = "2026-01-01T00:00:00+00:00",
              cores: int | None = None, features: dict[str, object] = FEATURES,
              asked: dict[str, object] | None = None, **more: object) -> None:
    """Add a score to a run as the engine records it."""
    config = runs.read(run).config
    processor, system, here = this_machine()

    def figure(value: float, floor: float, ceiling: float) -> dict[str, float]:
        return {"value": value, "low": 0.9 * value, "high": 1.1 * value, "floor": floor,
                "ceiling": ceiling}

    runs.record_score(run, {
        "when": when,
        "request": {"source": str(run), "count": n, "metrics": ["fid", "prdc"], "nfe": nfe,
                    "knobs": {}, "seed": 0, **(asked or {})},
        "scores": {"frechet": figure(distance, 0.5, 400.0),
                   "coverage": figure(coverage, 0.95, 0.0)},
        "label": f"digits-net c2adf3, N = {n:,}", "distance": "Fréchet distance",
        "features": features, "n": n, "data": "digits", "split": "test", "data_sha256": "d" * 64,
        "source": str(run), "sampler": config.sampler, "nfe": nfe, "weights": "ema", "step": step,
        "seed": 0, "ms_per_image": ms, "seconds": 1.0,
        "machine": {"processor": processor, "system": system, "cores": cores or here,
                    "device": "cpu"}, **more})
