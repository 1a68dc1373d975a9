"""Variants of a run: up to three settings with several values each, queued as runs of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QComboBox,
    QCompleter,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import runs
from hybridstudio.commands import quoted, words_of
from hybridstudio.comparison.differences import written
from hybridstudio.config import RunConfig, leaves, value_at
from hybridstudio.errors import ConfigError, StudioError
from hybridstudio.gui import theme
from hybridstudio.gui.buttons import flat
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Train
from hybridstudio.variants import Variant, values_of, varied

MOST = 3  # settings that vary at once
USUAL = "train.lr"
NAMES_SHOWN = 3
_FIXED = ("schema_version", "name", "says", "source", "model.family", "data.classes")


class Setting(QWidget):
    """One setting and the values it takes, with commas between them."""

    def __init__(self, form: VariantsForm) -> None:
        super().__init__()
        self.path = QComboBox()
        self.path.setEditable(True)
        self.path.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.path.setAccessibleName("Setting that varies")
        self.path.setMinimumWidth(80)
        self.path.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        if (completer := self.path.completer()) is not None:
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
            completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self.values = QLineEdit()
        self.values.setAccessibleName("Its values")
        self.remove = flat("close", "Do not vary this", lambda: form.remove(self))
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self.path, 1)
        row.addWidget(self.remove)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addLayout(row)
        column.addWidget(self.values)
        self.path.currentTextChanged.connect(lambda _text: form.check())
        self.values.textChanged.connect(lambda _text: form.check())

    def offer(self, config: RunConfig, path: str) -> None:
        """Offer the fields of a config, with their help, and choose one of them."""
        self.path.blockSignals(True)
        self.path.clear()
        idle = config.model.idle()
        for leaf in leaves(config):
            if leaf.path not in _FIXED and not (idle and leaf.path.startswith(idle)):
                self.path.addItem(leaf.path)
                self.path.setItemData(self.path.count() - 1, leaf.says,
                                      Qt.ItemDataRole.ToolTipRole)
        self.path.setCurrentText(path)
        self.path.blockSignals(False)


class VariantsForm(QWidget):
    """Builds variants of a base run; `queued` tells a list of Train, `cloned` its config."""

    queued = Signal(object)
    cloned = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._configs: dict[Path, RunConfig] = {}
        self._names: dict[Path, str] = {}
        self.base = QComboBox()
        self.base.setAccessibleName("The run that is varied")
        self.base.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.base.currentIndexChanged.connect(lambda _place: self._offer())
        self.clone = QPushButton("Clone and change")
        self.clone.setToolTip("Open the page for a new run, filled in with this run's settings")
        self.clone.clicked.connect(self._clone)
        self.more = flat("plus", "Vary one more setting", self.add, words="Another setting")
        self.says = theme.say(QLabel(wordWrap=True), "muted")
        self.says.setTextFormat(Qt.TextFormat.PlainText)
        self.queue = QPushButton("Queue")
        self.queue.setToolTip("Let these variants wait in the queue; nothing begins by itself")
        self.queue.clicked.connect(self._queue)
        self._settings: list[Setting] = []
        self._rows = QVBoxLayout()
        self._rows.setSpacing(GRID)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(self.base)
        column.addWidget(self.clone)
        column.addWidget(theme.say(QLabel("Vary"), "muted"))
        column.addLayout(self._rows)
        column.addWidget(self.more, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.says)
        self.copy = flat("copy", "Copy the command line that trains these variants",
                         self.copy_command)
        last = QHBoxLayout()
        last.setSpacing(GRID // 2)
        last.addWidget(self.queue, 1)
        last.addWidget(self.copy)
        column.addLayout(last)
        self.add()

    # --- the face ---------------------------------------------------------------------------------

    def show_bases(self, configs: Mapping[Path, tuple[str, RunConfig]]) -> None:
        """Offer these runs to be varied, by their names; the chosen one stays chosen."""
        if {path: told[1] for path, told in configs.items()} == self._configs:
            return
        chosen = self.base.currentData()
        self._configs = {path: told[1] for path, told in configs.items()}
        self.base.blockSignals(True)
        self.base.clear()
        for path, (name, _config) in configs.items():
            self.base.addItem(name, path)
        self.base.setCurrentIndex(max(0, self.base.findData(chosen)))
        self.base.blockSignals(False)
        self._offer()

    def config(self) -> RunConfig | None:
        """Return the settings of the run that is varied."""
        return self._configs.get(self.base.currentData())

    def add(self) -> None:
        """Offer one more setting to vary."""
        if len(self._settings) < MOST:
            setting = Setting(self)
            self._settings.append(setting)
            self._rows.addWidget(setting)
            if (config := self.config()) is not None:
                setting.offer(config, USUAL if len(self._settings) == 1 else "train.batch_size")
            self.check()

    def remove(self, setting: Setting) -> None:
        """Take a setting out; the last one is only emptied."""
        if len(self._settings) > 1:
            self._settings.remove(setting)
            self._rows.removeWidget(setting)
            setting.hide()
            setting.deleteLater()
        else:
            setting.values.clear()
        self.check()

    def variants(self) -> list[Variant]:
        """Return the variants as they are described; raises ConfigError or UsageError."""
        config = self.config()
        values = {setting.path.currentText().strip(): values_of(setting.values.text())
                  for setting in self._settings if setting.values.text().strip()}
        return varied(config, values) if config is not None and values else []

    def command(self) -> str:
        """Return the command line that trains these variants one after the other."""
        config = self.config()
        if config is None:
            return ""
        words = words_of(Train(config, _group(config)))
        for setting in self._settings:
            if values := setting.values.text().strip():
                words += ["--vary", f"{setting.path.currentText().strip()}={values}"]
        return quoted(words)

    def copy_command(self) -> None:
        """Put that command line on the clipboard."""
        QGuiApplication.clipboard().setText(self.command())

    def check(self) -> None:
        """Say how many runs come out, or everything that is wrong with them."""
        config = self.config()
        for setting in self._settings:
            setting.values.setPlaceholderText(_now(config, setting.path.currentText()))
        is_good = False
        try:
            made = self.variants()
        except ConfigError as error:
            told = "\n".join(str(problem) for problem in error.problems)
        except StudioError as error:
            told = str(error)
        else:
            is_good = bool(made)
            names = [variant.name for variant in made]
            more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
            told = "\n".join(names[:NAMES_SHOWN]) + more if made else (
                "Write values with commas between them, such as 1e-4, 2e-4.")
        self.says.setText(told)
        count = len(made) if is_good else 0
        self.queue.setText(f"Queue {count} run{'s' if count != 1 else ''}" if count else "Queue")
        self.queue.setEnabled(is_good)
        self.copy.setEnabled(is_good)
        self.clone.setEnabled(config is not None)
        self.more.setVisible(len(self._settings) < MOST)
        theme.say(self.says, "muted" if is_good or not any(
            setting.values.text().strip() for setting in self._settings) else "error")

    # --- inside -----------------------------------------------------------------------------------

    def _offer(self) -> None:
        config = self.config()
        if config is not None:
            for place, setting in enumerate(self._settings):
                before = setting.path.currentText()
                setting.offer(config, before or (USUAL if place == 0 else "train.batch_size"))
        self.check()

    def _clone(self) -> None:
        if (config := self.config()) is not None:
            self.cloned.emit(config)

    def _queue(self) -> None:
        if (config := self.config()) is not None:
            group = _group(config)
            self.queued.emit([Train(variant.config, group / variant.name)
                              for variant in self.variants()])


def _group(config: RunConfig) -> Path:
    """Return a free folder for the variants of a config to lie in."""
    return runs.new_path(f"{config.name}-variants")


def _now(config: RunConfig | None, path: str) -> str:
    """Say what a setting is now."""
    try:
        return f"now {written(value_at(config, path.strip()))}" if config is not None else ""
    except AttributeError:
        return "there is no such setting"
