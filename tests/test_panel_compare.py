import json

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication

from hybridstudio import paths, runs
from hybridstudio.config import RunConfig, with_values
from hybridstudio.errors import StudioError
from hybridstudio.gui import runcolours, theme
from hybridstudio.gui.panels.compare import ComparePanel
from hybridstudio.gui.shelf import Listed, entry_of
from hybridstudio.gui.wishes import Cancel, SetUp
from hybridstudio.messages import Done, Notice, Progress, Sheet, Sheets, Started, Train


def write(folder, name, values=None, checkpoint=True):
    path = folder / name
    runs.create(path, with_values(RunConfig(name=name), {
        "data.size": 8, "data.channels": 1, **(values or {})}))
    log = runs.MetricsLog(path)
    for step in (10, 20, 30):
        log.append(step, {"loss": 1.0 / step, "test/loss": 2.0 / step}, seconds=step)
    log.close()
    if checkpoint:
        folder = runs.checkpoint_path(path, 30)
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
    return path


@pytest.fixture
def panel(qtbot, qapp):
    theme.apply(qapp, "light")
    made = ComparePanel()
    made.resize(900, 600)
    made.asked = []
    made.requested.connect(made.asked.append)
    made.show()
    yield made
    made.queue.hold()
    made.hide()
    # Not left to qtbot, which takes a widget away while its thread still reads.
    qtbot.waitUntil(lambda: not made.lane.busy, timeout=20_000)
    made.close()
    made.deleteLater()


@pytest.fixture
def pair(panel, qtbot, tmp_path):
    paths_of = [write(tmp_path, "a"), write(tmp_path, "b", {"train.lr": 1e-3})]
    panel.picks.pick(paths_of)
    wait(panel, qtbot, 2)
    return paths_of


def wait(panel, qtbot, count):
    qtbot.waitUntil(lambda: len(panel.comparison.subjects) == count and not panel.lane.busy)


def image(value=0):
    return np.full((4, 8, 8, 1), value, np.uint8)


def test_without_runs_it_says_what_to_do(panel):
    assert "Nothing to compare" in panel._empty.told()
    assert not panel.export.isEnabled()
    assert panel.command() == ""


def test_settings_that_differ_are_shown(panel, pair):
    cells = {row[0]: row[1:] for row in panel.table.rows()}
    assert cells["train.lr"] == ["0.0002", "0.001", "0.0002"]
    assert "train.steps (steps)" not in cells
    assert cells["Family"][:2] == ["ddpm", "ddpm"]


def test_a_run_keeps_its_colour(panel, pair, qtbot):
    before = {one.path: one.colour for one in panel.comparison.subjects}
    panel.picks.pick([pair[1]])
    wait(panel, qtbot, 1)
    assert panel.comparison.subjects[0].colour == before[pair[1]]
    assert runcolours.colour_of(pair[1]).name() == theme.palette().series[before[pair[1]]]


def test_six_runs_have_six_colours(tmp_path):
    listed = [tmp_path / str(place) for place in range(9)]
    runcolours.places(listed)
    assert len(set(runcolours.places(listed[3:]).values())) == 6


def test_no_more_than_six_can_be_ticked(panel, qtbot, tmp_path):
    listed = [write(tmp_path, f"r{place}") for place in range(7)]
    panel.show_listed(Listed((), tuple(entry_of(runs.read(path)) for path in listed)))
    for row in range(6):
        panel.picks.item(row).setCheckState(Qt.CheckState.Checked)
    wait(panel, qtbot, 6)
    assert not panel.picks.item(6).flags() & Qt.ItemFlag.ItemIsEnabled
    panel.add(listed[6])
    assert "was not added" in panel.notice.text
    panel.picks.item(0).setCheckState(Qt.CheckState.Unchecked)
    wait(panel, qtbot, 5)
    assert panel.picks.item(6).flags() & Qt.ItemFlag.ItemIsEnabled


def test_the_run_chosen_in_the_library_comes_first(panel, qtbot, tmp_path):
    path = write(tmp_path, "a")
    panel.show_run(path)
    wait(panel, qtbot, 1)
    panel.show_run(write(tmp_path, "b"))
    assert panel.picks.paths() == (path,)


def test_folders_of_runs_can_be_dropped(panel, pair, qtbot, tmp_path):
    third = write(tmp_path, "c")
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(third)), QUrl.fromLocalFile(str(tmp_path))])
    panel.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime,
                               Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier))
    assert panel.picks.paths() == (*pair, third)


def test_a_broken_run_is_told_and_the_others_stand(panel, pair, qtbot, tmp_path):
    (pair[0] / "run.toml").write_text("garbage = [")
    panel._look()
    qtbot.waitUntil(lambda: not panel.comparison.subjects[0].is_sound)
    cells = {row[0]: row[1:] for row in panel.table.rows()}
    assert cells["State"][:2] == ["cannot be read", "interrupted"]
    for section in panel.sections:
        panel.show_section(section)


def test_curves_are_laid_over_each_other(panel, pair):
    panel.show_section("Curves")
    plot = panel.curves.first
    assert plot.choice.currentText() == "Held out: loss"
    assert [line.label for line in plot._curves.values()] == ["a", "b"]
    plot.choice.setCurrentText("Loss")
    plot._pick(0)
    assert len(plot._curves) == 2


def test_scores_and_why_they_are_not_comparable(panel, pair, qtbot):
    figure = {"value": 2.0, "low": 1.9, "high": 2.1, "floor": 0.3, "ceiling": 400.0}
    for path, n in zip(pair, (5000, 600), strict=True):
        runs.record_score(path, {"scores": {"frechet": figure}, "n": n, "label": f"N = {n}",
                                 "features": {"sha256": "c2"}, "split": "test"})
    panel.show_section("Scores")
    assert panel.scores.widget().findChildren(type(panel.scores.widget()))
    panel._look()
    qtbot.waitUntil(lambda: "not comparable" in " ".join(
        label.text() for label in panel.scores.findChildren(type(panel.variants.says))))


# --- pictures


def test_every_run_draws_from_the_same_seed(panel, pair, qtbot):
    panel.show_section("Pictures")
    panel.sheets.seed.setValue(7)
    qtbot.mouseClick(panel.sheets.button, Qt.MouseButton.LeftButton)
    assert panel.asked == [Sheets(tuple(pair), 16, 7)]
    assert panel.sheets.button.text() == "Stop"
    panel.on_event(Started("Drawing"))
    panel.on_event(Progress(0, 2, "runs"))
    panel.on_event(Sheet(pair[0], image(), 2.0, 50))
    panel.on_event(Notice("Nothing was drawn from b", "it broke", run=pair[1]))
    panel.on_event(Done("finished"))
    first, second = panel.sheets._sheets.values()
    assert (first.sheet.images() == image()).all()
    assert "NFE 50" in first.cost.text()
    assert second.sheet.images() is None
    assert "it broke" in second.sheet.empty
    assert panel.sheets.button.text() == "Draw"


def test_drawing_can_be_stopped_and_fail(panel, pair, qtbot):
    panel.draw(4, 0)
    panel.sheets.button.click()
    assert panel.asked[-1] == Cancel()
    panel.show_error(StudioError("It broke"))
    assert panel.sheets.button.text() == "Draw"


def test_a_classifier_and_an_empty_run_say_why_they_draw_nothing(panel, qtbot, tmp_path):
    empty = write(tmp_path, "empty", checkpoint=False)
    panel.picks.pick([empty])
    wait(panel, qtbot, 1)
    panel.show_section("Pictures")
    assert "no checkpoint" in panel.sheets._sheets[empty].sheet.empty
    assert not panel.sheets.button.isEnabled()


# --- export


def test_export_writes_a_page_with_the_sheets(panel, pair, qtbot, tmp_path):
    panel.on_event(Sheet(pair[0], image(), 2.0, 50))
    out = tmp_path / "c.html"
    panel.write(out)
    qtbot.waitUntil(lambda: panel._writer is None and out.exists())
    assert "data:image/png" in out.read_text()
    assert "Saved c.html" in panel.notice.text
    panel.copy_command()
    assert QGuiApplication.clipboard().text().startswith("hybridstudio compare")


def test_an_export_that_fails_is_told(panel, pair, qtbot, tmp_path):
    panel.write(tmp_path)
    qtbot.waitUntil(lambda: panel._writer is None)
    assert "is a folder" in panel._error.text


# --- variants


def test_variants_are_checked_and_queued_at_once(panel, pair):
    form = panel.variants
    assert not form.queue.isEnabled()
    form._settings[0].values.setText("1e-4, 2e-4")
    form.add()
    form._settings[1].values.setText("32, 0")
    assert "train.batch_size" in form.says.text()
    assert not form.queue.isEnabled()
    form._settings[1].values.setText("32, 64")
    assert form.queue.text() == "Queue 4 runs"
    form.copy.click()
    command = QGuiApplication.clipboard().text()
    assert "--vary 'train.lr=1e-4, 2e-4' --vary 'train.batch_size=32, 64'" in command
    form.queue.click()
    assert [item.state for item in panel.queue.items] == ["waiting"] * 4
    requests = [item.request for item in panel.queue.items]
    assert all(isinstance(one, Train) for one in requests)
    assert requests[3].config.train.batch_size == 64
    assert requests[3].config.train.lr == 2e-4
    assert len({one.out.parent for one in requests}) == 1
    assert "Nothing has begun" in panel.notice.text
    assert panel.queue_view.list.count() == 4


def test_clone_opens_the_setup_with_the_run(panel, pair):
    panel.variants.base.setCurrentIndex(1)
    panel.variants.clone.click()
    (wish,) = panel.asked
    assert isinstance(wish, SetUp)
    assert wish.config.train.lr == 1e-3


def test_the_queue_is_steered_from_the_inspector(panel, pair):
    panel.variants._settings[0].values.setText("1e-4, 2e-4, 3e-4")
    panel.variants.queue.click()
    view = panel.queue_view
    view.list.setCurrentRow(2)
    view.up.click()
    assert panel.queue.items[1].request.config.train.lr == 3e-4
    view.drop.click()
    assert len(panel.queue.items) == 2
    view.go.click()
    assert panel.queue.is_running
    assert view.go.text() == "Hold"
    view.go.click()
    assert not panel.queue.is_running


def test_shipped_models_of_every_family_are_compared(panel, qtbot):
    names = ("ddpm-mnist", "hybrid-mnist", "vae-mnist", "gan-gaussians25")
    panel.picks.pick([paths.checkpoints() / name for name in names])
    wait(panel, qtbot, 4)
    for mode in ("dark", "light"):
        theme.choose(mode)
        for section in panel.sections:
            panel.show_section(section)
            assert panel.grab().width() == 900
    told = {row[0]: row[1:] for row in panel.table.rows()}
    assert told["Data"][:4] == ["mnist", "mnist", "mnist", "gaussians25"]
    assert json.dumps(told)
