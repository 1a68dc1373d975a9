"""Points of the plane on their way from noise to the data, and what the model sees around them."""

from __future__ import annotations

import random
import sys
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, QTimer
from PySide6.QtGui import (
    QGuiApplication,
    QHideEvent,
    QKeyEvent,
    QKeySequence,
    QShortcut,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import commands, paths, runs
from hybridstudio.errors import StudioError
from hybridstudio.gui import drawwords, particles, theme
from hybridstudio.gui.anatomy import Panel, alone
from hybridstudio.gui.buttons import flat, toggle
from hybridstudio.gui.card import Card
from hybridstudio.gui.drawfields import fill
from hybridstudio.gui.drawform import SAMPLER_NAMES
from hybridstudio.gui.nothing import Nothing
from hybridstudio.gui.particleview import LAST, TRAILS, ParticleView
from hybridstudio.gui.sliders import form, page, whole
from hybridstudio.gui.theme import GRID
from hybridstudio.gui.timeline import Timeline
from hybridstudio.gui.wishes import Cancel, Open, Paint
from hybridstudio.messages import Browse, Browsed, Done, Draw, Event, Field, Fields, Frame, Notice
from hybridstudio.runs import Run

ASK_AFTER = 150  # ms after the last change
READY = "ddpm-gaussians25"
USUAL, MOST = 2_000, 20_000  # points
SIDE = 24  # places along each side at which the model is asked
WORDS = {"trails": ("Ways", f"The ways that {TRAILS} of the points took"),
         "field": ("Field", "Where the model would move a point, or how real its discriminator "
                            "holds a place: green is real, orange is not"),
         "density": ("Density", "Where the data lie: the outlines hold 95 %, 80 % and half of "
                                "them"),
         "data": ("Data", "Points of the data themselves, faintly behind"),
         "follow": ("Follow", "Zoom along with the noise, or keep one scale for all frames")}


class ParticlesPanel(Panel):
    """Draws points from a run and shows the cloud at every step."""

    TITLE, VIEW = "Particles", "Particles"
    SAYS = "See a cloud of points move from noise to the data, and what moves it."
    HELP = (
        "<p>Every dot is one drawing of a model of points. The arrows are its <b>score</b>, "
        "∇ log q(x<sub>t</sub>), times σ<sup>2</sup>: the way to what it expects there. A GAN's "
        "discriminator is shown as a heat map instead.</p>"
        "<p>Scrub with the slider, the arrow keys and Space. The wheel zooms, dragging moves.</p>"
        "<p>For the Gaussians the modes are counted at each frame: in the points that are "
        "expected, and at the end in those that were drawn.</p>")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self.frames: list[Frame] = []
        self.fields: list[Field] = []
        self.modes: particles.Modes | None = None
        self._asked: object = None  # the drawing or the fields that are awaited
        self._browsed: Browse | None = None
        self.view, self.timeline, self.notice = ParticleView(), Timeline(), Card()
        self.nothing = Nothing(f"Open {READY}", "play")
        self.nothing.clicked.connect(
            lambda: self.requested.emit(Open("particles", paths.checkpoints() / READY)))
        self._made_canvas()
        self._made_form()
        self._ask = QTimer(self, singleShot=True, interval=ASK_AFTER)
        self._ask.timeout.connect(self.draw)
        self.timeline.moved.connect(lambda _: self._show())
        self.view.pointed.connect(self.timeline.pointed.setText)
        self._show_why()

    # --- the parts --------------------------------------------------------------------------------

    def _made_canvas(self) -> None:
        self.notice.hide()
        self.toggles = {}
        bar = QHBoxLayout()
        bar.setContentsMargins(2 * GRID, GRID // 2, GRID, GRID // 2)
        bar.setSpacing(GRID // 2)
        for name, (words, says) in WORDS.items():
            button = toggle(words, says, on=self.view.layers[name])
            button.toggled.connect(partial(self._layer, name))
            self.toggles[name] = button
            bar.addWidget(button)
        bar.addStretch(1)
        shown = QWidget()
        column = QVBoxLayout(shown)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(bar)
        column.addWidget(self.view, 1)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.nothing)
        self._pages.addWidget(shown)
        canvas = QWidget()
        column = QVBoxLayout(canvas)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.notice)
        column.addWidget(self._pages, 1)
        self.set_canvas(canvas)
        self.set_transport(self.timeline)

    def _made_form(self) -> None:
        self.sampler = QComboBox()
        self.sampler.setAccessibleName("Sampler")
        self.nfe = whole(1, 1000, "Evaluations", "Network evaluations for each point")
        self.seed = whole(0, 2**31 - 1, "Seed", "Where the random numbers begin (0)")
        self.seed.setGroupSeparatorShown(False)
        self.count = whole(1, MOST, "Points", f"Points drawn at once, up to {MOST:,} ({USUAL:,})")
        self.count.setSingleStep(500)
        seed = QHBoxLayout()
        seed.addWidget(self.seed, 1)
        seed.addWidget(flat("dice", "Another seed", lambda: self.seed.setValue(
            random.SystemRandom().randrange(100_000))))
        self._fields = form(("Sampler", self.sampler), ("Evaluations", self.nfe), ("Seed", seed),
                            ("Points", self.count))
        self.paint = QPushButton("Paint your own…")
        self.paint.setToolTip("Paint a distribution with the mouse and train on it in seconds")
        theme.set_icon(self.paint, "brush")
        self.paint.clicked.connect(lambda: self.requested.emit(Paint()))
        self.set_inspector(page(self._fields, self.paint))
        self.copy = flat("copy", "Copy the command line that draws the same", self.copy_command)
        self.draw_button = QPushButton("Draw")
        self.draw_button.setProperty("primary", True)
        self.draw_button.setMinimumWidth(88)
        self.draw_button.setToolTip("Draw points with these settings (Ctrl+Return)")
        self.draw_button.clicked.connect(self._draw_or_stop)
        for widget in (self.copy, self.draw_button):
            self.add_to_header(widget)
        self.sampler.activated.connect(lambda _: self._ask.start())
        for box in (self.nfe, self.seed, self.count):
            box.valueChanged.connect(lambda _: self._ask.start())
        QShortcut(QKeySequence("Ctrl+Return"), self, self.draw,
                  context=Qt.ShortcutContext.WidgetWithChildrenShortcut)

    def _layer(self, name: str, on: bool) -> None:
        self.view.show_layer(name, on)
        self._show()

    # --- the run ----------------------------------------------------------------------------------

    def show_run(self, path: Path | None) -> None:
        """Draw from this run, if it learned points; it is drawn at once, as that takes no time."""
        try:
            run = runs.read(path) if path is not None and path.exists() else None
        except StudioError as error:
            self.show_error(error)
            run = None
        known = None if self._run is None else (self._run.path, self._run.checkpoints)
        if known is not None and run is not None and known == (run.path, run.checkpoints):
            return
        if self._asked is not None:
            self.requested.emit(Cancel())
        self._ask.stop()
        self._run, self._asked, self.frames, self.fields = run, None, [], []
        self.modes, self._browsed = None, None
        self.notice.hide()
        self.show_error(None)
        self.timeline.set_steps(0)
        self.timeline.set_levels([])
        self.view.empty = "Drawing…"
        self.view.show_data(None)
        self.view.show_density(None)
        self.view.show_frame(None)
        self._show_why()
        self._ask_soon()

    def _offer(self, run: Run) -> None:
        config = run.config
        blockers = [QSignalBlocker(widget) for widget in (
            self.sampler, self.nfe, self.seed, self.count)]
        fill(self.sampler, [(SAMPLER_NAMES.get(name, name), name)
                            for name in config.model.samplers])
        self.sampler.setCurrentIndex(max(0, self.sampler.findData(config.sampler)))
        low, _, high = config.model.evaluations
        self.nfe.setRange(low, high)
        self.nfe.setValue(config.nfe)
        self.seed.setValue(config.sample.seed)
        self.count.setValue(USUAL)
        del blockers
        self._fields.setRowVisible(self.sampler, len(config.model.samplers) > 1)
        self._fields.setRowVisible(self.nfe, low < high)
        self.timeline.set_one_pass(not config.model.levels)
        self.toggles["field"].setVisible(False)  # until there is one
        self.toggles["trails"].setVisible(config.model.levels > 0)
        self.toggles["follow"].setVisible(config.model.levels > 0)

    def _why(self) -> tuple[str, str]:
        """Return why there is nothing to draw, two empty words where there is."""
        run = self._run
        if run is None:
            return "No model is chosen", "Choose one that learned points of the plane."
        shape = run.config.data.shape
        if shape is None or not shape.is_points:
            return (f"{run.name} draws no points",
                    "Only points of the plane can be seen as a cloud that moves. Open a model of "
                    "points, or paint your own distribution and train on it in seconds.")
        if not run.config.model.samplers:
            return f"{run.name} draws nothing", "It tells points apart."
        if not run.checkpoints and run.state != "training":
            return f"{run.name} has no checkpoint yet", "Let it train until its first save."
        return "", ""

    def _show_why(self) -> None:
        title, why = self._why()
        self._pages.setCurrentIndex(0 if title else 1)
        if title:
            self.nothing.tell(title, why)
        for part in (self._transport, self.copy, self.draw_button):
            part.setVisible(not title)
        for row in range(self._fields.rowCount()):
            self._fields.setRowVisible(row, not title)
        if not title and self._run is not None:
            self._offer(self._run)

    # --- asking -----------------------------------------------------------------------------------

    def _ask_soon(self) -> None:
        if self._run is not None and not self._why()[0] and self.isVisible() and not self.frames:
            self._ask.start()

    def request(self) -> Draw | None:
        """Return the drawing as it is set."""
        if self._run is None or self._why()[0]:
            return None
        model = self._run.config.model
        low, _, high = model.evaluations
        return Draw(self._run.path, self.count.value(),
                    self.sampler.currentData() if len(model.samplers) > 1 else None,
                    self.nfe.value() if low < high else None, seed=self.seed.value())

    def draw(self) -> None:
        """Draw the points, and open the data that they should look like."""
        request, run = self.request(), self._run
        if request is None or run is None:
            return
        self._ask.stop()
        self._asked, self.frames = request, []
        self.draw_button.setText("Stop")
        self.requested.emit(request)
        if self._browsed is None:
            self._browsed = Browse(run.config.data.model_copy(update={"limit": None}), MOST,
                                   density=True)
            self.requested.emit(self._browsed)

    def _draw_or_stop(self) -> None:
        if isinstance(self._asked, Draw):
            self.requested.emit(Cancel())
        else:
            self.draw()

    def copy_command(self) -> None:
        """Put the command line that draws the same on the clipboard."""
        if (request := self.request()) is not None:
            QGuiApplication.clipboard().setText(commands.as_command(request))

    # --- events -----------------------------------------------------------------------------------

    def on_answer(self, request: object, event: Event) -> None:
        """Take what the drawing, the fields and the data tell."""
        if isinstance(request, Browse):
            if isinstance(event, Browsed) and request == self._browsed:
                self.modes = particles.modes_of(event)
                self.view.show_data(event.points)
                self._show_density(event)
                self._show()
        elif request == self._asked:
            self._take(event)

    def _show_density(self, event: Browsed) -> None:
        known = "exactly, from how the data are made" if event.is_exact else (
            f"estimated from {event.total:,} points")
        self.toggles["density"].setToolTip(f"{WORDS['density'][1]} ({known})")
        self.view.show_density(event.density)

    def on_failure(self, request: object, error: StudioError) -> None:
        """Tell an error; without the data at hand the points are shown alone."""
        if isinstance(request, Browse):
            self.notice.tell(Notice("The data cannot be shown behind the points",
                                    f"{error.what}: {error.why}", error.fix))
        else:
            self.show_error(error)
            self._asked = None
            self.draw_button.setText("Draw")

    def _take(self, event: Event) -> None:
        if isinstance(event, Frame):
            self._add(event)
        elif isinstance(event, Field):
            self.fields.append(event)
            self.toggles["field"].setVisible(True)
            self._show()
        elif isinstance(event, Notice):
            self.notice.tell(event)
        elif isinstance(event, Done):
            was_drawing, self._asked = isinstance(self._asked, Draw), None
            self.draw_button.setText("Draw")
            if was_drawing and not self.fields and self._run and event.outcome == "finished":
                self._asked = Fields(self._run.path, side=SIDE)
                self.requested.emit(self._asked)

    def _add(self, frame: Frame) -> None:
        follows = not self.frames or self.timeline.slider.value() >= self.frames[-1].step
        self.frames.append(frame)
        self.timeline.set_steps(frame.steps, frame.step)
        self.timeline.add_level(frame)
        if follows and not self.timeline.is_playing():
            self.timeline.show_step(frame.step)
            self._show()

    # --- scrubbing --------------------------------------------------------------------------------

    def _show(self) -> None:
        """Show the frame at the slider: a lookup."""
        if not self.frames or self._run is None:
            return
        wanted = self.timeline.slider.value() - self.frames[0].step
        place = max(0, min(len(self.frames) - 1, wanted))
        frame = self.frames[place]
        ways = particles.trails(self.frames, place, TRAILS, LAST) if (
            self.view.layers["trails"]) else []
        field = particles.field_at(self.fields, frame.t)
        self.view.caption = particles.words(frame, self.modes)
        self.view.show_frame(frame, ways, field)
        self.timeline.readout.setText(
            drawwords.readout(frame, self._run.config.model.levels, None))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Scrub and play with the keys that no field takes."""
        if not self.timeline.takes(Qt.Key(event.key())):
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        """Draw for those who look."""
        self._ask_soon()
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """Ask nothing for nobody."""
        self._ask.stop()
        super().hideEvent(event)


if __name__ == "__main__":
    sys.exit(alone(ParticlesPanel))
