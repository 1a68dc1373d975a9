import shutil
from dataclasses import replace

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from hybridstudio import runs
from hybridstudio.config import RunConfig, with_values
from hybridstudio.errors import StudioError
from hybridstudio.gui import canned, theme
from hybridstudio.gui.drawing import DrawSettings
from hybridstudio.gui.panels.denoise import DenoisePanel
from hybridstudio.gui.wishes import Cancel
from hybridstudio.messages import Done, Draw, Notice, Progress, Started

KNOBS = {"resample": 4, "jump": 5}  # of completing a picture


def write_run(folder, name="my-run", labels=True, steps=(500, 1000)):
    path = folder / name
    config = with_values(RunConfig(name=name), {
        "data.size": 8, "data.channels": 1, "data.classes": canned.CLASSES,
        "model.labels": labels, "model.timesteps": 500, "sample.nfe": 20, "sample.count": 4})
    runs.create(path, config)
    for step in steps:
        checkpoint = runs.checkpoint_path(path, step)
        checkpoint.mkdir(parents=True)
        (checkpoint / "manifest.json").write_text("{}")
    return path


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path)


@pytest.fixture
def panel(qtbot, qapp):
    theme.apply(qapp, "light")
    widget = DenoisePanel()
    qtbot.addWidget(widget)
    widget.resize(900, 560)
    widget.asked = []
    widget.requested.connect(widget.asked.append)
    widget.show()
    return widget


@pytest.fixture
def drawn(panel, run):
    panel.show_run(run)
    feed(panel)
    return panel


def feed(panel, **how):
    panel.draw()
    for event in canned.drawing_events(**{"count": 4, "steps": 20, **how}):
        panel.on_event(event)


# --- asking


def test_without_a_run_it_says_what_to_do(panel):
    assert "Choose a model" in panel.view.empty
    assert not panel.draw_button.isEnabled()
    panel.draw()
    assert panel.asked == []


def test_a_run_brings_its_own_settings(panel, run):
    panel.show_run(run)
    assert panel.form.settings() == DrawSettings(nfe=20, count=4, knobs=KNOBS)
    assert panel.form.nfe.maximum() == 500
    assert [panel.form.label.itemText(place) for place in (0, 1)] == ["any", "0"]
    assert [panel.form.step.itemText(place) for place in range(3)] == [
        "newest", "step 1,000", "step 500"]
    assert "Press Draw" in panel.view.empty


def test_draw_asks_for_frames(panel, run, qtbot):
    panel.show_run(run)
    panel.form.seed.setValue(7)
    qtbot.mouseClick(panel.draw_button, Qt.MouseButton.LeftButton)
    assert panel.asked == [Draw(run, 4, "ddim", 20, 0.0, 1.0, 7, frames=True)]
    assert panel.draw_button.text() == "Stop"
    qtbot.mouseClick(panel.draw_button, Qt.MouseButton.LeftButton)
    assert panel.asked[1:] == [Cancel()]
    panel.on_event(Done("stopped"))
    assert panel.draw_button.text() == "Draw"


def test_a_run_without_labels_offers_no_class(panel, tmp_path):
    panel.show_run(write_run(tmp_path, "plain", labels=False))
    assert not panel.form.label.isVisible()
    assert not panel.form.guidance.isVisible()


def test_a_run_without_checkpoints_cannot_be_drawn_from(panel, tmp_path):
    panel.show_run(write_run(tmp_path, "young", steps=()))
    assert "no checkpoint" in panel.view.empty
    assert not panel.draw_button.isEnabled()


def test_a_folder_that_is_no_run_is_told(panel, tmp_path):
    (tmp_path / "nothing").mkdir()
    panel.show_run(tmp_path / "nothing")
    assert "There is no run" in panel._error.text
    panel.show_run(write_run(tmp_path))
    assert not panel._error.isVisible()


def test_a_run_that_gets_ready_is_waited_for_and_taken_up(panel, tmp_path):
    panel.show_run(tmp_path / "soon")
    assert not panel._error.isVisible()
    assert "Getting soon ready" in panel.view.empty
    write_run(tmp_path, "soon", steps=())
    panel.show_run(tmp_path / "soon")
    assert not panel.draw_button.isEnabled()
    checkpoint = runs.checkpoint_path(tmp_path / "soon", 10)
    checkpoint.mkdir(parents=True)
    (checkpoint / "manifest.json").write_text("{}")
    panel.show_run(tmp_path / "soon")
    assert panel.draw_button.isEnabled()
    assert panel.form.step.itemText(1) == "step 10"
    shutil.rmtree(tmp_path / "soon")
    panel.show_run(tmp_path / "soon")  # it was there: this is no waiting
    assert "There is no run" in panel._error.text


def test_another_run_gives_up_the_drawing_of_the_first(panel, run, tmp_path):
    other = write_run(tmp_path, "other")
    frames = list(canned.frames(4, 20))
    panel.show_run(run)
    panel.draw()
    panel.on_event(Started("Drawing"))
    panel.on_event(frames[0])
    panel.show_run(other)
    assert panel.asked[-1] == Cancel()
    panel.on_event(frames[1])
    panel.on_event(Notice("late"))
    assert panel.view.frame_shown() is None
    assert not panel.notice.isVisible()
    assert not panel.export.isEnabled()
    panel.on_event(Done("stopped"))
    panel.draw()
    panel.on_event(Started("Drawing"))
    panel.on_event(frames[2])
    assert panel.view.frame_shown() is frames[2]
    panel.show_run(run)
    panel.show_error(StudioError("Out of memory"))  # of the drawing that was given up
    assert not panel._error.isVisible()
    panel.draw()
    panel.show_error(StudioError("Out of memory"))
    assert panel._error.isVisible()


def test_the_time_that_is_left_is_told_while_drawing(panel, run):
    panel.show_run(run)
    panel.draw()
    panel.on_event(Started("Drawing"))
    for frame in list(canned.frames(4, 20))[:13]:
        panel.on_event(Progress(frame.step, 20, rate=3.0, left=(20 - frame.step) / 3))
        panel.on_event(frame)
    assert "step 12 of 20  ·  3 s left" in panel.timeline.readout.text()
    panel.on_event(Done("stopped"))
    assert "left" not in panel.timeline.readout.text()


def test_a_run_that_goes_on_keeps_frames_and_settings(drawn, run):
    drawn.form.seed.setValue(5)
    runs.checkpoint_path(run, 1500).mkdir()
    (runs.checkpoint_path(run, 1500) / "manifest.json").write_text("{}")
    drawn.show_run(run)
    assert drawn.form.settings().seed == 5
    assert drawn.form.step.itemText(1) == "step 1,500"
    assert drawn.view.frame_shown() is not None
    drawn._redraw.stop()


def test_eta_is_only_for_ddim(panel, run):
    panel.show_run(run)
    assert panel.form.eta.isEnabled()
    panel.form.sampler.setCurrentIndex(panel.form.sampler.findData("heun"))
    panel.form.sampler.activated.emit(panel.form.sampler.currentIndex())
    assert panel.form.settings().sampler == "heun"
    assert not panel.form.eta.isEnabled()


def test_settings_draw_anew_only_after_the_first_drawing(panel, run, qtbot):
    panel.show_run(run)
    panel.form.seed.setValue(1)
    qtbot.wait(300)
    assert panel.asked == []
    feed(panel)
    panel.asked.clear()
    for seed in (2, 3, 4):
        panel.form.seed.setValue(seed)
    qtbot.waitUntil(lambda: bool(panel.asked))
    assert [request.seed for request in panel.asked] == [4]


def test_the_dice_takes_another_seed(panel, run, qtbot):
    panel.show_run(run)
    seeds = set()
    for _ in range(5):
        qtbot.mouseClick(panel.form.dice, Qt.MouseButton.LeftButton)
        seeds.add(panel.form.settings().seed)
    assert len(seeds) > 1


def test_undo_and_redo(panel, run):
    panel.show_run(run)
    first = panel.form.settings()
    for nfe in (21, 22, 23):  # one field in a row is one step
        panel.form.nfe.setValue(nfe)
    panel.form.count.setValue(9)
    panel.form.undo()
    assert panel.form.settings() == replace(first, nfe=23)
    panel.form.undo()
    assert panel.form.settings() == first
    panel.form.undo()
    panel.form.redo()
    panel.form.redo()
    assert panel.form.settings() == replace(first, nfe=23, count=9)


def test_undo_reaches_the_settings_from_inside_a_field(panel, run, qtbot):
    panel.show_run(run)
    panel.activateWindow()
    panel.form.nfe.setFocus()
    panel.form.nfe.stepUp()
    qtbot.keyClick(panel.form.nfe, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert panel.form.settings().nfe == 20


def test_copying_the_command(panel, run):
    panel.show_run(run)
    panel.form.seed.setValue(3)
    panel.copy_command()
    words = QGuiApplication.clipboard().text()
    assert words.startswith("hybridstudio denoise ")
    assert "--seed 3" in words


# --- a picture to start from


def test_a_picture_to_start_from(panel, run, tmp_path):
    panel.show_run(run)
    path = tmp_path / "digit.png"
    Image.fromarray(canned.pictures(1, 32)[0, ..., 0]).save(path)
    panel.form.start.open(path)
    panel.form.start.level.setValue(300)
    panel.draw()
    request = panel.asked[-1]
    assert request.image.shape == (8, 8, 1)
    assert request.from_step == 300
    assert panel.form.settings().told(runs.read(run))["from_step"] == 300
    panel.form.undo()
    panel.form.undo()
    assert panel.form.settings().image is None


def test_a_bad_picture_to_start_from_is_told(panel, run, tmp_path):
    panel.show_run(run)
    (tmp_path / "bad.png").write_text("no picture")
    panel.form.start.open(tmp_path / "bad.png")
    assert "could not be opened" in panel._error.text
    panel.draw()
    panel.form.start.open(tmp_path / "bad.png")
    assert panel.draw_button.text() == "Stop"  # drawing goes on


def test_a_picture_that_comes_in_draws_nothing_until_draw(drawn, tmp_path, qtbot):
    path = tmp_path / "digit.png"
    Image.fromarray(canned.pictures(1, 32)[0, ..., 0]).save(path)
    drawn.asked.clear()
    drawn.form.seed.setValue(3)
    drawn.form.start.open(path)
    drawn.form.start.level.setValue(100)
    qtbot.wait(300)
    assert drawn.asked == []
    drawn.draw()
    drawn.form.start.level.setValue(200)
    qtbot.waitUntil(lambda: len(drawn.asked) == 2)
    assert drawn.asked[-1].from_step == 200


def test_a_picture_is_read_anew_for_another_model(panel, tmp_path):
    path = tmp_path / "digit.png"
    Image.fromarray(canned.pictures(1, 32, 3)[0]).save(path)
    panel.form.start.open(path)  # before a model is chosen
    panel.show_run(write_run(tmp_path))
    assert panel.form.settings().image.shape == (8, 8, 1)
    assert panel.form.settings().from_step == 250
    panel.copy_command()
    assert str(path) in QGuiApplication.clipboard().text()
    config = with_values(RunConfig(name="wide"), {"data.size": 16, "data.channels": 3})
    runs.create(tmp_path / "wide", config)
    panel.show_run(tmp_path / "wide")
    assert panel.form.settings().image.shape == (16, 16, 3)
    path.unlink()
    panel.show_run(tmp_path / "my-run")
    assert panel.form.settings().image is None
    assert panel._error.isVisible()
