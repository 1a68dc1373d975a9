"""Runs beside each other: settings that differ, curves, scores, pictures of one seed; and variants.

    panel.add(run)           one more run to compare
    panel.queue              trainings that wait; the window lets them through its training lane
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer, QUrl
from PySide6.QtGui import (
    QDesktopServices,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QHideEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from hybridstudio.commands import as_command
from hybridstudio.comparison import Comparison, Reader, report, write_report
from hybridstudio.comparison.reading import MOST
from hybridstudio.errors import StudioError
from hybridstudio.gui import runcolours, theme
from hybridstudio.gui.anatomy import Panel, alone
from hybridstudio.gui.askfile import ask_file
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.card import Card
from hybridstudio.gui.comparecurves import CompareCurves
from hybridstudio.gui.comparescores import CompareScores
from hybridstudio.gui.comparesheets import CompareSheets
from hybridstudio.gui.comparetable import CompareTable
from hybridstudio.gui.jobs import Lane
from hybridstudio.gui.nothing import Nothing
from hybridstudio.gui.pickruns import PickRuns
from hybridstudio.gui.queue import Queue
from hybridstudio.gui.queueview import QueueView
from hybridstudio.gui.shelf import Listed
from hybridstudio.gui.theme import GRID
from hybridstudio.gui.variantsform import VariantsForm
from hybridstudio.gui.wishes import Cancel, Open, SetUp
from hybridstudio.gui.writing import Writer
from hybridstudio.messages import Done, Event, Notice, Progress, Sheet, Sheets, Started, Train

EVERY = 2000  # ms between looks at runs of which one trains
NONE = "Tick two or more runs on the right, or drop their folders here."


class ComparePanel(Panel):
    """Compares up to six runs, and queues variants of one of them."""

    TITLE = "Compare"
    SAYS = "Runs side by side: settings, curves, pictures, scores."
    HELP = (
        "<p>Tick up to six runs; each keeps its colour everywhere. <b>Settings</b> shows only what "
        "differs, <b>Curves</b> lays the curves of one name over each other, <b>Pictures</b> lets "
        "every run draw from the same seed, <b>Scores</b> puts each score on an axis between what "
        "real pictures get and what noise does.</p>"
        "<p>What cannot be compared is said, with the reason. <b>Export</b> writes all of it as "
        "one page that opens without a network.</p>"
        "<p><b>Variants</b>: choose settings and several values, and queue every combination. The "
        "queue trains one after the other, goes on after a failure, and is there again when the "
        "window opens; nothing begins by itself.</p>")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.comparison = Comparison(())
        self._reader = Reader()
        self._sheets: dict[Path, Sheet] = {}
        self._why: dict[Path, str] = {}  # nothing was drawn
        self._asked: Sheets | None = None
        self._drawn: Sheets | None = None  # what the sheets were drawn with
        self._notices: list[Notice] = []
        self._is_drawing = False
        self._writer: Writer | None = None
        self.queue = Queue(self)
        self.queue.changed.connect(self._on_queue)
        self._offers_start = False  # whether the notice is that of a queue to be started
        self.table, self.curves = CompareTable(), CompareCurves()
        self.sheets, self.scores = CompareSheets(), CompareScores()
        self.sections = {"Settings": self.table, "Curves": self.curves, "Pictures": self.sheets,
                         "Scores": self.scores}
        self.set_canvas(self._made_canvas())
        self.set_inspector(self._made_inspector())
        self.copy = flat("copy", "Copy the command line that writes this comparison",
                         self.copy_command)
        self.export = flat("export", "Export as a page that needs no network", self._ask_export)
        for button in (self.copy, self.export):
            self.add_to_header(button)
        self.lane = Lane("comparing", newest_wins=True, engine=self._read, parent=self)
        self.lane.told.connect(self._take)
        self.lane.failed.connect(self.show_error)
        self._timer = QTimer(self, interval=EVERY)
        self._timer.timeout.connect(self._look_again)
        self.setAcceptDrops(True)
        self._show()

    # --- the parts --------------------------------------------------------------------------------

    def _made_canvas(self) -> QWidget:
        self.notice = Card()
        self.notice.hide()
        self._stack = QStackedWidget()
        self._names: dict[str, QPushButton] = {}
        row = QHBoxLayout()
        row.setContentsMargins(GRID, 0, GRID, 0)
        row.setSpacing(0)
        for name, section in self.sections.items():
            self._stack.addWidget(section)
            button = QPushButton(name)
            button.setAccessibleName(f"Show {name.lower()}")
            button.clicked.connect(lambda _on=False, name=name: self.show_section(name))
            self._names[name] = button
            row.addWidget(button)
        row.addStretch(1)
        self._switch = QWidget()
        self._switch.setLayout(row)
        self._empty = Nothing("New run", "plus")
        self._empty.tell("Nothing to compare yet", NONE)
        self._empty.clicked.connect(lambda: self.requested.emit(Open("setup")))
        self._stack.addWidget(self._empty)
        canvas = QWidget()
        column = QVBoxLayout(canvas)
        column.setContentsMargins(GRID, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(self.notice)
        column.addWidget(self._switch)
        column.addWidget(self._stack, 1)
        self._section = "Settings"
        self.sheets.wanted.connect(self.draw)
        self.sheets.cancelled.connect(lambda: self.requested.emit(Cancel()))
        return canvas

    def _made_inspector(self) -> QWidget:
        self.picks, self.variants = PickRuns(), VariantsForm()
        self.queue_view = QueueView(self.queue)
        self.picks.picked.connect(lambda _paths: self._look())
        self.variants.queued.connect(self._enqueue)
        self.variants.cloned.connect(lambda config: self.requested.emit(SetUp(config)))
        page = QWidget()
        column = QVBoxLayout(page)
        column.setSpacing(GRID // 2)
        for title, part in (("Runs", self.picks), ("Variants", self.variants),
                            ("Queue", self.queue_view)):
            column.addWidget(theme.say(QLabel(title), "heading"))
            column.addWidget(part, 1 if part is self.picks else 0)
            column.addSpacing(GRID)
        return page

    # --- the face ---------------------------------------------------------------------------------

    def show_run(self, path: Path | None) -> None:
        """Begin with the run that is chosen in the library, where none is ticked yet."""
        if path is not None and not self.picks.paths() and (path / "run.toml").is_file():
            self.picks.pick([path])

    def show_listed(self, listed: Listed) -> None:
        """Offer the runs of the library."""
        self.picks.show_listed(listed)

    def add(self, path: Path) -> None:
        """Compare one more run; says so where there is no room for it."""
        if not self.picks.add(path):
            self.notice.tell(Notice(f"{path.name} was not added", f"{MOST} runs are compared "
                                    "already", "untick one of them first", "warning"))

    def show_section(self, name: str) -> None:
        """Show one of the sections, by its name."""
        self._section = name
        self._show()
        self._names[name].setFocus()

    def draw(self, count: int, seed: int) -> None:
        """Ask every run that draws for pictures from a seed."""
        drawing = tuple(one.path for one in self.comparison.subjects if one.draws)
        if drawing:
            self.show_error(None)
            self._sheets, self._why, self._notices = {}, {}, []
            self._asked = self._drawn = Sheets(drawing, count, seed)
            self._is_drawing = True
            self._show_sheets("Drawing")
            self.requested.emit(self._asked)

    def command(self, out: Path | None = None) -> str:
        """Return the command line that writes this comparison."""
        seed, count = self.sheets.seed.value(), self.sheets.count.value()
        paths = self.picks.paths()
        return as_command(Sheets(paths, count, seed), out=str(out) if out else None) if (
            paths) else ""

    def copy_command(self) -> None:
        """Put the command line that writes this comparison on the clipboard."""
        QGuiApplication.clipboard().setText(self.command())
        self.notice.tell(Notice("The command line was copied", self.command()))

    def write(self, path: Path) -> None:
        """Write the comparison as a page, in a thread."""
        found, sheets, drawn = self.comparison, dict(self._sheets), self._drawn
        notices, command = list(self._notices), self.command(path)

        def work(check: Callable[[], None]) -> None:
            page = report(found, sheets, drawn if sheets else None, notices, command)
            check()
            write_report(path, page, overwrite=True, check=check)

        if self._writer is not None:
            self._writer.cancel()
        writer = self._writer = Writer(work, self)
        writer.written.connect(lambda: self._on_written(path))
        writer.failed.connect(self.show_error)
        writer.finished.connect(lambda: self._writing_ended(writer))
        writer.start()
        self._show()

    # --- events -----------------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """Take what the runs draw."""
        match event:
            case Started():
                self.show_error(None)
            case Progress() if event.total:
                self._show_sheets(f"Run {min(event.step + 1, event.total)} of {event.total}")
            case Sheet():
                self._sheets[event.run] = event
                self._show_sheets()
            case Notice():
                self._notices.append(event)
                if event.run is not None:
                    self._why[event.run] = f"{event.what}\n{event.why}"
                self._show_sheets()
            case Done():
                self._ended()

    def show_error(self, error: StudioError | None) -> None:
        """Tell an error above the canvas; drawing is over."""
        super().show_error(error)
        if error is not None:
            self._ended()

    def _ended(self) -> None:
        self._is_drawing = False
        self._show_sheets()

    # --- reading ----------------------------------------------------------------------------------

    def _read(self, paths: Any) -> Iterator[Any]:
        """Read the runs, as an engine of a lane."""
        yield self._reader.read(paths)

    def _look(self) -> None:
        self.lane.submit(self.picks.paths())

    def _look_again(self) -> None:
        """Follow runs of which one is being trained; the others stand still."""
        trains = any(one.run.state == "training" for one in self.comparison.subjects)
        queued = any(item.state == "training" for item in self.queue.items)
        if (trains or queued) and not self.lane.busy and not self.window().isMinimized():
            self._look()

    def _take(self, found: Any) -> None:
        if not isinstance(found, Comparison):
            return
        places = runcolours.places([one.path for one in found.subjects])
        self.comparison = Comparison(tuple(replace(one, colour=places[one.path])
                                           for one in found.subjects))
        self.variants.show_bases({one.path: (one.name, one.run.config)
                                  for one in self.comparison.sound})
        self._show()

    # --- showing ----------------------------------------------------------------------------------

    def _show(self) -> None:
        """Fill the section in front; the others are filled when they come to the front."""
        subjects = self.comparison.subjects
        self._switch.setVisible(bool(subjects))
        for name, button in self._names.items():
            button.setProperty("view", "front" if name == self._section else "other")
            button.style().unpolish(button)
            button.style().polish(button)
        for tool in (self.copy, self.export):
            tool.setEnabled(bool(subjects) and self._writer is None)
        section = self.sections[self._section]
        self._stack.setCurrentWidget(section if subjects else self._empty)
        if section is self.sheets:
            self._show_sheets()
        elif isinstance(section, (CompareTable, CompareCurves, CompareScores)):
            section.show_subjects(subjects)

    def _show_sheets(self, says: str = "") -> None:
        self.sheets.show_subjects(self.comparison.subjects, self._sheets, self._why)
        self.sheets.show_drawing(self._is_drawing, says if self._is_drawing else "")

    def _on_written(self, path: Path) -> None:
        def look() -> None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))

        self.notice.tell(Notice(f"Saved {path.name}", f"in {path.parent}"), ("Open it", look))

    def _writing_ended(self, writer: Writer) -> None:
        if self._writer is writer:
            self._writer = None
        writer.deleteLater()
        self._show()

    def _ask_export(self) -> None:
        ask_file(self, "Export the comparison", self.write, kinds=["Page (*.html)"],
                 save_as="comparison.html")

    def _on_queue(self) -> None:
        if self._offers_start and (self.queue.is_running or not self.queue.waits):
            self._offers_start = False
            self.notice.hide()

    def _enqueue(self, requests: Sequence[Train]) -> None:
        self.queue.add(requests)
        if not self.queue.is_running:
            many = f"{len(requests)} runs wait" if len(requests) > 1 else "One run waits"
            self.notice.tell(Notice(f"{many} in the queue", "nothing has begun yet"),
                             ("Start the queue", self.queue.start))
            self._offers_start = True

    # --- drops and looks --------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take folders of runs; anything else is the window's."""
        if _dropped(event):
            event.acceptProposedAction()
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        """Compare the runs whose folders were dropped."""
        for path in _dropped(event):
            self.add(path)

    def showEvent(self, event: QShowEvent) -> None:
        """Read the runs anew, and follow them while they can be seen."""
        super().showEvent(event)
        if self.picks.paths():
            self._look()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Leave the folders alone while nobody looks."""
        self._timer.stop()
        super().hideEvent(event)


def _dropped(event: QDropEvent) -> list[Path]:
    paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
    return [path for path in paths if (path / "run.toml").is_file()]


if __name__ == "__main__":
    from hybridstudio import paths, runs
    from hybridstudio.gui.shelf import entry_of

    class Alone(ComparePanel):
        """The panel over the models that ship."""

        def __init__(self) -> None:
            super().__init__()
            shipped = tuple(entry_of(run) for run in runs.listing(paths.checkpoints()))
            self.show_listed(Listed(shipped, ()))
            self.picks.pick([entry.path for entry in shipped[:3]])

    sys.exit(alone(Alone))
