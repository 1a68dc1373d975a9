"""Where a film is watched: its frames, the bar above them, and the sliders under them."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from hybridstudio.frames import ROWS
from hybridstudio.gui import drawwords
from hybridstudio.gui.drawing import is_points
from hybridstudio.gui.film import Film
from hybridstudio.gui.filmbar import FilmBar
from hybridstudio.gui.filmview import FilmView
from hybridstudio.gui.timeline import Timeline
from hybridstudio.gui.trainingslider import TrainingSlider
from hybridstudio.messages import Frame
from hybridstudio.runs import Run

LACKS_AFTER = 200  # ms after scrubbing came to rest where a frame was let go
RESTS = 200  # times as long as painting takes until the next frame that comes in is painted


class FilmStage(QWidget):
    """Shows one film and scrubs through it; `transport` is put where the panel wants it.

    While frames come in it follows the newest, until a user scrubs away from it: then it stays
    there, in the films after it too. `lacking` tells a step that was let go and is waited for.
    `levels` is T, `left` how many seconds drawing still takes.
    """

    lacking = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.film = Film()
        self.levels = 0
        self.left: float | None = None
        self._place: Frame | None = None  # where a user scrubbed to; None follows the newest
        self.view = FilmView()
        self.bar = FilmBar()
        self.timeline = Timeline()
        self.training = TrainingSlider()
        self.transport = QWidget()
        stacked(self, self.bar, self.view)
        stacked(self.transport, self.timeline, self.training)
        self._followed_at = 0.0  # perf_counter
        self._later = QTimer(self, singleShot=True)  # shows the newest frame
        self._later.timeout.connect(lambda: self._follow(self.film.last))
        self._rests = QTimer(self, singleShot=True, interval=LACKS_AFTER)
        self._rests.timeout.connect(lambda: self.lacking.emit(self.timeline.slider.value()))
        self.timeline.moved.connect(self._on_moved)
        self.view.scrubbed.connect(self.timeline.step)
        self.view.scaled.connect(self.bar.scale.setText)
        self.view.pointed.connect(self.timeline.pointed.setText)
        self.view.enlarged.connect(self.bar.show_alone)
        self.bar.alone.connect(self.view.show_alone)
        self.bar.chosen.connect(self.view.show_rows)
        self.bar.ranged.connect(self.view.show_ranges)
        self.bar.factual.connect(self.view.show_facts)

    def offer(self, run: Run | None, film: Film) -> None:
        """Offer the rows that a film has; before it has any, those that a run's are to have."""
        config = run.config if run is not None else None
        has_levels = config is None or config.model.levels > 0
        rows = film.rows or (ROWS if has_levels else ROWS[:1])
        has_many = config is None or not is_points(config)
        self.bar.offer(rows, has_many, has_many)
        self.bar.setVisible(drawwords.draws(run) and (has_many or len(rows) > 1))
        self.timeline.set_one_pass(film.steps == 0 and not has_levels)

    # --- films ------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Show no film, and forget the place in it."""
        self._rests.stop()
        self._later.stop()
        self.film, self._place, self.left = Film(), None, None
        self.view.show_frame(None)
        self.timeline.set_steps(0)
        self.timeline.set_levels([])

    def watch(self, film: Film) -> None:
        """Take another film: one that has frames already is shown at the same place."""
        self._rests.stop()
        self._later.stop()
        self.film = film
        if not film:
            return
        self.timeline.set_steps(film.steps)
        self.timeline.set_levels(list(film))
        self._follow(film.last)

    def add(self, frame: Frame) -> None:
        """Show that the film has a new frame; not each, as painting holds the drawing up."""
        self.timeline.set_steps(self.film.steps, frame.step)
        self.timeline.add_level(frame, shows=False)
        if self.timeline.is_playing() or self._later.isActive():
            return
        wait = self.view.painted_at + RESTS * self.view.paint_seconds - time.perf_counter()
        is_unseen = self._followed_at > self.view.painted_at  # to show another costs nothing
        if wait <= 0 or is_unseen or len(self.film) == 1:
            self._follow(frame)
        else:
            self._later.start(round(1000 * wait) + 1)

    def end(self) -> None:
        """Show that no further frames come."""
        self.left = None
        self.timeline.set_steps(self.film.steps)
        if self._later.isActive():
            self._later.stop()
            self._follow(self.film.last)
        self.show_readout()

    def made_again(self, frame: Frame) -> None:
        """Show a frame that had been let go, where it is the one that is waited for."""
        if frame.step == self.timeline.slider.value():
            self._show(frame)
            self.timeline.pointed.setText("")

    def _follow(self, newest: Frame | None) -> None:
        self._followed_at = time.perf_counter()
        shown = newest if self._place is None else self.film.like(self._place)
        if shown is not None:
            self.timeline.show_step(shown.step)
            self._show(shown)

    # --- scrubbing --------------------------------------------------------------------------------

    def _on_moved(self, step: int) -> None:
        frame = self.film.at(step)
        if frame is None:
            return
        self._place = None if frame is self.film.last else frame
        self._show(frame)
        if self.film.lacks(step) and not self.timeline.is_playing():
            self._rests.start()
        else:
            self._rests.stop()

    def _show(self, frame: Frame) -> None:
        self.view.show_frame(frame, self.film.before(frame))
        self.show_readout()

    def show_readout(self) -> None:
        """Tell where the frame that is shown stands."""
        frame = self.view.frame_shown()
        told = " " if frame is None else drawwords.readout(
            frame, self.levels, self.left, self.film.place_among(frame))
        self.timeline.readout.setText(told)

    def takes(self, key: Qt.Key) -> bool:
        """Scrub, play and enlarge as a key asks; returns whether it is one of those heard here."""
        return self.view.takes(key) or self.timeline.takes(key)


def stacked(owner: QWidget, *parts: QWidget) -> None:
    """Put parts under one another without gaps; the last takes all the room that is left."""
    column = QVBoxLayout(owner)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    for part in parts:
        column.addWidget(part, 1 if part is parts[-1] else 0)
