"""Watch pictures come out of noise, step by step, and scrub through the steps."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, QUrl
from PySide6.QtGui import (
    QDesktopServices,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QShortcut,
)
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from hybridstudio import commands, pictures, runs
from hybridstudio.errors import StudioError
from hybridstudio.gui import drawwords
from hybridstudio.gui.anatomy import Panel, alone
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.card import Card
from hybridstudio.gui.drawform import DrawForm
from hybridstudio.gui.drawing import DrawSettings, is_points, offers
from hybridstudio.gui.export import ExportButton
from hybridstudio.gui.film import ROWS, Film
from hybridstudio.gui.filmbar import FilmBar
from hybridstudio.gui.filmview import FilmView
from hybridstudio.gui.startpicture import dropped_picture
from hybridstudio.gui.timeline import Timeline
from hybridstudio.gui.wishes import Cancel
from hybridstudio.messages import Done, Event, Frame, Notice, Progress, Started
from hybridstudio.runs import Run

REDRAW_AFTER = 250  # ms after the last change of a setting


class DenoisePanel(Panel):
    """Draws from a run and keeps every frame, so that going through them is only a lookup."""

    TITLE = "Denoise"
    SAYS = "Watch pictures come out of noise, step by step."
    HELP = (
        "<p>A diffusion model begins with pure noise and removes a little of it in each step; a "
        "GAN or a VAE draws in one pass.</p>"
        "<p><b>x<sub>t</sub></b> is the noisy picture at noise level t, <b>x\u0302<sub>0</sub></b> "
        "the clean picture the network expects from there, <b>ε\u0302</b> the noise it sees.</p>"
        "<p>Draw with Ctrl+Return. Scrub with the slider, the arrow keys, the wheel, Home and End; "
        "Space plays. Double-click a picture to enlarge it. Changing a setting draws anew.</p>")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._path: Path | None = None  # of the run that was chosen, whether it is there or not
        self._is_awaited = False  # its training is getting ready
        self._film = Film()
        self._drawn: DrawSettings | None = None  # what the frames were drawn with
        self._asked: DrawSettings | None = None  # what was asked for last
        self._is_drawing = False
        self._void = False  # what is still told is of a run that is not shown any more
        self._left: float | None = None  # seconds that drawing still takes
        self._place: Frame | None = None  # where a user scrubbed to; None follows the newest
        self.view = FilmView()
        self.bar = FilmBar()
        self.timeline = Timeline()
        self.form = DrawForm()
        self.notice = Card()
        self.notice.hide()
        canvas = QWidget()
        column = QVBoxLayout(canvas)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.notice)
        column.addWidget(self.bar)
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
        self.view.scaled.connect(self.bar.scale.setText)
        self.view.pointed.connect(self.timeline.pointed.setText)
        self.view.enlarged.connect(self.bar.show_alone)
        self.bar.alone.connect(self.view.show_alone)
        self.bar.chosen.connect(self.view.show_rows)
        self.form.changed.connect(self._on_settings)
        self.form.failed.connect(self._tell_error)
        self.draw_button.clicked.connect(self._draw_or_stop)
        self.export.failed.connect(self._tell_error)
        self.export.written.connect(self._on_written)
        for key, slot in ((QKeySequence("Ctrl+Return"), self.draw),
                          (QKeySequence(QKeySequence.StandardKey.Undo), self.form.undo),
                          (QKeySequence(QKeySequence.StandardKey.Redo), self.form.redo)):
            QShortcut(key, self, slot, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)

    # --- the run ----------------------------------------------------------------------------------

    def show_run(self, path: Path | None) -> None:
        """Offer a run for drawing; its frames stay while it is the same one.

        One whose folder is not there yet is waited for: its training is getting ready.
        """
        before = self._run
        error = run = None
        try:
            was_there = before is not None and before.path == path
            run = runs.read(path) if path is not None and (was_there or path.exists()) else None
        except StudioError as fault:
            error = fault
        is_other = path != self._path or (run is None) != (before is None)
        if is_other:
            self._leave_drawing()
            self.show_error(None)
            self.notice.hide()
        if error is not None:
            self._tell_error(error)
        self._run, self._path = run, path
        self._is_awaited = path is not None and run is None and error is None
        if run is not None and (is_other or _offers(run) != _offers(before)):
            self.form.show_run(run, keep=not is_other)
        if is_other:
            self._show_anatomy()
        self._show_state()

    def start_from(self, path: Path) -> None:
        """Start from a picture of the user's; a model that begins with none says so."""
        if self._run is not None and "image" not in offers(self._run):
            self.notice.tell(Notice(f"{self._run.name} starts from no picture",
                                    "only a model that removes noise step by step does",
                                    "choose a diffusion model in the library", "warning"))
        else:
            self.form.start.open(path)

    def restore(self, settings: dict[str, Any]) -> None:
        """Take the settings of a picture's file for the run that is shown, and draw nothing yet.

        What cannot be meant for this run is left as it is, numbers are brought within their limits.
        """
        if self._run is None:
            self.notice.tell(Notice("A picture's settings were dropped", "no run is open to take "
                                    "them", "choose one in the library and drop it again"))
            return
        self.form.apply(self.form.settings().restored(settings, self._run))
        self._redraw.stop()  # a dropped file never starts anything
        self.notice.tell(drawwords.restored(settings.get("run", self._run.name), self._run))

    def _leave_drawing(self) -> None:
        """Take all frames away; what is still being drawn is given up."""
        self._redraw.stop()
        if self._is_drawing:
            self._void = True
            self.requested.emit(Cancel())
        self._film.clear()
        self._drawn, self._place, self._left, self._is_drawing = None, None, None, False
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
        self._asked, self._left = self.form.settings(), None
        self._is_drawing, self._void = True, False
        self._show_state()
        self.requested.emit(self._asked.request(self._run))

    def copy_command(self) -> None:
        """Put the command line that draws the same on the clipboard."""
        if self._run is not None:
            settings = self.form.settings()
            command = commands.as_command(settings.request(self._run),
                                          image=str(settings.picture or "IMAGE.png"))
            QGuiApplication.clipboard().setText(command)
            self.timeline.pointed.setText("Command copied")

    def _draw_or_stop(self) -> None:
        if self._is_drawing:
            self.requested.emit(Cancel())
        else:
            self.draw()

    def _on_settings(self) -> None:
        """Draw anew once the settings rest; a picture that came in waits for Draw."""
        image = self.form.settings().image
        is_new = image is not None and (self._asked is None or image is not self._asked.image)
        if is_new:
            self._redraw.stop()
            self.timeline.pointed.setText("Press Draw to start from the picture")
        elif self._drawn is not None or self._is_drawing:
            self._redraw.start()

    def _can_draw(self) -> bool:
        run = self._run
        return run is not None and drawwords.draws(run) and (
            bool(run.checkpoints) or run.state == "training")

    # --- events -----------------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """Take what drawing tells; a new start makes all older frames void."""
        if self._void:
            self._void = not isinstance(event, Done)
            return
        match event:
            case Started():
                self._film.clear()
                asked, run = self._asked, self._run
                self._drawn = asked.settled(run) if asked and run else asked
                self._is_drawing = True
                self.show_error(None)
                self.notice.hide()
                self._show_state()
            case Frame():
                self._on_frame(event)
            case Progress():
                self._left = event.left
            case Notice():
                self.notice.tell(event)
            case Done():
                self._ended()

    def show_error(self, error: StudioError | None) -> None:
        """Tell an error where the pictures would be; drawing is over."""
        if error is not None and self._void:
            self._void = False  # it was of the drawing that was given up
            return
        super().show_error(error)
        if error is not None:
            self._ended()

    def _tell_error(self, error: StudioError) -> None:
        """Tell an error that ends no drawing: of a picture, a file, a run."""
        super().show_error(error)

    def _on_written(self, path: Path) -> None:
        def look() -> None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent)))

        self.notice.tell(Notice(f"Saved {path.name}", f"in {path.parent}"), ("Open folder", look))

    def _ended(self) -> None:
        self._is_drawing, self._left = False, None
        self.timeline.set_steps(self._film.steps)
        self._show_state()
        if (frame := self.view.frame_shown()) is not None:
            self._show_readout(frame)

    def _on_frame(self, frame: Frame) -> None:
        is_first, rows = not self._film, self._film.rows
        self._film.add(frame)
        if self._film.rows != rows:
            self._offer_rows()
        self.timeline.set_steps(self._film.steps, frame.step)
        self.timeline.add_level(frame)
        if is_first:
            self._show_state()
        if self.timeline.is_playing():
            return
        shown = frame if self._place is None else self._film.like(self._place)
        if shown is not None:
            self.timeline.show_step(shown.step)
            self._show(shown)

    # --- scrubbing --------------------------------------------------------------------------------

    def _on_moved(self, step: int) -> None:
        frame = self._film.at(step)
        if frame is None:
            return
        self._place = None if frame is self._film.last else frame
        self._show(frame)

    def _show(self, frame: Frame) -> None:
        self.view.show_frame(frame)
        self._show_readout(frame)

    def _show_readout(self, frame: Frame) -> None:
        levels = self._run.config.model.levels if self._run else 0
        left = self._left if self._is_drawing else None
        self.timeline.readout.setText(drawwords.readout(frame, levels, left))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Scrub, play and enlarge with the keys that no field takes."""
        if Qt.Key(event.key()) in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.view.show_alone(not self.view.alone)
        elif not self.timeline.takes(Qt.Key(event.key())):
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
        awaited = self._path.name if self._is_awaited and self._path is not None else ""
        return drawwords.why_empty(self._run, awaited, self._is_drawing, self._can_draw())

    def _show_anatomy(self) -> None:
        """Show what belongs to this kind of model: one that draws nothing has no settings."""
        draws = drawwords.draws(self._run)
        for part in (self._transport, self._toggle, self.export, self.copy):
            part.setVisible(draws)
        self._inspector.setVisible(draws and self._toggle.isChecked())
        self._offer_rows()

    def _offer_rows(self) -> None:
        """Offer the rows that the frames have; before there are any, those that are to come."""
        config = self._run.config if self._run is not None else None
        has_levels = config is None or config.model.levels > 0
        rows = self._film.rows or (ROWS if has_levels else ROWS[:1])
        has_many = config is None or not is_points(config)
        self.bar.offer(rows, has_many)
        self.bar.setVisible(drawwords.draws(self._run) and (has_many or len(rows) > 1))
        self.timeline.set_one_pass(self._film.steps == 0 and not has_levels)

    def _material(self) -> dict[str, Any]:
        """Gather what an export is made from, as it stands now."""
        frame = self.view.frame_shown()
        told: dict[str, Any] = {}
        if self._run is not None:
            told = (self._drawn or DrawSettings()).told(self._run) | {"run": self._run.name}
        if frame is not None:
            told |= {"frame": frame.step, "t": float(frame.t)}
        return {"film": self._film, "frame": frame, "rows": self.view.rows,
                "only": self.view.only(), "settings": told}

    # --- drops ------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take a picture to start from; one that carries settings is the window's to restore."""
        takes = self._run is not None and "image" in offers(self._run)
        path = dropped_picture(event) if takes else None
        if path is not None and pictures.read_settings(path) is None:
            event.acceptProposedAction()
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        """Start from the picture that was dropped."""
        if path := dropped_picture(event):
            self.form.start.open(path)


def _offers(run: Run | None) -> tuple[object, ...]:
    return (run.checkpoints, run.config) if run is not None else ()


if __name__ == "__main__":
    from hybridstudio.gui.canned import drawing_events

    sys.exit(alone(DenoisePanel, drawing_events()))
