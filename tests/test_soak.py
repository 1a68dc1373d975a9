"""The window opened and closed again and again: nothing of it stays."""

import gc
import os
import threading
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent, QObject
from PySide6.QtWidgets import QApplication
from shiboken6 import isValid

from hybridstudio import presets, runs
from hybridstudio.gui import jobs
from hybridstudio.gui.window import Window
from hybridstudio.gui.wishes import Open
from hybridstudio.messages import Browse, Draw, Probe, Started, Train

TIMES = 10


def use(qtbot, canned):
    """Open a window, let every lane work, close it in the middle of that."""
    window = Window(engine=canned, warm_up=lambda _: iter([Started("ready", device="cpu")]))
    window.show()
    window.start()
    config = presets.find("ddpm-digits")
    request = Train(config, runs.new_path("soak"))
    window.ask(request, window.panels["setup"])
    for page, asked in (("denoise", Draw(request.out)), ("data", Browse(config.data)),
                        ("setup", Probe(config))):
        window.ask(Open(page))
        window.ask(asked, window.panels[page])
    qtbot.waitUntil(lambda: window._progress is not None)
    with qtbot.waitSignal(window.left, timeout=5000):
        window.leave()
    assert canned.closed == canned.of(Train)
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QCoreApplication.processEvents()


def counted():
    """Count what could stay: widgets, Qt objects known to Python, threads, open files."""
    gc.collect()
    files = Path("/proc/self/fd")
    return {"widgets": len(QApplication.allWidgets()),
            "objects": sum(1 for found in gc.get_objects()
                           if issubclass(type(found), QObject) and isValid(found)),
            "threads": threading.active_count(),
            "files": len(os.listdir(files)) if files.is_dir() else 0}


def test_ten_windows_opened_and_closed_leave_nothing(qtbot, canned):
    use(qtbot, canned)  # fonts, icons and such are loaded once
    before = counted()
    for _ in range(TIMES):
        use(qtbot, canned)
    after = counted()
    assert {name: after[name] - before[name] for name in after if after[name] > before[name]} == {}
    assert not jobs._running
