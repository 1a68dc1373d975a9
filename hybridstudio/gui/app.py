"""Starting the window: Qt dressed and told its manners, the window shown fast, torch loaded behind.

With HYBRIDSTUDIO_TIMING set it prints {"visible_s": ...}, the seconds from the start of the process
to the first painted window, and ends.
"""

from __future__ import annotations

import json
import locale
import os
import signal
import socket
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import get_args

from PySide6.QtCore import (
    QEvent,
    QMessageLogContext,
    QObject,
    QSocketNotifier,
    Qt,
    QTimer,
    QtMsgType,
    Signal,
    qInstallMessageHandler,
)
from PySide6.QtWidgets import QApplication

from hybridstudio import paths
from hybridstudio.errors import StudioError, translate
from hybridstudio.gui import theme
from hybridstudio.gui.garbage import Collector
from hybridstudio.gui.settings import Settings
from hybridstudio.gui.window import Window
from hybridstudio.messages import Notice


def start() -> int:
    """Open the window and stay until it is closed; returns the exit code."""
    qInstallMessageHandler(_on_qt)
    app = QApplication(sys.argv[:1])
    dress(app)
    faults = Faults(app)
    settings = Settings()
    lost = settings.use_data_folder()
    garbage = Collector(app)
    window = Window(settings=settings)
    window.warming.state_changed.connect(
        lambda state: garbage.settle() if state == "idle" else None)  # torch is loaded
    theme.apply(app, theme.mode())
    # Queued: what is told may come from any thread, and from within the painting of a widget.
    faults.told.connect(window.tell, Qt.ConnectionType.QueuedConnection)
    words = QtWords(app)
    words.told.connect(window.log.add, Qt.ConnectionType.QueuedConnection)
    window.left.connect(lambda: app.exit(0))  # quit() would ask every open dialog first
    ending = Ending(window)
    watch = _FirstPaint(window)
    window.show()
    for notice in (lost, unwritable()):
        if notice is not None:
            window.tell(notice)
    code = app.exec()
    garbage.end()
    watch.deleteLater()
    _hearing.clear()
    return ending.code or code


def dress(app: QApplication) -> None:
    """Set what every window of the studio shares: names, colours (no sheet), plain numbers."""
    locale.setlocale(locale.LC_NUMERIC, "C")  # Qt took the user's, in which 0.5 may be 0,5
    app.setApplicationName("HybridStudio")
    app.setApplicationDisplayName("")  # the title names it already
    app.setDesktopFileName("hybridstudio")
    app.setQuitOnLastWindowClosed(False)  # a hidden window may still be saving
    mode = Settings().get("colours", "system")
    theme.apply(app, mode if mode in get_args(theme.Mode) else "system",  # type: ignore[arg-type]
                sheet=False)
    app.setWindowIcon(theme.icon("logo", theme.palette().accent))


def unwritable() -> Notice | None:
    """Tell when the folder of the user's runs cannot be written."""
    folder = paths.runs()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return None
        why = "permission was denied"
    except OSError as error:
        why = translate(error).why
    return Notice(f"Runs cannot be saved in {folder}", why,
                  "start with another folder: hybridstudio --runs DIR", "error")


class Faults(QObject):
    """Exceptions that nobody caught, from slots and threads, told in the window, which lives on."""

    told = Signal(object)  # StudioError

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        sys.excepthook = self._on_exception
        threading.excepthook = lambda args: self._on_exception(
            args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)
        sys.unraisablehook = lambda args: self._on_exception(
            args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)
        self._before: tuple[str, float] = ("", 0.0)

    def _on_exception(self, kind: type[BaseException], error: BaseException,
                      where: TracebackType | None) -> None:
        told = translate(error.with_traceback(where))
        now = time.monotonic()
        # A fault in painting comes back with every frame: once a second is enough.
        if (told.what, True) == (self._before[0], now - self._before[1] < 1.0):
            return
        self._before = told.what, now
        sys.__excepthook__(kind, error, where)
        self.told.emit(told)


class Ending(QObject):
    """Lets SIGINT and SIGTERM stop, save and close; the exit code then names the signal.

    Python's own handlers run only when the interpreter gets a turn: a socket wakes Qt up for it.
    """

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self.code = 0
        self._window = window
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        signal.set_wakeup_fd(self._theirs.fileno(), warn_on_full_buffer=False)
        self._notifier = QSocketNotifier(self._ours.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._woken)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def _woken(self) -> None:
        self._ours.recv(64)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.code:  # the second time at once; the last checkpoint is safe
            os._exit(self.code)
        self.code = 128 + number
        QTimer.singleShot(0, self._window, self._window.leave)


class _FirstPaint(QObject):
    """Waits until the window has been painted, and only then lets the heavy work begin."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self._window = window
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the window's first paint event as its appearance."""
        if event.type() == QEvent.Type.Paint and watched is self._window:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self._window, self._painted)
        return False

    def _painted(self) -> None:
        if os.environ.get("HYBRIDSTUDIO_TIMING"):
            print(json.dumps({"visible_s": round(seconds_since_start(), 3)}), flush=True)
            self._window.leave()
        else:
            self._window.start()


def seconds_since_start() -> float:
    """Return how long this process has lived, by the system's own record of its start."""
    import psutil  # only for measuring: it costs time at the start

    return time.time() - psutil.Process().create_time()


# --- what Qt itself says --------------------------------------------------------------------------

_hearing: list[QtWords] = []


class QtWords(QObject):
    """Carries what Qt says, in whichever thread, to the window."""

    told = Signal(object)  # Notice

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        _hearing.append(self)


def _on_qt(kind: QtMsgType, where: QMessageLogContext, says: str) -> None:
    """Keep Qt's warnings in the log; when it cannot go on at all, say how to mend that."""
    if kind == QtMsgType.QtFatalMsg:
        print(StudioError("The window cannot open", says.strip(), REMEDY), file=sys.stderr,
              flush=True)
        os._exit(1)
    if kind == QtMsgType.QtDebugMsg or "propagateSizeHints" in says:
        return
    print(says, file=sys.stderr)
    for words in _hearing:
        words.told.emit(Notice(f"Qt: {says}"))


REMEDY = "`hybridstudio doctor` names what is missing; the command line works without a window"
