"""Looking for new checkpoints of a run that trains, while a widget is seen."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QWidget

from hybridstudio import runs
from hybridstudio.errors import StudioError
from hybridstudio.runs import Run

EVERY = 1500  # ms between two looks


class CheckpointWatch(QTimer):
    """`changed` tells that a run has other checkpoints, or another state, than when last shown."""

    changed = Signal()

    def __init__(self, seen: QWidget) -> None:
        super().__init__(seen, interval=EVERY)
        self._seen = seen
        self._run: Run | None = None
        self.timeout.connect(self.look)

    def watch(self, run: Run | None) -> None:
        """Look after a run as it is shown now; after none that does not train."""
        self._run = run
        if run is not None and run.state == "training" and self._seen.isVisible():
            self.start()
        else:
            self.stop()

    def look(self) -> None:
        """Tell whether there is something new."""
        before = self._run
        if before is None:
            return
        try:
            now = runs.read(before.path)
        except StudioError:
            return  # moved away or being written: the last reading still shows
        if (now.checkpoints, now.state) != (before.checkpoints, before.state):
            self.changed.emit()
