"""Several panels on one page of the window: a row of names in the header says which is in front.

    views = Views()
    views.take({"denoise": DenoisePanel(), "race": RacePanel()})
    views.show_view("race")
    views.changed                       # another view is in front now
"""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QStackedWidget, QWidget

from hybridstudio.gui.anatomy import Panel
from hybridstudio.gui.flow import Flow


class Views(QStackedWidget):
    """Panels that share a page; each keeps its own header, in which the names of all stand."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panels: dict[str, Panel] = {}

    def take(self, panels: dict[str, Panel]) -> None:
        """Put in the panels that share this page, the first in front."""
        self.panels = panels
        for name, panel in panels.items():
            self.addWidget(panel)
            if len(panels) > 1:
                panel.set_switch(self._switch(name))
        self.currentChanged.connect(lambda _place: self.changed.emit())

    @property
    def view(self) -> Panel:
        """The panel in front."""
        panel = self.currentWidget()
        assert isinstance(panel, Panel)
        return panel

    def show_view(self, name: str) -> None:
        """Bring a panel to the front, by its name."""
        self.setCurrentWidget(self.panels[name])

    def _switch(self, own: str) -> QWidget:
        """Return the row of names as it stands in the header of the panel `own`."""
        row = QWidget()
        line = Flow(row)  # in two lines where the window is narrow
        for name, panel in self.panels.items():
            button = QPushButton(panel.VIEW or panel.TITLE)
            button.setProperty("view", "front" if name == own else "other")
            button.setToolTip(panel.SAYS)
            button.setAccessibleName(f"Show {button.text()}")
            button.clicked.connect(lambda _on=False, name=name: self._choose(name))
            line.addWidget(button)
        return row

    def _choose(self, name: str) -> None:
        self.show_view(name)
        self.view.setFocus()
