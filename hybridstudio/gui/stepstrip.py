"""What was drawn with each checkpoint of a run, in small: a film strip over its training."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QToolTip

from hybridstudio.gui import theme
from hybridstudio.gui.ownpicture import enlarged
from hybridstudio.gui.strip import SIDE, Strip, short
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Images

SMALL = 30  # points that a thumbnail is wide and high on a page that is low
STALE = 0.25  # how much of a thumbnail of other codes still shows


@dataclass(frozen=True)
class Thumb:
    """What was drawn with a checkpoint, and of what: `key` is the same for the same codes."""

    picture: Images
    key: Hashable


class StepStrip(Strip):
    """A thumbnail for each checkpoint, its step below.

    Thumbnails of other codes than those of `show_key` are dim, checkpoints that were not drawn yet
    are empty frames.
    """

    def __init__(self) -> None:
        super().__init__()
        self._steps: tuple[int, ...] = ()
        self._key: Hashable = None
        self._thumbs: dict[int, Thumb] = {}
        self._drawn: dict[tuple[int, float], QPixmap] = {}  # by step and screen
        self.setAccessibleName("The grid over the training")
        theme.changed.connect(self.update)

    def set_side(self, side: int) -> None:
        """Take larger or smaller thumbnails: small ones show the first corner alone."""
        if side != self.side:
            self.side = side
            self._drawn.clear()
            self.updateGeometry()
            self.update()

    def forget(self) -> None:
        """Forget all thumbnails: those of another run."""
        self._thumbs.clear()
        self._drawn.clear()
        self.update()

    def show_steps(self, steps: tuple[int, ...]) -> None:
        """Show these checkpoints; thumbnails of others are let go."""
        self._steps = steps
        for step in self._thumbs.keys() - set(steps):
            self._let_go(step)
        self.update()
        self._tell_accessibly()

    def show_place(self, place: int) -> None:
        """Show which of the checkpoints draws."""
        self._current = place
        self.update()
        self._tell_accessibly()

    def show_key(self, key: Hashable) -> None:
        """Show which codes are looked at now."""
        self._key = key
        self.update()
        self._tell_accessibly()

    def keep(self, step: int, images: Images, key: Hashable) -> None:
        """Keep a square sheet (N, H, W, C), drawn whole with a checkpoint, as its thumbnail."""
        if step in self._steps:
            self._let_go(step)
            self._thumbs[step] = Thumb(corners_of(images), key)
            self.update()
            self._tell_accessibly()

    def fresh(self) -> tuple[int, ...]:
        """Return the checkpoints whose thumbnails show what is looked at now."""
        return tuple(step for step in self._steps
                     if step in self._thumbs and self._thumbs[step].key == self._key)

    def _let_go(self, step: int) -> None:
        self._thumbs.pop(step, None)
        for name in [name for name in self._drawn if name[0] == step]:
            del self._drawn[name]

    def _count(self) -> int:
        return len(self._steps)

    # --- painting ---------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        """Ask for a thumbnail's height and its step."""
        return QSize(320, self.side + self.fontMetrics().ascent() + 5)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the thumbnails with their steps; the one that draws has a frame."""
        colours, fresh = theme.palette(), self.fresh()
        with QPainter(self) as painter:
            for place, box in self._boxes():
                step, is_current = self._steps[place], place == self._current
                painter.fillRect(box, QColor(colours.canvas))
                if step in self._thumbs:
                    painter.setOpacity(1.0 if step in fresh else STALE)
                    pixmap = self._pixmap(step)
                    size = pixmap.deviceIndependentSize().toSize()
                    painter.drawPixmap(box.x() + (self.side - size.width()) // 2,
                                       box.y() + (self.side - size.height()) // 2, pixmap)
                    painter.setOpacity(1.0)
                pen = QPen(QColor(colours.accent), 2) if is_current else QPen(
                    QColor(colours.line), 1,
                    Qt.PenStyle.SolidLine if step in fresh else Qt.PenStyle.DashLine)
                pen.setJoinStyle(Qt.PenJoinStyle.MiterJoin)
                painter.setPen(pen)
                painter.drawRect(box.adjusted(-1, -1, 0, 0))
                painter.setPen(QColor(colours.text if is_current else colours.muted))
                painter.drawText(QRect(box.x() - GRID, box.bottom() + 3, self.side + 2 * GRID,
                                       self.fontMetrics().height()),
                                 Qt.AlignmentFlag.AlignHCenter, short(step))

    def _pixmap(self, step: int) -> QPixmap:
        ratio = self.devicePixelRatioF()
        if (step, ratio) not in self._drawn:
            picture = self._thumbs[step].picture
            if self.side < SIDE:
                picture = picture[:picture.shape[0] // 2, :picture.shape[1] // 2]
            pixmap = enlarged(picture, round(self.side * ratio))
            pixmap.setDevicePixelRatio(ratio)
            self._drawn[step, ratio] = pixmap
        return self._drawn[step, ratio]

    # --- words ------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Tell of the thumbnail under the mouse."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            place = self._under(event.pos())
            if place >= 0:
                QToolTip.showText(event.globalPos(), self.words(place), self)
            return True
        return super().event(event)

    def words(self, place: int) -> str:
        """Say what a thumbnail shows."""
        step = self._steps[place]
        told = ("The corners of the grid" if step in self.fresh() else
                "Other codes than now" if step in self._thumbs else "Not drawn yet")
        return f"{told} at step {step:,}. Click to draw the grid with this checkpoint"

    def _tell_accessibly(self) -> None:
        self.setAccessibleDescription(
            f"{len(self._steps)} checkpoints, {len(self.fresh())} of them drawn")


def corners_of(images: Images) -> Images:
    """Return the four corner pictures of a square sheet (N, H, W, C) as one (2H, 2W, C).

    In a thumbnail of the whole sheet nothing could be told, and cells beside each other are alike.
    """
    side = math.isqrt(len(images))
    if side < 2:
        return images[0]
    first, last = images[:side], images[(side - 1) * side:side * side]
    return np.concatenate([np.concatenate([row[0], row[-1]], axis=1) for row in (first, last)])
