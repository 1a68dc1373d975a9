"""The fields of a drawing's settings: numbers with the help of the config, knobs, choices."""

from __future__ import annotations

import math
from typing import cast

from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QSpinBox, QWidget

from hybridstudio.config import Knob, RunConfig, leaves
from hybridstudio.gui.fields import ENGLISH
from hybridstudio.gui.spin import DoubleSpinBox, SpinBox

_LEAVES = {leaf.path.removeprefix("sample."): leaf for leaf in leaves(RunConfig)
           if leaf.path.startswith("sample.")}
_HIGH = 26  # points of a number's field: as high as the choices beside it


def fill(box: QComboBox, items: list[tuple[str, object]]) -> None:
    """Offer other choices: words, and the value that stands behind them."""
    box.clear()
    for words, value in items:
        box.addItem(words, value)


def whole(name: str, low: int, high: int) -> QSpinBox:
    """Make the field of a whole number of the section `sample`."""
    box = _whole_box(low, high, 1)
    leaf = _LEAVES[name]
    _dress(box, name, leaf.says, f"{leaf.default}, {leaf.unit}" if leaf.unit else leaf.default)
    return box


def fraction(name: str, low: float, high: float, step: float) -> QDoubleSpinBox:
    """Make the field of a fraction of the section `sample`."""
    box = _fraction_box(low, high, step)
    _dress(box, name, _LEAVES[name].says, _LEAVES[name].default)
    return box


def knob_box(knob: Knob) -> QSpinBox | QDoubleSpinBox:
    """Make the field of a further setting that a family offers, its sentence as the help."""
    reach = f"{knob.low:,g} to {knob.high:,g}"
    box: QSpinBox | QDoubleSpinBox
    if knob.whole:
        box = _whole_box(round(knob.low), round(knob.high), max(1, round(knob.step)))
    else:
        box = _fraction_box(knob.low, knob.high, knob.step)
    _dress(box, knob.label, f"{knob.says.rstrip('.')}: {reach}", f"{knob.default:,g}")
    return box


def set_value(box: QSpinBox | QDoubleSpinBox, value: float) -> None:
    """Show a number, whole where the field takes only those."""
    if isinstance(box, QSpinBox):
        box.setValue(round(value))
    else:
        box.setValue(value)


def row_of(form: QFormLayout, field: QWidget) -> int:
    """Return the row of a form that a field stands in."""
    return cast(tuple[int, object], form.getWidgetPosition(field))[0]


def _whole_box(low: int, high: int, step: int) -> QSpinBox:
    box = SpinBox()
    box.setRange(low, high)
    box.setSingleStep(step)
    box.setLocale(ENGLISH)
    box.setGroupSeparatorShown(True)
    return box


def _fraction_box(low: float, high: float, step: float) -> QDoubleSpinBox:
    box = DoubleSpinBox()
    box.setDecimals(max(2, math.ceil(-math.log10(step))))
    box.setRange(low, high)
    box.setSingleStep(step)
    box.setLocale(ENGLISH)
    return box


def _dress(box: QSpinBox | QDoubleSpinBox, name: str, says: str, default: object) -> None:
    box.setMinimumHeight(_HIGH)
    box.setKeyboardTracking(False)
    box.setAccessibleName(name)
    box.setToolTip(f"{says} ({default})")
    box.setAccessibleDescription(says)
