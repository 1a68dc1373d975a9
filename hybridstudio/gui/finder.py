"""Ctrl+K: find a page, a run, a preset or an action by a few letters, and go there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from hybridstudio.gui import theme
from hybridstudio.gui.shelf import Index
from hybridstudio.gui.theme import GRID

SHOWN = 12


@dataclass(frozen=True)
class Found:
    """Something that can be gone to: its name, what kind of thing it is, and going there."""

    name: str
    kind: str
    go: Callable[[], object]


def fit(typed: str, name: str) -> float | None:
    """Say how well typed letters fit a name (larger is better), None when they do not.

    All letters must appear in order; the start of a word, and letters side by side, count more.
    """
    name, worth, place, before = name.lower(), 0.0, -1, -2
    for letter in typed.lower().replace(" ", ""):
        starts = [i for i in range(place + 1, len(name))
                  if name[i] == letter and (i == 0 or not name[i - 1].isalnum())]
        beside = place + 1 if name[place + 1:place + 2] == letter else -1
        place = beside if beside >= 0 and beside == before + 1 else (
            starts[0] if starts else name.find(letter, place + 1))
        if place < 0:
            return None
        worth += 3.0 if place == before + 1 else 2.0 if place in starts else 0.5
        before = place
    return worth - 0.02 * len(name)


def best(typed: str, things: Iterable[Found]) -> list[Found]:
    """Return what fits, best first; all of it, in order, while nothing is typed."""
    rated = [(fit(typed, thing.name), thing) for thing in things]
    fitting = [(worth, thing) for worth, thing in rated if worth is not None]
    if typed.strip():
        fitting.sort(key=lambda pair: -pair[0])
    return [thing for _, thing in fitting]


class Finder(QDialog):
    """A line to type in and a list below it; Enter goes there, Escape leaves."""

    def __init__(self, parent: QWidget, things: Iterable[Found]) -> None:
        super().__init__(parent, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("finder")
        self.setAccessibleName("Find anything")
        self._things = list(things)
        self.line = QLineEdit()
        self.line.setPlaceholderText("Find a page, a run, a preset or an action")
        self.line.setAccessibleName("Find")
        self.line.textChanged.connect(self._show)
        self.line.installEventFilter(self)
        self.list = QListWidget()
        self.list.setAccessibleName("What was found")
        self.list.setItemDelegate(_Line(self.list))
        self.list.itemActivated.connect(self._go)
        self.list.itemClicked.connect(self._go)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID, GRID, GRID, GRID)
        column.setSpacing(GRID)
        column.addWidget(self.line)
        column.addWidget(self.list)
        self.setFixedWidth(min(560, parent.width() - 4 * GRID))
        self._tallest = min(440, parent.height() - 10 * GRID)
        self.move(parent.mapToGlobal(parent.rect().topLeft())
                  + QPoint((parent.width() - self.width()) // 2, 6 * GRID))
        self._show("")
        self.line.setFocus()

    def shown(self) -> list[str]:
        """Return the names in the list, as they stand."""
        return [self.list.item(row).data(_THING).name for row in range(self.list.count())]

    def _show(self, typed: str) -> None:
        self.list.clear()
        for thing in best(typed, self._things)[:SHOWN if typed else None]:
            item = QListWidgetItem(self.list)
            item.setData(_THING, thing)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{thing.name}, {thing.kind}")
        self.list.setCurrentRow(0)
        lines = max(1, self.list.count()) * _Line.HEIGHT
        self.setFixedHeight(min(self._tallest, lines + self.line.sizeHint().height() + 4 * GRID))

    def _go(self, item: QListWidgetItem | None = None) -> None:
        item = item or self.list.currentItem()
        if item is not None:
            thing = item.data(_THING)
            self.close()
            thing.go()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let arrows and Enter, typed into the line, work on the list."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            key, row = event.key(), self.list.currentRow()
            if key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
                row += 1 if key == Qt.Key.Key_Down else -1
                self.list.setCurrentRow(max(0, min(row, self.list.count() - 1)))
                return True
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._go()
                return True
        return super().eventFilter(watched, event)


class _Line(QStyledItemDelegate):
    """Paints what was found: its name on the left, its kind and its keys on the right."""

    HEIGHT = 28

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Give every line the same height."""
        return QSize(200, self.HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one line."""
        thing, colours = index.data(_THING), theme.palette()
        place = option.rect.adjusted(GRID, 0, -GRID, 0)
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, QColor(colours.hover))
        painter.setPen(QColor(colours.text))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(place, middle | Qt.AlignmentFlag.AlignLeft, thing.name)
        painter.setPen(QColor(colours.muted))
        painter.drawText(place, middle | Qt.AlignmentFlag.AlignRight, thing.kind)
        painter.restore()


_THING = Qt.ItemDataRole.UserRole
