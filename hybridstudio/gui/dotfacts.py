"""Everything that one dot carries: its figures, what it was drawn with, and what to do with it."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from hybridstudio import standing
from hybridstudio.gui import theme
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.theme import GRID
from hybridstudio.standing import Dot, Wants
from hybridstudio.standing.dots import figure_told, name_of
from hybridstudio.telling import number

_LINE = 20  # points for each bar


class WantBars(QWidget):
    """Quality, coverage and speed of a dot, each as a bar from 0 to 1."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._wants: Wants | None = None
        self._ink = "#000000"
        self.setFixedHeight(3 * _LINE)
        theme.changed.connect(self.update)

    def show_wants(self, wants: Wants, ink: str) -> None:
        """Show how far each is had, in a run's colour."""
        self._wants, self._ink = wants, ink
        self.setAccessibleName(", ".join(
            f"{name} {'not measured' if value is None else format(value, '.0%')}"
            for name, value in wants._asdict().items()))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint name, bar and share of each."""
        if self._wants is None:
            return
        colours = theme.palette()
        with QPainter(self) as painter:
            for place, (name, value) in enumerate(self._wants._asdict().items()):
                top = place * _LINE
                painter.setPen(QColor(colours.muted))
                middle = Qt.AlignmentFlag.AlignVCenter
                painter.drawText(QRectF(0, top, 72, _LINE), middle, name)
                room = self.width() - 72 - 40
                painter.fillRect(QRectF(72, top + 7, room, _LINE - 14), QColor(colours.line))
                painter.fillRect(QRectF(72, top + 7, room * (value or 0.0), _LINE - 14),
                                 QColor(self._ink))
                painter.drawText(QRectF(self.width() - 36, top, 36, _LINE),
                                 middle | Qt.AlignmentFlag.AlignRight,
                                 "–" if value is None else f"{value:.0%}")


class DotFacts(QWidget):
    """A dot's place; `draw`, `repeat` and `copy` ask for what its buttons say.

    `facts` tells all that it carries, and stands wherever its page puts it.
    """

    draw = Signal()
    repeat = Signal()
    copy = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = theme.say(QLabel(wordWrap=True), "heading")
        self.title.setTextFormat(Qt.TextFormat.RichText)
        self.facts = QLabel(wordWrap=True)
        self.facts.setTextFormat(Qt.TextFormat.RichText)
        self.facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.bars = WantBars()
        self.draw_button = QPushButton("Denoise")
        self.draw_button.setAccessibleName("Open in Denoise")
        self.draw_button.setToolTip("Draw from this run with these settings (double click a dot)")
        self.draw_button.clicked.connect(self.draw)
        self.repeat_button = QPushButton("Repeat")
        self.repeat_button.setToolTip("Make this number again, with the very same request")
        self.repeat_button.clicked.connect(self.repeat)
        self.copy_button = flat("copy", "Copy the command line that makes this number",
                                self.copy.emit)
        row = QHBoxLayout()
        row.setSpacing(GRID // 2)
        row.addWidget(self.draw_button, 1)
        row.addWidget(self.repeat_button)
        row.addWidget(self.copy_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        for widget in (self.title, self.bars):
            column.addWidget(widget)
        column.addLayout(row)

    def show_dot(self, dot: Dot, wants: Wants, ink: str) -> None:
        """Show a dot, in the colour of its run."""
        self.title.setText(f'<span style="color:{ink}">●</span> {escape(dot.name)}')
        self.bars.show_wants(wants, ink)
        self.facts.setText(table(dot))
        for button in (self.draw_button, self.repeat_button, self.copy_button):
            button.setVisible(not dot.source)
        is_known = not dot.source and standing.repeatable(dot)
        self.repeat_button.setEnabled(is_known)
        self.copy_button.setEnabled(is_known)


def table(dot: Dot) -> str:
    """Return a dot's figures and labels as a small table in rich text."""
    rows = [(name_of(name, dot.distance_name), figure_told(figure))
            for name, figure in dot.figures.items()]
    if dot.ms is not None:
        rows.append(("ms per picture", number(dot.ms)))
    rows.append(("evaluations", f"{dot.way.nfe:,}"))
    rows += [(name, number(value)) for name, value in dot.way.coordinates().items()
             if name != "nfe"]
    if dot.way.sampler:
        rows.insert(0, ("sampler", dot.way.sampler))
    ground = dot.ground
    rows += [("data", f"{ground.data}, {ground.split} part" if ground.split else ground.data),
             ("features", f"{ground.features} {ground.sha256[:6]}".strip())]
    if ground.n:
        rows.append(("N", f"{ground.n:,}"))
    if dot.way.step is not None:
        rows.append(("step", f"{dot.way.step:,}, {dot.way.weights}"))
    if dot.record.get("seed") is not None:
        rows.append(("seed", str(dot.record["seed"])))
    if dot.machine is not None:
        rows.append(("machine", dot.machine.told()))
    if dot.source:
        rows.append(("source", dot.source))
    if dot.when:
        rows.append(("note" if dot.source else "when",
                     dot.when if dot.source else dot.when.replace("T", " ")[:16]))
    muted = theme.palette().muted
    cells = "".join(
        f'<tr><td style="color:{muted};padding-right:8px">{escape(name)}</td>'
        f"<td>{escape(value)}</td></tr>" for name, value in rows)
    return f'<table cellspacing="0" cellpadding="1">{cells}</table>'
