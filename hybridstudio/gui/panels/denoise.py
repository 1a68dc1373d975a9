"""Watch pictures come out of noise, step by step, and scrub through the steps."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtGui import (
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QShortcut,
)
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import commands, pictures, runs
from hybridstudio.errors import StudioError
from hybridstudio.gui import theme
from hybridstudio.gui.anatomy import Panel, alone
from hybridstudio.gui.buttons import flat, toggle
from hybridstudio.gui.card import Card
from hybridstudio.gui.drawform import DrawForm
from hybridstudio.gui.drawing import DrawSettings
from hybridstudio.gui.export import ExportButton
from hybridstudio.gui.film import ROWS, Film, Row
from hybridstudio.gui.filmview import FilmView
from hybridstudio.gui.startpicture import dropped_picture
from hybridstudio.gui.theme import GRID
from hybridstudio.gui.timeline import Timeline
from hybridstudio.gui.wishes import Cancel
from hybridstudio.messages import Done, Event, Frame, Notice, Started
from hybridstudio.runs import Run

REDRAW_AFTER = 250  # ms after the last change of a setting


class DenoisePanel(Panel):
    """Draws from a run and keeps every frame, so that going through them is only a lookup."""

    TITLE = "Denoise"
    SAYS = "Watch pictures come out of noise, step by step."
    HELP = (
        "<p>A diffusion model begins with pure noise and removes a little of it in each step.</p>"
        "<p><b>x<sub>t</sub></b> is the noisy picture at noise level t, <b>x\u0302<sub>0</sub></b> "
        "the clean picture the network expects from there, <b>ε\u0302</b> the noise it sees.</p>"
        "<p>Draw with Ctrl+Return. Scrub with the slider, the arrow keys, the wheel, Home and End; "
        "Space plays. Double-click a picture to enlarge it. Changing a setting draws anew.</p>")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._film = Film()
        self._drawn: DrawSettings | None = None  # what the frames were drawn with
        self._asked: DrawSettings | None = None  # what was asked for last
        self._is_drawing = False
        self._level: float | None = None  # the t a user scrubbed to; None follows the newest
        self.view = FilmView()
        self.timeline = Timeline()
        self.form = DrawForm()
        self.notice = Card()
        self.notice.hide()
        canvas = QWidget()
        column = QVBoxLayout(canvas)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.notice)
        column.addWidget(self._made_bar())
        column.addWidget(self.view, 1)
        self.set_canvas(canvas)
        self.set_transport(self.timeline)
        self.set_inspector(self.form)
        self._made_header_buttons()
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(REDRAW_AFTER)
        self._redraw.timeout.connect(self.draw)
        self._connect()
        self.setAcceptDrops(True)
        self._show_state()

    # --- the parts --------------------------------------------------------------------------------

    def _made_bar(self) -> QWidget:
        """Make the row over the canvas: which rows are shown, all pictures or one."""
        bar = QWidget()
        row = QHBoxLayout(bar)
        row.setContentsMargins(2 * GRID, GRID // 2, GRID, GRID // 2)
        row.setSpacing(GRID // 2)
        self.toggles: dict[Row, QToolButton] = {}
        for name, says in ROWS.items():
            button = toggle(PLAIN[name], f"Show or hide the {says}", on=True)
            button.toggled.connect(self._show_rows)
            self.toggles[name] = button
            row.addWidget(button)
        row.addStretch(1)
        self.scale = theme.say(QLabel(), "muted")
        self.scale.setToolTip("How large a pixel is shown; 1:2 where pictures had to be shrunk")
        row.addWidget(self.scale)
        row.addSpacing(GRID)
        self.modes = QButtonGroup(self)
        for index, (words, says) in enumerate((
                ("All pictures", "Show every picture in each row"),
                ("One enlarged", "Show only the chosen picture (double-click, Return)"))):
            button = toggle(words, says, on=index == 0)
            self.modes.addButton(button, index)
            row.addWidget(button)
        self.modes.idClicked.connect(lambda place: self.view.show_alone(place == 1))
        return bar

    def _made_header_buttons(self) -> None:
        self.copy = flat("copy", "Copy the command line that draws the same", self.copy_command)
        self.export = ExportButton(self._material)
        self.draw_button = QPushButton("Draw")
        self.draw_button.setProperty("primary", True)
        self.draw_button.setToolTip("Draw pictures with these settings (Ctrl+Return)")
        self.draw_button.setMinimumWidth(88)
        for widget in (self.copy, self.export, self.draw_button):
            self.add_to_header(widget)

    def _connect(self) -> None:
        self.timeline.moved.connect(self._on_moved)
        self.view.scrubbed.connect(self.timeline.step)
        self.view.scaled.connect(self.scale.setText)
        self.view.pointed.connect(self.timeline.pointed.setText)
        self.view.enlarged.connect(lambda on: self.modes.button(int(on)).setChecked(True))
        self.form.changed.connect(self._on_settings)
        self.form.failed.connect(self.show_error)
        self.draw_button.clicked.connect(self._draw_or_stop)
        self.export.failed.connect(self.show_error)
        for key, slot in ((QKeySequence("Ctrl+Return"), self.draw),
                          (QKeySequence(QKeySequence.StandardKey.Undo), self.form.undo),
                          (QKeySequence(QKeySequence.StandardKey.Redo), self.form.redo)):
            QShortcut(key, self, slot, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)

    # --- the run ----------------------------------------------------------------------------------

    def show_run(self, path: Path | None) -> None:
        """Offer a run for drawing; its frames stay while it is the same one."""
        before = self._run.path if self._run else None
        try:
            run = runs.read(path) if path is not None else None
        except StudioError as error:
            self._run = None
            self._clear()
            self.show_error(error)
            return
        is_other = before != (run.path if run else None)
        if is_other:
            self._redraw.stop()
            self._clear()
            self.show_error(None)
            self.notice.hide()
        self._run = run
        if run is not None:
            self.form.show_run(run, keep=not is_other)
        self._show_state()

    def restore(self, settings: dict[str, Any]) -> None:
        """Take the settings of a picture's file for the run that is shown, and draw nothing yet.

        What cannot be meant for this run is left as it is, numbers are brought within their limits.
        """
        if self._run is None:
            return
        self.form.apply(self.form.settings().restored(settings, self._run))
        self._redraw.stop()  # a dropped file never starts anything
        name = settings.get("run", self._run.name)
        if name == self._run.name:
            self.notice.tell(Notice(f"The settings of a picture of {name} are back",
                                    fix="press Draw to make it again"))
        else:
            self.notice.tell(Notice(f"These settings come from a picture of {name}",
                                    f"{self._run.name} is chosen now, so it draws other pictures",
                                    f"choose {name} in the library", "warning"))

    def _clear(self) -> None:
        self._film.clear()
        self._drawn, self._level, self._is_drawing = None, None, False
        self.view.show_frame(None)
        self.timeline.set_steps(0)
        self.timeline.set_levels([])

    # --- asking -----------------------------------------------------------------------------------

    def draw(self) -> None:
        """Ask for the pictures with the settings as they are."""
        if self._run is None or not self._can_draw():
            return
        self._redraw.stop()
        self.show_error(None)
        self._asked = self.form.settings()
        self._is_drawing = True
        self._show_state()
        self.requested.emit(self._asked.request(self._run.path))

    def copy_command(self) -> None:
        """Put the command line that draws the same on the clipboard."""
        if self._run is not None:
            request = self.form.settings().request(self._run.path)
            QGuiApplication.clipboard().setText(commands.as_command(request))
            self.timeline.pointed.setText("Command copied")

    def _draw_or_stop(self) -> None:
        if self._is_drawing:
            self.requested.emit(Cancel())
        else:
            self.draw()

    def _on_settings(self) -> None:
        if self._drawn is not None or self._is_drawing:
            self._redraw.start()

    def _can_draw(self) -> bool:
        return self._run is not None and (bool(self._run.checkpoints)
                                          or self._run.state == "training")

    # --- events -----------------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """Take what drawing tells; a new start makes all older frames void."""
        match event:
            case Started():
                self._film.clear()
                self._drawn = self._asked
                self._is_drawing = True
                self.show_error(None)
                self.notice.hide()
                self._show_state()
            case Frame():
                self._on_frame(event)
            case Notice():
                self.notice.tell(event)
            case StudioError():
                self.show_error(event)
            case Done():
                self._ended()

    def show_error(self, error: StudioError | None) -> None:
        """Tell an error where the pictures would be; drawing is over."""
        super().show_error(error)
        if error is not None:
            self._ended()

    def _ended(self) -> None:
        self._is_drawing = False
        self.timeline.set_steps(self._film.steps)
        self._show_state()

    def _on_frame(self, frame: Frame) -> None:
        is_first = not self._film
        self._film.add(frame)
        self.timeline.set_steps(self._film.steps, frame.step)
        self.timeline.set_levels(list(self._film))
        if is_first:
            self._show_state()
        if self.timeline.is_playing():
            return
        shown = frame if self._level is None else self._film.at_level(self._level)
        if shown is not None:
            self.timeline.show_step(shown.step)
            self._show(shown)

    # --- scrubbing --------------------------------------------------------------------------------

    def _on_moved(self, step: int) -> None:
        frame = self._film.at(step)
        if frame is None:
            return
        self._level = None if frame is self._film.last else frame.t
        self._show(frame)

    def _show(self, frame: Frame) -> None:
        self.view.show_frame(frame)
        t = round(frame.t)
        levels = self._run.config.model.timesteps if self._run else t
        self.timeline.readout.setText(
            f"t = {t:,} of {levels:,}  ·  step {frame.step:,} of {frame.steps:,}  ·  "
            f"NFE {frame.nfe:,}  ·  σ = {frame.noise:.3f}")

    def _show_rows(self) -> None:
        chosen = tuple(name for name, button in self.toggles.items() if button.isChecked())
        if not chosen:  # the last one stays on
            sender = cast(QToolButton, self.sender())
            sender.setChecked(True)
            return
        self.view.show_rows(chosen)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Scrub, play and enlarge with the keys that no field takes."""
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: -1, Qt.Key.Key_Up: 1,
                 Qt.Key.Key_PageUp: -5, Qt.Key.Key_PageDown: 5}
        key = Qt.Key(event.key())
        if key in steps:
            self.timeline.step(steps[key])
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self.timeline.step((1 if key == Qt.Key.Key_End else -1) * 1_000_000)
        elif key == Qt.Key.Key_Space:
            self.timeline.toggle()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.view.show_alone(not self.view.alone)
        else:
            super().keyPressEvent(event)

    # --- state ------------------------------------------------------------------------------------

    def _show_state(self) -> None:
        self.draw_button.setText("Stop" if self._is_drawing else "Draw")
        self.draw_button.setEnabled(self._can_draw())
        self.copy.setEnabled(self._run is not None)
        self.form.setEnabled(self._run is not None)
        self.export.setEnabled(len(self._film) > 0)
        if not self._film:
            self.timeline.readout.setText(" ")
        self.view.empty = self._empty_words()
        self.view.update()

    def _empty_words(self) -> str:
        if self._run is None:
            return "Choose a model in the library to watch it turn noise into pictures."
        if self._is_drawing:
            return f"Getting {self._run.name} ready…"
        if not self._can_draw():
            return (f"{self._run.name} has no checkpoint to draw from yet.\n"
                    "Let it train until its first save.")
        return f"Press Draw to watch {self._run.name} turn noise into pictures (Ctrl+Return)."

    def _material(self) -> dict[str, Any]:
        """Gather what an export is made from, as it stands now."""
        frame = self.view.frame_shown()
        told = (self._drawn or DrawSettings()).told()
        if self._run is not None:
            told["run"] = self._run.name
        if frame is not None:
            told |= {"frame": frame.step, "t": float(frame.t)}
        return {"film": self._film, "frame": frame, "rows": self.view.rows,
                "only": self.view.only(), "settings": told}

    # --- drops ------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take a picture to start from; one that carries settings is the window's to restore."""
        path = dropped_picture(event) if self._run is not None else None
        if path is not None and pictures.read_settings(path) is None:
            event.acceptProposedAction()
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        """Start from the picture that was dropped."""
        if path := dropped_picture(event):
            self.form.start.open(path)


PLAIN: dict[Row, str] = {"x_t": "xₜ  noisy", "x0": "x̂₀  predicted", "eps": "ε̂  noise"}


def measure_scrub(panel: DenoisePanel, moves: Sequence[int]) -> list[float]:
    """Move the slider to each step and return the ms until its frame had been painted."""
    taken = []
    for step in moves:
        if step == panel.timeline.slider.value():
            continue
        before = panel.view.painted_at
        began = time.perf_counter()
        panel.timeline.slider.setValue(step)
        while panel.view.painted_at == before and time.perf_counter() - began < 1.0:
            QCoreApplication.processEvents()
        taken.append(1000 * (panel.view.painted_at - began))
    return taken


if __name__ == "__main__":
    from hybridstudio.gui.canned import drawing_events

    sys.exit(alone(DenoisePanel, drawing_events()))
