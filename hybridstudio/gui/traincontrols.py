"""The transport of the training panel: what steers a run, how far it is, and a line of words."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.theme import GRID
from hybridstudio.runs import Run

_PARTS = 1000  # of the bar
STEPS = (1, 10)  # that one player may make alone


class TrainControls(QWidget):
    """Buttons that the run's state allows; each tells its own signal when it is clicked."""

    paused = Signal()
    resumed = Signal()
    prolonged = Signal()
    stopped = Signal()
    saved = Signal()
    sampled = Signal()
    stepped = Signal(str, int)  # one player's network, and how many steps it makes alone

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pause = _button("Pause", "pause", "Wait at the next step; nothing is lost", True)
        self.resume = _button("Resume", "play", "Go on from the newest checkpoint, or from the "
                                                "beginning where there is none", True)
        self.longer = _button("Train longer", "play", "Go on for half as many steps again")
        self.stop = _button("Stop", "stop", "Save and end; resume any time")
        self.save = _button("Save now", "save", "Write a checkpoint now")
        self.sample = _button("Sample now", "image", "Draw new pictures from the weights as they "
                                                     "stand; training waits meanwhile")
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID)
        for button, clicked in ((self.pause, self.paused), (self.resume, self.resumed),
                                (self.longer, self.prolonged), (self.stop, self.stopped),
                                (self.save, self.saved), (self.sample, self.sampled)):
            button.clicked.connect(clicked)
            buttons.addWidget(button)
        self.bar = QProgressBar()
        self.bar.setRange(0, _PARTS)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Share of the training that is done")
        self.line = theme.say(QLabel(), "number")
        buttons.addStretch(1)
        buttons.addWidget(self.line)
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GRID - GRID // 2, GRID // 2, GRID, GRID // 2)
        column.setSpacing(GRID)
        column.addWidget(self.bar)
        column.addLayout(buttons)
        self._players: tuple[str, ...] = ()
        self.alone = QWidget()
        self._alone = QHBoxLayout(self.alone)
        self._alone.setContentsMargins(0, 0, 0, 0)
        self._alone.setSpacing(GRID)
        self.alone.hide()
        column.addWidget(self.alone)

    def tell(self, share: float, words: str) -> None:
        """Show how far the run is, a share of 1, and say it."""
        self.bar.setValue(round(_PARTS * min(share, 1.0)))
        self.line.setText(words)

    def show_state(self, run: Run, is_paused: bool, is_drawing: bool, is_cancelling: bool) -> None:
        """Show the buttons for a run as it stands, and for the pictures that are drawn from it."""
        training = run.state == "training"
        # A budget may have ended it before its steps were done.
        is_done = run.state == "finished" and run.step >= run.config.train.steps
        resumable = run.state in ("stopped", "interrupted", "finished") and not is_done
        for button, shown in (
                (self.pause, training), (self.stop, training), (self.save, training),
                (self.resume, resumable), (self.longer, is_done),
                (self.sample, bool(run.config.model.samplers) and (
                    training or is_drawing or bool(run.checkpoints)))):
            if button.isVisibleTo(self) != shown:
                button.setVisible(shown)
        self.sample.setEnabled(not is_cancelling)
        self._offer_steps(run.config.model.players if run.config.model.adversarial else ())
        self.alone.setVisible(training and is_paused and bool(self._players))
        _name(self.pause, *(("Continue", "play") if is_paused else ("Pause", "pause")))
        _name(self.sample, *(("Cancel drawing", "close") if is_drawing else (
            "Sample now", "image")))

    def _offer_steps(self, players: tuple[str, ...]) -> None:
        """Let each of the players learn alone while the training waits, to see what that does."""
        if players == self._players:
            return
        self._players = players
        while (item := self._alone.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for player in players:
            name = player.replace("_", " ")
            for count in STEPS:
                words = f"Step {name}" if count == STEPS[0] else f"×{count}"
                times = "one step" if count == 1 else f"{count} steps"
                button = _button(words, "step-forward", f"Let the {name} alone learn for {times}, "
                                 "the others as they are")
                button.setAccessibleName(f"Step {name} ×{count}")
                button.clicked.connect(partial(self._step, player, count))
                self._alone.addWidget(button)
            self._alone.addSpacing(GRID)
        self._alone.addStretch(1)

    def _step(self, player: str, count: int, _checked: bool = False) -> None:
        self.stepped.emit(player, count)


def _button(text: str, icon: str, says: str, primary: bool = False) -> QPushButton:
    button = QPushButton(text)
    button.setProperty("primary", primary)
    button.setToolTip(says)
    theme.set_icon(button, icon)
    return button


def _name(button: QPushButton, text: str, icon: str) -> None:
    if button.text() != text:
        button.setText(text)
        theme.set_icon(button, icon)
