"""New run: a preset, every setting of it in a form, what it would cost, and Start."""

from __future__ import annotations

import sys
import typing
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import commands, runs, telling
from hybridstudio import config as configs
from hybridstudio.config import RunConfig, known, leaves, value_at
from hybridstudio.errors import Problem, StudioError, translate
from hybridstudio.gui import theme
from hybridstudio.gui.anatomy import Panel, alone
from hybridstudio.gui.askfile import ask_file
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.faulty import as_far_as_valid
from hybridstudio.gui.form import ConfigForm
from hybridstudio.gui.presetlist import FIRST, PresetList
from hybridstudio.gui.theme import GRID
from hybridstudio.gui.wishes import Cancel
from hybridstudio.messages import Device, Done, Event, Probe, Probed, Progress, Started, Train

PROBE_MS = 1200  # how long a user pauses before an estimate is made unasked

# The settings that change what a step costs; any other leaves an estimate as it is.
COSTLY = ("data.", "model.", "train.batch_size", "train.optimiser", "train.precision")


class SetupPanel(Panel):
    """Choose a preset, change what you like, see what it costs, start."""

    TITLE = "New run"
    SAYS = "Choose a preset, change what you like, see what it costs, start."
    HELP = ("A preset is a complete set of settings. Point at a setting to read what it does; a "
            "dot marks those you changed, and the arrow beside one takes it back. Estimate trains "
            "a few steps on this machine and tells how long the whole will take. Start writes a "
            "folder of its own for the run, from which it can be resumed at any time.")

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._probed: tuple[Probe, Probed] | None = None
        self._asked: Probe | None = None
        self._at_hand: set[str] = set()  # data sets known to lie on this machine
        self._list = PresetList()
        self._list.picked.connect(self._open_preset)
        self.form = ConfigForm()
        self.form.changed.connect(self._on_changed)
        sides = QSplitter(Qt.Orientation.Horizontal)
        sides.setChildrenCollapsible(False)
        form_page = QWidget()
        page = QVBoxLayout(form_page)
        page.setContentsMargins(2 * GRID, GRID, GRID, GRID)
        page.addWidget(self.form)
        find = QLineEdit(placeholderText="Find a preset", clearButtonEnabled=True)
        find.setAccessibleName("Find a preset")
        find.textChanged.connect(self._list.show_matching)
        left = QWidget()
        left.setMinimumWidth(150)
        column = QVBoxLayout(left)
        column.setContentsMargins(GRID, GRID, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(find)
        column.addWidget(self._list, 1)
        form_page.setMinimumWidth(310)
        sides.addWidget(left)
        sides.addWidget(form_page)
        sides.setSizes([220, 460])
        sides.setStretchFactor(1, 1)
        self.set_canvas(sides)
        self.set_inspector(self._made_inspector())
        self.set_transport(self._made_transport())
        self._timer = QTimer(self, singleShot=True, interval=PROBE_MS)
        self._timer.timeout.connect(self._probe_unasked)
        self._copied = QTimer(self, singleShot=True, interval=1500)
        self._copied.timeout.connect(lambda: self._copy.setText("Copy command"))
        self._list.pick(FIRST)

    # --- the face ---------------------------------------------------------------------------------

    def set_config(self, config: RunConfig) -> None:
        """Fill the form in from any config, such as that of a run."""
        self._list.show_picked("")
        self.show_error(None)
        self.form.set_config(config)

    def open_file(self, path: Path) -> None:
        """Open a TOML file; what is wrong with it shows beside the fields, the rest is taken."""
        self.show_error(None)
        try:
            values = configs.plain(configs.read_text(path), path.name)
            config, problems = as_far_as_valid(values, path.name)
        except (StudioError, OSError) as error:
            self.show_error(translate(error))
            return
        self._list.show_picked("")
        if "name" not in values:
            config = config.model_copy(update={"name": path.stem[:100]})
        self.form.set_config(config, problems)

    def on_event(self, event: Event) -> None:
        """Take the estimate, and how far its preparation is."""
        if self._asked is None:
            return
        if isinstance(event, Started):
            self._cost.setText(event.what + " …")
        elif isinstance(event, Progress):
            share = f" {100 * event.step / event.total:.0f} %" if event.total else ""
            self._cost.setText(f"Preparing the data{share}")
        elif isinstance(event, Probed):
            self._probed, self._asked = (self._asked, event), None
            self._at_hand.add(self._probed[0].config.data.name)
            self._show_estimate()
            if not self._stands(self.form.config()):
                self._timer.start()  # the settings have changed meanwhile
        elif isinstance(event, Done):  # stopped, or replaced by other work
            self._asked = None
            self._show_estimate()

    def show_error(self, error: StudioError | None) -> None:
        """Tell an error above the form; an estimate that failed is no longer waited for."""
        super().show_error(error)
        if error is not None:
            self._asked = None
            self._show_estimate()

    def request(self) -> Train | None:
        """Return what Start asks for, or None while a setting is wrong."""
        config = self.form.config()
        if config is None:
            return None
        return Train(config, runs.new_path(config.name), device=self._device())

    # --- what it costs ----------------------------------------------------------------------------

    def probe(self) -> None:
        """Ask for an estimate of the settings as they stand."""
        self._timer.stop()
        config = self.form.config()
        if config is not None:
            self.show_error(None)
            self._asked = Probe(config, self._device())
            self._show_estimate()
            self.requested.emit(self._asked)

    def _probe_unasked(self) -> None:
        """Estimate by itself where that takes a moment: no download is started unasked."""
        config = self.form.config()
        if config is None or self._asked is not None or not self.isVisible():
            return
        is_here = known.is_embedded(config.data) or config.data.name in self._at_hand
        if is_here and not self._stands(config):
            self.probe()

    def _probe_or_cancel(self) -> None:
        if self._asked is None:
            self.probe()
        else:
            self._timer.stop()
            self._estimate.setEnabled(False)
            self.requested.emit(Cancel())

    def _stands(self, config: RunConfig | None) -> bool:
        """Tell whether the last estimate holds for a config."""
        if config is None or self._probed is None:
            return False
        before = self._probed[0]
        is_alike = (before.device, before.config.model.family) == (
            self._device(), config.model.family)
        return is_alike and not any(
            value_at(config, leaf.path) != value_at(before.config, leaf.path)
            for leaf in leaves(config) if leaf.path.startswith(COSTLY))

    def _show_estimate(self) -> None:
        config = self.form.config()
        self._estimate.setEnabled(config is not None or self._asked is not None)
        if self._asked is not None:
            self._name_estimate("Cancel")
            self._note.setText("")
            self._cost.setText("Estimating …")
            return
        self._name_estimate("Estimate again" if self._probed else "Estimate")
        if self._probed is None:
            self._cost.setText("Not estimated yet")
            self._note.setText("Estimate trains a few steps on this machine.")
            return
        request, probed = self._probed
        stands = self._stands(config)
        about = config if stands and config is not None else request.config
        rate = about.train.batch_size / max(probed.seconds_per_step, 1e-9)
        self._cost.setText(f"About {roughly(probed.seconds_per_step * about.train.steps)}")
        sizes = ", ".join(f"{name} {count / 1e6:.2f} M" for name, count in
                          probed.parameters.items())
        facts = [f"{rate:,.0f} pictures/s", f"{telling.bytes(probed.memory)} of memory",
                 f"weights: {sizes}" if sizes else ""]
        if not stands:
            facts.append("Out of date: the settings have changed since.")
        self._note.setText("\n".join(fact for fact in facts if fact))
        theme.say(self._cost, "heading" if stands else "muted")

    def _name_estimate(self, text: str) -> None:
        if text != self._estimate.text():
            self._estimate.setText(text)
            self._estimate.setShortcut("Ctrl+E")  # which a new text takes away

    # --- what a user does -------------------------------------------------------------------------

    def _open_preset(self, name: str, config: RunConfig) -> None:
        self.show_error(None)
        self.form.set_config(config)
        self._about.setText(config.says)

    def _on_changed(self) -> None:
        config = self.form.config()
        faults = self.form.problems
        self._start.setEnabled(config is not None)
        self._copy.setEnabled(config is not None)
        self._save.setEnabled(config is not None)
        self._blocked.setVisible(bool(faults))
        if faults:
            more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
            self._blocked.setText(f"To start, mend {self._named(faults[0])}{more}.")
        elif config is not None:
            folder = runs.new_path(config.name)
            self._folder.setText(folder.name)
            self._folder.setToolTip(str(folder))
            self._about.setText(config.says)
            if not self._stands(config):
                self._timer.start()
        changed = bool(self.form.changes())
        self._reset.setEnabled(changed)
        self._show_estimate()

    def _named(self, fault: Problem) -> str:
        """Tell a fault with its field's label in front."""
        label = self.form.name_of(fault.path)
        return f"“{label}”: {fault.what}" if label else f"this: {fault.what}"

    def _start_now(self) -> None:
        request = self.request()
        if request is not None:
            self.requested.emit(request)

    def _copy_command(self) -> None:
        request = self.request()
        if request is not None:
            QGuiApplication.clipboard().setText(commands.as_command(request))
            self._copy.setText("Copied")
            self._copied.start()

    def _ask_save(self) -> None:
        config = self.form.config()
        ask_file(self, "Save the settings", self.save_file, kinds=["Settings (*.toml)"],
                 save_as=f"{config.name if config else 'run'}.toml")

    def save_file(self, path: Path) -> None:
        """Write the settings as a TOML file that Open and `hybridstudio train` read."""
        config = self.form.config()
        if config is None:
            return
        try:
            path.write_text(configs.dumps(config), encoding="utf-8")
        except OSError as error:
            self.show_error(translate(error))

    def _ask_open(self) -> None:
        ask_file(self, "Open settings", self.open_file, kinds=["Settings (*.toml)"])

    def _device(self) -> Device:
        return typing.cast(Device, self._devices.currentText())

    # --- building ---------------------------------------------------------------------------------

    def _made_inspector(self) -> QWidget:
        page = QWidget()
        self._about = theme.say(QLabel(wordWrap=True), "muted")
        self._folder = QLabel()
        self._folder.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._devices = QComboBox()
        self._devices.addItems(list(typing.get_args(Device)))
        self._devices.setAccessibleName("Device")
        self._devices.setToolTip("Where it is trained; auto takes the fastest there is")
        self._devices.currentTextChanged.connect(self._on_changed)
        self._cost = theme.say(QLabel(wordWrap=True), "heading")
        self._note = theme.say(QLabel(wordWrap=True), "muted")
        self._estimate = QPushButton("Estimate")
        self._estimate.setToolTip("Train a few steps to tell time and memory (Ctrl+E)")
        self._estimate.setShortcut("Ctrl+E")
        self._estimate.setAccessibleName("Estimate")
        self._estimate.clicked.connect(self._probe_or_cancel)
        facts = QFormLayout()
        facts.setHorizontalSpacing(2 * GRID)
        facts.addRow(theme.say(QLabel("Folder"), "muted"), self._folder)
        facts.addRow(theme.say(QLabel("Device"), "muted"), self._devices)
        column = QVBoxLayout(page)
        column.setSpacing(GRID)
        column.addWidget(theme.say(QLabel("This run"), "heading"))
        column.addWidget(self._about)
        column.addLayout(facts)
        column.addSpacing(2 * GRID)
        column.addWidget(theme.say(QLabel("What it costs"), "heading"))
        column.addWidget(self._cost)
        column.addWidget(self._note)
        column.addWidget(self._estimate, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        return page

    def _made_transport(self) -> QWidget:
        bar = QWidget()
        self._start = QPushButton("Start training")
        self._start.setProperty("primary", True)
        theme.set_icon(self._start, "play")
        self._start.setShortcut("Ctrl+Return")
        self._start.setToolTip("Train with these settings (Ctrl+Return)")
        self._start.clicked.connect(self._start_now)
        self._blocked = theme.say(QLabel(wordWrap=True), "error")
        self._copy = flat("copy", "Copy the command line that does the same",
                          self._copy_command)
        self._reset = flat("undo", "Take back every change (Ctrl+Z undoes one)",
                           self.form.reset, "Reset all")
        opened = flat("folder", "Open settings from a TOML file", self._ask_open, "Open")
        self._save = flat("save", "Save the settings as a TOML file", self._ask_save, "Save as")
        self._blocked.hide()
        row = QHBoxLayout()
        row.setSpacing(GRID // 2)
        column = QVBoxLayout(bar)
        column.setContentsMargins(GRID, 0, GRID, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(self._blocked)
        column.addLayout(row)
        row.addWidget(self._start)
        row.addStretch(1)
        for button in (self._reset, opened, self._save, self._copy):
            row.addWidget(button)
        stack = self.form.undo_stack
        for keys, act in ((QKeySequence.StandardKey.Undo, stack.undo),
                          (QKeySequence.StandardKey.Redo, stack.redo)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(act)
        return bar

    def showEvent(self, event: QShowEvent) -> None:
        """Look again for a free folder, and estimate if that is due."""
        super().showEvent(event)
        self._on_changed()


def roughly(seconds: float) -> str:
    """Write a duration as a guess deserves: 40 s, 8 min, 2.5 h, 3 days."""
    for unit, size, most in (("s", 1, 90), ("min", 60, 90), ("h", 3600, 36)):
        if seconds < most * size:
            return f"{seconds / size:.2g} {unit}" if seconds / size < 10 else (
                f"{seconds / size:.0f} {unit}")
    return f"{seconds / 86_400:.2g} days"


if __name__ == "__main__":
    sys.exit(alone(SetupPanel, [
        Started("Estimating time and memory"),
        Probed(0.19, 600_000_000, 480.0, {"unet": 1_240_000})], ms=1500))
