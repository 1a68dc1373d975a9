"""Paints a drawing of dots, tells which dot the mouse is at and which was clicked."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from hybridstudio.gui import theme
from hybridstudio.standing import Dot, Drawn, Scene
from hybridstudio.standing.figure import Disc, Patch, Place, Shape, Stroke, Words, outline

Plan = Callable[[Scene, float, float], Drawn]


class SceneView(QWidget):
    """Shows a scene as `plan` draws it; `chosen` tells the dot that was clicked.

    The arrows go from dot to dot, Return opens the one that is chosen.
    """

    chosen = Signal(object)
    opened = Signal(object)

    def __init__(self, plan: Plan, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scene: Scene | None = None
        self._plan = plan
        self._drawn: Drawn | None = None
        self._under: Dot | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(name)
        theme.changed.connect(self._anew)

    def show_scene(self, scene: Scene | None) -> None:
        """Show a scene, or nothing."""
        self.scene = scene
        self.setAccessibleDescription("" if scene is None else "; ".join(
            dot.told().replace("\n", ", ") for dot in scene.dots))
        self._anew()

    def drawn(self) -> Drawn:
        """Return the shapes as they are painted now."""
        if self._drawn is None:
            self._drawn = Drawn() if self.scene is None else self._plan(
                self.scene, float(self.width()), float(self.height()))
        return self._drawn

    def sizeHint(self) -> QSize:
        """Ask for room to read."""
        return QSize(480, 420)

    def minimumSizeHint(self) -> QSize:
        """Ask for enough to tell dots apart."""
        return QSize(160, 200)

    def _anew(self) -> None:
        self._drawn = None
        self.update()

    # --- painting ---------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the shapes, those at the back first."""
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(theme.palette().canvas))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for shape in self.drawn().shapes:
                paint(painter, shape)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Draw at the new size."""
        self._anew()
        super().resizeEvent(event)

    # --- mouse and keyboard -----------------------------------------------------------------------

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell everything of the dot under the mouse."""
        dot = self.drawn().at(event.position().x(), event.position().y())
        if dot is self._under:
            return
        self._under = dot
        self.setCursor(Qt.CursorShape.PointingHandCursor if dot else Qt.CursorShape.ArrowCursor)
        if dot is None:
            QToolTip.hideText()
        else:
            QToolTip.showText(event.globalPosition().toPoint(), dot.told(), self)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose a dot; a click beside them all chooses none."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(self.drawn().at(event.position().x(), event.position().y()))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Open a dot."""
        if (dot := self.drawn().at(event.position().x(), event.position().y())) is not None:
            self.opened.emit(dot)

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing lies under the mouse any more."""
        self._under = None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go to the next dot left or right, open it, or choose none."""
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        dots = [dot for dot, _ in sorted(self.drawn().places, key=lambda each: each[1])]
        current = self.scene.chosen if self.scene is not None else None
        key = Qt.Key(event.key())
        if key in steps and dots:
            at = dots.index(current) + steps[key] if current in dots else 0
            self.chosen.emit(dots[max(0, min(len(dots) - 1, at))])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and current is not None:
            self.opened.emit(current)
        elif key == Qt.Key.Key_Escape and current is not None:
            self.chosen.emit(None)
        else:
            super().keyPressEvent(event)


# --- shapes ---------------------------------------------------------------------------------------


def paint(painter: QPainter, shape: Shape) -> None:
    """Paint one shape in the colours of the window."""
    match shape:
        case Stroke():
            pen = QPen(_ink(shape.ink), shape.width)
            if shape.is_dashed:
                pen.setDashPattern([5, 4])
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPolyline(_polygon(shape.places))
        case Patch():
            colour = _ink(shape.ink)
            colour.setAlphaF(shape.opacity)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            painter.drawPolygon(_polygon(shape.places))
        case Words():
            _write(painter, shape)
        case Disc():
            _dot(painter, shape)


def _write(painter: QPainter, words: Words) -> None:
    font = QFont(theme.font(bold=words.is_bold))
    font.setPixelSize(round(words.size))
    wide = QFontMetricsF(font).horizontalAdvance(words.text)
    left = words.at[0] - {"start": 0.0, "middle": wide / 2, "end": wide}[words.anchor]
    if words.is_clear:
        path = QPainterPath()
        path.addText(QPointF(left, words.at[1]), font, words.text)
        painter.strokePath(path, QPen(QColor(theme.palette().canvas), 4))
    painter.setFont(font)
    painter.setPen(_ink(words.ink))
    painter.drawText(QPointF(left, words.at[1]), words.text)


def _dot(painter: QPainter, disc: Disc) -> None:
    colour, radius, at = _ink(disc.ink), disc.radius, QPointF(*disc.at)
    if disc.is_chosen:
        painter.setPen(QPen(_ink("text"), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(at, radius + 5, radius + 5)
    if disc.is_faint:
        painter.setOpacity(0.6)
    pen = QPen(colour, 2)
    if disc.is_faint:
        pen.setDashPattern([1.5, 1.2])
    painter.setPen(pen)
    painter.setBrush(_ink("canvas") if disc.share is not None else Qt.BrushStyle.NoBrush)
    if disc.form == "disc":
        painter.drawEllipse(at, radius, radius)
    else:
        painter.drawPolygon(_polygon(outline(disc.form, disc.at, radius)))
    if disc.share:
        inner = radius - 2
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        box = QRectF(at.x() - inner, at.y() - inner, 2 * inner, 2 * inner)
        painter.drawPie(box, 90 * 16, round(-360 * 16 * disc.share))
    painter.setOpacity(1.0)


def _ink(name: str) -> QColor:
    return QColor(name if name.startswith("#") else getattr(theme.palette(), name))


def _polygon(places: tuple[Place, ...]) -> QPolygonF:
    return QPolygonF([QPointF(x, y) for x, y in places])
