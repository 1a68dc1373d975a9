"""What the views of a latent space share: the run, how codes are drawn, points, asking."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtGui import (
    QDragEnterEvent,
    QDropEvent,
    QHideEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget

from hybridstudio import pictures, points_kept, runs
from hybridstudio.config.models.base import Space
from hybridstudio.errors import StudioError
from hybridstudio.gui import theme
from hybridstudio.gui.anatomy import Panel
from hybridstudio.gui.card import Card
from hybridstudio.gui.checkpointwatch import CheckpointWatch
from hybridstudio.gui.classmix import ClassMix
from hybridstudio.gui.drawing import classes
from hybridstudio.gui.howform import HowForm
from hybridstudio.gui.latentasking import Asking, Coder
from hybridstudio.gui.latentstate import (
    How,
    able_runs,
    draft_of,
    single_label,
    space_of,
    spaces_of,
)
from hybridstudio.gui.nospace import NoSpace
from hybridstudio.gui.ownpicture import OwnPicture
from hybridstudio.gui.startpicture import dropped_picture
from hybridstudio.gui.wishes import Cancel, Open
from hybridstudio.messages import Codes, Decode, Decoded, Encode, Encoded, Event, Images, Notice
from hybridstudio.points_kept import Kept
from hybridstudio.runs import Run


class LatentPage(Panel):
    """A view of one run's latent space; `begin` and `refresh` are what a view fills in."""

    TITLE = "Latent"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.run_shown: Run | None = None
        self.how = How()
        self._path: Path | None = None
        self.names: frozenset[str] = frozenset()  # of the points kept, as they were last read
        self.asking = Asking(self.requested.emit, self)
        self.asking.drawn.connect(self.on_drawn)
        self.asking.changed.connect(self.show_state)
        self.coder = Coder(self.requested.emit, self)
        self.coder.known.connect(self.refresh)
        self.form, self.mix = HowForm(), ClassMix()
        self.own = OwnPicture()
        self.own.given.connect(self._encode)
        self.own.found.connect(self._found)
        self.own.cancelled.connect(lambda: self.requested.emit(Cancel()))
        self.own.failed.connect(self.show_error)
        self.setAcceptDrops(True)
        self.readout = theme.say(QLabel(" "), "number")
        self.readout.setMinimumWidth(1)
        self.nothing = NoSpace()
        self.nothing.chosen.connect(
            lambda path: self.requested.emit(Open(self.objectName() or "latent", path)))
        self.notice = Card()
        self.notice.hide()
        self._stack = QStackedWidget()
        self._stack.addWidget(self.nothing)
        canvas = QWidget()
        column = QVBoxLayout(canvas)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.notice)
        column.addWidget(self._stack, 1)
        self.set_canvas(canvas)
        self._following = CheckpointWatch(self)
        self._following.changed.connect(lambda: self.show_run(self._path))

    # --- what a view fills in ---------------------------------------------------------------------

    def begin(self, run: Run, space: Space) -> None:
        """Show another run, or the same after its space changed."""

    def refresh(self) -> None:
        """Ask for what is shown; nothing where there is no run or no code yet."""

    def on_drawn(self, wanted: Decode, told: Decoded) -> None:
        """Show the pictures of what was wanted."""

    def show_state(self) -> None:
        """Show whether something is being drawn."""

    # --- the run ----------------------------------------------------------------------------------

    def set_content(self, content: QWidget) -> None:
        """Put in what stands where there is a space."""
        self._stack.addWidget(content)

    @property
    def space(self) -> Space | None:
        """The space that is shown."""
        return space_of(self.run_shown, self.how) if self.run_shown is not None else None

    @property
    def is_ready(self) -> bool:
        """Whether there is a space and something to draw with."""
        run = self.run_shown
        return run is not None and bool(spaces_of(run)) and (
            bool(run.checkpoints) or run.state == "training")

    def show_run(self, path: Path | None) -> None:
        """Show a run's latent space; what was set stays while it is the same run."""
        before, is_other = self.run_shown, path != self._path
        error = run = None
        try:
            run = runs.read(path) if path is not None and path.exists() else None
        except StudioError as fault:
            error = fault
        if is_other:
            self.asking.drop()
            self.show_error(None)
            self.notice.hide()
        if error is not None:
            self.show_error(error)
        self.run_shown, self._path = run, path
        if run is not None:
            is_fresh = is_other or before is None or spaces_of(before) != spaces_of(run)
            self.how = How.of(run) if is_fresh else self.how.fitting(run)
            self._show_how(run)
            if self.is_ready and is_fresh and (space := self.space) is not None:
                self.readout.setText(" ")  # what was told of another run
                self.begin(run, space)
        self._show_anatomy()
        if self.is_ready:
            self.show_points()
            self.refresh()
        self.show_state()
        self._following.watch(run)

    def _show_how(self, run: Run) -> None:
        self.form.show_run(run, self.how)
        self.mix.show_classes(classes(run))
        self.mix.show_mix(self.how.mix)

    def _show_anatomy(self) -> None:
        """Show the space, or why there is none."""
        ready, run = self.is_ready, self.run_shown
        self._stack.setCurrentIndex(1 if ready and self._stack.count() > 1 else 0)
        self._transport.setVisible(ready)
        has_parts = ready and self._inspector.widget() is not None
        self._toggle.setVisible(has_parts)
        self._inspector.setVisible(has_parts and self._toggle.isChecked())
        if ready:
            return
        if self._path is None or run is None:
            self.nothing.tell("No model is chosen" if self._path is None else
                              f"Getting {self._path.name} ready…",
                              "Choose one in the library, and its latent space opens here."
                              if self._path is None else "There is something to draw from once its "
                              "training has begun.", able_runs() if self._path is None else ())
        elif not spaces_of(run):
            why = run.config.model.no_space or f"A {run.config.model.family} draws nothing."
            self.nothing.tell(f"{run.name} has no latent space", why, able_runs())
        else:
            self.nothing.tell(f"{run.name} has no checkpoint yet",
                              "Let it train until its first save.", ())

    # --- following a training ---------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        """Follow a run that trains while it is looked at."""
        super().showEvent(event)
        self._following.watch(self.run_shown)

    def hideEvent(self, event: QHideEvent) -> None:
        """Follow nothing unseen."""
        super().hideEvent(event)
        self._following.stop()

    # --- asking -----------------------------------------------------------------------------------

    def want(self, codes: Codes, labels: tuple[int, ...] = (), side: int = 0) -> None:
        """Ask for pictures of codes as they are drawn now; `side` of a sheet that they fill."""
        if self.run_shown is not None:
            self.asking.want(self.how.decode(self.run_shown, codes, labels),
                             draft_of(self.run_shown, self.how), side)

    def on_answer(self, request: object, event: Event) -> None:
        """Give an event to the part that asked."""
        if isinstance(event, Notice):
            self.notice.tell(event)
        elif not any(part.answer(request, event)
                     for part in (self.asking, self.coder, self.own)):
            self.on_other(request, event)

    def on_other(self, request: object, event: Event) -> None:
        """Take an event of a request that the view itself made."""

    def on_failure(self, request: object, error: StudioError) -> None:
        """Tell what could not be drawn, where it would have been."""
        self.asking.failed(request)
        self.own.failure(request)
        self.show_error(error)

    def drawn_well(self) -> None:
        """Take an error away once something was drawn again."""
        self.show_error(None)

    # --- points -----------------------------------------------------------------------------------

    def points(self) -> tuple[Kept, ...]:
        """Return the points kept of the space that is shown."""
        points = self.kept("point")
        self.names = frozenset(point.name for point in points)
        return points

    def kept(self, kind: points_kept.Kind) -> tuple[Kept, ...]:
        """Return what is kept of the space that is shown; tell where it cannot be read."""
        run, space = self.run_shown, self.space
        if run is None or space is None:
            return ()
        try:
            return tuple(thing for thing in points_kept.read(run.path, space.name, kind)
                         if len(thing.code) == space.dimensions)
        except StudioError as error:
            self.show_error(error)
            return ()

    def keep(self, name: str, code: Codes, kind: points_kept.Kind = "point",
             label: int | None = None, picture: Images | None = None) -> Kept | None:
        """Keep a point or direction under a name that is still free, and tell it."""
        run, space = self.run_shown, self.space
        if run is None or space is None:
            return None
        try:
            free = points_kept.free_name(run.path, space.name, kind, name)
            thing = Kept(free, space.name, np.asarray(code, np.float32), kind, label, picture)
            points_kept.keep(run.path, thing)
        except StudioError as error:
            self.show_error(error)
            return None
        self.show_points()
        self.readout.setText(f"Kept {thing.name}")
        return thing

    def forget(self, thing: Kept) -> None:
        """Keep a point or direction no longer; it can be brought back."""
        run = self.run_shown
        if run is None:
            return

        def back() -> None:
            points_kept.keep(run.path, thing)
            self.notice.hide()
            self.show_points()

        try:
            points_kept.forget(run.path, thing)
        except StudioError as error:
            self.show_error(error)
            return
        self.show_points()
        self.notice.tell(Notice(f"{thing.name} is not kept any more"), ("Undo", back))

    def show_points(self) -> None:
        """Show the points that are kept, as they are on the disk now."""

    # --- a picture of the user's ------------------------------------------------------------------

    def start_from(self, path: Path) -> None:
        """Find the code of a picture of the user's."""
        space = self.space
        if space is None or not space.finds:
            name = self.run_shown.name if self.run_shown is not None else "no model"
            self.notice.tell(Notice(f"No picture can be found in {name}", "it learned points of "
                                    "the plane, or has no latent space", "choose another model",
                                    "warning"))
        else:
            self.own.open(path)

    def place_found(self, point: Kept) -> None:
        """Put a point that was found where the view has use for it."""

    def _encode(self, picture: Images, name: str) -> None:
        run = self.run_shown
        if run is None:
            return
        request = Encode(run.path, picture[None], self.how.space, None,
                         None, dict(self.how.knobs), self.how.step, self.how.weights)
        self.own.begin(request, name)
        self.requested.emit(request)

    def _found(self, told: Encoded, name: str) -> None:
        label = told.labels[0] if told.labels else single_label(self.how)
        point = self.keep(name, told.codes[0], "point", label, told.images[0])
        if point is not None:
            self.place_found(point)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take a picture to find; one that carries settings is the window's to restore."""
        space = self.space if self.is_ready else None
        path = dropped_picture(event) if space is not None and space.finds else None
        if path is not None and pictures.read_settings(path) is None:
            event.acceptProposedAction()
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        """Find the code of the picture that was dropped."""
        if path := dropped_picture(event):
            self.start_from(path)
