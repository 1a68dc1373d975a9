"""Training: follows a run by its folder, whether it trains in here, elsewhere, or is over."""

from __future__ import annotations

import math
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import commands
from hybridstudio.errors import StudioError
from hybridstudio.gui import theme
from hybridstudio.gui.anatomy import Panel, alone
from hybridstudio.gui.axes import duration, number
from hybridstudio.gui.cannedrun import write_run
from hybridstudio.gui.card import Card
from hybridstudio.gui.following import Following, Pace
from hybridstudio.gui.nothing import Nothing
from hybridstudio.gui.theme import GRID
from hybridstudio.gui.traininspector import TrainInspector
from hybridstudio.gui.trainview import TrainView
from hybridstudio.gui.wishes import Open, Pause, Save, Stop
from hybridstudio.messages import Done, Draw, Event, Notice, Progress, Resume, Saved, Started

TICK, REST = 100, 1500  # ms between looks at a run that trains, and at one that does not
SETTLED = 1000  # ms after which what was asked may have happened
STATES = {"training": "Training", "finished": "Finished", "stopped": "Stopped",
          "interrupted": "Interrupted", "ready": "Ready to use", "broken": "Broken"}


class TrainPanel(Panel):
    """Curves, previews and numbers of a run, and what steers its training."""

    TITLE = "Train"
    HEARS_TRAINING = True
    SAYS = "Watch a run learn: its loss, its pictures, its speed."
    HELP = ("The loss falls fast at first and then hardly at all, while the pictures go on "
            "improving: look at the previews, which are drawn from the same noise each time, and "
            "at the loss by noise band. The faint line is what was measured, the full one its "
            "moving average. Pause, stop and resume as you like: a run continues where it was.")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._following: Following | None = None
        self._awaited: Path | None = None  # a run whose folder is not there yet
        self._live: tuple[Path, Progress] | None = None  # told by the training in this window
        self._started: Path | None = None  # the run that trains in this window
        self._device = ""
        self._asked: Draw | None = None
        self._pending = ""  # what was asked of the training and has not happened yet
        self._told: Notice | None = None
        self.view = TrainView()
        self._card = Card()
        self._card.hide()
        self._pages = QStackedWidget()
        self._empty = Nothing("New run", "plus")
        self._empty.clicked.connect(lambda: self.requested.emit(Open("setup")))
        self._pages.addWidget(self._empty)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._card)
        column.addWidget(self.view, 1)
        self._pages.addWidget(page)
        self.set_canvas(self._pages)
        self.set_transport(self._made_transport())
        self.inspector = TrainInspector()
        self.inspector.smoothing.connect(self.view.set_smoothing)
        self.view.set_smoothing(self.inspector.weight)
        self.inspector.log.connect(self.view.set_log)
        self.inspector.against.connect(self.view.set_against)
        self._copy = self._button("Copy command", "copy", self._copy_command,
                                  "Copy the command line that resumes this run")
        self.inspector.add(self._copy)
        self.set_inspector(self.inspector)
        self._timer = QTimer(self, interval=TICK)
        self._timer.timeout.connect(self.tick)
        self._settling = QTimer(self, singleShot=True, interval=SETTLED)
        self._settling.timeout.connect(self._settle)
        self.show_run(None)

    # --- the face ---------------------------------------------------------------------------------

    def show_run(self, path: Path | None) -> None:
        """Follow the run in folder `path`, or none; one that is not there yet is waited for."""
        if path is not None and self._following is not None and path == self._following.path:
            self._look()
            return
        self.show_error(None)
        self._card.hide()
        self._following, self._told, self._pending, self._asked = None, None, "", None
        self._awaited = path if path and not (path / "run.toml").is_file() else None
        if path is not None and self._awaited is None:
            try:
                self._following = Following(path)
            except StudioError as error:
                self.show_error(error)
        self._tell_empty("It shows as soon as its training begins.")
        run = self._following.run if self._following else None
        self.view.show_run(run)
        self._pages.setCurrentIndex(0 if run is None else 1)
        self._transport.setVisible(run is not None)
        self._inspector.setVisible(run is not None and self._toggle.isChecked())
        self._toggle.setVisible(run is not None)
        self._look()
        if self.isVisible():
            self._timer.start()

    def on_event(self, event: Event) -> None:
        """Take what a training in this window tells faster than its folder, and drawn pictures."""
        if isinstance(event, Started):
            self._device = event.device
            if self._asked is None and event.run is not None:
                self._started = event.run.absolute()
                self.show_error(None)
        elif isinstance(event, Progress) and event.memory and self._started is not None:
            self._live = (self._started, event)
        elif isinstance(event, Progress):
            self._tell_preparation(event)
        elif isinstance(event, Notice) and self._started in (None, self._path()):
            self._tell_notice(event)
        elif isinstance(event, Saved):
            self._pending = f"Saved step {event.step:,}"
            self._look()
        elif isinstance(event, Done):
            self._on_done(event)

    def show_error(self, error: StudioError | None) -> None:
        """Tell an error above the curves; what was asked for is no longer waited for."""
        super().show_error(error)
        if error is not None:
            self._asked, self._pending = None, ""
            self._look()

    def tick(self) -> None:
        """Take what the folder has that is new; a timer calls this while the panel is visible."""
        following = self._following
        if following is None:
            if self._awaited is None:
                self._timer.stop()
            elif (self._awaited / "run.toml").is_file():
                self.show_run(self._awaited)
            return
        if following.poll():
            self._draw()
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
        self.view.set_curves(following.curves(), following.marks())
        self.view.set_films(following.films)
        notice = following.notice()
        if notice is not None:
            self._tell_notice(notice)

    def _show_facts(self) -> None:
        """Write the numbers, and show the buttons that the state allows."""
        following = self._following
        if following is None:
            return
        run, pace = following.run, self._pace(following)
        training = run.state == "training"
        total = max(pace.total, 1)
        state = "Paused" if following.is_paused else STATES[run.state]
        left = duration(pace.left) if pace.left is not None and training else "–"
        newest = max(run.checkpoints, default=None)
        self.inspector.tell({
            "State": state, "Step": f"{pace.step:,} of {pace.total:,}",
            "Speed": f"{number(pace.images_per_second)} pictures/s" if (
                pace.images_per_second) else "",
            "Time left": left, "Trained for": duration(pace.seconds),
            "Memory": f"{pace.memory / 1e9:.1f} GB" if pace.memory else "",
            "Device": self._device,
            "Checkpoint": f"step {newest:,}" if newest is not None else "none yet",
        })
        self._bar.setValue(round(1000 * min(pace.step / total, 1)))
        said = [self._pending or state, f"{100 * pace.step / total:.0f} %"]
        if training and pace.left is not None and not following.is_paused:
            said.append(f"{left} left")
        if following.behind:
            said.append(f"reading {following.behind / 1e6:.0f} MB more")
        if following.bad_lines:
            said.append(f"{following.bad_lines} unreadable lines")
        self._line.setText(" · ".join(said))
        self._show_buttons(following)

    def _show_buttons(self, following: Following) -> None:
        run = following.run
        training = run.state == "training"
        resumable = run.state in ("stopped", "interrupted") and bool(run.checkpoints)
        longer = run.state == "finished" and not run.shipped
        for button, shown in ((self._pause, training), (self._stop, training),
                              (self._save, training), (self._resume, resumable),
                              (self._longer, longer)):
            button.setVisible(shown)
        self._sample.setVisible(bool(run.checkpoints) or training)
        self._sample.setEnabled(self._asked is None)
        paused = following.is_paused
        if self._pause.property("iconName") != ("play" if paused else "pause"):
            self._pause.setText("Continue" if paused else "Pause")
            theme.set_icon(self._pause, "play" if paused else "pause")

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
        if self._asked is None and event.unit != "steps":
            share = f"{100 * event.step / event.total:.0f} %" if event.total else (
                f"{event.step:,} {event.unit}")
            self._pending = f"Preparing the data: {share}"
            self._tell_empty(self._pending)
            self._show_facts()

    def _tell_empty(self, says: str) -> None:
        if self._awaited is None:
            self._empty.tell("No run is open", "Choose one in the library, or start a new one.",
                             offers=True)
        else:
            self._empty.tell(f"There is no run {self._awaited.name} yet", says, offers=False)

    def _tell_notice(self, notice: Notice) -> None:
        if notice != self._told:
            self._told = notice
            self._card.tell(notice)

    def _on_done(self, event: Done) -> None:
        self._pending = ""
        if self._asked is not None and "steps" not in event.result:
            if event.images is not None and self._asked.run == self._path():
                self.view.show_drawn(event.images, f"Drawn now, seed {self._asked.seed:,}")
            self._asked = None
        else:
            self._started = self._live = None
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
        self._pending = "Stopping, and saving"
        self.requested.emit(Stop(self._path()))
        self._later()

    def _ask_save(self) -> None:
        self._pending = "Saving"
        self.requested.emit(Save(self._path()))
        self._later()

    def _ask_resume(self, times: float | None = None) -> None:
        following = self._following
        if following is not None:
            steps = math.ceil(following.run.config.train.steps * times) if times else None
            self._pending = "Starting"
            self._told = None
            self._card.hide()
            self.requested.emit(Resume(following.path, steps))
            self._later()

    def _ask_sample(self) -> None:
        following = self._following
        if following is not None:
            self._asked = Draw(following.path, following.run.config.sample.count, frames=False,
                               seed=random.randrange(2**31))
            self._pending = "Drawing"
            self._show_facts()
            self.requested.emit(self._asked)

    def _later(self) -> None:
        """Look again once what was asked may have happened."""
        self._show_facts()
        self._settling.start()

    def _settle(self) -> None:
        if self._asked is None:
            self._pending = ""
        self._copy.setText("Copy command")
        self._look()

    def _copy_command(self) -> None:
        path = self._path()
        if path is not None:
            QGuiApplication.clipboard().setText(commands.as_command(Resume(path)))
            self._copy.setText("Copied")
            self._settling.start()

    # --- building ---------------------------------------------------------------------------------

    def _made_transport(self) -> QWidget:
        bar = QWidget()
        self._pause = self._button("Pause", "pause", self._ask_pause,
                                   "Wait at the next step; nothing is lost", primary=True)
        self._resume = self._button("Resume", "play", self._ask_resume,
                                    "Go on from the newest checkpoint", primary=True)
        self._longer = self._button("Train longer", "play", lambda: self._ask_resume(1.5),
                                    "Go on for half as many steps again")
        self._stop = self._button("Stop", "stop", self._ask_stop, "Save and end; resume any time")
        self._save = self._button("Save now", "save", self._ask_save, "Write a checkpoint now")
        self._sample = self._button("Sample now", "image", self._ask_sample,
                                    "Draw new pictures from the weights as they stand")
        self._bar = QProgressBar()
        self._bar.setRange(0, 1000)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Share of the training that is done")
        self._line = theme.say(QLabel(), "number")
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID)
        for button in (self._pause, self._resume, self._longer, self._stop, self._save,
                       self._sample):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(self._line)
        column = QVBoxLayout(bar)
        column.setContentsMargins(2 * GRID - GRID // 2, GRID // 2, GRID, GRID // 2)
        column.setSpacing(GRID)
        column.addWidget(self._bar)
        column.addLayout(buttons)
        return bar

    def _button(self, text: str, icon: str, act: Callable[[], None], tip: str,
                primary: bool = False) -> QPushButton:
        button = QPushButton(text)
        button.setProperty("primary", primary)
        button.setToolTip(tip)
        theme.set_icon(button, icon)
        button.clicked.connect(lambda: act())
        return button

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
