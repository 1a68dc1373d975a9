"""The hand-over of a hybrid: coarse, refined, what the full diffusion would have drawn, by k."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QHideEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import commands, paths, runs
from hybridstudio.errors import StudioError
from hybridstudio.gui import handovers, theme
from hybridstudio.gui.anatomy import Panel, alone
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.card import Card
from hybridstudio.gui.filmview import FilmView
from hybridstudio.gui.handovers import Full, Handed
from hybridstudio.gui.nothing import Nothing
from hybridstudio.gui.scoringbar import ScoringBar
from hybridstudio.gui.sliders import form, page, rows, slider, whole
from hybridstudio.gui.sweepview import SweepView
from hybridstudio.gui.theme import GRID
from hybridstudio.gui.wishes import Cancel, Open
from hybridstudio.messages import Done, Draw, Event, Frame, Notice, Score, Scored, Sweep
from hybridstudio.runs import Run

ASK_AFTER = 120  # ms after the last change
READY = "hybrid-mnist"  # what is offered where there is no hybrid
POINTS = 1000  # drawn of a model of points
FULL_NFE = 50
EVALUATIONS = (2, 4, 8)  # among which a sweep may vary, if the model can


class HandoverPanel(Panel):
    """Moves the noise level at which a hybrid's diffusion hands over to its GAN."""

    TITLE, VIEW = "Hand-over", "Hand-over"
    SAYS = "Move the level k at which a hybrid's diffusion hands over to its GAN."
    HELP = (
        "<p>The diffusion walks from pure noise down to level k; what it expects there is the "
        "<b>coarse</b> picture. From it, and the noise that is left, the GAN draws the "
        "<b>refined</b> one in one pass. Beside them stands what the <b>full diffusion</b> draws "
        "from the same noise, and how far the two are apart.</p>"
        "<p><b>Sweep k</b> draws at several k and shows which comes nearest; with <i>Score "
        "too</i> each is also compared with the data.</p>")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: Run | None = None
        self._frames: list[Frame] = []
        self._asked: Draw | None = None  # whose frames are awaited
        self._full: Full | None = None
        self._full_of: Draw | None = None  # the drawing with k and evaluations left out
        self._plan: list[Draw] = []  # drawings that a sweep still has to do
        self._scores: Sweep | None = None  # whose scores are awaited
        self.sweep: list[Handed] = []
        self.view, self.swept, self.notice = FilmView(), SweepView(), Card()
        self.nothing = Nothing(f"Open {READY}", "play")
        self.nothing.clicked.connect(
            lambda: self.requested.emit(Open("handover", paths.checkpoints() / READY)))
        self._made_canvas()
        self._made_controls()
        self._ask = QTimer(self, singleShot=True, interval=ASK_AFTER)
        self._ask.timeout.connect(self.draw)
        self._show_why()

    # --- the parts --------------------------------------------------------------------------------

    def _made_canvas(self) -> None:
        self.notice.hide()
        self.swept.chosen.connect(lambda handed: self.take(handed.k, handed.nfe))
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.view)
        split.addWidget(self.swept)
        split.setSizes([300, 220])
        split.setChildrenCollapsible(False)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.nothing)
        self._pages.addWidget(split)
        canvas = QWidget()
        column = QVBoxLayout(canvas)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.notice)
        column.addWidget(self._pages, 1)
        self.set_canvas(canvas)

    def _made_controls(self) -> None:
        self.k = slider("Hand-over k", "The noise level at which the GAN takes over (arrow keys)")
        self.k_box = whole(1, 1000, "Hand-over k", "The noise level at which the GAN takes over")
        self.readout = theme.say(QLabel(" ", wordWrap=True), "number")
        self.readout.setContentsMargins(2 * GRID, 0, 0, GRID // 2)
        transport = rows(("Hand-over k", self.k, self.k_box))
        held = transport.layout()
        assert held is not None
        held.addWidget(self.readout)
        self.scoring = ScoringBar()  # in the readout's place; Stop ends it
        self.scoring.cancel.hide()
        self.scoring.words.setMinimumWidth(1)
        self.scoring.hide()
        held.addWidget(self.scoring)
        self.set_transport(transport)
        self.nfe = whole(2, 1000, "Evaluations", "Network evaluations for each picture, the GAN's "
                         "one among them")
        self.full_nfe = whole(1, 1000, "Full diffusion", "Evaluations of the diffusion that draws "
                              f"the whole way alone ({FULL_NFE})")
        self.seed = whole(0, 2**31 - 1, "Seed", "Which pictures are drawn (0)")
        self.seed.setGroupSeparatorShown(False)
        self.count = whole(1, 64, "Pictures", "Pictures drawn at once (8)")
        self.parts = whole(2, 25, "Values of k", "How many k a sweep tries (9)")
        self.parts.setValue(9)
        self.varies = QCheckBox("Vary the evaluations too")
        self.varies.setToolTip(f"Try {', '.join(map(str, EVALUATIONS))} evaluations at each k, so "
                               "that the times differ (off)")
        self.scores = QCheckBox("Score too")
        self.scores.setToolTip("Compare pictures of each hand-over with the data, which have to be "
                               "there; takes longer (off)")
        self.scored = whole(100, 50_000, "Pictures to score", "Pictures to score at each k (1,000)")
        self.scored.setValue(1000)
        seed = QHBoxLayout()
        seed.addWidget(self.seed, 1)
        seed.addWidget(flat("dice", "Another seed", self._roll))
        fields = form(("Evaluations", self.nfe), ("Full diffusion", self.full_nfe), ("Seed", seed),
                      ("Pictures", self.count), ("Values of k", self.parts), ("", self.varies),
                      ("", self.scores), ("Scored", self.scored))
        self.facts = theme.say(QLabel(wordWrap=True), "muted")
        self.set_inspector(page(fields, self.facts))
        self.copy = flat("copy", "Copy the command line that draws the same", self.copy_command)
        self.sweep_button = QPushButton("Sweep k")
        self.sweep_button.setProperty("primary", True)
        self.sweep_button.setMinimumWidth(88)
        self.sweep_button.setToolTip("Draw at several k and see which is best (Ctrl+Return)")
        self.sweep_button.clicked.connect(self.sweep_or_stop)
        for widget in (self.copy, self.sweep_button):
            self.add_to_header(widget)
        self.k.valueChanged.connect(lambda k: self.take(k))
        self.k_box.valueChanged.connect(lambda k: self.take(k))
        for box in (self.nfe, self.full_nfe, self.seed, self.count):
            box.valueChanged.connect(lambda _: self._ask.start())
        QShortcut(QKeySequence("Ctrl+Return"), self, self.sweep_or_stop,
                  context=Qt.ShortcutContext.WidgetWithChildrenShortcut)

    def _roll(self) -> None:
        self.seed.setValue(random.SystemRandom().randrange(100_000))

    # --- the run ----------------------------------------------------------------------------------

    def show_run(self, path: Path | None) -> None:
        """Show a run's hand-over, or say why it has none."""
        try:
            run = runs.read(path) if path is not None and path.exists() else None
        except StudioError as error:
            self.show_error(error)
            run = None
        known = None if self._run is None else (self._run.path, self._run.checkpoints)
        if known is not None and run is not None and known == (run.path, run.checkpoints):
            return
        self._leave()
        self._run = run
        if run is not None and handovers.hands_over(run):
            self._offer(run)
        self._show_why()
        if self._is_ready() and self.isVisible():
            self._ask.start()

    def _leave(self) -> None:
        """Give up what is still being drawn, and forget what was."""
        if self._asked is not None or self._is_sweeping():
            self.requested.emit(Cancel())
        self._ask.stop()
        self._asked, self._full, self._full_of, self._plan, self.sweep = None, None, None, [], []
        self._scores = None
        self.view.show_frame(None)
        self.view.empty = "Drawing…"
        self.readout.setText(" ")
        self.notice.hide()
        self.show_error(None)
        self._show_sweep()

    def _offer(self, run: Run) -> None:
        model, config = run.config.model, run.config
        widgets = (self.k, self.k_box, self.nfe, self.full_nfe, self.seed, self.count)
        blockers = [QSignalBlocker(widget) for widget in widgets]
        own = next(knob for knob in model.knobs() if knob.name == handovers.KNOB)
        for widget in (self.k, self.k_box):
            widget.setRange(round(own.low), round(own.high))
            widget.setValue(round(own.default))
        low, _, high = model.evaluations
        self.nfe.setRange(low, high)
        self.nfe.setValue(config.nfe)
        self.full_nfe.setRange(1, round(own.high))
        self.full_nfe.setValue(min(FULL_NFE, round(own.high)))
        self.seed.setValue(config.sample.seed)
        self.count.setMaximum(20_000 if config.shape.is_points else 64)
        self.count.setValue(POINTS if config.shape.is_points else 8)
        del blockers
        self.full_nfe.setEnabled(handovers.compares(run))
        self.facts.setText(f"{run.name} learned to take over at k = {round(own.default):,}. Far "
                           "from there its GAN sees what it was never shown.")

    def _is_ready(self) -> bool:
        return self._run is not None and not handovers.why_not(self._run)[0]

    def _show_why(self) -> None:
        title, why = handovers.why_not(self._run)
        self._pages.setCurrentIndex(0 if title else 1)
        if title:
            self.nothing.tell(title, why)
        is_own = self._run is not None and self._run.name == READY
        self.nothing.button.setVisible(bool(title) and not is_own)
        for part in (self._transport, self.copy, self.sweep_button, self._toggle):
            part.setVisible(not title)
        self._inspector.setVisible(not title and self._toggle.isChecked())

    # --- drawing ----------------------------------------------------------------------------------

    def take(self, k: int, nfe: int | None = None) -> None:
        """Hand over at another k, and with other evaluations where they are given."""
        blockers = [QSignalBlocker(widget) for widget in (self.k, self.k_box, self.nfe)]
        self.k.setValue(k)
        self.k_box.setValue(k)
        if nfe is not None:
            self.nfe.setValue(nfe)
        del blockers
        self._ask.start()

    def request(self, k: int, nfe: int) -> Draw:
        """Return the drawing with a hand-over at k; the full diffusion is drawn once for all."""
        assert self._run is not None
        plain = Draw(self._run.path, self.count.value(), handovers.sampler_of(self._run),
                     seed=self.seed.value(), knobs={handovers.BESIDE: self.full_nfe.value()})
        knobs: dict[str, float] = {handovers.KNOB: k}
        if handovers.compares(self._run) and (self._full is None or plain != self._full_of):
            self._full, self._full_of = None, plain
        if handovers.compares(self._run) and self._full is None:
            knobs |= plain.knobs
        return replace(plain, nfe=nfe, knobs=knobs)

    def draw(self) -> None:
        """Draw with the hand-over as it is set."""
        if self._is_ready() and not self._plan:
            self._do(self.request(self.k.value(), self.nfe.value()))

    def _do(self, request: Draw) -> None:
        self._frames, self._asked = [], request
        self.requested.emit(request)

    def copy_command(self) -> None:
        """Put the command line that draws the same on the clipboard, or scores the same sweep."""
        if self._run is not None and self._is_ready():
            scores = self.scores.isChecked() and bool(self.sweep)
            request = self.request(self.k.value(), self.nfe.value())
            QGuiApplication.clipboard().setText(
                commands.as_command(self._scoring(self._run) if scores else request))

    # --- sweeping ---------------------------------------------------------------------------------

    def sweep_or_stop(self) -> None:
        """Draw at several k, one after the other; or stop doing so."""
        if not self._is_ready() or self._run is None:
            return
        if self._is_sweeping():
            self._plan, self._scores = [], None
            self.requested.emit(Cancel())
            self._show_sweep()
            return
        low, _, high = self._run.config.model.evaluations
        own = self.nfe.value()
        counts = {own, *(EVALUATIONS if self.varies.isChecked() else ())}
        values = handovers.values_of_k(self.k.maximum(), self.parts.value(), self.k.value())
        self.sweep = []
        self._ask.stop()
        self._plan = [self.request(k, nfe) for nfe in sorted(counts) if low <= nfe <= high
                      for k in values]
        # Once before, so that nothing of getting ready is taken for the time of the first.
        self._plan.insert(0, self._plan[0])
        self._show_sweep()
        self._do(self._plan[0])

    def _swept(self, handed: Handed) -> None:
        """Keep what one drawing of a sweep gave and go on; the first one was only a warm-up."""
        is_first = len(self.sweep) == 0 and self._plan[1:2] == self._plan[:1]
        self._plan.pop(0)
        if not is_first:
            self.sweep.append(handed)
            self._show_sweep()
        if self._plan:
            asked = self._plan[0]
            return self._do(self.request(handovers.asked(asked)[0], asked.nfe or 2))
        self._go_to_best(scored=False)
        if self.scores.isChecked() and self._run is not None:
            self._scores = self._scoring(self._run)
            self.scoring.begin([f"k = {each.k:,}, {each.nfe:,} evaluations" for each in self.sweep])
            self._show_sweep()
            self.requested.emit(self._scores)

    def _go_to_best(self, scored: bool) -> None:
        if (found := handovers.best(self.sweep, scored)) is not None:
            self.take(found.k, found.nfe)

    def _is_sweeping(self) -> bool:
        return bool(self._plan) or self._scores is not None

    def _scoring(self, run: Run) -> Sweep:
        """Return what scores every hand-over of the sweep."""
        plain = Score(run.path, count=self.scored.value(), metrics=("fid",),
                      sampler=handovers.sampler_of(run))
        return Sweep(tuple(replace(plain, nfe=each.nfe, knobs={handovers.KNOB: each.k})
                           for each in self.sweep))

    def _show_sweep(self) -> None:
        empty = "Sweep k to see which hand-over is best."
        if self._run is not None and not handovers.compares(self._run):
            empty = "Its diffusion cannot be drawn beside it: sweep k with Score too."
        self.swept.show_sweep(self.sweep, empty)
        self.scoring.setVisible(self._scores is not None)
        self.readout.setVisible(self._scores is None)
        self.sweep_button.setText("Stop" if self._is_sweeping() else "Sweep k")

    # --- events -----------------------------------------------------------------------------------

    def on_answer(self, request: object, event: Event) -> None:
        """Take what a drawing or a sweep of scores tells; what was given up is not listened to."""
        if isinstance(event, Notice):
            if isinstance(request, Draw) or event.level != "info":  # not what was known already
                self.notice.tell(event)
        elif isinstance(request, Sweep):
            if request == self._scores:
                self._take_score(event)
        elif isinstance(request, Draw) and request == self._asked:
            if isinstance(event, Frame):
                self._frames.append(event)
            elif isinstance(event, Done):
                self._ended(event, request)

    def _ended(self, done: Done, request: Draw) -> None:
        self._asked = None
        if done.outcome != "finished" or len(self._frames) < 2:
            self._plan = []
            return self._show_sweep()
        handed, full = handovers.frames_of(self._frames, request)
        self._full = full or self._full
        last = self._frames[-1]
        if self._full is not None:
            handed = replace(handed, distance=handovers.distance(last.x_t, self._full.images))
        frame = handovers.shown(last, self._full)
        self.view.show_rows(tuple(frame.extra))
        self.view.show_frame(frame)
        self.readout.setText(handovers.readout(handed, self._full, self.k.maximum()))
        if self._plan:
            self._swept(handed)

    def _take_score(self, event: Event) -> None:
        """Give a score to the hand-over that it is of; after the last, go to the best."""
        self.scoring.on_event(event)
        if isinstance(event, Scored) and event.place is not None and "frechet" in event.scores:
            value = float(event.scores["frechet"]["value"])
            self.sweep[event.place] = replace(self.sweep[event.place], score=value)
        elif isinstance(event, Done):
            self._scores = None
            if event.outcome == "finished":
                self._go_to_best(scored=True)
        else:
            return
        self._show_sweep()

    def show_error(self, error: StudioError | None) -> None:
        """Tell an error; the drawing or the sweep is over."""
        super().show_error(error)
        if error is not None:
            self._asked, self._plan, self._scores = None, [], None
            self._show_sweep()

    def showEvent(self, event: QShowEvent) -> None:
        """Draw for those who look."""
        if self._is_ready() and self.view.frame_shown() is None:
            self._ask.start()
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """Ask nothing for nobody."""
        self._ask.stop()
        super().hideEvent(event)


if __name__ == "__main__":
    sys.exit(alone(HandoverPanel))
