"""The transport under a walk: play, a slider over its frames, how many a second."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.theme import GRID

SPEEDS = (5, 10, 15, 30, 60)  # frames a second
USUAL = 30


class WalkBar(QWidget):
    """`moved` tells the frame that a user or Play went to; `has(frame)` whether it is there."""

    moved = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.loops = True
        self._there: list[bool] = []
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Frame of the walk")
        self.slider.setToolTip("Scrub through the walk (arrow keys, wheel, Home, End)")
        self.slider.valueChanged.connect(self.moved)
        self.back = flat("step-back", "One frame back (←)", lambda: self.step(-1))
        self.play = flat("play", "Play (Space)", self.toggle)
        self.forward = flat("step-forward", "One frame on (→)", lambda: self.step(1))
        self.speed = QComboBox()
        self.speed.setAccessibleName("Frames a second")
        self.speed.setToolTip(f"Frames a second while playing ({USUAL})")
        for rate in SPEEDS:
            self.speed.addItem(f"{rate} / s", rate)
        self.speed.setCurrentIndex(SPEEDS.index(USUAL))
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(self.interval)
        self._timer.timeout.connect(self._next)
        self.speed.currentIndexChanged.connect(
            lambda _place: self._timer.setInterval(self.interval))
        self.words = QHBoxLayout()
        self.words.setSpacing(GRID)
        self.says = theme.say(QLabel(), "muted")
        row = QHBoxLayout()
        row.setSpacing(0)
        for button in (self.back, self.play, self.forward):
            row.addWidget(button)
        row.addSpacing(GRID)
        row.addWidget(self.slider, 1)
        row.addSpacing(GRID)
        row.addWidget(self.speed)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID, GRID // 2, GRID, GRID // 2)
        column.setSpacing(0)
        column.addLayout(row)
        column.addLayout(self.words)

    @property
    def interval(self) -> int:
        """Milliseconds that a frame stays."""
        return max(1, round(1000 / self.speed.currentData()))

    def show_interval(self, ms: int) -> None:
        """Choose the speed at which a frame stays most nearly so many milliseconds."""
        near = min(range(len(SPEEDS)), key=lambda place: abs(1000 / SPEEDS[place] - ms))
        self.speed.setCurrentIndex(near)

    def show_frames(self, there: list[bool]) -> None:
        """Say which frames there are by now."""
        self._there = there
        with QSignalBlocker(self.slider):
            self.slider.setMaximum(max(0, len(there) - 1))
        done = sum(there)
        self.says.setText(f"drawn {done:,} of {len(there):,}" if done < len(there) else
                          f"{len(there):,} frames")

    def step(self, by: int) -> None:
        """Go some frames back or on, as a user does."""
        self.stop()
        self.slider.setValue(self.slider.value() + by)

    def takes(self, key: Qt.Key) -> bool:
        """Do what a key asks for; returns whether it is one of those heard here."""
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Home: -1_000_000,
                 Qt.Key.Key_End: 1_000_000, Qt.Key.Key_PageUp: -10, Qt.Key.Key_PageDown: 10}
        if key in steps:
            self.step(steps[key])
        elif key == Qt.Key.Key_Space:
            self.toggle()
        return key in steps or key == Qt.Key.Key_Space

    def toggle(self) -> None:
        """Play from here, from the beginning when at the end, or pause."""
        if self._timer.isActive():
            return self.stop()
        if self.slider.maximum() > 0:
            if self.slider.value() >= self.slider.maximum():
                self.slider.setValue(0)
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

    def _next(self) -> None:
        """Go to the next frame once it is there."""
        place, last = self.slider.value() + 1, self.slider.maximum()
        if place > last:
            if not self.loops:
                return self.stop()
            place = 0
        if place < len(self._there) and self._there[place]:
            self.slider.setValue(place)

    def _show_playing(self, playing: bool) -> None:
        theme.set_icon(self.play, "pause" if playing else "play")
        says = "Pause" if playing else "Play"
        self.play.setToolTip(f"{says} (Space)")
        self.play.setAccessibleName(says)
