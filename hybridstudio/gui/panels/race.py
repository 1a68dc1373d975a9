"""Let several ways of drawing race: the same noise, each by its own clock."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import commands, racing, runs, standing
from hybridstudio.config import RunConfig
from hybridstudio.errors import StudioError
from hybridstudio.gui import theme
from hybridstudio.gui.anatomy import Panel, alone
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.card import Card
from hybridstudio.gui.drawfields import fill
from hybridstudio.gui.racebar import RaceBar
from hybridstudio.gui.raceform import RaceForm, told
from hybridstudio.gui.raceplot import COSTS, RacePlot, Racer
from hybridstudio.gui.raceview import RaceView
from hybridstudio.gui.racewrite import Material, RaceExport
from hybridstudio.gui.shelf import Listed
from hybridstudio.gui.theme import GRID
from hybridstudio.gui.wishes import Cancel
from hybridstudio.messages import Done, Draw, Event, Lap, Notice, Race
from hybridstudio.racing import Lane
from hybridstudio.ways import Way

FAMILIES = ("ddpm", "hybrid", "ddgan", "gan")  # that a race between families is of
STEPS = 10  # evaluations of every sampler in a race between them


class RacePanel(Panel):
    """Draws the same seed in several ways, and replays them in time or in step."""

    TITLE = VIEW = "Race"
    SAYS = "The same noise drawn in several ways, each by its own clock."
    HELP = (
        "<p>Each lane draws the same seed. A lane's clock runs only while it draws, so the times "
        "are those it would take alone on this machine.</p>"
        "<p><b>In time</b> shows each lane as far as it was after so many seconds, <b>in step</b> "
        "after so many steps.</p>"
        "<p>Below stands quality against cost, from scores made before; a lane without a score is "
        "a mark on the axis.</p>")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Path | None = None
        self._shipped: tuple[Path, ...] = ()
        self._asked: Race | None = None
        self._is_racing = False
        self.lanes: list[Lane] = []
        self.form, self.view, self.bar, self.plot = RaceForm(), RaceView(), RaceBar(), RacePlot()
        self.notice = Card()
        self.notice.hide()
        self.cost = QComboBox()
        self._lay_out()
        self._connect()
        self._show_lanes()

    # --- the parts --------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self.copy = flat("copy", "Copy the command line of this race", self.copy_command)
        self.export = RaceExport(self._material)
        self.race_button = QPushButton("Race")
        self.race_button.setProperty("primary", True)
        self.race_button.setToolTip("Let them race (Ctrl+Return)")
        self.race_button.setMinimumWidth(88)
        for button in (self.copy, self.export, self.race_button):
            self.add_to_header(button)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self.view)
        fill(self.cost, [(words, kind) for kind, words in COSTS.items()])
        self.cost.setAccessibleName("Cost")
        self.cost.setToolTip("What quality is plotted against")
        head = QHBoxLayout()
        head.setContentsMargins(2 * GRID, GRID // 2, 2 * GRID, GRID // 2)
        head.setSpacing(GRID)
        head.addWidget(theme.say(QLabel("Quality against"), "heading"))
        head.addWidget(self.cost)
        head.addStretch(1)
        below = QWidget()
        column = QVBoxLayout(below)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.plot, 1)
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.addWidget(scroll)
        parts.addWidget(below)
        parts.setSizes([480, 136])
        parts.setStretchFactor(0, 1)
        parts.setChildrenCollapsible(False)
        canvas = QWidget()
        column = QVBoxLayout(canvas)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.notice)
        column.addWidget(parts, 1)
        self.set_canvas(canvas)
        self.set_transport(self.bar)
        self.set_inspector(self.form)

    def _connect(self) -> None:
        self.form.changed.connect(self._show_lanes)
        self.form.failed.connect(lambda error: super(RacePanel, self).show_error(error))
        self.form.preset.connect(self.choose)
        self.bar.moved.connect(self.view.show_place)
        self.cost.currentIndexChanged.connect(
            lambda _place: self.plot.show_cost(self.cost.currentData()))
        self.export.written.connect(lambda path: self.notice.tell(
            Notice(f"Saved {path.name}", f"in {path.parent}")))
        self.export.failed.connect(lambda error: super(RacePanel, self).show_error(error))
        self.race_button.clicked.connect(self._race_or_stop)
        QShortcut(QKeySequence("Ctrl+Return"), self, self.race,
                  context=Qt.ShortcutContext.WidgetWithChildrenShortcut)

    # --- who there is -----------------------------------------------------------------------------

    def show_run(self, path: Path | None) -> None:
        """Begin with a race of this run's samplers, where nobody races yet."""
        if path == self._run:
            return
        self._run = path if path is not None and (path / "run.toml").is_file() else None
        if self._run is not None and not self.form.run.count():
            self.form.offer([self._run])
        self.form.choose_run(self._run)
        if self._run is not None and not self.form.ways():
            self.choose("samplers")

    def show_listed(self, listed: Listed) -> None:
        """Offer the runs of the library."""
        entries = [entry for entry in (*listed.own, *listed.shipped) if entry.state != "broken"]
        self._shipped = tuple(entry.path for entry in listed.shipped)
        self.form.offer([entry.path for entry in entries])

    def choose(self, preset: str) -> None:
        """Let one of the races that lie ready take place."""
        config = self._config(self._run)
        if self._run is None or config is None:
            self.notice.tell(Notice("No model is chosen", fix="choose one in the library"))
            return
        if preset == "samplers":
            ways = _samplers(self._run, config)
        else:
            found = {other.model.family: Way(str(path), other.sampler, other.nfe)
                     for path in reversed((self._run, *self._shipped))
                     if (other := self._config(path)) is not None
                     and other.data.name == config.data.name}
            ways = [found[family] for family in FAMILIES if family in found]
        self.form.set_ways(ways)

    def _config(self, path: Path | None) -> RunConfig | None:
        try:
            return runs.read(path).config if path is not None else None
        except StudioError:
            return None  # told where it is chosen

    # --- asking -----------------------------------------------------------------------------------

    def race(self) -> None:
        """Let those who take part race."""
        if not self.form.ways() or self._is_racing:
            return
        self._show_lanes()
        self._asked, self._is_racing = self._request(), True
        self.show_error(None)
        self.notice.hide()
        self._show_state()
        self.requested.emit(self._asked)

    def _request(self) -> Race:
        seed, count = self.form.seed.value(), self.form.count.value()
        return Race(tuple(Draw(Path(way.run), count, way.sampler, way.nfe, seed=seed)
                          for way in self.form.ways()))

    def _race_or_stop(self) -> None:
        if self._is_racing:
            self.requested.emit(Cancel())
        else:
            self.race()

    def copy_command(self) -> None:
        """Put the command line of the race on the clipboard."""
        QGuiApplication.clipboard().setText(commands.as_command(self._request()))
        self.notice.tell(Notice("Command copied"))

    # --- events -----------------------------------------------------------------------------------

    def on_answer(self, request: object, event: Event) -> None:
        """Take what is told of the race that was asked for last, and of no older one."""
        if request is self._asked:
            self.on_event(event)

    def on_event(self, event: Event) -> None:
        """Take what a race tells."""
        match event:
            case Lap() if event.way < len(self.lanes):
                lane = self.lanes[event.way]
                if event.frame is None:
                    lane.failed = "left the race"
                else:
                    lane.frames.append(event.frame)
                if event.frame is None or event.frame.step == 0:
                    self.view.show_lanes(self.lanes)
                self.view.show_place(None, self.bar.by)
            case Notice():
                self.notice.tell(event)
            case Done():
                self._ended(event.outcome == "finished")

    def show_error(self, error: StudioError | None) -> None:
        """Tell an error where the pictures would be; the race is over."""
        super().show_error(error)
        if error is not None:
            self._ended(False)

    def _ended(self, is_finished: bool) -> None:
        self._is_racing = False
        ends = {by: racing.end(self.lanes, by) for by in ("time", "step")}
        self.bar.set_ends(ends["time"], ends["step"])
        self._show_racers()
        self._show_state()
        if is_finished and ends["time"]:
            self.bar.choose_speed()
            self.bar.go(0.0)
            if self.isVisible():
                self.bar.toggle()  # once, as it went

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Scrub and play with the keys that no field takes."""
        if not self.bar.takes(Qt.Key(event.key())):
            super().keyPressEvent(event)

    # --- showing ----------------------------------------------------------------------------------

    def _show_lanes(self) -> None:
        """Show who takes part; a race with others is no race any more."""
        if self._is_racing:
            self.requested.emit(Cancel())
            self._is_racing, self._asked = False, None
        self.lanes = [Lane(told(way)) for way in self.form.ways()]
        self.view.show_lanes(self.lanes)
        self.view.show_place(None, self.bar.by)
        self.bar.set_ends(0.0, 0.0)
        self._show_racers()
        self._show_state()

    def _show_racers(self) -> None:
        """Put those who race beside the scores of their runs."""
        found = []
        for path in dict.fromkeys(Path(way.run) for way in self.form.ways()):
            try:
                found.append(runs.read(path))
            except StudioError:
                continue  # told when it is to race
        boards = standing.boards(standing.of_runs(found))
        board = boards[0] if boards else None
        racers = []
        for place, (way, lane) in enumerate(zip(self.form.ways(), self.lanes, strict=True)):
            like = [dot for dot in (board.dots if board is not None else ())
                    if (dot.way.run, dot.way.sampler, dot.way.nfe) == (
                        Path(way.run), way.sampler, way.nfe)]
            ms = 1000.0 * lane.seconds / racing.count_of(lane.frames[-1]) if lane.is_in else None
            racers.append(Racer(place, lane.name, way.nfe or 1, ms, like[0] if like else None))
        self.plot.show_racers(board, racers)

    def _show_state(self) -> None:
        has_ways = bool(self.form.ways())
        self.race_button.setText("Stop" if self._is_racing else "Race")
        self.race_button.setEnabled(has_ways)
        self.copy.setEnabled(has_ways)
        self.export.setEnabled(any(lane.is_in for lane in self.lanes) and not self._is_racing)
        self._transport.setVisible(has_ways)
        self.view.empty = ("Choose a model in the library, or add ways of drawing on the right, "
                           "and let them race.")
        self.view.update()

    def _material(self) -> Material:
        return Material(list(self.lanes), self.bar.by, self.bar.factor,
                        {"seed": self.form.seed.value(), "count": self.form.count.value()})


def _samplers(path: Path, config: RunConfig) -> list[Way]:
    """Return a race between all samplers of a run, in as many evaluations each."""
    low, usual, high = config.model.evaluations
    nfe = max(low, min(high, STEPS)) if len(config.model.samplers) > 1 and usual > STEPS else (
        config.nfe)
    return [Way(str(path), sampler, nfe) for sampler in config.model.samplers]


if __name__ == "__main__":
    sys.exit(alone(RacePanel))
