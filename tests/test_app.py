"""Starting and ending the program: displays, faulty Qt, uncaught exceptions, signals."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import hybridstudio
from hybridstudio import __main__ as program
from hybridstudio import doctor, paths
from hybridstudio.errors import StudioError

ROOT = Path(hybridstudio.__file__).parent.parent


def start(*words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "hybridstudio", *words], cwd=ROOT, text=True,
        env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize(("words", "folders"), [
    ([], {}), (["--runs", "/a b"], {"--runs": "/a b"}), (["--runs=/c"], {"--runs": "/c"}),
    (["--data-root", "d=e", "--runs=c"], {"--data-root": "d=e", "--runs": "c"}),
    (["runs"], None), (["--runs", "/a", "runs"], None), (["--runs"], None), (["--runs="], None),
    (["--help"], None), (["train", "ddpm-digits"], None), (["train", "--data-root", "d"], None)])
def test_the_window_opens_only_without_a_command(words, folders):
    assert program.window_folders(words) == folders


def test_folders_named_at_the_start_are_used(monkeypatch, tmp_path):
    monkeypatch.setattr(program, "window", lambda: 0)
    monkeypatch.setenv("HYBRIDSTUDIO_DATA", "before")
    assert program.main(["--runs", str(tmp_path / "r"), f"--data-root={tmp_path / 'd'}"]) == 0
    assert (paths.runs(), paths.data_root()) == (tmp_path / "r", tmp_path / "d")


def test_a_command_goes_to_the_command_line(capsys):
    assert program.main(["presets"]) == 0
    assert "ddpm-digits" in capsys.readouterr().out


@pytest.mark.parametrize(("platform", "display", "found"), [
    ("", "", False), ("xcb", "", False), ("wayland;xcb", "", False), ("offscreen", "", True),
    ("", ":0", True)])
def test_displays(monkeypatch, platform, display, found):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("QT_QPA_PLATFORM", platform)
    monkeypatch.setenv("DISPLAY", display)
    assert program.has_display() is found


def test_no_display_names_the_command_line(monkeypatch, capsys):
    monkeypatch.setattr(program, "has_display", lambda: False)
    assert program.main([]) == 1
    assert "hybridstudio --help" in capsys.readouterr().err


def test_a_faulty_pyside_is_refused_with_the_remedy(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "version", lambda package: "6.11.1")
    assert program.main([]) == 1
    assert "hybridstudio doctor" in capsys.readouterr().err


def test_missing_libraries_of_qt_are_told(monkeypatch, capsys):
    # A name set to None in sys.modules cannot be imported: as when a shared library is missing.
    monkeypatch.setitem(sys.modules, "hybridstudio.gui.app", None)
    monkeypatch.setattr("hybridstudio.gui.app", None, raising=False)
    monkeypatch.delattr("hybridstudio.gui.app", raising=False)
    assert program.main([]) == 1
    assert "doctor" in capsys.readouterr().err


def test_a_display_that_does_not_answer_is_told(tmp_path):
    with start(QT_QPA_PLATFORM="xcb", DISPLAY=":987") as process:
        _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "The window cannot open" in told
    assert "doctor" in told


def test_the_window_tells_when_it_was_visible(tmp_path):
    with start(HYBRIDSTUDIO_TIMING="1") as process:
        out, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert 0 < json.loads(out)["visible_s"] < 30


def test_sigterm_closes_the_window(tmp_path):
    with start("--runs", str(tmp_path / "mine")) as process:
        until = time.monotonic() + 30
        while not (tmp_path / "mine").is_dir() and time.monotonic() < until:
            time.sleep(0.05)  # the folder is made just before the loop of events begins
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in told
    assert "QThread" not in told


@pytest.fixture
def faults(qapp):
    from hybridstudio.gui.app import Faults

    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    made = Faults(qapp)
    yield made
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    made.deleteLater()


def test_an_exception_that_nobody_caught_is_told_with_its_traceback(faults, qtbot, capsys):
    told = []
    faults.told.connect(told.append)

    def work():
        raise ValueError("a broken slot")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: bool(told))
    assert isinstance(told[0], StudioError)
    assert "a broken slot" in told[0].what
    assert "in work" in told[0].detail


def test_the_same_fault_is_told_once_a_second(faults, qtbot, capsys):
    told = []
    faults.told.connect(told.append)
    for _ in range(100):
        try:
            raise ValueError("while painting")
        except ValueError as error:
            sys.excepthook(ValueError, error, error.__traceback__)
    qtbot.wait(10)
    assert len(told) == 1


def test_what_qt_says_in_a_thread_is_told_in_the_windows_own(qapp, qtbot, capsys):
    from PySide6.QtCore import QObject, Qt, QtMsgType, Slot

    from hybridstudio.gui import app

    class Hearer(QObject):
        heard: list[tuple[str, int]] = []  # noqa: RUF012

        @Slot(object)
        def hear(self, notice):
            self.heard.append((notice.what, threading.get_ident()))

    words, hearer = app.QtWords(qapp), Hearer()
    words.told.connect(hearer.hear, Qt.ConnectionType.QueuedConnection)
    thread = threading.Thread(
        target=app._on_qt, args=(QtMsgType.QtWarningMsg, None, "a pixmap outside the GUI thread"))
    thread.start()
    thread.join()
    app._on_qt(QtMsgType.QtWarningMsg, None, "while painting")
    assert hearer.heard == []
    qtbot.waitUntil(lambda: len(hearer.heard) == 2)
    assert hearer.heard == [("Qt: a pixmap outside the GUI thread", threading.get_ident()),
                            ("Qt: while painting", threading.get_ident())]
    app._hearing.clear()
    words.deleteLater()


CLOSED_WHILE_THE_DOCTOR_EXAMINES = """
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from hybridstudio import doctor
from hybridstudio.gui import app, dialogs, window

def examine():
    doctor._child("import time; time.sleep(60)")
    yield doctor.Check("never", "ok", "told")

def close(window):
    if doctor._children:
        window.close()
    else:
        QTimer.singleShot(20, window, lambda: close(window))

def open_doctor(self):
    dialogs.Doctor(self).show()
    close(self)

doctor.examine = examine
window.Window.start = open_doctor
raise SystemExit(app.start())
"""


def test_the_window_closes_while_the_doctor_examines():
    began = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", CLOSED_WHILE_THE_DOCTOR_EXAMINES], cwd=ROOT,
                           capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr.replace(
        "This plugin does not support propagateSizeHints()", "").strip()) == (0, "")
    assert time.monotonic() - began < 30


def test_a_folder_for_runs_that_cannot_be_made_is_told(monkeypatch, tmp_path):
    from hybridstudio.gui.app import unwritable

    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HYBRIDSTUDIO_RUNS", str(tmp_path / "file" / "runs"))
    told = unwritable()
    assert told is not None
    assert "--runs DIR" in told.fix
    monkeypatch.setenv("HYBRIDSTUDIO_RUNS", str(tmp_path / "free"))
    assert unwritable() is None


def test_numbers_keep_their_point_in_a_comma_locale(qapp):
    import locale

    from hybridstudio.gui.app import dress

    dress(qapp)
    assert locale.localeconv()["decimal_point"] == "."
    assert float(f"{0.5:n}") == 0.5
