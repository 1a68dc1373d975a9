"""The rows of a config form: a field's name, editor and fault, and sections that hold them.

Everything said here about a field comes from the field itself: its help, unit, default, limits.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from hybridstudio.config import Leaf, Section
from hybridstudio.errors import Problem
from hybridstudio.gui import theme
from hybridstudio.gui.fields import LARGEST, Editor, Whole, editor_for, spelled
from hybridstudio.gui.theme import GRID

ROW_HEIGHT = 28
RESET_WIDTH = 28  # its column keeps its room while no reset button shows

# Labels of fields whose names are abbreviations; all other labels are the fields' own names.
WORDS = {"lr": "learning rate", "nfe": "evaluations", "ema": "EMA decay", "eta": "η (eta)",
         "vlb_weight": "L_vlb weight λ", "says": "description", "channel_mult": "level widths",
         "predict": "predicts", "head_width": "width of a head", "betas": "Adam's β₁, β₂",
         "grad_clip": "gradient clip", "fit": "fit to a square", "r1": "R1 weight γ",
         "r1_every": "R1 every", "beta": "KL weight β", "unroll_lr": "unrolled learning rate",
         "ada_target": "ADA target r_t", "ada_pictures": "ADA speed", "net": "networks",
         "lr_discriminator": "discriminator's rate"}
BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


class Row:
    """One field: its name with a mark of change, its editor, reset button, its fault below."""

    def __init__(self, leaf: Leaf, reset: Callable[[str], None],
                 choices: tuple[object, ...] = ()) -> None:
        self.leaf = leaf
        self.is_changed = False
        self.is_folded = False
        self.is_idle = False  # it means nothing as the other fields stand
        self.editor: Editor = editor_for(leaf, choices)
        assert isinstance(self.editor, QWidget)
        self.widget: QWidget = self.editor
        self.name = label_of(leaf)
        if leaf.unit and not isinstance(self.widget, Whole):  # a whole number has it behind itself
            self.name += f" ({leaf.unit})"
        self.label = QLabel(self.name)
        self.label.setBuddy(self.widget)
        self.label.setMinimumHeight(ROW_HEIGHT)
        self.fault = theme.say(QLabel(wordWrap=True), "error")
        self.fault.hide()
        self.reset = QToolButton()
        self.reset.setAutoRaise(True)
        self.reset.setToolTip("Back to the value that was opened")
        self.reset.setAccessibleName(f"Reset {label_of(leaf)}")
        self.reset.clicked.connect(lambda: reset(leaf.path))
        theme.set_icon(self.reset, "undo")
        self.widget.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.widget.setMinimumSize(72, ROW_HEIGHT)
        for widget in (self.label, self.widget):
            widget.setToolTip(f"<p>{self.told()}</p>")
        spoken = f"{label_of(leaf)}, {leaf.unit}" if leaf.unit else label_of(leaf)
        self.widget.setAccessibleName(spoken)
        self.widget.setAccessibleDescription(leaf.says)
        self.show_changed(False)

    def widgets(self) -> tuple[QWidget, ...]:
        """Return the row's widgets in the order of the columns, without the fault."""
        return self.label, self.widget, self.reset

    def watched(self) -> tuple[QWidget, ...]:
        """Return the widgets whose hover, focus and keys concern this field."""
        return (self.label, self.widget, *self.widget.findChildren(QWidget))

    def fold(self, folded: bool) -> None:
        """Show or hide the whole row; one that means nothing stays hidden."""
        self.is_folded = folded = folded or self.is_idle
        for widget in self.widgets():
            widget.setVisible(not folded)
        self.fault.setVisible(bool(self.fault.text()) and not folded)
        self.reset.setVisible(self.is_changed and not folded)

    def show_fault(self, text: str, is_part: bool) -> None:
        """Show what is wrong below the editor; `is_part` marks a field of a cross-field fault."""
        self.fault.setText(text)
        self.fault.setVisible(bool(text) and not self.is_folded)
        theme.say(self.label, "error" if text or is_part else "")
        spoken = f"{self.leaf.says} Fault: {text}" if text else self.leaf.says
        self.widget.setAccessibleDescription(spoken)

    def show_changed(self, changed: bool) -> None:
        """Mark the field as changed, with a button that puts it back."""
        self.is_changed = changed
        self.label.setText(f"{self.name} {'•' if changed else ''}".rstrip())
        self.reset.setVisible(changed and not self.is_folded)

    def told(self) -> str:
        """Tell the field in rich text: what it does, its default, limits and name in the file."""
        leaf = self.leaf
        default = spelled(leaf.default) or "empty"
        facts = (f"default {default} {leaf.unit}".rstrip(), limits_of(leaf),
                 f"<code>{leaf.path}</code>")
        name, says = label_of(leaf), leaf.says
        says = "" if says.rstrip(".") == name else says
        return f"<b>{name}.</b> {says}<br>" + " · ".join(fact for fact in facts if fact)


class Group(QWidget):
    """One section of a config: its title, its simple fields, the advanced ones behind More."""

    def __init__(self, section: Section, rows: list[Row]) -> None:
        super().__init__()
        self._rows = rows
        self._words = ""  # that are looked for
        self._more = QToolButton()
        self._more.setText("More")
        self._more.setCheckable(True)
        self._more.setAutoRaise(True)
        self._more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._more.setStyleSheet("QToolButton:checked:!hover { background: transparent; }")
        self._more.setAccessibleName(f"More settings: {section.title}")
        self._more.toggled.connect(self._unfold)
        head = QHBoxLayout()
        head.addWidget(theme.say(QLabel(section.title), "heading"))
        head.addStretch(1)
        head.addWidget(self._more)
        grid = QGridLayout()
        grid.setHorizontalSpacing(GRID)
        grid.setVerticalSpacing(GRID // 2)
        for place, row in enumerate(sorted(rows, key=lambda row: row.leaf.advanced)):
            for column, widget in enumerate(row.widgets()):
                grid.addWidget(widget, 2 * place, column)
            grid.addWidget(row.fault, 2 * place + 1, 1, 1, 2)
        grid.setColumnMinimumWidth(0, 136)
        grid.setColumnMinimumWidth(2, RESET_WIDTH)
        grid.setColumnStretch(1, 1)
        column_of = QVBoxLayout(self)
        column_of.setContentsMargins(0, 0, 0, 0)
        column_of.setSpacing(GRID // 2)
        column_of.addLayout(head)
        column_of.addLayout(grid)
        self._more.setVisible(any(row.leaf.advanced for row in rows))
        self._unfold(False)

    def leave_out(self, beginnings: tuple[str, ...]) -> None:
        """Hide the fields whose paths begin like this, and the section where those are all."""
        idle = [row.leaf.path.startswith(beginnings) for row in self._rows]
        if idle == [row.is_idle for row in self._rows]:
            return
        for row, is_idle in zip(self._rows, idle, strict=True):
            row.is_idle = is_idle
        self._more.setVisible(any(row.leaf.advanced and not row.is_idle for row in self._rows))
        self.show_matching(self._words)

    def open_for_faults(self) -> None:
        """Lay the advanced fields open if one of them has a fault."""
        if any(row.leaf.advanced and row.fault.text() for row in self._rows):
            self._more.setChecked(True)

    def show_matching(self, words: str) -> None:
        """Show only fields that have all of these words; none shows the section as usual."""
        self._words = words
        wanted = words.lower().split()
        for row in self._rows:
            text = f"{label_of(row.leaf)} {row.leaf.path} {row.leaf.says}".lower()
            folded = row.leaf.advanced and not self._more.isChecked()
            row.fold(not all(word in text for word in wanted) if wanted else folded)
        self.setVisible(not all(row.is_folded if wanted else row.is_idle for row in self._rows))

    def _unfold(self, is_open: bool) -> None:
        theme.set_icon(self._more, "down" if is_open else "right")
        for row in self._rows:
            row.fold(row.leaf.advanced and not is_open)


def label_of(leaf: Leaf) -> str:
    """Return a field's label: its own name, or the words of an abbreviation."""
    name = leaf.path.rpartition(".")[2]
    words = WORDS.get(name, name.replace("_", " "))
    return words[0].upper() + words[1:]


def limits_of(leaf: Leaf) -> str:
    """Tell a field's limits: '8 to 512, in steps of 8'."""
    at = {key: spelled(limit) if isinstance(limit, float) else f"{limit:,}"
          for key, limit in leaf.limits.items() if key in BOUNDS and abs(limit) < LARGEST}
    if "ge" in at and "le" in at:
        told = f"{at['ge']} to {at['le']}"
    else:
        told = ", ".join(f"{words} {at[key]}" for key, words in BOUNDS.items() if key in at)
    step = leaf.limits.get("multiple_of")
    return told + (f", in steps of {step}" if step else "")


def sentence(fault: Problem) -> str:
    """Tell a fault as a sentence."""
    text = fault.what + (f" ({fault.fix})" if fault.fix else "")
    return text[:1].upper() + text[1:]
