"""The transport under a drawing: play, step, a slider over the steps, the noise level as a curve.

The slider's places are the steps of the drawing. The curve lies under its groove, so that a step
and its noise level stand above each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QHideEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QWidget,
)

from hybridstudio.gui import theme
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.quietline import QuietLine
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Frame

SPEEDS = (2, 5, 12, 25, 50)  # frames a second
_SNR_ENDS = 12.0  # log-SNR beyond ±12 is as good as clean or pure noise
_HANDLE = 16  # points that the slider's handle is wide


class Timeline(QWidget):
    """Slider, play and curve; `moved` tells the step that a user or Play went to."""

    moved = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Step of the drawing")
        self.slider.setToolTip("Scrub through the steps (arrow keys, wheel, Home, End)")
        self.slider.setRange(0, 0)
        self.slider.setPageStep(5)
        self.slider.setMinimumHeight(_HANDLE + GRID)
        self.slider.valueChanged.connect(self._on_value)
        self.curve = Curve(self.slider)
        self.curve.dragged.connect(self.slider.setValue)
        self.readout = theme.say(QLabel(" "), "number")
        self.readout.setAccessibleName("Where this is")
        self.pointed = theme.say(QLabel(" "), "muted")
        self.pointed.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.back = flat("step-back", "One step back (←)", lambda: self.step(-1))
        self.play = flat("play", "Play (Space)", self.toggle)
        self.forward = flat("step-forward", "One step on (→)", lambda: self.step(1))
        self.speed = QComboBox()
        self.speed.setAccessibleName("Frames a second")
        self.speed.setToolTip("Frames a second while playing (12)")
        for rate in SPEEDS:
            self.speed.addItem(f"{rate} / s", rate)
        self.speed.setCurrentIndex(SPEEDS.index(12))
        self.speed.currentIndexChanged.connect(self._set_interval)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._next)
        self._set_interval()
        self._quiet = False
        self._arrived = 0
        self._lay_out()
        self.set_steps(0)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(0)
        for button in (self.back, self.play, self.forward):
            buttons.addWidget(button)
        words = QHBoxLayout()
        words.setContentsMargins(GRID // 2, 0, _HANDLE // 2, 0)
        words.addWidget(QuietLine(self.readout, self.pointed, 2 * GRID))
        grid = QGridLayout(self)
        grid.setContentsMargins(GRID, GRID // 2, GRID, GRID // 2)
        grid.setHorizontalSpacing(GRID)
        grid.setVerticalSpacing(GRID // 4)
        grid.addLayout(buttons, 0, 0)
        grid.addWidget(self.slider, 0, 1)
        grid.addWidget(self.speed, 0, 2)
        grid.addWidget(self.curve.quantity, 1, 0)
        grid.addWidget(self.curve, 1, 1)
        grid.addLayout(words, 2, 0, 1, 3)
        grid.setColumnStretch(1, 1)

    # what there is

    def set_steps(self, steps: int, arrived: int | None = None) -> None:
        """Tell how many steps there are, and up to which one frames have arrived (default all)."""
        self._arrived = steps if arrived is None else arrived
        if steps != self.slider.maximum():
            self._quiet = True
            self.slider.setMaximum(steps)
            self._quiet = False
        for widget in (self.back, self.play, self.forward, self.slider):
            widget.setEnabled(steps > 0)
        if steps == 0:
            self.stop()

    def set_one_pass(self, on: bool) -> None:
        """Take away all that goes through steps, where pictures come in one pass."""
        for widget in (self.back, self.play, self.forward, self.slider, self.speed, self.curve,
                       self.curve.quantity):
            widget.setVisible(not on)

    def set_levels(self, frames: Sequence[Frame]) -> None:
        """Draw the noise level of frames under the slider."""
        self.curve.set_levels(frames, self.slider.maximum())

    def add_level(self, frame: Frame, shows: bool = True) -> None:
        """Draw the noise level of a further frame; one that is not later begins anew.

        Without `shows` it is drawn with the next step that is shown.
        """
        self.curve.add_level(frame, self.slider.maximum(), shows)

    def show_step(self, step: int) -> None:
        """Move to a step without telling."""
        self._quiet = True
        self.slider.setValue(step)
        self._quiet = False
        self.curve.update()

    def _on_value(self, step: int) -> None:
        self.curve.update()
        if not self._quiet:
            self.moved.emit(step)

    # going through it

    def step(self, by: int) -> None:
        """Go some steps back or on, as a user does."""
        self.stop()
        self.slider.setValue(self.slider.value() + by)

    def takes(self, key: Qt.Key) -> bool:
        """Do what a key asks for; returns whether it is one of those heard here."""
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: -1, Qt.Key.Key_Up: 1,
                 Qt.Key.Key_PageUp: -5, Qt.Key.Key_PageDown: 5,
                 Qt.Key.Key_Home: -1_000_000, Qt.Key.Key_End: 1_000_000}
        if key in steps:
            self.step(steps[key])
        elif key == Qt.Key.Key_Space:
            self.toggle()
        return key in steps or key == Qt.Key.Key_Space

    def toggle(self) -> None:
        """Play from here, from the beginning when at the end, or pause."""
        if self._timer.isActive():
            return self.stop()
        if self.slider.maximum() > 0:
            if self.slider.value() >= self._arrived:
                self.slider.setValue(0)
            self._timer.start()
            self._show_playing(True)

    def stop(self) -> None:
        """Stop playing."""
        if self._timer.isActive():
            self._timer.stop()
            self._show_playing(False)

    def hideEvent(self, event: QHideEvent) -> None:
        """Play for nobody but those who look."""
        self.stop()
        super().hideEvent(event)

    def is_playing(self) -> bool:
        """Return whether it plays."""
        return self._timer.isActive()

    def _next(self) -> None:
        step = self.slider.value()
        if step < self._arrived:
            self.slider.setValue(step + 1)
        elif step >= self.slider.maximum():
            self.stop()

    def _show_playing(self, playing: bool) -> None:
        theme.set_icon(self.play, "pause" if playing else "play")
        says = "Pause" if playing else "Play"
        self.play.setToolTip(f"{says} (Space)")
        self.play.setAccessibleName(says)

    def _set_interval(self) -> None:
        self._timer.setInterval(round(1000 / self.speed.currentData()))


class Curve(QWidget):
    """Noise level σ or log-SNR over the steps, with a line at the slider's place."""

    dragged = Signal(int)

    def __init__(self, slider: QSlider) -> None:
        super().__init__()
        self._slider = slider
        self._levels: list[tuple[int, float, float]] = []
        self._steps = 0
        self.quantity = QComboBox()
        self.quantity.setAccessibleName("What the curve shows")
        self.quantity.setToolTip("What the curve shows: the noise level σ = √(1 - ᾱ), or the "
                                 "logarithm of the signal-to-noise ratio ᾱ / (1 - ᾱ)")
        self.quantity.addItems(["σ noise", "log SNR"])
        self.quantity.currentIndexChanged.connect(self.update)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Noise level over the steps")
        theme.changed.connect(self.update)

    def set_levels(self, frames: Sequence[Frame], steps: int) -> None:
        """Take the noise level of each frame; `steps` is where the axis ends."""
        self._levels = [(frame.step, frame.noise, frame.log_snr) for frame in frames]
        self._steps = steps
        self.update()

    def add_level(self, frame: Frame, steps: int, shows: bool) -> None:
        """Take the noise level of a further frame; one that is not later begins anew."""
        if self._levels and frame.step <= self._levels[-1][0]:
            self._levels.clear()
        self._levels.append((frame.step, frame.noise, frame.log_snr))
        self._steps = steps
        if shows:
            self.update()

    def sizeHint(self) -> QSize:
        """Ask for a low band."""
        return QSize(200, 44)

    def _ends(self) -> tuple[float, float]:
        """Return where the middle of the slider's handle is at the first and the last step."""
        option = QStyleOptionSlider()
        self._slider.initStyleOption(option)
        groove = self._slider.style().subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderGroove,
            self._slider)
        return groove.left() + _HANDLE / 2, groove.right() - _HANDLE / 2

    def _y(self, level: tuple[int, float, float]) -> float:
        """Return the height of a level, 0 at the top."""
        shows_snr = self.quantity.currentIndex() == 1
        share = (max(-_SNR_ENDS, min(_SNR_ENDS, level[2])) / _SNR_ENDS + 1) / 2 if shows_snr \
            else level[1]
        return 4 + (self.height() - 8) * (1 - share)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the curve, the ends of its axis and the place."""
        colours = theme.palette()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            left, right = self._ends()
            scale = (right - left) / max(1, self._steps)
            painter.setPen(QPen(QColor(colours.line), 1))
            for y in (4.0, self.height() - 4.0):
                painter.drawLine(QPointF(left, y), QPointF(right, y))
            if not self._levels:
                return
            points = QPolygonF([QPointF(left + scale * level[0], self._y(level))
                                for level in self._levels])
            painter.setPen(QPen(QColor(colours.series[0]), 1.5))
            painter.drawPolyline(points)
            step = self._slider.value()
            here = min(self._levels, key=lambda level: abs(level[0] - step))
            x, y = left + scale * here[0], self._y(here)
            painter.setPen(QPen(QColor(colours.accent), 1))
            painter.drawLine(QPointF(x, 0), QPointF(x, self.height()))
            painter.setBrush(QColor(colours.accent))
            painter.drawEllipse(QPointF(x, y), 3, 3)
            self._paint_value(painter, here, QPointF(x, y), right)

    def _paint_value(
        self, painter: QPainter, level: tuple[int, float, float], at: QPointF, right: float
    ) -> None:
        shows_snr = self.quantity.currentIndex() == 1
        text = f"log SNR {level_text(level[2])}" if shows_snr else f"σ = {level[1]:.3f}"
        painter.setPen(QColor(theme.palette().muted))
        width = painter.fontMetrics().horizontalAdvance(text) + 1
        height = painter.fontMetrics().height()
        fits = at.x() + GRID + width <= right
        left = at.x() + GRID if fits else at.x() - GRID - width
        top = 4.0 if at.y() > self.height() / 2 else self.height() - height - 4.0
        painter.drawText(QRectF(left, top, width, height), text)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the step under the mouse."""
        left, right = self._ends()
        share = (event.position().x() - left) / max(1.0, right - left)
        self.dragged.emit(round(max(0.0, min(1.0, share)) * self._steps))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the mouse while it is held."""
        self.mousePressEvent(event)


def level_text(log_snr: float) -> str:
    """Write a log-SNR with its sign; the clean picture has ∞."""
    if math.isinf(log_snr):
        return "∞" if log_snr > 0 else "-∞"
    return f"{log_snr:+.2f}"
