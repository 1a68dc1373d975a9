"""What every test gets: no screen, one torch thread, folders of its own, nothing left behind."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path

# Before anything loads Qt, torch or numpy.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
import pytest  # noqa: E402

import hybridstudio  # noqa: E402
from hybridstudio import paths, presets, runs  # noqa: E402
from hybridstudio.errors import StudioError  # noqa: E402
from hybridstudio.messages import (  # noqa: E402
    Done,
    Preview,
    Progress,
    Resume,
    Saved,
    Started,
    Train,
)

GUI_FIXTURES = {"qtbot", "qapp"}

# Their asserts show both sides, as those of the tests do.
pytest.register_assert_rewrite("cliplays", "savedruns")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if GUI_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.qt_log_level_fail("WARNING"))
            item.add_marker(pytest.mark.qt_log_ignore("This plugin does not support"))


@pytest.fixture(scope="session", autouse=True)
def nothing_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what serves a whole file of tests out of the user's folders too."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("RUNS", "CACHE", "SETTINGS"):
            patch.setenv(f"HYBRIDSTUDIO_{name}", str(tmp_path_factory.getbasetemp() / name))
        yield


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUNS", "CACHE", "SETTINGS"):
        monkeypatch.setenv(f"HYBRIDSTUDIO_{name}", str(tmp_path / "home" / name.lower()))


@pytest.fixture(autouse=True)
def garbage_is_collected_here() -> Iterator[None]:
    """Let no thread of the engine's destroy what a test of the window left behind, as in the app.

    All that lives is gone through now and then, which takes long in a session of thousands.
    """
    global _tests
    gc.disable()
    yield
    _tests += 1
    gc.collect(2 if _tests % WHOLE == 0 else 1)


_tests, WHOLE = 0, 50  # tests so far, and from one whole collection to the next


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for no disk: what tests save need not outlive the machine."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a folder beside the cache, not around it."""
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test of the window that leaves a thread running or a timer ticking."""
    if not GUI_FIXTURES.intersection(request.fixturenames):
        yield
        return
    request.getfixturevalue("qapp")
    yield
    left = _left_behind()
    assert not left, f"left behind: {', '.join(left)}"


def _left_behind() -> list[str]:
    from PySide6.QtCore import QCoreApplication, QEvent, QObject, QThread, QTimer
    from shiboken6 import isValid

    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.processEvents()
    left = []
    for found in gc.get_objects():
        # Of the type, as asking an object of torch's for its class may warn.
        if not issubclass(type(found), QObject) or not isValid(found):
            continue
        if isinstance(found, QThread) and found.isRunning() and found != QThread.currentThread():
            left.append(f"thread {found.objectName() or found}")
        elif isinstance(found, QTimer) and found.isActive():
            left.append(f"timer of {found.parent()}")
    return left


# --- the command line over a played engine --------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every folder of the user inside the test's own, which is also the current one."""
    for name in ("RUNS", "CACHE", "SETTINGS", "DATA"):
        monkeypatch.setenv(f"HYBRIDSTUDIO_{name}", str(tmp_path / name.lower()))
    monkeypatch.delenv("HYBRIDSTUDIO_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch):
    """Stand in for the engine: `play(work)` makes each request a call of the generator `work`."""

    def install(work):
        asked = []

        def run(request):
            asked.append(request)
            return work(request)

        fake = types.SimpleNamespace(run=run)
        monkeypatch.setattr(hybridstudio, "engine", fake, raising=False)
        monkeypatch.setitem(sys.modules, "hybridstudio.engine", fake)
        return asked

    return install


@pytest.fixture
def run_folder(home: Path) -> Path:
    from cliplays import CONFIG

    folder = home / "runs" / "tiny"
    runs.create(folder, CONFIG)
    return folder


# --- the window over a canned engine --------------------------------------------------------------


class Canned:
    """An engine that trains until it is stopped, and answers everything else at once."""

    def __init__(self) -> None:
        self.requests: list[object] = []
        self.closed: list[object] = []
        self.fail_on_close = False
        self.threads: set[int] = set()

    def __call__(self, request):
        self.requests.append(request)
        self.threads.add(threading.get_ident())
        if isinstance(request, (Train, Resume)):
            return self._train(request)
        return iter([Started("drawing"), Done("finished")])

    def _train(self, request):
        out = request.out if isinstance(request, Train) else request.run
        total = 400
        try:
            if isinstance(request, Train):
                runs.create(out, request.config)
            yield Started(out.name, out, "cpu, 1 thread, fp32")
            yield Preview(0, np.zeros((4, 8, 8, 1), np.uint8))
            for step in range(1, total + 1):
                time.sleep(0.004)
                yield Progress(step, total, values={"loss": 1 / step}, rate=50.0, left=3.0,
                               memory=10**8)
                if "save" in runs.taken(out):
                    yield Saved(step, out)
            yield Done("finished")
        finally:
            self.closed.append(request)
            if self.fail_on_close:
                raise StudioError("The disk is full", "no space", "free some")

    def of(self, kind):
        return [request for request in self.requests if isinstance(request, kind)]


@pytest.fixture
def canned():
    return Canned()


@pytest.fixture
def window(qtbot, qapp, canned):
    from hybridstudio.gui import theme
    from hybridstudio.gui.window import Window

    theme.apply(qapp, "light")
    made = Window(engine=canned, warm_up=lambda _: iter([Started("ready", device="cpu")]))
    made.show()
    made.start()
    qtbot.waitExposed(made)
    yield made
    canned.fail_on_close = False
    if not made._leaving.over:
        made.leave()
        qtbot.waitUntil(lambda: made._leaving.over, timeout=5000)
    made.close()
    made.deleteLater()


@pytest.fixture
def run():
    """A run that trained 300 of 400 steps and then broke off."""
    from hybridstudio.gui.cannedrun import write_run

    path = paths.runs() / "digits-1"
    write_run(path, steps=300, total=400, previews=2)
    return path


@pytest.fixture
def begin(window, qtbot):
    """Begin a training in the window; returns its folder."""
    def begun(name: str = "my-run") -> Path:
        request = Train(presets.find("ddpm-digits"), runs.new_path(name))
        window.ask(request, window.panels["setup"])
        qtbot.waitUntil(lambda: window._progress is not None)
        return request.out

    return begun
