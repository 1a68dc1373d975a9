"""Sliders, fields and rows of them, as transports and inspectors of several panels have them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from hybridstudio.gui.fields import ENGLISH
from hybridstudio.gui.spin import SpinBox
from hybridstudio.gui.theme import GRID


def slider(name: str, says: str) -> QSlider:
    """Make a slider that says what it is for."""
    made = QSlider(Qt.Orientation.Horizontal)
    made.setAccessibleName(name)
    made.setToolTip(says)
    made.setMinimumHeight(3 * GRID)
    return made


def whole(low: int, high: int, name: str, says: str) -> QSpinBox:
    """Make the field of a whole number that says what it is for."""
    box = SpinBox(minimum=low, maximum=high)
    box.setMinimumWidth(96)
    box.setLocale(ENGLISH)
    box.setGroupSeparatorShown(True)
    box.setAccessibleName(name)
    box.setToolTip(says)
    box.setKeyboardTracking(False)
    return box


def rows(*parts: tuple[str, QWidget, QWidget]) -> QWidget:
    """Put sliders under one another, each behind its name and before what tells its place."""
    held = QWidget()
    column = QVBoxLayout(held)
    column.setContentsMargins(2 * GRID, GRID // 2, GRID, GRID // 2)
    column.setSpacing(GRID // 2)
    for words, moved, beside in parts:
        row = QHBoxLayout()
        row.setSpacing(GRID)
        label = QLabel(words)
        label.setMinimumWidth(84)
        row.addWidget(label)
        row.addWidget(moved, 1)
        row.addWidget(beside)
        column.addLayout(row)
    return held


def form(*parts: tuple[str, QWidget | QHBoxLayout]) -> QFormLayout:
    """Put fields under one another, each behind its name."""
    made = QFormLayout()
    made.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    made.setVerticalSpacing(GRID)
    for words, field in parts:
        made.addRow(words, field)
    return made


def page(above: QFormLayout, below: QWidget) -> QWidget:
    """Put a form over something else, as a page of settings."""
    made = QWidget()
    column = QVBoxLayout(made)
    column.setContentsMargins(GRID, GRID, GRID, GRID)
    column.addLayout(above)
    column.addSpacing(GRID)
    column.addWidget(below)
    column.addStretch(1)
    return made
