"""A list of runs to tick, each with its colour; up to six at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QListWidget, QListWidgetItem

from hybridstudio.comparison.reading import MOST
from hybridstudio.gui import runcolours, theme
from hybridstudio.gui.shelf import Entry, Listed

PATH = Qt.ItemDataRole.UserRole


class PickRuns(QListWidget):
    """Runs with a box to tick; `picked` tells those that are, in the order of ticking."""

    picked = Signal(object)  # tuple of Paths

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Runs to compare")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setIconSize(QSize(10, 10))
        self.setMinimumHeight(120)
        self._paths: list[Path] = []
        self._names: dict[Path, tuple[str, str]] = {}  # name and what is told of it
        self.itemChanged.connect(self._ticked)
        theme.changed.connect(self._dress)

    def paths(self) -> tuple[Path, ...]:
        """Return the runs that are ticked."""
        return tuple(self._paths)

    def show_listed(self, listed: Listed) -> None:
        """Offer the runs of the library; those that are ticked stay, even if they are elsewhere."""
        self._offer([*listed.own, *listed.shipped])

    def pick(self, paths: Sequence[Path]) -> None:
        """Tick these runs and no others, the first six of them."""
        self._paths = list(dict.fromkeys(paths))[:MOST]
        for path in self._paths:
            self._names.setdefault(path, (path.name, str(path)))
        self._fill()
        self.picked.emit(self.paths())

    def add(self, path: Path) -> bool:
        """Tick one more; returns whether there was room for it."""
        if path not in self._paths:
            if len(self._paths) >= MOST:
                return False
            self.pick([*self._paths, path])
        return True

    def _offer(self, entries: Sequence[Entry]) -> None:
        names = {entry.path: (entry.name, f"{entry.state_text}\n{entry.says}\n{entry.path}")
                 for entry in entries}
        for path in self._paths:
            names.setdefault(path, self._names.get(path, (path.name, str(path))))
        if names != self._names:
            self._names = names
            self._fill()

    def _fill(self) -> None:
        place = self.verticalScrollBar().value()
        self.blockSignals(True)
        self.clear()
        for path, (name, says) in self._names.items():
            item = QListWidgetItem(name, self)
            item.setData(PATH, path)
            item.setToolTip(says.strip())
        self.blockSignals(False)
        self._dress()
        self.verticalScrollBar().setValue(place)

    def _dress(self) -> None:
        """Show which are ticked, in their colours; when six are, no more can be."""
        is_full = len(self._paths) >= MOST
        colours = runcolours.places(self._paths)
        self.blockSignals(True)
        for row in range(self.count()):
            item = self.item(row)
            path = item.data(PATH)
            is_on = path in self._paths
            item.setCheckState(Qt.CheckState.Checked if is_on else Qt.CheckState.Unchecked)
            flags = Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsSelectable
            if is_on or not is_full:
                flags |= Qt.ItemFlag.ItemIsEnabled
            item.setFlags(flags)
            item.setIcon(runcolours.dot(colours[path]) if is_on else runcolours.nothing())
        self.blockSignals(False)

    def _ticked(self, item: QListWidgetItem) -> None:
        path = item.data(PATH)
        is_on = item.checkState() == Qt.CheckState.Checked
        if is_on and path not in self._paths and len(self._paths) < MOST:
            self._paths.append(path)
        elif not is_on and path in self._paths:
            self._paths.remove(path)
        self._dress()
        self.picked.emit(self.paths())
