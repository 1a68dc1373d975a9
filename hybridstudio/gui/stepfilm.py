"""Going through the checkpoints of a run: how what is shown looked while it was being learned."""

from __future__ import annotations

from collections.abc import Hashable

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.stepstrip import SMALL, StepStrip
from hybridstudio.gui.strip import SIDE
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Images, Step

ROOM, ROOMY = 480, 720  # points that a page is high for the strip, and for large thumbnails
EVERY = 500  # ms between two checkpoints while playing, at least


class StepFilm(QWidget):
    """Checkpoints in a row with Play; `chosen` tells a step, None is the newest.

    A strip of what was drawn with them, or a slider where the page is too low for pictures. Play
    waits at each checkpoint until `drawn` says that it was drawn. Other words stand below in
    `words`.
    """

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._steps: tuple[int, ...] = ()
        self._is_drawn = True
        self.strip = StepStrip()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Checkpoint")
        self.slider.setToolTip("The same codes at other moments of the training")
        self.slider.valueChanged.connect(self._on_moved)
        self.strip.chosen.connect(self.slider.setValue)
        self.play = flat("play", "Play through the training", self.toggle)
        self.says = theme.say(QLabel(), "number")
        self._timer = QTimer(self, interval=EVERY)
        self._timer.timeout.connect(self._next)
        self._row = QWidget()
        row = QHBoxLayout(self._row)
        row.setContentsMargins(0, 0, 0, 0)
        for widget, stretch in ((self.play, 0), (self.strip, 1), (self.slider, 1), (self.says, 0)):
            row.addWidget(widget, stretch)
        self.words = QHBoxLayout()
        self.words.setSpacing(GRID)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID, 0, GRID, 0)
        column.setSpacing(0)
        column.addWidget(self._row)
        column.addLayout(self.words)
        self.fit(0)
        self.show_steps((), None)

    def show_steps(self, steps: tuple[int, ...], step: int | None) -> None:
        """Offer checkpoints; the last place is the newest, whichever that is."""
        self._steps = steps
        with QSignalBlocker(self.slider):
            self.slider.setMaximum(max(0, len(steps) - 1))
        self.strip.show_steps(steps)
        self._row.setVisible(len(steps) > 1)
        if len(steps) < 2:
            self.stop()
        self.show_step(step)

    def show_step(self, step: int | None) -> None:
        """Show which checkpoint draws, without telling."""
        place = self._steps.index(step) if step in self._steps else len(self._steps) - 1
        with QSignalBlocker(self.slider):
            self.slider.setValue(max(0, place))
        self.strip.show_place(place)
        self.says.setText(f"step {self._steps[place]:,}" if self._steps else "")

    def fit(self, height: int) -> None:
        """Show the strip as a page of so many points has room for it, or the slider."""
        self.strip.set_side(SIDE if height >= ROOMY else SMALL)
        self.strip.setVisible(height >= ROOM)
        self.slider.setVisible(height < ROOM)

    def drawn(self, step: Step, images: Images | None = None, key: Hashable = None) -> None:
        """Take note that what is shown was drawn with a checkpoint.

        A sheet (N, H, W, C) that is given is kept in the strip; `key` is that of its codes.
        """
        self._is_drawn = step == self._chosen()
        if images is not None and self._steps:
            self.strip.keep(step if isinstance(step, int) else self._steps[-1], images, key)

    def toggle(self) -> None:
        """Play from the beginning when at the end, or pause."""
        if self._timer.isActive():
            self.stop()
            return
        self._timer.start()
        theme.set_icon(self.play, "pause")
        if self.slider.value() == self.slider.maximum():
            self.slider.setValue(0)

    def stop(self) -> None:
        """Stop playing."""
        self._timer.stop()
        theme.set_icon(self.play, "play")

    def hideEvent(self, event: QHideEvent) -> None:
        """Play for nobody but those who look."""
        self.stop()
        super().hideEvent(event)

    def _chosen(self) -> int | None:
        place = self.slider.value()
        return None if place >= len(self._steps) - 1 else self._steps[place]

    def _on_moved(self, place: int) -> None:
        self._is_drawn = False
        self.says.setText(f"step {self._steps[place]:,}")
        self.strip.show_place(place)
        self.chosen.emit(self._chosen())

    def _next(self) -> None:
        if not self._is_drawn:
            return
        if self.slider.value() >= self.slider.maximum():
            self.stop()
        else:
            self.slider.setValue(self.slider.value() + 1)
