import json
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from test_panel_denoise import KNOBS, drawn, feed, panel, run

from hybridstudio import frames, pictures, runs
from hybridstudio.bench.scrub import scrubbed
from hybridstudio.errors import StudioError
from hybridstudio.gui import canned, theme
from hybridstudio.gui.drawing import DrawSettings
from hybridstudio.gui.film import Film
from hybridstudio.messages import Notice, Started

__all__ = ["drawn", "panel", "run"]  # fixtures


# --- frames


def test_it_follows_the_newest_frame_until_scrubbed(panel, run):
    panel.show_run(run)
    panel.draw()
    frames = list(canned.frames(4, 20))
    panel.on_event(Started("Drawing"))
    for frame in frames[:11]:
        panel.on_event(frame)
    assert panel.view.frame_shown() is frames[10]
    panel.timeline.slider.setValue(5)
    for frame in frames[11:16]:
        panel.on_event(frame)
    assert panel.view.frame_shown() is frames[5]
    panel.timeline.slider.setValue(20)  # further than what has arrived: the newest
    assert panel.view.frame_shown() is frames[15]
    panel.on_event(frames[16])
    assert panel.view.frame_shown() is frames[16]


def test_a_new_drawing_holds_the_level_that_was_scrubbed_to(drawn):
    drawn.timeline.slider.setValue(10)
    feed(drawn, steps=40)
    assert drawn.view.frame_shown().step == 20  # the same t of twice as many steps


def test_no_frame_of_an_older_drawing_is_shown_again(drawn):
    drawn.draw()
    drawn.on_event(Started("Drawing"))
    new = next(canned.frames(4, 20, seed=9))
    drawn.on_event(new)
    assert drawn.view.frame_shown() is new
    drawn.timeline.slider.setValue(20)
    assert drawn.view.frame_shown() is new


def test_the_readout(drawn):
    drawn.timeline.slider.setValue(8)
    words = drawn.timeline.readout.text()
    assert "of 500" in words
    assert "step 8 of 20" in words
    assert "9 evaluations" in words


def test_keys_wheel_and_play_scrub(drawn, qtbot):
    slider = drawn.timeline.slider
    drawn.view.setFocus()
    qtbot.keyClick(drawn.view, Qt.Key.Key_Home)
    assert slider.value() == 0
    qtbot.keyClick(drawn.view, Qt.Key.Key_Right)
    assert drawn.view.frame_shown().step == 1
    qtbot.keyClick(drawn.view, Qt.Key.Key_End)
    assert slider.value() == 20
    place = QPointF(100, 100)
    wheel = QWheelEvent(place, drawn.view.mapToGlobal(place), QPoint(), QPoint(0, 240),
                        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
                        Qt.ScrollPhase.NoScrollPhase, False)
    drawn.view.wheelEvent(wheel)
    assert slider.value() == 18
    drawn.timeline.speed.setCurrentIndex(drawn.timeline.speed.count() - 1)
    qtbot.keyClick(drawn.view, Qt.Key.Key_End)
    qtbot.keyClick(drawn.view, Qt.Key.Key_Space)  # from the beginning, since it is at the end
    assert drawn.timeline.is_playing()
    qtbot.waitUntil(lambda: not drawn.timeline.is_playing(), timeout=5000)
    assert slider.value() == 20


def test_nothing_plays_on_a_page_that_is_left(drawn):
    drawn.show()
    drawn.timeline.toggle()
    assert drawn.timeline.is_playing()
    drawn.hide()
    assert not drawn.timeline.is_playing()


def test_rows_and_one_picture_enlarged(drawn, qtbot):
    drawn.bar.toggles["eps"].setChecked(False)
    assert drawn.view.rows == ("x_t", "x0")
    drawn.bar.toggles["x0"].setChecked(False)
    drawn.bar.toggles["x_t"].setChecked(False)  # the last one stays
    assert drawn.view.rows == ("x_t",)
    drawn.view.grab()
    small = drawn.view._blocks[0].grid.zoom
    qtbot.keyClick(drawn.view, Qt.Key.Key_Return)
    assert drawn.view.only() == 0
    assert drawn.bar.modes.checkedId() == 1
    drawn.view.grab()
    assert drawn.view._blocks[0].grid.zoom > small
    qtbot.waitUntil(lambda: drawn.bar.scale.text().startswith("×"))


def test_pointing_tells_the_values_of_all_rows(drawn, qtbot):
    drawn.timeline.slider.setValue(8)
    drawn.view.grab()
    block = drawn.view._blocks[1]
    left, top, width, height = block.grid.place(2)
    place = block.origin.toPoint() + QPoint(left + width // 2, top + height // 2)
    with qtbot.waitSignal(drawn.view.pointed) as told:
        qtbot.mouseMove(drawn.view, place)
    frame = drawn.view.frame_shown()
    values = {row: frames.value_at(frame, row, 2, 4, 4)[0] for row in frames.ROWS}
    assert values["x0"] == pytest.approx(frame.x0[2, 4, 4, 0] / 127.5 - 1)
    x_t, x0, eps = (f"{value:+.2f}".replace("-", "\u2212") for value in values.values())
    assert told.args[0] == (
        f"picture 3 · x 4, y 4  ·  x_t {x_t}  ·  x\u0302₀ {x0}  ·  ε\u0302 {eps}")


def test_scrubbing_is_a_lookup(panel, run):
    panel.show_run(run)
    feed(panel, count=64, size=32, channels=3)
    taken = scrubbed(panel, [place % 21 for place in range(0, 200, 7)])
    assert len(taken) > 20
    assert float(np.median(taken)) <= 16  # measured 1.2 ms on an idle machine


def test_dark_and_light_paint(drawn, qapp):
    for mode, colours in (("dark", theme.DARK), ("light", theme.LIGHT)):
        theme.apply(qapp, mode)
        seen = drawn.view.grab().toImage()
        assert seen.pixelColor(2, 2).name() == colours.canvas


# --- what went wrong


def test_errors_and_notices_are_told_where_the_pictures_would_be(panel, run):
    panel.show_run(run)
    panel.draw()
    panel.on_event(Notice("The newest checkpoint is damaged", "its hash differs", level="warning"))
    assert "damaged" in panel.notice.text
    panel.show_error(StudioError("There is not enough memory", "it was refused", "draw fewer",
                                 "a traceback"))
    assert panel._error.isVisible()
    assert "a traceback" in panel._error.text
    assert panel.draw_button.text() == "Draw"
    panel.on_event(Started("Drawing"))
    assert not panel._error.isVisible()


# --- files


def test_restoring_the_settings_of_a_picture_starts_nothing(drawn, qtbot):
    drawn.asked.clear()
    drawn.restore({"run": "my-run", "seed": 11, "sampler": "heun", "nfe": 10**9, "label": 99,
                   "eta": -3.0, "step": 123, "weights": "raw"})
    assert drawn.form.settings() == DrawSettings(
        "heun", 500, 0.0, 11, None, 1.0, 4, "raw", None, knobs=KNOBS)
    qtbot.wait(300)
    assert drawn.asked == []
    assert "are back" in drawn.notice.text
    drawn.restore({"run": "another", "seed": 12})
    assert "another" in drawn.notice.text
    drawn.form.undo()
    assert drawn.form.settings().seed == 11
    drawn._redraw.stop()


@pytest.mark.parametrize(("kind", "name"), [
    ("frame", "a.png"), ("strip", "s.png"), ("gif", "a.gif"), ("webp", "a.webp"),
    ("npz", "a.npz")])
def test_exports(drawn, qtbot, tmp_path, kind, name):
    drawn.timeline.slider.setValue(8)
    with qtbot.waitSignal(drawn.export.written, timeout=20_000):
        drawn.export.write(kind, tmp_path / name)
    qtbot.waitUntil(lambda: not drawn.export.is_writing())
    path = tmp_path / name
    assert f"Saved {name}" in drawn.notice.text
    assert str(tmp_path) in drawn.notice.text
    if kind == "npz":
        with np.load(path) as arrays:
            assert arrays["x_t"].shape == (21, 4, 8, 8, 1)
            assert arrays["step"].tolist() == list(range(21))
            assert json.loads(str(arrays["settings"]))["run"] == "my-run"
        return
    with Image.open(path) as image:
        image.load()
        assert getattr(image, "n_frames", 1) == {"gif": 21, "webp": 21}.get(kind, 1)
    if kind == "frame":
        told = pictures.read_settings(path)
        assert (told["run"], told["seed"], told["frame"], told["sampler"]) == (
            "my-run", 0, 8, "ddim")


def test_an_export_that_fails_is_told(drawn, qtbot, tmp_path):
    (tmp_path / "a.png").write_text("precious")
    with qtbot.waitSignal(drawn.export.failed):
        drawn.export.write("frame", tmp_path / "a.png")
    assert "exists already" in drawn._error.text
    qtbot.waitUntil(lambda: not drawn.export.is_writing())


def test_without_av_the_menu_says_how_to_get_it(drawn, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    drawn.export.ask("mp4")
    assert f"{sys.executable} -m pip install av" in drawn._error.text


def test_the_panel_may_be_closed_while_it_exports(panel, run, tmp_path, qtbot):
    panel.show_run(run)
    feed(panel, count=16, steps=50, size=32)
    panel.export.write("webp", tmp_path / "a.webp")
    panel.close()
    panel.export.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qtbot.wait(20)
    assert not list(tmp_path.glob("*.webp*"))


def test_an_export_that_replaces_another_waits_for_it_outside_the_window(drawn, tmp_path, qtbot):
    begun = time.monotonic()
    for _ in range(3):
        drawn.export.write("npz", tmp_path / "a.npz", overwrite=True)
    assert time.monotonic() - begun < 0.3
    told = []
    drawn.export.written.connect(told.append)
    qtbot.waitUntil(lambda: not drawn.export.is_writing(), timeout=5000)
    assert told == [tmp_path / "a.npz"]
    assert [path.name for path in tmp_path.glob("*npz*")] == ["a.npz"]


def test_settings_dropped_where_no_run_is_open_are_told_of(panel):
    panel.restore({"run": "another", "seed": 12})
    assert "No run is open" in panel.notice.text


def test_a_picture_tells_the_checkpoint_that_was_the_newest(drawn, run):
    newest = max(runs.read(run).checkpoints)
    assert drawn.form.settings().step is None
    assert drawn._material()["settings"]["step"] == newest


def test_a_cancelled_export_leaves_nothing(drawn, tmp_path, qtbot):
    drawn.export.write("npz", tmp_path / "a.npz")
    drawn.export.cancel()
    qtbot.waitUntil(lambda: not drawn.export.is_writing())
    assert [path.name for path in tmp_path.iterdir() if "a.npz" in path.name] in ([], ["a.npz"])


# --- the film


def test_a_film_stays_within_its_memory_and_keeps_the_newest():
    frames = list(canned.frames(4, 100))
    size = sum(part.nbytes for part in (frames[0].x_t, frames[0].x0, frames[0].eps))
    film = Film(limit=20 * size)
    for frame in frames:
        film.add(frame)
        assert film.last is frame
    kept = [frame.step for frame in film]
    assert len(kept) <= 20
    assert kept[0] == 0
    assert kept[-1] == 100
    gaps = np.diff(kept)
    assert gaps.max() <= 2 * gaps.min() + 8
    assert film.at(50).step <= 50
    assert film.like(replace(frames[0], step=999, t=-1.0)) is film.last


def test_a_film_begins_anew_with_an_earlier_step():
    film = Film()
    for frame in canned.frames(2, 5):
        film.add(frame)
    film.add(next(canned.frames(2, 9)))
    assert len(film) == 1
    assert film.steps == 9
