"""Scores of several runs, each on its own axis between what real pictures get and what noise."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from hybridstudio.comparison import Subject, score_table, svg
from hybridstudio.comparison.scoring import SAYS
from hybridstudio.gui import theme
from hybridstudio.gui.theme import GRID

UNSCORED = ("None of these runs has been scored yet.\nScore one on its own page, or by "
            "hybridstudio score RUN.")


class Drawing(QWidget):
    """An SVG of the report, in the window's colours, as wide as there is room up to its size."""

    def __init__(self, source: str, says: str) -> None:
        super().__init__()
        self._source = source
        self.setAccessibleName(says)
        self._renderer = QSvgRenderer(QByteArray(_dressed(source).encode()))
        self._size = self._renderer.defaultSize()
        self.setFixedHeight(self._size.height())
        theme.changed.connect(self._dress)

    def sizeHint(self) -> QSize:
        """Ask for the drawing's own size."""
        return self._size

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Take as much height as the drawing has in this width."""
        super().resizeEvent(event)
        self.setFixedHeight(round(self._scale() * self._size.height()))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it at the left, in its own proportions."""
        scale = self._scale()
        with QPainter(self) as painter:
            self._renderer.render(painter, QRectF(
                0, 0, scale * self._size.width(), scale * self._size.height()))

    def _scale(self) -> float:
        return min(1.0, self.width() / self._size.width())

    def _dress(self) -> None:
        self._renderer.load(QByteArray(_dressed(self._source).encode()))
        self.update()


class CompareScores(QScrollArea):
    """One drawing for each score, and below them how each run was scored."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Scores")
        self._told: object = None
        self.show_subjects(())

    def show_subjects(self, subjects: Sequence[Subject]) -> None:
        """Show the newest scores of these runs; nothing is built anew where they are the same."""
        table = score_table(subjects)
        names = [(subject.name, subject.colour) for subject in subjects]
        if self._told == (table, names):
            return
        self._told = table, names
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(2 * GRID, GRID, GRID, GRID)
        column.setSpacing(GRID // 2)
        if not table.rows:
            column.addWidget(_words(UNSCORED if subjects else "", "muted"))
        for name, figures in table.rows.items():
            title = table.title(name)
            heading = theme.say(QLabel(title), "heading")
            heading.setToolTip(SAYS.get(name, ""))
            column.addWidget(heading)
            told = "; ".join(f"{subject.name}: {figure.text if figure else 'none'}"
                             for subject, figure in zip(subjects, figures, strict=True))
            column.addWidget(Drawing(svg.bars(
                title, [subject.name for subject in subjects], figures, table.best[name],
                [subject.colour for subject in subjects]), f"{title}: {told}"))
        if table.rows:
            column.addWidget(_words("How they were scored", "heading"))
        for subject, label, reason in zip(subjects, table.labels, table.reasons, strict=True):
            if table.rows:
                column.addWidget(_words(f"{subject.name}: {label or reason}", "muted"))
            if label and reason:
                column.addWidget(_words(f"○ Hollow above, as it is not comparable: {reason}.", ""))
        column.addStretch(1)
        self.setWidget(page)


def _words(text: str, role: theme.Role) -> QLabel:
    label = theme.say(QLabel(text, wordWrap=True), role)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _dressed(source: str) -> str:
    """Put the palette's colours in the place of the page's."""
    colours = theme.palette()
    inks = dict(zip(svg.LIGHT, colours.series, strict=False))
    inks |= {svg.TEXT: colours.text, svg.MUTED: colours.muted, svg.LINE: colours.line}
    for ink in inks:  # first to marks that no colour is, so that none is exchanged twice
        source = source.replace(f'"{ink}"', f'"@{ink}"')
    for ink, colour in inks.items():
        source = source.replace(f'"@{ink}"', f'"{colour}"')
    return source
