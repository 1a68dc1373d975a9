"""Exporting a sheet of a latent space: in a thread, the newest file wins, the window goes on."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from hybridstudio import pictures
from hybridstudio.gui.sheetexport import SheetExport

IMAGES = np.zeros((4, 8, 8, 1), np.uint8)


@pytest.fixture
def export(qtbot):
    made = SheetExport(lambda: {"images": IMAGES, "columns": 2, "settings": {"run": "r"}})
    qtbot.addWidget(made)
    return made


@pytest.mark.parametrize("name", ["a.png", "a.gif", "a.npy"])
def test_the_ending_says_what_is_written(export, qtbot, tmp_path: Path, name: str) -> None:
    with qtbot.waitSignal(export.written) as told:
        export.write(tmp_path / name)
    assert told.args == [tmp_path / name]
    assert (tmp_path / name).stat().st_size > 0
    qtbot.waitUntil(lambda: not export.is_writing())


def test_a_file_asked_for_meanwhile_is_written_after_it_without_waiting(
        export, qtbot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    write = pictures.write_png

    def slow(path: Path, *rest: object) -> None:
        begun.set()
        assert go_on.wait(10)
        write(path, *rest)

    monkeypatch.setattr(pictures, "write_png", slow)
    written = []
    export.written.connect(written.append)
    export.write(tmp_path / "first.png")
    assert begun.wait(10)
    export.write(tmp_path / "second.npy")  # comes back at once, though the first still writes
    export.write(tmp_path / "third.npy")
    go_on.set()
    qtbot.waitUntil(lambda: not export.is_writing())
    assert written[-1] == tmp_path / "third.npy"
    assert not (tmp_path / "second.npy").exists()


def test_what_cannot_be_written_is_told(export, qtbot, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with qtbot.waitSignal(export.failed) as told:
        export.write(tmp_path / "file" / "a.npy")
    assert told.args[0].what
    qtbot.waitUntil(lambda: not export.is_writing())
