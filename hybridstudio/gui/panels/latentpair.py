"""The same grid of seeds in two models, or in two checkpoints of one, side by side."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from hybridstudio import latents, paths, runs
from hybridstudio.config.models.base import Space
from hybridstudio.gui import theme
from hybridstudio.gui.anatomy import alone
from hybridstudio.gui.cellview import CORNERS
from hybridstudio.gui.flow import Flow
from hybridstudio.gui.latentasking import Coder
from hybridstudio.gui.latentstate import (
    How,
    Spot,
    Square,
    able_runs,
    draft_of,
    how_told,
    single_label,
    space_of,
    spaces_of,
)
from hybridstudio.gui.latenttold import command_of, settings_of, square_told, untold
from hybridstudio.gui.latentview import LatentView
from hybridstudio.gui.otherrun import OtherRun
from hybridstudio.gui.spottag import SpotTag
from hybridstudio.gui.squarebar import SquareBar
from hybridstudio.gui.squareview import SquareView
from hybridstudio.gui.theme import GRID
from hybridstudio.gui.undoing import History
from hybridstudio.messages import Decode, Decoded, Event, Images
from hybridstudio.runs import Run


class LatentPairPanel(LatentView):
    """Two grids of the same seeds; a change goes to both, one after the other."""

    TITLE = VIEW = "Two models"
    SAYS = "The same seeds in two models, or before and after some training."
    HELP = (
        "<p>Both sides show a grid between the same four seeds. Two checkpoints of one run show "
        "what a code came to mean; two models of a kind show whether the same code means anything "
        "alike.</p><p>Below each grid stands how far neighbouring pictures are from each other: a "
        "smooth space has steps that are all alike.</p>")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        for unused in (self.form, self.mix, self.own, self.readout):  # the page's, for its end
            unused.setParent(self)
            unused.hide()
        self.history: History[tuple[Square, How]] = History((Square(side=6), How()))
        self.coders = (self.coder, Coder(self.requested.emit, self))
        self.coders[1].known.connect(self.refresh)
        self.sides = (OtherRun("Left"), OtherRun("Right"))
        self.views = (SquareView(), SquareView())
        self.smooth = tuple(theme.say(QLabel(" "), "muted") for _ in range(2))
        self.bar = SquareBar()
        self.tags = tuple(SpotTag(f"{words.capitalize()} corner", tuple) for words in CORNERS)
        self._stages: list[tuple[int, bool]] = []  # (side, whether a draft) still to be drawn
        self._awaited: Decode | None = None  # what the first of them asked for
        self._is_old = False  # something changed meanwhile
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.bar)
        column.addWidget(self._made_tags())
        grid = QGridLayout()
        grid.setSpacing(0)
        for place, (side, view, words) in enumerate(
                zip(self.sides, self.views, self.smooth, strict=True)):
            words.setAlignment(Qt.AlignmentFlag.AlignCenter)
            words.setWordWrap(True)
            view.setAccessibleName(("Left grid", "Right grid")[place])
            view.setMinimumSize(QSize(80, 80))
            grid.addWidget(side, 0, place)
            grid.addWidget(view, 1, place)
            grid.addWidget(words, 2, place)
            grid.setColumnStretch(place, 1)
        grid.setRowStretch(1, 1)
        column.addLayout(grid, 1)
        self.set_content(content)
        self._connect()

    def _made_tags(self) -> QWidget:
        row, tags = QWidget(), QWidget()
        flow = Flow(tags)
        flow.setSpacing(GRID)
        for tag in self.tags:
            flow.addWidget(tag)
        line = QHBoxLayout(row)
        line.setContentsMargins(GRID, 0, GRID, GRID)
        line.addWidget(tags)
        return row

    def _connect(self) -> None:
        for place, tag in enumerate(self.tags):
            tag.chosen.connect(lambda spot, place=place: self._take(
                replace(self.square.with_corner(place, spot), windows=()), f"corner {place}"))
            tag.more.hide()
        for view, other in zip(self.views, reversed(self.views), strict=True):
            view.rolled.connect(lambda place, by: self.tags[place].roll(by))
            view.spanned.connect(lambda a, b: self._take(
                self.square.into(self.square.cells(a, b))))
            view.entered.connect(lambda cell: self._take(
                self.square.into(self.square.cells(cell, cell))))
            view.left.connect(lambda: self._level(len(self.square.windows) - 1))
            view.selected.connect(lambda cell, other=other: self._follow_cell(other, cell))
        for side in self.sides:
            side.chosen.connect(self._on_run)
        bar = self.bar
        bar.sized.connect(lambda side: self._take(replace(self.square, side=side), "side"))
        bar.straight.connect(lambda on: self._take(replace(self.square, linear=on)))
        bar.level.connect(self._level)
        bar.rolled.connect(self.roll)
        bar.reset.connect(lambda: self._take(Square(side=6)))

    # --- what is shown ----------------------------------------------------------------------------

    @property
    def square(self) -> Square:
        """The grid on both sides."""
        return self.history.state[0]

    def begin(self, run: Run, space: Space) -> None:
        """Show another run on the left, and what is most like it on the right."""
        able = [other for other in (*runs.listing(paths.runs()), *able_runs())
                if other.state != "broken" and spaces_of(other) and other.checkpoints
                and other.config.shape.is_points == run.config.shape.is_points]
        alike = [other for other in able if other.path != run.path
                 and other.config.shape == run.config.shape
                 and space_of(other, How.of(other)) == space]
        early = run.checkpoints[0] if len(run.checkpoints) > 1 else None
        first = [run] if all(other.path != run.path for other in able) else []
        self.sides[0].offer([*first, *able], run.path, None)
        if early is not None:
            self.sides[0].offer([*first, *able], run.path, early)
            self.sides[1].offer([*first, *able], run.path, None)
        else:
            other = next(iter([*alike, *(o for o in able if o.path != run.path)]), run)
            self.sides[1].offer([*first, *able], other.path, None)
        self.history.begin((self.square, self.how))
        for view in self.views:
            view.set_images(None)
            view.empty = "Points of the plane are shown in the view Grid." \
                if run.config.shape.is_points else ""
        self._show()

    def _show(self) -> None:
        square, space = self.square, self.space
        for tag, spot in zip(self.tags, square.corners, strict=True):
            tag.show_spot(spot)
        self.bar.show_square(square, space is not None and space.is_normal)
        for view in self.views:
            view.set_side(square.side)
            view.is_whole = not square.windows

    def refresh(self) -> None:
        """Have both sides drawn, drafts first; while a draft is drawn, once it is there."""
        run = self.run_shown
        if run is None or not self.is_ready or not self.isVisible() or run.config.shape.is_points:
            return
        if self._stages and self._stages[0][1] and self.asking.is_drawing:
            self._is_old = True
            return
        drafts = [(place, True) for place, side in enumerate(self.sides)
                  if side.chosen_run is not None and draft_of(
                      side.chosen_run, How.of(side.chosen_run)) is not None]
        self._stages = [*drafts, (0, False), (1, False)]
        self._is_old = False
        self._draw()

    def _draw(self) -> None:
        """Ask for the next side."""
        place, is_draft = self._stages[0]
        run, how, square = self.sides[place].chosen_run, self.sides[place].how, self.square
        if run is None or how is None:
            return
        space = space_of(run, how)
        assert space is not None
        spots = self.coders[place].codes(run, how, space, square.spots)
        if spots is None:
            return
        request = how.decode(run, square.codes(space, spots))
        self._awaited = replace(request, nfe=draft_of(run, how)) if is_draft else request
        self.asking.want(self._awaited)

    def on_drawn(self, wanted: Decode, told: Decoded) -> None:
        """Show a side, and go on with the next."""
        self.drawn_well()
        if not self._stages or wanted is not self._awaited:
            return  # of what was shown before
        place, is_draft = self._stages.pop(0)
        self.views[place].badge = f"draft, {told.nfe} evaluations" if is_draft else ""
        self.views[place].set_images(told.images)
        if not is_draft:
            self.smooth[place].setText(_smoothness(told.images, self.square.side))
        if self._is_old:
            self._stages = []
            self.refresh()
        elif self._stages:
            self._draw()

    def on_other(self, request: object, event: Event) -> None:
        """Take the codes of the right side's seeds."""
        self.coders[1].answer(request, event)

    def show_state(self) -> None:
        """Offer what can be done now."""
        self.export.setEnabled(self.is_ready and not self._stages and all(
            view.images() is not None for view in self.views))
        lacks = any(side.chosen_run is None for side in self.sides)
        self.show_copy("a side has no model" if lacks else untold(self.square.corners, ()))

    # --- changes ----------------------------------------------------------------------------------

    def _level(self, level: int) -> None:
        if level >= 0:
            self._take(replace(self.square, windows=self.square.windows[:level]))

    def _on_run(self) -> None:
        for view in self.views:
            view.set_images(None)
        self._stages = []
        self.refresh()

    def _follow_cell(self, view: SquareView, cell: int) -> None:
        """Mark the same cell on the other side."""
        if view.current() != cell:
            view.choose([cell])

    def roll(self) -> None:
        """Take other seeds for all corners."""
        seeds = random.SystemRandom().sample(range(100_000), 4)
        self._take(replace(self.square, corners=tuple(map(Spot, seeds)), windows=()))

    def show_run(self, path: Path | None) -> None:
        """Show a run on the left."""
        self._stages = []
        super().show_run(path)

    # --- the command line and files ---------------------------------------------------------------

    def command(self, run: Run) -> str:
        """Return the command lines that draw the left and the right grid."""
        lines = [command_of(run, self.square, how, f"{name}.png")
                 for name, (run, how) in zip(("left", "right"), self._pair(), strict=True)]
        return "\n".join(lines)

    def read(self, settings: dict[str, Any], run: Run) -> Square:
        """Return the grid of a picture's file, and choose its runs, checkpoints and classes."""
        square = square_told(settings, run)
        name, how = settings.get("other", run.name), how_told(settings, run)
        other = run if name == run.name else runs.read(runs.find(name))
        self.sides[0].choose(run, how.step, single_label(how))
        self.sides[1].choose(other, settings.get("other_step"), settings.get("other_label"))
        self._stages = []
        return square

    def _pair(self) -> list[tuple[Run, How]]:
        """Return the runs of both sides and how they draw."""
        return [(side.chosen_run, side.how) for side in self.sides
                if side.chosen_run is not None and side.how is not None]

    def _material(self) -> dict[str, Any]:
        """Gather both grids as one sheet, the left one's columns before the right one's."""
        side, (left, right) = self.square.side, self._pair()
        pair = [view.images() for view in self.views]
        images = [image for row in range(side) for half in pair if half is not None
                  for image in _like(half, pair[0])[row * side:(row + 1) * side]]
        other, how = right
        return {"images": np.stack(images), "columns": 2 * side,
                "settings": settings_of(left[0], self.square, left[1]) | {
                    "other": other.name, "other_step": how.step,
                    "other_label": single_label(how)}}


def _like(images: Images, first: Images | None) -> Images:
    """Return pictures with the channels and, by whole numbers, the size of others."""
    assert first is not None
    if images.shape[-1] != 3:
        images = np.broadcast_to(images, (*images.shape[:3], 3))
    times = max(1, first.shape[1] // images.shape[1])
    images = images.repeat(times, 1).repeat(times, 2)
    high = first.shape[1]
    padded = np.zeros((len(images), high, high, 3), np.uint8)
    part = images[:, :high, :high]
    padded[:, :part.shape[1], :part.shape[2]] = part
    return padded


def _smoothness(images: Images, side: int) -> str:
    across, down = latents.unevenness(images, side)
    steps = np.concatenate([across.ravel(), down.ravel()])
    return f"neighbours {steps.mean():.2f} apart on average, {steps.max():.2f} at most"


if __name__ == "__main__":
    sys.exit(alone(LatentPairPanel))
