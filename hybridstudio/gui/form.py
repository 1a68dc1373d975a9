"""A form made from a config's own fields: their types, limits, units and help, written once there.

Every edit is checked as it is typed, against the whole config; all faults show at once beside
their fields. Edits, resets and whole new configs can be undone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QUndoCommand, QUndoStack
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QLineEdit,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from hybridstudio import config as configs
from hybridstudio.config import Leaf, RunConfig, known
from hybridstudio.errors import ConfigError, Problem
from hybridstudio.gui import theme
from hybridstudio.gui.rows import Group, Row, label_of, sentence

CHECK_MS = 150  # a fault shows only once typing rests
HIDDEN = frozenset({"schema_version"})  # no business of a user's
SAYS = "Point at a field to read what it does. A dot (•) marks what you changed."


@dataclass(frozen=True)
class Snapshot:
    """The form at one moment: the config it started from and what each editor shows."""

    base: RunConfig
    states: Mapping[str, Any]


class Edit(QUndoCommand):
    """One change of the form; neighbouring edits of one field are undone as one."""

    def __init__(self, form: ConfigForm, text: str, before: Snapshot, after: Snapshot,
                 path: str = "") -> None:
        super().__init__(text)
        self._form, self._before, self._after, self._path = form, before, after, path

    def redo(self) -> None:
        """Show the form as it was after the change."""
        self._form.restore(self._after, self._path)

    def undo(self) -> None:
        """Show the form as it was before the change."""
        self._form.restore(self._before, self._path)

    def id(self) -> int:
        """Return a number for the field, by which edits are merged; -1 never merges."""
        return hash(self._path) & 0x3FFFFFFF if self._path else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        """Take a later edit of the same field into this one."""
        if not isinstance(other, Edit) or other._path != self._path:
            return False
        self._after = other._after
        self.setObsolete(self._before == self._after)
        return True


class ConfigForm(QWidget):
    """Editors for every field of a config, grouped by section, with faults beside their fields.

    `changed` fires after each check (150 ms after the last key); then `config()` is the RunConfig
    meant, or None while there are faults, which `problems` lists.
    """

    changed = Signal()

    def __init__(self, config: RunConfig | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.undo_stack = QUndoStack(self)
        self.problems: tuple[Problem, ...] = ()
        self._base = config or RunConfig()
        self._config: RunConfig | None = self._base
        self._rows: dict[str, Row] = {}
        self._told: dict[str, Problem] = {}  # faults that a file had, until their field is edited
        self._groups: list[Group] = []
        self._shown: Snapshot | None = None

        self._find = QLineEdit(placeholderText="Find a setting", clearButtonEnabled=True)
        self._find.setAccessibleName("Find a setting")
        self._find.textChanged.connect(self._show_matching)
        self._across = theme.say(QLabel(wordWrap=True), "error")
        self._across.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._across.hide()
        self._scroll = QScrollArea(widgetResizable=True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._help = theme.say(QLabel(wordWrap=True), "muted")
        self._help.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._help.setTextFormat(Qt.TextFormat.RichText)
        self._help.setFixedHeight(3 * self.fontMetrics().lineSpacing() + theme.GRID)
        self._help.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GRID)
        column.addWidget(self._find)
        column.addWidget(self._across)
        column.addWidget(self._scroll, 1)
        column.addWidget(self._help)

        self._timer = QTimer(self, singleShot=True, interval=CHECK_MS)
        self._timer.timeout.connect(self._check)
        self._build()
        self._help_for(None)

    # --- the face ---------------------------------------------------------------------------------

    def config(self) -> RunConfig | None:
        """Return the config that the form means now, or None while it has faults."""
        if self._timer.isActive():
            self._check()
        return self._config

    def set_config(self, config: RunConfig, problems: Iterable[Problem] = ()) -> None:
        """Show another config, against which changes are marked; can be undone.

        `problems` are faults of the file it came from, shown until their fields are edited.
        """
        states = {} if self._differs(config) else {
            path: row.editor.state_of(configs.value_at(config, path))
            for path, row in self._rows.items()}
        self._push("Open a config", Snapshot(config, states))
        self._told = {self._owner(problem): problem for problem in problems}
        self._check()

    def reset(self, path: str | None = None) -> None:
        """Put one field, or all of them, back to the config that was opened."""
        states = dict(self._snapshot().states)
        for name in [path] if path else list(states):
            states[name] = self._rows[name].editor.state_of(configs.value_at(self._base, name))
        self._push(f"Reset {path or 'all'}", Snapshot(self._base, states))
        self._check()

    def changes(self) -> tuple[str, ...]:
        """Return the paths of the fields that differ from the config that was opened."""
        return tuple(path for path, row in self._rows.items() if row.is_changed)

    def name_of(self, path: str) -> str:
        """Return what a field is called in the form, "" where it shows none at this path."""
        return label_of(self._rows[path].leaf) if path in self._rows else ""

    def set_value(self, path: str, value: Any) -> None:
        """Edit a field as a user would; raises KeyError for an unknown path."""
        editor = self._rows[path].editor
        editor.restore(editor.state_of(value))
        self._edited(path)

    def restore(self, snapshot: Snapshot, path: str = "") -> None:
        """Show the form as it was at another moment; an Edit calls this."""
        if snapshot == self._shown:
            return
        rebuild = self._differs(snapshot.base)
        self._base = snapshot.base
        self._told = {}
        if rebuild:
            self._build()
        for name, state in snapshot.states.items():
            self._rows[name].editor.restore(state)
        self._shown = self._snapshot()
        if path and not self._rows[path].widget.hasFocus():
            self._scroll.ensureWidgetVisible(self._rows[path].label)
        self._timer.start()

    # --- checking ---------------------------------------------------------------------------------

    def _check(self) -> None:
        """Read every editor, check the whole config, and show what is wrong where it is wrong."""
        self._timer.stop()
        values: dict[str, Any] = {}
        faults = list(self._told.values())
        for path, row in self._rows.items():
            try:
                values[path] = row.editor.read()
            except ValueError as error:
                faults.append(Problem(path, str(error)))
        try:
            config = configs.with_values(self._base, values)
            faults += known.problems(config)
        except ConfigError as error:
            faults += error.problems
        self._config = None if faults else config
        if not faults:
            self._leave_out(config.model.idle())
        self.problems = tuple(faults)
        owners = [(self._owner(fault), fault) for fault in faults]
        across = [fault for owner, fault in owners
                  if owner not in self._rows or self._rows[owner].is_idle]
        named = {word.strip(".") for fault in faults for word in re.findall(r"[\w.]+", fault.what)}
        self._across.setText("\n".join(sentence(fault) for fault in across))
        self._across.setVisible(bool(across))
        for path, row in self._rows.items():
            mine = [fault for owner, fault in owners if owner == path]
            row.show_fault("\n".join(sentence(fault) for fault in mine),
                           is_part=path in named)
            row.show_changed(values.get(path) != configs.value_at(self._base, path))
        for group in self._groups:
            group.open_for_faults()
        self.changed.emit()

    def _owner(self, fault: Problem) -> str:
        """Return the field that a fault belongs to, or the path of what it lies across.

        train.betas.1 is train.betas's, as is a fault of `train` that speaks of betas alone.
        """
        parts = fault.path.split(".")
        for end in range(len(parts), 0, -1):
            if (path := ".".join(parts[:end])) in self._rows:
                return path
        words = set(re.findall(r"\w+", fault.what))
        named = [path for path in self._rows if path.rpartition(".")[0] == fault.path
                 and path.rpartition(".")[2] in words]
        return named[0] if len(named) == 1 else fault.path

    # --- edits ------------------------------------------------------------------------------------

    def _edited(self, path: str) -> None:
        self._told.pop(path, None)
        before = self._shown
        after = self._snapshot()
        if before is None or after == before:
            return
        self._shown = after
        self.undo_stack.push(Edit(self, f"Change {path}", before, after, path))
        self._timer.start()

    def _push(self, text: str, after: Snapshot) -> None:
        self.undo_stack.push(Edit(self, text, self._snapshot(), after))

    def _snapshot(self) -> Snapshot:
        return Snapshot(self._base, {path: row.editor.state() for path, row in self._rows.items()})

    def _differs(self, config: RunConfig) -> bool:
        """Tell whether a config has other fields than the form, as another family has."""
        return _paths(config) != list(self._rows)

    # --- building ---------------------------------------------------------------------------------

    def _build(self) -> None:
        """Make a group of rows for each section of the config."""
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 2 * theme.GRID, 2 * theme.GRID)
        column.setSpacing(3 * theme.GRID)
        self._rows, self._groups = {}, []
        choices = {"sample.sampler": self._base.model.samplers}
        sections: dict[str, list[Leaf]] = {}
        shown = set(_paths(self._base))
        for leaf in configs.leaves(self._base):
            if leaf.path in shown:
                sections.setdefault(leaf.path.rpartition(".")[0], []).append(leaf)
        for prefix, found in sections.items():
            section = configs.value_at(self._base, prefix) if prefix else self._base
            rows = [Row(leaf, self.reset, choices.get(leaf.path, ())) for leaf in found]
            self._rows |= {row.leaf.path: row for row in rows}
            group = Group(section, rows)
            self._groups.append(group)
            column.addWidget(group)
        column.addStretch(1)
        for path, row in self._rows.items():
            row.editor.restore(row.editor.state_of(configs.value_at(self._base, path)))
            row.editor.edited.connect(lambda path=path: self._edited(path))
            for widget in row.watched():
                widget.installEventFilter(self)
                widget.setProperty("field", path)
        self._scroll.setWidget(page)
        self._leave_out(self._base.model.idle())
        self._shown = self._snapshot()

    def _leave_out(self, beginnings: tuple[str, ...]) -> None:
        for group in self._groups:
            group.leave_out(beginnings)

    def _show_matching(self, words: str) -> None:
        for group in self._groups:
            group.show_matching(words)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Show a field's help under the form, and let Ctrl+Z undo the form's edits, not Qt's."""
        kind = event.type()
        if kind in (QEvent.Type.Enter, QEvent.Type.FocusIn):
            self._help_for(self._rows.get(watched.property("field")))
        elif kind in (QEvent.Type.KeyPress, QEvent.Type.ShortcutOverride):
            assert isinstance(event, QKeyEvent)
            for key, act in ((QKeySequence.StandardKey.Undo, self.undo_stack.undo),
                             (QKeySequence.StandardKey.Redo, self.undo_stack.redo)):
                if event.matches(key):
                    if kind == QEvent.Type.KeyPress:
                        act()
                    event.accept()
                    return True
        return super().eventFilter(watched, event)

    def _help_for(self, row: Row | None) -> None:
        self._help.setText(row.told() if row else SAYS)


def _paths(config: RunConfig) -> list[str]:
    """Return the fields that the form shows; the family itself comes with the preset.

    What means nothing to the family is left out, unless it was set all the same.
    """
    idle = _idle(config)
    return [leaf.path for leaf in configs.leaves(config) if leaf.path not in HIDDEN
            and leaf.path.rpartition(".")[2] != "family"
            and not (leaf.path in idle and configs.value_at(config, leaf.path) == leaf.default)]


def _idle(config: RunConfig) -> set[str]:
    """Return the paths of the fields that mean nothing to a config's family."""
    model = config.model
    means_something = {
        "train.lr_discriminator": model.adversarial,
        "sample.sampler": len(model.samplers) > 1,
        "sample.nfe": model.evaluations.low < model.evaluations.high,
        "sample.eta": "ddim" in model.samplers,
        "sample.guidance": model.guided,
        "sample.count": bool(model.samplers),
        "sample.seed": bool(model.samplers),
    }
    return {path for path, does in means_something.items() if not does}
