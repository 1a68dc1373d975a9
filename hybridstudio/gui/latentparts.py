"""The inspector beside a grid: the cell, directions, classes, styles, own pictures, points."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from hybridstudio import latents
from hybridstudio.config.models.base import Space
from hybridstudio.gui import theme
from hybridstudio.gui.cellview import CORNERS, CellView
from hybridstudio.gui.classmix import ClassMix
from hybridstudio.gui.directionsliders import DirectionSliders
from hybridstudio.gui.drawing import classes
from hybridstudio.gui.fold import Fold
from hybridstudio.gui.howform import HowForm
from hybridstudio.gui.latentstate import Spot
from hybridstudio.gui.ownpicture import OwnPicture
from hybridstudio.gui.pointlist import PointList
from hybridstudio.gui.spottag import SpotTag
from hybridstudio.gui.theme import GRID
from hybridstudio.points_kept import Kept
from hybridstudio.runs import Run


class LatentParts(QWidget):
    """All folds of the inspector; `styled` tells the style that codes take, and from which part."""

    styled = Signal(object, int)

    def __init__(self, form: HowForm, mix: ClassMix, own: OwnPicture,
                 points: Callable[[], Sequence[Kept]]) -> None:
        super().__init__()
        self.uses = tuple(f"Put {words}" for words in CORNERS)
        self.cell, self.sliders = CellView(), DirectionSliders()
        self.form, self.own = form, own
        self.list = PointList(self.uses)
        self.begins = QComboBox()
        self.begins.setAccessibleName("Where the other style begins")
        self.begins.setToolTip("From this part of the code on, all pictures take the same style")
        self.begins.activated.connect(self._tell_style)
        self.style_tag = SpotTag("Style", points, rolls=False)
        self.style_tag.chosen.connect(lambda _spot: self._tell_style())
        self._style_row = theme.say(QLabel("is that of"), "muted")
        style = QWidget()
        row = QVBoxLayout(style)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID // 2)
        row.addWidget(self.begins)
        line = QHBoxLayout()
        line.addWidget(self._style_row)
        line.addWidget(self.style_tag)
        line.addStretch(1)
        row.addLayout(line)
        self.mix_fold = Fold("Classes", mix, "Blend the classes that the model learned", False)
        self.style_fold = Fold("Parts of the code", style, "Let all pictures take some parts of "
                               "their code, such as fine styles, from one seed", False)
        self.own_fold = Fold("Your own picture", own, "Find a picture of yours in this space",
                             False)
        self.list_fold = Fold("Points", self.list, "Points that you kept of this space")
        self.form_fold = Fold("Drawing", form, "How codes become pictures", False)
        column = QVBoxLayout(self)
        column.setSpacing(GRID)
        self.cell_fold = Fold("Cell", self.cell, "The cell under the cursor")
        for fold in (self.cell_fold,
                     Fold("Directions", self.sliders, "Move all codes along a direction"),
                     self.mix_fold, self.style_fold, self.list_fold, self.own_fold,
                     self.form_fold):
            column.addWidget(fold)
        column.addStretch(1)

    def show_space(self, run: Run, space: Space) -> None:
        """Offer what a space has: classes, parts, a way to find pictures."""
        shape = run.config.shape
        self.mix_fold.setVisible(bool(classes(run)))
        self.style_fold.setVisible(len(space.parts) > 1)
        self.own_fold.setVisible(bool(space.finds) and not shape.is_points)
        for fold in (self.list_fold, self.cell_fold):
            fold.setVisible(not shape.is_points)
        self.form_fold.setVisible(self.form.is_needed(run))
        self.own.expect(shape.height, shape.channels, space)
        self.begins.clear()
        self.begins.addItem("All parts are the grid's own", 0)
        for place, (name, _part) in enumerate(latents.parts_of(space)[1:], start=1):
            self.begins.addItem(f"From {name} on", place)

    def show_style(self, style: Spot | None, begins: int) -> None:
        """Show whose style is taken, without telling."""
        with QSignalBlocker(self.begins):
            self.begins.setCurrentIndex(0 if style is None else max(
                0, self.begins.findData(begins)))
        if style is not None:
            self.style_tag.show_spot(style)
        for widget in (self.style_tag, self._style_row):
            widget.setVisible(style is not None)

    def _tell_style(self) -> None:
        begins = self.begins.currentData() or 0
        self.styled.emit(self.style_tag.spot if begins else None, max(1, begins))
