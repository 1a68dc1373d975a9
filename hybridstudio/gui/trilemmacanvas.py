"""The canvas of the trilemma: which scores, which runs, the Pareto plot beside the triangle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSplitter, QVBoxLayout, QWidget

from hybridstudio import standing
from hybridstudio.gui import runcolours, theme
from hybridstudio.gui.buttons import toggle
from hybridstudio.gui.runchips import RunChips
from hybridstudio.gui.sceneview import SceneView
from hybridstudio.gui.theme import GRID
from hybridstudio.standing import Board, Cost, Dot, Ghost, Scene

NARROW = 640  # points of width below which one drawing shows at a time
COSTS: dict[str, Cost] = {"Time per picture": "ms", "Network evaluations": "nfe"}


class TrilemmaCanvas(QWidget):
    """Shows one board; `chosen` tells the dot that was clicked, `turned` that the board changed."""

    chosen = Signal(object)
    opened = Signal(object)
    turned = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._boards: Sequence[Board] = ()
        self._places: Mapping[Path, int] = {}
        self._dot: Dot | None = None
        self._ghost: Ghost | None = None
        self.boards = QComboBox()
        self.boards.setAccessibleName("Scores that compare")
        self.boards.setToolTip("Scores of the same data, features, N and part: only these compare")
        self.boards.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.boards.setMinimumContentsLength(12)
        self.boards.activated.connect(self._on_board)
        self.cost = QComboBox()
        self.cost.setAccessibleName("What speed is")
        self.cost.setToolTip("Time is told on one machine; evaluations are the same on all")
        for words, kind in COSTS.items():
            self.cost.addItem(words, kind)
        self.cost.activated.connect(self._draw)
        self.published = toggle("Published", "Lay published results over, where data and FID match")
        self.published.toggled.connect(self._draw)
        self.plot_button = toggle("Plot", "Show the Pareto plot", on=True)
        self.triangle_button = toggle("Triangle", "Show the triangle", on=True)
        self.chips = RunChips()
        self.chips.changed.connect(self._draw)
        self.plot = SceneView(standing.pareto, "Pareto plot: cost against distance")
        self.triangle = SceneView(standing.triangle, "Triangle of quality, coverage and speed")
        for view in (self.plot, self.triangle):
            view.chosen.connect(self.chosen)
            view.opened.connect(self.opened)
        self.cautions = theme.say(QLabel(wordWrap=True), "muted")
        self.cautions.setContentsMargins(2 * GRID, 0, 2 * GRID, GRID // 2)
        self._lay_out()
        for button, other in ((self.plot_button, self.triangle_button),
                              (self.triangle_button, self.plot_button)):
            button.toggled.connect(lambda on, other=other: self._on_view(on, other))
        theme.changed.connect(self._draw)

    def _lay_out(self) -> None:
        self._row = QHBoxLayout()
        self._row.setContentsMargins(2 * GRID, GRID // 2, GRID, 0)
        self._row.setSpacing(GRID)
        self._row.addWidget(self.boards, 1)
        self._row.addWidget(self.cost)
        self._second = QHBoxLayout()  # for the buttons where there is little room
        self._second.setContentsMargins(2 * GRID, 0, GRID, 0)
        self._buttons = QWidget()
        buttons = QHBoxLayout(self._buttons)
        buttons.setContentsMargins(0, 0, 0, 0)
        buttons.setSpacing(GRID // 2)
        for button in (self.published, self.plot_button, self.triangle_button):
            buttons.addWidget(button)
        self._second.addWidget(self._buttons, 0, Qt.AlignmentFlag.AlignLeft)
        chips = QHBoxLayout()
        chips.setContentsMargins(2 * GRID - 4, 0, GRID, GRID // 2)
        chips.addWidget(self.chips, 1)
        self._split = QSplitter()
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self.plot)
        self._split.addWidget(self.triangle)
        self._split.setStretchFactor(0, 5)
        self._split.setStretchFactor(1, 4)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addLayout(self._row)
        column.addLayout(self._second)
        column.addLayout(chips)
        column.addWidget(self._split, 1)
        column.addWidget(self.cautions)

    # --- what is shown ----------------------------------------------------------------------------

    @property
    def board(self) -> Board | None:
        """The board that is shown."""
        at = self.boards.currentIndex()
        return self._boards[at] if 0 <= at < len(self._boards) else None

    def offer(self, boards: Sequence[Board]) -> None:
        """Offer boards; the one that is shown stays, if it is still there."""
        before = self.board.told() if self.board is not None else ""
        self._boards = boards
        with QSignalBlocker(self.boards):
            self.boards.clear()
            for board in boards:
                count = f"{len(board.dots)} score{'s' if len(board.dots) > 1 else ''}"
                self.boards.addItem(board.title or f"{board.ground.told()}: {count}")
            names = [board.told() for board in boards]
            self.boards.setCurrentIndex(names.index(before) if before in names else 0)
        self._show_board()

    def turn_to(self, board: Board) -> None:
        """Show another board."""
        names = [each.told() for each in self._boards]
        if board.told() in names and self.board is not None and board.told() != self.board.told():
            self.boards.setCurrentIndex(names.index(board.told()))
            self._show_board()

    def show_dot(self, dot: Dot | None, ghost: Ghost | None) -> None:
        """Mark a dot as chosen, and show where other settings would stand."""
        self._dot, self._ghost = dot, ghost
        self._draw()

    def cost_kind(self) -> Cost:
        """Return what speed is."""
        kind: Cost = self.cost.currentData()
        return kind

    def ink(self, dot: Dot) -> str:
        """Return a dot's colour: its run's, or grey for what was published over others' scores."""
        if dot.way.run not in self._places:
            return "muted"
        return theme.palette().series[self._places[dot.way.run] % len(theme.palette().series)]

    def shown(self) -> tuple[Dot, ...]:
        """Return the dots of the runs that are switched on."""
        runs = self.chips.shown()
        return () if self.board is None else tuple(
            dot for dot in self.board.dots if dot.way.run in runs)

    def scene(self) -> Scene | None:
        """Return what is drawn now."""
        board = self.board
        if board is None:
            return None
        over = () if board.is_published or not self.published.isChecked() else tuple(
            standing.over(board, board.dots[0].size))
        return Scene(self.shown(), self.ink, self.cost_kind(), over, self._ghost, self._dot)

    def notes(self) -> list[str]:
        """Return what to mind about the board."""
        if (board := self.board) is None:
            return []
        told = standing.cautions(board, self.cost_kind())
        if self.published.isChecked() and not board.is_published:
            over = standing.over(board, board.dots[0].size)
            told.append("Grey: published, measured elsewhere." if over else
                        standing.why_none(board))
        if board.is_published and self.cost_kind() == "ms" and not any(
                dot.ms for dot in board.dots):
            told.append("No times were published with these: choose network evaluations.")
        return told

    # --- drawing ----------------------------------------------------------------------------------

    def _on_board(self) -> None:
        self._dot = self._ghost = None
        self._show_board()
        self.turned.emit()

    def _show_board(self) -> None:
        board = self.board
        names: dict[Path, str] = {}
        whys: dict[Path, str] = {}
        if board is not None:
            names = {dot.way.run: dot.name for dot in board.dots}
            whys = {dot.way.run: why for dot, why in board.apart if dot.way.run not in names}
            self._places = {run: at % runcolours.COLOURS for at, run in enumerate(names)} if (
                board.is_published) else runcolours.places(list(names))
            if board.is_published and not any(dot.ms for dot in board.dots):
                self.cost.setCurrentIndex(1)
        self.chips.offer(names, self._places, whys)
        self.published.setEnabled(board is not None and not board.is_published)
        self._draw()

    def _draw(self) -> None:
        scene = self.scene()
        for view in (self.plot, self.triangle):
            view.show_scene(scene)
        notes = self.notes()
        self.cautions.setText("  ".join(notes))
        self.cautions.setVisible(bool(notes))

    def _on_view(self, on: bool, other: QWidget) -> None:
        """Show one drawing or both; one at least, and only one where there is little room."""
        if on == self._is_narrow() or not (on or other.isChecked()):  # type: ignore[attr-defined]
            with QSignalBlocker(other):
                other.setChecked(not on)  # type: ignore[attr-defined]
        self._show_views()

    def _show_views(self) -> None:
        if self._is_narrow() and self.plot_button.isChecked() and self.triangle_button.isChecked():
            with QSignalBlocker(self.triangle_button):
                self.triangle_button.setChecked(False)
        self.plot.setVisible(self.plot_button.isChecked())
        self.triangle.setVisible(self.triangle_button.isChecked())

    def _is_narrow(self) -> bool:
        return self.width() < NARROW

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as many drawings as there is room for, and the buttons in a row of their own."""
        row = self._second if self._is_narrow() else self._row
        if row.indexOf(self._buttons) < 0:
            row.addWidget(self._buttons, 0, Qt.AlignmentFlag.AlignLeft)
        self._show_views()
        super().resizeEvent(event)
