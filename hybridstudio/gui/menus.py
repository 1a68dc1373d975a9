"""The menus, the keys, and what Ctrl+K finds: everything that can be done, in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QToolButton

from hybridstudio import presets
from hybridstudio.errors import StudioError, translate
from hybridstudio.gui import dialogs, pages, theme
from hybridstudio.gui.askfile import ask_file
from hybridstudio.gui.finder import Finder, Found
from hybridstudio.gui.wishes import Open, SetUp
from hybridstudio.messages import Notice

if TYPE_CHECKING:
    from hybridstudio.gui.window import Window

MODES: dict[theme.Mode, str] = {"system": "After the system", "light": "Light", "dark": "Dark"}


def build(window: Window) -> None:
    """Fill the menu bar of a window, and the button beside the pages."""
    _file(window, _menu(window, "&File"))
    _view(window, _menu(window, "&View"))
    _help(window, _menu(window, "&Help"))
    find = QToolButton()
    find.setAutoRaise(True)
    find.setText("Ctrl+K")
    find.setToolButtonStyle(theme.BESIDE)
    find.setAccessibleName("Find anything")
    find.setToolTip("Find a page, a run, a preset or an action (Ctrl+K)")
    theme.set_icon(find, "search")
    find.clicked.connect(lambda: find_anything(window))
    window.tabs.setCornerWidget(find)


def find_anything(window: Window) -> None:
    """Open the line to type in."""
    finder = Finder(window, things(window))
    finder.show()
    finder.line.setFocus()


def things(window: Window) -> Iterator[Found]:
    """Return all that can be gone to: pages, runs, presets, actions."""
    for name in pages.PANELS:
        yield Found(pages.title(name), "page", partial(window.show_page, name))
    for entry in window.library.entries.values():
        yield Found(entry.name, f"model, {entry.state_text}" if entry.shipped else
                    f"run, {entry.state_text}", partial(window.open_run, entry.path))
    for name in presets.names():
        yield Found(name, "preset", partial(_open_preset, window, name))
    titles = set(map(pages.title, pages.PANELS))
    for action in actions(window):
        if action.isEnabled() and action.text() not in titles:
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            yield Found(_plain(action), f"action  {keys}".rstrip(), action.trigger)


def actions(window: Window) -> Iterator[QAction]:
    """Return every action of the menus, those of submenus included."""
    for menu in window.menuBar().findChildren(QMenu):
        for action in menu.actions():
            if action.menu() is None and action.text():
                yield action


def _plain(action: QAction) -> str:
    return action.text().replace("&", "").rstrip("…")


def _menu(window: Window, title: str) -> QMenu:
    return window.menuBar().addMenu(title)


def _add(menu: QMenu, text: str, do: Callable[[], object], key: str | QKeySequence = "",
         icon: str = "") -> QAction:
    action = menu.addAction(text)
    action.triggered.connect(lambda _=False: do())
    if key:
        action.setShortcut(QKeySequence(key))
    if icon:
        theme.set_icon(action, icon)
    return action


def _file(window: Window, menu: QMenu) -> None:
    _add(menu, "&New run", lambda: window.ask(Open("setup")), "Ctrl+N", "plus")
    _add(menu, "&Open a run or a folder of images…", lambda: _choose_folder(window), "Ctrl+O",
         "folder")
    _add(menu, "Open a &file…", lambda: _choose_file(window), "Ctrl+Shift+O", "image")
    recent = menu.addMenu("&Recent runs")
    recent.aboutToShow.connect(lambda: _fill_recent(window, recent))
    menu.addSeparator()
    _add(menu, "&Data folder…", lambda: _choose_data_folder(window), icon="data")
    menu.addSeparator()
    _add(menu, "&Quit", window.close, "Ctrl+Q")


def _view(window: Window, menu: QMenu) -> None:
    for place, (name, *views) in enumerate(pages.pages().values(), start=1):
        title = pages.title(name)
        _add(menu, title, partial(window.show_page, name), f"Ctrl+{place}", name)
        for view in views:
            _add(menu, f"{title}: {pages.title(view).lower()}", partial(window.show_page, view))
    menu.addSeparator()
    _add(menu, "&Find anything", lambda: find_anything(window), "Ctrl+K", "search")
    _add(menu, "&Library", lambda: window.library.setVisible(window.library.isHidden()),
         "Ctrl+B", "library")
    _add(menu, "L&og", lambda: window.show_log(window.log.isHidden()), "Ctrl+J", "log")
    _add(menu, "F&ull screen", lambda: _toggle_full_screen(window), "F11")
    menu.addSeparator()
    colours = menu.addMenu("&Colours")
    group = QActionGroup(colours)
    for mode, text in MODES.items():
        action = _add(colours, text, partial(_set_mode, window, mode))
        action.setCheckable(True)
        action.setChecked(theme.mode() == mode)
        group.addAction(action)


def _help(window: Window, menu: QMenu) -> None:
    _add(menu, "&Keyboard shortcuts", lambda: dialogs.shortcuts(window, actions(window)), "Ctrl+/")
    _add(menu, "&Doctor", lambda: dialogs.Doctor(window).show(), icon="check")
    menu.addSeparator()
    _add(menu, "&About HybridStudio", lambda: dialogs.about(window), icon="info")


def _fill_recent(window: Window, menu: QMenu) -> None:
    menu.clear()
    for run in window.settings.recent():
        _add(menu, run.name, partial(window.open_run, run)).setToolTip(str(run))
    if menu.isEmpty():
        menu.addAction("None yet").setEnabled(False)


def _open_preset(window: Window, name: str) -> None:
    try:
        window.ask(SetUp(presets.find(name)))
    except (StudioError, OSError) as error:
        window.tell(translate(error))


def _set_mode(window: Window, mode: theme.Mode) -> None:
    window.settings.put("colours", mode)
    theme.choose(mode)


def _toggle_full_screen(window: Window) -> None:
    window.setWindowState(window.windowState() ^ Qt.WindowState.WindowFullScreen)


def _choose_folder(window: Window) -> None:
    ask_file(window, "A run or a folder of images", window.open, folder=True)


def _choose_file(window: Window) -> None:
    ask_file(window, "A picture, a zip of images, or a config", window.open)


def _choose_data_folder(window: Window) -> None:
    def take(folder: Path) -> None:
        window.settings.choose_data_folder(folder)
        window.tell(Notice(f"Data sets are looked for in {folder} from now on",
                           "MNIST, CIFAR-10 and the others lie there as torchvision lays them",
                           "what is running keeps to the folder it began with"))

    ask_file(window, "The folder in which data sets lie", take, folder=True)
