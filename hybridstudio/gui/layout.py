"""How the window is divided: library, pages and banner, log drawer, status line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from hybridstudio.gui import pages

if TYPE_CHECKING:
    from hybridstudio.gui.window import Window


def build(window: Window) -> dict[str, QSplitter]:
    """Put the parts of a window in their places; returns the splitters that remember theirs."""
    tabs = window.tabs
    tabs.setDocumentMode(True)
    tabs.setAccessibleName("Pages")
    for name, page in window.pages.items():
        place = tabs.addTab(page, pages.title(name))
        tabs.tabBar().setAccessibleTabName(place, pages.title(name))
    window.building.built.connect(lambda name: tabs.setTabToolTip(
        list(window.pages).index(name), window.building.there[name].SAYS)
        if name in window.pages else None)
    window.banner.hide()
    window.log.hide()
    window.library.setMinimumWidth(150)
    centre = QWidget()
    column = QVBoxLayout(centre)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(window.banner)
    column.addWidget(tabs, 1)
    across = _split(Qt.Orientation.Horizontal, window.library, centre, main=1, sizes=[220, 1060])
    down = _split(Qt.Orientation.Vertical, across, window.log, main=0, sizes=[640, 140])
    window.setCentralWidget(down)
    window.setStatusBar(window.status)
    return {"across": across, "down": down}


def _split(direction: Qt.Orientation, first: QWidget, second: QWidget, main: int,
           sizes: list[int]) -> QSplitter:
    """Put two widgets side by side; the one with the place `main` takes what room there is."""
    splitter = QSplitter(direction)
    splitter.addWidget(first)
    splitter.addWidget(second)
    splitter.setSizes(sizes)
    splitter.setStretchFactor(main, 1)
    splitter.setCollapsible(main, False)
    return splitter
