"""What is dropped on the window: shown where it belongs, never started, nothing overwritten."""


import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent

from hybridstudio import pictures, presets
from hybridstudio.config import dumps
from hybridstudio.gui.panels.denoise import DenoisePanel
from hybridstudio.gui.panels.setup import SetupPanel
from hybridstudio.messages import Draw, Train

# --- what is dropped ------------------------------------------------------------------------------


def drop(window, qtbot, path):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    window.dropEvent(QDropEvent(QPointF(10, 10), Qt.DropAction.CopyAction, mime,
                                Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier))
    qtbot.wait(20)


def test_dropping_never_starts_a_training(window, qtbot, run, tmp_path, canned):
    folder = tmp_path / "pictures"
    folder.mkdir()
    config = tmp_path / "mine.toml"
    config.write_text(dumps(presets.find("ddpm-shapes")))
    png = tmp_path / "plain.png"
    pictures.write_png(png, np.zeros((8, 8, 1), np.uint8))
    page = {run: "train", run / "run.toml": "train", folder: "data", config: "setup",
            png: "denoise"}
    for path, name in page.items():
        drop(window, qtbot, path)
        assert window.page is window.panels[name], path
    assert window.panel(SetupPanel).form.config().data.name == "shapes"
    assert not window.training.busy
    assert canned.of(Train) == canned.of(Draw) == []


def test_a_picture_of_ours_brings_back_its_run_and_seed(window, qtbot, run, tmp_path):
    png = tmp_path / "ours.png"
    pictures.write_png(png, np.zeros((8, 8, 1), np.uint8),
                       {"run": run.name, "seed": 77, "sampler": "ddim", "nfe": 9})
    drop(window, qtbot, png)
    assert window.run == run
    assert window.panel(DenoisePanel).form.settings().seed == 77


def test_a_picture_of_an_unknown_run_is_told(window, qtbot, tmp_path):
    png = tmp_path / "ours.png"
    pictures.write_png(png, np.zeros((8, 8, 1), np.uint8), {"run": "gone", "seed": 1})
    drop(window, qtbot, png)
    assert "gone" in window.banner.text


@pytest.mark.parametrize("name", ["a.exe", "b", "broken.png", "gone.zip"])
def test_what_cannot_be_opened_is_told(window, qtbot, tmp_path, name):
    if not name.startswith("gone"):
        (tmp_path / name).write_bytes(b"\x00\x01")
    drop(window, qtbot, tmp_path / name)
    denoise = window.panel(DenoisePanel)
    assert window.banner.isVisible() or window.page is denoise
