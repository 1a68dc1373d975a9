"""The canvas of the training panel: loss curves, a second plot to choose, previews over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QLabel,
    QSizePolicy,
    QSlider,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from hybridstudio.gui import theme
from hybridstudio.gui.filmstrip import FilmStrip, pictures_of
from hybridstudio.gui.images import ImageSheet
from hybridstudio.gui.lines import Against, Mark
from hybridstudio.gui.plots import CurvePlot
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Images
from hybridstudio.runs import Run, Series

BAND = "loss/band-"
BANDS_SAY = (
    "The loss at each level of noise, from band 1 (nearly clean: fine detail) to the last band "
    "(nearly pure noise: the overall shape). The plain loss is their mean and says little: it "
    "hardly falls while the pictures still improve, since most of it comes from one band.")
TITLES = {"images_per_second": "Pictures/s", "memory": "Memory (bytes)",
          "grad_norm": "Gradient norm", "lr": "Learning rate", "vlb": "L_vlb (bits/dim)"}


class TrainView(QWidget):
    """Curves on the left, the chosen preview on the right, the film strip below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._films: list[tuple[int, Path]] = []
        self._curves: Mapping[str, Series] = {}
        self.loss = CurvePlot("Loss", "The curve begins with the first points of the training",
                              log=True)
        self.second = CurvePlot("", "", log=True, after=50)
        self._choice = QComboBox()
        self._choice.setAccessibleName("What the second plot shows")
        self._choice.setMinimumContentsLength(11)
        self._choice.currentTextChanged.connect(self._show_second)
        self.second.add_to_head(self._choice)
        plots = QSplitter(Qt.Orientation.Vertical)
        plots.setChildrenCollapsible(False)
        for plot in (self.loss, self.second):
            plots.addWidget(plot)

        self.sheet = ImageSheet()
        self.sheet.setMinimumSize(208, 120)
        self.sheet.setAccessibleName("The chosen preview")
        self._caption = theme.say(QLabel("Preview"), "heading")
        self._caption.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setAccessibleName("Preview over the training")
        self._slider.setToolTip("Walk through all previews of the training")
        self.strip = FilmStrip()
        self._slider.valueChanged.connect(self.strip.choose)
        self.strip.chosen.connect(self._show_film)
        pictures = QWidget()
        right = QVBoxLayout(pictures)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(GRID // 2)
        right.addWidget(self._caption)
        right.addWidget(self.sheet, 1)
        right.addWidget(self._slider)

        sides = QSplitter(Qt.Orientation.Horizontal)
        sides.setChildrenCollapsible(False)
        sides.addWidget(plots)
        sides.addWidget(pictures)
        sides.setSizes([370, 230])
        sides.setStretchFactor(0, 3)
        sides.setStretchFactor(1, 2)
        for splitter in (plots, sides):
            splitter.setHandleWidth(2 * GRID)
            splitter.setStyleSheet("QSplitter::handle { background: transparent; }")
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GRID, 0, GRID, 0)
        column.setSpacing(GRID)
        column.addWidget(sides, 1)
        column.addWidget(self.strip)

    # --- what is shown ----------------------------------------------------------------------------

    def show_run(self, run: Run | None) -> None:
        """Begin with another run, or none: everything before is taken away."""
        self._run, self._films, self._curves = run, [], {}
        self.loss.clear()
        self.second.clear()
        self._choice.clear()
        self.strip.set_films([], None)
        self._slider.setRange(0, 0)
        self.sheet.set_images(None)
        self._caption.setText("No preview yet")
        self.set_films([])

    def set_curves(self, curves: Mapping[str, Series], marks: Iterable[Mark]) -> None:
        """Show what was measured by now."""
        self._curves = curves
        main, others = grouped(curves)
        for name in main:
            self.loss.set_series(name, *curves[name], label=label_of(name))
        for title in others:
            if self._choice.findText(title) < 0:
                self._choice.addItem(title)
        self._choice.setVisible(self._choice.count() > 0)
        self._show_second(self._choice.currentText())
        told = tuple(marks)
        self.loss.set_marks(told)
        self.second.set_marks(told)

    def set_films(self, films: list[tuple[int, Path]]) -> None:
        """Show the previews that there are by now."""
        self._films = films
        size = self._run.config.data.size if self._run else None
        self._slider.blockSignals(True)
        self._slider.setRange(0, max(0, len(films) - 1))
        self._slider.blockSignals(False)
        self._slider.setEnabled(len(films) > 1)
        self.strip.set_films(films, size)
        self.strip.setVisible(len(films) > 0)

    def show_drawn(self, images: Images, words: str) -> None:
        """Show pictures drawn just now in the place of the preview, until one is chosen."""
        self.sheet.set_images(images)
        self._caption.setText(words)

    # --- the curves' settings ---------------------------------------------------------------------

    def set_smoothing(self, weight: float) -> None:
        """Set the weight of the moving average of all curves."""
        self.loss.set_smoothing(weight)
        self.second.set_smoothing(weight)

    def set_log(self, log: bool) -> None:
        """Make the vertical axes logarithmic or linear."""
        self.loss.set_log(log)
        self.second.set_log(log)

    def set_against(self, against: Against) -> None:
        """Plot against steps or time."""
        self.loss.set_against(against)
        self.second.set_against(against)

    # --- inside -----------------------------------------------------------------------------------

    def _show_second(self, title: str) -> None:
        names = grouped(self._curves)[1].get(title, [])
        is_bands = bool(names) and names[0].startswith(BAND)
        self._choice.setToolTip(f"<p>{BANDS_SAY}</p>" if is_bands else "")
        self.second.set_title("", BANDS_SAY if is_bands else title)
        self.second.keep(names)
        for name in names:
            self.second.set_series(name, *self._curves[name], label=label_of(name, names))

    def _show_film(self, place: int) -> None:
        if self._run is None or not 0 <= place < len(self._films):
            return
        step, path = self._films[place]
        data = self._run.config.data
        try:
            images = pictures_of(path, data.size, data.channels, self._run.config.sample.count)
        except (OSError, ValueError, SyntaxError) as error:
            self._caption.setText(f"{path.name} cannot be read: {error}")
            return
        self.sheet.set_images(images)
        self._caption.setText(f"Preview at step {step:,}")
        self._slider.blockSignals(True)
        self._slider.setValue(place)
        self._slider.blockSignals(False)

    def sizeHint(self) -> QSize:
        """Ask for what a small window has."""
        return QSize(620, 420)


def grouped(names: Iterable[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Split names of curves into those of the loss plot and the choices of the second one."""
    main = [name for name in names if name.partition("/")[0] == "loss"
            and not name.startswith(BAND)]
    others: dict[str, list[str]] = {}
    bands = sorted(name for name in names if name.startswith(BAND))
    if bands:
        others["Noise bands"] = bands
    for name in names:
        if name not in main and name not in bands:
            head = name.partition("/")[0]
            title = TITLES.get(head, head[:1].upper() + head[1:].replace("_", " "))
            others.setdefault(title, []).append(name)
    return main, others


def label_of(name: str, among: list[str] | None = None) -> str:
    """Return a curve's name in its legend: short, and the outer noise bands explained."""
    last = name.rpartition("/")[2].replace("_", " ")
    if name.startswith(BAND) and among:
        number = name.removeprefix(BAND)
        ends = {among[0]: " clean", among[-1]: " noisy"}
        return f"{number}{ends.get(name, '')}"
    return last
