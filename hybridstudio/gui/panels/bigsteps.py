"""Why big steps need a GAN: the true way back on a line, and many x_0 from one x_t in pictures."""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QHideEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import commands, onestep, paths, runs, telling
from hybridstudio.config import DdpmConfig
from hybridstudio.errors import StudioError
from hybridstudio.gui import bigwords, theme
from hybridstudio.gui.anatomy import Panel, alone
from hybridstudio.gui.bigline import BEST, DDPM, TRUE, BigLine
from hybridstudio.gui.buttons import flat, toggle
from hybridstudio.gui.calm import calm_within
from hybridstudio.gui.chancesview import ChancesView
from hybridstudio.gui.fields import ENGLISH
from hybridstudio.gui.sliders import form, page, rows, slider, whole
from hybridstudio.gui.spin import DoubleSpinBox
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Chanced, Chances, Done, Draw, Event, Started
from hybridstudio.onestep import MOST, Reverse
from hybridstudio.runs import Run

ASK_AFTER = 150  # ms after the last change
PARTS = 300  # of the slider over the number of steps
COUNTS, CLOUD = (16, 25, 36, 64), (256, 1024)  # pictures, points
FEW = (1, 2, 4, 8)  # evaluations offered beside a run's own, where it may be drawn with them


class BigStepsPanel(Panel):
    """Shows what one step back really is, on a line that is shaped by hand and in pictures."""

    TITLE, VIEW = "Big steps", "Big steps"
    SAYS = "See why a few big steps need a GAN, and many small ones do not."
    HELP = (
        "<p>A diffusion model draws each step back from a Gaussian. For small steps the true "
        "q(x<sub>t-1</sub> | x<sub>t</sub>) is one; for large ones it has as many peaks as there "
        "are things that x<sub>t</sub> may have been (Xiao 2021, figure 2).</p>"
        "<p><b>On a line</b>: draw the data, choose T and the step, drag x<sub>t</sub>. The "
        "divergence says how much of the truth the best Gaussian misses, in nats.</p>"
        "<p><b>In pictures</b>: one x<sub>t</sub> of a model is held fast, and many z say what "
        "x<sub>0</sub> is. One that predicts a mean says the same each time.</p>")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._is_asking = False
        self._beside = ""
        self.line, self.view = BigLine(), ChancesView()
        self.told: Chanced | None = None
        self.words = QLabel(wordWrap=True, textFormat=Qt.TextFormat.RichText)
        self.words.setContentsMargins(2 * GRID, 0, 2 * GRID, GRID)
        self.words.setMinimumSize(1, 1)  # it may be cut where the window is small
        self.words.setAccessibleName("What is seen")
        self._made_sides()
        self._made_line_controls()
        self._made_chance_controls()
        calm_within(self._forms)  # whose pages were not there when it became the inspector
        self._ask = QTimer(self, singleShot=True, interval=ASK_AFTER)
        self._ask.timeout.connect(self.ask)
        self.copy = flat("copy", "Copy the command line that draws the same", self.copy_command)
        self.add_to_header(self.copy)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Undo), self, self._undo,
                  context=Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.take_steps(4)
        self._show_side(0)

    # --- the parts --------------------------------------------------------------------------------

    def _made_sides(self) -> None:
        self.sides = QButtonGroup(self)
        bar = QHBoxLayout()
        bar.setContentsMargins(2 * GRID, GRID // 2, GRID, GRID // 2)
        bar.setSpacing(GRID // 2)
        for place, (words, says) in enumerate((
                ("On a line", "Shape a density and see what one step back of it really is"),
                ("In pictures", "Hold one noisy picture fast and let many z say what it was"))):
            button = toggle(words, says, on=place == 0)
            self.sides.addButton(button, place)
            bar.addWidget(button)
        bar.addStretch(1)
        self.sides.idClicked.connect(self._show_side)
        self._canvases, self._transports, self._forms = (QStackedWidget() for _ in range(3))
        pictures = QWidget()
        column = QVBoxLayout(pictures)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.view, 1)
        column.addWidget(self.words)
        scroll = QScrollArea()  # four plots below each other are more than a small window holds
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(self.line)
        self._canvases.addWidget(scroll)
        self._canvases.addWidget(pictures)
        canvas = QWidget()
        column = QVBoxLayout(canvas)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(bar)
        column.addWidget(self._canvases, 1)
        self.set_canvas(canvas)
        self.set_transport(self._transports)
        self.set_inspector(self._forms)

    def _made_line_controls(self) -> None:
        self.steps = slider("Number of steps T", "How many steps the whole diffusion is cut into")
        self.steps.setRange(0, PARTS)
        self.steps_box = whole(1, MOST, "Number of steps T", "1 to 1,000; the diffusion stays the "
                              "same, only cut differently (4)")
        self.t = slider("Which step t", "Which of the steps is undone: 1 leads to the data")
        self.t_box = whole(1, 1, "Which step t", "Which of the steps is undone: 1 leads to the "
                          "data (2)")
        self._transports.addWidget(rows(("Steps T", self.steps, self.steps_box),
                                         ("From step", self.t, self.t_box)))
        self.steps.valueChanged.connect(
            lambda part: self.take_steps(max(1, round(MOST ** (part / PARTS)))))
        self.steps_box.valueChanged.connect(self.take_steps)
        self.line.chosen.connect(self.take_steps)
        self.t.valueChanged.connect(self.take_t)
        self.t_box.valueChanged.connect(self.take_t)

        self.preset = QComboBox()
        self.preset.addItems(list(onestep.PRESETS))
        self.preset.setAccessibleName("Data")
        self.preset.setToolTip("Begin with one of these densities (Two peaks)")
        self.preset.activated.connect(
            lambda _place: self.line.paint.take(onestep.PRESETS[self.preset.currentText()]))
        self.undo = flat("undo", "Take the last stroke back (Ctrl+Z)", self._undo)
        self.x_t = DoubleSpinBox(decimals=2, singleStep=0.05, minimum=-3.2, maximum=3.2)
        self.x_t.setLocale(ENGLISH)
        self.x_t.setAccessibleName("x_t")
        self.x_t.setToolTip("The noisy value that is looked back from (0)")
        self.x_t.valueChanged.connect(self.line.look_from)
        self.zoom = QCheckBox("Fit the way back")
        self.zoom.setToolTip("Show the way back as large as it fits: small steps are narrow (off)")
        self.zoom.toggled.connect(self.line.zoom)
        self.numbers = QLabel(textFormat=Qt.TextFormat.RichText)
        self.numbers.setAccessibleName("Divergences")
        data = QHBoxLayout()
        data.addWidget(self.preset, 1)
        data.addWidget(self.undo)
        fields = form(("Data", data), ("<i>x</i><sub>t</sub>", self.x_t), ("", self.zoom))
        self._forms.addWidget(page(fields, self.numbers))
        self.line.changed.connect(self._show_numbers)
        self.line.paint.painted.connect(lambda _: self.undo.setEnabled(self.line.paint.can_undo()))
        self.undo.setEnabled(False)
        theme.changed.connect(self.line.refresh)

    def _made_chance_controls(self) -> None:
        self.frame = slider("Frame of the drawing", "Which noisy picture on the way is held fast")
        self.frame.setRange(0, 0)
        self.readout = theme.say(QLabel(" "), "number")
        self.readout.setMinimumWidth(150)
        self._transports.addWidget(rows(("Noise level t", self.frame, self.readout)))
        self.seed = whole(0, 2**31 - 1, "Seed", "Which picture is drawn (0)")
        self.seed.setGroupSeparatorShown(False)
        dice = flat("dice", "Another picture", lambda: self.seed.setValue(
            random.SystemRandom().randrange(100_000)))
        self.count = QComboBox()
        self.count.setAccessibleName("How many z")
        self.count.setToolTip("How many z look at the same x_t (16)")
        self.nfe = QComboBox()
        self.nfe.setAccessibleName("Steps")
        self.nfe.setToolTip("In how many steps the whole drawing is done: with fewer, each leaves "
                            "more open (as the run was made)")
        self.facts = QLabel(wordWrap=True)
        theme.say(self.facts, "muted")
        row = QHBoxLayout()
        row.addWidget(self.seed, 1)
        row.addWidget(dice)
        self._forms.addWidget(page(form(("Steps", self.nfe), ("Seed", row),
                                        ("How many z", self.count)), self.facts))
        self.frame.valueChanged.connect(lambda _: self._ask.start())
        self.seed.valueChanged.connect(lambda _: self._ask.start())
        self.count.activated.connect(lambda _: self._ask.start())
        self.nfe.activated.connect(self._on_nfe)

    # --- on a line --------------------------------------------------------------------------------

    def take_steps(self, steps: int) -> None:
        """Cut the diffusion into so many steps; the one that is undone stays about where it was."""
        share = self.line.t / self.line.steps
        t = max(1, min(steps, round(share * steps)))
        blockers = [QSignalBlocker(widget) for widget in (
            self.steps, self.steps_box, self.t, self.t_box)]
        self.steps.setValue(round(PARTS * math.log(steps) / math.log(MOST)))
        self.steps_box.setValue(steps)
        for widget in (self.t, self.t_box):
            widget.setRange(1, steps)
            widget.setValue(t)
        del blockers
        self.line.take_step(steps, t)

    def take_t(self, t: int) -> None:
        """Undo another step."""
        blockers = [QSignalBlocker(widget) for widget in (self.t, self.t_box)]
        self.t.setValue(t)
        self.t_box.setValue(t)
        del blockers
        self.line.take_step(self.line.steps, t)

    def _undo(self) -> None:
        self.line.paint.undo()
        self.undo.setEnabled(self.line.paint.can_undo())

    def _show_numbers(self, found: Reverse | None) -> None:
        if found is not None:
            blocker = QSignalBlocker(self.x_t)
            self.x_t.setValue(self.line.x_t)
            del blocker
            self._found = found
        found = self._found
        price = self.line.price
        total, largest = (price.at(self.line.steps, kind) for kind in ("total", "largest"))
        rows = [("True way back", TRUE, f"± {found.variance**0.5:.3f}"),
                ("Missed, in nats", None, ""),
                ("by the best Gaussian", BEST, _nats(found.best)),
                ("by DDPM's Gaussian", DDPM, _nats(found.fixed)),
                ("in the largest step", None, _nats(largest)),
                (f"in all {self.line.steps:,} steps", None, _nats(total))]
        series = theme.palette().series
        lines = "".join(
            f"<tr><td style='color:{'transparent' if ink is None else series[ink]}'>■&nbsp;</td>"
            f"<td>{words}&ensp;</td><td align='right'>{value}</td></tr>"
            for words, ink, value in rows)
        self.numbers.setText(f"<table cellspacing='4'>{lines}</table>")

    # --- in pictures ------------------------------------------------------------------------------

    def show_run(self, path: Path | None) -> None:
        """Hold a picture of this run fast."""
        try:
            run = runs.read(path) if path is not None and path.exists() else None
        except StudioError as error:
            self.show_error(error)
            run = None
        is_other = (run.path if run else None) != (self._run.path if self._run else None)
        is_newer = run is not None and self._run is not None and (
            run.checkpoints != self._run.checkpoints)
        self._run = run
        if not is_other and not is_newer:
            return
        self.told = None
        why = bigwords.why_none(run)
        self.view.show_chances(None, "", why or "Getting it ready…")
        self.words.clear()
        self.readout.setText(" ")
        self.copy.setEnabled(not why)
        for widget in (self.frame, self.seed, self.count):
            widget.setEnabled(not why)
        self.facts.setText("" if run is None else f"{run.name}: {run.config.model.title}")
        if is_other:
            self.nfe.clear()
        if run is not None and not why and not self.nfe.count():
            self._offer(run)
        self.nfe.setEnabled(not why and self.nfe.count() > 1)
        self._ask_soon()

    def _offer(self, run: Run) -> None:
        """Begin at a frame where something is left to choose; of a hybrid, where its GAN is asked.
        """
        low, _, high = run.config.model.evaluations
        offered = sorted({run.config.nfe, *(nfe for nfe in FEW if low <= nfe <= high)})
        for nfe in offered:
            self.nfe.addItem(f"{nfe:,}", nfe)
        self.nfe.setCurrentIndex(offered.index(run.config.nfe))
        last = max(0, run.config.nfe - 1)
        hands_over = any(knob.name == "handover" for knob in run.config.model.knobs())
        self._begin_at(last if hands_over else round(last / 3), run.config.nfe)
        self.count.clear()
        for count in CLOUD if run.config.shape.is_points else COUNTS:
            self.count.addItem(f"{count:,}", count)

    def _begin_at(self, frame: int, nfe: int) -> None:
        blocker = QSignalBlocker(self.frame)
        self.frame.setRange(0, max(0, nfe - 1))
        self.frame.setValue(frame)
        del blocker

    def _on_nfe(self) -> None:
        """Draw in another number of steps, and stay about as far on the way."""
        nfe = int(self.nfe.currentData())
        last = max(1, self.frame.maximum())
        self._begin_at(round(self.frame.value() / last * (nfe - 1)), nfe)
        self._ask.start()

    def request(self) -> Chances | None:
        """Return what is asked of the engine with the settings as they are."""
        if self._run is None or bigwords.why_none(self._run):
            return None
        other = self._other(self._run)
        self._beside = self._run.name if other is None else other.name
        nfe = int(self.nfe.currentData())
        draw = Draw(self._run.path, 1, nfe=None if nfe == self._run.config.nfe else nfe,
                    seed=self.seed.value())
        return Chances(draw, self.frame.value(), int(self.count.currentData()), other)

    def ask(self) -> None:
        """Let the z look."""
        request = self.request()
        if request is not None and self.sides.checkedId() == 1:
            self._is_asking = True
            self.requested.emit(request)

    def _ask_soon(self) -> None:
        if self.sides.checkedId() == 1 and self.isVisible():
            self._ask.start()

    def _other(self, run: Run) -> Path | None:
        """Return a ready diffusion of the same data, where the run has none of its own."""
        if isinstance(run.config.model, DdpmConfig) or hasattr(run.config.model, "diffusion"):
            return None
        for path in sorted(paths.checkpoints().iterdir()):
            try:
                config = runs.read(path).config
            except StudioError:
                continue
            if isinstance(config.model, DdpmConfig) and config.data.name == run.config.data.name \
                    and config.data.shape == run.config.data.shape:
                return path
        return None

    def on_event(self, event: Event) -> None:
        """Show what the z saw."""
        match event:
            case Started():
                self.show_error(None)
            case Chanced() if self._run is not None and self._is_asking:
                self._show(event, self._run)
            case Done():
                self._is_asking = False

    def _show(self, told: Chanced, run: Run) -> None:
        self.told = told
        blocker = QSignalBlocker(self.frame)
        self.frame.setRange(0, told.last)
        del blocker
        self.view.show_chances(told, "its diffusion's mean" if self._beside == run.name else
                               f"{self._beside}: one mean")
        self.words.setText(bigwords.chances(told, run, self._beside))
        self.readout.setText(f"t = {round(told.t):,} of {run.config.model.levels:,}  ·  σ = "
                             f"{told.noise:.2f}  ·  spread {told.spread:.3f}")

    def copy_command(self) -> None:
        """Put the command line that draws the same on the clipboard."""
        if (request := self.request()) is not None:
            QGuiApplication.clipboard().setText(commands.as_command(request))

    # --- both -------------------------------------------------------------------------------------

    def _show_side(self, place: int) -> None:
        for stack in (self._canvases, self._transports, self._forms):
            stack.setCurrentIndex(place)
            for other in range(stack.count()):  # a hidden page asks for no room
                policy = QSizePolicy.Policy.Preferred if other == place else (
                    QSizePolicy.Policy.Ignored)
                if (hidden := stack.widget(other)) is not None:
                    hidden.setSizePolicy(policy, policy)
        self.copy.setVisible(place == 1)
        if place == 1 and self.told is None:
            self._ask_soon()

    def hideEvent(self, event: QHideEvent) -> None:
        """Ask nothing for nobody."""
        self._ask.stop()
        super().hideEvent(event)


def _nats(value: float | None) -> str:
    if value is None:
        return "…"
    return telling.number(round(value, 6))


if __name__ == "__main__":
    sys.exit(alone(BigStepsPanel))
