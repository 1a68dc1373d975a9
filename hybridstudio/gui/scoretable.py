"""Every score of a run or a file as a line of a table; a click tells it in full."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from hybridstudio import standing
from hybridstudio.gui.buttons import flat
from hybridstudio.standing import Dot, records


class ScoreTable(QTableWidget):
    """The newest score first; `chosen` tells the one that is told in full.

    `repeated` asks to make a number again, `copied` for its command line.
    """

    chosen = Signal(object)
    repeated = Signal(object)
    copied = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._dots: list[Dot] = []
        self._shown: list[int] = []  # columns of HEADS in which there is anything
        self._can_repeat = True
        self.setAccessibleName("Scores")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setAlternatingRowColors(False)
        self.verticalHeader().hide()
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setDefaultAlignment(
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.horizontalHeader().setSectionResizeMode(
            QHeaderView.ResizeMode.ResizeToContents)
        self.setStyleSheet("QTableWidget { padding-left: 8px; }"
                           "QTableWidget::item { padding: 0 5px; }")
        self.currentCellChanged.connect(self._on_row)

    def show_dots(self, dots: Sequence[Dot]) -> None:
        """Show scores, the newest first; the one that was chosen stays so."""
        before = self.current()
        self._dots = sorted(dots, key=lambda dot: dot.when, reverse=True)
        rows = [records.cells(dot) for dot in self._dots]
        self._shown = [column for column in range(len(records.HEADS))
                       if any(row[column] for row in rows)]
        self.blockSignals(True)
        self.clear()
        self.setRowCount(len(rows))
        self.setColumnCount(len(self._shown) + 1)
        self.setHorizontalHeaderLabels(["", *(records.HEADS[column] for column in self._shown)])
        for place, row in enumerate(rows):
            for at, column in enumerate(self._shown, start=1):
                item = QTableWidgetItem(row[column])
                item.setToolTip(self._dots[place].told())
                self.setItem(place, at, item)
            self.setItem(place, 0, QTableWidgetItem())
            self.setCellWidget(place, 0, self._buttons(self._dots[place]))
        self.blockSignals(False)
        if self._dots:
            again = next((place for place, dot in enumerate(self._dots)
                          if before is not None and dot.record == before.record), 0)
            self.selectRow(again)
        self.chosen.emit(self.current())

    def current(self) -> Dot | None:
        """Return the score that is told in full."""
        return self._dots[self.currentRow()] if 0 <= self.currentRow() < len(self._dots) else None

    def let_repeat(self, on: bool) -> None:
        """Let numbers be made again, or not while another is being made."""
        self._can_repeat = on
        for place, dot in enumerate(self._dots):
            widget = self.cellWidget(place, 0)
            if widget is not None:
                widget.setEnabled(on and standing.repeatable(dot))

    def _buttons(self, dot: Dot) -> QWidget:
        row = QWidget()
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(0)
        line.addWidget(flat("undo", "Repeat this number: the very same scoring once more",
                            lambda: self.repeated.emit(dot)))
        line.addWidget(flat("copy", "Copy the command line that makes this number",
                            lambda: self.copied.emit(dot)))
        row.setEnabled(self._can_repeat and standing.repeatable(dot))
        return row

    def _on_row(self) -> None:
        self.chosen.emit(self.current())
