"""One editor widget for each type of config field: choices, flags, numbers, lists, text, data.

Every editor has the same face: `edited` fires when a user changes it, `state()` is what it shows
(kept for undo, even while it means nothing yet), `read()` is the value meant, or a ValueError.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from PySide6.QtCore import QLocale, Signal, SignalInstance
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QSpinBox,
    QToolButton,
    QWidget,
)

from hybridstudio.config import Leaf
from hybridstudio.config.known import KNOWN
from hybridstudio.gui import theme
from hybridstudio.gui.askfile import ask_file
from hybridstudio.gui.several import Several
from hybridstudio.gui.spin import SpinBox

ENGLISH = QLocale(QLocale.Language.English, QLocale.Country.UnitedKingdom)  # 20,000, everywhere
EMPTY = "automatic"  # what an optional field shows while nothing is asked
LARGEST = 2**31 - 1

# Data sets known by name; `folder:PATH`, `zip:PATH` and `points:PATH` name the user's own.
DATA_NAMES = (*KNOWN, "celeba", "lsun:bedroom", "lsun:church_outdoor")
OWN = {"folder": Path.is_dir, "zip": Path.is_file, "points": Path.is_file}
POINT_FILES = (".csv", ".tsv", ".txt", ".npy")


class Editor(Protocol):
    """What the form asks of an editor; each one is a QWidget as well."""

    @property
    def edited(self) -> SignalInstance:
        """Fires when the user changes something."""
        ...

    def state(self) -> Any:
        """Return what the widget shows, valid or not."""
        ...

    def restore(self, state: Any) -> None:
        """Show a state again, without telling anyone."""
        ...

    def read(self) -> Any:
        """Return the value that is meant; raises ValueError with words for the user."""
        ...

    def state_of(self, value: Any) -> Any:
        """Return the state that stands for a value."""
        ...


class Choice(QComboBox):
    """One of a fixed list of values."""

    edited = Signal()

    def __init__(self, options: tuple[Any, ...], optional: bool) -> None:
        super().__init__()
        self._options = ((None,) if optional else ()) + options
        for option in self._options:
            self.addItem(EMPTY if option is None else str(option))
        self.activated.connect(self.edited)

    def state(self) -> Any:
        """Return the place in the list."""
        return self.currentIndex()

    def restore(self, state: Any) -> None:
        """Show the option at a place."""
        self.setCurrentIndex(state)

    def read(self) -> Any:
        """Return the chosen value."""
        return self._options[self.currentIndex()]

    def state_of(self, value: Any) -> Any:
        """Return the place of a value; the first for one that is not offered."""
        return self._options.index(value) if value in self._options else 0

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page: scrolling past a field must not change it."""
        event.ignore()


class Flag(QCheckBox):
    """On or off."""

    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.clicked.connect(self.edited)

    def state(self) -> Any:
        """Return whether it is ticked."""
        return self.isChecked()

    def restore(self, state: Any) -> None:
        """Show a tick or none."""
        self.setChecked(state)

    def read(self) -> Any:
        """Return True or False."""
        return self.isChecked()

    def state_of(self, value: Any) -> Any:
        """Return the value itself."""
        return bool(value)


class Whole(SpinBox):
    """A whole number within its limits; the arrows step by a size that suits the number."""

    edited = Signal()

    def __init__(self, leaf: Leaf) -> None:
        super().__init__()
        limits = leaf.limits
        low = limits.get("ge", limits["gt"] + 1 if "gt" in limits else -LARGEST)
        high = limits.get("le", limits["lt"] - 1 if "lt" in limits else LARGEST)
        self.setRange(int(low), int(min(high, LARGEST)))
        if "multiple_of" in limits:
            self.setSingleStep(int(limits["multiple_of"]))
        elif high > 1000 and "seed" not in leaf.path:
            self.setStepType(QSpinBox.StepType.AdaptiveDecimalStepType)
        if leaf.unit:
            self.setSuffix(f" {leaf.unit}")
        self.setLocale(ENGLISH)
        self.setGroupSeparatorShown(True)
        self._quiet = False
        self.valueChanged.connect(self._told)

    def state(self) -> Any:
        """Return the number."""
        return self.value()

    def restore(self, state: Any) -> None:
        """Show a number."""
        self._quiet = True
        self.setValue(state)
        self._quiet = False

    def read(self) -> Any:
        """Return the number."""
        return self.value()

    def state_of(self, value: Any) -> Any:
        """Return the number itself."""
        return int(value)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the page: scrolling past a field must not change it."""
        event.ignore()

    def _told(self) -> None:
        if not self._quiet:
            self.edited.emit()


class Text(QLineEdit):
    """A line of text that `parse` gives a meaning: a fraction, a list, a word."""

    edited = Signal()

    def __init__(self, parse: Callable[[str], Any], optional: bool = False) -> None:
        super().__init__()
        self._parse, self._optional = parse, optional
        if optional:
            self.setPlaceholderText(EMPTY)
        self.textEdited.connect(self.edited)

    def state(self) -> Any:
        """Return the text."""
        return self.text()

    def restore(self, state: Any) -> None:
        """Show a text; the cursor stays where it is if nothing changes."""
        if state != self.text():
            self.setText(state)

    def read(self) -> Any:
        """Return the value meant by the text; raises ValueError."""
        text = self.text().strip()
        return None if self._optional and not text else self._parse(text)

    def state_of(self, value: Any) -> Any:
        """Return the text that stands for a value."""
        return spelled(value)


class DataName(QWidget):
    """A data set: a known name, or a folder or zip archive of the user's own."""

    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._names = QComboBox(editable=True, insertPolicy=QComboBox.InsertPolicy.NoInsert)
        self._names.addItems(list(DATA_NAMES))
        self._names.wheelEvent = lambda event: event.ignore()  # type: ignore[method-assign]
        self._names.editTextChanged.connect(self._told)
        self._names.setMinimumContentsLength(8)
        button = QToolButton()
        theme.set_icon(button, "folder")
        button.setToolTip("Choose a folder or a zip archive of pictures, or a file of points")
        button.setAccessibleName("Choose data of your own")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(button)
        menu.addAction("Choose folder…", lambda: self._ask("folder"))
        menu.addAction("Choose zip archive…", lambda: self._ask("zip"))
        menu.addAction("Choose file of points…", lambda: self._ask("points"))
        button.setMenu(menu)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self._names, 1)
        row.addWidget(button)
        self.setFocusProxy(self._names)
        self.setAcceptDrops(True)
        self._quiet = False

    def state(self) -> Any:
        """Return the text."""
        return self._names.currentText()

    def restore(self, state: Any) -> None:
        """Show a text, without telling anyone."""
        if state != self._names.currentText():
            self._quiet = True
            self._names.setEditText(state)
            self._quiet = False

    def read(self) -> Any:
        """Return the name; raises ValueError for an unknown one or a path that is not there."""
        name = self._names.currentText().strip()
        kind, colon, path = name.partition(":")
        if colon and kind in OWN:
            if not path or not OWN[kind](Path(path).expanduser()):
                what = {"folder": "folder", "zip": "archive"}.get(kind, "file")
                raise ValueError(f"there is no {what} there")
        elif kind not in {known.partition(":")[0] for known in DATA_NAMES}:
            raise ValueError("no data set of this name; choose one, or write folder:PATH")
        return name

    def state_of(self, value: Any) -> Any:
        """Return the name itself."""
        return str(value)

    def choose(self, path: Path) -> None:
        """Take a folder or an archive as the data set, as a drop or the dialog does."""
        self._names.setEditText(data_name(path))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take a folder or a zip archive."""
        if dropped_data(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Use what was dropped as the data set."""
        if path := dropped_data(event):
            self.choose(path)

    def _told(self) -> None:
        if not self._quiet:
            self.edited.emit()

    def _ask(self, kind: str) -> None:
        if kind == "folder":
            ask_file(self, "Choose a folder of pictures", self.choose, folder=True)
        elif kind == "points":
            endings = " ".join(f"*{ending}" for ending in POINT_FILES)
            ask_file(self, "Choose a file of points", self.choose, kinds=[f"Points ({endings})"])
        else:
            ask_file(self, "Choose a zip archive of pictures", self.choose,
                     kinds=["Zip archives (*.zip)"])


def editor_for(leaf: Leaf, choices: tuple[Any, ...] = ()) -> Editor:
    """Make the editor that suits a field's type; `choices` are those it offers of its own."""
    if leaf.path == "data.name":
        return DataName()
    if leaf.choices:
        return Choice(choices or leaf.choices, leaf.optional)
    parts = [part for part in typing.get_args(leaf.type) if part is not type(None)]
    kind = parts[0] if leaf.optional else leaf.type
    if kind is bool:
        return Flag()
    if kind is int and not leaf.optional:
        return Whole(leaf)
    if typing.get_origin(kind) is tuple:
        item = typing.get_args(kind)[0]
        if typing.get_origin(item) is typing.Literal:
            return Several(typing.get_args(item))
        return Text(lambda text: _list(text, PARSERS[item]), leaf.optional)
    return Text(PARSERS[kind], leaf.optional)


def spelled(value: Any) -> str:
    """Write a value as a user would type it: 2e-5, 1, 2, 2 or nothing at all."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple | list):
        return ", ".join(spelled(item) for item in value)
    if isinstance(value, float):
        return repr(value).removesuffix(".0").replace("e-0", "e-").replace("e+0", "e")
    return str(value)


def _float(text: str) -> float:
    if not text:
        raise ValueError("a number is needed")
    try:
        return float(text.replace("−", "-"))
    except ValueError:
        hint = "write the fraction with a point" if "," in text else "write it as 0.0002 or 2e-4"
        raise ValueError(f"not a number: {hint}") from None


def _int(text: str) -> int:
    try:
        return int(text.replace(",", ""))
    except ValueError:
        raise ValueError("a whole number is needed") from None


def _list(text: str, parse: Callable[[str], Any]) -> tuple[Any, ...]:
    items = [item.strip() for item in text.split(",")]
    return tuple(parse(item) for item in items if item)


PARSERS: dict[type, Callable[[str], Any]] = {float: _float, int: _int, str: str}


def dropped_data(event: QDropEvent) -> Path | None:
    """Return the folder, zip archive or file of points being dropped; a run's folder is none."""
    path = dropped_path(event)
    if path is None or (path / "run.toml").is_file():
        return None
    is_data = path.is_dir() or path.suffix.lower() in (".zip", *POINT_FILES)
    return path if is_data else None


def data_name(path: Path) -> str:
    """Return the name of the data set that a folder, an archive or a file of points is."""
    kind = "points" if path.suffix.lower() in POINT_FILES else "zip"
    return f"{'folder' if path.is_dir() else kind}:{path}"


def dropped_path(event: QDropEvent) -> Path | None:
    """Return the one local file or folder that is being dropped, if it is one."""
    urls = event.mimeData().urls()
    return Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None
