"""The presets that ship, by family: each with its name, a sentence on it, and its source."""

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
from hybridstudio.config import MODELS, RunConfig, known
from hybridstudio.errors import StudioError
from hybridstudio.gui import theme
from hybridstudio.gui.theme import GRID

FIRST = "ddpm-digits"  # the preset that needs no download and trains in a minute

_SAYS = Qt.ItemDataRole.UserRole
_FROM = Qt.ItemDataRole.UserRole + 1
_FAMILY = Qt.ItemDataRole.UserRole + 2  # of a heading; a preset has none
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
        for family in self._families():
            self._add_family(family)
        for name, fault in faults.items():
            item = QListWidgetItem(name)
            item.setData(_SAYS, fault)
            item.setFlags(Qt.ItemFlag.NoItemFlags)
            self.addItem(item)
        self.itemClicked.connect(self._pick)
        self.itemActivated.connect(self._pick)

    def _families(self) -> list[str]:
        """Return the families that have presets: that of the first one first, then the drawing."""
        used = {config.model.family for config in self._configs.values()}
        first = self._configs[FIRST].model.family if FIRST in self._configs else ""
        return sorted(used, key=lambda family: (
            family != first, not MODELS[family].samplers, MODELS[family].title))

    def _add_family(self, family: str) -> None:
        """List a family's presets under its title; those that need no download come first."""
        section = MODELS[family]
        heading = QListWidgetItem(section.title)
        heading.setData(_SAYS, (section.__doc__ or "").partition("\n")[0])
        heading.setData(_FAMILY, family)
        heading.setFlags(Qt.ItemFlag.ItemIsEnabled)
        self.addItem(heading)
        members = [(name, config) for name, config in self._configs.items()
                   if config.model.family == family]
        members.sort(key=lambda member: (member[0] != FIRST, not known.is_embedded(member[1].data)))
        for name, config in members:
            item = QListWidgetItem(name)
            item.setData(_SAYS, config.says)
            item.setData(_FROM, " · ".join(
                part for part in (config.data.name, config.source) if part))
            item.setToolTip(f"<p>{config.says}</p><p>{config.source}</p>")
            self.addItem(item)

    def show_matching(self, words: str) -> None:
        """Show only presets that have all of these words, and the families that they belong to."""
        wanted = words.lower().split()
        shown: set[str] = set()
        for row in range(self.count()):
            item = self.item(row)
            if (config := self._configs.get(item.text())) is not None:
                family = config.model.family
                told = " ".join((item.text(), config.says, config.source, config.data.name, family,
                                 config.model.title)).lower()
                item.setHidden(not all(word in told for word in wanted))
                if not item.isHidden():
                    shown.add(family)
        for row in range(self.count()):
            if (family := self.item(row).data(_FAMILY)) is not None:
                self.item(row).setHidden(family not in shown)

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
    """Paints a heading, or a preset: name, sentence, data set and source in muted words."""

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
        elif state & QStyle.StateFlag.State_MouseOver and index.data(_FAMILY) is None:
            painter.fillRect(box, QColor(colours.hover))
        painter.translate(box.topLeft())
        room = QRect(GRID, 0, box.width() - 2 * GRID, _TALL)
        is_heading = index.data(_FAMILY) is not None
        if is_heading and index.row():
            painter.fillRect(QRect(GRID, GRID // 2, box.width() - 2 * GRID, 1),
                             QColor(colours.line))
        for place, (text, line) in enumerate(self._lines(index, room)):
            painter.setFont(self._font(place, is_heading))
            painter.setPen(QColor(colours.text if place == 0 else colours.muted))
            painter.drawText(line, int(_FLAGS), text)
        painter.restore()

    def _lines(self, index: QModelIndex | QPersistentModelIndex,
               room: QRect) -> list[tuple[str, QRect]]:
        """Return the texts and where each lies below the one before."""
        is_heading = index.data(_FAMILY) is not None
        top, lines = GRID * (2 if is_heading and index.row() else 1), []
        for place, text in enumerate((index.data(), index.data(_SAYS), index.data(_FROM))):
            if text:
                box = QFontMetrics(self._font(place, is_heading)).boundingRect(
                    room.x(), top, room.width(), _TALL, int(_FLAGS), text)
                box.setWidth(room.width())
                lines.append((text, box))
                top = box.bottom() + 3
        return lines

    def _font(self, place: int, is_heading: bool) -> QFont:
        if place == 0:
            return theme.font(1.2 if is_heading else 1.0, bold=True)
        return theme.font(1.0 if place == 1 and not is_heading else 0.9)
