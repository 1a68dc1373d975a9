"""Look at a data set: its pictures or points, its classes, how noise drowns it; paint one."""

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
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import presets
from hybridstudio.config import DataConfig, RunConfig
from hybridstudio.errors import StudioError
from hybridstudio.gui import theme
from hybridstudio.gui.anatomy import Panel, alone
from hybridstudio.gui.buttons import flat, toggle
from hybridstudio.gui.card import Card
from hybridstudio.gui.dataform import DataForm, is_of_points
from hybridstudio.gui.fields import data_name, dropped_data
from hybridstudio.gui.images import ImageSheet
from hybridstudio.gui.levelpage import LevelPage
from hybridstudio.gui.loading import LoadingBar
from hybridstudio.gui.pager import Pager
from hybridstudio.gui.painter import Painter
from hybridstudio.gui.pointsview import PointsView
from hybridstudio.gui.theme import GRID
from hybridstudio.gui.wishes import Cancel, SetUp
from hybridstudio.messages import (
    Augment,
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
NOISED, NOISED_POINTS = 8, 2000  # pictures, or points, noised where none was chosen
POINTS_PRESET = "ddpm-gaussians25"  # how any points are learned
PICTURES, NOISING, AUGMENTATION = range(3)  # the pages


class DataPanel(Panel):
    """Opens a data set page by page, and noises the chosen pictures under a schedule."""

    TITLE = "Data"
    SAYS = "What a model learns from: its pictures, its classes, and how noise drowns them."
    HELP = (
        "<p>Choose a data set by name, or drop a folder or a zip archive of pictures here; one "
        "folder for each class gives the classes their names. A CSV file of x and y, and perhaps a "
        "label, is a data set of points; <b>Paint points…</b> makes one.</p>"
        "<p>Choose pictures with a click (Ctrl and Shift take several), then look at "
        "<b>Noising</b>: the same pictures at every noise level of the schedule, which is what the "
        "model is trained to undo. <b>Augmentation</b> shows what a discriminator sees where it "
        "learns from few pictures.</p>")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._browsed: Browsed | None = None
        self._opened: DataConfig | None = None  # what `_browsed` was opened with
        self._asked: Browse | None = None
        self._offset = 0
        self._page = PICTURES
        self._filled: LevelPage | None = None  # whose frames are being told
        self.form = DataForm()
        self.sheet = ImageSheet(several=True)
        self.points = PointsView()
        self.noising = LevelPage("Choose pictures of the data set to see them noised.", "x_t",
                                 self._noise_words, lambda frame: f"{round(frame.t):,}")
        self.noising.timeline.slider.setAccessibleName("Noise level")
        self.augmenting = LevelPage(
            "Choose transforms on the right to see pictures augmented.", "augmented",
            lambda frame: f"p = {frame.t:.1f}", lambda frame: f"{frame.t:.1f}", has_noise=False)
        self.augmenting.timeline.slider.setAccessibleName("Probability of each transform")
        self.painter = Painter()
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
        self.pages = QStackedWidget()
        for page in (self.sheet, self.points, self.noising, self.augmenting, self.painter):
            self.pages.addWidget(page)
        self._bar = QWidget()
        row = QHBoxLayout(self._bar)
        row.setContentsMargins(2 * GRID, GRID // 2, GRID, GRID // 2)
        row.setSpacing(GRID // 2)
        self.tabs = QButtonGroup(self)
        for index, (words, says) in enumerate((
                ("Pictures", "Look through the data set"),
                ("Noising", "See the chosen pictures at every noise level"),
                ("Augmentation", "See the chosen pictures as a discriminator may see them"))):
            button = toggle(words, says, on=index == 0)
            self.tabs.addButton(button, index)
            row.addWidget(button)
        self.paint = flat("brush", "Make a data set of points with a brush", self.start_painting,
                          words="Paint points…")
        self.words = theme.say(QLabel(), "muted")
        self.words.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        row.addWidget(self.words, 1)
        row.addWidget(self.paint)
        canvas = QWidget()
        column = QVBoxLayout(canvas)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for widget in (self.notice, self.loading, self._bar):
            column.addWidget(widget)
        column.addWidget(self.pages, 1)
        self.set_canvas(canvas)
        self.pager = Pager()
        transport = QWidget()
        column = QVBoxLayout(transport)
        column.setContentsMargins(0, 0, 0, 0)
        for levels in (self.noising, self.augmenting):
            levels.timeline.hide()
        for widget in (self.pager, self.noising.timeline, self.augmenting.timeline):
            column.addWidget(widget)
        self.set_transport(transport)
        self._show_canvas()

    def _connect(self) -> None:
        self.form.data_changed.connect(self._on_data)
        self.form.noise_changed.connect(self._on_noise_settings)
        self.form.class_chosen.connect(self._on_class)
        self.sheet.turned.connect(self.turn)
        self.pager.turned.connect(self.turn)
        self.sheet.pointed.connect(self.pager.pointed.setText)
        self.sheet.chosen.connect(self._show_page_words)
        self.tabs.idClicked.connect(self.show_page)
        self.points.pointed.connect(self.pager.pointed.setText)
        self.painter.saved.connect(self._on_painted)
        self.painter.closed.connect(lambda: self.show_page(self._page))
        self.painter.failed.connect(self.show_error)
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
        """Open a data set by its name, or by folder:PATH, zip:PATH or points:PATH."""
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
            self.noising.clear()
            self.augmenting.clear()
        self.requested.emit(self._asked)

    def turn(self, by: int) -> None:
        """Go to the page before or after."""
        place = self._offset + by * PAGE
        if self._browsed is not None and 0 <= place < self._total():
            self._offset = place
            self._browse()

    def look_closer(self) -> None:
        """Ask for the chosen pictures, or the first few, noised or augmented at every level."""
        config = self.form.config()
        if config is None or self._browsed is None or self._page == PICTURES:
            return
        indices = self._chosen(self._browsed)
        if not indices:
            return
        self.show_error(None)
        if self._page == NOISING:
            self._filled = self.noising
            self.requested.emit(Noise(config, indices, min(LEVELS, config.model.levels + 1)))
        elif transforms := self.form.transforms():
            self._filled = self.augmenting
            self.requested.emit(Augment(config.data, indices, transforms))
        else:
            self.augmenting.clear()

    def _chosen(self, found: Browsed) -> tuple[int, ...]:
        """Return the places in the data set of what is to be looked at closer."""
        if found.points is not None:
            step = max(1, len(found.indices) // NOISED_POINTS)
            return found.indices[::step][:NOISED_POINTS]
        chosen = self.sheet.chosen_places() or range(min(NOISED, len(found.indices)))
        return tuple(found.indices[place] for place in chosen)

    def show_page(self, place: int) -> None:
        """Show the pictures or points (0), their noising (1) or their augmentation (2)."""
        self._page = place
        self.tabs.button(place).setChecked(True)
        self.form.show_part(place)
        self._show_canvas()
        self.look_closer()
        self._show_page_words()

    def start_painting(self) -> None:
        """Show the painter; closing or saving it leads back."""
        self._show_canvas(self.painter)
        self.painter.canvas.setFocus()

    def _show_canvas(self, page: QWidget | None = None) -> None:
        """Put a page on the canvas, by default the one of the tab that is chosen."""
        has_points = self._browsed is not None and self._browsed.points is not None
        looked_at = self.points if has_points else self.sheet
        page = page or (looked_at, self.noising, self.augmenting)[self._page]
        self.pages.setCurrentWidget(page)
        self._bar.setVisible(page is not self.painter)
        self._transport.setVisible(page is not self.painter)
        self.pager.setVisible(page is looked_at)
        for levels in (self.noising, self.augmenting):
            levels.timeline.setVisible(page is levels)
            levels.timeline.stop()

    def _on_painted(self, path: Path) -> None:
        self.show_page(PICTURES)
        self.open_data(f"points:{path}")

    def _on_data(self) -> None:
        self.form.bars.set_counts((), ())
        self.open()

    def _on_class(self, _place: object) -> None:
        self._offset = 0
        self._browse()

    def _on_noise_settings(self) -> None:
        self.look_closer()

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
                if self._filled is not None:
                    self._filled.add(event)
            case Notice():
                self.notice.tell(event)
            case Done():
                self._end(event.outcome != "stopped")

    def show_error(self, error: StudioError | None) -> None:
        """Tell an error where the pictures would be; the work is over."""
        super().show_error(error)
        if error is not None:
            self._end(False)

    def _end(self, is_whole: bool) -> None:
        self.loading.end()
        self.notice.pass_by()
        if not is_whole and self._asked is not None and self._asked.data != self._opened:
            self._browsed = None  # what was there before is not what is asked for
            self.sheet.set_images(None)
            self.form.show_browsed(None)
            self.show_page(PICTURES)

    def _on_browsed(self, found: Browsed) -> None:
        self._browsed = found
        self._opened = self._asked.data if self._asked else None
        self.form.show_browsed(found)
        names = found.classes
        self.sheet.choose(())
        if found.points is not None:
            self.points.set_points(found.points, found.labels, names)
            self._page = PICTURES if self._page == AUGMENTATION else self._page
        else:
            self.sheet.set_images(found.images, [
                f"picture {place + 1:,}" + (f", class {names[label]}" if label < len(names) else "")
                for place, label in zip(found.indices, found.labels, strict=True)])
        self.tabs.button(PICTURES).setText("Pictures" if found.points is None else "Points")
        self.tabs.button(AUGMENTATION).setVisible(found.points is None)
        self.train.setEnabled(found.total > 0)
        self.show_page(self._page)

    def _noise_words(self, frame: Frame) -> str:
        config = self.form.config()
        levels = config.model.levels if config else round(frame.t)
        return f"t = {round(frame.t):,} of {levels:,}  ·  σ = {frame.noise:.3f}"

    # --- words ------------------------------------------------------------------------------------

    def _total(self) -> int:
        if self._browsed is None:
            return 0
        label = self._asked.label if self._asked else None
        return self._browsed.total if label is None else self._browsed.counts[label]

    def _show_page_words(self) -> None:
        found = self._browsed
        if found is not None and found.points is not None:
            self.pager.show_points(len(found.points), self._total())
        else:
            self.pager.show_place(self._offset, len(found.indices) if found else 0, self._total())
        chosen = len(self.sheet.chosen_places())
        self.words.setText((
            f"{chosen:,} chosen" if chosen else "", "from clean (left) to pure noise (right)",
            "from none (left) to every transform (right)")[self._page])
        self.sheet.empty = "No pictures here." if found else (
            "Choose a data set on the right, or drop a folder or a zip archive of pictures, or a "
            "table of points, here.")
        self.sheet.update()

    # --- keys and drops ---------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Scrub and play where the noising is shown."""
        page = self.pages.currentWidget()
        if not (isinstance(page, LevelPage) and page.timeline.takes(Qt.Key(event.key()))):
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take a folder, a zip archive or a table of points."""
        if dropped_data(event):
            event.acceptProposedAction()
        else:
            event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        if path := dropped_data(event):
            self.open_data(data_name(path))


def training_on(data: DataConfig) -> RunConfig:
    """Return the preset made for this data set, or else the plainest config, with this data."""
    made_for = [preset for preset in presets.listing().values() if preset.data.name == data.name]
    base = next((preset for preset in made_for if preset.model.family == "ddpm"),
                next(iter(made_for), None))
    if base is None:
        stem = Path(data.name.partition(":")[2] or data.name).stem
        base = presets.find(POINTS_PRESET) if is_of_points(data.name) else RunConfig()
        base = base.model_copy(update={"name": f"ddpm-{stem}"[:100], "says": "", "source": ""})
    kept = {"flip": base.data.flip, "limit": base.data.limit}
    # Unchecked on purpose: the form says beside its field what does not fit.
    return base.model_copy(update={"data": data.model_copy(update=kept)})


if __name__ == "__main__":
    from hybridstudio.gui.canned import data_events

    sys.exit(alone(DataPanel, data_events()))
