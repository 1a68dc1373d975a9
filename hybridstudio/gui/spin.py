"""Fields of numbers whose text stands as far from the edge as that of all other fields.

A style sheet gives a spin box's own line of text no padding, whatever it says.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QDoubleSpinBox, QSpinBox

INSET = 5  # points left of the text


class SpinBox(QSpinBox):
    """A field of a whole number."""

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self.lineEdit().setTextMargins(INSET, 0, 0, 0)


class DoubleSpinBox(QDoubleSpinBox):
    """A field of a decimal number."""

    def __init__(self, **properties: Any) -> None:
        super().__init__(**properties)
        self.lineEdit().setTextMargins(INSET, 0, 0, 0)
