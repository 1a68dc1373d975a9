"""Fields that leave the wheel to the page they stand on until they were chosen.

Scrolling past a field must not change it; Qt gives it the keys as soon as the wheel turns over it.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QComboBox, QSlider, QWidget


class _Calm(QObject):
    """Keeps the wheel from its parent while that has not the keys."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Hand the wheel on to the page."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) \
                and not watched.hasFocus():
            event.ignore()
            return True
        return False


def calm(field: QWidget) -> None:
    """Let a field take the wheel only after a click or Tab chose it."""
    if field.findChild(_Calm) is None:
        field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        field.installEventFilter(_Calm(field))


def calm_within(page: QWidget) -> None:
    """Do so with all lists and sliders of a page; fields of numbers do it themselves."""
    for kind in (QComboBox, QSlider):
        for field in page.findChildren(kind):
            calm(field)
