"""The view Race: lanes of several ways of drawing, replayed in time or in step."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from test_panel_families import made, with_panel

from hybridstudio import runs
from hybridstudio.errors import StudioError
from hybridstudio.gui import canned, theme
from hybridstudio.gui.panels.race import RacePanel
from hybridstudio.gui.racebar import SPEEDS
from hybridstudio.gui.shelf import Listed, entry_of
from hybridstudio.gui.wishes import Cancel
from hybridstudio.messages import Done, Lap, Notice, Race, Started
from hybridstudio.ways import Way


@pytest.fixture
def folder(tmp_path):
    made(tmp_path / "ddpm", "ddpm", labels=True)
    made(tmp_path / "gan", "gan")
    made(tmp_path / "ddgan", "ddgan")
    return tmp_path


@pytest.fixture
def panel(qtbot, qapp, folder):
    widget = with_panel(RacePanel, qtbot, qapp)
    entries = [entry_of(runs.read(folder / name)) for name in ("ddgan", "ddpm", "gan")]
    widget.show_listed(Listed(tuple(entries), ()))
    widget.show_run(folder / "ddpm")
    yield widget
    widget.bar.stop()


@pytest.fixture
def raced(panel, folder):
    panel.form.set_ways([Way(str(folder / "ddpm"), "ddim", 10),
                         Way(str(folder / "ddpm"), "dpm++2m", 5)])
    answer(panel)
    panel.bar.stop()
    return panel


def answer(panel, outcome="finished"):
    panel.race()
    request = panel.asked[-1]
    panel.on_answer(request, Started("Racing"))
    told = [list(canned.frames(draw.count, draw.nfe)) for draw in request.draws]
    for step in range(max(map(len, told))):
        for way, frames in enumerate(told):
            if step < len(frames):
                panel.on_answer(request, Lap(way, frames[step]))
    panel.on_answer(request, Done(outcome))


def test_a_run_brings_a_race_of_its_samplers(panel, folder):
    ways = panel.form.ways()
    assert [way.sampler for way in ways] == list(runs.read(folder / "ddpm").config.model.samplers)
    assert {way.nfe for way in ways} == {10}
    assert panel.race_button.isEnabled()
    panel.show_run(None)
    assert panel.form.ways() == ways


def test_families_of_the_same_data_race(panel, folder):
    panel.choose("families")
    assert [way.run for way in panel.form.ways()] == [
        str(folder / name) for name in ("ddpm", "ddgan", "gan")]
    panel.show_run(None)
    panel.choose("families")
    assert "No model is chosen" in panel.notice.text


def test_ways_are_added_and_taken_away(panel, folder, qtbot):
    form = panel.form
    form.set_ways([])
    assert "let them race" in panel.view.empty
    assert not panel.race_button.isEnabled()
    form.choose_run(folder / "gan")
    assert not form.nfe.isEnabled()
    qtbot.mouseClick(form.add_button, Qt.MouseButton.LeftButton)
    form.choose_run(folder / "ddpm")
    form.sampler.setCurrentIndex(form.sampler.findData("heun"))
    form.nfe.setValue(7)
    qtbot.mouseClick(form.add_button, Qt.MouseButton.LeftButton)
    assert form.ways() == (Way(str(folder / "gan"), "one-pass", 1),
                           Way(str(folder / "ddpm"), "heun", 7))
    panel.show_listed(Listed((entry_of(runs.read(folder / "ddpm")),), ()))
    assert form.nfe.value() == 7  # what was chosen stays
    form.list.setCurrentRow(0)
    form.remove.click()
    assert [lane.name for lane in panel.lanes] == ["ddpm · Heun · 7"]


def test_race_asks_for_the_same_seed_of_all(raced, folder):
    request = raced.asked[0]
    assert isinstance(request, Race)
    assert {(draw.seed, draw.count) for draw in request.draws} == {(0, 8)}
    assert [draw.sampler for draw in request.draws] == ["ddim", "dpm++2m"]


def test_it_shows_the_newest_frames_while_it_goes_on(panel, folder):
    panel.form.set_ways([Way(str(folder / "ddpm"), "ddim", 10)])
    panel.race()
    assert panel.race_button.text() == "Stop"
    frames = list(canned.frames(8, 10))
    for frame in frames[:4]:
        panel.on_answer(panel.asked[-1], Lap(0, frame))
    assert panel.view.frame_of(panel.lanes[0]) is frames[3]
    panel.race_button.click()
    assert panel.asked[-1] == Cancel()
    panel.on_answer(panel._asked, Done("stopped"))
    assert panel.race_button.text() == "Race"
    panel.on_answer(replace(panel._asked), Lap(0, frames[5]))  # of another race
    assert len(panel.lanes[0].frames) == 4


def test_in_time_and_in_step(raced):
    one, other = raced.lanes
    raced.bar.go(0.05)
    assert raced.view.frame_of(one).step == raced.view.frame_of(other).step == 2
    raced.bar.go(0.15)
    assert (raced.view.frame_of(one).step, raced.view.frame_of(other).step) == (7, 5)
    assert "0.15 s of 0.20 s" in raced.bar.readout.text()
    raced.bar.mode.setCurrentIndex(1)
    raced.bar.go(3)
    assert raced.view.frame_of(one).step == raced.view.frame_of(other).step == 3
    assert "step 3 of 10" in raced.bar.readout.text()


def test_it_plays_once_as_slowly_as_the_eye_needs(raced, qtbot):
    answer(raced)
    assert raced.bar.is_playing()
    assert raced.bar.factor == 0.1
    raced.bar.speed.setCurrentIndex(SPEEDS.index(10.0))
    qtbot.waitUntil(lambda: not raced.bar.is_playing(), timeout=3000)
    assert raced.view.frame_of(raced.lanes[0]).t == 0
    qtbot.keyClick(raced, Qt.Key.Key_Home)
    assert raced.view.frame_of(raced.lanes[0]).step == 0
    qtbot.keyClick(raced, Qt.Key.Key_Space)
    raced.hide()
    assert not raced.bar.is_playing()


def test_the_finish_order_is_told(raced):
    raced.bar.go(1.0)
    assert "2nd" not in raced.view.accessibleDescription()
    assert raced.grab().width() > 0
    assert "10 evaluations" in raced.view.accessibleDescription()


def test_one_that_leaves_is_told(panel, folder):
    panel.form.set_ways([Way(str(folder / "ddpm"), "ddim", 10), Way(str(folder / "gan"))])
    panel.race()
    request = panel.asked[-1]
    panel.on_answer(request, Notice("gan leaves the race", level="warning"))
    panel.on_answer(request, Lap(1, None))
    assert panel.notice.isVisible()
    assert "left the race" in panel.view.accessibleDescription()
    panel.show_error(StudioError("All failed"))
    assert panel.race_button.text() == "Race"
    assert panel._error.isVisible()


def test_scores_stand_below(panel, folder):
    score = {"frechet": {"value": 2.5, "low": 2.0, "high": 3.0, "floor": 0.3}}
    runs.record_score(folder / "ddpm", {
        "when": "2026-01-01T00:00:00+00:00", "scores": score, "data": "digits", "split": "test",
        "data_sha256": "ab", "features": {"name": "digits-net", "sha256": "abcdef0"}, "n": 500,
        "sampler": "ddim", "nfe": 10, "ms_per_image": 3.0, "weights": "ema", "step": 100,
        "request": {"sampler": "ddim", "nfe": 10}})
    panel.form.set_ways([Way(str(folder / "ddpm"), "ddim", 10), Way(str(folder / "gan"))])
    answer_ways = panel.plot._racers
    assert answer_ways[0].dot is not None
    assert answer_ways[1].dot is None
    panel.plot.grab()
    assert len(panel.plot._spots) == 3
    panel.cost.setCurrentIndex(1)
    panel.plot.grab()
    assert "Fréchet distance" in panel.plot._spots[0][1]


def test_the_command_and_the_files(raced, tmp_path, qtbot):
    raced.copy_command()
    words = QGuiApplication.clipboard().text()
    assert words.startswith("hybridstudio race ")
    assert "ddpm:ddim:10" in words
    for name in ("race.png", "race.gif"):
        with qtbot.waitSignal(raced.export.written, timeout=5000):
            raced.export.write(tmp_path / name)
        qtbot.waitUntil(lambda: not raced.export.is_writing())
        with Image.open(tmp_path / name) as image:
            assert image.size[0] > 100
    assert "Saved race.gif" in raced.notice.text


def test_dark_and_light_paint(raced, qapp):
    for mode, colours in (("dark", theme.DARK), ("light", theme.LIGHT)):
        theme.apply(qapp, mode)
        assert raced.view.grab().toImage().pixelColor(2, 2).name() == colours.canvas
