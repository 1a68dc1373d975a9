"""Choosing a place of a latent space: a seed to type, roll or scroll, or a point that was kept."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLabel, QMenu, QToolButton, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.latentstate import Spot
from hybridstudio.gui.spin import SpinBox
from hybridstudio.points_kept import Kept

MOST_SEED = 2**31 - 1
ROLLED = 100_000  # seeds that the dice choose from


class SpotTag(QWidget):
    """A seed's field with dice, or a point's name; its menu offers the points kept and a picture.

    `chosen` tells the new Spot, `pictured` that a picture is to be put in.
    """

    chosen = Signal(object)
    pictured = Signal()

    def __init__(self, name: str, points: Callable[[], Sequence[Kept]],
                 parent: QWidget | None = None, *, rolls: bool = True) -> None:
        super().__init__(parent)
        self.name = name
        self._points = points
        self._spot = Spot()
        self.setAccessibleName(name)
        self.seed = SpinBox(rolls=rolls)
        self.seed.setRange(0, MOST_SEED)
        self.seed.setPrefix("seed ")
        self.seed.setFixedWidth(112)
        self.seed.setWrapping(True)
        self.seed.setToolTip(f"{name}: the seed that its code is drawn from. Wheel, ↑ and ↓ "
                             "scroll through seeds")
        self.seed.setAccessibleName(f"{name}: seed")
        self.seed.valueChanged.connect(lambda seed: self._choose(Spot(seed)))
        self.words = QLabel()
        self.words.setFixedWidth(112)
        self.words.hide()
        self.dice = flat("dice", f"{name}: another seed", self.roll)
        self.menu = QMenu(self)
        self.menu.aboutToShow.connect(self._fill)
        self.more = QToolButton()
        self.more.setAutoRaise(True)
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setMenu(self.menu)
        self.more.setToolTip(f"{name}: a point that was kept, or a picture of yours")
        self.more.setAccessibleName(f"{name}: a point or a picture")
        theme.set_icon(self.more, "down")
        buttons = QHBoxLayout()
        buttons.setSpacing(0)
        self.box = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self.box.setContentsMargins(0, 0, 0, 0)
        self.box.setSpacing(0)
        for widget in (self.seed, self.words):
            self.box.addWidget(widget)
        for button in (self.dice, self.more):
            buttons.addWidget(button)
        buttons.addStretch(1)
        self.box.addLayout(buttons)

    @property
    def spot(self) -> Spot:
        """The place that is chosen."""
        return self._spot

    def sizeHint(self) -> QSize:
        """Ask for the size it has as it stands now."""
        return self.size_of(self.box.direction() == QBoxLayout.Direction.TopToBottom)

    def size_of(self, tall: bool) -> QSize:
        """Return its size in two lines or in one, whichever of seed and name shows."""
        button, wide, high = self.dice.sizeHint(), self.seed.width(), self.seed.sizeHint().height()
        if tall:
            return QSize(wide, high + button.height())
        buttons = 1 if self.more.isHidden() else 2
        return QSize(wide + buttons * button.width(), max(high, button.height()))

    def stand(self, tall: bool) -> None:
        """Stand in two lines, or in one."""
        self.box.setDirection(QBoxLayout.Direction.TopToBottom if tall
                              else QBoxLayout.Direction.LeftToRight)

    def show_spot(self, spot: Spot) -> None:
        """Show a place without telling."""
        self._spot = spot
        self.seed.setVisible(spot.is_seed)
        self.words.setVisible(not spot.is_seed)
        if spot.is_seed:
            with QSignalBlocker(self.seed):
                self.seed.setValue(spot.seed)
        else:
            room = self.words.width() - 8
            self.words.setText(self.words.fontMetrics().elidedText(
                spot.name, Qt.TextElideMode.ElideMiddle, room))
            self.words.setToolTip(f"{self.name}: {spot.name}")

    def roll(self, by: int = 0) -> None:
        """Take another seed: one chosen by chance, or so many further on."""
        if by:
            seed = (self._spot.seed + by) % (MOST_SEED + 1)
        else:
            seed = random.SystemRandom().randrange(ROLLED)
        self._choose(Spot(seed))

    def _choose(self, spot: Spot) -> None:
        self.show_spot(spot)
        self.chosen.emit(spot)

    def _fill(self) -> None:
        self.menu.clear()
        self.menu.addAction("A seed", lambda: self._choose(Spot(self._spot.seed)))
        self.menu.addAction("A picture of mine…", self.pictured.emit)
        points = self._points()
        if points:
            self.menu.addSection("Points")
        for point in points:
            self.menu.addAction(point.name, partial(self._choose, Spot.kept(point)))
