"""A walk through points of a latent space: drawn in the background, played, scrubbed, exported."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from hybridstudio.config.models.base import Space
from hybridstudio.errors import StudioError
from hybridstudio.gui.anatomy import alone
from hybridstudio.gui.drawing import classes
from hybridstudio.gui.fold import Fold
from hybridstudio.gui.images import ImageSheet
from hybridstudio.gui.latentstate import How, Spot, draft_of, with_label
from hybridstudio.gui.latenttold import untold, walk_command, walk_settings, walk_told
from hybridstudio.gui.latentview import LatentView
from hybridstudio.gui.pointlist import PointList
from hybridstudio.gui.sheetexport import WALK
from hybridstudio.gui.stopstrip import StopStrip
from hybridstudio.gui.theme import GRID
from hybridstudio.gui.undoing import History
from hybridstudio.gui.walkbar import WalkBar
from hybridstudio.gui.walker import Walker
from hybridstudio.gui.walkform import Walk, WalkForm
from hybridstudio.messages import Event
from hybridstudio.points_kept import Kept
from hybridstudio.runs import Run

SOON = 60  # ms after a change until frames are asked for


class LatentWalkPanel(LatentView):
    """Frames between kept points or seeds; playing them is only looking them up."""

    TITLE = VIEW = "Walk"
    EXPORTS = WALK
    SAYS = "From point to point through the latent space, as a film."
    HELP = (
        "<p>A walk goes from code to code and draws a picture at every step. The strip holds the "
        "points it goes through: drag them to another place, Delete takes one away, R gives it "
        "another seed. Points that you kept in the grid, or found for a picture of yours, can be "
        "added.</p><p>Space plays, the arrow keys scrub. Frames are drawn ahead in the background, "
        "those of a diffusion first as drafts. With <b>speed by change of pixels</b> every frame "
        "differs equally much from the one before.</p>")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.history: History[tuple[Walk, How]] = History((Walk(), How()))
        self._at = np.zeros(1)  # the places of the frames
        self._is_paced = False
        self.walker = Walker(self.requested.emit, self)
        self.walker.arrived.connect(self._on_arrived)
        self.walker.finished.connect(self._on_finished)
        self.view = ImageSheet()
        self.view.setAccessibleName("Frame of the walk")
        self.strip, self.bar = StopStrip(self.points), WalkBar()
        self.walk_form, self.list = WalkForm(), PointList(("Add to the walk",))
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.view, 1)
        column.addWidget(self.strip)
        self.set_content(content)
        self.set_transport(self.bar)
        self.bar.words.addWidget(self.readout, 1)
        self.bar.words.addWidget(self.bar.says)
        self.set_inspector(self._made_inspector())
        self._soon = QTimer(self, interval=SOON, singleShot=True)
        self._soon.timeout.connect(self._ask)
        self._connect()

    def _made_inspector(self) -> QWidget:
        parts = QWidget()
        column = QVBoxLayout(parts)
        column.setSpacing(GRID)
        self.mix_fold = Fold("Classes", self.mix, "Blend the classes that the model learned",
                             False)
        self.own_fold = Fold("Your own picture", self.own, "Find a picture of yours", False)
        self.form_fold = Fold("Drawing", self.form, "How codes become pictures")
        for fold in (Fold("Walk", self.walk_form, "How the walk goes"),
                     Fold("Points", self.list, "Points that you kept of this space"),
                     self.mix_fold, self.own_fold, self.form_fold):
            column.addWidget(fold)
        column.addStretch(1)
        return parts

    def _connect(self) -> None:
        self.strip.changed.connect(
            lambda stops: self._take(replace(self.walk, stops=stops)))
        self.strip.chosen.connect(lambda stop: self._go(self.walk.frame_of(stop)))
        self.walk_form.changed.connect(self._take)
        self.bar.moved.connect(self._show_frame)
        self.list.used.connect(self._add)
        self.list.forgotten.connect(self.forget)

    # --- what is shown ----------------------------------------------------------------------------

    @property
    def walk(self) -> Walk:
        """The walk as it is set."""
        return self.history.state[0]

    def begin(self, run: Run, space: Space) -> None:
        """Show a walk of seeds through another space."""
        seeds = tuple(spot for spot in self.walk.stops if spot.is_seed)
        walk = replace(self.walk, stops=seeds if len(seeds) > 1 else Walk().stops)
        self.history.begin((walk, self.how))
        self.walker.drop()
        self.view.set_images(None)
        shape = run.config.shape
        self.mix_fold.setVisible(bool(classes(run)))
        self.own_fold.setVisible(bool(space.finds) and not shape.is_points)
        self.form_fold.setVisible(self.form.is_needed(run))
        self.own.expect(shape.height, shape.channels, space)
        self._show()

    def show_run(self, path: Path | None) -> None:
        """Show a walk through a run's space; what was drawn stays while nothing of it changed."""
        before = (self.run_shown, self.how)
        super().show_run(path)
        if (self.run_shown, self.how) == before and self.walker.done == len(self.walker.frames) > 0:
            self._soon.stop()

    def _show(self) -> None:
        walk, space = self.walk, self.space
        self.strip.show_stops(walk.stops)
        self.walk_form.show_walk(walk, space is not None and space.is_normal)
        self.bar.loops = walk.loop
        self.form.show_how(self.how)
        self.mix.show_mix(self.how.mix)

    def show_points(self) -> None:
        """Show the points that are kept, as they are on the disk now."""
        self.list.show_points(self.points())

    def refresh(self) -> None:
        """Ask for the walk's frames, once the hand rests."""
        self._soon.start()

    def _ask(self) -> None:
        run, space = self.run_shown, self.space
        if run is None or space is None or not self.is_ready or not self.isVisible():
            return
        if run.config.shape.is_points:
            self.view.empty = "Points of the plane have no pictures to walk through.\n" \
                              "The view Grid shows where their codes land."
            self.view.update()
            return
        self._at, self._is_paced = self.walk.places(), False
        self._draw()

    def _draw(self) -> None:
        """Have the frames drawn at the places as they stand."""
        run, space = self.run_shown, self.space
        assert run is not None
        assert space is not None
        points = self.coder.codes(run, self.how, space, self.walk.stops)
        if points is None:
            return
        codes, how = self.walk.codes(space, points, self._at), self.how
        self.walker.head = self.bar.slider.value()
        self.walker.begin(codes, lambda part: how.decode(run, part), draft_of(run, how))
        self._show_there()

    def _on_arrived(self, first: int, many: int) -> None:
        self.show_error(None)
        self._show_there()
        here = self.bar.slider.value()
        if first <= here < first + many or self.view.images() is None:
            self._show_frame(here)
        if not self._is_paced:
            for stop in range(len(self.walk.stops)):
                place = self.walk.frame_of(stop)
                if first <= place < first + many:
                    self.strip.show_picture(stop, self.walker.frames[place])
        self.show_state()

    def _on_finished(self) -> None:
        """Where speed is to be even in pixels, measure and draw once more at other places."""
        frames = [frame for frame in self.walker.frames if frame is not None]
        if self.walk.pace == "pixels" and not self._is_paced and len(frames) > 2:
            self._at, self._is_paced = self.walk.paced(self._at, frames), True
            self._draw()

    def _show_there(self) -> None:
        self.bar.show_frames([frame is not None for frame in self.walker.frames])

    def _show_frame(self, place: int) -> None:
        self.walker.head = place
        frames = self.walker.frames
        if place < len(frames) and (frame := frames[place]) is not None:
            self.view.set_images(frame[None])
            self.readout.setText(f"frame {place + 1:,} of {len(frames):,}")

    def show_state(self) -> None:
        """Offer what can be done now."""
        frames = self.walker.frames
        self.export.setEnabled(self.is_ready and bool(frames)
                               and all(frame is not None for frame in frames))
        self.show_copy(untold(self.walk.stops, self.names))

    # --- changes ----------------------------------------------------------------------------------

    def _add(self, spot: Spot, _use: str) -> None:
        self.how = with_label(self.how, spot.label)
        self.strip.insert(spot)

    def place_found(self, point: Kept) -> None:
        """Go through a point that was found."""
        self._add(Spot.kept(point), "")

    def _go(self, frame: int) -> None:
        self.bar.stop()
        self.bar.slider.setValue(frame)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Scrub and play with the keys that no field takes."""
        if not self.bar.takes(Qt.Key(event.key())):
            super().keyPressEvent(event)

    # --- events and files -------------------------------------------------------------------------

    def on_other(self, request: object, event: Event) -> None:
        """Take the frames that were asked for."""
        self.walker.answer(request, event)

    def on_failure(self, request: object, error: StudioError) -> None:
        """Tell what could not be drawn."""
        self.walker.failed(request)
        super().on_failure(request, error)

    def command(self, run: Run) -> str:
        """Return the command line that draws the same walk."""
        return walk_command(run, self.walk, self.how, self.bar.interval)

    def read(self, settings: dict[str, Any], run: Run) -> Walk:
        """Return the walk of a file."""
        walk = walk_told(settings, run, self.walk)
        self.bar.show_interval(settings.get("ms", self.bar.interval))
        return walk

    def _material(self) -> dict[str, Any]:
        run = self.run_shown
        assert run is not None
        frames = [frame for frame in self.walker.frames if frame is not None]
        ms = self.bar.interval
        return {"images": np.stack(frames), "columns": math.ceil(math.sqrt(len(frames))),
                "settings": walk_settings(run, self.walk, self.how, self.names, ms),
                "ms": ms, "loop": self.walk.loop}


if __name__ == "__main__":
    sys.exit(alone(LatentWalkPanel))
