"""The folder of a run: made, read, listed and found; what is broken in it is told."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from runfiles import HERE, new_run, record, write

from hybridstudio import paths, runs
from hybridstudio.config import RunConfig, with_values
from hybridstudio.errors import ConfigError, StudioError, UsageError
from hybridstudio.runs import MetricsLog


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return new_run(tmp_path)


def test_a_run_is_made_and_read(run: Path) -> None:
    found = runs.read(run)
    assert found.config == RunConfig()
    assert (found.path, found.name, found.state) == (run, "a run", "stopped")
    assert (found.step, found.seconds, found.checkpoints, found.card) == (0, 0.0, (), None)
    assert not found.shipped
    assert [file.name for file in run.iterdir()] == ["run.toml"]


def test_a_run_is_never_overwritten(run: Path) -> None:
    with pytest.raises(UsageError, match="a run at"):
        runs.create(run, RunConfig(name="other"))
    assert runs.read(run).config.name == "run"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StudioError, match="file"):
        runs.create(tmp_path / "file" / "run", RunConfig())


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="no run at"):
        runs.read(tmp_path)
    (tmp_path / "run.toml").write_text("schema_version = [")
    with pytest.raises(ConfigError):
        runs.read(tmp_path)
    (tmp_path / "run.toml").write_text("[train]\nstep = 5")
    with pytest.raises(ConfigError, match=r"train\.step"):
        runs.read(tmp_path)


def test_a_changed_config_is_read_anew(run: Path) -> None:
    runs.read(run)
    text = (run / "run.toml").read_text()
    (run / "run.toml").write_text(text.replace('name = "run"', 'name = "renamed"'))
    assert runs.read(run).config.name == "renamed"


def test_step_and_seconds_come_from_the_end_of_the_metrics(run: Path) -> None:
    write(run, *(record(step) for step in range(1, 2000)), '{"step": 2000, "sec')
    found = runs.read(run)
    assert (found.step, found.seconds, found.state) == (1999, 199.9, "interrupted")


@pytest.mark.parametrize(("events", "state"), [
    ([("started", {})], "interrupted"),
    ([("started", {}), ("done", {"outcome": "finished"})], "finished"),
    ([("started", {}), ("done", {"outcome": "budget"})], "finished"),
    ([("started", {}), ("done", {"outcome": "stopped"})], "stopped"),
    ([("done", {"outcome": "finished"}), ("notice", {"what": "!"})], "finished"),
    ([("done", {"outcome": "finished"}), ("resumed", {})], "interrupted"),
    ([("started", {}), ("failed", {})], "interrupted"),
])
def test_how_a_run_ended(run: Path, events: list[tuple[str, dict[str, Any]]], state: str) -> None:
    log = MetricsLog(run)
    for event, fields in events:
        log.mark(event, step=1, **fields)
    log.close()
    assert runs.read(run).state == state


def test_checkpoints_and_previews_are_listed_by_step(run: Path) -> None:
    for step in (500, 20, 123_456_789):
        runs.checkpoint_path(run, step).mkdir(parents=True)
        (runs.checkpoint_path(run, step) / "manifest.json").touch()
        runs.preview_path(run, step).parent.mkdir(exist_ok=True)
        runs.preview_path(run, step).touch()
    runs.checkpoint_path(run, 600).mkdir()  # has no manifest
    for name in (".tmp-1-700", ".trash-step-00000010", "step-7", "notes"):
        (run / "checkpoints" / name).mkdir()
    (run / "previews" / "step-00000001.png.part").touch()
    assert runs.checkpoint_path(run, 500).name == "step-00000500"
    assert runs.read(run).checkpoints == (20, 500, 123_456_789)
    assert runs.read(run).step == 123_456_789
    assert [step for step, _ in runs.previews(run)] == [20, 500, 123_456_789]
    assert runs.previews(run)[1][1] == run / "previews" / "step-00000500.png"


def test_shipped_models_are_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "checkpoints", lambda: tmp_path / "shipped")
    model = tmp_path / "shipped" / "ddpm-x"
    runs.create(model, RunConfig())
    (model / "card.json").write_text('{"steps": 300, "seconds": 12.5, "machine": "a"}')
    found = runs.read(model)
    assert (found.state, found.shipped, found.step, found.seconds) == ("ready", True, 300, 12.5)
    assert found.card is not None
    assert found.card["machine"] == "a"
    assert runs.find("ddpm-x") == model
    for broken in ("[1]", "{", "[" * 100_000, " " * 1_100_000):
        (model / "card.json").write_text(broken)
        assert runs.read(model).card is None


def test_listing_shows_the_newest_first_and_what_is_broken(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "middle", "old", "group/inside")):
        runs.create(tmp_path / name, RunConfig(name=name))
        os.utime(tmp_path / name / "run.toml", (10**9 - age, 10**9 - age))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.toml").write_bytes(b"\xff\xfenonsense")
    os.utime(tmp_path / "broken" / "run.toml", (1, 1))
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "run.toml").mkdir()
    os.utime(tmp_path / "odd" / "run.toml", (0, 0))
    (tmp_path / "no run").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "no run")
    (tmp_path / "no run" / "loop").symlink_to(tmp_path / "no run")
    (tmp_path / "a file").touch()
    found = runs.listing(tmp_path)
    assert [one.name for one in found] == ["new", "middle", "old", "inside", "broken", "odd"]
    assert [bool(one.problem) for one in found] == [False] * 4 + [True] * 2
    assert found[-2].state == "broken"
    assert "UTF-16" in found[-2].problem
    assert runs.listing(tmp_path / "missing") == []


def test_five_hundred_runs_are_listed_quickly(tmp_path: Path) -> None:
    text = "\n".join(record(step) for step in range(1, 300))
    for number in range(500):
        runs.create(tmp_path / f"run-{number}", RunConfig(name=str(number))) if number == 0 else (
            (tmp_path / f"run-{number}").mkdir(),
            (tmp_path / f"run-{number}" / "run.toml").write_bytes(
                (tmp_path / "run-0" / "run.toml").read_bytes()))
        (tmp_path / f"run-{number}" / "metrics.jsonl").write_text(text)
    began = time.process_time()
    assert len(runs.listing(tmp_path)) == 500
    assert time.process_time() - began < 2.0


def test_runs_are_found_by_path_and_by_name(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = runs.new_path("my run")
    assert mine == paths.runs() / "my-run"
    runs.create(mine, RunConfig())
    assert runs.find("my-run") == mine
    assert runs.find(mine) == mine
    assert runs.find(str(mine / "run.toml")) == mine
    monkeypatch.chdir(mine.parent)
    assert runs.find("./my-run") == mine
    with pytest.raises(UsageError, match="did you mean my-run"):
        runs.find("my-rum")
    with pytest.raises(UsageError, match="holds no run"):
        runs.find(tmp_path)
    for nothing in ("", "a\0b", "x" * 5000):
        with pytest.raises(UsageError):
            runs.find(nothing)


@pytest.mark.parametrize(("name", "folder"), [
    ("ddpm", "ddpm"), ("../../etc", "etc"), ("a/b\\c:d", "a-b-c-d"), ("", "run"), ("...", "run"),
    ("Würfel 7", "Würfel-7"), ("数字", "数字"), ("a\nb", "a-b"), ("é" * 300, "é" * 100),
])
def test_names_become_folders(name: str, folder: str) -> None:
    assert runs.new_path(name) == paths.runs() / folder


def test_new_folders_are_free() -> None:
    for expected in ("ddpm", "ddpm-2", "ddpm-3"):
        path = runs.new_path("ddpm")
        assert path == paths.runs() / expected
        path.mkdir(parents=True)


def test_runs_need_neither_torch_nor_qt() -> None:
    code = ("import sys, hybridstudio.runs; "
            "print([name for name in ('torch', 'PySide6') if name in sys.modules])")
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=HERE)
    assert told.stdout.strip() == "[]"


def test_configs_survive_the_folder(tmp_path: Path) -> None:
    config = with_values(RunConfig(), {"train.lr": 0.1 + 0.2, "name": 'Würfel "7"', "data.size": 8,
                                       "train.betas": (0.5, 0.9)})
    runs.create(tmp_path, config)
    assert runs.read(tmp_path).config == config
