import re
from pathlib import Path

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton, QToolButton

from hybridstudio import paths
from hybridstudio.gui import theme

ICONS = sorted((paths.resources() / "icons").glob("*.svg"))


@pytest.fixture(autouse=True)
def as_it_was(qapp):
    yield
    theme.apply(qapp, "light")


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_words_can_be_read_on_every_ground(colours):
    for ground in (colours.window, colours.raised, colours.canvas, colours.hover):
        assert contrast(colours.text, ground) >= 7
        assert contrast(colours.muted, ground) >= 4.5
    for colour in (colours.good, colours.warn, colours.bad, colours.accent):
        assert contrast(colour, colours.window) >= 4.5
    assert contrast(colours.on_accent, colours.accent) >= 4.5


@pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_curves_differ_from_each_other_and_from_the_ground(colours):
    assert len(set(colours.series)) == len(colours.series) >= 6
    for colour in colours.series[:3]:
        assert contrast(colour, colours.canvas) >= 2.4


def test_the_ground_of_pictures_is_neither_black_nor_white():
    for colours in (theme.LIGHT, theme.DARK):
        assert 0.01 < luminance(colours.canvas) < 0.9


def test_a_chosen_mode_is_told_once_and_changes_the_palette(qapp, qtbot):
    theme.apply(qapp, "light")
    with qtbot.waitSignal(theme.changed):
        theme.apply(qapp, "dark")
    assert theme.palette().dark
    assert theme.mode() == "dark"
    assert qapp.palette().window().color().name() == theme.DARK.window
    with qtbot.assertNotEmitted(theme.changed):
        theme.apply(qapp, "dark")


def test_the_systems_scheme_is_followed_while_running(qapp, qtbot):
    theme.apply(qapp, "system")
    before = theme.palette().dark
    other = Qt.ColorScheme.Light if before else Qt.ColorScheme.Dark
    with qtbot.waitSignal(theme.changed):
        QGuiApplication.styleHints().colorSchemeChanged.emit(other)
    assert theme.palette().dark is not before


def test_the_style_sheet_leaves_no_name_unfilled(qapp):
    theme.apply(qapp, "dark")
    assert "$" not in re.sub(r"/\*.*?\*/", "", qapp.styleSheet())
    assert theme.DARK.accent in qapp.styleSheet()


@pytest.mark.parametrize("file", ICONS, ids=lambda file: file.stem)
def test_every_icon_draws_something_in_the_colour_asked_for(qapp, file: Path):
    assert file.read_text().count("currentColor") >= 1
    image = theme.icon(file.stem, "#ff0000").pixmap(QSize(32, 32)).toImage()
    drawn = [image.pixelColor(x, y) for x in range(32) for y in range(32)
             if image.pixelColor(x, y).alpha() > 200]
    assert 20 < len(drawn) < 900
    assert {(c.red() > 200, c.green() < 60, c.blue() < 60) for c in drawn} == {(True, True, True)}


def test_every_icon_that_code_names_exists():
    names = {file.stem for file in ICONS}
    source = Path(theme.__file__).parent
    text = "\n".join(file.read_text() for file in source.rglob("*.py"))
    used = set(re.findall(r"""set_icon\([^()]+, "([a-z-]+)"\)""", text))
    assert used
    assert used <= names


def test_an_icon_of_a_button_follows_the_colours(qapp, qtbot):
    theme.apply(qapp, "light")
    button = QToolButton()
    qtbot.addWidget(button)
    theme.set_icon(button, "stop")

    def shade():
        return button.icon().pixmap(24, 24).toImage().pixelColor(12, 12).name()

    assert shade() == theme.LIGHT.text
    theme.apply(qapp, "dark")
    assert shade() == theme.DARK.text


def test_the_main_button_has_its_icon_in_its_own_colour(qapp, qtbot):
    theme.apply(qapp, "light")
    button = QPushButton()
    qtbot.addWidget(button)
    button.setProperty("primary", True)
    theme.set_icon(button, "stop")
    assert button.icon().pixmap(24, 24).toImage().pixelColor(12, 12).name() == "#ffffff"


def test_labels_have_parts(qapp, qtbot):
    title = theme.say(QLabel("Train"), "title")
    qtbot.addWidget(title)
    assert title.font().pointSizeF() > theme.font().pointSizeF()
    muted = theme.say(QLabel("says"), "muted")
    qtbot.addWidget(muted)
    for mode, colours in (("light", theme.LIGHT), ("dark", theme.DARK)):
        theme.apply(qapp, mode)
        assert muted.palette().color(muted.foregroundRole()).name() == colours.muted
