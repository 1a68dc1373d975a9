"""The window: library, pages, status line, log; and who hears what.

The whole signal graph: every panel has one slot `on_event` and one signal `requested`. What a panel
requests is either a wish (wishes.py), which the window does, or work, which goes to a lane. A
training is heard by the panels with HEARS_TRAINING, other work by the panel that asked.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QTimer
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QMainWindow, QTabWidget

from hybridstudio import runs
from hybridstudio.errors import StudioError
from hybridstudio.gui import jobs, layout, menus, opening, queueing, steering, theme
from hybridstudio.gui.anatomy import Panel
from hybridstudio.gui.card import Card
from hybridstudio.gui.furnishing import Pages
from hybridstudio.gui.jobs import Engine, Lane
from hybridstudio.gui.leaving import Leaving
from hybridstudio.gui.library import Library
from hybridstudio.gui.log import Log
from hybridstudio.gui.pages import PANELS, TRAINING, WORK
from hybridstudio.gui.panels.welcome import WelcomePanel
from hybridstudio.gui.settings import Settings
from hybridstudio.gui.status import StatusBar
from hybridstudio.gui.views import Views
from hybridstudio.gui.wishes import (
    Cancel,
    Compare,
    Look,
    Open,
    Paint,
    Pause,
    Save,
    SetUp,
    Step,
    Stop,
    Tell,
    Wish,
)
from hybridstudio.messages import (
    Done,
    Event,
    Notice,
    Progress,
    Resume,
    Saved,
    Started,
    Train,
)

_P = TypeVar("_P", bound=Panel)


class Window(QMainWindow):
    """The studio's one window; `engine` does the work (tests give a canned one)."""

    def __init__(self, engine: Engine = jobs.engine, warm_up: Engine = jobs.warm_up,
                 settings: Settings | None = None) -> None:
        super().__init__()
        self.settings = settings or Settings()
        self.run: Path | None = None  # the one chosen in the library
        self.trained: Path | None = None  # the one that trains in this window
        self._progress: Progress | None = None  # of the training's steps
        self._askers: dict[Lane, Panel | None] = {}  # for whom each lane works
        self.training = Lane("training", engine=engine, parent=self, every=TRAINING)
        self.work = {name: Lane(name, newest_wins=True, engine=engine, parent=self)
                     for name in dict.fromkeys(WORK.values())}
        self.interactive = self.work["interactive"]
        self.warming = Lane("warm-up", engine=warm_up, parent=self)
        self.library = Library()
        self.building = Pages(self)
        self.pages = self.building.views
        self.tabs, self.banner, self.log, self.status = QTabWidget(), Card(), Log(), StatusBar()
        self.splitters = layout.build(self)
        self._connect()
        self.building.page("welcome")  # the others once the window shows
        menus.build(self)
        self.setAcceptDrops(True)
        self.settings.restore_layout(self, self.splitters)
        self._leaving = Leaving(self, self.training)
        self.left = self._leaving.left
        self._leaving.stuck.connect(self._tell_stuck)
        self._leaving.failed.connect(self.tell)
        self._leaving.left.connect(self.close)
        self._show_title()

    def _connect(self) -> None:
        self.building.built.connect(self._on_built)
        self.building.complete.connect(lambda: self.warming.submit("warm up"))
        self.tabs.currentChanged.connect(self._on_page)
        for page in self.pages.values():
            page.changed.connect(self._show_run)
        self.library.requested.connect(self.ask)
        self.library.chosen.connect(self.choose)
        self.library.opened.connect(self.open_run)
        self.library.removed.connect(self._on_removed)
        self.library.listed.connect(self.building.show_listed)
        self.training.told.connect(self._on_training)
        self.training.failed.connect(self._on_training_failed)
        self.training.state_changed.connect(self._on_training_state)
        for lane in self.work.values():
            lane.told.connect(lambda event, lane=lane: self._on_work(event, lane))
            lane.failed.connect(lambda error, lane=lane: self._on_work_failed(error, lane))
        self.warming.told.connect(self._on_warm)
        self.warming.failed.connect(self.tell)
        self.status.log_button.toggled.connect(self.show_log)
        self.log.grew.connect(self.status.count_unread)

    def start(self) -> None:
        """Build the other pages, follow the library, load torch; called once the window shows."""
        self.page.setFocus()
        self.library.start()
        self.building.build_on()

    @property
    def is_working(self) -> bool:
        """Whether something is being drawn, looked at or estimated."""
        return any(lane.busy for lane in self.work.values())

    # --- pages ------------------------------------------------------------------------------------

    @property
    def panels(self) -> dict[str, Panel]:
        """All panels by name; those that are not there yet are built."""
        return self.building.all()

    def panel(self, kind: type[_P]) -> _P:
        """Return the panel of a kind."""
        name = next(name for name, (_, known) in PANELS.items() if known == kind.__name__)
        found = self.building.page(name).panels[name]
        assert isinstance(found, kind)
        return found

    @property
    def page(self) -> Panel:
        """The panel in front."""
        page = self.tabs.currentWidget()
        assert isinstance(page, Views)
        return self.building.front(page)

    def show_page(self, name: str) -> None:
        """Bring a panel to the front, by its name in PANELS."""
        page = self.building.page(name)
        page.show_view(name)
        self.tabs.setCurrentWidget(page)

    def choose(self, run: Path | None) -> None:
        """Choose a run: the page in front shows it now, the others when they are looked at."""
        self.run = run
        self.library.choose(run)
        if run is not None:
            self.settings.opened(run)
        self._show_run()

    def show_log(self, on: bool) -> None:
        """Show or hide the log drawer."""
        self.log.setVisible(on)
        self.status.log_button.setChecked(on)
        theme.set_icon(self.status.log_button, "down" if on else "up")
        if on:
            self.log.seen()

    def tell(self, told: Notice | StudioError, about: str = "") -> None:
        """Show a notice or an error above the pages, and keep it in the log."""
        self.log.add(told, about)
        self.banner.tell(told)

    def _on_built(self, name: str) -> None:
        """Hear a panel that is there now."""
        panel = self.building.there[name]
        panel.requested.connect(lambda asked: self.ask(asked, panel))
        if name == "compare":
            queueing.connect(self)
            queueing.offer(self)

    def _on_page(self, _place: int) -> None:
        if not self.tabs.tabBar().hasFocus():  # where the arrows go on to the next page
            self.page.setFocus()  # its keys work at once
        self._show_run()

    def _show_run(self) -> None:
        """Let the page in front take up the run; it knows whether that is the one it shows."""
        self.page.show_run(self.run)
        self._show_title()

    def open_run(self, run: Path) -> None:
        """Show a run on its page: a model that ships in Denoise, one of the user's in Train."""
        entry = self.library.entries.get(run)
        self.ask(Open("denoise" if entry is not None and entry.shipped else "train", run))

    # --- what is asked ----------------------------------------------------------------------------

    def ask(self, asked: Any, asker: Panel | None = None) -> None:
        """Do a wish, or give work to its lane; what cannot be done is told where it was asked."""
        try:
            if isinstance(asked, Wish):
                self._grant(asked, asker)
            elif self._leaving.under_way:
                pass  # nothing begins any more: what asks for the next part would never end
            elif isinstance(asked, (Train, Resume)):
                self._train(asked, asker)
            else:
                self._work(asked, asker)
        except StudioError as error:
            self._tell_failure(error, asker, request=asked)

    def _grant(self, wish: Wish, asker: Panel | None) -> None:
        match wish:
            case Stop() | Pause() | Save() | Step():
                steering.steer(wish, self.training, self.trained)
                self._show_title()
            case Cancel():
                for lane in self.work.values():
                    if asker is self._askers.get(lane):
                        lane.stop()
            case Open(panel, run, settings, begins):
                if run is not None:
                    self.choose(run)
                self.show_page(panel)
                if settings is not None:
                    opening.restore_drawing(self, settings)
                if begins:
                    self.page.begin_work()
            case SetUp() | Compare() | Paint():
                opening.prepare(self, wish)
            case Look(path):
                self.open(path)
            case Tell(what):
                self.tell(what)

    def begin(self, request: Train | Resume, asker: Panel | None = None) -> None:
        """Give a training to its lane; raises UsageError while another one runs."""
        self.training.submit(request)
        self._askers[self.training], self._progress = asker, None
        self.trained = request.out if isinstance(request, Train) else request.run

    def _train(self, request: Train | Resume, asker: Panel | None) -> None:
        self.begin(request, asker)
        self.choose(self.trained)
        if not isinstance(asker, WelcomePanel):
            self.show_page("train")

    def _work(self, request: Any, asker: Panel | None) -> None:
        lane = self.work[WORK[type(request)]]
        before = self._askers.get(lane)
        if lane.busy and before is not None and before is not asker:
            # It hears no more of its own work; the count tells it from the end of a training.
            before.on_answer(lane.request, Done("stopped", {"count": 0}))
        self._askers[lane] = asker
        lane.submit(request)

    # --- what is told -----------------------------------------------------------------------------

    def _on_training(self, event: Event) -> None:
        name = self.trained.name if self.trained else ""
        if isinstance(event, Started) and event.run is not None:
            self.trained = event.run
            self.library.refresh()
            self.log.add(f"training began on {event.device}", name)
        elif isinstance(event, Progress):
            if event.unit == "steps":  # not the reading of the data before them
                self._progress = event
        elif isinstance(event, Notice):
            self.log.add(event, name)
            if event.level == "error" and self.page is not self.panels["train"]:
                self.banner.tell(event)
        elif isinstance(event, Saved):
            self.log.add(f"saved at step {event.step:,}", name)
        elif isinstance(event, Done):
            self.log.add(f"training {event.outcome}", name)
        self.status.on_event(event, self._batch())
        for panel in self.panels.values():
            if panel.HEARS_TRAINING:
                panel.on_event(event)
        if isinstance(event, (Started, Saved)) and self.run == self.trained:
            self._show_run()  # there is more of it now
        self._show_title()

    def _on_training_failed(self, error: StudioError) -> None:
        asker = self._askers.get(self.training)
        page = asker if isinstance(asker, WelcomePanel) else self.panels["train"]
        self._tell_failure(error, page, self.trained.name if self.trained else "")

    def _on_training_state(self, state: str) -> None:
        if state == "idle":
            trained, self.trained = self.trained, None
            if trained is not None:
                self.library.tell(trained, "")
                if self.run == trained and (trained / "run.toml").is_file():
                    self._show_run()
                elif self.run == trained:  # it failed before there was a run: nothing to wait for
                    self.run = None
                    self.library.choose(None)
            self.status.rest()
        self._show_title()

    def _on_work(self, event: Event, lane: Lane) -> None:
        if isinstance(event, Notice):
            self.log.add(event)
        if not self.training.busy:
            self.status.on_event(event)
            if isinstance(event, Done):
                self.status.rest()
        if (asker := self._askers.get(lane)) is not None:
            asker.on_answer(lane.request, event)

    def _on_work_failed(self, error: StudioError, lane: Lane) -> None:
        if not self.training.busy:
            self.status.rest()
        self._tell_failure(error, self._askers.get(lane), request=lane.request)

    def _on_warm(self, event: Event) -> None:
        if isinstance(event, Started) and not self.training.busy:
            self.status.on_event(event)
            self.status.rest("ready")

    def _tell_failure(self, error: StudioError, asker: Panel | None, about: str = "",
                      request: Any = None) -> None:
        """Show an error on the page that asked, and above the pages when that one is hidden."""
        self.log.add(error, about)
        if asker is not None:
            asker.on_failure(request, error)
        if asker is None or asker is not self.page:
            self.banner.tell(error)

    def _tell_stuck(self, told: Notice) -> None:
        self.banner.tell(told, ("Leave now", lambda: os._exit(1)))

    def _on_removed(self, run: Path, trashed: Path | None) -> None:
        if run == self.run:
            self.choose(None)
        told = Notice(f"{run.name} was moved to the trash")
        self.log.add(told)
        undo = ("Undo", lambda: self.library.bring_back(run, trashed)) if trashed else None
        self.banner.tell(told, undo)

    def _batch(self) -> int:
        """Return the batch size of the training, to tell pictures a second."""
        request = self.training.request
        if isinstance(request, Train):
            return request.config.train.batch_size
        entry = self.library.entries.get(self.trained) if self.trained else None
        return entry.batch if entry is not None else 0

    def _show_title(self) -> None:
        name = self.run.name if self.run else ""
        if self.trained is not None:
            done = self._progress
            waits = self.training.state == "paused" or runs.is_paused(self.trained)
            state = "paused" if waits else "training"
            says = "getting ready" if done is None and not waits else state
            share = f" {100 * done.step / done.total:.0f} %" if done and done.total else ""
            name = f"{self.trained.name}, {says}{share}"
            self.library.tell(self.trained, state, done.step if done is not None else None)
        title = f"HybridStudio: {name}" if name else "HybridStudio"
        if title != self.windowTitle():
            self.setWindowTitle(title)

    # --- files and leaving ------------------------------------------------------------------------

    def open(self, path: Path) -> None:
        """Open whatever lies at a path; nothing is started or overwritten."""
        opening.open_path(self, path)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files from the desktop."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open the first of the files; the drop itself ends first, so that nothing waits for us."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        if paths:
            QTimer.singleShot(0, self, lambda: self.open(paths[0]))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close at once when nothing runs; otherwise ask, or end the work first."""
        self.settings.keep_layout(self, self.splitters)
        self.settings.save()
        if self._leaving.wanted(self.trained.name if self.trained else ""):
            self.library.stop()
            self.building.stop()
            event.accept()
        else:
            event.ignore()

    def leave(self) -> None:
        """Stop, save and close without asking, as on a signal to end."""
        self.building.stop()
        self._leaving.leave()
