"""Files written in a thread, so that a long animation stalls nothing and can be cancelled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QCoreApplication, QObject, QThread, Signal

from hybridstudio.errors import StudioError, translate

Item = TypeVar("Item")
Work = Callable[[Callable[[], None]], None]  # writes, and asks again and again whether to go on


class Cancelled(Exception):
    """The user does not want the file any more."""


class Writer(QThread):
    """Does one piece of writing, `work(check)`; `check()` raises where it was cancelled.

    `written` tells that all is well, `failed` a StudioError; a cancelled one tells neither. The
    program waits for it before it ends.
    """

    written = Signal()
    failed = Signal(object)

    def __init__(self, work: Work, parent: QObject) -> None:
        super().__init__(parent)
        self.setObjectName("Writer")
        self._work = work
        self._outcome: StudioError | None = None
        self._is_done = False
        self.finished.connect(self._tell)
        self._is_unwanted = False
        parent.destroyed.connect(self.end)
        if (app := QCoreApplication.instance()) is not None:
            app.aboutToQuit.connect(self.end)

    def check(self) -> None:
        """Raise Cancelled if the file is not wanted any more."""
        if self._is_unwanted:
            raise Cancelled

    def cancel(self) -> None:
        """Give the file up, begun or not; `finished` tells when its part has been removed."""
        self._is_unwanted = True

    def end(self) -> None:
        """Give the file up and wait, as only the end of the program or of the parent does."""
        self.cancel()
        self.wait()

    def run(self) -> None:
        """Do the work; what is raised is told, never lost."""
        try:
            self.check()
            self._work(self.check)
            self._is_done = True
        except Cancelled:
            pass
        except Exception as error:  # what leaves run() is only printed
            self._outcome = translate(error)

    def _tell(self) -> None:
        if self._outcome is not None:
            self.failed.emit(self._outcome)
        elif self._is_done:
            self.written.emit()
