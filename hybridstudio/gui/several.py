"""An editor for any number of a fixed list of values, in the order in which they were chosen."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QMenu, QSizePolicy, QToolButton


class Several(QToolButton):
    """A menu whose entries are ticked; the button tells which are."""

    edited = Signal()

    def __init__(self, options: tuple[Any, ...]) -> None:
        super().__init__()
        self._options = options
        self._chosen: tuple[Any, ...] = ()
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        menu = QMenu(self)
        self._actions = [menu.addAction(str(option)) for option in options]
        for action in self._actions:
            action.setCheckable(True)
        menu.triggered.connect(self._toggle)
        self.setMenu(menu)
        self._show()

    def state(self) -> Any:
        """Return the chosen values in their order."""
        return self._chosen

    def restore(self, state: Any) -> None:
        """Show other values as chosen."""
        self._chosen = state
        self._show()

    def read(self) -> Any:
        """Return the chosen values in their order."""
        return self._chosen

    def state_of(self, value: Any) -> Any:
        """Return the values themselves."""
        return tuple(value)

    def _toggle(self) -> None:
        ticked = [option for option, action in zip(self._options, self._actions, strict=True)
                  if action.isChecked()]
        kept = tuple(option for option in self._chosen if option in ticked)
        self._chosen = kept + tuple(option for option in ticked if option not in kept)
        self._show()
        self.edited.emit()

    def _show(self) -> None:
        for option, action in zip(self._options, self._actions, strict=True):
            action.setChecked(option in self._chosen)
        self.setText(", ".join(map(str, self._chosen)) or "none")
