"""How many pictures each class has, as bars; a click shows only that class."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.cloudlight import ink
from hybridstudio.gui.theme import GRID

_LINE = 22  # points for each class


class ClassBars(QWidget):
    """One bar for each class; `chosen` tells the class clicked, or None to show all again."""

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: Sequence[str] = ()
        self._counts: Sequence[int] = ()
        self._has_inks = False
        self._current: int | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Pictures of each class")
        self.setToolTip("Click a class to see only its pictures; click again to see all")
        theme.changed.connect(self.update)

    def set_counts(self, names: Sequence[str], counts: Sequence[int], inks: bool = False) -> None:
        """Show how many pictures each class has; with `inks` in the colours of their points."""
        self._has_inks = inks
        if tuple(names) != tuple(self._names):
            self._current = None
        self._names, self._counts = tuple(names), tuple(counts)
        self.setAccessibleDescription(", ".join(
            f"{name}: {count:,}" for name, count in zip(names, counts, strict=False)))
        self.updateGeometry()
        self.update()

    def current(self) -> int | None:
        """Return the class that is chosen, None for all."""
        return self._current

    def choose(self, place: int | None) -> None:
        """Choose a class, or all of them, and tell."""
        if place is not None and not 0 <= place < len(self._counts):
            return
        self._current = place
        self.update()
        self.chosen.emit(place)

    def sizeHint(self) -> QSize:
        """Ask for a line for each class."""
        return QSize(180, max(1, len(self._counts)) * _LINE)

    def minimumSizeHint(self) -> QSize:
        """Ask for as much height, and for little width."""
        return QSize(80, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint name, bar and number of each class that is in sight."""
        colours = theme.palette()
        with QPainter(self) as painter:
            metrics = painter.fontMetrics()
            names = max((metrics.horizontalAdvance(name) for name in self._names), default=0)
            names = min(names + 4, self.width() * 2 // 5)  # text is elided a little early
            numbers = max((metrics.horizontalAdvance(f"{count:,}") for count in self._counts),
                          default=0)
            room = max(8, self.width() - names - numbers - 2 * GRID)
            most = max(self._counts, default=1) or 1
            first = event.rect().top() // _LINE
            last = min(len(self._counts), event.rect().bottom() // _LINE + 1)
            for place in range(first, last):
                top, count = place * _LINE, self._counts[place]
                is_on = self._current in (None, place)
                painter.setPen(QColor(colours.text if is_on else colours.muted))
                name = metrics.elidedText(self._names[place], Qt.TextElideMode.ElideRight, names)
                middle = Qt.AlignmentFlag.AlignVCenter
                painter.drawText(QRectF(0, top, names, _LINE), middle, name)
                painter.drawText(QRectF(self.width() - numbers, top, numbers, _LINE),
                                 middle | Qt.AlignmentFlag.AlignRight, f"{count:,}")
                bar = QRectF(names + GRID, top + 5, max(1.0, room * count / most), _LINE - 10)
                shade = ink(place) if self._has_inks else QColor(colours.series[0])
                painter.fillRect(bar, shade if is_on else QColor(colours.line))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Show only the class that is clicked, or all again."""
        place = int(event.position().y() // _LINE)
        self.choose(None if place == self._current else place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go through the classes with up and down; Escape shows all."""
        moves = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
        if (key := Qt.Key(event.key())) in moves and self._counts:
            before = -1 if self._current is None and moves[key] > 0 else self._current or 0
            self.choose(max(0, min(len(self._counts) - 1, before + moves[key])))
        elif key == Qt.Key.Key_Escape and self._current is not None:
            self.choose(None)
        else:
            super().keyPressEvent(event)
