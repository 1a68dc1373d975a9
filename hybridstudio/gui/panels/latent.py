"""A grid of a latent space between four corners, and sliders that the whole of it follows."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QVBoxLayout, QWidget

from hybridstudio.config.models.base import Space
from hybridstudio.gui.anatomy import alone
from hybridstudio.gui.cellview import CORNERS
from hybridstudio.gui.latentparts import LatentParts
from hybridstudio.gui.latentstate import How, Spot, Square, single_label, with_label
from hybridstudio.gui.latenttold import command_of, settings_of, square_told, untold
from hybridstudio.gui.latentview import LatentView
from hybridstudio.gui.planeview import PlaneView, lattice
from hybridstudio.gui.spottag import SpotTag
from hybridstudio.gui.squarebar import SquareBar
from hybridstudio.gui.squareview import SquareView
from hybridstudio.gui.stepfilm import StepFilm
from hybridstudio.gui.undoing import History
from hybridstudio.messages import (
    Codes,
    Decode,
    Decoded,
    Directed,
    Directions,
    Done,
    Event,
    Progress,
)
from hybridstudio.points_kept import Kept
from hybridstudio.runs import Run


class LatentPanel(LatentView):
    """Codes between four corners as a sheet of pictures; whatever is dragged, the sheet follows."""

    VIEW = "Grid"
    SAYS = "Four corners of the latent space and all that lies between them."
    HELP = (
        "<p>A generative model draws a picture from a <b>code</b>, a point of its latent space: a "
        "GAN's z, a VAE's μ, the noise x<sub>T</sub> of a diffusion. The grid shows the pictures "
        "of all codes between those of four corners.</p>"
        "<p>Roll a corner with the wheel or by dragging its picture. Draw around cells or "
        "double-click one to zoom in, Backspace leads back out. Click a cell to look at it, to "
        "keep it as a point or to use it as a corner. Drop a picture of yours to find its code.</p>"
        "<p>The sliders move all codes at once along a direction. Ctrl+Z undoes.</p>")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.history: History[tuple[Square, How]] = History((Square(), How()))
        self._codes: Codes | None = None  # of what is shown
        self._wanted: Codes | None = None  # of what was asked for last
        self._spots: Codes | None = None  # of the corners
        self._cell = -1
        self._into = 0  # the corner that a picture is put into
        self._asked: Directions | None = None
        self.corners = tuple(SpotTag(f"{words.capitalize()} corner", self.points)
                             for words in CORNERS)
        self.view = SquareView(corners=self.corners)
        self.plane = PlaneView()
        self.bar, self.film = SquareBar(), StepFilm()
        self.parts = LatentParts(self.form, self.mix, self.own, self.points)
        self.sliders, self.cell = self.parts.sliders, self.parts.cell
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for widget, stretch in ((self.bar, 0), (self.view, 1), (self.plane, 1)):
            column.addWidget(widget, stretch)
        self.plane.hide()
        self.set_content(content)
        self.set_transport(self.film)
        self.film.words.addWidget(self.readout, 1)
        self.set_inspector(self.parts)
        self._connect()

    def _connect(self) -> None:
        for place, tag in enumerate(self.corners):
            tag.chosen.connect(lambda spot, place=place: self._corner(place, spot))
            tag.pictured.connect(lambda place=place: self._picture_into(place))
        view, bar, parts = self.view, self.bar, self.parts
        view.rolled.connect(lambda place, by: self.corners[place].roll(by))
        view.selected.connect(self._select)
        for pointing in (view, self.plane):
            pointing.pointed.connect(lambda words: self.readout.setText(words or " "))
        view.spanned.connect(lambda a, b: self._zoom(self.square.cells(a, b)))
        view.entered.connect(lambda cell: self._zoom(self.square.cells(cell, cell)))
        view.left.connect(lambda: self._level(len(self.square.windows) - 1))
        view.wheeled.connect(self._wheel)
        bar.sized.connect(lambda side: self._take(replace(self.square, side=side), "side"))
        bar.straight.connect(lambda on: self._take(replace(self.square, linear=on)))
        bar.level.connect(self._level)
        bar.rolled.connect(self.roll)
        bar.reset.connect(lambda: self._take(Square()))
        self.sliders.changed.connect(
            lambda edits, field: self._take(replace(self.square, edits=edits), field))
        self.sliders.wanted.connect(self._find)
        self.sliders.named.connect(self._keep_direction)
        self.sliders.forgotten.connect(self._forget_direction)
        parts.styled.connect(lambda style, begins: self._take(
            replace(self.square, style=style, begins=begins), "style"))
        self.cell.kept.connect(self._keep_cell)
        self.cell.placed.connect(self._cell_as_corner)
        self.cell.nearest.wanted.connect(self.requested)
        parts.list.used.connect(lambda spot, use: self._place(parts.uses.index(use), spot))
        parts.list.forgotten.connect(self.forget)
        self.film.chosen.connect(lambda step: self.with_how(replace(self.how, step=step), "film"))
        QShortcut(QKeySequence("Ctrl+S"), self, self.cell.keep,
                  context=Qt.ShortcutContext.WidgetWithChildrenShortcut)

    # --- what is shown ----------------------------------------------------------------------------

    @property
    def square(self) -> Square:
        """The grid as it is set."""
        return self.history.state[0]

    @property
    def _key(self) -> tuple[Square, How]:
        """What is the same for the same grid drawn with another checkpoint."""
        return self.square, replace(self.how, step=None)

    def begin(self, run: Run, space: Space) -> None:
        """Show the first seeds of a run or of another space of it."""
        keeps_seeds = replace(Square(), corners=tuple(
            spot if spot.is_seed else Spot(place) for place, spot in
            enumerate(self.square.corners)), side=self.square.side, linear=self.square.linear)
        self.history.begin((keeps_seeds, self.how))
        self._cell, self._codes = -1, None
        self.film.strip.forget()
        self.view.set_images(None)
        self.cell.show_none()
        self.cell.meter.setVisible(space.is_normal)
        shape = run.config.shape
        for widget in (self.view, self.bar):
            widget.setVisible(not shape.is_points)
        self.plane.setVisible(shape.is_points)
        self.sliders.forget()
        self.parts.show_space(run, space)
        self._show()

    def show_run(self, path: Path | None) -> None:
        """Show a run's latent space; what was set stays while it is the same run."""
        super().show_run(path)
        run = self.run_shown
        self.film.show_steps(run.checkpoints if run is not None else (), self.how.step)

    def _show(self) -> None:
        """Show the state in all its widgets, without telling."""
        square, space = self.square, self.space
        for tag, spot in zip(self.corners, square.corners, strict=True):
            tag.show_spot(spot)
        self.view.set_side(square.side)
        self.view.is_whole = not square.windows
        self.bar.show_square(square, space is not None and space.is_normal)
        self.sliders.show_edits(square.edits)
        self.parts.show_style(square.style, square.begins)
        self.form.show_how(self.how)
        self.mix.show_mix(self.how.mix)
        self.film.show_step(self.how.step)
        self.film.strip.show_key(self._key)

    def show_points(self) -> None:
        """Show the points and directions kept, as they are on the disk now."""
        space = self.space
        if space is not None:
            self.parts.list.show_points(self.points())
            self.sliders.show_space(space, self.kept("direction"))

    def refresh(self) -> None:
        """Ask for the sheet as it is set."""
        run, space = self.run_shown, self.space
        if run is None or space is None or not self.is_ready or not self.isVisible():
            return
        if run.config.shape.is_points:
            self.want(self.square.changed(space, lattice(space), np.zeros((0, 0), np.float32))
                      if self.square.style is None else lattice(space))
            return
        spots = self.coder.codes(run, self.how, space, self.square.spots)
        if spots is None:
            return
        self._spots = spots
        self._wanted = codes = self.square.codes(space, spots)
        if space.is_normal:
            self.cell.meter.show_square(space, spots[:4], self.square.linear)
        self.want(codes, side=self.square.side)

    def on_drawn(self, wanted: Decode, told: Decoded) -> None:
        """Show the sheet that was wanted last; of a cell its picture and norm too."""
        self.drawn_well()
        self._codes = wanted.codes
        if told.points is not None:
            self.plane.show_points(wanted.codes, told.points)
            return
        some = f", {self.asking.count} of {len(told.images)} pictures" if (
            self.asking.count < len(told.images)) else ""
        self.view.badge = f"draft, {told.nfe} evaluations{some}" if told.is_draft else ""
        self.view.set_images(told.images)
        self._show_cell()
        if not told.is_draft:
            is_newest = wanted.codes is self._wanted  # a hand that moves is ahead of what is drawn
            self.film.drawn(wanted.step, told.images if is_newest else None, self._key)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the film strip out of a page that is low."""
        self.film.fit(self.height())
        super().resizeEvent(event)

    def show_state(self) -> None:
        """Offer what can be done now."""
        has = self.view.images() is not None
        self.show_copy(untold(self.square.spots, self.names))
        self.export.setEnabled(self.is_ready and has and not self.view.badge)

    # --- changes ----------------------------------------------------------------------------------

    def roll(self) -> None:
        """Take other seeds for all corners."""
        seeds = random.SystemRandom().sample(range(100_000), 4)
        self._take(replace(self.square, corners=tuple(map(Spot, seeds)), windows=()))

    def _corner(self, place: int, spot: Spot) -> None:
        self._take(replace(self.square.with_corner(place, spot), windows=()), f"corner {place}")

    def _place(self, place: int, spot: Spot) -> None:
        """Put a point into a corner, with its class where it has one."""
        self.how = with_label(self.how, spot.label)
        self._corner(place, spot)

    def _zoom(self, window: tuple[float, float, float, float]) -> None:
        self._take(self.square.into(window))

    def _level(self, level: int) -> None:
        if level >= 0:
            self._take(replace(self.square, windows=self.square.windows[:level]))

    def _wheel(self, times: float, across: float, down: float) -> None:
        """Zoom where the mouse is: what lies under it stays there."""
        left, top, right, bottom = self.square.window
        wide, high = min(1.0, (right - left) / times), min(1.0, (bottom - top) / times)
        x = min(max(0.0, left + (right - left) * across - wide * across), 1.0 - wide)
        y = min(max(0.0, top + (bottom - top) * down - high * down), 1.0 - high)
        base = replace(self.square, windows=self.square.windows[:-1])
        self._take(base.into((x, y, x + wide, y + high)), "wheel")

    # --- a cell -----------------------------------------------------------------------------------

    def _select(self, cell: int) -> None:
        self._cell = cell
        self._show_cell()

    def _show_cell(self) -> None:
        images, codes = self.view.images(), self._codes
        if images is None or codes is None or not 0 <= self._cell < min(len(images), len(codes)):
            self.cell.show_none()
            return
        assert self.run_shown is not None
        self.cell.show_cell(self.run_shown, images, self._cell, bool(self.view.badge))
        across, down = self.square.place(self._cell)
        self.cell.meter.show_cell(codes[self._cell], (across + down) / 2)

    def _keep_cell(self, name: str) -> None:
        if self._codes is not None and self._cell >= 0:
            images = self.view.images()
            self.keep(name, self._codes[self._cell], "point", single_label(self.how),
                      None if images is None else images[self._cell])

    def _cell_as_corner(self, place: int) -> None:
        """Put the cell into a corner; the directions it was moved along are in its code then."""
        if self._codes is None or self._cell < 0:
            return
        row, column = divmod(self._cell, self.square.side)
        spot = Spot.of(self._codes[self._cell], f"cell {row + 1}, {column + 1}")
        self._take(replace(self.square.with_corner(place, spot), windows=(), edits=()))

    # --- directions -------------------------------------------------------------------------------

    def _find(self, kind: Any) -> None:
        run = self.run_shown
        if run is not None:
            self._asked = Directions(run.path, kind, self.how.space, step=self.how.step,
                                     weights=self.how.weights)
            self.requested.emit(self._asked)

    def _keep_direction(self, name: str) -> None:
        unit = self.sliders.unit()
        if unit is not None and self.keep(name, unit, "direction") is not None:
            self.sliders.choose("kept")

    def _forget_direction(self, name: str) -> None:
        for thing in self.kept("direction"):
            if thing.name == name:
                self.forget(thing)
        self._take(replace(self.square, edits=tuple(
            (direction, amount) for direction, amount in self.square.edits
            if (direction.kind, direction.name) != ("kept", name))))

    def on_other(self, request: object, event: Event) -> None:
        """Take the training pictures or the directions that were looked for."""
        if self.cell.nearest.answer(request, event) or self._asked is None or (
                request is not self._asked):
            return
        if isinstance(event, Directed):
            self.sliders.set_found(self._asked.kind, event)
        elif isinstance(event, Progress) and event.total:
            self.sliders.say(f"Looking for them… {100 * event.step / event.total:.0f} %")
        elif isinstance(event, Done) and event.outcome == "stopped":
            self.sliders.say("The search was ended.")

    def on_failure(self, request: object, error: Any) -> None:
        """Tell what failed where its result would have been."""
        if self.cell.nearest.failure(request, error):
            self.notice.hide()  # that the data were being fetched
            return
        if request is self._asked and request is not None:
            self.sliders.say(f"{error.what}. {error.why}")
        super().on_failure(request, error)

    # --- a picture of the user's ------------------------------------------------------------------

    def _picture_into(self, place: int) -> None:
        self._into = place
        self.parts.own_fold.open()
        self.own.ask()

    def start_from(self, path: Path) -> None:
        """Find the code of a picture of the user's."""
        self.parts.own_fold.open()
        super().start_from(path)

    def place_found(self, point: Kept) -> None:
        """Put a point that was found into the corner that waits for it, moved by nothing."""
        self._take(replace(self.square, edits=()))
        self._place(self._into, Spot.kept(point))
        self._into = (self._into + 1) % len(CORNERS)

    # --- files ------------------------------------------------------------------------------------

    def command(self, run: Run) -> str:
        """Return the command line that draws the same."""
        return command_of(run, self.square, self.how)

    def read(self, settings: dict[str, Any], run: Run) -> Square:
        """Return the grid of a picture's file."""
        return square_told(settings, run)

    def restore(self, settings: dict[str, Any]) -> None:
        """Take the settings of a file, and go along its directions once they are known."""
        super().restore(settings)
        self.sliders.restore(settings.get("move", {}))

    def _material(self) -> dict[str, Any]:
        run, images = self.run_shown, self.view.images()
        assert run is not None
        return {"images": images, "columns": self.square.side,
                "settings": settings_of(run, self.square, self.how, self.names)}


if __name__ == "__main__":
    sys.exit(alone(LatentPanel))
