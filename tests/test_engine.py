"""The engine end to end, without Qt: train, resume, draw, look, probe."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from hybridstudio import engine, presets, runs
from hybridstudio.config import RunConfig, with_values
from hybridstudio.engine import checkpoints, lanes
from hybridstudio.errors import ConfigError, StudioError, UsageError
from hybridstudio.messages import (
    Browse,
    Browsed,
    Done,
    Draw,
    Event,
    Frame,
    Noise,
    Notice,
    Preview,
    Probe,
    Probed,
    Progress,
    Resume,
    Saved,
    Started,
    Train,
)

TINY = {
    "model.width": 16, "model.channel_mult": (1,), "model.blocks": 1, "model.dropout": 0.1,
    "train.batch_size": 16, "train.steps": 24, "train.log_every": 5, "train.preview_every": 12,
    "train.save_every": 6, "train.warmup": 4, "train.precision": "float32", "data.flip": True,
    "data.limit": 100, "sample.count": 4, "sample.nfe": 3,
}


@pytest.fixture
def tiny() -> RunConfig:
    return with_values(presets.find("ddpm-digits"), TINY)


@pytest.fixture
def trained(tiny: RunConfig, tmp_path: Path) -> Path:
    run = tmp_path / "trained"
    list(engine.run(Train(tiny, run, device="cpu")))
    return run


def of(kind: type, events: list[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


def until(events: Iterator[Event], step: int) -> list[Event]:
    """Follow a training to a step, then stop it as a user would."""
    seen = []
    for event in events:
        seen.append(event)
        if isinstance(event, Progress) and event.unit == "steps" and event.step >= step:
            break
    events.close()  # type: ignore[attr-defined]
    return seen


def learned(run: Path) -> dict[str, torch.Tensor]:
    kept = checkpoints.load(run, checkpoints.available(run)[-1])
    return {f"{stem}/{name}": tensor for stem, tensors in kept.tensors.items()
            for name, tensor in tensors.items()}


def curve(run: Path) -> dict[int, dict[str, float]]:
    return {record["step"]: record["values"] for record in runs.MetricsReader(run).poll()
            if "values" in record}


def assert_same_run(one: Path, other: Path) -> None:
    first, second = learned(one), learned(other)
    assert first.keys() == second.keys()
    different = [name for name in first if not torch.equal(first[name], second[name])]
    assert different == []
    assert curve(one) == curve(other)


class TestTraining:
    def test_tells_previews_saves_and_how_it_ended(self, tiny: RunConfig, tmp_path: Path) -> None:
        events = list(engine.run(Train(tiny, tmp_path / "run", device="cpu")))
        started = of(Started, events)[0]
        assert started.parameters["unet"] > 1000
        assert [event.step for event in of(Preview, events)] == [0, 12, 24]
        assert of(Preview, events)[0].images.shape == (4, 8, 8, 1)
        assert [event.step for event in of(Saved, events)] == [6, 12, 18, 24]
        done = events[-1]
        assert isinstance(done, Done)
        assert done.outcome == "finished"
        assert done.result["steps"] == 24
        assert {"seconds", "steps_per_second", "losses", "run"} <= done.result.keys()

    def test_the_folder_tells_all_of_it(self, trained: Path) -> None:
        run = runs.read(trained)
        assert run.state == "finished"
        assert run.config.data.classes == tuple("0123456789")
        assert checkpoints.available(trained) == [12, 18, 24]
        assert [step for step, _ in runs.previews(trained)] == [0, 12, 24]
        values = curve(trained)
        assert list(values) == [5, 10, 15, 20]
        assert {"loss", "loss/band-1", "loss/band-4", "grad_norm/unet"} <= values[5].keys()

    def test_learns(self, tiny: RunConfig, tmp_path: Path) -> None:
        config = with_values(tiny, {"train.steps": 150, "train.lr": 3e-3})
        list(engine.run(Train(config, tmp_path / "run", device="cpu")))
        losses = [values["loss"] for values in curve(tmp_path / "run").values()]
        assert np.mean(losses[-5:]) < 0.8 * losses[0]

    def test_a_budget_ends_it(self, tiny: RunConfig, tmp_path: Path) -> None:
        config = with_values(tiny, {"train.steps": 10**6})
        done = list(engine.run(Train(config, tmp_path / "run", budget=0.5, device="cpu")))[-1]
        assert isinstance(done, Done)
        assert done.outcome == "budget"
        assert checkpoints.available(tmp_path / "run")[-1] == done.result["steps"]

    def test_an_existing_run_is_left_alone(self, trained: Path, tiny: RunConfig) -> None:
        with pytest.raises(StudioError):
            list(engine.run(Train(tiny, trained, device="cpu")))
        assert checkpoints.available(trained)[-1] == 24

    def test_more_in_a_batch_than_there_is(self, tiny: RunConfig, tmp_path: Path) -> None:
        config = with_values(tiny, {"train.batch_size": 101})
        with pytest.raises(ConfigError, match="batch_size"):
            list(engine.run(Train(config, tmp_path / "run", device="cpu")))
        assert not (tmp_path / "run").exists()

    def test_words_posted_into_the_folder_are_heard(self, tiny: RunConfig, tmp_path: Path) -> None:
        run, saved = tmp_path / "run", False
        config = with_values(tiny, {"train.steps": 10**6, "train.save_every": 10**6})
        for event in engine.run(Train(config, run, device="cpu")):
            if isinstance(event, Progress) and event.step == 3:
                runs.post(run, "save")
            if isinstance(event, Saved) and not saved:
                saved = True
                runs.post(run, "stop")
        assert saved
        assert isinstance(event, Done)
        assert event.outcome == "stopped"

    def test_steps_without_a_finite_gradient_change_nothing_and_are_told(
        self, tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from hybridstudio.families.ddpm import DDPM

        whole = DDPM.train_step
        steps = iter(range(1000))

        def poisoned(self, batch, update, noise):  # type: ignore[no-untyped-def]
            bad = next(steps) in (8, 9)
            return whole(self, batch, lambda name, loss: update(
                name, loss * float("nan") if bad else loss), noise)

        monkeypatch.setattr(DDPM, "train_step", poisoned)
        events = list(engine.run(Train(tiny, tmp_path / "run", device="cpu")))
        assert [event.step for event in of(Notice, events)] == [10]
        assert all(torch.isfinite(tensor).all() for tensor in learned(tmp_path / "run").values()
                   if tensor.is_floating_point())

    def test_a_training_that_diverges_rolls_back_and_gives_up_with_its_last_finite_state(
        self, tiny: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from hybridstudio.families.ddpm import DDPM

        whole, steps = DDPM.train_step, iter(range(10_000))

        def poisoned(self, batch, update, noise):  # type: ignore[no-untyped-def]
            bad = next(steps) > 8
            return whole(self, batch, lambda name, loss: update(
                name, loss * float("nan") if bad else loss), noise)

        monkeypatch.setattr(DDPM, "train_step", poisoned)
        config = with_values(tiny, {"train.steps": 10_000, "train.save_every": 7})
        with pytest.raises(StudioError, match="diverged"):
            list(engine.run(Train(config, tmp_path / "run", device="cpu")))
        assert all(torch.isfinite(tensor).all() for tensor in learned(tmp_path / "run").values()
                   if tensor.is_floating_point())


class TestResume:
    def test_stopped_and_resumed_equals_unbroken(self, tiny: RunConfig, tmp_path: Path) -> None:
        whole, broken = tmp_path / "whole", tmp_path / "broken"
        list(engine.run(Train(tiny, whole, device="cpu")))
        until(engine.run(Train(tiny, broken, device="cpu")), 8)
        assert checkpoints.available(broken)[-1] == 8
        until(engine.run(Resume(broken, device="cpu")), 13)
        list(engine.run(Resume(broken, device="cpu")))
        assert_same_run(whole, broken)

    def test_killed_and_resumed_equals_unbroken(self, tiny: RunConfig, tmp_path: Path) -> None:
        whole, broken = tmp_path / "whole", tmp_path / "broken"
        config = with_values(tiny, {"train.steps": 60})
        list(engine.run(Train(config, whole, device="cpu")))
        runs.create(broken, runs.read(whole).config)
        code = ("import sys, torch; torch.set_num_threads(1); from pathlib import Path; "
                "from hybridstudio import engine; from hybridstudio.messages import *\n"
                "for event in engine.run(Resume(Path(sys.argv[1]), device='cpu')):\n"
                "    print(type(event).__name__, flush=True)")
        # Some are killed amid steps, some amid a save, as it happens.
        for lines in (17, 33):
            child = subprocess.Popen([sys.executable, "-c", code, str(broken)], text=True,
                                     stdout=subprocess.PIPE, env={**os.environ})
            assert child.stdout is not None
            for _ in range(lines):
                assert child.stdout.readline()
            time.sleep(0.01)
            child.send_signal(signal.SIGKILL)
            child.wait()
            child.stdout.close()
        list(engine.run(Resume(broken, device="cpu")))
        assert_same_run(whole, broken)

    def test_a_damaged_checkpoint_falls_back_to_the_older_one(
        self, tiny: RunConfig, tmp_path: Path
    ) -> None:
        whole, broken = tmp_path / "whole", tmp_path / "broken"
        list(engine.run(Train(tiny, whole, device="cpu")))
        until(engine.run(Train(tiny, broken, device="cpu")), 20)
        weights = runs.checkpoint_path(broken, 20) / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
        events = list(engine.run(Resume(broken, device="cpu")))
        assert of(Notice, events)
        assert_same_run(whole, broken)

    def test_goes_on_for_more_steps_and_remembers_how_many(self, trained: Path) -> None:
        until(engine.run(Resume(trained, steps=34, device="cpu")), 28)
        assert runs.read(trained).config.train.steps == 34
        done = list(engine.run(Resume(trained, device="cpu")))[-1]
        assert isinstance(done, Done)
        assert done.result["steps"] == 34

    def test_what_is_left_of_a_budget_is_remembered(self, tiny: RunConfig, tmp_path: Path) -> None:
        run = tmp_path / "run"
        config = with_values(tiny, {"train.steps": 10**6})
        until(engine.run(Train(config, run, budget=0.6, device="cpu")), 5)
        done = list(engine.run(Resume(run, device="cpu")))[-1]
        assert isinstance(done, Done)
        assert done.outcome == "budget"
        assert done.result["seconds"] < 0.9

    def test_drawing_raw_weights_while_training_changes_nothing(
        self, tiny: RunConfig, tmp_path: Path
    ) -> None:
        whole, looked_at = tmp_path / "whole", tmp_path / "looked-at"
        list(engine.run(Train(tiny, whole, device="cpu")))
        for event in engine.run(Train(tiny, looked_at, device="cpu")):
            if isinstance(event, Progress) and event.step == 8:
                list(engine.run(Draw(looked_at, 2, nfe=3, weights="raw", device="cpu")))
        assert_same_run(whole, looked_at)

    def test_a_folder_that_vanishes_is_saved_elsewhere(
        self, tiny: RunConfig, tmp_path: Path
    ) -> None:
        run = tmp_path / "run"
        training = engine.run(Train(tiny, run, device="cpu"))
        for event in training:
            if isinstance(event, Progress) and event.step == 8:
                break
        shutil.rmtree(run)
        with pytest.raises(StudioError, match="instead"):
            training.close()  # type: ignore[attr-defined]
        assert checkpoints.available(runs.find("run"))[-1] == 8


class TestDrawing:
    def test_frames_from_noise_to_picture(self, trained: Path) -> None:
        events = list(engine.run(Draw(trained, 3, "ddim", 5, device="cpu")))
        frames = of(Frame, events)
        assert [frame.step for frame in frames] == [0, 1, 2, 3, 4, 5]
        assert frames[0].t == 1000
        assert frames[-1].t == 0
        assert frames[0].x_t.shape == (3, 8, 8, 1)
        assert frames[0].noise > 0.99
        assert frames[-1].noise == 0.0
        done = events[-1]
        assert isinstance(done, Done)
        np.testing.assert_array_equal(done.images, frames[-1].x_t)
        assert done.result["nfe"] == 5
        json.dumps(dict(done.result))

    def test_a_picture_depends_on_its_seed_and_place_alone(self, trained: Path) -> None:
        def drawn(**asked: object) -> np.ndarray:
            request = Draw(trained, nfe=4, frames=False, device="cpu", seed=3, **asked)  # type: ignore[arg-type]
            return list(engine.run(request))[-1].images  # type: ignore[union-attr]

        many = drawn(count=6)
        # Another batch size may round differently in the last bit of a float, not more.
        for other in (drawn(count=2), drawn(count=6, batch=2)):
            assert np.abs(many[:len(other)].astype(int) - other).max() <= 1
        assert not np.array_equal(many[0], many[1])

    @pytest.mark.parametrize("asked", [
        {"count": 0}, {"sampler": "dimm"}, {"nfe": 0}, {"label": 10}, {"from_step": 0},
        {"from_step": 1001},
    ])
    def test_what_cannot_be_meant_is_refused(self, trained: Path, asked: dict[str, object]) -> None:
        with pytest.raises(UsageError):
            list(engine.run(Draw(trained, device="cpu", **asked)))  # type: ignore[arg-type]

    def test_from_a_users_picture(self, trained: Path) -> None:
        photo = np.full((20, 30, 3), 200, np.uint8)
        events = list(engine.run(
            Draw(trained, 2, nfe=4, image=photo, from_step=100, device="cpu")))
        frames = of(Frame, events)
        assert frames[0].t == 100
        assert abs(float(frames[0].x_t.mean()) - 200) < 40

    def test_draws_from_a_training_as_it_stands(self, tiny: RunConfig, tmp_path: Path) -> None:
        run = tmp_path / "run"
        training = engine.run(Train(with_values(tiny, {"train.save_every": 10**6}), run,
                                    device="cpu"))
        for event in training:
            if isinstance(event, Progress) and event.step == 5:
                drawn = list(engine.run(Draw(run, 2, nfe=2, device="cpu")))[-1]
                assert isinstance(drawn, Done)
                break
        training.close()  # type: ignore[attr-defined]
        assert not lanes.live

    def test_a_run_without_a_checkpoint_says_so(self, tiny: RunConfig, tmp_path: Path) -> None:
        config = with_values(tiny, {"data.size": 8, "data.channels": 1,
                                    "data.classes": tuple("0123456789")})
        runs.create(tmp_path / "run", config)
        with pytest.raises(UsageError, match="nothing to draw"):
            list(engine.run(Draw(tmp_path / "run", device="cpu")))


class TestLooking:
    def test_browse_tells_pictures_classes_and_counts(self, tiny: RunConfig) -> None:
        events = list(engine.run(Browse(tiny.data, count=7, label=3)))
        told = of(Browsed, events)[0]
        assert told.total == 100
        assert sum(told.counts) == 100
        assert set(told.labels) == {3}
        assert told.images.shape == (7, 8, 8, 1)

    def test_noise_goes_from_the_picture_to_noise(self, tiny: RunConfig) -> None:
        frames = of(Frame, list(engine.run(Noise(tiny, (0, 5), levels=5))))
        assert [frame.t for frame in frames] == [0, 250, 500, 750, 1000]
        shown = of(Browsed, list(engine.run(Browse(tiny.data, count=6))))[0]
        np.testing.assert_array_equal(frames[0].x_t, shown.images[[0, 5]])

    def test_probe_tells_time_and_memory(self, tiny: RunConfig) -> None:
        told = of(Probed, list(engine.run(Probe(tiny, device="cpu"))))[0]
        assert told.seconds == pytest.approx(told.seconds_per_step * 24)
        assert told.memory > 0
        assert told.parameters["unet"] > 1000
