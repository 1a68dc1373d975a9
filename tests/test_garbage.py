"""Garbage that holds widgets is destroyed in the window's thread, whoever makes garbage besides."""

import gc
import threading

import pytest
from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QWidget

from hybridstudio.gui.garbage import WHOLE, Collector


@pytest.fixture
def collector(qapp):
    gc.enable()
    owner = QObject()
    made = Collector(owner)
    yield made
    made.end()
    gc.disable()  # as all tests have it


def a_ring(told):
    """Let go of a widget that only the collector can find."""
    widget = QWidget()
    widget.myself = widget
    widget.destroyed.connect(lambda: told.append(threading.current_thread()),
                             Qt.ConnectionType.DirectConnection)


def litter():
    """Make as much garbage as lets Python collect of itself."""
    for _ in range(50_000):
        ring = []
        ring.append(ring)


def in_a_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_a_thread_that_litters_destroys_no_widget(collector):
    told = []
    a_ring(told)
    in_a_thread(litter)
    assert told == []
    collector.look()
    assert told == [threading.main_thread()]


def test_old_garbage_is_found_too(collector):
    told = []
    widgets = QWidget()
    widgets.destroyed.connect(lambda: told.append(1), Qt.ConnectionType.DirectConnection)
    gc.collect()  # it is old now
    widgets.myself = widgets
    del widgets
    for _ in range(WHOLE):
        collector.look()
    assert told == [1]


def test_at_its_end_python_collects_as_before(qapp):
    gc.enable()
    owner = QObject()
    made = Collector(owner)
    assert not gc.isenabled()
    made.end()
    assert gc.isenabled()
    assert not made._timer.isActive()
