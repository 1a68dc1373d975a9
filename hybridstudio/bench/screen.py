"""A Qt application to measure in: on the display there is, or off screen."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication


def application() -> QApplication:
    """Return the application with all that it wears for a user; Qt is loaded here."""
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from hybridstudio.gui import theme
    from hybridstudio.gui.app import dress

    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    dress(app)
    theme.apply(app, theme.mode())  # the style sheet too, which lays out and paints more
    return app
