"""How far a scoring is, alone or as one of several, how long it still takes, and Cancel."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from hybridstudio import telling
from hybridstudio.gui import theme
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Event, Progress, Scored
from hybridstudio.telling import duration

_PARTS = 1000  # of the bar
MOSTLY = 0.95  # of a score's time is drawing, where it is the only one


class ScoringBar(QWidget):
    """Follows the events of a Score or Sweep; `cancelled` asks to end it."""

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs: Sequence[str] = ()
        self._done = 0
        self._share = 0.0
        self._says = ""
        self._began = 0.0
        self.words = theme.say(QLabel(), "number")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMinimumWidth(80)
        self.bar.setAccessibleName("Progress")
        self.cancel = QPushButton("Cancel")
        self.cancel.clicked.connect(self._on_cancel)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GRID, GRID // 2, GRID, GRID // 2)
        row.setSpacing(GRID)
        row.addWidget(self.words)
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)

    def begin(self, jobs: Sequence[str]) -> None:
        """Get ready for so many scores, by the words of each."""
        self._jobs, self._done, self._share = jobs, 0, 0.0
        self._began = time.monotonic()
        self.bar.setRange(0, 0)
        self.cancel.setEnabled(True)
        self._tell("getting ready")

    def on_event(self, event: Event) -> None:
        """Take what the scoring tells."""
        if isinstance(event, Scored):
            self._done = min(self._done + 1, len(self._jobs))
            self._tell(self._says)
        elif isinstance(event, Progress):
            self._take(event)

    def share(self) -> float:
        """Return how much of all is done, 0 to 1."""
        return self._share

    def _take(self, progress: Progress) -> None:
        amount = telling.bytes if progress.unit == "bytes" else "{:,.0f}".format
        says = amount(progress.step)
        if progress.total:
            says += f" of {amount(progress.total)}"
        if progress.unit != "bytes":
            says += f" {progress.unit}"
        left = progress.left
        if progress.unit == "pictures" and progress.total:  # drawing: most of the time
            share = progress.step / progress.total  # a sweep's is of all its pictures
            if len(self._jobs) == 1:
                share *= MOSTLY
                left = (time.monotonic() - self._began) * (1 - share) / share if share else None
            self._share = max(self._share, share)
            self._show_share()
        self._tell(says + ("" if left is None else f"  ·  {duration(round(left))} left"))

    def _show_share(self) -> None:
        self.bar.setRange(0, _PARTS)
        self.bar.setValue(round(_PARTS * min(1.0, self._share)))

    def _tell(self, says: str) -> None:
        self._says = says
        place = min(self._done, len(self._jobs) - 1)
        what = self._jobs[place] if self._jobs else "Scoring"
        count = f"{place + 1} of {len(self._jobs)}: " if len(self._jobs) > 1 else ""
        self.words.setText(f"{count}{what}" + (f"  ·  {says}" if says else ""))

    def _on_cancel(self) -> None:
        self.cancel.setEnabled(False)
        self.cancelled.emit()
