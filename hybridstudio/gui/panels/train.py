"""Training: follows a run by its folder, whether it trains in here, elsewhere, or is over."""

from __future__ import annotations

import math
import random
import sys
import tempfile
import time
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import QPushButton, QStackedWidget, QVBoxLayout, QWidget

from hybridstudio import commands
from hybridstudio.errors import StudioError
from hybridstudio.gui import curvegroups, theme, trainfacts
from hybridstudio.gui.anatomy import Panel, alone
from hybridstudio.gui.cannedrun import write_run
from hybridstudio.gui.card import Card
from hybridstudio.gui.drawing import DrawSettings
from hybridstudio.gui.following import Following, Pace
from hybridstudio.gui.nothing import Nothing
from hybridstudio.gui.traincontrols import TrainControls
from hybridstudio.gui.traininspector import TrainInspector
from hybridstudio.gui.trainview import TrainView
from hybridstudio.gui.wishes import Cancel, Open, Pause, Save, Step, Stop
from hybridstudio.messages import Done, Draw, Event, Notice, Progress, Resume, Saved, Started

TICK, REST = 400, 1500  # ms between looks at a run that trains, and at one that does not
FACTS = 1.0  # seconds between changes of the numbers: each lays the words out anew
SETTLED = 1000  # ms after which what was asked may have happened
LONGER = 1.5  # times as many steps
STOPPING = "Stopping, and saving"


class TrainPanel(Panel):
    """Curves, previews and numbers of a run, and what steers its training."""

    TITLE = "Train"
    HEARS_TRAINING = True
    SAYS = "Watch a run learn: its loss, its pictures, its speed."
    HELP = ("The loss falls fast at first and then hardly at all, while the pictures go on "
            "improving: look at the previews, which are drawn from the same noise each time, and "
            "at the loss by noise level. A GAN has two players whose losses do not fall: watch how "
            "sure the discriminator is. While a GAN is paused, one player can learn alone. The "
            "faint line is what was measured, the full one its moving average. Pause, stop and "
            "resume as you like: a run continues where it was.")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chosen: Path | None = None
        self._following: Following | None = None
        self._awaited: Path | None = None  # a run whose folder is not there yet
        self._live: tuple[Path, Progress] | None = None  # told by the training in this window
        self._started: Path | None = None  # the run that trains in this window
        self._device = ""
        self._said = 0.0  # when the numbers were written
        self._asked: Draw | None = None
        self._is_cancelling = False  # what was asked to be drawn
        self._pending = ""  # what was asked of the training and has not happened yet
        self._told: Notice | None = None
        self.view = TrainView()
        self._card = Card()
        self._card.hide()
        self._pages = QStackedWidget()
        self._empty = Nothing("New run", "plus")
        self._empty.clicked.connect(lambda: self.requested.emit(Open("setup")))
        self._empty.cancelled.connect(lambda: self.requested.emit(Stop(self._awaited)))
        self._pages.addWidget(self._empty)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._card)
        column.addWidget(self.view, 1)
        self._pages.addWidget(page)
        self.set_canvas(self._pages)
        self.controls = TrainControls()
        for clicked, act in (
                (self.controls.paused, self._ask_pause), (self.controls.stopped, self._ask_stop),
                (self.controls.saved, self._ask_save), (self.controls.sampled, self._ask_sample),
                (self.controls.resumed, self._ask_resume),
                (self.controls.prolonged, lambda: self._ask_resume(LONGER))):
            clicked.connect(act)
        self.controls.stepped.connect(self._ask_step)
        self.set_transport(self.controls)
        self.inspector = TrainInspector()
        self.inspector.smoothing.connect(self.view.set_smoothing)
        self.view.set_smoothing(self.inspector.weight)
        self.inspector.log.connect(self.view.set_log)
        self.inspector.against.connect(self.view.set_against)
        self._copy = QPushButton("Copy command")
        self._copy.setToolTip("Copy the command line that resumes this run, or made this model")
        theme.set_icon(self._copy, "copy")
        self._copy.clicked.connect(self._copy_command)
        self.inspector.add(self._copy)
        self.set_inspector(self.inspector)
        self._timer = QTimer(self, interval=TICK)
        self._timer.timeout.connect(self.tick)
        self._settling = QTimer(self, singleShot=True, interval=SETTLED)
        self._settling.timeout.connect(self._settle)
        self._show_empty()
        self._show_page()

    # --- the face ---------------------------------------------------------------------------------

    def show_run(self, path: Path | None) -> None:
        """Follow the run in folder `path`, or none; one that is not there yet is waited for."""
        is_there = path is not None and (path / "run.toml").is_file()
        if path == self._chosen and (self._following is not None or not is_there):
            self._look()
            return
        self._chosen = path
        self.show_error(None)
        self._card.hide()
        self._following, self._told, self._pending = None, None, ""
        self._awaited = None if is_there else path
        if self._asked is not None:
            self._cancel_drawing()
        try:
            self._following = Following(path) if is_there and path is not None else None
        except StudioError as error:
            self.show_error(error)
        self._show_empty()
        self._show_page()
        self._look()
        if self.isVisible():
            self._timer.start()

    def _show_page(self) -> None:
        """Show what belongs to the run that is followed, or the page for none."""
        run = self._following.run if self._following else None
        self.view.show_run(run)
        self._pages.setCurrentIndex(0 if run is None else 1)
        self._transport.setVisible(run is not None)
        self._inspector.setVisible(run is not None and self._toggle.isChecked())
        self._toggle.setVisible(run is not None)
        self._copy.setVisible(bool(self._command()))

    def on_event(self, event: Event) -> None:
        """Take what a training in this window tells faster than its folder, and drawn pictures."""
        path = self._path()
        if isinstance(event, Started):
            self._device = event.device or self._device
            if event.run is not None and event.what == event.run.name:  # no drawing: a training
                self._started, self._pending = event.run.absolute(), ""
                self.show_error(None)
                if event.run == self._chosen:
                    self.show_run(event.run)
        elif isinstance(event, Progress) and event.memory and self._started is not None:
            if self._live is None:
                self._said = 0.0
            self._live = (self._started, event)
        elif isinstance(event, Progress) and event.unit != "steps":
            self._tell_preparation(event)
        elif isinstance(event, Progress) and self._asked is not None and event.total:
            self._pending, self._said = f"Drawing: step {event.step:,} of {event.total:,}", 0.0
        elif isinstance(event, Notice) and self._started in (None, path):
            self._tell_notice(event)
        elif isinstance(event, Saved) and path is not None and event.path.is_relative_to(path):
            self._pending = f"Saved step {event.step:,}"
            self._look()
            self._settling.start()
        elif isinstance(event, Done):
            self._on_done(event)

    def show_error(self, error: StudioError | None) -> None:
        """Tell an error above the curves; what was asked for is no longer waited for."""
        super().show_error(error)
        if error is not None:
            self._asked, self._is_cancelling = None, False
            self._live, self._pending = None, ""
            self._give_up_waiting()
            self._look()

    def tick(self) -> None:
        """Take what the folder has that is new; a timer calls this while the panel is visible."""
        if self.window().isMinimized():
            return
        following = self._following
        if following is None:
            if self._awaited is None:
                self._timer.stop()
            elif (self._awaited / "run.toml").is_file():
                self.show_run(self._awaited)
            return
        if following.poll():
            self._draw()
        if time.monotonic() - self._said >= FACTS:
            self._show_facts()
        busy = following.run.state == "training" or following.behind
        self._timer.setInterval(TICK if busy else REST)

    # --- showing ----------------------------------------------------------------------------------

    def _look(self) -> None:
        """Read the state at once, after something that changes it."""
        if self._following is not None:
            self._following.look()
            self._following.poll()
            self._draw()
            self._timer.setInterval(TICK)
        self._show_facts()

    def _draw(self) -> None:
        following = self._following
        assert following is not None
        curves = following.curves()
        self.view.set_curves(curves, following.marks())
        self.inspector.tell_newest(curvegroups.newest(curves))
        self.view.set_films(following.films)
        notice = following.notice()
        if notice is not None:
            self._tell_notice(notice)

    def _show_facts(self) -> None:
        """Write the numbers, and show the buttons that the state allows."""
        following = self._following
        if following is None:
            return
        self._said = time.monotonic()
        run, pace = following.run, self._pace(following)
        self.inspector.tell(trainfacts.facts(following, pace, self._device))
        self.controls.tell(1.0 if run.shipped else pace.step / max(pace.total, 1),
                           trainfacts.line(following, pace, self._pending))
        self.controls.show_state(run, following.is_paused, self._asked is not None,
                                 self._is_cancelling)

    def _pace(self, following: Following) -> Pace:
        """Return the newest numbers: the training's own where it runs in here."""
        if self._live is None or self._live[0] != following.path or (
                following.run.state != "training"):
            return following.pace()
        told, batch = self._live[1], following.run.config.train.batch_size
        return Pace(told.step, told.total or following.run.config.train.steps, told.rate * batch,
                    told.seconds, told.left, told.memory)

    def _tell_preparation(self, event: Progress) -> None:
        """Tell how far a download or the reading of the data is."""
        if self._following is None:
            self._awaited = self._chosen  # begun anew, if it was given up before
        self._pending, share = trainfacts.preparation(event)
        self._show_empty(self._pending, share)
        self._show_facts()

    def _show_empty(self, says: str = "Preparing the data", share: float | None = None) -> None:
        if self._awaited is None:
            self._empty.tell("No run is open", "Choose one in the library, or start a new one.")
        else:
            self._empty.wait(f"Getting {self._awaited.name} ready", says, share)

    def _give_up_waiting(self) -> None:
        """The training ended before there was a folder."""
        if self._awaited is not None and not (self._awaited / "run.toml").is_file():
            self._awaited = None
            self._show_empty()

    def _tell_notice(self, notice: Notice) -> None:
        if notice != self._told:
            self._told = notice
            self._card.tell(notice)

    def _on_done(self, event: Done) -> None:
        self._pending = ""
        # What was stopped tells no result, and a drawing may run beside a training.
        is_drawings = "count" in event.result or (
            "steps" not in event.result and (self._is_cancelling or self._started is None)
            and self._asked is not None)
        if is_drawings:
            asked, self._asked, self._is_cancelling = self._asked, None, False
            if asked is not None and event.images is not None and asked.run == self._path():
                self.view.show_drawn(event.images, f"Drawn now, seed {asked.seed:,}")
        else:
            self._started = self._live = None
            self._give_up_waiting()
        self._look()

    # --- what a user does -------------------------------------------------------------------------

    def _path(self) -> Path | None:
        return self._following.path if self._following else None

    def _ask_pause(self) -> None:
        following = self._following
        if following is not None:
            on = not following.is_paused
            self._pending = "Pausing" if on else "Going on"
            self.requested.emit(Pause(following.path, on))
            self._later()

    def _ask_stop(self) -> None:
        self._pending = STOPPING
        self.requested.emit(Stop(self._path()))
        self._later()

    def _ask_save(self) -> None:
        self._pending = "Saving"
        self.requested.emit(Save(self._path()))
        self._later()

    def _ask_step(self, network: str, count: int) -> None:
        if (path := self._path()) is not None:
            self._pending = f"{network.replace('_', ' ').capitalize()} alone: {count} more"
            self.requested.emit(Step(path, network, count))
            self._later()

    def _ask_resume(self, times: float | None = None) -> None:
        following = self._following
        if following is not None:
            run = following.run
            steps = math.ceil(max(run.step, run.config.train.steps) * times) if times else None
            self._pending = "Starting"
            self._told = None
            self._card.hide()
            self.requested.emit(Resume(following.path, steps))
            self._later()

    def _ask_sample(self) -> None:
        following = self._following
        if self._asked is not None:
            self._cancel_drawing()
        elif following is not None:
            self._asked = Draw(following.path, DrawSettings.of(following.run).count, frames=False,
                               seed=random.randrange(2**31))
            self._pending = "Drawing"
            self._show_facts()
            self.requested.emit(self._asked)

    def _cancel_drawing(self) -> None:
        self._is_cancelling = True
        self.requested.emit(Cancel())
        self._show_facts()

    def _later(self) -> None:
        """Look again once what was asked may have happened."""
        self._show_facts()
        self._settling.start()

    def _settle(self) -> None:
        self._copy.setText("Copy command")
        self._look()
        is_training = self._following is not None and self._following.run.state == "training"
        if self._pending == STOPPING and is_training:
            self._settling.start()
        elif self._asked is None:
            self._pending = ""
            self._show_facts()

    def _command(self) -> str:
        """Return the command that goes on with the run, or that made a model that ships."""
        if self._following is None:
            return ""
        run = self._following.run
        if run.shipped:
            return str((run.card or {}).get("command", ""))
        return commands.as_command(Resume(run.path))

    def _copy_command(self) -> None:
        QGuiApplication.clipboard().setText(self._command())
        self._copy.setText("Copied")
        self._settling.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with the folder, and follow it while the panel can be seen."""
        super().showEvent(event)
        self._timer.start()
        self._look()

    def hideEvent(self, event: QHideEvent) -> None:
        """Leave the folder alone while nobody looks."""
        self._timer.stop()
        super().hideEvent(event)


def main() -> int:
    """Show the panel alone, following a run that was never trained."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "canned"
        write_run(path)

        class Alone(TrainPanel):
            def __init__(self) -> None:
                super().__init__()
                self.show_run(path)

        return alone(Alone)


if __name__ == "__main__":
    sys.exit(main())
