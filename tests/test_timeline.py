"""The timeline beyond scrubbing: memory, checkpoints, own pictures, ranges, zoom, files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QGuiApplication

from hybridstudio import frames, pictures, runs
from hybridstudio.config import RunConfig, parse, with_values
from hybridstudio.errors import StudioError
from hybridstudio.frames import CHANGE, DIFFERENCE, NOISE
from hybridstudio.gui import canned, film, theme
from hybridstudio.gui.film import Film
from hybridstudio.gui.panels.denoise import DenoisePanel
from hybridstudio.gui.wishes import Cancel
from hybridstudio.messages import Done, Draw, Frame, Started


def write_run(path, steps=(100, 200, 300)):
    config = with_values(RunConfig(name=path.name), {
        "data.size": 8, "data.channels": 1, "data.classes": canned.CLASSES,
        "model.timesteps": 500, "sample.nfe": 20, "sample.count": 4})
    runs.create(path, config)
    for step in steps:
        add_checkpoint(path, step)
    return path


def add_checkpoint(path, step):
    checkpoint = runs.checkpoint_path(path, step)
    checkpoint.mkdir(parents=True)
    (checkpoint / "manifest.json").write_text("{}")


@pytest.fixture
def panel(qtbot, qapp, tmp_path):
    theme.apply(qapp, "light")
    widget = DenoisePanel()
    qtbot.addWidget(widget)
    widget.resize(1000, 640)
    widget.asked = []
    widget.requested.connect(widget.asked.append)
    widget.show()
    widget.show_run(write_run(tmp_path / "run"))
    yield widget
    widget._redraw.stop()


def answer(panel, told=None, **how):
    """Let the newest request be answered with canned frames."""
    for event in (Started("Drawing"), *(told or canned.frames(
            **{"count": 4, "steps": 20, "seed": panel.asked[-1].step or 0, **how}))):
        if Cancel() in panel.asked:
            panel.asked.remove(Cancel())
            panel.on_event(Done("stopped"))
            return
        panel.on_event(event)
    panel.on_event(Done("finished"))


def drawn(panel, **how):
    panel.draw()
    answer(panel, **how)
    panel.asked.clear()
    return panel


# --- two sliders ----------------------------------------------------------------------------------


def test_a_second_slider_goes_through_the_checkpoints(panel, qtbot):
    drawn(panel)
    assert panel.training.isVisible()
    assert panel.training.checkpoints() == [300, 200, 100]
    assert panel.training.marks() == [2]  # the newest, which was drawn
    panel.timeline.slider.setValue(7)
    panel.training.slider.setValue(0)
    qtbot.waitUntil(lambda: bool(panel.asked))
    assert panel.asked[-1].step == 100
    answer(panel)
    first = panel.view.frame_shown()
    assert first.step == 7  # the same place of the drawing
    assert panel.training.marks() == [0, 2]
    panel.asked.clear()
    panel.training.go(2)  # back to the newest: a lookup
    assert panel.asked == []
    assert panel.view.frame_shown().step == 7
    assert panel.view.frame_shown() is not first
    panel.training.go(-2)
    assert panel.view.frame_shown() is first
    assert panel.form.settings().step == 100
    qtbot.wait(300)
    assert panel.asked == []


def test_a_new_checkpoint_appears_while_training_runs(panel):
    drawn(panel)
    path = panel._path
    add_checkpoint(path, 400)
    panel.show_run(path)
    assert panel.training.checkpoints() == [400, 300, 200, 100]
    assert panel.view.frame_shown() is not None


def test_one_checkpoint_needs_no_slider(panel, tmp_path):
    panel.show_run(write_run(tmp_path / "one", steps=(100,)))
    assert not panel.training.isVisible()


def test_all_checkpoints_are_drawn_beside_what_is_shown(panel):
    drawn(panel)
    shown = panel.view.frame_shown()
    panel.training.fill.setChecked(True)
    wanted = []
    while panel.asked:
        wanted.append(panel.asked[-1].step)
        request = panel.asked.pop()
        panel.asked.append(request)
        before = len(panel.asked)
        answer(panel)
        del panel.asked[:before]
    assert wanted == [200, 100]
    assert panel.view.frame_shown() is shown
    assert panel.training.marks() == [0, 1, 2]
    assert not panel.training.fill.isChecked()


def test_settings_that_were_drawn_before_come_back_at_once(panel, qtbot):
    drawn(panel)
    shown = panel.view.frame_shown()
    panel.form.seed.setValue(3)
    qtbot.waitUntil(lambda: bool(panel.asked))
    answer(panel)
    panel.asked.clear()
    panel.form.undo()
    assert panel.view.frame_shown() is shown
    assert panel.asked == []


# --- memory ---------------------------------------------------------------------------------------


def plain(step, steps, side=256, count=16):
    shape = (count, side, side, 3)
    x_t, x0, eps = (np.full(shape, (step + part) % 256, np.uint8) for part in range(3))
    return Frame(step, steps, float(steps - step), x_t, x0, eps, step + 1)


def test_a_thousand_steps_of_large_pictures_stay_within_their_bytes():
    reel = Film()
    for step in range(1001):
        reel.add(plain(step, 1000))
    assert reel.bytes <= film.LIMIT
    kept = [frame.step for frame in reel]
    assert len(kept) > 20
    assert kept[0] == 0
    assert kept[-1] == 1000
    gaps = np.diff(kept[:-1])
    assert gaps.max() == gaps.min()
    assert reel.lacks(333)
    around = reel.wait_for(333)
    assert 333 in around
    for step in range(around.stop):
        reel.take_again(plain(step, 1000))
    assert reel.bytes <= film.LIMIT
    assert all(reel.at(step).step == step for step in around)
    assert reel.before(reel.at(333)).step == 332


def test_frames_that_were_let_go_are_made_again_where_they_are_looked_at(panel, qtbot, monkeypatch):
    size = sum(part.nbytes for part in (next(canned.frames(4, 64)).x_t,) * 3)
    monkeypatch.setattr(film, "LIMIT", 24 * size)
    monkeypatch.setattr(Film.__init__, "__defaults__", (24 * size,))
    drawn(panel, steps=64)
    assert panel.reels.film.lacks(33)
    panel.timeline.slider.setValue(33)
    assert panel.view.frame_shown().step < 33  # what there is, meanwhile
    qtbot.waitUntil(lambda: bool(panel.asked))
    assert panel.asked == [Draw(panel._path, 4, "ddim", 20, 0.0, step=300)]
    answer(panel, steps=64)
    assert panel.view.frame_shown().step == 33
    assert panel.draw_button.text() == "Draw"
    panel.asked.clear()
    panel.timeline.slider.setValue(34)
    assert panel.view.frame_shown().step == 34
    qtbot.wait(300)
    assert panel.asked == []


# --- rows, ranges, zoom, statistics ---------------------------------------------------------------


def test_rows_that_follow_from_others():
    told = list(canned.frames(2, 4))
    noise = np.full_like(told[0].x_t, 100)
    first, second = (replace(frame, extra={NOISE: noise}) for frame in told[1:3])
    assert frames.rows_of(second) == ("x_t", "x0", "eps", NOISE, DIFFERENCE, CHANGE)
    shown = frames.completed(second, first, (CHANGE, DIFFERENCE))
    np.testing.assert_array_equal(shown.extra[DIFFERENCE], abs(second.eps.astype(int) - 100))
    np.testing.assert_array_equal(
        shown.extra[CHANGE], abs(second.x0.astype(int) - first.x0.astype(int)))
    assert frames.completed(second, first, ("x_t",)) is second
    assert frames.scale_of(second, CHANGE) == (0.0, 2.0)
    assert CHANGE not in frames.completed(second, None, (CHANGE,)).extra


def test_ranges_show_the_same_values_otherwise():
    images = np.array([0, 51, 128, 255], np.uint8).reshape(1, 2, 2, 1)
    scale = (-2.5, 2.5)
    assert frames.ranged(images, scale, "as is") is images
    fixed = frames.ranged(images, scale, "fixed").ravel()
    assert fixed.tolist() == [0, 0, 129, 255]
    wide = frames.ranged(images[:, 1:], scale, "auto").ravel()
    assert wide.tolist() == [0, 255]
    flat = np.full((1, 2, 2, 1), 9, np.uint8)
    assert frames.ranged(flat, scale, "auto") is flat
    told = frames.statistics_of(Frame(1, 2, 1.0, images, images, None), "x0")
    values = images / 127.5 - 1
    assert told.mean == pytest.approx(values.mean())
    assert told.std == pytest.approx(values.std())
    assert (told.least, told.most) == (-1.0, 1.0)


def test_a_row_is_shown_in_another_range(panel, qtbot):
    drawn(panel)
    panel.timeline.slider.setValue(8)
    before = panel.view.grab().toImage()
    panel.bar._set_range("eps", "fixed")
    assert panel.view.ranges["eps"] == "fixed"
    assert panel.view.grab().toImage() != before
    panel.bar._set_range("", "as is")
    assert panel.view.grab().toImage() == before
    panel.bar.facts.setChecked(True)
    assert panel.view.grab().toImage() != before


def test_one_picture_is_zoomed_and_moved(panel, qtbot):
    drawn(panel, size=32)
    panel.view.setFocus()
    panel.view.grab()
    qtbot.keyClick(panel.view, Qt.Key.Key_Return)
    panel.view.grab()
    fits = panel.view._blocks[0].grid.zoom
    for _ in range(20):
        qtbot.keyClick(panel.view, Qt.Key.Key_Plus)
        panel.view.grab()
    block = panel.view._blocks[0]
    assert block.grid.zoom == fits + 20
    assert block.grid.width < 32  # a part of it
    corner = block.corner
    middle = block.place.center().toPoint()
    qtbot.mousePress(panel.view, Qt.MouseButton.LeftButton, pos=middle)
    qtbot.mouseMove(panel.view, middle + QPointF(4.0 * block.grid.zoom, 0).toPoint())
    qtbot.mouseRelease(panel.view, Qt.MouseButton.LeftButton)
    panel.view.grab()
    moved = panel.view._blocks[0]
    assert moved.corner[0] < corner[0]
    with qtbot.waitSignal(panel.view.pointed) as told:
        qtbot.mouseMove(panel.view, moved.origin.toPoint())
    assert f"x {moved.corner[0]}, y {moved.corner[1]}" in told.args[0]
    qtbot.keyClick(panel.view, Qt.Key.Key_0)
    panel.view.grab()
    assert panel.view._blocks[0].grid.zoom == fits


# --- own pictures ---------------------------------------------------------------------------------


@pytest.fixture
def own(panel, tmp_path):
    Image.fromarray(canned.pictures(1, 32)[0, ..., 0]).save(tmp_path / "digit.png")
    panel.form.start.open(tmp_path / "digit.png")
    return panel


def test_a_mask_is_painted_and_drawn_with(own, qtbot, tmp_path):
    start, canvas = own.form.start, own.form.start.painter.canvas
    assert not own.form.knobs["resample"].isVisible()
    start.ways["mask"].click()
    assert own.form.settings().mask is None  # nothing is painted yet
    canvas.grab()
    middle = canvas.square().center().toPoint()
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=middle)
    mask = own.form.settings().mask
    assert mask.shape == (8, 8)
    assert not mask[4, 4]
    assert mask[0, 0]
    assert own.form.knobs["resample"].isVisible()
    own.draw()
    request = own.asked[-1]
    assert request.mask is mask
    assert request.knobs == {"resample": 4, "jump": 5}
    assert request.from_step == 500
    own.grab()  # further settings have come between
    middle = canvas.square().center().toPoint()
    qtbot.mouseClick(canvas, Qt.MouseButton.RightButton, pos=middle)
    assert own.form.settings().mask is None
    start.painter.undo.click()
    assert not own.form.settings().mask[4, 4]
    start.painter.invert.click()
    assert own.form.settings().mask[4, 4]
    start.painter.write(tmp_path / "mask.png")
    own.copy_command()
    words = QGuiApplication.clipboard().text()
    assert f"--mask {tmp_path / 'mask.png'}" in words
    assert "--rows x_t,x0,eps" in words
    start.painter.clear.click()
    start.painter.take(tmp_path / "mask.png")
    assert own.form.settings().mask[4, 4]
    qtbot.keyClick(canvas, Qt.Key.Key_Space)
    qtbot.keyClick(canvas, Qt.Key.Key_BracketRight)
    assert start.painter.brush.value() == canvas.brush == 3
    own._redraw.stop()


def test_a_mask_of_another_size_is_told(own, tmp_path):
    own.form.start.ways["mask"].click()
    Image.new("L", (20, 30)).save(tmp_path / "other.png")
    own.form.start.painter.take(tmp_path / "other.png")
    assert "does not fit" in own._error.text
    assert "20 × 30" in own._error.text
    (tmp_path / "bad.png").write_text("no picture")
    own.form.start.painter.take(tmp_path / "bad.png")
    assert "could not be opened" in own._error.text


def test_an_inversion_tells_how_near_it_came_back(own):
    own.form.start.ways["invert"].click()
    own.draw()
    request = own.asked[-1]
    assert request.invert
    assert request.mask is None
    for event in (Started("Drawing"), *canned.frames(4, 20)):
        own.on_event(event)
    own.on_event(Done("finished", {"error": 0.0123}))
    assert "error of 0.012" in own.notice.text
    own.copy_command()
    assert "--invert" in QGuiApplication.clipboard().text()


def test_a_model_offers_only_what_it_can_do(own, tmp_path):
    runs.create(tmp_path / "ncsn", parse({
        "name": "ncsn", "data": {"size": 8, "channels": 1}, "model": {"family": "ncsn"}}))
    own.show_run(tmp_path / "ncsn")
    shown = {name: button.isVisible() for name, button in own.form.start.ways.items()}
    assert shown == {"noise": True, "mask": True, "invert": False}


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.mp4"])
def test_animations_carry_their_settings(tmp_path, name):
    pages = [np.full((16, 16, 3), shade, np.uint8) for shade in (0, 90, 200)]
    pictures.write_animation(tmp_path / name, pages, settings={"run": "x", "seed": 42})
    said = (tmp_path / name).read_bytes()
    assert b'"seed": 42' in said
    if name != "a.mp4":
        with Image.open(tmp_path / name) as image:
            assert image.n_frames == 3


def test_finished_pictures_as_a_sheet(panel, qtbot, tmp_path):
    drawn(panel)
    with qtbot.waitSignal(panel.export.written, timeout=10_000):
        panel.export.write("sheet", tmp_path / "s.png")
    qtbot.waitUntil(lambda: not panel.export.is_writing())
    assert pictures.read_settings(tmp_path / "s.png")["step"] == 300


def test_an_error_of_frames_that_are_made_again_ends_no_drawing(panel):
    drawn(panel)
    panel.show_error(StudioError("Out of memory"))
    assert panel.draw_button.text() == "Draw"
    assert panel.view.frame_shown() is not None
