"""Which runs a plot shows: one switch each, in the run's colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QSizePolicy, QToolButton, QWidget

from hybridstudio.gui import runcolours, theme
from hybridstudio.gui.flow import Flow


class RunChips(QWidget):
    """Switches by runs; those that do not compare are told, with the reason, and stay off.

    `changed` tells that others are to be shown.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._off: set[Path] = set()  # which the user switched off
        self._chips: dict[Path, QToolButton] = {}
        self._names: Mapping[Path, str] = {}
        self._whys: Mapping[Path, str] = {}
        self._places: Mapping[Path, int] = {}
        self._flow = Flow(self)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        theme.changed.connect(self._dress)

    def offer(self, names: Mapping[Path, str], places: Mapping[Path, int],
              whys: Mapping[Path, str]) -> None:
        """Offer runs by name, with their places in the palette's series.

        Those of `whys` do not compare, for that reason.
        """
        if names == self._names and whys == self._whys:
            return
        self._names, self._whys, self._places = dict(names), dict(whys), dict(places)
        for chip in self._chips.values():
            self._flow.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self._chips = {}
        for run, name in names.items():
            self._chips[run] = self._made(run, name)
        for run, why in whys.items():
            if run not in names:
                chip = self._made(run, run.name)
                chip.setEnabled(False)
                chip.setToolTip(f"{run.name} does not compare here: {why}")
                self._chips[run] = chip
        self._dress()
        self.updateGeometry()

    def shown(self) -> Sequence[Path]:
        """Return the runs that are switched on."""
        return [run for run in self._names if run not in self._off]

    def _made(self, run: Path, name: str) -> QToolButton:
        chip = QToolButton(self)
        chip.setText(name)
        chip.setCheckable(True)
        chip.setChecked(run in self._names and run not in self._off)
        chip.setToolTip(f"Show or hide {name}")
        chip.setAccessibleName(f"Show {name}")
        chip.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        chip.setIconSize(QSize(10, 10))
        chip.setStyleSheet(
            "QToolButton { padding: 2px 4px; } QToolButton:checked:!hover { background: none; }")
        chip.toggled.connect(lambda on: self._switch(run, on))
        self._flow.addWidget(chip)
        return chip

    def _switch(self, run: Path, on: bool) -> None:
        (self._off.discard if on else self._off.add)(run)
        self._dress()
        self.changed.emit()

    def _dress(self) -> None:
        for run, chip in self._chips.items():
            is_on = run in self._names and chip.isChecked()
            chip.setIcon(runcolours.dot(self._places[run]) if is_on else runcolours.nothing())
