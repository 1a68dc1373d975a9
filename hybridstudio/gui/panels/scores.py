"""Every score of a run, a folder or an array, each with all that it carries; and new ones."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QPushButton, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from hybridstudio import commands, standing
from hybridstudio.errors import StudioError, translate
from hybridstudio.gui import runcolours, theme
from hybridstudio.gui.anatomy import Panel, alone
from hybridstudio.gui.askfile import ask_file
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.card import Card
from hybridstudio.gui.jobs import Lane
from hybridstudio.gui.nothing import Nothing
from hybridstudio.gui.scoredetail import ScoreDetail
from hybridstudio.gui.scoreform import ScoreForm, expected
from hybridstudio.gui.scoretable import ScoreTable
from hybridstudio.gui.scoringbar import ScoringBar
from hybridstudio.gui.standings import Standings, read_standings
from hybridstudio.gui.wishes import Cancel
from hybridstudio.messages import Done, Event, Notice, Progress, Repeat, Score, Scored
from hybridstudio.pictures import complete
from hybridstudio.runs import Run
from hybridstudio.standing import Dot, records
from hybridstudio.telling import duration


class ScoresPanel(Panel):
    """Lists the scores of one source, tells one in full, and makes new ones."""

    TITLE = "Scores"
    SAYS = "Every score, with all that is needed to read it and to make it again."
    HELP = (
        "<p>Score the run chosen in the library, or drop a folder of pictures, an archive or a "
        "<code>.npy</code> array here.</p>"
        "<p>A distance is called FID only in Inception's features. Each figure stands on an axis "
        "between what noise and what as many <b>real</b> pictures get, with the interval in which "
        "95 of 100 drawings lie.</p>"
        "<p>Only scores of the same data, features, N and part compare.</p>")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._path: Path | None = None
        self._run: Run | None = None
        self._is_working = False
        self._standings = Standings()
        self.lane = Lane("scores", newest_wins=True, engine=read_standings, parent=self)
        self.lane.told.connect(self._take)
        self.lane.failed.connect(lambda error: Panel.show_error(self, error))
        self.notice = Card()
        self.notice.hide()
        self.table, self.detail = ScoreTable(), ScoreDetail()
        self.nothing = Nothing("Score now", "scores")
        self.nothing.clicked.connect(self.score)
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.table)
        split.addWidget(self.detail)
        split.setSizes([160, 400])
        split.setStretchFactor(1, 1)
        split.setChildrenCollapsible(False)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.nothing)
        self._stack.addWidget(split)
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
        self.form = ScoreForm()
        self.set_inspector(self.form)
        self.copy = flat("copy", "Copy the command line that scores the same", self._copy_form)
        self.export = flat("export", "Export these scores as CSV", self._ask_export)
        self.button = QPushButton("Score")
        self.button.setProperty("primary", True)
        self.button.setMinimumWidth(88)
        for widget in (self.copy, self.export, self.button):
            self.add_to_header(widget)
        self._connect()
        self.setAcceptDrops(True)
        self._show_state()

    def _connect(self) -> None:
        self.button.clicked.connect(self._score_or_stop)
        self.bar.cancelled.connect(lambda: self.requested.emit(Cancel()))
        self.table.chosen.connect(self._show_detail)
        self.table.repeated.connect(self.repeat)
        self.table.copied.connect(self._copy_dot)
        self.form.changed.connect(self._show_state)
        self.form.sourced.connect(lambda _file: self._show_scores())
        theme.changed.connect(self._recolour)

    # --- what is shown ----------------------------------------------------------------------------

    def show_run(self, path: Path | None) -> None:
        """Show the scores of a run; a file that is being looked at makes room for it."""
        if path != self._path:
            self._path = path
            if path is not None and self.form.file is not None and not self._is_working:
                self.form.show_file(None)
        self.lane.submit("read")

    def show_file(self, path: Path) -> None:
        """Look at a folder, an archive or an array in place of the run."""
        self.form.show_file(path)

    def _take(self, standings: Standings | Done) -> None:
        if isinstance(standings, Done):
            return
        self._standings = standings
        self._run = standings.runs.get(self._path) if self._path is not None else None
        self.form.show_run(self._run, standings.judges)
        self._show_scores()

    def _show_scores(self) -> None:
        self.table.show_dots(self.dots())
        self._show_state()

    def dots(self) -> list[Dot]:
        """Return the scores that are shown."""
        if (file := self.form.file) is not None:
            return records.of_file(file)
        return [dot for dot in self._standings.dots if dot.way.run == self._path]

    def _show_detail(self, dot: Dot | None) -> None:
        if dot is not None:
            place = runcolours.places([dot.way.run])[dot.way.run]
            self.detail.show_dot(dot, theme.palette().series[place])

    def _recolour(self) -> None:
        self._show_detail(self.table.current())

    def _show_state(self) -> None:
        """Show the scores, or what to do where there are none."""
        dots, asked = self.table.rowCount(), self.form.request()
        self._stack.setCurrentIndex(1 if dots else 0)
        name = self.form.file.name if self.form.file is not None else (
            self._run.name if self._run is not None else "")
        if name:
            self.nothing.tell(f"No scores of {name} yet", "Its pictures are held against a data "
                              "set, in the background." if self.form.file is None else
                              "Say which data set to compare with, then score it.")
        else:
            self.nothing.tell("Nothing to score yet", "Choose a run in the library, or drop a "
                              "folder of pictures, an archive or a .npy array here.")
        can_score = asked is not None and not self._is_working
        self.nothing.button.setEnabled(can_score)
        self.button.setText("Stop" if self._is_working else "Score")
        self.button.setEnabled(can_score or self._is_working)
        self.copy.setEnabled(asked is not None)
        self.export.setEnabled(dots > 0)
        self.table.let_repeat(not self._is_working)
        self._transport.setVisible(self._is_working)
        self._tell_time(asked)

    def _tell_time(self, asked: Score | None) -> None:
        seconds = None
        if asked is not None and self._run is not None and self.form.file is None:
            own = [dot for dot in self._standings.dots if dot.way.run == self._run.path]
            seconds = expected(self._run, asked, own)
        self.form.tell_time("" if seconds is None else f"About {duration(seconds)}.")

    # --- asking -----------------------------------------------------------------------------------

    def score(self) -> None:
        """Score what the form says, in the background."""
        asked = self.form.request()
        if asked is not None:
            name = asked.source.name
            way = standing.way_of(self._run, {"sampler": asked.sampler, "nfe": asked.nfe}) if (
                self._run is not None and self.form.file is None) else None
            self._begin(asked, f"{name}, {way.told()}" if way is not None else name)

    def repeat(self, dot: Dot) -> None:
        """Make a number again and tell whether it came out the same."""
        if not self._is_working:
            self._begin(records.repeat(dot), f"{dot.name} once more")

    def _begin(self, request: Score | Repeat, words: str) -> None:
        self.show_error(None)
        self.notice.hide()
        self._is_working = True
        self.bar.begin([words])
        self._show_state()
        self.requested.emit(request)

    def _score_or_stop(self) -> None:
        if self._is_working:
            self.requested.emit(Cancel())
        else:
            self.score()

    def _copy_form(self) -> None:
        if (asked := self.form.request()) is not None:
            QGuiApplication.clipboard().setText(commands.as_command(asked))

    def _copy_dot(self, dot: Dot) -> None:
        QGuiApplication.clipboard().setText(commands.as_command(standing.again(dot)))

    def _ask_export(self) -> None:
        ask_file(self, "Export the scores", self.write, save_as="scores.csv",
                 kinds=["Numbers (*.csv)"])

    def write(self, path: Path) -> None:
        """Write the scores that are shown as CSV; faults are shown."""
        try:
            with complete(path, overwrite=True) as file:
                file.write(records.table(self.dots()).encode())
        except (OSError, StudioError) as error:
            super().show_error(translate(error))
        else:
            self.notice.tell(Notice(f"Saved {path.name}", f"in {path.parent}"))

    # --- events -----------------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """Follow a scoring to its end."""
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
        """Tell an error above the scores; scoring is over."""
        super().show_error(error)
        if error is not None:
            self._ended()

    def _ended(self) -> None:
        self._is_working = False
        self.lane.submit("read")
        self._show_state()

    # --- drops ------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take a folder, an archive or an array; a run's folder is the window's to open."""
        if _dropped(event) is not None:
            event.acceptProposedAction()
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        """Look at what was dropped."""
        if (path := _dropped(event)) is not None:
            self.show_file(path)


def _dropped(event: QDropEvent) -> Path | None:
    urls = event.mimeData().urls()
    path = Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None
    if path is None or (path / "run.toml").is_file():
        return None
    return path if path.is_dir() or path.suffix.lower() in (".npy", ".zip") else None


if __name__ == "__main__":
    sys.exit(alone(ScoresPanel))
