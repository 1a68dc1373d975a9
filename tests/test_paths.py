import os
from pathlib import Path

import platformdirs
import pytest

from hybridstudio import paths


def test_what_ships_is_found_in_a_checkout():
    assert (paths.resources() / "presets").is_dir()
    assert paths.checkpoints().parent == paths.resources().parent


def test_what_ships_inside_an_installed_package_wins(tmp_path, monkeypatch):
    (tmp_path / "resources").mkdir()
    monkeypatch.setattr(paths, "_PACKAGE", tmp_path)
    assert paths.resources() == tmp_path / "resources"
    assert paths.checkpoints() == tmp_path.parent / "checkpoints"


@pytest.mark.parametrize(("name", "asked"), [
    ("HYBRIDSTUDIO_RUNS", paths.runs),
    ("HYBRIDSTUDIO_DATA", paths.data_root),
    ("HYBRIDSTUDIO_CACHE", paths.cache),
    ("HYBRIDSTUDIO_SETTINGS", paths.settings),
])
def test_each_folder_follows_its_variable(tmp_path, monkeypatch, name, asked):
    monkeypatch.setenv(name, str(tmp_path / "ünï code"))
    assert asked() == tmp_path / "ünï code"


def test_runs_lie_in_the_documents(monkeypatch):
    monkeypatch.delenv("HYBRIDSTUDIO_RUNS", raising=False)
    assert paths.runs() == Path(platformdirs.user_documents_dir()) / "HybridStudio" / "runs"


def test_a_chosen_data_root_wins_over_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDSTUDIO_DATA", str(tmp_path / "variable"))
    assert paths.data_root(tmp_path / "chosen") == tmp_path / "chosen"
    assert paths.data_root(Path("~/data")) == Path.home() / "data"


def test_data_falls_back_to_the_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("HYBRIDSTUDIO_DATA", raising=False)
    monkeypatch.setenv("HYBRIDSTUDIO_CACHE", str(tmp_path))
    assert paths.data_root() == tmp_path / "data"


def test_a_folder_that_cannot_be_made_gives_way_to_a_temporary_one(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HYBRIDSTUDIO_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    fallback = paths.cache()
    assert fallback.is_dir()
    assert fallback.parent.parent == tmp_path


def test_a_read_only_folder_gives_way_too(tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDSTUDIO_SETTINGS", str(tmp_path / "settings"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    assert paths.settings().name == "settings"
    assert paths.settings() != tmp_path / "settings"
