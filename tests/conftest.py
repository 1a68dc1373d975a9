"""What every test gets: no screen, one torch thread, folders of its own, nothing left behind."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before anything loads Qt or torch.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

GUI_FIXTURES = {"qtbot", "qapp"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if GUI_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.qt_log_level_fail("WARNING"))
            item.add_marker(pytest.mark.qt_log_ignore("propagateSizeHints"))


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUNS", "CACHE", "SETTINGS"):
        monkeypatch.setenv(f"HYBRIDSTUDIO_{name}", str(tmp_path / "home" / name.lower()))


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
        if not isinstance(found, QObject) or not isValid(found):
            continue
        if isinstance(found, QThread) and found.isRunning() and found != QThread.currentThread():
            left.append(f"thread {found.objectName() or found}")
        elif isinstance(found, QTimer) and found.isActive():
            left.append(f"timer of {found.parent()}")
    return left
