"""Small buttons that panels share: an icon without a frame, and a word that stays pressed."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QToolButton

from hybridstudio.gui import theme


def flat(icon: str, says: str, slot: Callable[[], object]) -> QToolButton:
    """Make an icon that does `slot` when clicked; `says` names it, with its key in brackets."""
    button = QToolButton()
    button.setAutoRaise(True)
    button.setToolTip(says)
    button.setAccessibleName(says.partition(" (")[0])
    theme.set_icon(button, icon)
    button.clicked.connect(lambda: slot())
    return button


def toggle(words: str, says: str, on: bool = False) -> QToolButton:
    """Make a word that is pressed or not."""
    button = QToolButton()
    button.setText(words)
    button.setToolTip(says)
    button.setAccessibleName(says)
    button.setCheckable(True)
    button.setChecked(on)
    return button
