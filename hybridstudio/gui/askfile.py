"""Asking for a file or a folder: one dialog, which blocks nothing that runs and leaves no trace."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget


def ask_file(parent: QWidget, title: str, take: Callable[[Path], object], *,
             kinds: Sequence[str] = (), save_as: str = "", folder: bool = False) -> QFileDialog:
    """Open a dialog in which a file is chosen; `take` gets its path, and nothing when cancelled.

    `kinds` are what may be chosen, such as "Picture (*.png)"; none: any file. `save_as` proposes
    the name of a file to write, which gets the ending of its kind; the dialog itself asks before
    one that exists is replaced. `folder` asks for a folder instead.
    """
    dialog = QFileDialog(parent, title)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    if folder:
        dialog.setFileMode(QFileDialog.FileMode.Directory)
    elif not save_as:
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    if kinds:
        dialog.setNameFilters(list(kinds))
    if save_as:
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.selectFile(save_as)
        dialog.setDefaultSuffix(_ending(kinds[0]) if kinds else Path(save_as).suffix)
        dialog.filterSelected.connect(lambda kind: _take_kind(dialog, kind))
    dialog.fileSelected.connect(lambda path: take(Path(path)))
    dialog.open()  # not exec: what runs goes on meanwhile
    return dialog


def _take_kind(dialog: QFileDialog, kind: str) -> None:
    """Let the name in the field end as the kind that was chosen."""
    ending = _ending(kind)
    dialog.setDefaultSuffix(ending)
    for path in map(Path, dialog.selectedFiles()[:1]):
        if path.suffix and ending:
            dialog.selectFile(path.with_suffix(ending).name)


def _ending(kind: str) -> str:
    """Return the first ending that a kind names: ".png" of "Picture (*.png *.jpg)"."""
    found = re.search(r"\*(\.[\w.]+)", kind)
    return found.group(1) if found else ""
