"""The first page: what this is, a model of your own in a minute, models that are ready."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import presets, runs
from hybridstudio.errors import StudioError, translate
from hybridstudio.gui import theme
from hybridstudio.gui.anatomy import Panel, alone
from hybridstudio.gui.askfile import ask_file
from hybridstudio.gui.cloudlight import lit_image
from hybridstudio.gui.images import ImageSheet
from hybridstudio.gui.shelf import CARD, Entry, Listed
from hybridstudio.gui.theme import GRID
from hybridstudio.gui.wishes import Look, Open, Stop
from hybridstudio.messages import Done, Event, Preview, Progress, Started, Train
from hybridstudio.telling import duration

PRESET = "ddpm-digits"
NAME = "my-first-model"
MOST_IN_A_ROW = 3  # cards
CARD_WIDTH = 280
WIDEST = 960

WHAT = ("HybridStudio trains generative image models on your own machine and opens them up, so "
        "that you can watch noise become pictures step by step. Nothing leaves this machine.")
TRY = ("Train a small diffusion model on 1,797 real handwritten digits, from nothing, on this "
       "machine. The first digits you can recognise appear within a minute.")
OWN = "Drop a folder or a zip file of images anywhere on this window, or choose one."


class WelcomePanel(Panel):
    """What this is in two sentences, a one-minute example, models to play with, your own data."""

    TITLE = "Welcome"
    SAYS = "Train generative image models and look inside them, on your own machine."
    HEARS_TRAINING = True

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Path | None = None  # of the example, once it was started
        self._models: tuple[Entry, ...] = ()
        self._columns = 0  # of cards
        page = QWidget()
        page.setMaximumWidth(WIDEST)
        column = QVBoxLayout(page)
        column.setContentsMargins(2 * GRID, GRID, 2 * GRID, 3 * GRID)
        column.setSpacing(GRID)
        column.addWidget(_words(WHAT))
        column.addSpacing(2 * GRID)
        column.addWidget(_heading("Try it in a minute"))
        column.addWidget(_words(TRY, "muted"))
        column.addLayout(self._made_try())
        column.addWidget(self._made_progress())
        column.addSpacing(2 * GRID)
        self._models_heading = _heading("Play with a ready model")
        self._cards = QGridLayout()
        self._cards.setSpacing(GRID)
        column.addWidget(self._models_heading)
        column.addLayout(self._cards)
        self._models_heading.hide()
        column.addSpacing(2 * GRID)
        column.addWidget(_heading("Train on your own pictures"))
        column.addWidget(self._made_drop_zone())
        column.addStretch(1)
        middle = QWidget()
        row = QHBoxLayout(middle)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(page, 1)
        row.addStretch(0)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidget(middle)
        self.set_canvas(self._scroll)

    # --- the face ---------------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """Follow the example's training; another training is none of this page's business."""
        if isinstance(event, Started):
            self._is_ours = self._run is not None and event.run == self._run
        if self._run is None or not self._is_ours:
            return
        if isinstance(event, Progress) and event.unit != "steps":
            self._told.setText(f"Getting ready: {event.step:,} {event.unit}")
        elif isinstance(event, Progress):
            self._bar.setRange(0, event.total or 0)
            self._bar.setValue(event.step)
            left = f", {duration(round(event.left))} left" if event.left is not None else ""
            self._told.setText(f"Learning: step {event.step:,} of "
                               f"{event.total or 0:,}{left}")
        elif isinstance(event, Preview):
            self.sheet.set_images(event.images)
            self.sheet.show()
            self._drawn.setText(f"Drawn from pure noise by the model as it stands, at training "
                                f"step {event.step:,}.")
            self.scrub.setEnabled(True)
        elif isinstance(event, Done):
            self._end("Done. This model is yours: it is in the library under My runs."
                      if event.outcome != "stopped" else "Stopped. What was learned is kept.")

    def show_error(self, error: StudioError | None) -> None:
        """Tell an error above the page; the example can be tried again."""
        super().show_error(error)
        if error is not None:
            self._progress.hide()
            self.try_it.setEnabled(True)
            self.stop.hide()

    def show_listed(self, listed: Listed) -> None:
        """Offer the models that ship."""
        self.show_models(listed.shipped)

    def show_models(self, entries: tuple[Entry, ...]) -> None:
        """Offer the models that ship, each on a card."""
        if entries == self._models:
            return
        self._models = entries
        while (item := self._cards.takeAt(0)) is not None:
            if (card := item.widget()) is not None:
                card.deleteLater()
        for place, entry in enumerate(entries):
            card = Card(entry)
            card.clicked.connect(
                lambda _=False, path=entry.path: self.requested.emit(
                    Open("denoise", path, begins=True)))
            self._cards.addWidget(card, place, 0)
        self._columns = 0
        self._arrange()
        self._models_heading.setVisible(bool(entries))

    def _arrange(self) -> None:
        """Put as many cards in a row as there is room for."""
        room = self._scroll.viewport().width() - 4 * GRID
        columns = min(max(1, (room + GRID) // (CARD_WIDTH + GRID)), MOST_IN_A_ROW)
        if columns == self._columns:
            return
        self._columns = columns
        items = [self._cards.takeAt(0) for _ in range(self._cards.count())]
        cards = [card for item in items if item is not None and (card := item.widget())]
        for place, card in enumerate(cards):
            self._cards.addWidget(card, place // columns, place % columns)
        for place in range(MOST_IN_A_ROW):
            self._cards.setColumnStretch(place, int(place < columns))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Arrange the cards anew where there is more or less room."""
        super().resizeEvent(event)
        self._arrange()

    # --- the example ------------------------------------------------------------------------------

    _is_ours = False

    def start(self) -> None:
        """Ask for the example's training."""
        self.show_error(None)
        try:
            config = presets.find(PRESET)
            out = runs.new_path(NAME)
        except (StudioError, OSError) as error:
            self.show_error(translate(error))
            return
        self._run, self._is_ours = out, True
        self.try_it.setEnabled(False)
        self.stop.show()
        self.stop.setFocus()
        self.scrub.setEnabled(False)
        self.sheet.set_images(None)
        self._bar.setRange(0, 0)
        self._told.setText("Getting ready: loading the engine and the digits")
        self._drawn.setText("")
        self._progress.show()
        self.requested.emit(Train(config.model_copy(update={"name": out.name}), out))

    def _end(self, says: str) -> None:
        self._is_ours = False
        self._told.setText(says)
        self._bar.setRange(0, 1)
        self._bar.setValue(1)
        self.stop.hide()
        self.try_it.setEnabled(True)
        self.try_it.setText("Try it again")

    def _made_try(self) -> QHBoxLayout:
        self.try_it = QPushButton("Try it in a minute")
        self.try_it.setProperty("primary", True)
        theme.set_icon(self.try_it, "play")
        self.try_it.clicked.connect(self.start)
        self.stop = QPushButton("Stop")
        self.stop.clicked.connect(lambda: self.requested.emit(Stop(self._run)))
        self.stop.hide()
        row = QHBoxLayout()
        row.setSpacing(GRID)
        row.addWidget(self.try_it)
        row.addWidget(self.stop)
        row.addStretch(1)
        return row

    def _made_progress(self) -> QWidget:
        self._progress = QWidget()
        self._told = theme.say(QLabel(), "number")
        self._told.setAccessibleName("Progress of the example")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Progress of the example")
        self.sheet = ImageSheet()
        self.sheet.setFixedSize(296, 296)
        self.sheet.setAccessibleName("Pictures of the example")
        self._drawn = theme.say(QLabel(), "muted")
        self._drawn.setWordWrap(True)
        self.scrub = QPushButton("Scrub through it")
        self.scrub.setToolTip("See these pictures come out of the noise, step by step")
        theme.set_icon(self.scrub, "denoise")
        self.scrub.setEnabled(False)
        self.scrub.clicked.connect(lambda: self.requested.emit(
            Open("denoise", self._run, begins=True)))
        look = QPushButton("Look at the training")
        theme.set_icon(look, "train")
        look.clicked.connect(lambda: self.requested.emit(Open("train", self._run)))
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID)
        buttons.addWidget(self.scrub)
        buttons.addWidget(look)
        buttons.addStretch(1)
        words = QVBoxLayout()
        words.setSpacing(GRID)
        words.addWidget(self._told)
        words.addWidget(self._bar)
        words.addWidget(self._drawn)
        words.addLayout(buttons)
        words.addStretch(1)
        row = QHBoxLayout(self._progress)
        row.setContentsMargins(0, GRID, 0, 0)
        row.setSpacing(2 * GRID)
        row.addWidget(self.sheet, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        self._progress.hide()
        return self._progress

    # --- your own pictures ------------------------------------------------------------------------

    def _made_drop_zone(self) -> QWidget:
        zone = QFrame()
        zone.setObjectName("dropzone")
        row = QHBoxLayout(zone)
        row.setContentsMargins(2 * GRID, 2 * GRID, 2 * GRID, 2 * GRID)
        row.setSpacing(2 * GRID)
        words = _words(OWN, "muted")
        choose = QPushButton("Choose a folder")
        theme.set_icon(choose, "folder")
        choose.clicked.connect(self._choose)
        row.addWidget(words, 1)
        row.addWidget(choose)
        return zone

    def _choose(self) -> None:
        ask_file(self, "A folder of images", lambda path: self.requested.emit(Look(path)),
                 folder=True)


class Card(QPushButton):
    """A ready model: its picture, its name and one line; a click opens it."""

    def __init__(self, entry: Entry) -> None:
        super().__init__()
        self.setObjectName("model")
        self.setAccessibleName(f"{entry.name}: {entry.says}")
        self.setToolTip(f"Open {entry.name}")
        # As high as its neighbours, however long their sentences are.
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Minimum)
        self._entry, self._picture = entry, QLabel()
        self._picture.setFixedWidth(CARD)
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._light()
        theme.changed.connect(self._light)
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID, GRID, GRID, GRID)
        row.setSpacing(GRID + GRID // 2)
        row.addWidget(self._picture)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(_heading(entry.name))
        words.addWidget(_words(entry.says, "muted"))
        words.addStretch(1)
        row.addLayout(words, 1)
        for label in self.findChildren(QLabel):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def _light(self) -> None:
        """Show the picture, a cloud of points in the window's colours."""
        sheet = self._entry.sheet
        if sheet is None:
            icon = theme.icon("image", theme.palette().muted)
            self._picture.setPixmap(icon.pixmap(48, 48))
        else:
            self._picture.setPixmap(QPixmap.fromImage(
                lit_image(sheet) if self._entry.is_cloud else sheet))

    def sizeHint(self) -> QSize:
        """Take the room of what stands on the card."""
        layout = self.layout()
        height = layout.heightForWidth(CARD_WIDTH) if layout is not None else 0
        return QSize(CARD_WIDTH, max(height, 80))


def _heading(text: str) -> QLabel:
    return theme.say(QLabel(text), "heading")


def _words(text: str, role: theme.Role = "") -> QLabel:
    label = theme.say(QLabel(text), role)
    label.setWordWrap(True)
    return label


if __name__ == "__main__":
    sys.exit(alone(WelcomePanel))
