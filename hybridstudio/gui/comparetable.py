"""What runs are and in which settings they differ, as one table: a column for each run."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from hybridstudio.comparison import Subject, differences, facts
from hybridstudio.comparison.differences import MISSING
from hybridstudio.gui import runcolours, theme

MOST_NARROW, MOST_NAMES = 116, 190  # pixels of a run's column, of the names of settings
ALIKE_FROM = 6  # letters that names begin with in common
ALIKE = "These runs were set up alike"


class CompareTable(QTableWidget):
    """Facts of the runs, then the settings that differ; values that are a default are faint."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Facts and settings that differ")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.setFrameShape(QTableWidget.Shape.NoFrame)
        self.setWordWrap(True)
        self.verticalHeader().hide()
        self.setStyleSheet("QTableWidget { padding-left: 12px; background: transparent; }")
        self.horizontalHeader().setIconSize(QSize(10, 10))
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setDefaultAlignment(
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._subjects: tuple[Subject, ...] = ()
        theme.changed.connect(self._recolour)

    def show_subjects(self, subjects: Sequence[Subject]) -> None:
        """Show these runs."""
        self._subjects = tuple(subjects)
        bar = self.verticalScrollBar()
        place = bar.value()
        self.clear()
        self.setRowCount(0)
        self.setColumnCount(len(subjects) + 2 if subjects else 0)
        if not subjects:
            return
        for column, subject in enumerate(subjects, start=1):
            head = QTableWidgetItem(subject.name)
            head.setIcon(runcolours.dot(subject.colour))
            head.setToolTip(str(subject.path))
            self.setHorizontalHeaderItem(column, head)
        self.setHorizontalHeaderItem(0, QTableWidgetItem(""))
        self.setHorizontalHeaderItem(len(subjects) + 1, QTableWidgetItem("Default"))
        # Variants of a run begin alike: what tells them apart is the end of their names.
        alike = {subject.name[:ALIKE_FROM] for subject in subjects}
        self.horizontalHeader().setTextElideMode(
            Qt.TextElideMode.ElideLeft if len(subjects) > 1 and len(alike) == 1
            else Qt.TextElideMode.ElideMiddle)
        self._add_heading("Runs")
        for fact in facts(subjects):
            if fact.name != "Networks":  # too many words for a cell
                self._add(fact.name, fact.says, [(text, text == MISSING) for text in fact.values])
        self._add_differences()
        self._set_widths()
        bar.setValue(place)

    def _recolour(self) -> None:
        self.show_subjects(self._subjects)

    def rows(self) -> list[list[str]]:
        """Return the cells as they are shown."""
        return [[item.text() if (item := self.item(row, column)) is not None else ""
                 for column in range(self.columnCount())] for row in range(self.rowCount())]

    def _add_differences(self) -> None:
        sound = [subject for subject in self._subjects if subject.is_sound]
        if len(sound) < 2:
            return
        found = differences(sound)
        self._add_heading("Settings that differ" if found else ALIKE)
        for one in found:
            told = dict(zip((subject.path for subject in sound),
                            zip(one.values, one.is_default, strict=True), strict=True))
            cells = []
            for subject in self._subjects:
                text, usual = told.get(subject.path, (None, False))
                cells.append((MISSING, True) if text is None else (text, usual))
            unit = f" ({one.unit})" if one.unit else ""
            self._add(one.path + unit, one.says, cells, one.default)

    def _add_heading(self, text: str) -> None:
        row = self.rowCount()
        self.insertRow(row)
        item = QTableWidgetItem(text)
        item.setFont(theme.font(bold=True))
        item.setFlags(Qt.ItemFlag.ItemIsEnabled)
        self.setItem(row, 0, item)
        self.setSpan(row, 0, 1, self.columnCount())

    def _add(self, name: str, says: str, cells: Sequence[tuple[str, bool]],
             default: str = "") -> None:
        row = self.rowCount()
        self.insertRow(row)
        muted = QColor(theme.palette().muted)
        for column, (text, is_faint) in enumerate([(name, True), *cells, (default, True)]):
            item = QTableWidgetItem(text)
            item.setToolTip(says if column == 0 else text)
            if is_faint:
                item.setForeground(muted)
            elif default:
                item.setFont(_stronger(self.font()))
            item.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
            self.setItem(row, column, item)

    def _set_widths(self) -> None:
        head = self.horizontalHeader()
        head.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        head.setMinimumSectionSize(MOST_NARROW)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        self.resizeColumnToContents(0)
        self.setColumnWidth(0, min(MOST_NAMES, self.columnWidth(0)))
        self.resizeRowsToContents()

    def resizeEvent(self, event: object) -> None:
        """Let rows be as high as their words need in the new width."""
        super().resizeEvent(event)  # type: ignore[arg-type]
        self.resizeRowsToContents()


def _stronger(font: QFont) -> QFont:
    made = QFont(font)
    made.setWeight(QFont.Weight.DemiBold)
    return made
