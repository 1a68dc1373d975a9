"""The transport of a race: play it in time or in step, slower or faster than it was measured."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.drawfields import fill
from hybridstudio.gui.theme import GRID
from hybridstudio.racing import By
from hybridstudio.telling import duration

SPEEDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
STEPS_A_SECOND = 10  # of a race in step, at speed 1
TICKS = 1000  # places of the slider
LASTS = 2.5  # seconds that a replay should last at least, unless a user wants it faster


class RaceBar(QWidget):
    """Tells the place, a step or a second, that a user or Play went to."""

    moved = Signal(float, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.play = flat("play", "Play (Space)", self.toggle)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, TICKS)
        self.slider.setAccessibleName("Place in the race")
        self.slider.setToolTip("Scrub through the race (arrow keys, Home, End)")
        self.slider.setMinimumHeight(3 * GRID)
        self.mode, self.speed = QComboBox(), QComboBox()
        fill(self.mode, [("in time", "time"), ("in step", "step")])
        self.mode.setAccessibleName("How the lanes keep together")
        self.mode.setToolTip("In time: each lane as far as it was after so many seconds by its "
                             "own clock. In step: each at the same number of steps")
        fill(self.speed, [(f"× {speed:g}", speed) for speed in SPEEDS])
        self.speed.setAccessibleName("Speed")
        self.speed.setToolTip("How fast it plays: × 1 is as it was measured")
        self.speed.setCurrentIndex(SPEEDS.index(1.0))
        self.readout = theme.say(QLabel(" "), "number")
        self._ends: dict[By, float] = {"time": 0.0, "step": 0.0}
        self._place = 0.0
        self._timer = QTimer(self, interval=33)
        self._timer.timeout.connect(self._tick)
        self._last = 0.0
        self._quiet = False
        self.slider.valueChanged.connect(self._on_value)
        self.mode.currentIndexChanged.connect(self._on_mode)
        line = QHBoxLayout()
        line.setSpacing(GRID)
        for widget, stretch in ((self.play, 0), (self.slider, 1), (self.mode, 0), (self.speed, 0)):
            line.addWidget(widget, stretch)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID, GRID // 2, GRID, GRID // 2)
        column.setSpacing(0)
        column.addLayout(line)
        words = QHBoxLayout()
        words.setContentsMargins(5 * GRID, 0, 0, 0)
        words.addWidget(self.readout)
        column.addLayout(words)
        self.set_ends(0.0, 0.0)

    @property
    def by(self) -> By:
        """How the lanes keep together."""
        return "step" if self.mode.currentData() == "step" else "time"

    @property
    def factor(self) -> float:
        """How fast it plays."""
        return float(self.speed.currentData())

    def set_ends(self, seconds: float, steps: float) -> None:
        """Tell when the last lane comes in."""
        self._ends = {"time": seconds, "step": steps}
        for widget in (self.play, self.slider):
            widget.setEnabled(seconds > 0)
        if not seconds:
            self.stop()
            self.readout.setText(" ")

    def choose_speed(self) -> None:
        """Take the highest speed, up to the measured one, at which the eye can follow."""
        fits = [speed for speed in SPEEDS if speed <= 1 and self._ends["time"] / speed >= LASTS]
        self.speed.setCurrentIndex(SPEEDS.index(max(fits, default=SPEEDS[0])))

    def go(self, place: float) -> None:
        """Go to a place."""
        end = self._ends[self.by]
        self._place = max(0.0, min(place, end))
        self._quiet = True
        self.slider.setValue(round(TICKS * self._place / end) if end else 0)
        self._quiet = False
        self._tell()

    # playing

    def toggle(self) -> None:
        """Play from here, from the beginning when at the end, or pause."""
        if self._timer.isActive():
            return self.stop()
        if self._ends[self.by]:
            if self._place >= self._ends[self.by]:
                self.go(0.0)
            self._last = time.monotonic()
            self._timer.start()
            self._show_playing(True)

    def stop(self) -> None:
        """Stop playing."""
        if self._timer.isActive():
            self._timer.stop()
            self._show_playing(False)

    def is_playing(self) -> bool:
        """Return whether it plays."""
        return self._timer.isActive()

    def hideEvent(self, event: QHideEvent) -> None:
        """Play for nobody but those who look."""
        self.stop()
        super().hideEvent(event)

    def takes(self, key: Qt.Key) -> bool:
        """Do what a key asks for; returns whether it is one of those heard here."""
        steps = {Qt.Key.Key_Left: -20, Qt.Key.Key_Right: 20, Qt.Key.Key_PageUp: -100,
                 Qt.Key.Key_PageDown: 100, Qt.Key.Key_Home: -TICKS, Qt.Key.Key_End: TICKS}
        if key in steps:
            self.slider.setValue(self.slider.value() + steps[key])
        elif key == Qt.Key.Key_Space:
            self.toggle()
        return key in steps or key == Qt.Key.Key_Space

    def _tick(self) -> None:
        now = time.monotonic()
        rate = self.factor * (STEPS_A_SECOND if self.by == "step" else 1.0)
        place, self._last = self._place + (now - self._last) * rate, now
        self.go(place)
        if place >= self._ends[self.by]:
            self.stop()

    def _on_value(self, value: int) -> None:
        if not self._quiet:
            self.stop()
            self._place = self._ends[self.by] * value / TICKS
            self._tell()

    def _on_mode(self) -> None:
        self.go(self._ends[self.by] * self.slider.value() / TICKS)

    def _tell(self) -> None:
        end = self._ends[self.by]
        if self.by == "time":
            self.readout.setText(f"{self._place:.2f} s of {end:.2f} s" if end < 100 else
                                 f"{duration(self._place)} of {duration(end)}")
        else:
            self.readout.setText(f"step {round(self._place):,} of {round(end):,}")
        self.moved.emit(self._place, self.by)

    def _show_playing(self, playing: bool) -> None:
        theme.set_icon(self.play, "pause" if playing else "play")
        says = "Pause" if playing else "Play"
        self.play.setToolTip(f"{says} (Space)")
        self.play.setAccessibleName(says)
