"""Small buttons that panels share: frameless ones that act, and a word that stays pressed."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QToolButton

from hybridstudio.gui import theme


def flat(icon: str, says: str, slot: Callable[[], object] | None = None, words: str = "",
         key: str = "") -> QToolButton:
    """Make an icon, with or without words, that does `slot` when clicked; `says` explains it.

    Without words `says` also names it, up to its key in brackets; `key` is one that it listens to.
    """
    says = f"{says} ({key})" if key else says
    button = QToolButton()
    button.setAutoRaise(True)
    button.setToolTip(says)
    button.setAccessibleName(words or says.partition(" (")[0])
    if words:
        button.setText(words)
        button.setToolButtonStyle(theme.BESIDE)
    theme.set_icon(button, icon)
    button.setShortcut(key)
    if slot is not None:
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
