"""A moving cloud of points: the data behind it, the model's field, the ways that points took."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from hybridstudio import density
from hybridstudio.cloud import Look, cloud
from hybridstudio.gui import mosaic, particles, theme
from hybridstudio.gui.cloudlight import ink, look
from hybridstudio.gui.images import to_qimage
from hybridstudio.gui.pointsview import PointsView
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Field, Frame, Points

TRAILS = 200  # points whose ways are drawn
LAST = 60  # frames that a way goes back
DATA_SIDE = 480  # pixels of the picture of the data
FINE = 5_000  # points beyond which dots are smaller
LAYERS = ("trails", "field", "density", "data", "follow")
SHARES = (0.95, 0.8, 0.5)  # of all points, that lie within the outlines of the density
TINTS = (25, 33, 43)  # how strong the ground within each is, of 255


class ParticleView(PointsView):
    """Shows one frame's points; `layers` says what else is shown.

    `painted_at` is the time (perf_counter) at which painting last ended.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.painted_at = 0.0
        self.caption = ""  # what is said in the corner
        self.layers = {name: name != "data" for name in LAYERS}
        self._frame: Frame | None = None
        self._ways: list[Points] = []
        self._field: Field | None = None
        self._shafts: npt.NDArray[np.float32] | None = None
        self._heat: QImage | None = None
        self._data: Points | None = None
        self._behind: QImage | None = None
        self._outlines: list[QPainterPath] = []  # in the plane, the widest first
        self._ground: QImage | None = None  # these as a picture
        theme.changed.connect(self._forget_pictures)

    # what is shown

    def show_frame(self, frame: Frame | None, ways: Sequence[Points] = (),
                   field: Field | None = None) -> None:
        """Show a frame's points, the ways they took, and what the model sees there."""
        self._frame, self._ways = frame, list(ways)
        if field is not self._field:
            self._field, self._heat = field, None
        self._shafts = None
        if frame is not None:
            self._points = frame.points["x_t"]
            if field is not None and field.arrows is not None:
                self._shafts = particles.shafts(field, frame.noise)
            wanted = particles.reach(frame) if self.layers["follow"] else (
                particles.REACH * particles.NOISE if frame.steps else particles.REACH)
            self.look_over(wanted)
            self.setAccessibleDescription(f"{len(self._points):,} points at t = {frame.t:g}")
        else:
            self._points = np.empty((0, 2), np.float32)
        self.update()

    def show_data(self, points: Points | None) -> None:
        """Show the data as a faint cloud behind the points."""
        self._data, self._behind = points, None
        self.update()

    def show_density(self, values: density.Grid | None) -> None:
        """Show where the data lie, as `hybridstudio.density` has it; outlines are drawn once."""
        self._outlines, self._ground = [], None
        if values is not None:
            self._outlines = [_closed(density.outlines(values, level))
                              for level in density.levels(values, SHARES)]
        self.update()

    def show_layer(self, name: str, on: bool) -> None:
        """Show or hide one of LAYERS."""
        self.layers[name] = on
        self.show_frame(self._frame, self._ways, self._field)

    def refresh(self) -> None:
        """Paint anew; nothing is composed beforehand."""
        self.update()

    def _forget_pictures(self) -> None:
        self._behind = self._heat = self._ground = None
        self.update()

    # painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint what lies behind, the ways and the points."""
        colours = theme.palette()
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(colours.canvas))
            if self._frame is None:
                painter.setPen(QColor(colours.muted))
                flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
                painter.drawText(self.rect().adjusted(32, 32, -32, -32), flags, self.empty)
                return
            painter.setClipRect(self.square())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            if self.layers["density"] and self._outlines:
                self._paint_density(painter)
            if self.layers["data"] and self._data is not None:
                self._paint_picture(painter, self._data_picture(self._data), particles.REACH)
            if self.layers["field"] and self._field is not None:
                self._paint_field(painter, self._field)
            self._paint_frame(painter)
            if self.layers["trails"] and self._ways:
                self._paint_ways(painter)
            self._paint_points(painter)
            painter.setClipping(False)
            if self.caption:
                self._paint_caption(painter)
        self.painted_at = time.perf_counter()

    def _paint_picture(self, painter: QPainter, image: QImage, reach: float) -> None:
        """Paint a picture of the square from -reach to reach where that is in sight."""
        corner = self._at(np.array([[-reach, reach]], np.float32))[0]
        side = 2 * reach * self._scale()
        painter.drawImage(QRectF(corner[0], corner[1], side, side), image)

    def _paint_density(self, painter: QPainter) -> None:
        """Paint where the data lie: as a picture made once, or as lines where it is zoomed in on.
        """
        if self.reach < particles.REACH:
            painter.save()
            painter.translate(self.square().center())
            self._paint_outlines(painter, self._scale(), self.centre)
            painter.restore()
            return
        ratio = self.devicePixelRatioF()
        side = max(1, round(self.square().width() * ratio))
        if self._ground is None or self._ground.width() != side:
            self._ground = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
            self._ground.fill(Qt.GlobalColor.transparent)
            with QPainter(self._ground) as inside:
                inside.translate(side / 2, side / 2)
                self._paint_outlines(inside, side / (2 * particles.REACH), QPointF(0, 0))
        self._paint_picture(painter, self._ground, particles.REACH)

    def _paint_outlines(self, painter: QPainter, scale: float, centre: QPointF) -> None:
        """Paint the ground within each outline, and the outlines, around the painter's origin."""
        colours = theme.palette()
        ink, line = QColor(colours.text), QColor(colours.muted)
        line.setAlpha(150)
        pen = QPen(line, 1)
        pen.setCosmetic(True)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.scale(scale, -scale)
        painter.translate(-centre)
        painter.setPen(pen)
        for path, tint in zip(self._outlines, TINTS, strict=True):
            ink.setAlpha(tint)
            painter.setBrush(ink)
            painter.drawPath(path)

    def _data_picture(self, points: Points) -> QImage:
        if self._behind is None:
            seen = look()
            faint = QColor(theme.palette().muted)
            tint = (faint.red(), faint.green(), faint.blue())
            half = tuple((a + 2 * b) // 3 for a, b in zip(tint, seen.ground, strict=True))
            quiet = Look(seen.ground, seen.ground, tint, ((half[0], half[1], half[2]),))
            self._behind = to_qimage(mosaic.coloured(
                cloud(points, side=DATA_SIDE, reach=particles.REACH, look=quiet)))
        return self._behind

    def _paint_field(self, painter: QPainter, field: Field) -> None:
        if field.heights is not None:
            if self._heat is None:
                self._heat = _heat(field.heights)
            self._paint_picture(painter, self._heat, float(field.places[:, 0].max()))
        if self._shafts is not None and len(self._shafts):
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            tips = self._at(self._shafts[:, 2:])
            tails = self._at(self._shafts[:, :2])
            away = tips - tails
            # Two barbs, each a third of the shaft, turned half a right angle.
            left = tips - (away + np.stack([-away[:, 1], away[:, 0]], 1)) * 0.22
            right = tips - (away + np.stack([away[:, 1], -away[:, 0]], 1)) * 0.22
            lines = [QLineF(*pair) for ends in (tails, left, right)
                     for pair in np.hstack([ends, tips]).tolist()]
            colour = QColor(theme.palette().muted)
            colour.setAlpha(190)
            painter.setPen(QPen(colour, 1))
            painter.drawLines(lines)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _paint_frame(self, painter: QPainter) -> None:
        """Paint the square in which the data lie."""
        corner = self._at(np.array([[-1.0, 1.0]], np.float32))[0]
        side = 2 * self._scale()
        painter.setPen(QColor(theme.palette().line))
        painter.drawRect(QRectF(corner[0], corner[1], side, side))

    def _paint_ways(self, painter: QPainter) -> None:
        steps = len(self._ways[0])
        places = self._at(np.concatenate(self._ways))
        joins = np.ones(len(places), np.int32)
        joins[steps - 1::steps] = 0  # each way ends where it ends
        path = pg.arrayToQPath(places[:, 0], places[:, 1], connect=joins)
        colour = QColor(theme.palette().series[1])
        colour.setAlpha(90)
        painter.setPen(QPen(colour, 1))
        painter.drawPath(path)

    def _paint_points(self, painter: QPainter) -> None:
        """Paint soft dots, all as one picture: so many ellipses would take longer than a frame."""
        square, ratio = self.square(), self.devicePixelRatioF()
        places = (self._at(self._points) - (square.left(), square.top())) * ratio
        picture = _dots(places, max(1, round(square.width() * ratio)), ink(0), ratio)
        picture.setDevicePixelRatio(ratio)
        painter.drawImage(square.topLeft(), picture)

    def _paint_caption(self, painter: QPainter) -> None:
        room = QRectF(painter.fontMetrics().boundingRect(self.caption)).adjusted(-6, -4, 6, 4)
        room.moveTopLeft(QPointF(GRID, GRID))
        ground = QColor(theme.palette().canvas)
        ground.setAlpha(215)
        painter.fillRect(room, ground)
        painter.setPen(QColor(theme.palette().text))
        painter.drawText(room, Qt.AlignmentFlag.AlignCenter, self.caption)

    # places

    def _scale(self) -> float:
        return self.square().width() / (2 * self.reach)

    def _at(self, places: Points) -> npt.NDArray[np.float64]:
        """Return where places of the plane (N, 2) are in the widget."""
        middle, scale = self.square().center(), self._scale()
        away = (places.astype(np.float64) - (self.centre.x(), self.centre.y())) * scale
        return np.stack([middle.x() + away[:, 0], middle.y() - away[:, 1]], axis=1)


def _closed(lines: Sequence[Points]) -> QPainterPath:
    """Return closed lines (K, 2) as one path."""
    path = QPainterPath()
    for line in lines:
        path.addPath(pg.arrayToQPath(line[:, 0].astype(float), line[:, 1].astype(float)))
        path.closeSubpath()
    return path


def _heat(heights: npt.NDArray[np.float32]) -> QImage:
    """Return how real places look (side²,) as colours: the first ink is real, the second fake."""
    side = round(len(heights) ** 0.5)
    values = np.flipud(heights.reshape(side, side)).astype(np.float64)
    series = theme.palette().series
    real, fake = (QColor(series[place]) for place in (2, 1))
    inks = np.array([(ink.red(), ink.green(), ink.blue()) for ink in (fake, real)], np.float64)
    pixels = np.empty((side, side, 4), np.uint8)
    sure = np.abs(values - 0.5) * 2.0
    pixels[..., :3] = inks[(values > 0.5).astype(int)][..., ::-1]  # ARGB32 lies in memory as BGRA
    pixels[..., 3] = np.rint(150 * np.clip(sure, 0.0, 1.0))
    image = QImage(pixels.data, side, side, 4 * side, QImage.Format.Format_ARGB32)
    return image.copy()


def _dots(places: npt.NDArray[np.float64], side: int, colour: QColor, ratio: float) -> QImage:
    """Draw dots at places (N, 2), in pixels, as a picture (side, side) that is clear elsewhere."""
    radius = 1.6 * ratio if len(places) <= FINE else 1.2 * ratio
    reach = math.ceil(radius)
    inside = (np.isfinite(places) & (places > reach) & (places < side - reach - 1)).all(1)
    at = np.rint(places[inside]).astype(np.int64)
    steps = range(-reach, reach + 1)
    cover = sorted((min(1.0, max(0.0, radius + 0.5 - math.hypot(dx, dy))), dy, dx)
                   for dy in steps for dx in steps)
    pixels = np.zeros(side * side, np.uint32)
    first = at[:, 1] * side + at[:, 0]
    for share, dy, dx in cover:  # the fullest last: where dots touch, their middles stay
        if share > 0.0:
            shade = [round(share * part) for part in (
                255, colour.red(), colour.green(), colour.blue())]
            pixels[first + dy * side + dx] = (
                shade[0] << 24 | shade[1] << 16 | shade[2] << 8 | shade[3])
    image = QImage(pixels.data, side, side, 4 * side, QImage.Format.Format_ARGB32_Premultiplied)
    return image.copy()
