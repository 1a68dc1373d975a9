"""Quality, coverage and speed of every run and sampler, measured on this machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from hybridstudio import commands, standing
from hybridstudio.errors import StudioError, translate
from hybridstudio.gui import standingfiles, theme
from hybridstudio.gui.anatomy import Panel, alone
from hybridstudio.gui.askfile import ask_file
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.card import Card
from hybridstudio.gui.dotfacts import DotFacts
from hybridstudio.gui.jobs import Lane
from hybridstudio.gui.movingform import MovingForm
from hybridstudio.gui.nothing import Nothing
from hybridstudio.gui.scoringbar import ScoringBar
from hybridstudio.gui.standings import Standings, read_standings
from hybridstudio.gui.sweepform import SweepForm
from hybridstudio.gui.theme import GRID
from hybridstudio.gui.trilemmacanvas import TrilemmaCanvas
from hybridstudio.gui.wishes import Cancel, Open
from hybridstudio.messages import Done, Event, Notice, Progress, Repeat, Score, Scored, Sweep
from hybridstudio.runs import Run
from hybridstudio.standing import Board, Dot, Ghost, Way, records


class TrilemmaPanel(Panel):
    """Shows scores as dots that may be compared, moves them, and fills in what is missing."""

    TITLE = "Trilemma"
    SAYS = "Quality, coverage and speed: who pays for which with which."
    HELP = (
        "<p>A generative model is wanted to draw <b>good</b> pictures, <b>all kinds</b> of them, "
        "and <b>quickly</b>. Most give one up for the other two (Xiao et al. 2021).</p>"
        "<p>Each dot is a score. Further down is nearer to the data, further left is faster; how "
        "much of a dot is filled tells its coverage. Round: diffusion, square: GAN, diamond: both, "
        "hexagon: VAE. Below the dashed stairs stands nobody: their corners are the front.</p>"
        "<p>Only scores of the same data, features, N and part compare; times only on one machine. "
        "Point at a dot to read all that it carries, click it to move its settings.</p>")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._standings = Standings()
        self._path: Path | None = None  # of the run chosen in the library
        self._run: Run | None = None  # the one whose settings are moved
        self._dot: Dot | None = None
        self._awaited: Way | None = None  # what was asked for last: chosen when it comes
        self._is_working = False
        self.lane = Lane("standings", newest_wins=True, engine=read_standings, parent=self)
        self.lane.told.connect(self._take)
        self.lane.failed.connect(lambda error: Panel.show_error(self, error))
        self.canvas = TrilemmaCanvas()
        self.nothing = Nothing("Score now", "trilemma")
        self.notice = Card()
        self.notice.hide()
        self._stack = QStackedWidget()
        self._stack.addWidget(self.nothing)
        self._stack.addWidget(self.canvas)
        middle = QWidget()
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.notice)
        column.addWidget(self._stack, 1)
        self.set_canvas(middle)
        self.bar = ScoringBar()
        self.set_transport(self.bar)
        self._transport.hide()
        self.facts, self.moving, self.sweep = DotFacts(), MovingForm(), SweepForm()
        self._made_inspector()
        self.export = flat("export", "Export the drawing or its numbers", self._ask_export)
        self.button = QPushButton("Score now")
        self.button.setProperty("primary", True)
        self.button.setMinimumWidth(88)
        self.add_to_header(self.export)
        self.add_to_header(self.button)
        self._connect()
        self._show_state()

    def _made_inspector(self) -> None:
        inspector = QWidget()
        column = QVBoxLayout(inspector)
        column.setSpacing(2 * GRID)
        self._all = theme.say(QLabel("All that it carries"), "heading")
        self._hint = theme.say(QLabel("Click a dot to read all that it carries.", wordWrap=True),
                               "muted")
        column.addWidget(self._hint)
        for part in (self.facts, self.moving, self.sweep, self._all, self.facts.facts):
            column.addWidget(part)
            part.hide()
        column.setSpacing(GRID)
        column.addStretch(1)
        self.set_inspector(inspector)

    def _connect(self) -> None:
        self.canvas.chosen.connect(self.choose)
        self.canvas.opened.connect(self._open)
        self.canvas.turned.connect(self._on_board)
        self.canvas.cost.activated.connect(self._show_inspector)
        self.nothing.clicked.connect(self.score)
        self.button.clicked.connect(self._score_or_stop)
        self.bar.cancelled.connect(lambda: self.requested.emit(Cancel()))
        self.facts.draw.connect(lambda: self._open(self._dot))
        self.facts.repeat.connect(self.repeat)
        self.facts.copy.connect(self._copy_dot)
        self.moving.moved.connect(self._on_moved)
        self.moving.measure.connect(self.measure)
        self.sweep.wanted.connect(self.begin_sweep)
        self.sweep.copied.connect(self._copy_sweep)
        self.sweep.changed.connect(self._show_inspector)

    # --- what is shown ----------------------------------------------------------------------------

    def show_run(self, path: Path | None) -> None:
        """Bring the run's dots to the front; all scores are read anew."""
        if path != self._path:
            self._path, self._dot = path, None
        self.lane.submit("read")

    def choose(self, dot: Dot | None) -> None:
        """Choose a dot: the inspector tells it and moves its settings."""
        self._dot = dot
        if dot is not None and not dot.source:
            self._run = self._standings.runs.get(dot.way.run)
            if self._run is not None:
                self.moving.show_run(self._run, dot.way)
        self._show_inspector()

    def _take(self, standings: Standings | Done) -> None:
        """Take what was read; the board and the dot that were shown stay, where they still are."""
        if isinstance(standings, Done):
            return
        self._standings = standings
        self.canvas.offer([*standings.boards, *standing.published()] if standings.runs or
                          standings.boards else [])
        own = self._board_of(self._path)
        if self._awaited is not None:
            came = [(dot.when, place) for place, board in enumerate(standings.boards)
                    for dot in board.dots if _alike(dot.way, self._awaited)]
            own = standings.boards[max(came)[1]] if came else own
        if own is not None and (self._dot is None or self._awaited is not None):
            self.canvas.turn_to(own)
        self._run = standings.runs.get(self._path) if self._path is not None else self._run
        self._choose_again()
        self._show_state()

    def _choose_again(self) -> None:
        """Choose what was awaited, or what was chosen, or the run's usual way."""
        board = self.canvas.board
        dots: Sequence[Dot] = board.dots if board is not None else ()
        awaited, before = self._awaited, self._dot
        found = next((dot for dot in dots if awaited is not None and _alike(dot.way, awaited)),
                     None)
        if found is not None:
            self._awaited = None
        elif before is not None:
            found = next((dot for dot in dots if _alike(dot.way, before.way)), None)
        if found is None and self._path is not None:
            own = [dot for dot in dots if dot.way.run == self._path]
            usual = standing.way_of(self._run, {}) if self._run is not None else None
            found = next((dot for dot in own if usual and _alike(dot.way, usual)),
                         own[0] if own else None)
        way = self.moving.way
        is_same = found is not None and before is not None and _alike(found.way, before.way)
        if found is not None and is_same and awaited is None and found is not before:
            self._dot, self._run = found, self._standings.runs.get(found.way.run)
            self._show_inspector()  # and the sliders stay where they were moved to meanwhile
        elif found is not None or self._run is None:
            self.choose(found)
        else:
            self._dot = None
            if way is None or way.run != self._run.path:
                self.moving.show_run(self._run, standing.way_of(self._run, {}))
            self._show_inspector()

    def _board_of(self, path: Path | None) -> Board | None:
        """Return the first board on which a run stands, or else one of its data."""
        run = self._standings.runs.get(path) if path is not None else None
        boards = self._standings.boards
        return next((board for board in boards
                     if any(dot.way.run == path for dot in board.dots)),
                    next((board for board in boards if run is not None
                          and board.ground.data == run.config.data.name), None))

    def _on_board(self) -> None:
        self._dot = None
        self._choose_again()

    def _on_moved(self, _way: Way) -> None:
        self._show_inspector()

    def _ghost(self) -> Ghost | None:
        way, board = self.moving.way, self.canvas.board
        if self._run is None or way is None or board is None or board.is_published:
            return None
        return standing.stand(board.dots, way)

    def _show_inspector(self) -> None:
        ghost, board = self._ghost(), self.canvas.board
        is_measured = ghost is not None and ghost.kind == "measured"
        shown = ghost.between[0] if ghost is not None and is_measured else self._dot
        for part in (self.facts, self._all, self.facts.facts):
            part.setVisible(shown is not None)
        self._hint.setVisible(shown is None and board is not None)
        if shown is not None:
            wants = standing.scales(self.canvas.shown(), self.canvas.cost_kind()).of(shown)
            self.facts.show_dot(shown, wants, self.canvas.ink(shown))
        if is_measured:
            self._dot = shown
        can_move = self._run is not None and board is not None and not board.is_published
        for form in (self.moving, self.sweep):
            form.setVisible(can_move)
        if can_move and self._run is not None and self.moving.way is not None:
            own = self._own_dots()
            if ghost is not None:
                takes = standing.seconds(own, ghost.way, self.sweep.count.value())
                self.moving.tell(ghost, takes, not self._is_working)
            self.sweep.show_run(self._run, self.moving.way, self._fitting(), own)
            self.sweep.button.setEnabled(self.sweep.button.isEnabled() and not self._is_working)
        self.canvas.show_dot(self._dot, ghost)

    def _own_dots(self) -> list[Dot]:
        run = self._run
        return [dot for dot in self._standings.dots if run is not None and dot.way.run == run.path]

    def _show_state(self) -> None:
        """Show the plots, or what to do where there is nothing to plot."""
        has_any = self.canvas.board is not None and bool(self._standings.boards)
        self._stack.setCurrentWidget(self.canvas if has_any else self.nothing)
        if not has_any and self._run is None:
            self.nothing.tell("No scores yet", "Choose a model in the library; a score tells how "
                              "near its pictures are to the data, how many kinds of them it draws "
                              "and how long one takes.")
        elif not has_any and self._run is not None:
            self.nothing.tell("No scores yet", f"Score {self._run.name}: its pictures are drawn "
                              "and held against its data, in the background.")
        self.nothing.button.setEnabled(self._can_score())
        is_new = self._run is not None and not any(dot.distance for dot in self._own_dots())
        self.button.setText("Stop" if self._is_working else "Score now" if is_new else "Sweep")
        self.button.setEnabled(self._is_working or self._can_score())
        self.button.setToolTip(
            "End the scoring" if self._is_working else "Score the chosen run as it usually draws"
            if is_new else "Score the chosen run along a setting, as the inspector says")
        self.export.setEnabled(has_any)
        self._transport.setVisible(self._is_working)
        if has_any and is_new and self._run is not None and not self._is_working:
            self.notice.tell(Notice(f"No score of {self._run.name} yet",
                                    "its pictures were never held against the data"),
                             ("Score now", self.score))
        elif self.notice.action.isVisibleTo(self.notice):
            self.notice.hide()

    # --- asking -----------------------------------------------------------------------------------

    def score(self) -> None:
        """Score the chosen run as it usually draws."""
        if self._run is not None:
            self._ask([standing.way_of(self._run, {})])

    def measure(self) -> None:
        """Score just the settings that the sliders show."""
        if self.moving.way is not None:
            self._ask([self.moving.way])

    def begin_sweep(self) -> None:
        """Score the chosen run along a setting, one after the other, in the background."""
        self._ask(self.sweep.ways(), bool(self.sweep.again.currentData()))

    def repeat(self) -> None:
        """Make the chosen number again."""
        if self._dot is not None and self._can_score():
            self._begin(records.repeat(self._dot), [self._dot.way])

    def _ask(self, ways: Sequence[Way], again: bool = False) -> None:
        if ways and self._can_score():
            scores = self._requests(ways)
            self._begin(scores[0] if len(scores) == 1 else Sweep(tuple(scores), again), ways)

    def _requests(self, ways: Sequence[Way]) -> list[Score]:
        assert self._run is not None
        count = self.sweep.count.value()
        return [standing.request(self._run, way, self._fitting(), count) for way in ways]

    def _fitting(self) -> Board | None:
        """Return the board that is shown where the run's own data are its data."""
        board, run = self.canvas.board, self._run
        fits = board is not None and run is not None and not board.is_published and (
            board.ground.data == run.config.data.name)
        return board if fits else None

    def _begin(self, request: Score | Sweep | Repeat, ways: Sequence[Way]) -> None:
        self.show_error(None)
        self.notice.hide()
        self._awaited, self._is_working = ways[0], True
        self.bar.begin([way.told() for way in ways])
        self._show_state()
        self._show_inspector()
        self.requested.emit(request)

    def _can_score(self) -> bool:
        run = self._run
        return not self._is_working and run is not None and (
            bool(run.checkpoints) or run.state == "training")

    def _score_or_stop(self) -> None:
        if self._is_working:
            self.requested.emit(Cancel())
        elif any(dot.distance for dot in self._own_dots()) and self.sweep.ways():
            self.begin_sweep()
        else:
            self.score()

    def _open(self, dot: Dot | None) -> None:
        """Draw from a dot's run with its settings, on its page."""
        if dot is None or dot.source:
            return
        way = dot.way
        told = {"sampler": way.sampler, "nfe": way.nfe, "eta": way.eta, "guidance": way.guidance,
                "knobs": dict(way.knobs), "step": way.step, "weights": way.weights}
        self.requested.emit(Open("denoise", way.run, {
            name: value for name, value in told.items() if value is not None}))

    def _copy_dot(self) -> None:
        if self._dot is not None and standing.repeatable(self._dot):
            self._copy([standing.again(self._dot)])

    def _copy_sweep(self) -> None:
        self._copy(self._requests(self.sweep.ways()))

    def _copy(self, scores: Sequence[Score]) -> None:
        QGuiApplication.clipboard().setText("\n".join(map(commands.as_command, scores)))

    def _ask_export(self) -> None:
        ask_file(self, "Export the trilemma", self.write, save_as="trilemma.svg",
                 kinds=["Drawing (*.svg)", "Picture (*.png)", "Numbers (*.csv)"])

    def write(self, path: Path) -> None:
        """Write the drawing, or its numbers, as the path's ending says; faults are shown."""
        try:
            standingfiles.write(path, self.canvas)
        except (OSError, StudioError) as error:
            super().show_error(translate(error))
        else:
            self.notice.tell(Notice(f"Saved {path.name}", f"in {path.parent}"))

    # --- events -----------------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """Follow a scoring; every score that is done becomes a dot at once."""
        match event:
            case Progress():
                self.bar.on_event(event)
            case Scored():
                self.bar.on_event(event)
                self.lane.submit("read")
            case Notice():
                self.notice.tell(event)
            case Done():
                self._ended()
                if (told := event.result.get("repeat")) is not None:
                    self.notice.tell(Notice(*records.outcome(told)))

    def show_error(self, error: StudioError | None) -> None:
        """Tell an error above the plots; scoring is over."""
        super().show_error(error)
        if error is not None:
            self._ended()

    def _ended(self) -> None:
        self._is_working = False
        self.lane.submit("read")
        self._show_state()
        self._show_inspector()


def _alike(one: Way, other: Way) -> bool:
    """Tell whether two ways draw alike, of whichever training step."""
    return one == standing.at_step(other, one.step)


if __name__ == "__main__":
    sys.exit(alone(TrilemmaPanel))
