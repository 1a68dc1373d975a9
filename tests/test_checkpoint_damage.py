"""Damaged checkpoints: told, set aside, and the older ones used."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from savedruns import assert_holds, opened, saved

from hybridstudio.engine.checkpoints import Damaged, TooNew, available, load
from hybridstudio.runs import checkpoint_path, lock

pytestmark = pytest.mark.usefixtures("quick_disk")


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def swap(place: Path) -> None:
    other = place.with_name("step-00000001")
    shutil.copy(other / "model.safetensors", place / "model.safetensors")


def edit_manifest(place: Path, **changes: Any) -> None:
    manifest = json.loads((place / "manifest.json").read_text())
    (place / "manifest.json").write_text(json.dumps(manifest | changes))


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "truncated": lambda place: os.truncate(place / "model.safetensors", 40),
    "longer": lambda place: os.truncate(place / "model.safetensors", 4000),
    "emptied": lambda place: os.truncate(place / "ema.safetensors", 0),
    "zeroed": lambda place: (place / "model.safetensors").write_bytes(
        bytes((place / "model.safetensors").stat().st_size)),
    "bit flipped": lambda place: flip(place / "model.safetensors"),
    "state flipped": lambda place: flip(place / "state.json"),
    "manifest truncated": lambda place: os.truncate(place / "manifest.json", 30),
    "manifest empty": lambda place: os.truncate(place / "manifest.json", 0),
    "manifest binary": lambda place: (place / "manifest.json").write_bytes(bytes(range(256))),
    "manifest a list": lambda place: (place / "manifest.json").write_text("[]"),
    "manifest nested": lambda place: (place / "manifest.json").write_text("[" * 100_000),
    "files swapped": swap,
    "manifest of another step": lambda place: shutil.copy(
        place.with_name("step-00000001") / "manifest.json", place / "manifest.json"),
    "file missing": lambda place: (place / "streams.safetensors").unlink(),
    "no files": lambda place: edit_manifest(place, files={}),
    "files a list": lambda place: edit_manifest(place, files=["model.safetensors"]),
    "file outside": lambda place: edit_manifest(
        place, files={"../step-00000001/model.safetensors": {"size": 1, "sha256": ""}}),
    "folder instead": lambda place: ((place / "ema.safetensors").unlink(),
                                     (place / "ema.safetensors").mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_ones_are_set_aside_and_the_older_used(
        tmp_path: Path, damage: Callable[[Path], Any]) -> None:
    saved(tmp_path, 1, 2)
    damage(checkpoint_path(tmp_path, 2))
    with pytest.raises(Damaged):
        load(tmp_path, 2)
    kept, notices = opened(tmp_path)
    assert_holds(kept, 1)
    assert len(notices) == 1
    assert notices[0].step == 2
    assert notices[0].level == "warning"
    assert "quarantine" in notices[0].fix
    assert (tmp_path / "quarantine" / "step-00000002").is_dir()
    assert available(tmp_path) == [1]
    saved(tmp_path, 2)
    assert_holds(load(tmp_path, 2), 2)


def test_without_a_manifest_it_was_never_finished(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2)
    (checkpoint_path(tmp_path, 2) / "manifest.json").unlink()
    with pytest.raises(Damaged, match="is damaged\nit has no manifest"):
        load(tmp_path, 2)
    kept, notices = opened(tmp_path)
    assert_holds(kept, 1)
    assert [notice.step for notice in notices] == [2]
    assert (tmp_path / "quarantine" / "step-00000002").is_dir()


def test_quarantine_never_overwrites(tmp_path: Path) -> None:
    for _ in range(3):
        saved(tmp_path, 1)
        flip(checkpoint_path(tmp_path, 1) / "model.safetensors")
        assert opened(tmp_path)[0] is None
    assert {place.name for place in (tmp_path / "quarantine").iterdir()} == {
        "step-00000001", "step-00000001-2", "step-00000001-3"}


def test_where_nothing_can_be_moved_it_is_passed_over(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path, 1, 2)
    flip(checkpoint_path(tmp_path, 2) / "model.safetensors")

    def refused(*args: Any) -> None:
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(os, "rename", refused)
    kept, notices = opened(tmp_path)
    assert_holds(kept, 1)
    assert "quarantine" not in notices[0].fix
    assert available(tmp_path) == [1, 2]


def test_what_cannot_be_read_is_passed_over_but_not_moved(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path, 1, 2)
    real = Path.read_bytes

    def failing(path: Path) -> bytes:
        if "step-00000002" in str(path):
            raise OSError(errno.EIO, "bad sector", str(path))
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", failing)
    kept, notices = opened(tmp_path)
    assert_holds(kept, 1)
    assert "input/output" in notices[0].why
    assert available(tmp_path) == [1, 2]


def test_a_newer_layout_is_left_alone(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2)
    edit_manifest(checkpoint_path(tmp_path, 2), schema_version=7)
    with pytest.raises(TooNew, match="knows layout 7"):
        opened(tmp_path)
    assert available(tmp_path) == [1, 2]


def test_looking_disturbs_no_save_of_another_process(tmp_path: Path) -> None:
    saved(tmp_path, 1)
    ours = tmp_path / "checkpoints" / f".tmp-{os.getpid()}-5"
    theirs = tmp_path / "checkpoints" / ".tmp-1-5"
    (tmp_path / "run.lock").write_text('{"pid": 1, "host": "elsewhere"}')
    ours.mkdir(), theirs.mkdir()
    assert_holds(opened(tmp_path)[0], 1)
    assert ours.is_dir()
    assert theirs.is_dir()
    (tmp_path / "run.lock").unlink()
    with lock(tmp_path):
        opened(tmp_path)
        assert ours.is_dir()
        assert not theirs.exists()
