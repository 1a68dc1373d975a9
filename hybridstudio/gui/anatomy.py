"""What every panel has in common: a header, the canvas, the transport, the inspector.

    class LookPanel(Panel):
        TITLE, SAYS, HELP = "Look", "One sentence on what this shows.", "What help tells."
        HEARS_TRAINING = True                 # only where the events of a training are wanted too

        def __init__(self):
            super().__init__()
            self.set_canvas(picture)          # takes all the room
            self.set_transport(slider_row)    # along the bottom; nothing there until it is set
            self.set_inspector(form)          # right, scrollable, about 280 pixels, can be closed
            self.add_to_header(button)        # at the right of the header

        def on_event(self, event): ...        # events of the requests that concern the panel
        def show_run(self, path): ...         # the run chosen in the library, or None

    self.requested.emit(Draw(...))            # asks the engine for something
    self.requested.emit(Stop(run))            # steers the window or a training: see wishes.py
    self.show_error(error) / show_error(None) # where the result would have been, with details
    alone(LookPanel, events)                  # `python -m hybridstudio.gui.panels.look`
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWhatsThis,
    QWidget,
)

from hybridstudio.errors import StudioError
from hybridstudio.gui import theme
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.calm import calm_within
from hybridstudio.gui.card import Card
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Event

if TYPE_CHECKING:
    from hybridstudio.gui.shelf import Listed

INSPECTOR_WIDTH = 280
SENTENCE = 880  # points that a panel with views is wide where its sentence has room too


class Panel(QWidget):
    """One page of the window, with the anatomy that all pages share."""

    TITLE = ""
    VIEW = ""  # its name among the views of one page; empty: the title
    SAYS = ""
    HELP = ""
    HEARS_TRAINING = False

    requested = Signal(object)  # a request of messages.py, or a wish of wishes.py

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.TITLE)
        self._error = Card(self)
        self._error.hide()
        self._canvas = _slot()
        self._transport = _slot(GRID // 2)
        self._transport.hide()
        middle = QWidget()
        column = _column(middle)
        column.addWidget(self._error)
        column.addWidget(self._canvas, 1)
        column.addWidget(self._transport)
        self._inspector = QScrollArea()
        self._inspector.setWidgetResizable(True)
        self._inspector.setFrameShape(QFrame.Shape.NoFrame)
        self._inspector.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._inspector.setAccessibleName(f"{self.TITLE}: inspector")
        self._inspector.hide()
        self._splitter = QSplitter(Qt.Orientation.Horizontal)
        self._splitter.addWidget(middle)
        self._splitter.addWidget(self._inspector)
        self._splitter.setStretchFactor(0, 1)
        self._splitter.setChildrenCollapsible(False)
        column = _column(self)
        column.addWidget(self._made_header())
        column.addWidget(self._splitter, 1)

    # --- what a panel fills in --------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """Take an event of a request that this panel made, or of the training if it hears it.

        Work always ends with a `Done`, or else with `show_error`.
        """

    def on_answer(self, request: object, event: Event) -> None:
        """Take an event with the request of this panel that it answers; by default, the event."""
        self.on_event(event)

    def on_failure(self, request: object, error: StudioError) -> None:
        """Take the error that a request of this panel ended with; by default, it is shown."""
        self.show_error(error)

    def show_run(self, path: Path | None) -> None:
        """Show the run in folder `path`, or none."""

    def show_listed(self, listed: Listed) -> None:
        """Take note of what the library lists now."""

    def begin_work(self) -> None:
        """Do what the page is there for with the run that is shown, unless it has been done."""

    def set_canvas(self, widget: QWidget) -> None:
        """Put in what takes all the room."""
        _fill(self._canvas, widget)

    def set_transport(self, widget: QWidget) -> None:
        """Put in what runs along the bottom: slider, play, step."""
        _fill(self._transport, widget)

    def set_inspector(self, widget: QWidget) -> None:
        """Put in the settings on the right; the header's last button shows and hides them."""
        widget.setContentsMargins(GRID, GRID, GRID, GRID)
        self._inspector.setWidget(widget)
        calm_within(widget)
        self._inspector.setMinimumWidth(INSPECTOR_WIDTH - 60)
        self._inspector.show()
        self._splitter.setSizes([10_000, INSPECTOR_WIDTH])
        self._toggle.show()

    def add_to_header(self, widget: QWidget) -> None:
        """Put a widget at the right of the header, before help."""
        self._header.insertWidget(self._header.count() - 2, widget)

    def set_switch(self, widget: QWidget) -> None:
        """Put the names of the page's views where the title is; the sentence gives way to them."""
        self._title.hide()
        self._says.setSizePolicy(_wrapping(QSizePolicy.Policy.Ignored))
        self._header.insertWidget(0, widget)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the sentence out of the header where the views' names leave it no room."""
        self._says.setVisible(not self._title.isHidden() or self.width() >= SENTENCE)
        super().resizeEvent(event)

    def show_error(self, error: StudioError | None) -> None:
        """Tell an error above the canvas, with details to copy; None takes it away."""
        if error is None:
            self._error.hide()
        else:
            self._error.tell(error)

    # --- the header -------------------------------------------------------------------------------

    def _made_header(self) -> QWidget:
        header = QWidget()
        self._header = QHBoxLayout(header)
        self._header.setContentsMargins(2 * GRID, GRID, GRID, GRID)
        self._header.setSpacing(GRID)
        header.setMinimumHeight(6 * GRID)
        self._title = theme.say(QLabel(self.TITLE), "title")
        self._says = says = theme.say(QLabel(self.SAYS), "muted")
        says.setWordWrap(True)
        says.setSizePolicy(_wrapping(QSizePolicy.Policy.Expanding))
        says.setMinimumSize(1, 1)  # else it asks for the height of all its words below each other
        self._help = flat("help", "What is this?", self._show_help, key="F1")
        if not self.HELP:  # what is shown before it has its place would flash as a window
            self._help.hide()
        self._toggle = flat("inspector", "Show or hide the settings", key="F9")
        self._toggle.setCheckable(True)
        self._toggle.setChecked(True)
        self._toggle.toggled.connect(self._inspector.setVisible)
        self._toggle.hide()
        for widget in (self._title, says, self._help, self._toggle):
            self._header.addWidget(widget, 1 if widget is says else 0)
        self._header.insertSpacing(1, GRID)
        return header

    def _show_help(self) -> None:
        below = self._help.mapToGlobal(self._help.rect().bottomLeft())
        QWhatsThis.showText(below, self.HELP, self)


def alone(panel: type[Panel], events: Iterable[Event] = (), ms: int = 60) -> int:
    """Run a panel in a window of its own, fed with canned events, one each `ms` milliseconds."""
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    theme.apply(app)
    page = panel()
    page.setWindowTitle(panel.TITLE)
    page.resize(1000, 640)
    page.requested.connect(print)
    page.show()
    waiting = iter(events)
    timer = QTimer(page, interval=ms)

    def tell() -> None:
        event = next(waiting, None)
        if event is None:
            timer.stop()
        else:
            page.on_event(event)

    timer.timeout.connect(tell)
    timer.start()
    return app.exec()


def _slot(margin: int = 0) -> QWidget:
    slot = QWidget()
    _column(slot).setContentsMargins(margin, margin, margin, margin)
    return slot


def _column(owner: QWidget) -> QVBoxLayout:
    column = QVBoxLayout(owner)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    return column


def _fill(slot: QWidget, widget: QWidget) -> None:
    layout = slot.layout()
    assert layout is not None
    while (item := layout.takeAt(0)) is not None:
        if (old := item.widget()) is not None:
            old.deleteLater()
    layout.addWidget(widget)
    slot.show()


def _wrapping(across: QSizePolicy.Policy) -> QSizePolicy:
    """Return the policy of a sentence in lines, whose height follows from its width."""
    policy = QSizePolicy(across, QSizePolicy.Policy.Preferred)
    policy.setHeightForWidth(True)
    return policy
