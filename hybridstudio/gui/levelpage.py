"""Pictures that change level by level, noised or augmented: one level large, all side by side."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QWidget

from hybridstudio.gui.film import Film
from hybridstudio.gui.filmview import FilmView
from hybridstudio.gui.levels import LevelRows
from hybridstudio.gui.timeline import Timeline
from hybridstudio.messages import Frame


class LevelPage(QSplitter):
    """A frame over the strip of all levels; its `timeline` is put where the panel wants it.

    `row` is what is shown of a frame; `told` says in words which level it is, `head` briefly.
    """

    def __init__(self, empty: str, row: str, told: Callable[[Frame], str],
                 head: Callable[[Frame], str], has_noise: bool = True,
                 parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Vertical, parent)
        self._told = told
        self._film = Film()
        self._wanted: int | None = None  # the step that the user went to
        self.view = FilmView()
        self.view.show_rows((row,))
        self.view.empty = empty
        self.levels = LevelRows(head)
        self.timeline = Timeline()
        for part in (self.timeline.curve, self.timeline.curve.quantity):
            part.setVisible(has_noise)
        self.addWidget(self.view)
        self.addWidget(self.levels)
        self.setChildrenCollapsible(False)
        self.setSizes([300, 200])
        self.timeline.moved.connect(self._on_moved)
        self.view.scrubbed.connect(self.timeline.step)
        self.view.pointed.connect(self.timeline.pointed.setText)
        self.levels.picked.connect(self.timeline.slider.setValue)

    def clear(self) -> None:
        """Forget the frames."""
        self._film.clear()
        self.view.show_frame(None)
        self.levels.set_frames(())
        self.timeline.set_steps(0)
        self.timeline.set_levels(())
        self.timeline.readout.setText(" ")

    def add(self, frame: Frame) -> None:
        """Take the next level; the one that the user looked at is shown as soon as it comes."""
        self._film.add(frame)
        self.timeline.set_steps(frame.steps, frame.step)
        self.timeline.add_level(frame)
        if frame.step == frame.steps:
            self.levels.set_frames(list(self._film))
        wanted = self._wanted if self._wanted is not None else frame.steps // 3
        if frame.step == min(wanted, frame.steps) or self.view.frame_shown() is None:
            self.timeline.show_step(frame.step)
            self._show(frame)

    def _on_moved(self, step: int) -> None:
        self._wanted = step
        if (frame := self._film.at(step)) is not None:
            self._show(frame)

    def _show(self, frame: Frame) -> None:
        self.view.show_frame(frame)
        self.levels.show_step(frame.step)
        self.timeline.readout.setText(self._told(frame))
