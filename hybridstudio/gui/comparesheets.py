"""What several runs drew from the same seeds, side by side, with the seed and the button for it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from hybridstudio.comparison import Subject
from hybridstudio.gui import runcolours, theme
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.cloudlight import lit_image
from hybridstudio.gui.images import ImageSheet
from hybridstudio.gui.spin import SpinBox
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Sheet
from hybridstudio.telling import number

LARGEST_SEED = 2**31 - 1


class Cloud(QWidget):
    """One picture, such as that of a cloud of points, as large as there is room."""

    def __init__(self) -> None:
        super().__init__()
        self._picture = self._lit = QImage()
        self.setMinimumSize(120, 96)
        self.setAccessibleName("Picture of the points")
        theme.changed.connect(self._relight)

    def set_picture(self, picture: QImage) -> None:
        """Show another picture, in the window's colours."""
        self._picture = picture
        self._relight()

    def _relight(self) -> None:
        self._lit = self._picture if self._picture.isNull() else lit_image(self._picture)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it in the middle; it is no raster of pixels, so it may be scaled smoothly."""
        side = min(self.width(), self.height()) - 2 * GRID
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(theme.palette().canvas))
        if self._picture.isNull() or side < 1:
            return
        ratio = self.devicePixelRatioF()
        shown = self._lit.scaled(
            round(side * ratio), round(side * ratio), Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation)
        shown.setDevicePixelRatio(ratio)
        with QPainter(self) as painter:
            painter.drawImage((self.width() - side) // 2, (self.height() - side) // 2, shown)


class RunSheet(QWidget):
    """What one run drew, under its name, or why there is nothing."""

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self._mark = QLabel()
        self._mark.setPixmap(runcolours.dot(subject.colour).pixmap(QSize(10, 10)))
        name = theme.say(QLabel(subject.name), "heading")
        name.setTextFormat(Qt.TextFormat.PlainText)
        name.setToolTip(str(subject.path))
        self.cost = theme.say(QLabel(), "muted")
        self.cost.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.sheet, self.cloud = ImageSheet(), Cloud()
        self.sheet.setAccessibleName(f"What {subject.name} drew")
        self._pages = QStackedWidget()
        self._pages.addWidget(self.sheet)
        self._pages.addWidget(self.cloud)
        head = QHBoxLayout()
        head.setSpacing(GRID)
        head.addWidget(self._mark)
        head.addWidget(name)
        head.addWidget(self.cost, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addLayout(head)
        column.addWidget(self._pages, 1)

    def show_sheet(self, sheet: Sheet | None, empty: str) -> None:
        """Show what was drawn; where that is nothing, say why."""
        self.sheet.empty = empty
        is_cloud = sheet is not None and len(sheet.images) == 1 and sheet.images.shape[1] >= 128
        self._pages.setCurrentIndex(1 if is_cloud else 0)
        if sheet is None:
            self.sheet.set_images(None)
            self.cost.setText("")
            return
        if is_cloud:
            height, width = sheet.images.shape[1:3]
            pixels = sheet.images[0].tobytes()
            self.cloud.set_picture(QImage(pixels, width, height, 3 * width,
                                          QImage.Format.Format_RGB888).copy())
        else:
            self.sheet.set_images(sheet.images)
        self.cost.setText(f"NFE {sheet.nfe:,} · {number(sheet.ms_per_image)} ms")
        nfe = "1 network evaluation" if sheet.nfe == 1 else f"{sheet.nfe:,} network evaluations"
        self.cost.setToolTip(f"{nfe} and {number(sheet.ms_per_image)} ms for each")


class CompareSheets(QWidget):
    """A sheet for each run; `wanted` tells count and seed to draw, `cancelled` to stop it."""

    wanted = Signal(int, int)
    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._subjects: tuple[Subject, ...] = ()
        self._sheets: dict[Path, RunSheet] = {}
        self._looks: list[tuple[Path, str, int]] = []  # of the subjects
        self._drawn: Mapping[Path, Sheet] = {}
        self._reasons: Mapping[Path, str] = {}
        self._is_drawing = False
        self._page = QWidget()
        self._grid = QGridLayout(self._page)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(2 * GRID)
        self.seed = SpinBox()
        self.seed.setRange(0, LARGEST_SEED)
        self.seed.setAccessibleName("Seed")
        self.seed.setMaximumWidth(12 * GRID)
        self.seed.setToolTip("Where the random numbers of all runs begin (default 0)")
        self.count = SpinBox()
        self.count.setRange(1, 100)
        self.count.setValue(16)
        self.count.setAccessibleName("Pictures each")
        self.count.setToolTip("Pictures that each run draws (default 16); of points 125 for each")
        self.button = QPushButton("Draw")
        self.button.setProperty("primary", True)
        self.button.setMinimumWidth(88)
        self.button.setToolTip("Draw from the same seed with every run's own sampler")
        self.button.clicked.connect(self._clicked)
        self.says = theme.say(QLabel(), "muted")
        row = QHBoxLayout()
        row.setSpacing(GRID)
        for widget in (theme.say(QLabel("Seed"), "muted"), self.seed,
                       flat("dice", "Another seed, and draw", self._reseed),
                       theme.say(QLabel("Pictures"), "muted"), self.count, self.button, self.says):
            row.addWidget(widget, 1 if widget is self.says else 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GRID, GRID, GRID, GRID)
        column.setSpacing(GRID)
        column.addWidget(self._page, 1)
        column.addLayout(row)
        theme.changed.connect(self._recolour)

    def show_subjects(self, subjects: Sequence[Subject], sheets: Mapping[Path, Sheet],
                      why: Mapping[Path, str]) -> None:
        """Show the sheets of these runs, or `why` there is none."""
        looks = [(one.path, one.name, one.colour) for one in subjects]
        if looks != self._looks:
            self._looks = looks
            self._rebuild(subjects)
        self._subjects, self._drawn, self._reasons = tuple(subjects), sheets, why
        for subject in subjects:
            empty = why.get(subject.path) or self._why(subject)
            self._sheets[subject.path].show_sheet(sheets.get(subject.path), empty)
        self._show_state()

    def show_drawing(self, is_drawing: bool, says: str = "") -> None:
        """Say how far a drawing is, and offer to stop it."""
        self._is_drawing = is_drawing
        self.says.setText(says)
        self._show_state()

    def _why(self, subject: Subject) -> str:
        if not subject.is_sound:
            return subject.problem
        if not subject.config.model.samplers:
            return f"A {subject.config.model.family} draws nothing: it tells pictures apart"
        if not subject.run.checkpoints:
            return "It has no checkpoint yet"
        return "Drawing…" if self._is_drawing else "Press Draw"

    def _rebuild(self, subjects: Sequence[Subject]) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        columns = {1: 1, 2: 2, 3: 3, 4: 2}.get(len(subjects), 3)
        self._sheets = {}
        for place, subject in enumerate(subjects):
            made = self._sheets[subject.path] = RunSheet(subject)
            self._grid.addWidget(made, *divmod(place, columns))
        for column in range(self._grid.columnCount()):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)

    def _recolour(self) -> None:
        self._looks = []
        self.show_subjects(self._subjects, self._drawn, self._reasons)

    def _show_state(self) -> None:
        self.button.setText("Stop" if self._is_drawing else "Draw")
        self.button.setEnabled(self._is_drawing or any(one.draws for one in self._subjects))

    def _clicked(self) -> None:
        if self._is_drawing:
            self.cancelled.emit()
        else:
            self.wanted.emit(self.count.value(), self.seed.value())

    def _reseed(self) -> None:
        self.seed.setValue(random.randrange(LARGEST_SEED))
        if any(one.draws for one in self._subjects):
            self.wanted.emit(self.count.value(), self.seed.value())
