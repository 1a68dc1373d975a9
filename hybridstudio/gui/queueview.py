"""The queue as the inspector shows it: what waits, trains, is done or failed, and what to do."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from hybridstudio.gui import theme
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.queue import Queue
from hybridstudio.gui.queuefile import Queued
from hybridstudio.gui.theme import GRID

EMPTY = "Nothing is queued. Vary a setting above, and queue the variants."


class QueueView(QWidget):
    """Lists a queue; its buttons begin and hold it, and move and remove what is chosen."""

    def __init__(self, queue: Queue) -> None:
        super().__init__()
        self.queue = queue
        self.list = QListWidget()
        self.list.setAccessibleName("Queue of trainings")
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setIconSize(QSize(10, 10))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setMinimumHeight(96)
        self.list.currentRowChanged.connect(lambda _row: self._show_buttons())
        self._says = theme.say(QLabel(wordWrap=True), "muted")
        self._reason = theme.say(QLabel(wordWrap=True), "muted")
        self._reason.setTextFormat(Qt.TextFormat.PlainText)
        self.go = QPushButton("Start")
        self.go.clicked.connect(self._go)
        self.up = flat("up", "Earlier", lambda: self._move(-1))
        self.down = flat("down", "Later", lambda: self._move(1))
        self.again = flat("undo", "Let it wait once more", self._again)
        self.drop = flat("trash", "Take it out of the queue (its folder stays)", self._remove)
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self.go)
        row.addStretch(1)
        for button in (self.up, self.down, self.again, self.drop):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(self._says)
        column.addWidget(self.list)
        column.addWidget(self._reason)
        column.addLayout(row)
        queue.changed.connect(self.refresh)
        theme.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the queue as it is now."""
        items = self.queue.items
        chosen = self.list.currentRow()
        self.list.blockSignals(True)
        self.list.clear()
        for item in items:
            line = QListWidgetItem(_mark(item), item.name, self.list)
            line.setData(Qt.ItemDataRole.AccessibleTextRole, f"{item.name}: {item.state}")
            line.setToolTip(f"{item.name}: {item.state}\n{item.reason}\n{item.request.out}".replace(
                "\n\n", "\n"))
        self.list.setCurrentRow(min(chosen, len(items) - 1))
        self.list.blockSignals(False)
        self.list.setVisible(bool(items))
        self.go.setVisible(bool(items))
        self._says.setText(self._words())
        self._show_buttons()

    def _words(self) -> str:
        items, queue = self.queue.items, self.queue
        if not items:
            return EMPTY
        told = []
        for state in ("done", "failed", "waiting"):
            if count := sum(item.state == state for item in items):
                told.append(f"{count} {state}")
        if any(item.state == "training" for item in items):
            told.insert(0, "one is training")
        if queue.waits and not queue.is_running:
            told.append("nothing begins until you start it")
        words = ", ".join(told)
        return words[:1].upper() + words[1:] + "."

    def _show_buttons(self) -> None:
        queue, place = self.queue, self.list.currentRow()
        item = queue.items[place] if 0 <= place < len(queue.items) else None
        if queue.is_running:
            self.go.setText("Hold")
            self.go.setToolTip("Begin no other; what trains goes on to its end")
        elif queue.waits or not queue.items:
            self.go.setText("Start")
            self.go.setToolTip("Train what waits, one after the other")
        else:
            self.go.setText("Clear")
            self.go.setToolTip("Take out all that are done")
        can_move = item is not None and item.state == "waiting"
        self.up.setEnabled(can_move and place > 0)
        self.down.setEnabled(can_move and place < len(queue.items) - 1)
        self.again.setEnabled(item is not None and item.state == "failed")
        self.drop.setEnabled(item is not None and item.state != "training")
        for button in (self.up, self.down, self.again, self.drop):
            button.setVisible(bool(queue.items))
        reason = item.reason if item is not None else ""
        self._reason.setText(reason)
        self._reason.setVisible(bool(reason))

    def _go(self) -> None:
        if self.queue.is_running:
            self.queue.hold()
        elif self.queue.waits:
            self.queue.start()
        else:
            self.queue.clear_done()

    def _move(self, by: int) -> None:
        to = self.queue.move(self.list.currentRow(), by)
        self.list.setCurrentRow(to)

    def _again(self) -> None:
        self.queue.again(self.list.currentRow())

    def _remove(self) -> None:
        self.queue.remove(self.list.currentRow())


def _mark(item: Queued) -> QIcon:
    """Return a dot in the colour of a state: hollow while it waits."""
    colours = theme.palette()
    ink = QColor({"training": colours.accent, "done": colours.good, "failed": colours.bad}.get(
        item.state, colours.muted))
    pixmap = QPixmap(20, 20)
    pixmap.fill(Qt.GlobalColor.transparent)
    with QPainter(pixmap) as painter:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(ink)
        painter.setBrush(Qt.BrushStyle.NoBrush if item.state == "waiting" else ink)
        painter.drawEllipse(3, 3, 14, 14)
    return QIcon(pixmap)
