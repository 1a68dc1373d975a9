"""Fields of numbers that look and behave like all other fields.

Their text stands as far from the edge, where a style sheet gives a spin box's line of text no
padding, whatever it says; and the wheel is the page's until they were chosen.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QDoubleSpinBox, QSpinBox

from hybridstudio.gui.calm import calm

INSET = 5  # points left of the text


class SpinBox(QSpinBox):
    """A field of a whole number; with `rolls` the wheel is its own at once."""

    def __init__(self, *, rolls: bool = False, **properties: Any) -> None:
        super().__init__(**properties)
        self.lineEdit().setTextMargins(INSET, 0, 0, 0)
        if not rolls:
            calm(self)


class DoubleSpinBox(QDoubleSpinBox):
    """A field of a decimal number."""

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self.lineEdit().setTextMargins(INSET, 0, 0, 0)
        calm(self)
