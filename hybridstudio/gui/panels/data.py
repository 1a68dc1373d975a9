"""Look at a data set: its pictures, its classes, what was left out, and how noise drowns it."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import presets
from hybridstudio.config import DataConfig, RunConfig
from hybridstudio.errors import StudioError
from hybridstudio.gui import theme
from hybridstudio.gui.anatomy import Panel, alone
from hybridstudio.gui.buttons import toggle
from hybridstudio.gui.card import Card
from hybridstudio.gui.dataform import DataForm
from hybridstudio.gui.fields import dropped_data
from hybridstudio.gui.film import Film
from hybridstudio.gui.filmview import FilmView
from hybridstudio.gui.images import ImageSheet
from hybridstudio.gui.levels import LevelRows
from hybridstudio.gui.loading import LoadingBar
from hybridstudio.gui.pager import Pager
from hybridstudio.gui.theme import GRID
from hybridstudio.gui.timeline import Timeline
from hybridstudio.gui.wishes import Cancel, SetUp
from hybridstudio.messages import (
    Browse,
    Browsed,
    Done,
    Event,
    Frame,
    Noise,
    Notice,
    Progress,
    Started,
)

PAGE = 64  # pictures on a page
LEVELS = 51  # noise levels that the slider goes through
NOISED = 8  # pictures noised where none was chosen


class DataPanel(Panel):
    """Opens a data set page by page, and noises the chosen pictures under a schedule."""

    TITLE = "Data"
    SAYS = "What a model learns from: its pictures, its classes, and how noise drowns them."
    HELP = (
        "<p>Choose a data set by name, or drop a folder or a zip archive of pictures here; one "
        "folder for each class gives the classes their names.</p>"
        "<p>Choose pictures with a click (Ctrl and Shift take several), then look at "
        "<b>Noising</b>: the same pictures at every noise level of the schedule, which is what the "
        "model is trained to undo.</p>")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._browsed: Browsed | None = None
        self._opened: DataConfig | None = None  # what `_browsed` was opened with
        self._asked: Browse | None = None
        self._offset = 0
        self._film = Film()
        self._noise_step: int | None = None
        self.form = DataForm()
        self.sheet = ImageSheet(several=True)
        self.view = FilmView()
        self.view.show_rows(("x_t",))
        self.view.empty = "Choose pictures of the data set to see them noised."
        self.levels = LevelRows()
        self.timeline = Timeline()
        self.timeline.slider.setAccessibleName("Noise level")
        self.loading = LoadingBar()
        self.notice = Card()
        self.notice.hide()
        self._make_canvas()
        self.set_inspector(self.form)
        self.train = QPushButton("Train on this")
        self.train.setProperty("primary", True)
        self.train.setToolTip("Set up a training on this data set")
        self.train.setEnabled(False)
        self.add_to_header(self.train)
        self._connect()
        self.setAcceptDrops(True)
        self._show_page_words()

    # --- the parts --------------------------------------------------------------------------------

    def _make_canvas(self) -> None:
        noising = QSplitter(Qt.Orientation.Vertical)
        noising.addWidget(self.view)
        noising.addWidget(self.levels)
        noising.setChildrenCollapsible(False)
        noising.setSizes([300, 200])
        self.pages = QStackedWidget()
        self.pages.addWidget(self.sheet)
        self.pages.addWidget(noising)
        bar = QWidget()
        row = QHBoxLayout(bar)
        row.setContentsMargins(2 * GRID, GRID // 2, GRID, GRID // 2)
        row.setSpacing(GRID // 2)
        self.tabs = QButtonGroup(self)
        for index, (words, says) in enumerate((
                ("Pictures", "Look through the pictures of the data set"),
                ("Noising", "See the chosen pictures at every noise level"))):
            button = toggle(words, says, on=index == 0)
            self.tabs.addButton(button, index)
            row.addWidget(button)
        self.words = theme.say(QLabel(), "muted")
        self.words.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        row.addWidget(self.words, 1)
        canvas = QWidget()
        column = QVBoxLayout(canvas)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for widget in (self.notice, self.loading, bar):
            column.addWidget(widget)
        column.addWidget(self.pages, 1)
        self.set_canvas(canvas)
        self.pager = Pager()
        transport = QWidget()
        column = QVBoxLayout(transport)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.pager)
        column.addWidget(self.timeline)
        self.timeline.hide()
        self.set_transport(transport)

    def _connect(self) -> None:
        self.form.data_changed.connect(self._on_data)
        self.form.noise_changed.connect(self._on_noise_settings)
        self.form.class_chosen.connect(self._on_class)
        self.sheet.turned.connect(self.turn)
        self.pager.turned.connect(self.turn)
        self.sheet.pointed.connect(self.pager.pointed.setText)
        self.sheet.chosen.connect(self._show_page_words)
        self.tabs.idClicked.connect(self.show_page)
        self.timeline.moved.connect(self._on_moved)
        self.view.scrubbed.connect(self.timeline.step)
        self.view.pointed.connect(self.timeline.pointed.setText)
        self.levels.picked.connect(self.timeline.slider.setValue)
        self.loading.cancelled.connect(lambda: self.requested.emit(Cancel()))
        self.train.clicked.connect(self._on_train)

    # --- asking -----------------------------------------------------------------------------------

    def open(self, data: DataConfig | None = None) -> None:
        """Open a data set (default: the one in the form) at its first page."""
        if data is not None:
            self.form.show_data(data)
        self.form.settle_now()
        self._offset = 0
        self._browse()

    def open_data(self, name: str) -> None:
        """Open a data set by its name, folder:PATH or zip:PATH, as a drop on the window does."""
        self.open(DataConfig(name=name))

    def _browse(self) -> None:
        data = self.form.data()
        if data is None:
            return
        self.show_error(None)
        self.notice.hide()
        same = self._opened == data
        self._asked = Browse(data, PAGE, self._offset, self.form.bars.current() if same else None)
        if not same:
            self._film.clear()
        self.requested.emit(self._asked)

    def turn(self, by: int) -> None:
        """Go to the page before or after."""
        place = self._offset + by * PAGE
        if self._browsed is not None and 0 <= place < self._total():
            self._offset = place
            self._browse()

    def noise(self) -> None:
        """Ask for the chosen pictures, or the first few, at every noise level."""
        config = self.form.config()
        if config is None or self._browsed is None:
            return
        chosen = self.sheet.chosen_places() or range(min(NOISED, len(self._browsed.indices)))
        indices = tuple(self._browsed.indices[place] for place in chosen)
        if not indices:
            return
        self.show_error(None)
        self.requested.emit(Noise(config, indices, min(LEVELS, config.model.timesteps + 1)))

    def show_page(self, place: int) -> None:
        """Show the pictures (0) or their noising (1)."""
        self.tabs.button(place).setChecked(True)
        self.pages.setCurrentIndex(place)
        self.pager.setVisible(place == 0)
        self.timeline.setVisible(place == 1)
        self.form.show_part(place)
        if place == 1:
            self.noise()
        self._show_page_words()

    def _on_data(self) -> None:
        self.form.bars.set_counts((), ())
        self.open()

    def _on_class(self, _place: object) -> None:
        self._offset = 0
        self._browse()

    def _on_noise_settings(self) -> None:
        if self.pages.currentIndex() == 1:
            self.noise()

    def _on_train(self) -> None:
        if (data := self.form.data()) is not None:
            self.requested.emit(SetUp(training_on(data)))

    def showEvent(self, event: QShowEvent) -> None:
        """Open the data set in the form when the panel is first seen."""
        super().showEvent(event)
        if self._asked is None:
            QTimer.singleShot(0, self, self._open_if_blank)

    def _open_if_blank(self) -> None:
        if self._asked is None:
            self.open()

    # --- events -----------------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """Take what opening and noising tell."""
        match event:
            case Started():
                self.show_error(None)
                self.loading.begin(event.what)
            case Progress():
                self.loading.show_progress(event)
            case Browsed():
                self._on_browsed(event)
            case Frame():
                self._on_frame(event)
            case Notice():
                self.notice.tell(event)
            case Done():
                self.loading.end()
                if event.outcome == "stopped":
                    self._show_page_words()

    def show_error(self, error: StudioError | None) -> None:
        """Tell an error where the pictures would be; the work is over."""
        super().show_error(error)
        if error is not None:
            self.loading.end()

    def show_run(self, path: Path | None) -> None:
        """Runs are of no concern here."""

    def _on_browsed(self, found: Browsed) -> None:
        self._browsed = found
        self._opened = self._asked.data if self._asked else None
        self.form.show_browsed(found)
        names = found.classes
        self.sheet.choose(())
        self.sheet.set_images(found.images, [
            f"picture {place + 1:,}" + (f", class {names[label]}" if label < len(names) else "")
            for place, label in zip(found.indices, found.labels, strict=True)])
        self.train.setEnabled(found.total > 0)
        self._show_page_words()
        if self.pages.currentIndex() == 1:
            self.noise()

    def _on_frame(self, frame: Frame) -> None:
        self._film.add(frame)
        self.timeline.set_steps(frame.steps, frame.step)
        self.timeline.set_levels(list(self._film))
        if frame.step == frame.steps:
            self.levels.set_frames(list(self._film))
        wanted = self._noise_step if self._noise_step is not None else frame.steps // 3
        if frame.step == min(wanted, frame.steps) or not self.view.frame_shown():
            self.timeline.show_step(frame.step)
            self._show(frame)

    # --- what is shown ----------------------------------------------------------------------------

    def _on_moved(self, step: int) -> None:
        self._noise_step = step
        if (frame := self._film.at(step)) is not None:
            self._show(frame)

    def _show(self, frame: Frame) -> None:
        self.view.show_frame(frame)
        self.levels.show_step(frame.step)
        config = self.form.config()
        levels = config.model.timesteps if config else round(frame.t)
        self.timeline.readout.setText(
            f"t = {round(frame.t):,} of {levels:,}  ·  σ = {frame.noise:.3f}")

    def _total(self) -> int:
        if self._browsed is None:
            return 0
        label = self._asked.label if self._asked else None
        return self._browsed.total if label is None else self._browsed.counts[label]

    def _show_page_words(self) -> None:
        found = self._browsed
        self.pager.show_place(self._offset, len(found.indices) if found else 0, self._total())
        chosen = len(self.sheet.chosen_places())
        is_noising = self.pages.currentIndex() == 1
        if is_noising:
            self.words.setText("from clean (left) to pure noise (right)")
        else:
            self.words.setText(f"{chosen:,} chosen" if chosen else "")
        self.sheet.empty = "No pictures here." if found else (
            "Choose a data set on the right, or drop a folder or a zip archive of pictures here.")
        self.sheet.update()

    # --- keys and drops ---------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Scrub and play where the noising is shown."""
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Home: -LEVELS,
                 Qt.Key.Key_End: LEVELS}
        key = Qt.Key(event.key())
        if self.pages.currentIndex() == 1 and key in steps:
            self.timeline.step(steps[key])
        elif self.pages.currentIndex() == 1 and key == Qt.Key.Key_Space:
            self.timeline.toggle()
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take a folder or a zip archive."""
        if dropped_data(event):
            event.acceptProposedAction()
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        if path := dropped_data(event):
            self.open_data(f"{'folder' if path.is_dir() else 'zip'}:{path}")


def training_on(data: DataConfig) -> RunConfig:
    """Return the preset made for this data set, or else the plainest config, with this data."""
    made_for = (preset for preset in presets.listing().values() if preset.data.name == data.name)
    base = next(made_for, None)
    if base is None:
        stem = Path(data.name.partition(":")[2] or data.name).stem
        base = RunConfig(name=f"ddpm-{stem}"[:100])
    kept = {"flip": base.data.flip, "limit": base.data.limit}
    # Unchecked on purpose: the form says beside its field what does not fit.
    return base.model_copy(update={"data": data.model_copy(update=kept)})


if __name__ == "__main__":
    from hybridstudio.gui.canned import data_events

    sys.exit(alone(DataPanel, data_events()))
