"""The one dialog for files: what it offers, what it tells, and that nothing of it stays."""

from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog, QWidget

from hybridstudio.gui.askfile import ask_file


@pytest.fixture
def parent(qtbot):
    made = QWidget()
    qtbot.addWidget(made)
    return made


def test_a_choice_is_told_as_a_path_and_the_dialog_goes(parent, qtbot, tmp_path):
    (tmp_path / "a.toml").touch()
    taken = []
    dialog = ask_file(parent, "Open", taken.append, kinds=["Settings (*.toml)"])
    assert dialog.isVisible()
    assert dialog.nameFilters() == ["Settings (*.toml)"]
    dialog.setDirectory(str(tmp_path))
    dialog.selectFile("a.toml")
    dialog.accept()
    assert taken == [tmp_path / "a.toml"]
    qtbot.waitUntil(lambda: parent.findChild(QFileDialog) is None)


def test_cancelling_tells_nothing_and_the_dialog_goes(parent, qtbot):
    taken = []
    ask_file(parent, "Open", taken.append).reject()
    qtbot.waitUntil(lambda: parent.findChild(QFileDialog) is None)
    assert taken == []


def test_a_folder_is_asked_for(parent, tmp_path):
    dialog = ask_file(parent, "Folder", print, folder=True)
    assert dialog.fileMode() == QFileDialog.FileMode.Directory
    dialog.reject()


def test_a_file_to_write_has_the_ending_of_its_kind(parent, tmp_path):
    taken: list[Path] = []
    dialog = ask_file(parent, "Export", taken.append, save_as="loss.png",
                      kinds=["Picture (*.png)", "Drawing (*.svg)", "Numbers (*.csv)"])
    dialog.setDirectory(str(tmp_path))
    assert dialog.acceptMode() == QFileDialog.AcceptMode.AcceptSave
    assert dialog.defaultSuffix() == "png"
    dialog.filterSelected.emit("Numbers (*.csv)")
    assert Path(dialog.selectedFiles()[0]).name == "loss.csv"
    dialog.selectFile("mine")
    dialog.accept()
    assert taken == [tmp_path / "mine.csv"]


def test_without_kinds_the_proposed_name_gives_the_ending(parent):
    dialog = ask_file(parent, "Save", print, save_as="run.toml")
    assert dialog.defaultSuffix() == "toml"
    dialog.reject()
