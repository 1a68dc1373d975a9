"""The whole window over a canned engine: its pages, keys, colours, log and small windows."""

from typing import ClassVar

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QLabel

from hybridstudio import presets
from hybridstudio.gui import menus, pages, theme
from hybridstudio.gui.pages import PANELS
from hybridstudio.gui.panels.denoise import DenoisePanel
from hybridstudio.gui.panels.latent import LatentPanel
from hybridstudio.gui.panels.welcome import WelcomePanel
from hybridstudio.gui.settings import Settings
from hybridstudio.gui.window import Window
from hybridstudio.messages import Notice, Started


def test_every_page_is_there_with_a_name_and_a_sentence(window, qtbot):
    assert list(window.panels) == list(PANELS)
    assert list(window.pages) == [
        "welcome", "setup", "train", "denoise", "latent", "trilemma", "compare", "data"]
    for place, (name, page) in enumerate(window.pages.items()):
        assert window.tabs.tabText(place) == page.panels[name].TITLE
        qtbot.waitUntil(lambda place=place: window.tabs.tabToolTip(place) != "")
    for name, panel in window.panels.items():
        assert pages.title(name) == panel.TITLE
        assert panel.SAYS.endswith(".")
        assert panel.accessibleName()
    assert window.page is window.panel(WelcomePanel)


def test_the_window_shows_before_its_pages_are_built(qtbot, qapp, canned):
    made = Window(engine=canned, warm_up=lambda _: iter([Started("ready", device="cpu")]))
    qtbot.addWidget(made)
    made.show()
    assert list(made.building.there) == ["welcome"]
    made.start()
    made.tabs.setCurrentIndex(list(made.pages).index("data"))  # clicked before it was built
    assert made.page is made.building.there["data"]
    assert "compare" not in made.building.there
    qtbot.waitUntil(lambda: len(made.building.there) == len(PANELS))
    qtbot.waitUntil(lambda: "ready" in made.status._work.text())
    made.leave()
    qtbot.waitUntil(lambda: made._leaving.over)


def test_no_part_of_a_page_flashes_as_a_window_of_its_own(qtbot, qapp):
    class Watch(QObject):
        flashed: ClassVar[list[str]] = []

        def eventFilter(self, watched, event):
            if event.type() == QEvent.Type.Show and watched.isWidgetType() and watched.isWindow():
                self.flashed.append(f"{type(watched).__name__} {watched.accessibleName()}")
            return False

    watch = Watch()
    qapp.installEventFilter(watch)
    for name in PANELS:
        qtbot.addWidget(pages.kind(name)())
    qapp.removeEventFilter(watch)
    assert watch.flashed == []


def test_the_status_line_says_ready_when_torch_is_loaded(window, qtbot):
    qtbot.waitUntil(lambda: "ready" in window.status._work.text())
    assert window.status._machine.text().strip() == "cpu"


def test_every_page_fits_a_small_screen_at_scale_one_and_a_half(window, qtbot):
    window.resize(853, 480)  # 1280×720 at 1.5
    for name in PANELS:
        window.show_page(name)
        qtbot.wait(20)
        assert window.width() <= 853, name
        assert window.height() <= 480, name


def test_nothing_of_torch_is_loaded_by_the_window():
    import subprocess
    import sys

    code = ("from hybridstudio.gui.window import Window; import sys;"
            "sys.exit('torch' in sys.modules)")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_key_is_used_once(window):
    keys = [action.shortcut().toString() for action in menus.actions(window)
            if not action.shortcut().isEmpty()]
    assert len(keys) == len(set(keys)) > 10


def test_pages_are_reached_by_keys(window, qtbot):
    window.activateWindow()
    for place, (name, page) in enumerate(window.pages.items(), start=1):
        action = next(a for a in menus.actions(window)
                      if a.shortcut().toString() == f"Ctrl+{place}")
        action.trigger()
        assert window.page is page.panels[name]


def test_a_page_that_is_turned_to_has_the_keys(window, qtbot, run):
    window.activateWindow()
    qtbot.waitUntil(lambda: window.page.hasFocus())
    window.library.refresh()
    qtbot.waitUntil(lambda: run in window.library.entries)
    window.library.own.setFocus()
    window.show_page("denoise")
    assert window.page.hasFocus()
    window.tabs.tabBar().setFocus()
    window.show_page("data")
    assert window.tabs.tabBar().hasFocus()


def test_colours_chosen_in_the_menu_are_remembered(window, qapp):
    action = next(a for a in menus.actions(window) if a.text() == "Dark")
    action.trigger()
    assert theme.palette().dark
    window.settings.save()
    assert Settings().get("colours", "system") == "dark"


def test_the_log_shows_and_counts_what_was_not_seen(window):
    window.log.add(Notice("Careful", level="warning"))
    assert window.status.log_button.text() == "log (1)"
    window.show_log(True)
    assert window.log.isVisible()
    assert window.status.log_button.text() == "log"
    assert "Careful" in window.log.toPlainText()


def test_the_finder_finds_pages_presets_and_actions(window, qtbot):
    menus.find_anything(window)
    finder = next(w for w in QApplication.topLevelWidgets() if w.objectName() == "finder")
    qtbot.keyClicks(finder.line, "cifar")
    assert set(finder.shown()) == {name for name in presets.names() if "cifar10" in name}
    finder.line.setText("denoi")
    assert finder.shown()[0] == "Denoise"
    qtbot.keyClick(finder.line, Qt.Key.Key_Return)
    assert window.page is window.panel(DenoisePanel)


def test_small_windows_of_help_open_and_close(window, qtbot):
    from hybridstudio.gui import dialogs

    keys = dialogs.shortcuts(window, menus.actions(window))
    told = [label.text() for label in keys.findChildren(QLabel)]
    for key in ("Ctrl+N, Ctrl+2", "Ctrl+Return", "Ctrl+E", "Ctrl+R", "Space", "F2"):
        assert key in told
    for dialog in (dialogs.about(window), keys):
        assert dialog.isVisible()
        dialog.close()


def test_the_doctor_examines_in_a_thread_and_may_be_closed_at_once(window, qtbot, monkeypatch):
    from hybridstudio import doctor
    from hybridstudio.gui import dialogs

    checks = [doctor.Check("Python", "ok", "3.11"), doctor.Check("Qt", "bad", "broken", "mend it")]
    monkeypatch.setattr(doctor, "examine", lambda: iter(checks))
    dialog = dialogs.Doctor(window)
    dialog.show()
    lane = dialog.lane
    qtbot.waitUntil(lambda: not lane.busy)
    assert dialog._lines[1] == "Qt (bad): broken\nmend it"
    dialog.close()
    dialog = dialogs.Doctor(window)
    lane = dialog.lane
    dialog.close()
    qtbot.waitUntil(lambda: not lane.busy)


def test_scrolling_past_a_field_changes_nothing(window, qapp):
    fields = [field for panel in window.panels.values() for kind in (QComboBox, QAbstractSpinBox)
              for field in panel._inspector.findChildren(kind)]
    assert len(fields) > 40
    # With these policies the wheel does not give a field the keys, without which it changes none.
    assert [field.accessibleName() for field in fields
            if field.focusPolicy() == Qt.FocusPolicy.WheelFocus] == []
    form = window.panel(LatentPanel).form
    before = form.nfe.value()
    turn = QWheelEvent(QPointF(5, 5), QPointF(5, 5), QPoint(0, 0), QPoint(0, 120),
                       Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
                       Qt.ScrollPhase.NoScrollPhase, False)
    qapp.sendEvent(form.nfe, turn)
    assert form.nfe.value() == before
