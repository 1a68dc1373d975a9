"""The pages of the window, built when they are first needed, or one by one once it shows.

All at once they would keep the window from showing for a second.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from hybridstudio.gui import pages
from hybridstudio.gui.anatomy import Panel
from hybridstudio.gui.shelf import Listed
from hybridstudio.gui.views import Views


class Pages(QObject):
    """Has a place for every page; `built` tells a panel's name when it is there, `complete` all."""

    built = Signal(str)
    complete = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._shared = pages.pages()
        self._first = {name: first for first, names in self._shared.items() for name in names}
        self.views = {name: Views() for name in self._shared}
        self._panels: dict[str, Panel] = {}
        self._loaded: set[str] = set()  # panels whose modules are there
        self._listed: Listed | None = None  # what the library has read last
        self._next = QTimer(self, singleShot=True, interval=0)
        self._next.timeout.connect(self._build_next)

    @property
    def there(self) -> dict[str, Panel]:
        """The panels that are there by now, in the order in which they were built."""
        return self._panels

    def all(self) -> dict[str, Panel]:
        """Return all panels by name, in order; those that are missing are built."""
        for name in pages.PANELS:
            self._build(name)
        return {name: self._panels[name] for name in pages.PANELS}

    def page(self, name: str) -> Views:
        """Return the page on which a panel stands, with all that share it."""
        first = self._first[name]
        for view in self._shared[first]:
            self._build(view)
        return self.views[first]

    def front(self, page: Views) -> Panel:
        """Return the panel in front on a page."""
        return self.page(next(name for name, own in self.views.items() if own is page)).view

    def build_on(self) -> None:
        """Build one panel after the other, as the window finds time."""
        self._next.start()

    def show_listed(self, listed: Listed) -> None:
        """Tell all panels what the library lists, those that are built later too."""
        self._listed = listed
        for panel in self._panels.values():
            panel.show_listed(listed)

    def stop(self) -> None:
        """Build no further ones: the window closes."""
        self._next.stop()

    # --- inside -----------------------------------------------------------------------------------

    def _build_next(self) -> None:
        for name in pages.PANELS:
            if name not in self._panels:
                if name in self._loaded:
                    self._build(name)
                else:  # in a turn of its own: some load libraries
                    pages.kind(name)
                    self._loaded.add(name)
                self._next.start()
                return
        self.complete.emit()

    def _build(self, name: str) -> None:
        if name in self._panels:
            return
        self._panels[name] = panel = pages.kind(name)()
        panel.setObjectName(name)
        names = self._shared[self._first[name]]
        if all(view in self._panels for view in names):
            self.views[names[0]].take({view: self._panels[view] for view in names})
        self.built.emit(name)
        if self._listed is not None:
            panel.show_listed(self._listed)
