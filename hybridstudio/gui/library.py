"""The library on the left: models that are ready, the user's runs with their state, and New run.

It reads the folders every two seconds in a thread of its own, so a training in another process or
on another machine is followed like one in this window.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from PySide6.QtCore import QFile, QPoint, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLabel,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import paths, runs
from hybridstudio.errors import StudioError, UsageError, translate
from hybridstudio.gui import theme
from hybridstudio.gui.jobs import Lane
from hybridstudio.gui.shelf import ENTRY, Entry, Listed, Shelf, dress, listed, with_progress
from hybridstudio.gui.theme import GRID
from hybridstudio.gui.wishes import Compare, Open, SetUp, Tell
from hybridstudio.messages import Resume

FEWEST, MOST = 3, 6  # ready models in view beside runs of the user's own
EVERY = 2000  # ms between looks at the folders
EMPTY = "Your runs will be listed here.\nStart one with New run, or drop a folder of images."


class Library(QWidget):
    """Lists runs and models; `chosen` tells the one selected, `requested` what is asked of it."""

    chosen = Signal(object)  # Path
    opened = Signal(object)  # Path, by Enter or a double click
    requested = Signal(object)  # a request or a wish
    listed = Signal(object)  # Listed, whenever the folders were read
    removed = Signal(object, object)  # Path, and where in the trash it lies now (a Path or None)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.entries: dict[Path, Entry] = {}
        self._told: dict[Path, tuple[str, int | None]] = {}  # trainings of this window know better
        self._order: tuple[tuple[Path, ...], tuple[Path, ...]] = ((), ())
        self.shipped, self.own = Shelf("Ready models"), Shelf("My runs")
        self._empty = theme.say(QLabel(EMPTY), "muted")
        self._empty.setWordWrap(True)
        self._empty.setContentsMargins(GRID + 4, 0, GRID, 0)
        self.new_run = QPushButton("New run")
        self.new_run.setProperty("flat", True)
        theme.set_icon(self.new_run, "plus")
        self.new_run.setToolTip("Set up a new training (Ctrl+N)")
        self.new_run.clicked.connect(lambda: self.requested.emit(Open("setup")))
        self.new_run.setStyleSheet("text-align: left")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GRID, 0, GRID)
        column.setSpacing(GRID // 2)
        self._shipped_heading, own_heading = _heading("Ready models"), _heading("My runs")
        column.addWidget(self._shipped_heading)
        column.addWidget(self.shipped, 3)
        column.addWidget(own_heading)
        column.addWidget(self._empty)
        column.addWidget(self.own, 1)
        column.addStretch(0)
        column.addWidget(self.new_run)
        for part in (self.shipped, self.own):
            part.itemSelectionChanged.connect(lambda part=part: self._selected(part))
            part.itemActivated.connect(lambda item: self.opened.emit(item.data(ENTRY).path))
            part.customContextMenuRequested.connect(
                lambda place, part=part: self._show_menu(part, place))
            part.delete_wanted.connect(lambda: self.remove(self.current()))
        self.own.renamed.connect(self.rename)
        theme.changed.connect(self._repaint)
        self.lane = Lane("library", newest_wins=True, engine=listed, parent=self)
        self.lane.told.connect(self._take)
        self.lane.failed.connect(lambda error: self.requested.emit(Tell(error)))
        self._timer = QTimer(self, interval=EVERY)
        self._timer.timeout.connect(self.refresh)

    # --- reading ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to follow the folders."""
        self.refresh()
        self._timer.start()

    def stop(self) -> None:
        """Follow them no longer."""
        self._timer.stop()
        self.lane.stop()

    def refresh(self) -> None:
        """Look at the folders now, unless that is being done."""
        if not self.lane.busy:
            self.lane.submit(listed)

    def tell(self, path: Path, state: str, step: int | None = None) -> None:
        """Take what a training in this window says of itself; "" when it has ended.

        `step` is None as long as it has not made one.
        """
        if state:
            self._told[path] = state, step
        elif self._told.pop(path, None) is not None:
            self.refresh()
        before = self.entries.get(path)
        if state and before is not None:
            now = with_progress(before, state, step)
            if (now.state, round(200 * now.share)) != (before.state, round(200 * before.share)):
                self._put(now)  # at most every half per cent: a repaint costs more than a step

    def current(self) -> Path | None:
        """Return the run that is selected."""
        for part in (self.shipped, self.own):
            for item in part.selectedItems():
                return item.data(ENTRY).path
        return None

    def choose(self, path: Path | None) -> None:
        """Select a run, without telling; one that is not listed yet is selected when it is."""
        self._wanted = path
        for part in (self.shipped, self.own):
            part.blockSignals(True)
            part.clearSelection()
            for item in part.lines():
                if item.data(ENTRY).path == path:
                    part.setCurrentItem(item)
            part.blockSignals(False)

    _wanted: Path | None = None

    def _take(self, event: object) -> None:
        if not isinstance(event, Listed) or (
                self.own.state() == QAbstractItemView.State.EditingState):  # a name is being typed
            return
        self.entries = {entry.path: entry for entry in event.shipped + event.own}
        for path, (state, step) in self._told.items():
            if path in self.entries:
                self.entries[path] = with_progress(self.entries[path], state, step)
        order = tuple(e.path for e in event.shipped), tuple(e.path for e in event.own)
        if order != self._order:
            self._order = order
            wanted = self.current() or self._wanted
            self.shipped.fill([self.entries[path] for path in order[0]])
            self.own.fill([self.entries[path] for path in order[1]])
            self.shipped.take_room(FEWEST, MOST if event.own else len(event.shipped))
            self.choose(wanted)
        for item in [*self.shipped.lines(), *self.own.lines()]:
            if (entry := self.entries[item.data(ENTRY).path]) != item.data(ENTRY):
                dress(item, entry)
        self._shipped_heading.setVisible(bool(event.shipped))
        self.shipped.setVisible(bool(event.shipped))
        self._empty.setVisible(not event.own)
        self.listed.emit(event)

    def _put(self, entry: Entry) -> None:
        self.entries[entry.path] = entry
        for item in (self.shipped if entry.shipped else self.own).lines():
            if item.data(ENTRY).path == entry.path and item.data(ENTRY) != entry:
                dress(item, entry)

    def _selected(self, part: Shelf) -> None:
        other = self.own if part is self.shipped else self.shipped
        if (path := self.current()) is None or not part.selectedItems():
            return
        other.blockSignals(True)
        other.clearSelection()
        other.blockSignals(False)
        path = part.selectedItems()[0].data(ENTRY).path
        self._wanted = path
        self.chosen.emit(path)

    def _repaint(self) -> None:
        self.shipped.viewport().update()
        self.own.viewport().update()

    # --- what can be done with a run --------------------------------------------------------------

    def menu(self, path: Path) -> QMenu:
        """Return the menu of a run."""
        entry = self.entries[path]
        runs_now = entry.state in ("training", "paused")
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def add(icon: str, text: str, do: object, enabled: bool = True) -> None:
            action = menu.addAction(text)
            theme.set_icon(action, icon)
            action.setEnabled(enabled)
            action.triggered.connect(do)

        readable = entry.state != "broken"
        add("train", "Open", lambda: self.opened.emit(path), readable)
        add("denoise", "Scrub through it", lambda: self.requested.emit(
            Open("denoise", path, begins=True)),
            readable)
        if not entry.shipped:
            add("play", "Resume", lambda: self.requested.emit(Resume(path)),
                entry.state in ("stopped", "interrupted") or (
                    entry.state == "finished" and entry.share < 1))
        add("compare", "Compare", lambda: self.requested.emit(Compare(path)))
        add("setup", "Clone and change", lambda: self._clone(path), readable)
        menu.addSeparator()
        add("folder", "Show folder",
            lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))))
        add("copy", "Copy path", lambda: QGuiApplication.clipboard().setText(str(path)))
        if not entry.shipped:
            menu.addSeparator()
            add("setup", "Rename", lambda: self._edit(path), not runs_now)
            add("trash", "Move to trash", lambda: self.remove(path), not runs_now)
        return menu

    def remove(self, path: Path | None) -> None:
        """Move one of the user's runs to the trash; one that is training stays."""
        if path is None or (entry := self.entries.get(path)) is None or entry.shipped:
            return
        if entry.state in ("training", "paused") or runs.holder(path) is not None:
            self.requested.emit(Tell(UsageError(
                f"{entry.name} is being trained", "a run in use is not moved", "stop it first")))
            return
        moved, place = QFile.moveToTrash(str(path))
        if not moved:
            self.requested.emit(Tell(StudioError(
                f"{entry.name} could not be moved to the trash", "the system refused",
                f"delete the folder yourself: {path}")))
            return
        self.removed.emit(path, Path(place) if place else None)
        self.refresh()

    def bring_back(self, path: Path, trashed: Path) -> None:
        """Undo `remove`."""
        try:
            if path.exists():
                path = runs.new_path(path.name)
            shutil.move(trashed, path)
            # The note that the trash keeps beside a file (freedesktop.org's trash specification).
            with contextlib.suppress(OSError):
                (trashed.parent.parent / "info" / f"{trashed.name}.trashinfo").unlink()
        except OSError as error:
            self.requested.emit(Tell(translate(error)))
        self.refresh()

    def rename(self, path: Path, name: str) -> Path | None:
        """Give a run's folder another name; returns its new path, None when it was refused."""
        if name.strip() in ("", path.name):
            return None
        try:
            if runs.holder(path) is not None:
                raise UsageError(f"{path.name} is being trained", "a run in use is not renamed",
                                 "stop it first")
            wanted = runs.new_path(name)
            if path.parent != paths.runs():
                wanted = path.with_name(wanted.name)
            os.rename(path, wanted)
        except (OSError, StudioError) as error:
            self.requested.emit(Tell(translate(error)))
            return None
        self._wanted = wanted
        self.refresh()
        self.chosen.emit(wanted)
        return wanted

    def _clone(self, path: Path) -> None:
        try:
            self.requested.emit(SetUp(runs.read(path).config))
        except StudioError as error:
            self.requested.emit(Tell(error))

    def _show_menu(self, part: Shelf, place: QPoint) -> None:
        if (item := part.itemAt(place)) is not None:
            self.menu(item.data(ENTRY).path).popup(part.viewport().mapToGlobal(place))

    def _edit(self, path: Path) -> None:
        for item in self.own.lines():
            if item.data(ENTRY).path == path:
                self.own.editItem(item)


def _heading(text: str) -> QLabel:
    label = theme.say(QLabel(text), "heading")
    label.setContentsMargins(GRID + 4, GRID // 2, GRID, 0)
    return label
