"""What the engine promises of every family, on pictures and on points of the plane alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_engine import learned, until
from test_families import CPU, SMALL, a_batch, made

from hybridstudio import config, engine, runs
from hybridstudio.config import MODELS, RunConfig, with_values
from hybridstudio.engine.draw import _models
from hybridstudio.engine.learner import Learner
from hybridstudio.errors import ConfigError
from hybridstudio.messages import Done, Draw, Frame, Resume, Train

TRAIN = {"steps": 8, "batch_size": 8, "precision": "float32", "warmup": 2, "log_every": 2,
         "preview_every": 4, "save_every": 4}
PICTURES, PLANE = {"name": "digits", "limit": 60}, {"name": "gaussians25", "limit": 200}
ON_THE_PLANE: dict[str, dict[str, Any]] = {
    "gan": {"net": "fully-connected"}, "vae": {"likelihood": "gaussian"},
    "hybrid": {"diffusion": {"width": 16, "blocks": 1, "timesteps": 50}}}
LABELS = {"hybrid": "model.diffusion.labels"}  # where it is not model.labels
ALL = [(family, data) for family in SMALL for data in ("pictures", "points")]
DRAWING = [(family, data) for family, data in ALL if MODELS[family].samplers]
LABELLED = [family for family in SMALL
            if family in LABELS or "labels" in MODELS[family].model_fields]


def a_config(family: str, data: str) -> RunConfig:
    model = {**SMALL[family], **(ON_THE_PLANE.get(family, {}) if data == "points" else {})}
    return config.parse({"data": PICTURES if data == "pictures" else PLANE, "model": model,
                         "train": TRAIN, "sample": {"count": 3}})


def drawn(run: Path, **asked: Any) -> tuple[list[Frame], Done]:
    """Draw from what lies on the disk, as a program does that was just opened."""
    _models.clear()
    events = list(engine.run(Draw(run, 3, device="cpu", **asked)))
    done = events[-1]
    assert isinstance(done, Done)
    return [event for event in events if isinstance(event, Frame)], done


@pytest.mark.parametrize(("family", "data"), ALL)
def test_stopped_and_resumed_is_the_same_as_unbroken(
        tmp_path: Path, quick_disk: None, family: str, data: str) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    list(engine.run(Train(a_config(family, data), whole, device="cpu")))
    until(engine.run(Train(a_config(family, data), broken, device="cpu")), 3)
    assert runs.read(broken).checkpoints == (3,)
    list(engine.run(Resume(broken, device="cpu")))
    first, second = learned(whole), learned(broken)
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


@pytest.mark.parametrize(("family", "data"), DRAWING)
def test_a_checkpoint_draws_the_same_pictures_whenever_it_is_opened(
        tmp_path: Path, quick_disk: None, family: str, data: str) -> None:
    asked = a_config(family, data)
    list(engine.run(Train(asked, tmp_path / "run", device="cpu")))
    frames, done = drawn(tmp_path / "run")
    again, other = drawn(tmp_path / "run")[1], drawn(tmp_path / "run", seed=1)[1]
    assert done.images is not None
    assert again.images is not None
    np.testing.assert_array_equal(done.images, again.images)
    if data == "points":
        assert done.points is not None
        assert done.points.shape == (3, 2)
        assert not np.array_equal(done.points, other.points)
        np.testing.assert_array_equal(done.points, frames[-1].points["x_t"])
    else:
        assert done.images.shape == (3, 8, 8, 1)
        assert not np.array_equal(done.images, other.images)
        np.testing.assert_array_equal(done.images, frames[-1].x_t)
    assert [frame.step for frame in frames] == list(range(frames[-1].steps + 1))
    for frame in frames:
        rows = [row for row in (frame.x_t, frame.x0, frame.eps) if row is not None]
        assert {row.dtype for row in rows} == {np.dtype(np.uint8)}
        assert len({row.shape for row in rows}) == 1


@pytest.mark.parametrize("family", LABELLED)
def test_a_class_that_was_learned_can_be_asked_for(
        tmp_path: Path, quick_disk: None, family: str) -> None:
    key = LABELS.get(family, "model.labels")
    asked = with_values(a_config(family, "pictures"), {key: True})
    list(engine.run(Train(asked, tmp_path / "run", device="cpu")))
    pictures = [drawn(tmp_path / "run", label=label)[1].images for label in (1, 7)]
    assert all(images is not None and images.shape == (3, 8, 8, 1) for images in pictures)
    with pytest.raises(ConfigError, match="there is no class 10"):
        drawn(tmp_path / "run", label=10)


@pytest.mark.parametrize("family", SMALL)
def test_each_network_that_learns_can_learn_alone_and_no_other_moves(family: str) -> None:
    learner = Learner(made(family), CPU)
    batch = a_batch(labels=made(family).model.learns_labels)
    for name in learner.family.trained:
        before = {key: value.detach().clone()
                  for key, value in learner.family.named_parameters()}
        learner.learn(batch, 0.0, only=name)
        moved = [key for key, value in learner.family.named_parameters()
                 if not torch.equal(before[key], value)]
        assert moved
        assert all(key.startswith(f"{name}.") for key in moved)
