"""The line along the bottom: machine, speed, memory, time left, and the button of the log."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QStatusBar, QToolButton, QWidget

from hybridstudio import telling
from hybridstudio.gui import theme
from hybridstudio.messages import Event, Progress, Started
from hybridstudio.telling import duration, number


class StatusBar(QStatusBar):
    """What the machine does now, in one line; `batch` turns steps a second into pictures."""

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
            if event.device:
                self.machine(event.device)
            self._work.setText("")
        elif isinstance(event, Progress):
            self._work.setText("· " + " · ".join(_told(event, batch)))

    def rest(self, says: str = "") -> None:
        """Show that nothing runs."""
        self._work.setText(f"· {says}" if says else "")


def _told(event: Progress, batch: int) -> list[str]:
    says = telling.bytes if event.unit == "bytes" else "{:,.0f}".format
    unit = "" if event.unit == "bytes" else f" {event.unit}"
    parts = [says(event.step) + (f" of {says(event.total)}" if event.total else "") + unit]
    if event.rate and event.unit == "steps":
        parts.append(f"{number(event.rate * batch)} pictures/s" if batch else
                     f"{number(event.rate)} steps/s")
    elif event.rate:
        parts.append(f"{says(event.rate)}{unit}/s")
    if event.memory:
        parts.append(telling.bytes(event.memory))
    if event.left is not None:
        parts.append(f"{duration(round(event.left))} left")
    return parts
