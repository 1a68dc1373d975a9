"""Python's cyclic garbage is collected in the window's thread alone.

Left to itself the collector runs in whichever thread happens to allocate, mostly one that trains or
draws. What it finds there may hold a widget, and Qt crashes where a widget is destroyed outside the
window's thread.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

EVERY = 1000  # ms between looks
YOUNG = 700  # new containers below which a look is let be
WHOLE = 60  # looks from one collection of all that lives to the next


class Collector(QObject):
    """Collects in the thread that it was made in, for as long as it lives; `end` gives back."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._was_on = gc.isenabled()
        self._looks = 0
        gc.disable()
        self._timer = QTimer(self, interval=EVERY)
        self._timer.timeout.connect(self.look)
        self._timer.start()

    def look(self) -> None:
        """Collect what is young and was let go, and now and then all."""
        self._looks += 1
        if self._looks % WHOLE == 0:
            gc.collect()
        elif gc.get_count()[0] > YOUNG:
            gc.collect(1)

    def settle(self) -> None:
        """Count what is loaded by now as there to stay: going through it would hold the window up.
        """
        gc.freeze()

    def end(self) -> None:
        """Let Python collect as it did before."""
        self._timer.stop()
        if self._was_on:
            gc.enable()
