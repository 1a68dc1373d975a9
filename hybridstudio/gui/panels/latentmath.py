"""Arithmetic with codes: A - B + C, and classes against styles."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from PySide6.QtGui import QResizeEvent
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
from hybridstudio.gui.latenttold import known_words, spots_told, table_command, untold
from hybridstudio.gui.latentview import LatentView
from hybridstudio.gui.pointlist import PointList
from hybridstudio.gui.spottag import SpotTag
from hybridstudio.gui.tableview import TableView
from hybridstudio.gui.theme import GRID
from hybridstudio.gui.undoing import History
from hybridstudio.latents import AMOUNTS, ROWS, STYLES
from hybridstudio.messages import Decode, Decoded
from hybridstudio.points_kept import Kept
from hybridstudio.runs import Run

FIELD = 98  # px of a seed's field
EQUATION = 64, 136  # px that the sum takes at least and at most

Kind = Literal["analogy", "classes"]
NAMED: dict[Kind, tuple[str, ...]] = {"analogy": ("a", "b", "c"), "classes": ("c",)}


@dataclass(frozen=True)
class Sum:
    """A - B + C, or the classes of a sweep over the seeds from C on."""

    a: Spot = field(default_factory=lambda: Spot(0))
    b: Spot = field(default_factory=lambda: Spot(1))
    c: Spot = field(default_factory=lambda: Spot(2))
    kind: Kind = "analogy"

    @property
    def spots(self) -> tuple[Spot, ...]:
        """What is named: A, B and C, or only where the styles begin."""
        return tuple(getattr(self, name) for name in NAMED[self.kind])

    def row(self, count: int) -> tuple[Spot, ...]:
        """Return C and the seeds that stand beside it in the table."""
        seed = self.c.seed if self.c.is_seed else None
        return (self.c, *map(Spot, latents.seeds_after(seed, count - 1)))


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
        self._is_draft = False
        self._shown = ""  # the kind that the table is of
        self.tags = {name: SpotTag(name.upper(), self.points) for name in ("a", "b", "c")}
        self.equation, self.table = TableView(), TableView()
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
        for tag in self.tags.values():  # two stand beside each other in a narrow window
            tag.seed.setFixedWidth(FIELD)
            tag.words.setFixedWidth(FIELD)
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
        if self._shown not in ("", told.kind):  # the other table would be taken for this one
            self.table.set_images(None)
            self._shown = ""
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
        spots = [told.a, told.b, *told.row(max(ROWS, STYLES))]
        codes = self.coder.codes(run, self.how, space, spots)
        if codes is None:
            return
        if told.kind == "classes":
            self.want(*latents.in_classes(codes[2:2 + STYLES], len(classes(run))))
        else:
            table = latents.analogies(space, codes[0], codes[1], codes[2:2 + ROWS])
            self.want(np.concatenate([codes[:2], table]))

    def on_drawn(self, wanted: Decode, drawn: Decoded) -> None:
        """Show the sum, or the sweep."""
        self.drawn_well()
        self._is_draft = drawn.is_draft
        self._shown = "classes" if wanted.labels else "analogy"
        run, told = self.run_shown, self.sum
        if run is None:
            return
        if wanted.labels:
            count = len(set(wanted.labels))
            names = tuple(classes(run)[:count])
            spots = told.row(STYLES)
            self.table.set_table(
                drawn.images, names, tuple(spot.says for spot in spots),
                tuple(str(spot.seed) if spot.is_seed else "" for spot in spots))
        elif len(drawn.images) == 2 + ROWS * len(AMOUNTS):
            rest = drawn.images[2:]
            whole = AMOUNTS.index(1.0)
            self.equation.set_table(
                np.concatenate([drawn.images[:2], rest[[0, whole]]]), (),
                ("A", "− B", "+ C", "= A − B + C"), ("A", "− B", "+ C", "="))
            amounts = tuple(map(in_quarters, AMOUNTS))
            self.table.set_table(rest, tuple(spot.says for spot in told.row(ROWS)),
                                 tuple(f"+ {amount}" for amount in amounts), amounts)
        self.readout.setText(f"draft, {drawn.nfe} evaluations" if drawn.is_draft else " ")

    def show_state(self) -> None:
        """Offer what can be done now."""
        self.export.setEnabled(self.is_ready and self.table.images() is not None
                               and not self._is_draft)
        self.show_copy(untold(self.sum.spots, self.names))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the table its room in a low window."""
        super().resizeEvent(event)
        low, high = EQUATION
        self.equation.setFixedHeight(max(low, min(high, self.height() // 2 - 180)))

    # --- changes ----------------------------------------------------------------------------------

    def roll(self) -> None:
        """Take other seeds."""
        for tag in self.tags.values():
            if tag.spot.is_seed and tag.isVisible():
                tag.roll()

    def place_found(self, point: Kept) -> None:
        """Add the difference to a picture that was found."""
        self._take(replace(self.sum, c=Spot.kept(point)))

    # --- the command line and files ---------------------------------------------------------------

    def command(self, run: Run) -> str:
        """Return the command line that draws the same table."""
        return table_command(run, self.sum.kind, self.sum.spots, self.how, self.space)

    def read(self, settings: dict[str, Any], run: Run) -> Sum:
        """Return what was reckoned."""
        kind: Kind = "classes" if "classes" in settings and classes(run) else "analogy"
        spots = spots_told(settings.get(kind, ""), run, settings)
        is_whole = len(spots) == len(NAMED[kind])
        named = dict(zip(NAMED[kind], spots, strict=True)) if is_whole else {}
        return replace(self.sum, kind=kind, **named)

    def _material(self) -> dict[str, Any]:
        run = self.run_shown
        assert run is not None
        settings = told(run, self.how) | {
            self.sum.kind: known_words(self.sum.spots, self.names)}
        sweeps = self.sum.kind == "classes"
        return {"images": self.table.images(), "columns": STYLES if sweeps else len(AMOUNTS),
                "settings": settings}


def in_quarters(amount: float) -> str:
    """Write an amount of quarters shortly, as 1½."""
    whole, rest = divmod(round(4 * amount), 4)
    return f"{whole or ''}{('', '¼', '½', '¾')[rest]}" if rest else str(whole)


if __name__ == "__main__":
    sys.exit(alone(LatentMathPanel))
