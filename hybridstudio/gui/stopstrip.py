"""The points that a walk goes through, in their order: add, move, take away."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QModelIndex, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QIcon, QKeyEvent, QPixmap
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QMenu, QToolButton, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.latentstate import Spot
from hybridstudio.gui.ownpicture import enlarged
from hybridstudio.gui.spottag import ROLLED
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Images
from hybridstudio.points_kept import Kept

SIDE = 56


class StopStrip(QWidget):
    """Small pictures in a row; `changed` tells the new stops, `chosen` the place of one."""

    changed = Signal(object)
    chosen = Signal(int)

    def __init__(self, points: Callable[[], Sequence[Kept]]) -> None:
        super().__init__()
        self._stops: tuple[Spot, ...] = ()
        self._points = points
        self.list = _Row(self)
        self.list.setAccessibleName("Points of the walk")
        self.list.setToolTip("Drag to move, Ctrl+← and Ctrl+→ too. Delete: take away. "
                             "R: another seed. Click: go there")
        self.list.model().rowsMoved.connect(self._on_moved)
        self.list.itemClicked.connect(lambda _item: self.chosen.emit(self.list.currentRow()))
        self.menu = QMenu(self)
        self.menu.aboutToShow.connect(self._fill)
        self.add = QToolButton()
        self.add.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.add.setMenu(self.menu)
        self.add.setAutoRaise(True)
        self.add.setToolTip("Add a point to the walk")
        self.add.setAccessibleName("Add a point")
        theme.set_icon(self.add, "plus")
        self.dice = flat("dice", "Other seeds for the whole walk", self.roll, key="Ctrl+R")
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID, GRID // 2, GRID, GRID // 2)
        row.addWidget(self.list, 1)
        row.addWidget(self.add)
        row.addWidget(self.dice)

    def show_stops(self, stops: tuple[Spot, ...]) -> None:
        """Show the points of a walk, without telling."""
        if stops == self._stops:
            return
        row = self.list.currentRow()
        self._stops = stops
        with QSignalBlocker(self.list):
            self.list.clear()
            for place, spot in enumerate(stops):
                item = QListWidgetItem(QIcon(), spot.says)
                item.setData(Qt.ItemDataRole.UserRole, place)
                self.list.addItem(item)
            self.list.setCurrentRow(min(row, len(stops) - 1))

    def show_picture(self, place: int, picture: Images | None) -> None:
        """Show the picture (H, W, C) of a point."""
        item = self.list.item(place)
        if item is not None:
            item.setIcon(QIcon(QPixmap() if picture is None else enlarged(picture, SIDE)))

    def roll(self) -> None:
        """Take other seeds for all points that are seeds."""
        self.changed.emit(tuple(_rolled() if spot.is_seed else spot for spot in self._stops))

    def insert(self, spot: Spot) -> None:
        """Add a point after the chosen one, or at the end."""
        place = self.list.currentRow() + 1 or len(self._stops)
        self.changed.emit((*self._stops[:place], spot, *self._stops[place:]))
        self.list.setCurrentRow(place)

    def act(self, key: Qt.Key, control: bool) -> bool:
        """Do what a key asks for; returns whether it is one of those heard here."""
        row, stops = self.list.currentRow(), list(self._stops)
        if not 0 <= row < len(stops):
            return False
        to = row + {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(key, 0)
        if control and to != row:
            if 0 <= to < len(stops):
                stops.insert(to, stops.pop(row))
                self.changed.emit(tuple(stops))
                self.list.setCurrentRow(to)
        elif key == Qt.Key.Key_Delete and len(stops) > 1:
            self.changed.emit((*stops[:row], *stops[row + 1:]))
        elif key == Qt.Key.Key_R and not control:
            stops[row] = _rolled()
            self.changed.emit(tuple(stops))
        else:
            return False
        return True

    def _on_moved(self, _parent: QModelIndex, _first: int, _last: int, _to: QModelIndex,
                  _row: int) -> None:
        order = [self.list.item(row).data(Qt.ItemDataRole.UserRole)
                 for row in range(self.list.count())]
        self._stops, stops = (), tuple(self._stops[place] for place in order)
        self.changed.emit(stops)

    def _fill(self) -> None:
        self.menu.clear()
        self.menu.addAction("Another seed", lambda: self.insert(_rolled()))
        points = self._points()
        if points:
            self.menu.addSection("Points")
        for point in points:
            self.menu.addAction(point.name, partial(self.insert, Spot.kept(point)))


class _Row(QListWidget):
    """The list itself, in one line that can be dragged about."""

    def __init__(self, strip: StopStrip) -> None:
        super().__init__()
        self._strip = strip
        self.setFlow(QListWidget.Flow.LeftToRight)
        self.setViewMode(QListWidget.ViewMode.IconMode)
        self.setMovement(QListWidget.Movement.Snap)
        self.setDragDropMode(QListWidget.DragDropMode.InternalMove)
        self.setWrapping(False)
        self.setIconSize(QSize(SIDE, SIDE))
        self.setGridSize(QSize(SIDE + 2 * GRID, SIDE + 3 * GRID))
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedHeight(SIDE + 3 * GRID + 4)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move, take away, roll; other keys as any list does."""
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if not self._strip.act(Qt.Key(event.key()), control):
            super().keyPressEvent(event)


def _rolled() -> Spot:
    return Spot(random.SystemRandom().randrange(ROLLED))
