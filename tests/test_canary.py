"""PySide6 6.12.0 dropped references to None and True until CPython 3.11 and older aborted; later
Pythons never count them."""

import gc
import sys

import pytest
from PySide6.QtCore import QObject, QPoint, QSettings, QTimer, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel


class Teller(QObject):
    told = Signal(object)
    flagged = Signal(bool)


def drift(thing: object, call: object) -> int:
    gc.collect()
    call()  # what is cached by the first call does not count
    before = sys.getrefcount(thing)
    for _ in range(1000):
        call()
    return sys.getrefcount(thing) - before


@pytest.mark.parametrize("thing", [None, True, False], ids=str)
def test_qt_calls_neither_drop_nor_gather_references(qapp, tmp_path, thing):
    teller, label, timer = Teller(), QLabel(), QTimer()
    settings = QSettings(str(tmp_path / "a.ini"), QSettings.Format.IniFormat)
    heard = []
    teller.told.connect(heard.append)
    teller.flagged.connect(lambda flag: None)
    calls = {
        "emit object": lambda: (teller.told.emit(thing), heard.clear()),
        "emit bool": lambda: teller.flagged.emit(bool(thing)),
        "return None": lambda: label.setText("a"),
        "return bool": lambda: (label.isVisible(), timer.isActive(), label.isEnabled()),
        "property": lambda: (label.setProperty("a", thing), label.property("a")),
        "value type": lambda: QPoint(1, 2) == QPoint(1, 2),
        "colour": lambda: QColor("#123456").isValid(),
        "settings": lambda: settings.value("missing", thing),
    }
    moved = {name: drift(thing, call) for name, call in calls.items()}
    label.deleteLater()
    assert {name: by for name, by in moved.items() if abs(by) > 50} == {}
