"""Watch pictures come out of noise, step by step, and scrub through the steps."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
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
from PySide6.QtWidgets import QPushButton, QWidget

from hybridstudio import pictures, runs
from hybridstudio.errors import StudioError
from hybridstudio.gui import drawwords
from hybridstudio.gui.anatomy import Panel, alone
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.card import Card
from hybridstudio.gui.drawform import DrawForm
from hybridstudio.gui.drawing import DrawSettings, offers
from hybridstudio.gui.export import ExportButton
from hybridstudio.gui.filmstage import FilmStage, stacked
from hybridstudio.gui.reels import Reels
from hybridstudio.gui.startpicture import dropped_picture
from hybridstudio.gui.wishes import Cancel
from hybridstudio.messages import Done, Event, Frame, Notice, Progress, Started
from hybridstudio.runs import Run

REDRAW_AFTER = 250  # ms after the last change of a setting


class DenoisePanel(Panel):
    """Draws from a run and keeps every frame, so that going through them is only a lookup."""

    TITLE = "Denoise"
    VIEW = "Timeline"
    SAYS = "Watch pictures come out of noise, step by step."
    HELP = drawwords.HELP

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._path: Path | None = None  # of the run that was chosen, whether it is there or not
        self._is_awaited = False  # its training is getting ready
        self.reels = Reels()
        self._asked: DrawSettings | None = None  # what was asked for last
        self._is_drawing = False
        self._void = False  # what is still told is of a run that is not shown any more
        self.stage = FilmStage()
        self.view, self.bar = self.stage.view, self.stage.bar
        self.timeline, self.training = self.stage.timeline, self.stage.training
        self.form = DrawForm()
        self.notice = Card()
        self.notice.hide()
        canvas = QWidget()
        stacked(canvas, self.notice, self.stage)
        self.set_canvas(canvas)
        self.set_transport(self.stage.transport)
        self.set_inspector(self.form)
        self._made_header_buttons()
        self._redraw = QTimer(self, singleShot=True, interval=REDRAW_AFTER)
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
        self.draw_button.setFixedWidth(88)
        for widget in (self.copy, self.export, self.draw_button):
            self.add_to_header(widget)

    def _connect(self) -> None:
        self.stage.lacking.connect(self._make_again)
        self.training.moved.connect(self.form.choose_step)
        self.training.all.connect(self._draw_next)
        self.form.changed.connect(self._on_settings)
        self.form.failed.connect(self._tell_error)
        self.draw_button.clicked.connect(self._draw_or_stop)
        self.export.failed.connect(self._tell_error)
        self.export.written.connect(self._on_written)
        for key, slot in ((QKeySequence("Ctrl+Return"), self.draw),
                          (QKeySequence("Ctrl+Left"), lambda: self.training.go(-1)),
                          (QKeySequence("Ctrl+Right"), lambda: self.training.go(1)),
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
        self.stage.levels = run.config.model.levels if run is not None else 0
        self._is_awaited = path is not None and run is None and error is None
        if run is not None and (is_other or _offers(run) != _offers(before)):
            self.form.show_run(run, keep=not is_other)
        if is_other:
            self._show_anatomy()
        self._show_training()
        self._show_state()

    def start_from(self, path: Path) -> None:
        """Start from a picture of the user's; a model that begins with none says so."""
        if self._run is not None and "image" not in offers(self._run):
            self.notice.tell(drawwords.no_start(self._run))
        else:
            self.form.start.open(path)

    def restore(self, settings: dict[str, Any]) -> None:
        """Take the settings of a picture's file for the run that is shown, and draw nothing yet.

        What cannot be meant for this run is left as it is, numbers are brought within their limits.
        """
        if self._run is None:
            self.notice.tell(drawwords.NO_RUN)
            return
        self.form.apply(self.form.settings().restored(settings, self._run))
        self._redraw.stop()  # a dropped file never starts anything
        self.notice.tell(drawwords.restored(settings.get("run", self._run.name), self._run))

    def _leave_drawing(self) -> None:
        """Take all frames away; what is still being drawn is given up."""
        self._redraw.stop()
        self.training.fill.setChecked(False)
        if self.reels.work is not None:
            self._void = True
            self.requested.emit(Cancel())
        self.reels.leave()
        self._is_drawing = False
        self.stage.clear()

    # --- asking -----------------------------------------------------------------------------------

    def draw(self) -> None:
        """Ask for the pictures with the settings as they are."""
        if self._run is None or not drawwords.can_draw(self._run):
            return
        self._redraw.stop()
        self.show_error(None)
        self._asked, self.stage.left = self.form.settings(), None
        self._is_drawing, self._void = True, False
        request = self.reels.draw(self._run, self._asked)
        self._show_state()
        self.requested.emit(request)

    def begin_work(self) -> None:
        """Draw with the settings as they are, where nothing is shown yet."""
        if not self.reels.film and not self._is_drawing:
            self.draw()

    def copy_command(self) -> None:
        """Put the command line that draws the same on the clipboard."""
        if self._run is not None:
            QGuiApplication.clipboard().setText(drawwords.command(
                self.form.settings(), self._run, self.view.rows, self.form.start.painter.path))
            self.timeline.pointed.setText("Command copied")

    def _draw_or_stop(self) -> None:
        if self._is_drawing:
            self.requested.emit(Cancel())
        else:
            self.draw()

    def _on_settings(self) -> None:
        """Draw anew once the settings rest, unless their frames are kept from before.

        A picture that came in waits for Draw.
        """
        settings, run, asked = self.form.settings(), self._run, self._asked
        is_new = settings.image is not None and (
            asked is None or settings.image is not asked.image)
        self._redraw.stop()
        if is_new:
            self.timeline.pointed.setText("Press Draw to start from the picture")
        elif run is not None and self.reels.find(run, settings) is not None:
            self._show_kept(run, settings)
        elif self.reels.drawn is not None or self._is_drawing:
            self._redraw.start()
        self._show_training()

    def _show_kept(self, run: Run, settings: DrawSettings) -> None:
        """Show frames that were drawn before with the same settings."""
        if self._is_drawing:
            self._void, self._is_drawing = True, False
            self.reels.work = None
            self.requested.emit(Cancel())
        self.reels.show(run, settings)
        self._asked = settings
        self.stage.offer(self._run, self.reels.film)
        self.stage.watch(self.reels.film)
        self._show_state()

    def _make_again(self, step: int) -> None:
        """Ask for the frames around this place again, which were let go for want of memory."""
        if self._run is None or self.reels.work is not None or self._redraw.isActive():
            return
        if (request := self.reels.again(self._run, step)) is not None:
            self.timeline.pointed.setText("Making the frames around this step again…")
            self.requested.emit(request)

    def _draw_next(self, _on: bool = True) -> None:
        """Draw with the next checkpoint that has no frames yet, beside what is shown."""
        run, settings, work = self._run, self.form.settings(), self.reels.work
        wants = self.training.fill.isChecked()
        if work is not None and work.kind == "beside" and not wants:
            self.requested.emit(Cancel())
        if run is None or work is not None or not wants:
            return
        kept = self.reels.checkpoints(run, settings)
        missing = [step for step in self.training.checkpoints() if step not in kept]
        if missing:
            self.requested.emit(self.reels.draw(run, replace(settings, step=missing[0]), "beside"))

    # --- events -----------------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """Take what drawing tells; a new start makes all older frames void."""
        if self._void:
            self._void = not isinstance(event, Done)
            return
        match event:
            case Started():
                self.reels.begin(self._run)
                if self.reels.is_watched:
                    self._is_drawing = True
                    self.stage.watch(self.reels.film)
                    self.show_error(None)
                    self.notice.hide()
                    self.timeline.pointed.setText("")
                    self._show_state()
            case Frame():
                self._on_frame(event)
            case Progress():
                self.stage.left = event.left if self._is_drawing else None
            case Notice():
                self.notice.tell(event)
            case Done():
                self._ended(event)

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
        look = partial(QDesktopServices.openUrl, QUrl.fromLocalFile(str(path.parent)))
        self.notice.tell(Notice(f"Saved {path.name}", f"in {path.parent}"), ("Open folder", look))

    def _ended(self, done: Done | None = None) -> None:
        is_watched = self.reels.is_watched
        self.reels.end(self._run)
        if is_watched:
            self._is_drawing = False
            self.stage.end()
            if done is not None and "error" in done.result:
                self.notice.tell(drawwords.came_back(float(done.result["error"])))
        elif done is None or done.outcome == "stopped":
            self.training.fill.setChecked(False)
        self._show_state()
        self._show_training()
        self._draw_next()

    def _on_frame(self, frame: Frame) -> None:
        film = self.reels.film
        is_first, rows = not film, film.rows
        is_shown, is_watched = self.reels.add(frame), self.reels.is_watched
        if self.reels.is_enough(frame):
            self.requested.emit(Cancel())
        if is_shown and not is_watched:
            self.stage.made_again(frame)
        elif is_shown:
            if film.rows != rows:
                self.stage.offer(self._run, self.reels.film)
            self.stage.add(frame)
            if is_first:
                self._show_state()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Scrub, play and enlarge with the keys that no field takes."""
        if not self.stage.takes(Qt.Key(event.key())):
            super().keyPressEvent(event)

    # --- state ------------------------------------------------------------------------------------

    def _show_state(self) -> None:
        self.draw_button.setText("Stop" if self._is_drawing else "Draw")
        self.draw_button.setEnabled(drawwords.can_draw(self._run))
        self.copy.setEnabled(self._run is not None)
        self.form.setEnabled(self._run is not None)
        self.export.setEnabled(len(self.reels.film) > 0)
        if not self.reels.film:
            self.timeline.readout.setText(" ")
        awaited = self._path.name if self._is_awaited and self._path is not None else ""
        self.view.empty = drawwords.why_empty(
            self._run, awaited, self._is_drawing, drawwords.can_draw(self._run))
        self.view.update()

    def _show_anatomy(self) -> None:
        """Show what belongs to this kind of model: one that draws nothing has no settings."""
        draws = drawwords.draws(self._run)
        for part in (self._transport, self._toggle, self.export, self.copy):
            part.setVisible(draws)
        self._inspector.setVisible(draws and self._toggle.isChecked())
        self.stage.offer(self._run, self.reels.film)

    def _show_training(self) -> None:
        """Offer the checkpoints where there are several, and mark those that are drawn."""
        run, settings = self._run, self.form.settings()
        if run is None or not drawwords.draws(run):
            self.training.hide()
            return
        self.training.offer(run.checkpoints, run.state == "training", settings.step)
        self.training.show_kept(self.reels.checkpoints(run, settings))

    def _material(self) -> dict[str, Any]:
        """Gather what an export is made from, as it stands now."""
        frame = self.view.frame_shown()
        told: dict[str, Any] = {}
        if self._run is not None:
            told = (self.reels.drawn or DrawSettings()).told(self._run)
            told["run"] = self._run.name
        if frame is not None:
            told |= {"frame": frame.step, "t": float(frame.t)}
        return {"film": self.reels.film, "frame": frame, "rows": self.view.rows,
                "only": self.view.only(), "settings": told, "ranges": dict(self.view.ranges)}

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
