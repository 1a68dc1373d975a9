"""The canvas of the training panel: two plots of curves to choose from, previews over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QLabel,
    QSizePolicy,
    QSlider,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from hybridstudio.gui import theme
from hybridstudio.gui.filmstrip import FilmStrip, picture_side, pictures_of
from hybridstudio.gui.groupplot import GroupPlot
from hybridstudio.gui.images import ImageSheet
from hybridstudio.gui.lines import Against, Mark
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Images
from hybridstudio.runs import Run, Series


class TrainView(QWidget):
    """Curves on the left, the chosen preview on the right, the film strip below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._films: list[tuple[int, Path]] = []
        # Twice a second is enough to follow; what is drawn more often slows the training.
        self.first = GroupPlot(0, "The curves begin with the first points of the training",
                               after=400)
        self.second = GroupPlot(1, after=650)
        plots = QSplitter(Qt.Orientation.Vertical)
        plots.setChildrenCollapsible(False)
        for plot in (self.first, self.second):
            plots.addWidget(plot)

        self.sheet = ImageSheet()
        self.sheet.setMinimumSize(160, 104)
        self.sheet.setAccessibleName("The chosen preview")
        self._caption = theme.say(QLabel("Preview"), "heading")
        self._caption.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setAccessibleName("Preview over the training")
        self._slider.setToolTip("Walk through all previews of the training")
        self.strip = FilmStrip()
        self._slider.valueChanged.connect(self.strip.choose)
        self.strip.chosen.connect(self._show_film)
        self._pictures = QWidget()
        right = QVBoxLayout(self._pictures)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(GRID // 2)
        right.addWidget(self._caption)
        right.addWidget(self.sheet, 1)
        right.addWidget(self._slider)

        sides = QSplitter(Qt.Orientation.Horizontal)
        sides.setChildrenCollapsible(False)
        sides.addWidget(plots)
        sides.addWidget(self._pictures)
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
        self._run, self._films = run, []
        self.first.clear()
        self.second.clear()
        self.strip.set_films([], None)
        self._slider.setRange(0, 0)
        self.sheet.set_images(None)
        self._caption.setText("No preview yet")
        self._pictures.setVisible(run is None or bool(run.config.model.samplers))
        self.set_films([])

    def set_curves(self, curves: Mapping[str, Series], marks: Iterable[Mark]) -> None:
        """Show what was measured by now."""
        told = tuple(marks)
        for plot in (self.first, self.second):
            plot.show_curves(curves)
            plot.set_marks(told)

    def set_films(self, films: list[tuple[int, Path]]) -> None:
        """Show the previews that there are by now."""
        self._films = films
        size = picture_side(self._run.config.data) if self._run else None
        self.sheet.are_clouds = self._run is not None and size is None
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
        self.first.set_smoothing(weight)
        self.second.set_smoothing(weight)

    def set_log(self, log: bool) -> None:
        """Make the vertical axes logarithmic where that suits what they show, or linear."""
        self.first.allow_log(log)
        self.second.allow_log(log)

    def set_against(self, against: Against) -> None:
        """Plot against steps or time."""
        self.first.set_against(against)
        self.second.set_against(against)

    # --- inside -----------------------------------------------------------------------------------

    def _show_film(self, place: int) -> None:
        if self._run is None or not 0 <= place < len(self._films):
            return
        step, path = self._films[place]
        data = self._run.config.data
        try:
            images = pictures_of(path, picture_side(data), data.channels,
                                 self._run.config.sample.count)
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
