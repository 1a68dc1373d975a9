"""The presets that ship as a list: each with its name, what it is in a sentence, and its source."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from hybridstudio import presets
from hybridstudio.config import RunConfig
from hybridstudio.errors import StudioError
from hybridstudio.gui import theme
from hybridstudio.gui.theme import GRID

EMBEDDED = ("digits", "shapes")  # data sets that need no download: their presets come first

_SAYS = Qt.ItemDataRole.UserRole
_FROM = Qt.ItemDataRole.UserRole + 1
_FLAGS = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeft
_TALL = 10_000


class PresetList(QListWidget):
    """A list of presets; `picked` tells the name and the RunConfig of the one that is chosen."""

    picked = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Presets")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setItemDelegate(_Entry(self))
        self.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._configs: dict[str, RunConfig] = {}
        faults = {}
        for name in presets.names():
            try:
                self._configs[name] = presets.find(name)
            except (StudioError, OSError) as error:
                faults[name] = f"This preset cannot be read: {error}"
        for name, config in sorted(
                self._configs.items(), key=lambda item: item[1].data.name not in EMBEDDED):
            item = QListWidgetItem(name)
            item.setData(_SAYS, config.says)
            item.setData(_FROM, " · ".join(
                part for part in (config.data.name, config.source) if part))
            item.setToolTip(f"<p>{config.says}</p><p>{config.source}</p>")
            self.addItem(item)
        for name, fault in faults.items():
            item = QListWidgetItem(name)
            item.setData(_SAYS, fault)
            item.setFlags(Qt.ItemFlag.NoItemFlags)
            self.addItem(item)
        self.itemClicked.connect(self._pick)
        self.itemActivated.connect(self._pick)

    def pick(self, name: str) -> None:
        """Choose a preset by its name, as a click does; an unknown one does nothing."""
        for item in self.findItems(name, Qt.MatchFlag.MatchExactly):
            self.setCurrentItem(item)
            self._pick(item)

    def show_picked(self, name: str) -> None:
        """Mark a preset as the one that is open, or none, without telling."""
        found = self.findItems(name, Qt.MatchFlag.MatchExactly)
        self.setCurrentItem(found[0] if found else None)  # type: ignore[arg-type]

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay the sentences out anew for another width."""
        super().resizeEvent(event)
        self.scheduleDelayedItemsLayout()

    def _pick(self, item: QListWidgetItem) -> None:
        if item.text() in self._configs:
            self.picked.emit(item.text(), self._configs[item.text()])


class _Entry(QStyledItemDelegate):
    """Paints one preset: its name, its sentence, then data set and source in small muted words."""

    def __init__(self, view: QListWidget) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem,
                 index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Return the list's width and the height of all lines."""
        width = self._view.viewport().width()
        lines = self._lines(index, QRect(GRID, 0, width - 2 * GRID, _TALL))
        return QSize(width, lines[-1][1].bottom() + 1 + GRID)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem,
              index: QModelIndex | QPersistentModelIndex) -> None:
        """Draw the lines; the chosen one has the accent at its left edge."""
        colours = theme.palette()
        box: QRect = option.rect
        state = option.state
        painter.save()
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(box, QColor(colours.hover))
            painter.fillRect(QRect(box.x(), box.y(), 3, box.height()), QColor(colours.accent))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(box, QColor(colours.hover))
        painter.translate(box.topLeft())
        room = QRect(GRID, 0, box.width() - 2 * GRID, _TALL)
        for place, (text, line) in enumerate(self._lines(index, room)):
            painter.setFont(self._font(place))
            painter.setPen(QColor(colours.text if place == 0 else colours.muted))
            painter.drawText(line, int(_FLAGS), text)
        painter.restore()

    def _lines(self, index: QModelIndex | QPersistentModelIndex,
               room: QRect) -> list[tuple[str, QRect]]:
        """Return the texts and where each lies below the one before."""
        top, lines = GRID, []
        for place, text in enumerate((index.data(), index.data(_SAYS), index.data(_FROM))):
            if text:
                box = QFontMetrics(self._font(place)).boundingRect(
                    room.x(), top, room.width(), _TALL, int(_FLAGS), text)
                box.setWidth(room.width())
                lines.append((text, box))
                top = box.bottom() + 3
        return lines

    def _font(self, place: int) -> QFont:
        return theme.font(bold=True) if place == 0 else theme.font(1.0 if place == 1 else 0.9)
