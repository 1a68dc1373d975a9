"""Arithmetic with codes: A - B + C, and classes against styles."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from hybridstudio import latents
from hybridstudio.config.models.base import Space
from hybridstudio.gui import theme
from hybridstudio.gui.anatomy import alone
from hybridstudio.gui.buttons import flat, toggle
from hybridstudio.gui.drawing import classes
from hybridstudio.gui.flow import Flow
from hybridstudio.gui.fold import Fold
from hybridstudio.gui.latentstate import How, Spot, told
from hybridstudio.gui.latentview import LatentView
from hybridstudio.gui.pointlist import PointList
from hybridstudio.gui.spottag import SpotTag
from hybridstudio.gui.tableview import TableView
from hybridstudio.gui.theme import GRID
from hybridstudio.gui.undoing import History
from hybridstudio.messages import Codes, Decode, Decoded
from hybridstudio.points_kept import Kept
from hybridstudio.runs import Run

AMOUNTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)  # of A - B that is added
ROWS = 4  # points that it is added to
STYLES = 8  # seeds of a sweep
MOST_CLASSES = 20

Kind = Literal["analogy", "classes"]


@dataclass(frozen=True)
class Sum:
    """A - B + C, or the classes of a sweep over the seeds from C on."""

    a: Spot = field(default_factory=lambda: Spot(0))
    b: Spot = field(default_factory=lambda: Spot(1))
    c: Spot = field(default_factory=lambda: Spot(2))
    kind: Kind = "analogy"


class LatentMathPanel(LatentView):
    """What A has and B has not is added to C, and to others; classes against seeds."""

    TITLE = VIEW = "Arithmetic"
    SAYS = "What one code has and another has not, added to a third."
    HELP = (
        "<p>Differences of codes can mean something: where A shows a slanted digit and B the same "
        "one upright, <b>A − B + C</b> slants C (Radford 2015). Choose the three by seed or from "
        "the points you kept in the grid; averages of several points work best.</p>"
        "<p>The table adds 0 to 1.5 times the difference to C and to the seeds after it. "
        "<b>Classes × styles</b> draws every class with the same codes: what is left is "
        "the style.</p>")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.history: History[tuple[Sum, How]] = History((Sum(), How()))
        self.tags = {name: SpotTag(name.upper(), self.points) for name in ("a", "b", "c")}
        self.equation, self.table = TableView(), TableView()
        self.equation.setFixedHeight(136)
        self.list = PointList(("As A", "As B", "As C"))
        self.kinds = QButtonGroup(self)
        self.set_content(self._made_content())
        parts = QWidget()
        column = QVBoxLayout(parts)
        column.setSpacing(GRID)
        self.mix_fold = Fold("Classes", self.mix, "Blend the classes that the model learned")
        self.own_fold = Fold("Your own picture", self.own, "Find a picture of yours", False)
        self.form_fold = Fold("Drawing", self.form, "How codes become pictures")
        for fold in (Fold("Points", self.list, "Points that you kept of this space"),
                     self.mix_fold, self.own_fold, self.form_fold):
            column.addWidget(fold)
        column.addStretch(1)
        self.set_inspector(parts)
        self._connect()

    def _made_content(self) -> QWidget:
        content, bar = QWidget(), QWidget()
        row = QHBoxLayout(bar)
        row.setContentsMargins(GRID, GRID // 2, GRID, GRID // 2)
        row.setSpacing(GRID // 2)
        for place, (words, says) in enumerate((
                ("A − B + C", "Add the difference of two codes to others"),
                ("Classes × styles", "Every class with the same codes"))):
            button = toggle(words, says, on=place == 0)
            self.kinds.addButton(button, place)
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self.readout)
        row.addWidget(flat("dice", "Other seeds", self.roll, key="Ctrl+R"))
        self._terms = QWidget()
        terms = QWidget()
        flow = Flow(terms)
        flow.setSpacing(GRID)
        line = QHBoxLayout(self._terms)
        line.setContentsMargins(GRID, 0, GRID, GRID // 2)
        line.addWidget(terms)
        self._signs = {}
        for name, sign in (("a", "A"), ("b", "− B"), ("c", "+ C")):
            self._signs[name] = theme.say(QLabel(sign), "heading")
            term = QWidget()
            parts = QHBoxLayout(term)
            parts.setContentsMargins(0, 0, 0, 0)
            parts.addWidget(self._signs[name])
            parts.addWidget(self.tags[name])
            flow.addWidget(term)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for widget, stretch in ((bar, 0), (self._terms, 0), (self.equation, 0), (self.table, 1)):
            column.addWidget(widget, stretch)
        return content

    def _connect(self) -> None:
        for name, tag in self.tags.items():
            tag.chosen.connect(lambda spot, name=name: self._take(
                replace(self.sum, **{name: spot}), name))
            tag.pictured.connect(self.own.ask)
        self.kinds.idClicked.connect(lambda place: self._take(
            replace(self.sum, kind=("analogy", "classes")[place])))
        self.list.used.connect(lambda spot, use: self._take(
            replace(self.sum, **{use[-1].lower(): spot})))
        self.list.forgotten.connect(self.forget)
        self.table.pointed.connect(lambda words: self.readout.setText(words or " "))

    # --- what is shown ----------------------------------------------------------------------------

    @property
    def sum(self) -> Sum:
        """What is reckoned."""
        return self.history.state[0]

    def begin(self, run: Run, space: Space) -> None:
        """Reckon with seeds of another space."""
        spots = [spot if spot.is_seed else Spot(place) for place, spot in
                 enumerate((self.sum.a, self.sum.b, self.sum.c))]
        kind = self.sum.kind if classes(run) else "analogy"
        self.history.begin((Sum(spots[0], spots[1], spots[2], kind), self.how))
        for view in (self.equation, self.table):
            view.set_images(None)
        shape = run.config.shape
        self.table.empty = "The view Grid shows where the codes of points land." \
            if shape.is_points else ""
        self.kinds.button(1).setVisible(bool(classes(run)))
        self.own_fold.setVisible(bool(space.finds) and not shape.is_points)
        self.form_fold.setVisible(self.form.is_needed(run))
        self.own.expect(shape.height, shape.channels, space)
        self._show()

    def _show(self) -> None:
        told, run = self.sum, self.run_shown
        for name, tag in self.tags.items():
            tag.show_spot(getattr(told, name))
        sweeps = told.kind == "classes"
        self.kinds.button(int(sweeps)).setChecked(True)
        self.equation.setVisible(not sweeps)
        for name in ("a", "b"):
            self.tags[name].setVisible(not sweeps)
            self._signs[name].setVisible(not sweeps)
        self._signs["c"].setText("Styles from" if sweeps else "+ C")
        self.mix_fold.setVisible(run is not None and bool(classes(run)) and not sweeps)
        self.form.show_how(self.how)
        self.mix.show_mix(self.how.mix)

    def show_points(self) -> None:
        """Show the points that are kept, as they are on the disk now."""
        self.list.show_points(self.points())

    def refresh(self) -> None:
        """Ask for the sum and its table."""
        run, space = self.run_shown, self.space
        if run is None or space is None or not self.is_ready or not self.isVisible() \
                or run.config.shape.is_points:
            return
        told = self.sum
        spots = [told.a, told.b, told.c, *_after(told.c, max(ROWS, STYLES) - 1)]
        codes = self.coder.codes(run, self.how, space, spots)
        if codes is None:
            return
        if told.kind == "classes":
            count = min(MOST_CLASSES, len(classes(run)))
            styles = codes[2:2 + STYLES]
            self.want(np.tile(styles, (count, 1)),
                      tuple(index for index in range(count) for _ in range(len(styles))))
        else:
            self.want(added(space, codes[0], codes[1], codes[2:2 + ROWS]))

    def on_drawn(self, wanted: Decode, drawn: Decoded) -> None:
        """Show the sum, or the sweep."""
        self.drawn_well()
        run, told = self.run_shown, self.sum
        if run is None:
            return
        if wanted.labels:
            count = len(set(wanted.labels))
            names = tuple(classes(run)[:count])
            seeds = [told.c, *_after(told.c, STYLES - 1)]
            self.table.set_table(drawn.images, names, tuple(spot.says for spot in seeds))
        elif len(drawn.images) == 2 + ROWS * len(AMOUNTS):
            rest = drawn.images[2:]
            whole = AMOUNTS.index(1.0)
            self.equation.set_table(
                np.concatenate([drawn.images[:2], rest[[0, whole]]]), (),
                ("A", "− B", "+ C", "= A − B + C"))
            spots = [told.c, *_after(told.c, ROWS - 1)]
            self.table.set_table(rest, tuple(spot.says for spot in spots),
                                 tuple(f"+ {amount:g}" for amount in AMOUNTS))
        self.readout.setText(f"draft, {drawn.nfe} evaluations" if drawn.is_draft else " ")

    def show_state(self) -> None:
        """Offer what can be done now."""
        self.export.setEnabled(self.is_ready and self.table.images() is not None)

    # --- changes ----------------------------------------------------------------------------------

    def roll(self) -> None:
        """Take other seeds."""
        for tag in self.tags.values():
            if tag.spot.is_seed and tag.isVisible():
                tag.roll()

    def place_found(self, point: Kept) -> None:
        """Add the difference to a picture that was found."""
        self._take(replace(self.sum, c=Spot.kept(point)))

    def _material(self) -> dict[str, Any]:
        run = self.run_shown
        assert run is not None
        sweeps = self.sum.kind == "classes"
        return {"images": self.table.images(), "columns": STYLES if sweeps else len(AMOUNTS),
                "settings": told(run, self.how)}


def added(space: Space, a: Codes, b: Codes, others: Codes) -> Codes:
    """Return a, b, and each of `others` (R, D) with 0 to 1.5 times a - b added: (2 + R·7, D).

    The way from c goes to a - b + c and on, along the sphere where codes are normal.
    """
    amounts = np.array(AMOUNTS)
    rows = [latents.between(space, c[None], latents.analogy(space, a, b, c)[None], amounts)
            for c in others]
    return np.concatenate([a[None], b[None], *rows])


def _after(spot: Spot, many: int) -> list[Spot]:
    """Return the seeds after one; those from 1,000 on after a point that was kept."""
    first = spot.seed + 1 if spot.is_seed else 1000
    return [Spot(first + place) for place in range(many)]


if __name__ == "__main__":
    sys.exit(alone(LatentMathPanel))
