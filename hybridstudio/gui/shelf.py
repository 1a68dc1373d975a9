"""The lines of the library: a small picture, a name, a state; read in a thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from PySide6.QtCore import (
    QAbstractItemModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from hybridstudio import paths, runs
from hybridstudio.gui import theme
from hybridstudio.gui.cloudlight import lit_image
from hybridstudio.gui.filmstrip import picture_side
from hybridstudio.gui.theme import GRID

ENTRY = Qt.ItemDataRole.UserRole
THUMB = 32  # pixels of the small picture's side
CARD = 2 * THUMB  # and of the one on a model's card
_SHEET_GAP = 2  # between the pictures of a preview, see pictures.sheet

Index = QModelIndex | QPersistentModelIndex

SAYS = {
    "training": "training", "paused": "paused", "finished": "finished", "stopped": "stopped",
    "interrupted": "interrupted", "ready": "ready", "broken": "cannot be read",
}


@dataclass(frozen=True)
class Entry:
    """What the library shows of a run."""

    path: Path
    name: str
    state: str
    step: int
    steps: int
    shipped: bool
    batch: int = 0  # pictures in a training step
    says: str = ""
    picture: QImage | None = None
    sheet: QImage | None = None  # twice as large, with more pictures where they fit
    is_cloud: bool = False  # what they show is points, dark as they were drawn

    @property
    def share(self) -> float:
        """How much of the training is done, 0 to 1."""
        return min(1.0, self.step / self.steps) if self.steps else 0.0

    @property
    def state_text(self) -> str:
        """The state in words, with how far it is where that says something."""
        if self.state in ("ready", "finished", "broken"):
            return SAYS[self.state]
        return f"{SAYS[self.state]}, {100 * self.share:.0f} %"


@dataclass(frozen=True)
class Listed:
    """All entries, the shipped models and the user's runs, as they stand."""

    shipped: tuple[Entry, ...]
    own: tuple[Entry, ...]


def listed(_request: object) -> Iterator[Listed]:
    """Read the library, as an engine of a lane: one Listed."""
    yield Listed(tuple(sorted(_entries(paths.checkpoints()), key=lambda entry: entry.name)),
                 tuple(_entries(paths.runs())))


def entry_of(run: runs.Run) -> Entry:
    """Tell a run as the library shows it, with its newest preview."""
    state: str = run.state
    if state == "training" and runs.is_paused(run.path):
        state = "paused"
    shown = run.problem if run.state == "broken" else run.config.says
    picture, sheet = _pictures(run)
    is_cloud = picture is not None and picture_side(run.config.data) is None
    return Entry(run.path, run.name, state, run.step, run.config.train.steps, run.shipped,
                 run.config.train.batch_size, shown, picture, sheet, is_cloud)


def with_progress(entry: Entry, state: str, step: int | None) -> Entry:
    """Return an entry as a training in this window has just told it; None keeps its step."""
    return replace(entry, state=state, step=entry.step if step is None else step)


def _entries(folder: Path) -> Iterator[Entry]:
    return map(entry_of, runs.listing(folder))


def _pictures(run: runs.Run) -> tuple[QImage | None, QImage | None]:
    """Return the small picture and the card's, both of the newest preview."""
    previews = runs.previews(run.path)
    if not previews:
        return None, None
    file = previews[-1][1]
    try:
        changed = file.stat().st_mtime_ns
    except OSError:
        return None, None
    return _thumbnails(file, changed, picture_side(run.config.data) or 0)


@lru_cache(maxsize=512)
def _thumbnails(file: Path, _changed: int, size: int) -> tuple[QImage | None, QImage | None]:
    sheet = QImage(str(file))
    if sheet.isNull():
        return None, None
    return _cut(sheet, size, THUMB), _cut(sheet, size, CARD)


def _cut(sheet: QImage, size: int, room: int) -> QImage:
    """Cut as many whole pictures out of a preview as fit, crisp where they can be."""
    if size:
        tiles = max(1, (room + _SHEET_GAP) // (size + _SHEET_GAP))
        side = min(tiles * (size + _SHEET_GAP) - _SHEET_GAP, sheet.width(), sheet.height())
        sheet = sheet.copy(_SHEET_GAP, _SHEET_GAP, side, side)
    else:
        sheet = sheet.copy(sheet.rect().adjusted(*(_SHEET_GAP,) * 2, *(-_SHEET_GAP,) * 2))
    side = max(sheet.width(), sheet.height())
    zoom = room // side
    mode = Qt.TransformationMode.FastTransformation
    if zoom < 1:
        mode = Qt.TransformationMode.SmoothTransformation
    wanted = side * zoom if zoom else room
    return sheet.scaled(wanted, wanted, Qt.AspectRatioMode.KeepAspectRatio, mode)


class Line(QStyledItemDelegate):
    """Paints an Entry: picture, name, state with a dot, and a thin bar while it trains.

    `renamed` tells the path and the new name that was typed over the old one.
    """

    renamed = Signal(object, str)

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        """Tell what was typed; the line changes when the folder has."""
        self.renamed.emit(index.data(ENTRY).path, str(editor.property("text")))

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Give every line the room of its picture."""
        return QSize(160, THUMB + 2 * GRID)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one line."""
        entry = index.data(ENTRY)
        if not isinstance(entry, Entry):
            return
        colours, place = theme.palette(), option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        if selected or hovered:
            painter.fillRect(place, QColor(colours.hover))
        if selected:
            painter.fillRect(QRect(place.left(), place.top(), 3, place.height()),
                             QColor(colours.accent))
        thumb = QRect(place.left() + GRID + 4, place.top() + GRID, THUMB, THUMB)
        self._paint_picture(painter, thumb, entry)
        left = thumb.right() + GRID + 2
        words = QRect(left, place.top() + GRID - 2, place.right() - left - GRID, THUMB // 2 + 2)
        metrics = painter.fontMetrics()
        painter.setPen(QColor(colours.text))
        painter.drawText(words, _LEFT, metrics.elidedText(
            entry.name, Qt.TextElideMode.ElideMiddle, words.width()))
        words.translate(0, THUMB // 2 + 1)
        self._paint_state(painter, words, entry)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(colours.accent), 1, Qt.PenStyle.DotLine))
            painter.drawRect(place.adjusted(1, 1, -2, -2))
        painter.restore()

    def _paint_picture(self, painter: QPainter, place: QRect, entry: Entry) -> None:
        if entry.picture is None:
            painter.fillRect(place, QColor(theme.palette().canvas))
            theme.icon("image", theme.palette().muted).paint(painter, place.adjusted(8, 8, -8, -8))
            return
        picture = lit_image(entry.picture) if entry.is_cloud else entry.picture
        painter.drawImage(place.left() + (THUMB - picture.width()) // 2,
                          place.top() + (THUMB - picture.height()) // 2, picture)

    def _paint_state(self, painter: QPainter, place: QRect, entry: Entry) -> None:
        colours = theme.palette()
        dot = {"training": colours.accent, "paused": colours.warn, "interrupted": colours.warn,
               "broken": colours.bad, "finished": colours.good}.get(entry.state)
        if dot is not None:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(dot))
            painter.drawEllipse(QRectF(place.left(), place.center().y() - 2.5, 7, 7))
            place = place.adjusted(12, 0, 0, 0)
        painter.setPen(QColor(colours.muted))
        text = entry.state_text if entry.state != "ready" or not entry.says else entry.says
        painter.drawText(place, _LEFT, painter.fontMetrics().elidedText(
            text, Qt.TextElideMode.ElideRight, place.width()))
        if entry.state in ("training", "paused"):
            bar = QRect(place.left() - 12, place.bottom() + 3, place.width() + 12, 2)
            painter.fillRect(bar, QColor(colours.line))
            bar.setWidth(round(bar.width() * entry.share))
            painter.fillRect(bar, QColor(colours.accent))

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem,
                             index: Index) -> None:
        """Put the field for renaming over the name."""
        left = 2 * GRID + 6 + THUMB
        editor.setGeometry(option.rect.adjusted(left, 4, -GRID, -THUMB // 2 - 2))


class Shelf(QListWidget):
    """A plain list whose lines are Entries."""

    delete_wanted = Signal()
    renamed = Signal(object, str)  # path, name

    def __init__(self, says: str) -> None:
        super().__init__()
        self.setAccessibleName(says)
        line = Line(self)
        line.renamed.connect(self.renamed)
        self.setItemDelegate(line)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setUniformItemSizes(True)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.hide()

    def lines(self) -> list[QListWidgetItem]:
        """Return all lines in order."""
        return [self.item(row) for row in range(self.count())]

    def fill(self, entries: list[Entry]) -> None:
        """Show these entries in this order."""
        self.blockSignals(True)
        self.clear()
        for entry in entries:
            item = QListWidgetItem(self)
            dress(item, entry)
        self.blockSignals(False)
        self.setVisible(bool(entries))

    def take_room(self, least: int, most: int) -> None:
        """Be as high as its lines, where there is room: at most `most` of them, and `least`."""
        line, frame = self.sizeHintForRow(0), 2 * self.frameWidth()
        self.setMaximumHeight(line * min(self.count(), most) + frame)
        self.setMinimumHeight(line * min(self.count(), least) + frame)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete moves the selected run to the trash."""
        if event.key() == Qt.Key.Key_Delete:
            self.delete_wanted.emit()
        else:
            super().keyPressEvent(event)


def dress(item: QListWidgetItem, entry: Entry) -> None:
    """Let a line show an entry."""
    item.setData(ENTRY, entry)
    item.setText(entry.name)
    item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{entry.name}, {entry.state_text}")
    item.setToolTip(f"{entry.name}: {entry.state_text}\n{entry.says}\n{entry.path}")
    flags = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
    if not entry.shipped and entry.state not in ("training", "paused"):
        flags |= Qt.ItemFlag.ItemIsEditable
    item.setFlags(flags)


_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
