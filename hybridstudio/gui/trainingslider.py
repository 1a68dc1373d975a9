"""The second slider of a drawing: whose weights draw it, over the checkpoints of the run."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QLabel,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QToolButton,
    QWidget,
)

from hybridstudio.gui import theme
from hybridstudio.gui.theme import GRID

_HANDLE = 16  # points that the slider's handle is wide


class TrainingSlider(QWidget):
    """Places are checkpoints, and with `live` a last one for the training as it stands.

    `moved` tells the training step that a user went to, None for the training as it stands; `all`
    that every checkpoint is wanted, or no more of them.
    """

    moved = Signal(object)
    all = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._steps: list[int | None] = []
        self._kept: frozenset[int] = frozenset()
        self._quiet = False
        name = theme.say(QLabel("Training"), "muted")
        name.setMinimumWidth(11 * GRID)  # as wide as what stands before the slider above
        self.slider = _Marked(self)
        self.slider.setAccessibleName("Training step")
        self.slider.setToolTip("The same noise at the same t, drawn with the weights of another "
                               "checkpoint (Ctrl+← and Ctrl+→); a dot marks those that are drawn")
        self.slider.valueChanged.connect(self._on_value)
        self.readout = theme.say(QLabel(" "), "number")
        self.readout.setMinimumWidth(1)
        self.readout.setAccessibleName("Whose weights draw")
        self.fill = QToolButton()
        self.fill.setText("Draw all")
        self.fill.setCheckable(True)
        self.fill.setToolTip("Draw with every checkpoint in the background, so that the slider "
                             "shows each at once")
        self.fill.setAccessibleName("Draw with every checkpoint")
        self.fill.toggled.connect(self.all)
        grid = QGridLayout(self)
        grid.setContentsMargins(GRID, 0, GRID, GRID // 2)
        grid.setHorizontalSpacing(GRID)
        grid.setVerticalSpacing(0)
        grid.addWidget(name, 0, 0)
        grid.addWidget(self.slider, 0, 1)
        grid.addWidget(self.fill, 0, 2)
        words = QGridLayout()
        words.setContentsMargins(GRID // 2, 0, _HANDLE // 2, 0)
        words.addWidget(self.readout)
        grid.addLayout(words, 1, 0, 1, 3)
        grid.setColumnStretch(1, 1)
        self.hide()

    def offer(self, checkpoints: Sequence[int], live: bool, step: int | None) -> None:
        """Offer a run's checkpoints and show the one that is chosen; None is the newest."""
        self._steps = [*sorted(checkpoints), *([None] if live else [])]
        self._quiet = True
        self.slider.setMaximum(max(0, len(self._steps) - 1))
        self.slider.setValue(self._steps.index(step) if step in self._steps
                             else len(self._steps) - 1)
        self._quiet = False
        self.setVisible(len(self._steps) > 1)
        self._show()

    def show_kept(self, kept: Collection[int]) -> None:
        """Mark the checkpoints whose frames are kept."""
        self._kept = frozenset(kept)
        if self.fill.isChecked() and self._kept.issuperset(self.checkpoints()):
            self.fill.setChecked(False)
        self._show()

    def checkpoints(self) -> list[int]:
        """Return the checkpoints that are offered, those nearest to the chosen one first."""
        here = self.slider.value()
        places = sorted(range(len(self._steps)), key=lambda place: abs(place - here))
        return [step for place in places if (step := self._steps[place]) is not None]

    def marks(self) -> list[int]:
        """Return the places whose frames are kept."""
        return [place for place, step in enumerate(self._steps) if step in self._kept]

    def go(self, by: int) -> None:
        """Go some checkpoints back or on, as a user does."""
        self.slider.setValue(self.slider.value() + by)

    def _on_value(self, place: int) -> None:
        self._show()
        if not self._quiet and 0 <= place < len(self._steps):
            self.moved.emit(self._steps[place])

    def _show(self) -> None:
        if not self._steps:
            return
        step, newest = self._steps[self.slider.value()], max(self.checkpoints(), default=0)
        told = ["weights as they train now" if step is None else
                f"training step {step:,} of {newest:,}"]
        told.append(f"{len(self.marks())} of {len(self.checkpoints())} drawn")
        self.readout.setText("  ·  ".join(told))
        self.slider.update()


class _Marked(QSlider):
    """A slider with a dot at each place that its owner marks."""

    def __init__(self, owner: TrainingSlider) -> None:
        super().__init__(Qt.Orientation.Horizontal, owner)
        self._owner = owner
        self.setRange(0, 0)
        self.setPageStep(1)
        self.setMinimumHeight(_HANDLE + GRID)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the slider, and the dots under it."""
        super().paintEvent(event)
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        groove = self.style().subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderGroove, self)
        left, right = groove.left() + _HANDLE / 2, groove.right() - _HANDLE / 2
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            marks = set(self._owner.marks())
            for place in range(self.maximum() + 1):
                colours = theme.palette()
                painter.setBrush(QColor(colours.accent if place in marks else colours.line))
                x = left + (right - left) * place / max(1, self.maximum())
                painter.drawEllipse(QPointF(x, self.height() - 3.0), 2.0, 2.0)
