"""Closing the window at any moment: nothing is lost, no thread is cut off, the exit code is 0.

While a training runs the user chooses: stop and save, keep running in a process of its own, or
cancel. Then the window hides, its lanes end, and only when all have ended the program does.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

import hybridstudio
from hybridstudio import commands, runs
from hybridstudio.errors import StudioError, translate
from hybridstudio.gui.jobs import Lane
from hybridstudio.messages import Notice, Resume, Train

EVERY = 20  # ms between looks whether all has ended
PATIENCE = 20_000  # ms after which a window that cannot end says so

_children: list[subprocess.Popen[bytes]] = []  # kept, so that Python does not warn of them


class Leaving(QObject):
    """Ends the lanes when the window is to be closed; `left` tells that nothing runs any more."""

    left = Signal()
    stuck = Signal(object)  # Notice
    failed = Signal(object)  # StudioError: the training could not be handed on

    def __init__(self, window: QWidget, training: Lane) -> None:
        super().__init__(window)
        self._window, self._training = window, training
        self._request: Any = None  # the training that goes on in a process of its own
        self.under_way = self.over = False
        self.question: QMessageBox | None = None
        self._watch = QTimer(self, singleShot=True, interval=PATIENCE)
        self._watch.timeout.connect(self._tell_stuck)
        self._looks = QTimer(self, interval=EVERY)
        self._looks.timeout.connect(self._check)
        training.failed.connect(self._stay)

    def wanted(self, run: str) -> bool:
        """Close the window if nothing runs, else begin to; returns whether it may close now."""
        if self.over:
            return True
        if self.under_way:
            return False
        if self._training.busy and self._training.state != "stopping":
            self._ask(run)
            return False
        self.leave()
        return self.over

    def leave(self, keep: bool = False) -> None:
        """End all work and then the program; `keep` goes on with the training elsewhere."""
        if self.under_way:
            return
        self.under_way = True
        self._request = self._training.request if keep and self._training.busy else None
        for lane in self._busy():
            lane.stop()
        if self._busy():
            self._window.hide()
            self._watch.start()
            self._looks.start()
        else:
            self._check()

    def _busy(self) -> list[Lane]:
        """Return the lanes that still work, those of open dialogs included."""
        return [lane for lane in self._window.findChildren(Lane) if lane.busy]

    def _ask(self, run: str) -> None:
        if self.question is not None:
            self.question.raise_()
            self.question.activateWindow()
            return
        box = QMessageBox(self._window)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle("HybridStudio")
        box.setText(f"{run} is training.")
        box.setInformativeText("What has been learned so far is saved whichever way you leave. "
                               "A training that keeps running is found here again next time.")
        role = QMessageBox.ButtonRole
        stop = box.addButton("Stop and save", role.AcceptRole)
        keep = box.addButton("Keep running in its own process", role.ActionRole)
        cancel = box.addButton("Cancel", role.RejectRole)
        box.setDefaultButton(stop)
        box.setEscapeButton(cancel)
        stop.clicked.connect(lambda: self.leave())
        keep.clicked.connect(lambda: self.leave(keep=True))
        box.finished.connect(self._answered)
        self.question = box
        box.open()  # the training, and its curves, go on behind the question

    def _answered(self) -> None:
        self.question = None

    def _check(self) -> None:
        if not self.under_way or self.over or self._busy():
            return
        self._rest()
        if self._request is not None:
            try:
                keep_running(self._request)
            except (OSError, StudioError) as error:
                self._stay(error)
                self.failed.emit(translate(error))
                return
        self.over = True
        self.left.emit()

    def _stay(self, _error: Exception) -> None:
        """Come back when the last save failed: the window shows why, and may be closed again."""
        if self.under_way:
            self.under_way, self._request = False, None
            self._rest()
            self._window.show()

    def _rest(self) -> None:
        self._watch.stop()
        self._looks.stop()

    def _tell_stuck(self) -> None:
        self._window.show()
        names = ", ".join(lane.objectName() for lane in self._busy())
        self.stuck.emit(Notice(
            "The program is still waiting for work to end", f"busy: {names}",
            "leaving now loses what was done since the last checkpoint", "warning"))


def keep_running(request: Train | Resume) -> None:
    """Go on with a training in a process of its own, which outlives this one.

    What it prints goes to log.txt in the run's folder. Raises OSError or StudioError.
    """
    run = request.out if isinstance(request, Train) else request.run
    if isinstance(request, Train) and (run / "run.toml").exists():
        # A checkpoint knows what is left of the budget; given anew, it would begin again.
        budget = None if runs.read(run).checkpoints else request.budget
        request = Resume(run, request.steps, budget, request.device, request.data_root)
    words = commands.words_of(request)[1:]
    if not words:
        raise StudioError(f"{run.name} cannot go on in a process of its own",
                          "no command line says what it does", "resume it from the library")
    detached: dict[str, Any] = {"start_new_session": True}
    if os.name == "nt":
        detached = {"creationflags": 0x00000208}  # DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP
    run.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ)
    package = str(Path(hybridstudio.__file__).resolve().parent.parent)
    environment["PYTHONPATH"] = os.pathsep.join(
        part for part in (package, environment.get("PYTHONPATH", "")) if part)
    with contextlib.ExitStack() as files:
        log = files.enter_context((run / "log.txt").open("ab"))
        _children.append(subprocess.Popen(
            [sys.executable, "-m", "hybridstudio", *words], stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, env=environment, **detached))
