"""A bar over the canvas while data is read or downloaded, with Cancel."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from hybridstudio import telling
from hybridstudio.gui import theme
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Progress

PATIENCE = 300  # ms; what is quicker shows no bar


class LoadingBar(QWidget):
    """Says what is done, how far it is, how fast and how long still; `cancelled` asks to end it."""

    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._what = ""
        self.words = theme.say(QLabel(), "number")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress")
        self.cancel = QPushButton("Cancel")
        self.cancel.clicked.connect(self._on_cancel)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GRID, GRID // 2, GRID, GRID // 2)
        row.setSpacing(GRID)
        row.addWidget(self.words)
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(PATIENCE)
        self._patience.timeout.connect(self.show)
        self.hide()

    def begin(self, what: str) -> None:
        """Get ready; the bar appears unless all is over quickly."""
        self._what = what
        self.words.setText(f"{what}…")
        self.bar.setRange(0, 0)
        self.cancel.setEnabled(True)
        self._patience.start()

    def show_progress(self, progress: Progress) -> None:
        """Show how far it is."""
        amount = telling.bytes if progress.unit == "bytes" else lambda number: f"{number:,.0f}"
        parts = [f"{self._what}: {amount(progress.step)}"]
        if progress.total:
            self.bar.setRange(0, 1000)
            self.bar.setValue(round(1000 * min(1.0, progress.step / progress.total)))
            parts[0] += f" of {amount(progress.total)}"
        else:
            self.bar.setRange(0, 0)
        parts[0] += f" {progress.unit}" if progress.unit != "bytes" else ""
        if progress.rate:
            parts.append(f"{amount(progress.rate)}/s")
        if progress.left is not None:
            parts.append(f"{telling.duration(progress.left)} left")
        self.words.setText("  ·  ".join(parts))

    def end(self) -> None:
        """Take the bar away."""
        self._patience.stop()
        self.hide()

    def _on_cancel(self) -> None:
        self.cancel.setEnabled(False)
        self.cancelled.emit()
