"""The inspector of a tree of drawings: how the first line is drawn, and what a branch changes."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from hybridstudio.gui import theme
from hybridstudio.gui.branchtree import changed
from hybridstudio.gui.drawing import DrawSettings
from hybridstudio.gui.theme import GRID
from hybridstudio.gui.wayform import WayForm
from hybridstudio.messages import Branch
from hybridstudio.runs import Run

STARTING = 4  # pictures of a tree, unless a user wants more


class BranchForm(QWidget):
    """Two forms: the drawing's own settings, and those from a step on; `asked` asks to branch."""

    asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._run: Run | None = None
        self._at = 0
        self._before = DrawSettings()
        self.root = WayForm(with_count=True)
        self.way = WayForm(with_count=False, nfe="Steps left")
        self.way.setAccessibleName("From here on")
        self._where = theme.say(QLabel("From here on"), "heading")
        self.hint = theme.say(QLabel(), "muted")
        self.hint.setWordWrap(True)
        self.button = QPushButton("Branch here")
        self.button.setProperty("primary", True)
        self.button.setToolTip("Draw on from this step with these settings (Return)")
        self.button.clicked.connect(self.asked)
        self.way.changed.connect(self._show_hint)
        column = QVBoxLayout(self)
        column.setSpacing(GRID)
        column.addWidget(self._where)
        column.addWidget(self.way)
        column.addWidget(self.button)
        column.addWidget(self.hint)
        column.addSpacing(GRID)
        column.addWidget(theme.say(QLabel("The first line"), "heading"))
        column.addWidget(self.root)
        note = theme.say(QLabel("Draw begins a new tree with these."), "muted")
        note.setWordWrap(True)
        column.addWidget(note)
        column.addStretch(1)
        self.offer(False)

    def show_run(self, run: Run) -> None:
        """Offer what a run has, with its own settings."""
        self._run = run
        self.root.show_run(run)
        self.way.show_run(run)
        settings = DrawSettings.of(run)
        count = settings.count if run.config.shape.is_points else STARTING
        self.root.show_settings(DrawSettings(**{**vars(settings), "count": count}))
        # A number of steps that is the model's own cannot be divided.
        low, _, high = run.config.model.evaluations
        self.way._form.setRowVisible(self.way.nfe, low < high)
        self.show_step(0, None, self.root.settings())

    def offer(self, on: bool) -> None:
        """Let a branch be drawn, or not."""
        self._is_on = on
        self._show_hint()

    def show_step(self, at: int, t: float | None, before: DrawSettings) -> None:
        """Begin from the settings that a line has at a step."""
        self._at, self._before = at, before
        where = "From here on" if t is None else f"From step {at} on (t = {round(t):,})"
        self._where.setText(where)
        self.way.show_settings(before)
        self._show_hint()

    def branch(self) -> Branch | None:
        """Return the branch that is asked for, None where nothing differs."""
        return changed(self._at, self._before, self.way.settings())

    def _show_hint(self) -> None:
        branch, run = self.branch(), self._run
        settings = self.way.settings()
        words = ""
        if self._is_on and branch is None:
            words = "Change a setting to branch: another seed, sampler, class…"
        elif branch is not None and branch.seed is not None and run is not None \
                and not run.config.model.draws_noise(settings.sampler, settings.eta):
            words = ("This sampler draws no fresh noise on the way: another seed changes nothing "
                     "from here. Take the ancestral one, or DDIM with η above 0.")
            if branch == Branch(branch.at, branch.seed):
                branch = None
        self.hint.setText(words)
        self.hint.setVisible(bool(words))
        self.button.setEnabled(self._is_on and branch is not None)
