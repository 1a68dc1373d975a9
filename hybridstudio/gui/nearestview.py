"""The training pictures nearest to a cell: is it new, or learned by heart?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QToolTip, QVBoxLayout, QWidget

from hybridstudio.errors import StudioError
from hybridstudio.gui import theme
from hybridstudio.gui.ownpicture import enlarged
from hybridstudio.gui.theme import GRID
from hybridstudio.gui.wishes import Cancel
from hybridstudio.messages import Done, Event, Images, Neighboured, Neighbours, Progress

SIDE = 56  # points that a picture is wide and high, at most
GAP = GRID // 2
OFFERED = "Nearest training pictures"


class NearestPictures(QWidget):
    """A button that asks for a cell's nearest training pictures, and those; `wanted` asks.

    What was found is let go as soon as another picture is shown.
    """

    wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._run: Path | None = None
        self._picture: Images | None = None
        self._request: Neighbours | None = None
        self.button = QPushButton(OFFERED)
        self.button.setToolTip("Look through all pictures that the model learned from for those "
                               "that resemble this cell most, pixel by pixel")
        self.button.clicked.connect(self._ask)
        self.row = NearestRow()
        self.says = theme.say(QLabel(), "muted")
        self.says.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        for widget in (self.button, self.row, self.says):
            column.addWidget(widget)
        self.show_picture(None)

    def show_picture(self, picture: Images | None, run: Path | None = None,
                     classes: tuple[str, ...] = ()) -> None:
        """Show which picture (H, W, C) of a run is asked about; None where none is chosen."""
        before = self._picture
        is_same = run == self._run and picture is not None and before is not None and (
            np.array_equal(picture, before))
        self._run, self._picture = run, picture
        self.row.classes = classes
        self.button.setEnabled(picture is not None)
        if not is_same:
            self._rest("")

    def answer(self, request: object, event: Event) -> bool:
        """Take an event; returns whether it answers what was asked of this picture."""
        if self._request is None or request is not self._request:
            return False
        match event:
            case Progress(step, total):
                self.says.setText(f"Looking through {event.unit}… "
                                  + (f"{100 * step / total:.0f} %" if total else f"{step:,}"))
            case Neighboured():
                near = event.distances[0][0]
                words = f"{near:.3f} to the nearest of {event.total:,}"
                if near == 0.0:
                    words = f"It is one of the {event.total:,} training pictures."
                elif event.copied[0]:
                    words += ", much less than to the next: learned by heart"
                self._rest(words)
                self.row.show_found(event)
            case Done("stopped"):
                self._rest("The search was ended.")
        return True

    def failure(self, request: object, error: StudioError) -> bool:
        """Take note that a request failed; returns whether it was this one, and tells why."""
        if self._request is None or request is not self._request:
            return False
        self._rest(f"This run has no data here: {error.what}."
                   + (f" Mend it: {error.fix}." if error.fix else ""))
        self.says.setToolTip(error.why)
        return True

    def _ask(self) -> None:
        """Ask for the nearest pictures, or end the search."""
        if self._request is not None:
            self.wanted.emit(Cancel())
        elif self._picture is not None and self._run is not None:
            self._rest("Opening the training pictures…")
            self.button.setText("Stop looking")
            self._request = Neighbours(self._run, self._picture[None])
            self.wanted.emit(self._request)

    def _rest(self, says: str) -> None:
        self._request = None
        self.button.setText(OFFERED)
        self.row.show_found(None)
        self.says.setText(says)
        self.says.setToolTip("")
        self.says.setVisible(bool(says))


class NearestRow(QWidget):
    """As many of the nearest pictures as fit beside each other, how far each is below it."""

    def __init__(self) -> None:
        super().__init__()
        self.classes: tuple[str, ...] = ()
        self.found: Neighboured | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Nearest training pictures")
        theme.changed.connect(self.update)

    def show_found(self, found: Neighboured | None) -> None:
        """Show what is nearest to one picture, or nothing."""
        self.found = found
        self.setVisible(found is not None)
        self.setAccessibleDescription("" if found is None else "; ".join(
            self.words(place) for place in range(len(found.places[0]))))
        self.update()

    def words(self, place: int) -> str:
        """Say which training picture this is, and how far it is."""
        found = self.found
        assert found is not None
        label = found.labels[0][place]
        told = f", class {self.classes[label]}" if label < len(self.classes) else ""
        return (f"Training picture {found.places[0][place]:,}{told}: "
                f"{found.distances[0][place]:.3f} away (root mean square, a pixel's range being 2)")

    def sizeHint(self) -> QSize:
        """Ask for the height of a picture and its number."""
        return QSize(4 * (SIDE + GAP), SIDE + self.fontMetrics().height() + 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the pictures in their order."""
        found, ratio = self.found, self.devicePixelRatioF()
        if found is None:
            return
        with QPainter(self) as painter:
            painter.setPen(QColor(theme.palette().muted))
            for place, box in self._boxes():
                pixmap = enlarged(found.images[0, place], round(SIDE * ratio))
                pixmap.setDevicePixelRatio(ratio)
                size = pixmap.deviceIndependentSize().toSize()
                painter.drawPixmap(box.center().x() + 1 - size.width() // 2,
                                   box.bottom() + 1 - size.height(), pixmap)
                painter.drawText(box.adjusted(-GAP, box.height() + 2, GAP,
                                              self.fontMetrics().height() + 2),
                                 Qt.AlignmentFlag.AlignCenter, f"{found.distances[0][place]:.3f}")

    def event(self, event: QEvent) -> bool:
        """Tell of the picture under the mouse."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            for place, box in self._boxes():
                if box.contains(event.pos()):
                    QToolTip.showText(event.globalPos(), self.words(place), self)
            return True
        return super().event(event)

    def _boxes(self) -> list[tuple[int, QRect]]:
        """Return which pictures fit, and where."""
        if self.found is None:
            return []
        fits = min(len(self.found.places[0]), max(1, (self.width() + GAP) // (SIDE + GAP)))
        left = (self.width() - fits * (SIDE + GAP) + GAP) // 2
        return [(place, QRect(left + place * (SIDE + GAP), 0, SIDE, SIDE))
                for place in range(fits)]
