"""One score in full: figures on their axes, classes, modes, copies, what to mind."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.scoreaxes import ScoreAxes
from hybridstudio.gui.sharebars import ShareBars
from hybridstudio.gui.theme import GRID
from hybridstudio.standing import Dot, records
from hybridstudio.telling import number

LEAST = 40  # pixels of the side of a picture beside its nearest; smaller ones are enlarged


class ScoreDetail(QScrollArea):
    """Tells a dot with all that its record holds, one thing under the other."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.title = theme.say(QLabel(wordWrap=True), "heading")
        self.remarks = theme.say(QLabel(wordWrap=True), "muted")
        self.axes = ScoreAxes()
        self._classes_title, self.classes = self._part()
        self.bars = ShareBars()
        self._modes_title, self.modes = self._part()
        self.mode_bars = ShareBars()
        self._memory_title, self.memory = self._part()
        self.pairs = QLabel()
        self.pairs.setAccessibleName("Drawn pictures above the training pictures nearest to them")
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(2 * GRID, GRID, 2 * GRID, GRID)
        column.setSpacing(GRID)
        for widget in (self.title, self.remarks, self.axes, self._classes_title, self.classes,
                       self.bars, self._modes_title, self.modes, self.mode_bars,
                       self._memory_title, self.memory, self.pairs):
            column.addWidget(widget)
        column.addStretch(1)
        self.setWidget(page)

    def _part(self) -> tuple[QLabel, QLabel]:
        return theme.say(QLabel(), "heading"), theme.say(QLabel(wordWrap=True), "muted")

    def show_dot(self, dot: Dot, ink: str) -> None:
        """Show a score, in its run's colour."""
        self.title.setText(f"{dot.name}: {dot.ground.told()}")
        told = records.remarks(dot)
        self.remarks.setText("\n".join(told))
        self.remarks.setVisible(bool(told))
        self.axes.show_figures(dot.figures, dot.distance_name, ink)
        self.axes.setVisible(bool(dot.figures))
        scores = dot.record.get("scores", {})
        self._show_classes(scores.get("classes"), ink)
        self._show_modes(scores.get("modes"), ink)
        self._show_memory(scores.get("memory"))

    def _show_classes(self, told: Mapping[str, Any] | None, ink: str) -> None:
        for widget in (self._classes_title, self.classes):
            widget.setVisible(told is not None)
        self.bars.setVisible(told is not None and "shares" in told)
        if told is None:
            return
        self._classes_title.setText("Classes")
        self.classes.setText(
            f"{told['seen']:,} of {told['of']:,} drawn; entropy {number(told['entropy'])} nats "
            f"(data {number(told['entropy_of_data'])}), KL to the data {number(told['kl'])} nats. "
            "Bars: drawn; lines: the data.")
        if "shares" in told:
            self.bars.show_shares(told["names"], told["shares"], told["shares_of_data"], ink)

    def _show_modes(self, told: Mapping[str, Any] | None, ink: str) -> None:
        for widget in (self._modes_title, self.modes):
            widget.setVisible(told is not None)
        counts = told.get("counts") if told is not None else None
        self.mode_bars.setVisible(bool(counts))
        if told is None:
            return
        self._modes_title.setText("Modes")
        near = f", {told['near']:.1%} of the points near one" if "near" in told else ""
        self.modes.setText(f"{told['found']:,} of {told['of']:,} found{near}; "
                           f"KL {number(told['kl'])} nats.")
        if counts:
            whole = sum(counts) or 1
            names = [str(place + 1) for place in range(len(counts))]
            self.mode_bars.show_shares(names, [count / whole for count in counts],
                                       [1 / len(counts)] * len(counts), ink)

    def _show_memory(self, told: Mapping[str, Any] | None) -> None:
        for widget in (self._memory_title, self.memory):
            widget.setVisible(told is not None)
        picture = _picture(told.get("sheet")) if told is not None else None
        self.pairs.setVisible(picture is not None)
        if told is None:
            return
        self._memory_title.setText("Copies of training pictures")
        floor = told.get("floor")
        beside = "" if floor is None else f" (of pictures held out {floor:.1%})"
        below = " Above: drawn; below: the nearest training picture." if picture else ""
        self.memory.setText(
            f"{told['value']:.1%} of {told['count']:,} are copies{beside}: much nearer to one "
            f"training picture than to the second.{below}")
        if picture is not None:
            side = max(1, picture.height() // 2)
            zoom = max(1, LEAST // side)
            self.pairs.setPixmap(picture.scaled(picture.size() * zoom))


def _picture(text: object) -> QPixmap | None:
    """Return a picture that a record holds as text; None where there is none that can be read."""
    if not isinstance(text, str):
        return None
    picture = QPixmap()
    try:
        is_read = picture.loadFromData(base64.b64decode(text, validate=True), "PNG")
    except (binascii.Error, ValueError):
        return None
    return picture if is_read else None
