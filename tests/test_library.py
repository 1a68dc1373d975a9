"""The library and the welcome page in the window."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit

from hybridstudio import paths, runs
from hybridstudio.gui import theme
from hybridstudio.gui.panels.denoise import DenoisePanel
from hybridstudio.gui.panels.welcome import Card, WelcomePanel
from hybridstudio.messages import Draw, Train

# --- the library ----------------------------------------------------------------------------------


def listed(window, qtbot, path):
    window.library.refresh()
    qtbot.waitUntil(lambda: path in window.library.entries, timeout=4000)


def test_runs_are_listed_with_picture_state_and_share(window, qtbot, request):
    qtbot.waitUntil(lambda: not window.library.lane.busy)
    run = request.getfixturevalue("run")  # only now: the first reading would find it
    assert not window.library._empty.isHidden()
    listed(window, qtbot, run)
    entry = window.library.entries[run]
    assert (entry.state_text, entry.picture.isNull()) == ("interrupted, 75 %", False)
    assert window.library._empty.isHidden()
    window.library.grab()


def test_a_chosen_run_is_shown_by_the_page_in_front_and_by_others_when_looked_at(
        window, qtbot, run):
    listed(window, qtbot, run)
    shown = {"train": [], "denoise": []}
    for name in shown:
        window.panels[name].show_run = shown[name].append
    window.show_page("train")
    window.library.own.setCurrentRow(0)
    assert shown == {"train": [None, run], "denoise": []}
    window.show_page("denoise")
    assert shown["denoise"] == [run]
    window.show_page("train")
    assert shown["train"] == [None, run, run]
    assert window.settings.recent() == [run]


def test_the_menu_of_a_run_offers_what_its_state_allows(window, qtbot, run):
    listed(window, qtbot, run)
    menu = window.library.menu(run)
    offered = {action.text(): action.isEnabled() for action in menu.actions() if action.text()}
    assert offered == {"Open": True, "Scrub through it": True, "Resume": True, "Compare": True,
                       "Clone and change": True, "Show folder": True,
                       "Copy path": True, "Rename": True, "Move to trash": True}
    menu.deleteLater()
    with runs.lock(run):
        window.library.entries.clear()
        listed(window, qtbot, run)
        qtbot.waitUntil(lambda: window.library.entries[run].state == "training")
        menu = window.library.menu(run)
        offered = {action.text(): action.isEnabled() for action in menu.actions() if action.text()}
        assert not any(offered[name] for name in ("Resume", "Rename", "Move to trash"))
        menu.deleteLater()


def test_a_run_goes_to_the_trash_and_comes_back(window, qtbot, run, monkeypatch, tmp_path):
    bin_ = tmp_path / "trash" / "files"
    bin_.mkdir(parents=True)

    def to_trash(path):
        Path(path).rename(bin_ / run.name)
        return True, str(bin_ / run.name)

    monkeypatch.setattr("hybridstudio.gui.library.QFile.moveToTrash", to_trash)
    listed(window, qtbot, run)
    window.choose(run)
    window.library.remove(run)
    assert not run.exists()
    assert window.run is None
    assert "trash" in window.banner.text
    window.banner.action.click()
    assert (run / "run.toml").exists()


def test_a_run_that_trains_is_neither_moved_nor_renamed(window, qtbot, run):
    listed(window, qtbot, run)
    with runs.lock(run):
        window.library.remove(run)
        assert "being trained" in window.banner.text
        assert window.library.rename(run, "new") is None
    assert run.exists()


def test_a_run_is_renamed_to_a_free_and_harmless_name(window, qtbot, run):
    listed(window, qtbot, run)
    assert window.library.rename(run, "  ../Neuer Name ") == paths.runs() / "Neuer-Name"
    assert window.run == paths.runs() / "Neuer-Name"


def test_a_broken_run_is_listed_and_says_why(window, qtbot):
    folder = paths.runs() / "bad"
    folder.mkdir(parents=True)
    (folder / "run.toml").write_text("= = =")
    listed(window, qtbot, folder)
    assert window.library.entries[folder].state == "broken"
    window.open_run(folder)


# --- welcome --------------------------------------------------------------------------------------


def test_the_example_trains_shows_pictures_and_leads_to_scrubbing(window, qtbot, canned):
    page = window.panel(WelcomePanel)
    page.try_it.click()
    qtbot.waitUntil(lambda: page.sheet.images() is not None)
    assert window.page is page
    assert canned.of(Train)[0].config.data.name == "digits"
    qtbot.waitUntil(lambda: "Learning: step" in page._told.text())
    page.scrub.click()
    assert window.page is window.panel(DenoisePanel)
    assert window.run == canned.of(Train)[0].out
    page.stop.click()
    qtbot.waitUntil(lambda: not window.training.busy)
    assert page._told.text().startswith("Stopped")
    assert page.try_it.isEnabled()


def test_a_models_card_opens_it_and_draws(window, qtbot, canned):
    page = window.panel(WelcomePanel)
    qtbot.waitUntil(lambda: bool(page.findChildren(Card)), timeout=8000)
    card = next(card for card in page.findChildren(Card)
                if card.accessibleName().startswith("ddpm-mnist"))
    qtbot.mouseClick(card, Qt.MouseButton.LeftButton)
    assert window.page is window.panel(DenoisePanel)
    qtbot.waitUntil(lambda: len(canned.of(Draw)) == 1)
    assert canned.of(Draw)[0].run.name == "ddpm-mnist"


def test_a_cloud_of_points_is_as_light_as_the_window(window, qtbot, qapp):
    qtbot.waitUntil(lambda: "ddpm-gaussians25" in {
        entry.name for entry in window.library.entries.values()}, timeout=8000)
    page = window.panel(WelcomePanel)
    card = next(card for card in page.findChildren(Card)
                if card.accessibleName().startswith("ddpm-gaussians25"))

    def corner():
        return card._picture.pixmap().toImage().pixelColor(0, 0).lightness()

    assert corner() > 200
    theme.apply(qapp, "dark")
    assert corner() < 60


def test_the_example_waits_for_another_training(window, qtbot, canned, begin):
    begin()
    window.show_page("welcome")
    page = window.panel(WelcomePanel)
    page.try_it.click()
    assert "training is running" in page._error.text
    assert page.try_it.isEnabled()


def test_a_name_is_typed_over_in_place(window, qtbot, run):
    listed(window, qtbot, run)
    window.library._edit(run)
    editor = window.library.own.findChild(QLineEdit)
    assert editor.text() == run.name
    editor.selectAll()
    qtbot.keyClicks(editor, "better")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: paths.runs() / "better" in window.library.entries)
    assert not run.exists()


def test_a_click_and_enter_open_what_is_listed(window, qtbot, run):
    listed(window, qtbot, run)
    row = window.library.own.visualItemRect(window.library.own.item(0))
    qtbot.mouseClick(window.library.own.viewport(), Qt.MouseButton.LeftButton, pos=row.center())
    assert window.run == run
    qtbot.keyClick(window.library.own, Qt.Key.Key_Return)
    assert window.page is window.panels["train"]
