"""Sliders along directions of a latent space: its axes, those that were found, those kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from hybridstudio.config.models.base import Space
from hybridstudio.gui import theme
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.latentstate import Direction, Edits, axis
from hybridstudio.gui.latenttold import AXIS, name_of
from hybridstudio.gui.slides import Slide
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Codes, Directed
from hybridstudio.points_kept import Kept

ROWS = 8
_AXIS = re.compile(AXIS + r"[1-9]\d{0,8}")
_FOUND = re.compile(r"(pca|sefa|kl)\d+")
KINDS: dict[str, tuple[str, str]] = {
    "axes": ("Axes of the space", "One dimension of the code at a time"),
    "pca": ("Principal directions (PCA)", "Along which what the network makes of many codes varies "
                                          "most, as in GANSpace (Härkönen 2020)"),
    "sefa": ("Closed form (SeFa)", "Along which the first weights that a code meets stretch it "
                                   "most (Shen & Zhou 2021)"),
    "kl": ("Dimensions by KL", "The dimensions of the encoder's code, those that tell most first"),
    "kept": ("Kept by you", "Directions that you named and kept"),
}


class DirectionSliders(QWidget):
    """Moves codes along directions; `changed` tells all edits and which slider moved.

    `wanted` tells a kind whose directions must be found, `named` a name under which the edits as
    they stand are to be kept as one direction, `forgotten` a direction to keep no longer.
    """

    changed = Signal(object, str)
    wanted = Signal(str)
    named = Signal(str)
    forgotten = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._space: Space | None = None
        self._found: dict[str, tuple[Direction, ...]] = {}
        self._edits: Edits = ()
        self._awaited: dict[str, float] = {}  # how far to go along directions not known yet
        self._first = 0
        self.kind = QComboBox()
        self.kind.setAccessibleName("Directions")
        self.kind.setMinimumContentsLength(8)
        self.kind.activated.connect(self._on_kind)
        self.back = flat("left", "Directions before these", lambda: self._page(-1))
        self.on = flat("right", "Directions after these", lambda: self._page(1))
        self.says = theme.say(QLabel(wordWrap=True), "muted")
        self.rows = [Slide("Drag: all pictures follow. Double-click: back to 0")
                     for _ in range(ROWS)]
        self.reset = QPushButton("Reset")
        self.reset.setToolTip("All directions back to 0")
        self.reset.clicked.connect(lambda: self._tell((), ""))
        self.name = QLineEdit()
        self.name.setPlaceholderText("name this direction")
        self.name.setAccessibleName("Name of the direction to keep")
        self.name.setToolTip("Keep the sliders as they stand as one direction: type a name, Return")
        self.name.returnPressed.connect(self._on_name)
        top = QHBoxLayout()
        top.setSpacing(0)
        top.addWidget(self.kind, 1)
        top.addWidget(self.back)
        top.addWidget(self.on)
        bottom = QHBoxLayout()
        bottom.addWidget(self.reset)
        bottom.addWidget(self.name, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addLayout(top)
        column.addWidget(self.says)
        for place, row in enumerate(self.rows):
            row.moved.connect(lambda value, place=place: self._on_moved(place, value))
            row.named.connect(lambda place=place: self._on_click(place))
            column.addWidget(row)
        column.addLayout(bottom)

    # --- what is shown ----------------------------------------------------------------------------

    def show_space(self, space: Space, kept: Sequence[Kept]) -> None:
        """Offer the directions that a space has, and those kept of it."""
        if space != self._space:
            self._space, self._found, self._first = space, {}, 0
            self._awaited = {}
            self.kind.clear()
            for name in ("axes", *space.directions, "kept"):
                self.kind.addItem(KINDS[name][0], name)
        self._found["kept"] = tuple(Direction("kept", place, thing.name, thing.code)
                                    for place, thing in enumerate(kept))
        self._show()

    def forget(self) -> None:
        """Let go of what was found: another run's directions are others, in spaces alike too."""
        self._space = None

    def show_edits(self, edits: Edits) -> None:
        """Show how far each direction was gone, without telling."""
        self._edits = edits
        self._show()

    def set_found(self, kind: str, told: Directed) -> None:
        """Offer directions that were found."""
        self._found[kind] = directions_of(kind, told, self._space)
        if self.kind.currentData() != kind:
            self.kind.setCurrentIndex(self.kind.findData(kind))
        self._first = 0
        self._show()
        self._go_on()

    def restore(self, moves: Mapping[str, float]) -> None:
        """Go along directions by their names in files; those that are not known are asked for."""
        self._awaited = dict(moves)
        self._go_on()

    def say(self, words: str) -> None:
        """Say something under the choice of directions, such as that they are being looked for."""
        self.says.setText(words)
        self.says.setVisible(bool(words))

    def choose(self, kind: str) -> None:
        """Show a kind of directions; those that are not known yet are asked for."""
        self.kind.setCurrentIndex(self.kind.findData(kind))
        self._on_kind()

    def unit(self) -> Codes | None:
        """Return the edits as one unit direction; None while they move nothing."""
        if not any(amount for _, amount in self._edits):
            return None
        total = np.sum([amount * direction.vector.astype(np.float64)
                        for direction, amount in self._edits], axis=0)
        length = float(np.linalg.norm(total))
        return np.asarray(total / length, np.float32) if length > 1e-6 else None

    # --- inside -----------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Go along those of the awaited directions that are known now, and ask for the next."""
        if not self._awaited or self._space is None:
            return
        axes = (axis(self._space, int(name.removeprefix(AXIS)) - 1) for name in self._awaited
                if _AXIS.fullmatch(name) and int(name.removeprefix(AXIS)) <= self._space.dimensions)
        known = {name_of(direction): direction for direction in
                 (*axes, *(each for found in self._found.values() for each in found))}
        edits = tuple((known[name], amount) for name, amount in self._awaited.items()
                      if name in known)
        self._awaited = {name: amount for name, amount in self._awaited.items()
                         if name not in known}
        if edits:
            self._tell((*self._edits, *edits), "")
        missing = {match[1] for name in self._awaited if (match := _FOUND.fullmatch(name))}
        for kind in self._space.directions:
            if kind in missing and kind not in self._found:
                self.choose(kind)
                break

    def _shown(self) -> list[Direction]:
        if self._space is None:
            return []
        kind = self.kind.currentData()
        if kind == "axes":
            last = min(self._first + ROWS, self._space.dimensions)
            return [axis(self._space, place) for place in range(self._first, last)]
        return list(self._found.get(kind, ())[self._first:self._first + ROWS])

    def _count(self) -> int:
        kind = self.kind.currentData()
        if kind == "axes" and self._space is not None:
            return self._space.dimensions
        return len(self._found.get(kind, ()))

    def _show(self) -> None:
        shown, kind = self._shown(), self.kind.currentData() or "axes"
        amounts = {(direction.kind, direction.place): amount for direction, amount in self._edits}
        for place, row in enumerate(self.rows):
            row.setVisible(place < len(shown))
            if place < len(shown):
                direction = shown[place]
                tip = "Forget this direction" if kind == "kept" else "Back to 0"
                row.offer(direction.name, direction.reach, tip)
                row.show_value(amounts.get((direction.kind, direction.place), 0.0))
        several = self._count() > ROWS
        self.back.setVisible(several)
        self.on.setVisible(several)
        self.back.setEnabled(self._first > 0)
        self.on.setEnabled(self._first + ROWS < self._count())
        self.kind.setToolTip(KINDS[kind][1])
        self.reset.setEnabled(bool(self._edits))
        self.name.setEnabled(self.unit() is not None)
        is_known = kind == "axes" or kind in self._found
        self.say("" if shown else "Move sliders and name what they do to keep it here."
                 if kind == "kept" else "None were found." if is_known else "Looking for them…")

    def _on_kind(self) -> None:
        self._first = 0
        self._show()
        kind = self.kind.currentData()
        if kind != "axes" and kind not in self._found:
            self.wanted.emit(kind)

    def _page(self, by: int) -> None:
        self._first = max(0, self._first + by * ROWS)
        self._show()

    def _on_moved(self, place: int, value: float) -> None:
        if place >= len(self._shown()):
            return
        direction = self._shown()[place]
        edits = tuple((other, amount) for other, amount in self._edits if other != direction)
        if value:
            edits = (*edits, (direction, value))
        self._tell(edits, f"{direction.kind} {direction.place}")

    def _on_click(self, place: int) -> None:
        if self.kind.currentData() == "kept":
            self.forgotten.emit(self._shown()[place].name)
        else:
            self.rows[place].slider.setValue(0)

    def _on_name(self) -> None:
        if self.name.text().strip() and self.unit() is not None:
            self.named.emit(self.name.text().strip())
            self.name.clear()

    def _tell(self, edits: Edits, field: str) -> None:
        self._edits = edits
        self.reset.setEnabled(bool(edits))
        self.name.setEnabled(self.unit() is not None)
        if not field:
            self._show()
        self.changed.emit(edits, field)


def directions_of(kind: str, told: Directed, space: Space | None) -> tuple[Direction, ...]:
    """Return found directions with names that say how much each explains of all that were found."""
    total = sum(told.strengths) or 1.0
    reaches = _reaches(told.strengths, space)
    return tuple(
        Direction(kind, place, f"{place + 1}  {100 * strength / total:.0f} %", vector, reach)
        for place, (vector, strength, reach) in enumerate(
            zip(told.vectors, told.strengths, reaches, strict=True)))


def _reaches(strengths: Sequence[float], space: Space | None) -> list[float]:
    """Return how far sliders go: where codes are not normal, as far as they spread (3 σ)."""
    if space is None or space.is_normal:
        return [6.0] * len(strengths)
    return [max(3.0 * strength, 1e-3) for strength in strengths]


def kinds_of(space: Space) -> Mapping[str, str]:
    """Return the directions that can be found in a space, by kind, as they are called."""
    return {kind: KINDS[kind][0] for kind in space.directions}
