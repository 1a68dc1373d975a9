"""Closing the window at any moment, and what it remembers."""

import shutil
import threading
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QFileDialog, QMessageBox

from hybridstudio import paths
from hybridstudio.config import RunConfig
from hybridstudio.errors import StudioError
from hybridstudio.gui import leaving, menus
from hybridstudio.gui.cannedrun import write_run
from hybridstudio.gui.settings import LAYOUT_VERSION, Settings
from hybridstudio.gui.window import Window
from hybridstudio.messages import (
    Draw,
    Resume,
    Started,
    Train,
)

# --- leaving --------------------------------------------------------------------------------------


def closing(window):
    event = QCloseEvent()
    window.closeEvent(event)
    return event.isAccepted()


def test_an_idle_window_closes(window, qtbot):
    qtbot.waitUntil(lambda: not window.warming.busy and not window.library.lane.busy)
    with qtbot.waitSignal(window.left):
        assert closing(window)


def test_a_window_that_has_just_started_closes_when_loading_has_ended(window, qtbot):
    with qtbot.waitSignal(window.left):
        closing(window)
        closing(window)
    assert closing(window)


def answer(window, text):
    box = window._leaving.question
    assert isinstance(box, QMessageBox)
    next(button for button in box.buttons() if button.text() == text).click()


def test_stop_and_save(window, qtbot, canned, begin):
    begin()
    assert not closing(window)
    assert not closing(window)  # once more: still one question
    with qtbot.waitSignal(window.left):
        answer(window, "Stop and save")
        assert not window.isVisible()
        closing(window)
    assert canned.closed == canned.of(Train)


def test_cancel_goes_on(window, qtbot, begin):
    begin()
    closing(window)
    answer(window, "Cancel")
    assert window.isVisible()
    assert window.training.state == "running"
    assert window._leaving.question is None


def test_keep_running_in_its_own_process(window, qtbot, canned, monkeypatch, begin):
    started = []
    monkeypatch.setattr(leaving.subprocess, "Popen",
                        lambda words, **options: started.append((words, options)))
    out = begin()
    closing(window)
    with qtbot.waitSignal(window.left):
        answer(window, "Keep running in its own process")
    words, options = started[0]
    assert words[1:] == ["-m", "hybridstudio", "resume", str(out)]
    assert options["start_new_session"]
    assert (out / "log.txt").exists()
    leaving._children.clear()


@pytest.mark.parametrize("is_saved", [True, False])
def test_what_goes_on_ends_where_it_was_asked_to(tmp_path, monkeypatch, is_saved):
    asked = []
    monkeypatch.setattr(leaving.commands, "words_of",
                        lambda request: asked.append(request) or [])
    write_run(tmp_path / "run", steps=1000)
    if not is_saved:
        shutil.rmtree(tmp_path / "run" / "checkpoints")
    with pytest.raises(StudioError):
        leaving.keep_running(Train(RunConfig(), tmp_path / "run", 7, 9.0))
    # What is left of a budget lies in the checkpoint.
    assert asked == [Resume(tmp_path / "run", 7, None if is_saved else 9.0)]


def test_a_save_that_fails_brings_the_window_back(window, qtbot, canned, begin):
    begin()
    canned.fail_on_close = True
    closing(window)
    answer(window, "Stop and save")
    qtbot.waitUntil(lambda: window.isVisible() and not window.training.busy)
    assert not window._leaving.over
    assert "disk is full" in window.banner.text + window.panels["train"]._error.text


@pytest.mark.parametrize("fault", [OSError(28, "No space left"), StudioError("No")])
def test_a_training_that_cannot_go_on_elsewhere_brings_the_window_back(
        window, qtbot, canned, monkeypatch, begin, fault):
    def refuse(request):
        raise fault

    monkeypatch.setattr(leaving, "keep_running", refuse)
    begin()
    closing(window)
    answer(window, "Keep running in its own process")
    qtbot.waitUntil(lambda: not window.banner.isHidden())
    assert window.isVisible()
    assert not window._leaving.over
    assert canned.closed == canned.of(Train)  # saved all the same
    with qtbot.waitSignal(window.left):
        closing(window)


def test_open_doctor_ends_with_the_window(window, qtbot, monkeypatch):
    from hybridstudio import doctor
    from hybridstudio.gui import dialogs

    def examine():
        ended = doctor._child("import time; time.sleep(60)")
        yield doctor.Check("torch", "bad", f"ended with {ended.returncode}")

    monkeypatch.setattr(doctor, "examine", examine)
    dialogs.Doctor(window).show()
    qtbot.waitUntil(lambda: bool(doctor._children))
    with qtbot.waitSignal(window.left, timeout=2000):
        closing(window)


def test_leaving_that_takes_long_says_so(window, qtbot, monkeypatch):
    gate = threading.Event()

    def stuck(request):
        yield Started("stuck")
        gate.wait(5)

    window.interactive._engine = stuck
    window._leaving._watch.setInterval(50)
    window.ask(Draw(Path("x")), window.panels["denoise"])
    qtbot.wait(60)
    closing(window)
    qtbot.waitUntil(lambda: "waiting for work" in window.banner.text)
    with qtbot.waitSignal(window.left):
        gate.set()


# --- settings -------------------------------------------------------------------------------------


def test_layout_comes_back(qtbot, qapp, canned):
    sizes = []
    for width in (900, 1100):
        made = Window(engine=canned, warm_up=lambda _: iter([]))
        sizes.append(made.width())
        made.resize(min(width, 780), 500)
        made.settings.keep_layout(made, made.splitters)
        made.settings.save()
        made.close()
        made.deleteLater()
    assert sizes[1] == 780


@pytest.mark.parametrize("content", [
    b"\x00\xff garbage \xfe", b"[layout]\nversion=99\ngeometry=@ByteArray(zz)\n",
    b"[layout]\nversion=1\ngeometry=@ByteArray(zz)\nacross=7\ncolours=@Invalid()\n",
    b"[General]\nrecent=@Variant(\\0\\0)\ncolours=\\x0\n", b""])
def test_a_layout_that_is_corrupt_or_newer_is_not_used(qapp, canned, content, tmp_path):
    file = tmp_path / "window.ini"
    file.write_bytes(content)
    settings = Settings(file)
    made = Window(engine=canned, warm_up=lambda _: iter([]), settings=settings)
    assert made.isVisible() is False
    assert any(screen.availableGeometry().intersects(made.geometry())
               for screen in qapp.screens())
    assert settings.recent() == []
    made.close()
    made.deleteLater()


def test_a_window_of_a_screen_that_is_gone_comes_back(window, qtbot, qapp):
    window.setGeometry(QRect(QPoint(9000, 5000), window.size()))
    window.settings.keep_layout(window, window.splitters)
    assert window.settings.get("layout/version", 0) == LAYOUT_VERSION
    window.settings.restore_layout(window, window.splitters)
    screen = qapp.primaryScreen().availableGeometry()
    assert screen.intersected(window.frameGeometry()).width() > 200
    assert screen.intersected(window.frameGeometry()).height() > 200


def test_values_have_types(tmp_path):
    settings = Settings(tmp_path / "a.ini")
    settings.put("flag", True)
    settings.put("count", 3)
    settings.save()
    again = Settings(tmp_path / "a.ini")
    assert again.get("flag", False) is True
    assert again.get("count", 0) == 3
    assert again.get("missing", "x") == "x"
    settings.put("count", "many")
    assert settings.get("count", 5) == 5


# --- the data folder ------------------------------------------------------------------------------


def test_a_data_folder_chosen_in_the_menu_is_used_now_and_next_time(
        window, monkeypatch, tmp_path):
    monkeypatch.setenv("HYBRIDSTUDIO_DATA", "")
    next(a for a in menus.actions(window) if a.text() == "&Data folder…").trigger()
    window.findChild(QFileDialog).fileSelected.emit(str(tmp_path))
    assert paths.data_root() == tmp_path
    assert str(tmp_path) in window.banner.text
    window.findChild(QFileDialog).close()
    window.settings.save()
    monkeypatch.setenv("HYBRIDSTUDIO_DATA", "")
    assert Settings().use_data_folder() is None
    assert paths.data_root() == tmp_path


def test_a_data_folder_of_this_start_goes_first(monkeypatch, tmp_path):
    settings = Settings(tmp_path / "a.ini")
    settings.put("data", str(tmp_path))
    monkeypatch.setenv("HYBRIDSTUDIO_DATA", "named")
    assert settings.use_data_folder() is None
    assert paths.data_root() == Path("named")


def test_a_data_folder_that_is_gone_is_told(monkeypatch, tmp_path):
    settings = Settings(tmp_path / "a.ini")
    settings.put("data", str(tmp_path / "gone"))
    monkeypatch.setenv("HYBRIDSTUDIO_DATA", "")
    told = settings.use_data_folder()
    assert told is not None
    assert "gone" in told.what
    assert paths.data_root() == paths.cache() / "data"
