"""The points that a user kept of a latent space, each a small picture with its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QMenu, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.latentstate import Spot
from hybridstudio.gui.ownpicture import enlarged
from hybridstudio.points_kept import Kept

SIDE = 56
NOTHING = "None yet. Keep a cell of the grid, or find a picture of yours."


class PointList(QListWidget):
    """`used` tells a Spot and for what (a word of `uses`), `forgotten` the point to keep no longer.

    Return or a double click does the first of the uses, the menu all of them, Delete forgets.
    """

    used = Signal(object, str)
    forgotten = Signal(object)

    def __init__(self, uses: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._uses = tuple(uses)
        self._points: tuple[Kept, ...] = ()
        self.setViewMode(QListWidget.ViewMode.IconMode)
        self.setIconSize(QSize(SIDE, SIDE))
        self.setGridSize(QSize(SIDE + 24, SIDE + 24))
        self.setMovement(QListWidget.Movement.Static)
        self.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.setWordWrap(False)
        self.setUniformItemSizes(True)
        self.setAccessibleName("Points kept")
        self.setToolTip(f"Double-click or Return: {self._uses[0].lower()}. Right button: more. "
                        "Delete: forget")
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(
            lambda at: self._menu().popup(self.viewport().mapToGlobal(at)))
        self.itemActivated.connect(lambda _item: self._use(self._uses[0]))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.show_points(())

    def show_points(self, points: Sequence[Kept]) -> None:
        """Show points, newest first."""
        self._points = tuple(reversed(points))
        self.clear()
        for point in self._points:
            icon = QIcon(enlarged(point.picture, SIDE) if point.picture is not None
                         else QPixmap())
            item = QListWidgetItem(icon, point.name)
            item.setToolTip(point.name)
            self.addItem(item)
        rows = min(3, -(-len(self._points) // 3))
        self.setFixedHeight(rows * (SIDE + 24) + 4 if rows else 3 * self.fontMetrics().height())

    def point(self) -> Kept | None:
        """Return the point that is chosen."""
        row = self.currentRow()
        return self._points[row] if 0 <= row < len(self._points) else None

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the points, or say how there come to be some."""
        super().paintEvent(event)
        if not self._points:
            with QPainter(self.viewport()) as painter:
                painter.setPen(QColor(theme.palette().muted))
                painter.drawText(self.viewport().rect().adjusted(2, 2, -2, -2),
                                 Qt.TextFlag.TextWordWrap, NOTHING)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Forget the point with Delete."""
        point = self.point()
        if event.key() == Qt.Key.Key_Delete and point is not None:
            self.forgotten.emit(point)
        else:
            super().keyPressEvent(event)

    def _use(self, use: str) -> None:
        point = self.point()
        if point is not None:
            self.used.emit(Spot.kept(point), use)

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        point = self.point()
        if point is None:
            return menu
        doing: list[tuple[str, Callable[[], object]]] = [
            (use, lambda use=use: self._use(use)) for use in self._uses]  # type: ignore[misc]
        for words, do in [*doing, ("Forget", lambda: self.forgotten.emit(point))]:
            menu.addAction(words, do)
        return menu
