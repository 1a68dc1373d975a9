"""Panels that share a page: one is in front, and every header names them all."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QPushButton

from hybridstudio.gui.anatomy import Panel
from hybridstudio.gui.views import Views


class First(Panel):
    TITLE, VIEW, SAYS = "Denoise", "Timeline", "One drawing."


class Second(Panel):
    TITLE, SAYS = "Race", "Several."


@pytest.fixture
def views(qtbot):
    shown = Views()
    shown.take({"first": First(), "second": Second()})
    qtbot.addWidget(shown)
    shown.show()
    return shown


def names(panel):
    return [b.text() for b in panel.findChildren(QPushButton) if b.property("view")]


def test_every_header_names_all_views_in_place_of_the_title(views):
    assert names(views.panels["first"]) == names(views.panels["second"]) == ["Timeline", "Race"]
    assert not views.panels["first"]._title.isVisible()


def test_a_click_brings_the_other_to_the_front(views, qtbot):
    with qtbot.waitSignal(views.changed):
        next(b for b in views.view.findChildren(QPushButton) if b.text() == "Race").click()
    assert views.view is views.panels["second"]


def test_a_panel_alone_on_its_page_keeps_its_title(qtbot):
    views = Views()
    views.take({"first": First()})
    qtbot.addWidget(views)
    views.show()
    assert views.view._title.isVisible()
    assert names(views.view) == []


class Wordy(Panel):
    TITLE, SAYS = "Race", "The same noise through several samplers, until all have arrived. " * 2


def test_the_header_is_one_line_where_the_sentence_fits(qtbot):
    views = Views()
    views.take({"first": First(), "wordy": Wordy()})
    qtbot.addWidget(views)
    views.resize(1200, 600)
    views.show()
    views.show_view("wordy")
    qtbot.waitExposed(views)
    header = views.view._says.parentWidget()
    assert header.height() <= 60
