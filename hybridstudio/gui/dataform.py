"""The settings of the Data panel: which data set, its classes, what was left out, what is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFormLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from hybridstudio.config import DataConfig, DdpmConfig, GanConfig, Leaf, RunConfig, leaves
from hybridstudio.config.known import KNOWN
from hybridstudio.gui import theme
from hybridstudio.gui.classbars import ClassBars
from hybridstudio.gui.fields import Editor, editor_for
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Browsed

SETTLE = 500  # ms after the last change of a field
_SHOWN: dict[str, str] = {"data.name": "Data set", "data.split": "Part", "data.size": "Size",
                          "data.channels": "Channels", "data.fit": "Fit"}
_NOISE: dict[str, str] = {"model.schedule": "Schedule", "model.timesteps": "Levels T"}
_AUGMENT: dict[str, str] = {"model.augmentations": "Transforms"}
_PICTURES_ONLY = ("data.size", "data.channels", "data.fit")
_LEAVES: dict[str, Leaf] = {
    leaf.path: leaf for config in (RunConfig(model=GanConfig()), RunConfig())
    for leaf in leaves(config)}
_CHOICES: dict[str, tuple[Any, ...]] = {"data.channels": (1, 3)}
SMALLEST = 8  # pixels; only points have fewer
AUGMENTED_FIRST = ("flips", "geometry", "colour")  # those of Karras 2020b


class DataForm(QWidget):
    """The fields of a DataConfig, of a schedule and of augmentation.

    `data_changed` tells that a complete DataConfig changed and settled, `noise_changed` that the
    schedule or the transforms did, `class_chosen` the class (or None) whose pictures are wanted.
    """

    data_changed = Signal()
    noise_changed = Signal()
    class_chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.editors: dict[str, Editor] = {}
        self._faults: dict[str, QLabel] = {}
        self._data_settles = self._settling(self.data_changed)
        self._noise_settles = self._settling(self.noise_changed)
        self.bars = ClassBars()
        self.bars.chosen.connect(self.class_chosen)
        self.total = theme.say(QLabel("No data set is open."), "muted")
        self.total.setWordWrap(True)
        self.skipped_words = theme.say(QLabel(), "muted")
        self.skipped_words.setWordWrap(True)
        self.skipped = _table()
        column = QVBoxLayout(self)
        column.setSpacing(GRID)
        self._data_fields = self._form(_SHOWN, self._data_settles)
        column.addLayout(self._data_fields)
        column.addWidget(self.total)
        self._classes = theme.say(QLabel("Classes"), "heading")
        self._left_out = theme.say(QLabel("Left out"), "heading")
        self._parts = QWidget(), QWidget(), QWidget()
        found, noising, augmenting = map(QVBoxLayout, self._parts)
        for part in (found, noising, augmenting):
            part.setContentsMargins(0, GRID, 0, 0)
            part.setSpacing(GRID)
        for widget in (self._classes, self.bars, self._left_out, self.skipped_words, self.skipped):
            found.addWidget(widget)
        noising.addWidget(theme.say(QLabel("Forward noising"), "heading"))
        noising.addLayout(self._form(_NOISE, self._noise_settles))
        augmenting.addWidget(theme.say(QLabel("Augmentation"), "heading"))
        augmenting.addLayout(self._form(_AUGMENT, self._noise_settles))
        self.editors["model.augmentations"].restore(AUGMENTED_FIRST)
        says = theme.say(QLabel(
            "What a discriminator sees of the pictures where it is trained with augmentation. "
            "Each transform strikes each picture with probability p."), "muted")
        says.setWordWrap(True)
        augmenting.addWidget(says)
        for page in self._parts:
            column.addWidget(page)
        column.addStretch(1)
        self.show_part(0)
        self._show_fields()
        self.show_browsed(None)

    def _settling(self, told: Any) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(SETTLE)
        timer.timeout.connect(told)
        return timer

    def _form(self, fields: dict[str, str], settles: QTimer) -> QFormLayout:
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(GRID)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for path, words in fields.items():
            leaf = _LEAVES[path]
            editor = editor_for(leaf, _CHOICES.get(path, ()))
            assert isinstance(editor, QWidget)
            editor.restore(editor.state_of(leaf.default))
            unit = f", {leaf.unit}" if leaf.unit else ""
            default = "automatic" if leaf.default is None else leaf.default
            editor.setToolTip(f"{leaf.says} ({default}{unit})")
            editor.setAccessibleName(words)
            editor.setMinimumHeight(26)
            editor.edited.connect(lambda: self._on_edit(settles))
            fault = theme.say(QLabel(), "error")
            fault.setWordWrap(True)
            fault.hide()
            form.addRow(words, editor)
            form.addRow(fault)
            self.editors[path], self._faults[path] = editor, fault
        return form

    def _on_edit(self, settles: QTimer) -> None:
        self._show_fields()
        if self._values() is not None:
            settles.start()
        else:
            settles.stop()

    def is_points(self) -> bool:
        """Return whether the data set that is named holds points of the plane."""
        return is_of_points(str(self.editors["data.name"].state()).strip())

    def _show_fields(self) -> None:
        for path in _PICTURES_ONLY:
            editor, fault = self.editors[path], self._faults[path]
            assert isinstance(editor, QWidget)
            self._data_fields.setRowVisible(editor, not self.is_points())
            fault.setVisible(fault.isVisibleTo(self) and not self.is_points())

    def _values(self) -> dict[str, Any] | None:
        """Read every field, telling faults beside them; None where there are any."""
        values: dict[str, Any] = {}
        for path, editor in self.editors.items():
            fault = self._faults[path]
            try:
                if path in _PICTURES_ONLY and self.is_points():
                    values[path] = _LEAVES[path].default
                else:
                    values[path] = _checked(_LEAVES[path], editor.read())
                fault.hide()
            except ValueError as error:
                fault.setText(str(error)[:1].upper() + str(error)[1:])
                fault.show()
        return values if len(values) == len(self.editors) else None

    # what is meant

    def data(self) -> DataConfig | None:
        """Return the data set that is asked for; None while a field means nothing."""
        values = self._values()
        return None if values is None else DataConfig(**{
            path.removeprefix("data."): values[path] for path in _SHOWN})

    def config(self) -> RunConfig | None:
        """Return a config with the data and the schedule; None while a field means nothing."""
        values, data = self._values(), self.data()
        if values is None or data is None:
            return None
        # One level, so that pictures of any size are fine: nothing is learned here.
        model = DdpmConfig(schedule=values["model.schedule"],
                           timesteps=values["model.timesteps"], channel_mult=(1,))
        return RunConfig(data=data, model=model)

    def transforms(self) -> tuple[str, ...]:
        """Return the augmentations that are chosen, in their order."""
        chosen: tuple[str, ...] = self.editors["model.augmentations"].read()
        return chosen

    def show_data(self, data: DataConfig) -> None:
        """Show a data set's settings, without telling."""
        for path in _SHOWN:
            editor = self.editors[path]
            editor.restore(editor.state_of(getattr(data, path.removeprefix("data."))))
        self._show_fields()
        self._values()

    def settle_now(self) -> None:
        """Drop what waits to be told."""
        self._data_settles.stop()

    # what was found

    def show_part(self, place: int) -> None:
        """Show what belongs to the pictures (0), their noising (1) or their augmentation (2)."""
        for number, part in enumerate(self._parts):
            part.setVisible(number == place)

    def show_browsed(self, found: Browsed | None) -> None:
        """Show the counts and what was left out; None where nothing is open."""
        counts = found.counts if found else ()
        self._classes.setVisible(len(counts) > 1)
        self.bars.setVisible(len(counts) > 1)
        has_files = found is not None and found.points is None
        self._left_out.setVisible(has_files)
        self.skipped_words.setVisible(has_files)
        self.skipped.setVisible(bool(found and found.skipped))
        if found is None:
            self.total.setText("No data set is open.")
            self.bars.set_counts((), ())
            return
        self.total.setText(_told(found))
        names = found.classes or tuple(map(str, range(len(counts))))
        self.bars.set_counts(names, counts, inks=found.points is not None)
        self._show_skipped(found.skipped, found.skipped_count)

    def _show_skipped(self, skipped: Sequence[tuple[str, str]], count: int) -> None:
        words = "Nothing: every file was read."
        if count:
            words = f"{count:,} files could not be used"
            words += f"; the first {len(skipped):,} are:" if len(skipped) < count else ":"
        self.skipped_words.setText(words)
        self.skipped.setRowCount(len(skipped))
        for line, (name, why) in enumerate(skipped):
            for place, text in enumerate((name, why)):
                item = QTableWidgetItem(text)
                item.setToolTip(f"{name}: {why}")
                self.skipped.setItem(line, place, item)
        height = self.skipped.horizontalHeader().sizeHint().height()
        self.skipped.setFixedHeight(height + min(6, max(1, len(skipped))) * 24 + 4)


def is_of_points(name: str) -> bool:
    """Return whether a data set of this name holds points of the plane."""
    return name.startswith("points:") or (name in KNOWN and KNOWN[name].channels == 2)


def _told(found: Browsed) -> str:
    """Tell how much there is, and of what."""
    if found.points is not None:
        shown = len(found.points)
        return f"{found.total:,} points of the plane" + (
            f", {shown:,} of them shown" if shown < found.total else "")
    height, width, channels = found.images.shape[1:] if len(found.images) else (0, 0, 0)
    kind = "colour" if channels == 3 else "grey"
    shape = f", {height} × {width} pixels, {kind}" if height else ""
    return f"{found.total:,} pictures{shape}"


def _checked(leaf: Leaf, value: Any) -> Any:
    """Hold a value against its field's limits; raises ValueError in words."""
    low, high = leaf.limits.get("ge"), leaf.limits.get("le")
    if leaf.path == "data.size":
        low = SMALLEST
    if isinstance(value, int | float) and not (
            (low is None or value >= low) and (high is None or value <= high)):
        raise ValueError(f"should be {low:,} to {high:,} {leaf.unit}".rstrip())
    return value


def _table() -> QTableWidget:
    table = QTableWidget(0, 2)
    table.setHorizontalHeaderLabels(["File", "Why"])
    table.setAccessibleName("Files that were left out, and why")
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(24)
    table.horizontalHeader().setStretchLastSection(True)
    table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
    table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
    table.setColumnWidth(0, 110)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setShowGrid(False)
    table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    return table
