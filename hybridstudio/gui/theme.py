"""The look: colours, fonts, icons and spacing, light or dark, in one place.

    apply(app, "system")       light or dark after the system, live; "light" and "dark" override it
    palette() -> Colours       the colours now; painting code asks anew each time it paints
    changed.connect(slot)      told, without arguments, after the colours changed
    icon("play") -> QIcon      resources/icons/play.svg in the text colour (or a given one)
    set_icon(button, "play")   the same, and it stays right when the colours change
    GRID                       8 pixels: margins and gaps are multiples of it
    say(label, "muted")        a label's part in the page: title, heading, muted, number, error

A button with `setProperty("primary", True)` is the one main action of its page; with
`setProperty("flat", True)` it has no frame until the mouse is over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from string import Template
from typing import Literal

from PySide6.QtCore import QByteArray, QObject, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication, QLabel

from hybridstudio import paths

GRID = 8
BESIDE = Qt.ToolButtonStyle.ToolButtonTextBesideIcon
Mode = Literal["system", "light", "dark"]
Role = Literal["title", "heading", "muted", "number", "error", ""]


@dataclass(frozen=True)
class Colours:
    """Every colour of the window, as #rrggbb; `series` are Okabe and Ito's, in order of use."""

    window: str
    canvas: str  # behind pictures: neither black nor white
    raised: str  # fields and buttons
    hover: str
    text: str
    muted: str
    line: str
    accent: str
    on_accent: str
    good: str
    warn: str
    bad: str
    series: tuple[str, ...]
    dark: bool


# Okabe & Ito 2008, "Color universal design"; those too faint on the background come last.
LIGHT = Colours(
    window="#f5f5f6", canvas="#e3e4e7", raised="#ffffff", hover="#e9eaed", text="#1c1e22",
    muted="#5d626b", line="#d4d6db", accent="#2f5fc4", on_accent="#ffffff", good="#12734a",
    warn="#8f5200", bad="#b3261e", dark=False,
    series=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1c1e22"))
DARK = Colours(
    window="#1d1e21", canvas="#27292d", raised="#2d2f34", hover="#34373d", text="#e7e8eb",
    muted="#a0a5ae", line="#3a3d43", accent="#7ea6ff", on_accent="#10131a", good="#55c592",
    warn="#f0b44a", bad="#ff8a80", dark=True,
    series=("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#f0e442", "#e7e8eb"))


class _Theme(QObject):
    """What changes while the program runs, and the signal that tells of it."""

    changed = Signal()
    colours = LIGHT
    mode: Mode = "system"


_theme = _Theme()
changed = _theme.changed


def palette() -> Colours:
    """Return the colours now."""
    return _theme.colours


def mode() -> Mode:
    """Return what was chosen last: "system", "light" or "dark"."""
    return _theme.mode


def apply(app: QApplication, mode: Mode = "system", sheet: bool = True) -> None:
    """Dress the application; with "system" it also follows later changes of the system.

    Widgets are built twice as fast while there is no style `sheet`: apply it when they are there.
    """
    hints = QGuiApplication.styleHints()
    if app.property("dressed") is None:
        app.setProperty("dressed", True)
        app.setStyle("Fusion")
        app.setFont(font())
        hints.colorSchemeChanged.connect(_follow)
    _theme.mode = mode
    schemes = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
    hints.setColorScheme(schemes.get(mode, Qt.ColorScheme.Unknown))  # menus, title bars too
    _dress(app, hints.colorScheme(), sheet)


def choose(mode: Mode) -> None:
    """Change between light, dark and the system's while the program runs."""
    app = QApplication.instance()
    if isinstance(app, QApplication):
        apply(app, mode)


def _follow(scheme: Qt.ColorScheme) -> None:
    app = QApplication.instance()
    if isinstance(app, QApplication):
        _dress(app, scheme)


def _dress(app: QApplication, scheme: Qt.ColorScheme, sheet: bool = True) -> None:
    system_is_dark = scheme == Qt.ColorScheme.Dark
    is_dark = system_is_dark if _theme.mode == "system" else _theme.mode == "dark"
    colours = DARK if is_dark else LIGHT
    if app.styleSheet() and colours == _theme.colours:
        return
    _theme.colours = colours
    app.setPalette(_qt_palette(colours))
    names = {name: value for name, value in vars(colours).items() if isinstance(value, str)}
    if sheet:
        folder = paths.resources() / "style"
        style = (folder / "studio.qss").read_text(encoding="utf-8")
        app.setStyleSheet(Template(style).substitute(
            names, style=folder.as_posix(), shade="dark" if is_dark else "light"))
    for widget in app.allWidgets():
        for target in (widget, *widget.actions()):
            if name := target.property("iconName"):
                set_icon(target, name)
    _theme.changed.emit()


def _qt_palette(colours: Colours) -> QPalette:
    role, group = QPalette.ColorRole, QPalette.ColorGroup
    table = {
        role.Window: colours.window, role.WindowText: colours.text, role.Base: colours.raised,
        role.AlternateBase: colours.window, role.Text: colours.text, role.Button: colours.raised,
        role.ButtonText: colours.text, role.BrightText: colours.bad, role.Link: colours.accent,
        role.LinkVisited: colours.accent, role.Highlight: colours.accent,
        role.HighlightedText: colours.on_accent, role.ToolTipBase: colours.raised,
        role.ToolTipText: colours.text, role.PlaceholderText: colours.muted,
        role.Accent: colours.accent, role.Mid: colours.line, role.Midlight: colours.hover,
        role.Light: colours.hover, role.Dark: colours.line, role.Shadow: colours.line,
    }
    made = QPalette()
    for part, colour in table.items():
        made.setColor(part, QColor(colour))
    for part in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(group.Disabled, part, _mixed(colours.muted, colours.window, 0.45))
    made.setColor(group.Disabled, role.Highlight, QColor(colours.line))
    return made


def _mixed(one: str, other: str, share: float) -> QColor:
    """Return `one` with a share of `other` in it, 0 to 1."""
    a, b = QColor(one), QColor(other)
    return QColor(*(round(x + (y - x) * share) for x, y in (
        (a.red(), b.red()), (a.green(), b.green()), (a.blue(), b.blue()))))


# --- fonts ----------------------------------------------------------------------------------------


def font(scale: float = 1.0, bold: bool = False) -> QFont:
    """Return the system's own font, `scale` times its size, with figures that stand in columns."""
    made = QFont(QGuiApplication.font())
    size = QFont().pointSizeF() if made.pointSizeF() <= 0 else made.pointSizeF()
    made.setPointSizeF(max(size, 9.0) * scale)
    if hasattr(made, "setFeature"):  # Qt 6.7
        made.setFeature(QFont.Tag("tnum"), 1)
    if bold:
        made.setWeight(QFont.Weight.DemiBold)
    return made


def say(label: QLabel, role: Role) -> QLabel:
    """Give a label its part in the page: title, heading, muted, number, error; returns it.

    Its colour is a role of the palette, so that it follows the colours without being told.
    """
    scale, bold = {"title": (1.35, True), "heading": (1.0, True)}.get(role, (1.0, False))
    label.setProperty("role", role)
    label.setFont(font(scale, bold))
    label.setForegroundRole({"muted": QPalette.ColorRole.PlaceholderText,
                             "error": QPalette.ColorRole.BrightText}.get(
                                 role, QPalette.ColorRole.WindowText))
    return label


# --- icons ----------------------------------------------------------------------------------------


def icon(name: str, colour: str | None = None) -> QIcon:
    """Return the icon of resources/icons/NAME.svg in a colour (default: the text's).

    Raises FileNotFoundError for a name that is not there.
    """
    colours = palette()
    faint = _mixed(colours.muted, colours.window, 0.45).name()
    return _icon(name, colour or colours.text, faint)


def set_icon(target: QObject, name: str) -> None:
    """Give a button or an action an icon that follows the colours."""
    target.setProperty("iconName", name)
    colour = palette().on_accent if target.property("primary") else None
    target.setIcon(icon(name, colour))  # type: ignore[attr-defined]


@lru_cache(maxsize=256)
def _icon(name: str, colour: str, faint: str) -> QIcon:
    drawing = (paths.resources() / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    made = QIcon()
    for mode, tint in ((QIcon.Mode.Normal, colour), (QIcon.Mode.Disabled, faint)):
        renderer = QSvgRenderer(QByteArray(drawing.replace("currentColor", tint).encode()))
        for side in (16, 24, 32, 48):
            pixmap = QPixmap(side, side)
            pixmap.fill(Qt.GlobalColor.transparent)
            painter = QPainter(pixmap)
            renderer.render(painter, QRectF(0, 0, side, side))
            painter.end()
            made.addPixmap(pixmap, mode)
    return made
