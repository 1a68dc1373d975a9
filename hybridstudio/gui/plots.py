"""Curves over training: raw and smoothed, several series, log axis, crosshair, marks, export.

Curves are made once and fed by `setData` with what the screen can show: a million samples are
thinned before pyqtgraph sees them (pen width 1; wider pens are nine times slower).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QEvent, QObject, QPointF, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QToolButton, QVBoxLayout, QWidget

from hybridstudio.errors import StudioError, translate
from hybridstudio.gui import theme
from hybridstudio.gui.askfile import ask_file
from hybridstudio.gui.axes import Axis
from hybridstudio.gui.curves import Numbers, nearest, span
from hybridstudio.gui.flow import Flow
from hybridstudio.gui.lines import Against, Line, Mark
from hybridstudio.gui.plotbox import Box, box_of
from hybridstudio.gui.plotfiles import picture, write_plot
from hybridstudio.gui.theme import GRID
from hybridstudio.telling import duration, number

__all__ = ["CurvePlot", "Mark"]

MOST_MARKS = 100  # the newest ones are drawn
MOST_CHIPS = 6  # entries of a legend; more curves are told apart by the mouse
MOST_READ = 12  # lines of the readout
LINEAR = "linear: not all above 0"


class CurvePlot(QWidget):
    """A plot of named curves under a title and a legend whose entries switch them on and off.

    The mouse reads values off the curves; the wheel and dragging zoom and pan, a double click
    shows everything again. New numbers are drawn `after` some ms, so that a steady stream of them
    costs little, and two plots that are fed at once paint one after the other.
    """

    def __init__(self, title: str, empty: str = "Nothing to show yet", log: bool = False,
                 parent: QWidget | None = None, *, after: int = 0) -> None:
        super().__init__(parent)
        self.setAccessibleName(title)
        self._title = title
        self._curves: dict[str, Line] = {}
        self._marks: tuple[Mark, ...] = ()
        self._verticals: list[pg.InfiniteLine] = []
        self._weight, self._wants_log, self._log = 0.0, log, log
        self._spell: Callable[[float], str] = number
        self._against: Against = "steps"
        self._at: float | None = None  # where the mouse reads
        self._follows = True  # the view shows everything, until the user zooms
        self._box: Box | None = None  # what a view that follows shows

        self._bottom, self._left = Axis("bottom"), Axis("left")
        self._view = pg.PlotWidget(axisItems={"bottom": self._bottom, "left": self._left})
        self._view.setMinimumSize(160, 56)
        self._plot: pg.PlotItem = self._view.getPlotItem()
        self._plot.setMenuEnabled(False)
        self._plot.hideButtons()
        self._plot.disableAutoRange()
        self._plot.showGrid(x=True, y=True, alpha=0.15)
        self._left.setWidth(48)
        self._bottom.setHeight(20)
        self._cross = pg.InfiniteLine(angle=90, movable=False)
        self._cross.hide()
        self._plot.addItem(self._cross, ignoreBounds=True)
        self._plot.vb.sigRangeChangedManually.connect(self._zoomed)
        self._view.scene().sigMouseMoved.connect(self._point_at)
        self._view.viewport().installEventFilter(self)

        self._after = after
        self._later = QTimer(self, singleShot=True)  # many numbers, one drawing
        self._later.timeout.connect(self.refresh)
        self._legend = Flow()
        self._readout = theme.say(QLabel(), "muted")
        menu_button = QToolButton()
        menu_button.setText("⋯")
        menu_button.setAutoRaise(True)
        menu_button.setToolTip("Axes and export")
        menu_button.setAccessibleName(f"{title}: axes and export")
        menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu_button.setMenu(self._menu(menu_button))
        self._head = QHBoxLayout()
        self._head.setSpacing(GRID)
        self._heading = theme.say(QLabel(title), "heading")
        self._head.addWidget(self._heading)
        self._head.addLayout(self._legend, 1)
        self._head.addWidget(self._readout)
        self._head.addWidget(menu_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(self._head)
        column.addWidget(self._view, 1)
        self._empty = theme.say(QLabel(empty, self._view, wordWrap=True), "muted")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._reading = QLabel(self._view)
        self._reading.setTextFormat(Qt.TextFormat.RichText)
        self._reading.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        theme.changed.connect(self._paint)
        self.set_title(title)
        self._left.setLogMode(x=False, y=log)
        self._paint()
        self._fit()

    # --- what is shown ----------------------------------------------------------------------------

    def set_series(self, name: str, steps: Numbers, seconds: Numbers, values: Numbers,
                   label: str = "", colour: int | str | None = None, *,
                   is_smoothed: bool = True) -> None:
        """Show a curve, or its newest numbers: three arrays of one length, steps rising.

        `colour` is a place in the palette's series, or a colour by name that never changes. One
        that is not smoothed stays as it was measured, whatever the others do.
        """
        is_new = name not in self._curves
        if is_new:
            place = len(self._curves) if colour is None else colour
            self._curves[name] = self._added(Line(label or name, place, is_smoothed))
        if self._curves[name].take(steps, seconds, values):
            self._draw_soon(at_once=is_new)

    def keep(self, names: Sequence[str]) -> None:
        """Take away every curve but these."""
        for name in [name for name in self._curves if name not in names]:
            self._drop(name)
            self._draw_soon(at_once=True)

    def clear(self) -> None:
        """Take all curves and marks away, and show everything that comes next."""
        for name in list(self._curves):
            self._drop(name)
        self._follows, self._box = True, None
        self.set_marks(())
        self.refresh()

    def set_marks(self, marks: Sequence[Mark]) -> None:
        """Draw lines at these moments (the newest hundred), replacing those before."""
        kept = tuple(marks[-MOST_MARKS:])
        if kept == self._marks and len(self._verticals) == len(kept):
            return
        for line in self._verticals:
            self._plot.removeItem(line)
        self._marks, self._verticals = kept, []
        for _ in kept:
            line = pg.InfiniteLine(angle=90, movable=False)
            line.setZValue(-10)
            self._plot.addItem(line, ignoreBounds=True)
            self._verticals.append(line)
        self._paint()
        self._place_marks()

    def add_to_head(self, widget: QWidget) -> None:
        """Put a widget before the legend, such as a choice of what is shown."""
        self._head.insertWidget(0, widget)

    def set_title(self, title: str, tip: str = "") -> None:
        """Name the plot, with an explanation for whoever points at the name."""
        self._title = title
        self._heading.setText(title)
        self._heading.setVisible(bool(title))
        self._heading.setToolTip(tip)
        self.setAccessibleName(title)
        self.setAccessibleDescription(tip)

    def set_smoothing(self, weight: float) -> None:
        """Set the weight of the moving average, in [0, 1); 0 shows the raw curves alone."""
        self._weight = min(max(weight, 0.0), 0.9999)
        self._dress_all()
        self.refresh()

    def set_log(self, log: bool) -> None:
        """Make the vertical axis logarithmic or linear; it is linear where not all is above 0."""
        self._wants_log = log
        self._log_action.setChecked(log)
        self._fit()

    def set_spelling(self, spell: Callable[[float], str]) -> None:
        """Say how values are written, on the axis and where they are read."""
        if spell is not self._spell:
            self._spell = self._left.spell = spell
            self._left.picture = None
            self._left.update()

    def set_against(self, against: Against) -> None:
        """Plot against training steps or seconds of training."""
        self._against = against
        self._time_action.setChecked(against == "time")
        self._fit()

    # --- export -----------------------------------------------------------------------------------

    def export(self, path: Path) -> None:
        """Write the raw numbers (.csv) or the plot as it looks (.png, .svg); raises OSError."""
        write_plot(path, self, self._curves)

    def _ask_export(self) -> None:
        name = self._title.lower().replace(" ", "-") or "curves"
        ask_file(self, "Export the curves", self._export_told, save_as=f"{name}.png",
                 kinds=["Picture (*.png)", "Drawing (*.svg)", "Numbers (*.csv)"])

    def _export_told(self, path: Path) -> None:
        try:
            self.export(path)
        except (OSError, StudioError) as error:
            told = translate(error)
            self._readout.setText(f"{told.what}: {told.why}")
        else:
            self._readout.setText(f"Saved {path.name}")

    # --- drawing ----------------------------------------------------------------------------------

    def _added(self, curve: Line) -> Line:
        for item in curve.items:
            self._plot.addItem(item)
        self._legend.addWidget(curve.chip)
        curve.chip.toggled.connect(self._fit)
        curve.dress(self._weight > 0)
        return curve

    def _drop(self, name: str) -> None:
        curve = self._curves.pop(name)
        for item in curve.items:
            self._plot.removeItem(item)
        self._legend.removeWidget(curve.chip)
        curve.chip.hide()
        curve.chip.deleteLater()

    def _draw_soon(self, at_once: bool = False) -> None:
        if at_once or not self._later.isActive():  # else a steady stream puts it off for ever
            self._later.start(0 if at_once else self._after)

    def refresh(self) -> None:
        """Fit the view to the curves, unless the user has zoomed, and draw what can be seen."""
        self._later.stop()
        has_any = any(curve.values.size for curve in self._curves.values())
        self._empty.setVisible(not has_any)
        for axis in (self._left, self._bottom):
            axis.setVisible(has_any)
        on = [curve for curve in self._curves.values() if curve.is_on]
        self._take_axis(self._wants_log and all(curve.is_positive for curve in on))
        if self._follows and on:
            self._show_all(on)
        low, high = self._plot.vb.viewRange()[0]
        columns = max(100, int(self._plot.vb.width() * self.devicePixelRatioF()))
        for curve in self._curves.values():
            curve.chip.setVisible(1 < len(self._curves) <= MOST_CHIPS)
            curve.draw(self._against, low, high, self._log, self._weight, columns)
        self._place_marks()
        self._tell(self._at)
        self._view.scene().prepareForPaint()  # else painting finds new ranges and is done twice

    def _take_axis(self, log: bool) -> None:
        if log != self._log:
            self._log, self._box = log, None
            self._left.setLogMode(x=False, y=log)
            self._left.picture = None

    def _show_all(self, on: list[Line]) -> None:
        """Set the view's range so that all of the curves is seen."""
        along = [curve.x(self._against) for curve in on]
        is_sparse = all(curve.is_sparse for curve in on)  # then from the training's beginning
        low, high = 0 if is_sparse else min(x[0] for x in along), max(x[-1] for x in along)
        spans = [found for curve in on if (found := span(curve.values, self._log)) is not None]
        self._box = box = box_of(float(low), float(high), spans, self._box)
        self._plot.vb.setRange(xRange=box[:2], yRange=box[2:], padding=0)

    def _fit(self) -> None:
        """Show everything again: after a double click, another axis, a curve switched on."""
        self._follows, self._box = True, None
        if self._against == "steps":
            self._bottom.show_steps()
        else:
            self._bottom.show_time()
        for axis in (self._left, self._bottom):
            axis.picture = None  # what it painted with other words
            axis.update()
        self._dress_all()
        self.refresh()

    def _zoomed(self) -> None:
        self._follows, self._box = False, None
        self.refresh()

    def _place_marks(self) -> None:
        for mark, line in zip(self._marks, self._verticals, strict=True):
            line.setPos(mark.step if self._against == "steps" else mark.seconds)

    # --- the mouse --------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the empty text in the middle; a double click shows all, leaving ends the readout."""
        if event.type() == QEvent.Type.Resize:
            self._draw_soon(at_once=True)
            self._empty.setGeometry(self._view.rect().adjusted(24, 0, -24, 0))
        elif event.type() == QEvent.Type.MouseButtonDblClick:
            self._fit()
        elif event.type() == QEvent.Type.Leave:
            self._cross.hide()
            self._tell(None)
        return super().eventFilter(watched, event)

    def _point_at(self, place: QPointF) -> None:
        """Read the curves off at the sample nearest to the mouse."""
        at = float(self._plot.vb.mapSceneToView(place).x())
        first = next((curve for curve in self._curves.values() if curve.is_on), None)
        if first is None or not self._plot.vb.sceneBoundingRect().contains(place):
            return
        index = nearest(first.x(self._against), at)
        self._cross.setPos(first.x(self._against)[index])
        self._cross.show()
        self._tell(at)

    def _tell(self, at: float | None) -> None:
        """Write the values at a place of the axis beside the mouse; the newest one in the head."""
        self._at = at
        on = [curve for curve in self._curves.values() if curve.is_on]
        self._reading.setVisible(at is not None and bool(on))
        said = [self._spell(float(on[0].values[-1]))] if len(on) == 1 else []
        if len(self._curves) > MOST_CHIPS:
            said.append(f"{len(self._curves)} curves")
        if self._wants_log and not self._log:
            said.append(LINEAR)
        self._readout.setText(" · ".join(said))
        if at is None or not on:
            return
        first, lines = on[0], []
        index = nearest(first.x(self._against), at)
        lines.append(f"step {first.steps[index]:,} · {duration(float(first.seconds[index]))}")
        read = [(float(curve.values[nearest(curve.x(self._against), at)]), curve) for curve in on]
        if len(read) > MOST_READ:  # the largest say most
            read.sort(key=lambda pair: pair[0] if pair[0] == pair[0] else -np.inf, reverse=True)
        for value, curve in read[:MOST_READ]:
            dot = f"<span style='color:{curve.shade}'>●</span>"
            lines.append(f"{dot} {escape(curve.label)} {self._spell(value)}")
        if len(read) > MOST_READ:
            lines.append(f"and {len(read) - MOST_READ} more")
        if mark := self._mark_near(at):
            lines.append(f"<b>{escape(mark.text)}</b>")
        self._reading.setText("<br>".join(lines))
        self._reading.adjustSize()
        room = self._plot.vb.sceneBoundingRect()
        is_right = self._plot.vb.mapViewToScene(QPointF(at, 0)).x() > room.center().x()
        left = room.left() + GRID if is_right else room.right() - self._reading.width() - GRID
        self._reading.move(round(left), round(room.top()) + GRID // 2)

    def _mark_near(self, at: float) -> Mark | None:
        low, high = self._plot.vb.viewRange()[0]
        reach = 6 * (high - low) / max(1, self._view.width())
        near = [(abs(line.value() - at), place) for place, line in enumerate(self._verticals)]
        distance, place = min(near, default=(np.inf, 0))
        return self._marks[place] if distance <= reach else None

    # --- looks ------------------------------------------------------------------------------------

    def _menu(self, parent: QWidget) -> QMenu:
        menu = QMenu(parent)
        self._log_action = menu.addAction("Logarithmic axis")
        self._time_action = menu.addAction("Against time")
        for action in (self._log_action, self._time_action):
            action.setCheckable(True)
        self._log_action.setChecked(self._wants_log)
        self._log_action.triggered.connect(self.set_log)
        self._time_action.triggered.connect(
            lambda on: self.set_against("time" if on else "steps"))
        menu.addAction("Show everything", self._fit)
        menu.addSeparator()
        menu.addAction("Copy picture",
                       lambda: QGuiApplication.clipboard().setPixmap(picture(self)))
        menu.addAction("Export…", self._ask_export)
        return menu

    def _dress_all(self) -> None:
        for curve in self._curves.values():
            curve.dress(self._weight > 0)

    def _paint(self) -> None:
        """Take the palette's colours."""
        colours = theme.palette()
        self._view.setBackground(colours.canvas)
        self._reading.setStyleSheet(f"background: {colours.raised}; color: {colours.text};"
                                    f"border: 1px solid {colours.line}; padding: 3px 6px;")
        for axis in (self._left, self._bottom):
            axis.setPen(pg.mkPen(colours.line))
            axis.setTextPen(pg.mkPen(colours.muted))
        self._cross.setPen(pg.mkPen(colours.muted, width=1))
        levels = {"info": colours.muted, "warning": colours.warn, "error": colours.bad}
        for mark, line in zip(self._marks, self._verticals, strict=True):
            line.setPen(pg.mkPen(levels[mark.level], width=1, style=Qt.PenStyle.DashLine))
        self._dress_all()
