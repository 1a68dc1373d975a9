"""The small windows of the Help menu: keys, doctor, about. None of them blocks anything."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator

import PySide6
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QCloseEvent, QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

import hybridstudio
from hybridstudio import doctor, paths
from hybridstudio.errors import StudioError
from hybridstudio.gui import theme
from hybridstudio.gui.jobs import Lane
from hybridstudio.gui.theme import GRID

# Keys that belong to a page rather than to a menu.
PAGE_KEYS = {
    "What is this page?": "F1", "Show or hide the settings of a page": "F9",
    "Start training (New run), or draw (Denoise)": "Ctrl+Return",
    "Estimate time and memory (New run)": "Ctrl+E", "Roll another seed (Denoise)": "Ctrl+R",
    "Undo and redo a setting": "Ctrl+Z, Ctrl+Shift+Z", "Play the frames": "Space",
    "Step through the frames": "Left, Right", "First and last frame": "Home, End",
    "Zoom into a cell, and out (Latent)": "Return, Backspace",
    "Keep the cell as a point (Latent)": "Ctrl+S",
    "Rename the selected run": "F2", "Move the selected run to the trash": "Delete",
}


def shortcuts(parent: QWidget, actions: Iterable[QAction]) -> QDialog:
    """Show every key and what it does."""
    keys: dict[str, list[str]] = {}  # an action may stand in two menus
    for action in actions:
        if not action.shortcut().isEmpty():
            keys.setdefault(action.text().replace("&", "").rstrip("…"), []).append(
                action.shortcut().toString(QKeySequence.SequenceFormat.NativeText))
    dialog = _Dialog(parent, "Keyboard shortcuts")
    for says, several in keys.items():
        dialog.add(", ".join(several), says)
    for says, key in PAGE_KEYS.items():
        dialog.add(key, says)
    dialog.show()
    return dialog


def about(parent: QWidget) -> QDialog:
    """Show what this is, its versions, and where it keeps things."""
    dialog = _Dialog(parent, "About HybridStudio")
    for name, says in {
        "HybridStudio": f"{hybridstudio.__version__}: train generative image models, look inside "
                        "them, compare them, on your own machine",
        "Python": platform.python_version(), "Qt": PySide6.__version__,
        "Runs": str(paths.runs()), "Data": str(paths.data_root()),
        "Settings": str(paths.settings()),
    }.items():
        dialog.add(name, says)
    dialog.show()
    return dialog


class _Dialog(QDialog):
    """A list of names and what each says, scrollable, with words that can be copied."""

    def __init__(self, parent: QWidget, title: str) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self.setAccessibleName(title)
        page = QWidget()
        whole = QVBoxLayout(page)
        whole.setContentsMargins(GRID, GRID, GRID, GRID)
        self._grid = QGridLayout()
        whole.addLayout(self._grid)
        whole.addStretch(1)
        self._grid.setHorizontalSpacing(2 * GRID)
        self._grid.setVerticalSpacing(GRID)
        self._grid.setColumnStretch(1, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(page)
        close = QPushButton("Close")
        close.clicked.connect(self.close)
        self.buttons = QHBoxLayout()
        self.buttons.addStretch(1)
        self.buttons.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, GRID)
        column.addWidget(scroll, 1)
        column.addLayout(self.buttons)
        self.resize(600, 480)

    def add(self, name: str, says: str, role: theme.Role = "") -> None:
        """Add a line."""
        row = self._grid.rowCount()
        for place, (text, look) in enumerate(((name, "heading"), (says, role))):
            label = theme.say(QLabel(text), look)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setWordWrap(place == 1)
            self._grid.addWidget(label, row, place, Qt.AlignmentFlag.AlignTop)


class Doctor(_Dialog):
    """Examines the machine in a thread and lists each finding with its remedy."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, "Doctor")
        self._lines: list[str] = []
        copy = QPushButton("Copy all")
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText("\n".join(self._lines)))
        self.buttons.insertWidget(0, copy)
        self._waiting = theme.say(QLabel("Examining this machine"), "muted")
        self.buttons.insertWidget(1, self._waiting)
        self.lane = Lane("doctor", newest_wins=True, engine=_examine, parent=self)
        self.lane.told.connect(self._take)
        self.lane.failed.connect(self._take)
        self.lane.state_changed.connect(self._rest)
        self.lane.submit("examine")

    def _take(self, found: object) -> None:
        if isinstance(found, StudioError):
            found = doctor.Check("Doctor", "bad", found.what, found.fix)
        if isinstance(found, doctor.Check):
            says = f"{found.says}\n{found.fix}" if found.fix else found.says
            self._lines.append(f"{found.name} ({found.state}): {says}")
            mark = {"ok": "", "warn": " ⚠", "bad": " ✕"}[found.state]
            self.add(found.name + mark, says, "error" if found.state == "bad" else "")

    def _rest(self, state: str) -> None:
        if state == "stopping":
            doctor.give_up()
        elif state == "idle":
            self._waiting.hide()
            if self._is_closing:
                self.close()

    _is_closing = False

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close when the thread has ended."""
        if self.lane.busy:
            self._is_closing = True
            self.lane.stop()
            self.hide()
            event.ignore()
        else:
            event.accept()


def _examine(_request: object) -> Iterator[doctor.Check]:
    yield from doctor.examine()
