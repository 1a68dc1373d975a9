"""The settings of drawing as sliders, which move a dot along what was measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import standing
from hybridstudio.config import Knob
from hybridstudio.gui import theme
from hybridstudio.gui.drawform import SAMPLER_NAMES
from hybridstudio.gui.theme import GRID
from hybridstudio.runs import Run
from hybridstudio.standing import Ghost, Way
from hybridstudio.telling import duration, number

_STEPS = 240  # places of a slider whose numbers are no whole ones


def slim(box: QComboBox) -> None:
    """Let a box of choices be as narrow as its page wants it."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)


class Slide(QWidget):
    """A number on a slider, its name before it and its value behind; `moved` tells each new one.

    With `log` the places are spread by ratio, as suits evaluations from 1 to 1,000.
    """

    moved = Signal(float)

    def __init__(self, knob: Knob, log: bool = False) -> None:
        super().__init__()
        self.knob, self._log = knob, log
        self._values = _values(knob, log)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, len(self._values) - 1)
        self.slider.setAccessibleName(knob.label)
        self.slider.setToolTip(f"{knob.says} ({number(knob.default)})")
        self.shown = theme.say(QLabel(), "number")
        self.slider.valueChanged.connect(self._on_moved)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        grid.addWidget(theme.say(QLabel(knob.label), "muted"), 0, 0)
        grid.addWidget(self.shown, 0, 1, Qt.AlignmentFlag.AlignRight)
        grid.addWidget(self.slider, 1, 0, 1, 2)
        self.set_value(knob.default)

    def value(self) -> float:
        """Return the number."""
        return self._values[self.slider.value()]

    def set_value(self, value: float) -> None:
        """Show the nearest number there is, and tell nobody."""
        with QSignalBlocker(self.slider):
            nearest = min(range(len(self._values)), key=lambda at: abs(self._values[at] - value))
            self._values[nearest] = value  # which was measured, and is between the places
            self.slider.setValue(nearest)
        self._tell()

    def _on_moved(self) -> None:
        self._tell()
        self.moved.emit(self.value())

    def _tell(self) -> None:
        self.shown.setText(number(self.value()))


def _values(knob: Knob, log: bool) -> list[float]:
    if knob.whole and knob.high - knob.low <= _STEPS:
        return [float(value) for value in range(round(knob.low), round(knob.high) + 1)]
    shares = [place / _STEPS for place in range(_STEPS + 1)]
    if log:
        ratio = math.log(knob.high / knob.low)
        found = [knob.low * math.exp(share * ratio) for share in shares]
    else:
        found = [knob.low + share * (knob.high - knob.low) for share in shares]
    if knob.whole:
        return [float(value) for value in sorted({round(value) for value in found})]
    return [round(value, 3) for value in found]


class MovingForm(QWidget):
    """Sampler, evaluations, knobs of one run; `moved` tells the way, `measure` asks for a score."""

    moved = Signal(object)  # Way
    measure = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._way: Way | None = None
        self.sampler = QComboBox()
        self.sampler.setAccessibleName("Sampler")
        self.sampler.setToolTip("The method that turns noise into pictures")
        slim(self.sampler)
        self.sampler.activated.connect(self._on_sampler)
        self.slides: dict[str, Slide] = {}
        self._column = QVBoxLayout()
        self._column.setSpacing(GRID)
        self.says = theme.say(QLabel(wordWrap=True), "muted")
        self.button = QPushButton("Measure")
        self.button.setToolTip("Score just these settings")
        self.button.clicked.connect(self.measure)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        self._heading = theme.say(QLabel("Move it"), "heading")
        column.addWidget(self._heading)
        column.addWidget(self.sampler)
        column.addLayout(self._column)
        column.addWidget(self.says)
        column.addWidget(self.button)

    @property
    def way(self) -> Way | None:
        """How the run is to be drawn, as the sliders stand."""
        return self._way

    def show_run(self, run: Run, way: Way) -> None:
        """Offer what a run can be drawn with, standing at a way."""
        if self._run is None or (run.path, run.config) != (self._run.path, self._run.config):
            self._offer(run)
        self._run = run
        self.sampler.setCurrentIndex(max(0, self.sampler.findData(way.sampler)))
        for name, value in way.coordinates().items():
            if name in self.slides:
                self.slides[name].set_value(value)
        self._way = way
        self._show_eta()

    def tell(self, ghost: Ghost, seconds: float | None, can_measure: bool) -> None:
        """Say where the dot would stand, how that is known, and what measuring takes."""
        lines = []
        if ghost.distance is not None:
            lines.append(f"distance {'about ' if ghost.kind == 'between' else ''}"
                         f"{number(ghost.distance)}")
        if ghost.variety is not None:
            lines.append(f"coverage {number(ghost.variety)}")
        if ghost.ms is not None:
            rough = "" if ghost.kind == "measured" else "about "
            lines.append(f"{rough}{number(ghost.ms)} ms")
        self.says.setText("\n".join([ghost.told(), ", ".join(lines)]).strip())
        machine = ghost.between[0].machine if ghost.kind == "measured" else None
        is_far = machine is not None and not machine.is_here
        self.button.setVisible(ghost.kind != "measured" or is_far)
        self.button.setEnabled(can_measure)
        takes = "" if seconds is None else f" (about {duration(seconds)})"
        self.button.setText(f"Measure{' here' if is_far else ''}{takes}")

    # --- changes ----------------------------------------------------------------------------------

    def _offer(self, run: Run) -> None:
        """Make the sliders that mean something to a run."""
        for slide in self.slides.values():
            self._column.removeWidget(slide)
            slide.hide()
            slide.deleteLater()
        self.slides = {}
        self.sampler.clear()
        for name in run.config.model.samplers:
            self.sampler.addItem(SAMPLER_NAMES.get(name, name), name)
        self.sampler.setVisible(self.sampler.count() > 1)
        for knob, log, take in _offered(run):
            slide = Slide(knob, log)
            slide.moved.connect(lambda value, take=take: self._take(take, value))
            self.slides[knob.name] = slide
            self._column.addWidget(slide)
        self._heading.setVisible(bool(self.slides) or self.sampler.count() > 1)

    def _on_sampler(self) -> None:
        assert self._run is not None
        assert self._way is not None
        self._way = standing.with_sampler(self._run, self._way, self.sampler.currentData())
        self._show_eta()
        self.moved.emit(self._way)

    def _take(self, take: Callable[[Way, float], Way], value: float) -> None:
        if self._way is not None:
            self._way = take(self._way, value)
            self.moved.emit(self._way)

    def _show_eta(self) -> None:
        """η means something to DDIM alone."""
        if "eta" in self.slides and self._way is not None:
            self.slides["eta"].setVisible(self._way.eta is not None)


def _with_knob(name: str, way: Way, value: float) -> Way:
    return standing.with_knob(way, name, value)


def _offered(run: Run) -> list[tuple[Knob, bool, Callable[[Way, float], Way]]]:
    """Return the numbers that a run is drawn with, and how a way takes each."""
    low, usual, high = run.config.model.evaluations
    found: list[tuple[Knob, bool, Callable[[Way, float], Way]]] = []
    if low < high:
        knob = Knob("nfe", "Evaluations", "Network evaluations for each picture", usual, low, high,
                    1, whole=True)
        found.append((knob, high > _STEPS, standing.with_nfe))
    for knob in standing.knobs(run):
        found.append((knob, False, partial(_with_knob, knob.name)))
    known = standing.axes(run)
    if "guidance" in known:
        found.append((Knob("guidance", "Guidance", "1 follows the class as learned", 1.0, 0.0, 10.0,
                           0.5), False, standing.with_guidance))
    if "eta" in known:
        found.append((Knob("eta", "Noise η", "Fresh noise in each DDIM step", 0.0, 0.0, 1.0),
                      False, standing.with_eta))
    return found
