"""The line along the bottom: machine, speed, memory, time left, and the button of the log."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QStatusBar, QToolButton, QWidget

from hybridstudio.gui import theme
from hybridstudio.messages import Event, Progress, Started


def duration(seconds: float) -> str:
    """Say a time in the two largest units that matter: 45 s, 3 min 20 s, 2 h 5 min, 3 d 4 h."""
    whole = max(0, round(seconds))
    for size, name, below, small in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"),
                                     (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {name}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"


def memory(size: int) -> str:
    """Say an amount of memory: 640 MB, 1.2 GB."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


class StatusBar(QStatusBar):
    """What the machine does now, in one line; `batch` turns steps a second into images a second."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self._machine, self._work = (theme.say(QLabel(), "muted") for _ in range(2))
        self._machine.setAccessibleName("Machine")
        self._work.setAccessibleName("Work")
        self.log_button = QToolButton()
        self.log_button.setCheckable(True)
        self.log_button.setAccessibleName("Log")
        self.log_button.setToolTip("Show or hide the log (Ctrl+J)")
        self.log_button.setToolButtonStyle(theme.BESIDE)
        theme.set_icon(self.log_button, "up")
        self.count_unread(0)
        self.addWidget(self._machine)
        self.addWidget(self._work, 1)
        self.addPermanentWidget(self.log_button)
        self.machine("starting")

    def machine(self, says: str) -> None:
        """Show the device, its threads and its precision."""
        self._machine.setText(f"  {says}")

    def count_unread(self, count: int) -> None:
        """Show how many warnings the log holds that were not looked at."""
        self.log_button.setText(f"log ({count})" if count else "log")

    def on_event(self, event: Event, batch: int = 0) -> None:
        """Take an event of a training or of other work."""
        if isinstance(event, Started):
            self.machine(event.device)
            self._work.setText("")
        elif isinstance(event, Progress):
            self._work.setText("· " + " · ".join(_told(event, batch)))

    def rest(self, says: str = "") -> None:
        """Show that nothing runs."""
        self._work.setText(f"· {says}" if says else "")


def _told(event: Progress, batch: int) -> list[str]:
    of = f"{event.step:,} of {event.total:,} {event.unit}" if event.total else (
        f"{event.step:,} {event.unit}")
    parts = [of]
    if event.rate and event.unit == "steps" and batch:
        parts.append(f"{event.rate * batch:,.0f} images/s")
    elif event.rate:
        parts.append(f"{event.rate:,.3g} {event.unit}/s")
    if event.memory:
        parts.append(memory(event.memory))
    if event.left is not None:
        parts.append(f"{duration(event.left)} left")
    return parts
