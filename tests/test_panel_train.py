"""The panel of a training: what it offers, steers, tells and waits for."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PySide6.QtGui import QGuiApplication
from trainpanels import new_panel, new_run

from hybridstudio import paths, runs
from hybridstudio.errors import StudioError
from hybridstudio.gui.cannedrun import log_point, write_run
from hybridstudio.gui.wishes import Cancel, Open, Pause, Save, Stop
from hybridstudio.messages import Done, Draw, Notice, Preview, Progress, Resume, Saved, Started


@pytest.fixture
def run(tmp_path):
    return new_run(tmp_path)


@pytest.fixture
def panel(qtbot):
    return new_panel(qtbot)


def shown(panel):
    return [button.text() for button in (
        panel.controls.pause, panel.controls.resume, panel.controls.longer, panel.controls.stop,
        panel.controls.save, panel.controls.sample)
        if button.isVisible()]


def test_no_run_offers_a_new_one(panel):
    assert panel._pages.currentIndex() == 0
    assert not panel._transport.isVisible()
    panel._empty.button.click()
    assert panel.asked == [Open("setup")]


def test_an_interrupted_run_shows_what_it_learned_and_resumes(panel, run):
    panel.show_run(run)
    panel.view.first.refresh()
    assert list(panel.view.first._curves) == ["loss"]
    assert panel.view.first._curves["loss"].values.size == 100
    assert len(panel.view.second._curves) == 4
    assert panel.view.sheet.images().shape == (36, 8, 8, 1)
    told = panel.inspector.told()
    assert told["State"] == "Interrupted"
    assert told["Step"] == "1,000 of 4,000"
    assert "pictures/s" in told["Speed"]
    assert shown(panel) == ["Resume", "Sample now"]
    panel.controls.resume.click()
    assert panel.asked == [Resume(run)]


def test_a_training_is_followed_steered_and_ends(panel, run):
    random = np.random.default_rng(0)
    with runs.lock(run):
        panel.show_run(run)
        assert shown(panel) == ["Pause", "Stop", "Save now", "Sample now"]
        log = runs.MetricsLog(run)
        log_point(log, 1010, 128, random)
        panel.tick()
        panel.view.first.refresh()
        assert panel.view.first._curves["loss"].steps[-1] == 1010
        panel.controls.pause.click()
        panel.controls.save.click()
        panel.controls.stop.click()
        assert panel.asked == [Pause(run, True), Save(run), Stop(run)]
        runs.post(run, "pause")
        panel._look()
        assert panel.inspector.told()["State"] == "Paused"
        assert panel.controls.pause.text() == "Continue"
        panel.controls.pause.click()
        assert panel.asked[-1] == Pause(run, False)
        log.mark("done", step=1010, outcome="budget")
        log.close()
    panel._settle()
    assert panel.inspector.told()["State"] == "Finished"
    assert shown(panel) == ["Resume", "Sample now"]  # the budget ended it before its steps did


@pytest.mark.parametrize(("steps", "wanted"), [(4000, 6000), (5000, 7500)])
def test_a_finished_run_trains_longer(panel, tmp_path, steps, wanted):
    write_run(tmp_path / "run", steps=steps, total=4000)
    log = runs.MetricsLog(tmp_path / "run")
    log.mark("done", step=steps, outcome="finished")
    log.close()
    panel.show_run(tmp_path / "run")
    assert shown(panel) == ["Train longer", "Sample now"]
    panel.controls.longer.click()
    assert panel.asked == [Resume(tmp_path / "run", wanted)]


def test_a_run_broken_off_before_its_first_checkpoint_begins_again(panel, tmp_path):
    write_run(tmp_path / "run", steps=50)
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    panel.show_run(tmp_path / "run")
    assert shown(panel) == ["Resume"]


def test_a_training_that_never_began_leaves_the_empty_page(panel, tmp_path):
    path = tmp_path / "never"
    for end in (lambda: panel.show_error(StudioError("No network")),
                lambda: panel.on_event(Done("stopped"))):
        panel.show_run(path)
        panel.on_event(Progress(1, 2, "files"))
        assert "Getting never ready" in panel._empty.told()
        end()
        panel.show_run(path)  # as the window does when it is looked at
        assert "No run is open" in panel._empty.told()
        assert not panel._empty.bar.isVisible()
    assert panel._error.isVisible()


def test_what_was_saved_is_told_for_a_moment_and_only_of_the_run_shown(panel, run, tmp_path):
    panel.show_run(run)
    panel.on_event(Saved(7, runs.checkpoint_path(tmp_path / "other", 7)))
    assert "Saved" not in panel.controls.line.text()
    panel.on_event(Saved(1003, runs.checkpoint_path(run, 1003)))
    assert "Saved step 1,003" in panel.controls.line.text()
    assert panel._settling.isActive()
    panel._settle()
    assert "Saved" not in panel.controls.line.text()


def test_a_run_made_meanwhile_is_taken_up_when_shown_again(panel, tmp_path):
    path = tmp_path / "soon"
    panel.show_run(path)
    write_run(path, steps=50, previews=0)
    panel.show_run(path)
    assert panel.inspector.told()["Step"].startswith("50 of")


def test_a_model_that_ships_copies_the_command_that_made_it(panel, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "checkpoints", lambda: tmp_path)
    for name, card in (("made", {"command": "hybridstudio train x --out y"}), ("plain", {})):
        write_run(tmp_path / name, steps=1000)
        (tmp_path / name / "card.json").write_text(json.dumps(card), encoding="utf-8")
    panel.show_run(tmp_path / "plain")
    assert not panel._copy.isVisible()
    panel.show_run(tmp_path / "made")
    panel._copy.click()
    assert QGuiApplication.clipboard().text() == "hybridstudio train x --out y"
    assert shown(panel) == ["Sample now"]


def test_a_training_in_this_window_tells_faster_than_its_folder(panel, run):
    with runs.lock(run):
        panel.show_run(run)
        panel.on_event(Started("run", run, "cpu, 2 threads", {"unet": 1}))
        panel.on_event(Progress(1003, 4000, "steps", {}, 400.0, 10.0, 300.0, 700_000_000))
        panel.tick()
        told = panel.inspector.told()
        assert told["Step"] == "1,003 of 4,000"
        assert told["Speed"] == "1,280 pictures/s"
        assert told["Time left"] == "5 min"
        assert told["Device"] == "cpu, 2 threads"
        panel.on_event(Preview(1003, np.zeros((1, 8, 8, 1), np.uint8)))
        panel.on_event(Saved(1003, runs.checkpoint_path(run, 1003)))
        assert "Saved step 1,003" in panel.controls.line.text()
        panel.on_event(Done("stopped"))
    assert panel._live is None


def test_another_runs_progress_is_not_taken_for_this_ones(panel, run, tmp_path):
    other = tmp_path / "other"
    write_run(other, steps=100, total=200)
    panel.show_run(run)
    panel.on_event(Started("other", other, "cpu", {}))
    panel.on_event(Progress(7, 200, "steps", {}, 1.0, 10.0, 3.0, 1_000_000))
    panel.on_event(Notice("for the other", level="warning"))
    assert panel.inspector.told()["Step"] == "1,000 of 4,000"
    assert not panel._card.isVisible()


def test_sampling_now_shows_pictures_in_place_of_the_preview(panel, run):
    panel.show_run(run)
    panel.controls.sample.click()
    request = panel.asked[-1]
    assert isinstance(request, Draw)
    assert (request.run, request.frames, request.count) == (run, False, 36)
    panel.on_event(Started("Drawing from run", run, "cpu", {}))
    panel.on_event(Progress(3, 50, "steps"))
    panel.tick()
    assert "step 3 of 50" in panel.controls.line.text()
    images = np.full((36, 8, 8, 1), 9, np.uint8)
    panel.on_event(Done("finished", {}, images))
    assert (panel.view.sheet.images() == 9).all()
    assert f"{request.seed:,}" in panel.view._caption.text()
    panel.controls.sample.click()
    panel.show_error(StudioError("Out of memory"))
    assert panel.controls.sample.text() == "Sample now"
    assert panel._error.isVisible()


def test_drawing_now_can_be_cancelled_beside_a_training(panel, run):
    with runs.lock(run):
        panel.show_run(run)
        panel.on_event(Started("run", run, "cpu", {}))
        panel.controls.sample.click()
        assert panel.controls.sample.text() == "Cancel drawing"
        panel.controls.sample.click()
        assert panel.asked[-1] == Cancel()
        assert not panel.controls.sample.isEnabled()
        panel.on_event(Done("stopped"))
        assert panel.controls.sample.isEnabled()
        assert panel.controls.sample.text() == "Sample now"
        assert panel._started == run  # the training goes on
        panel.controls.sample.click()
        panel.on_event(Done("stopped"))  # of the training
        assert panel._started is None
        assert panel.controls.sample.text() == "Cancel drawing"


def test_a_training_that_begins_while_pictures_are_drawn_is_heard(panel, run):
    panel.show_run(run)
    panel.controls.sample.click()
    panel.on_event(Started(f"Drawing from {run.name}", run, "cpu", {}))
    assert panel._started is None
    panel.on_event(Started(run.name, run, "cpu", {}))  # resumed meanwhile
    assert panel._started == run
    panel.on_event(Done("finished", {"count": 36}))
    assert panel._started == run


def test_another_run_gives_up_what_was_drawn_of_the_first(panel, run, tmp_path):
    other = tmp_path / "other"
    write_run(other, steps=1000, total=2000)
    panel.show_run(run)
    panel.controls.sample.click()
    panel.show_run(other)
    assert panel.asked[-1] == Cancel()
    caption = panel.view._caption.text()
    panel.on_event(Done("finished", {"count": 36}, np.zeros((36, 8, 8, 1), np.uint8)))
    assert panel.view._caption.text() == caption
    assert panel.controls.sample.isEnabled()


def test_notices_stand_on_the_curve_and_above_it(panel, run):
    log = runs.MetricsLog(run)
    log.mark("notice", step=900, what="3 steps were skipped", why="not finite", fix="lower lr")
    log.close()
    panel.show_run(run)
    assert panel._card.isVisible()
    assert "lower lr" in panel._card.text.lower()
    marks = panel.view.first._marks
    assert [mark.text for mark in marks] == ["Resumed at step 500", "3 steps were skipped"]
    assert marks[1].step == 900
    assert marks[1].level == "warning"
    panel._card.hide()
    panel._look()
    assert not panel._card.isVisible()  # what was closed stays closed


def test_a_broken_run_says_so_and_another_opens(panel, run, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.toml").write_text("[train]\nlr = -1\n", encoding="utf-8")
    panel.show_run(tmp_path / "broken")
    assert panel._error.isVisible()
    assert panel._pages.currentIndex() == 0
    panel.show_run(run)
    assert not panel._error.isVisible()
    panel.show_run(None)
    assert panel._pages.currentIndex() == 0


def test_a_run_that_is_not_there_yet_is_waited_for(panel, tmp_path):
    path = tmp_path / "soon"
    panel.show_run(path)
    assert not panel._error.isVisible()
    panel.on_event(Progress(30, 100, "bytes", left=12.0))
    assert "Getting soon ready" in panel._empty.told()
    assert "30 % · 12 s left" in panel._empty.told()
    assert panel._empty.bar.value() == 300
    panel.show_run(path)  # looked at again
    assert "30 %" in panel._empty.told()
    panel._empty.cancel.click()
    assert panel.asked == [Stop(path)]
    panel.tick()
    assert panel._timer.isActive()
    write_run(path, steps=50, previews=0)
    panel.tick()
    assert panel.inspector.told()["Step"].startswith("50 of")
    assert panel._pages.currentIndex() == 1


def test_a_training_that_ends_while_pictures_are_drawn(panel, run):
    panel.show_run(run)
    panel.controls.sample.click()
    panel.on_event(Done("finished", {"steps": 4000}))
    assert panel.controls.sample.text() == "Cancel drawing"
    panel.on_event(Done("finished", {"count": 36}, np.zeros((36, 8, 8, 1), np.uint8)))
    assert panel.controls.sample.text() == "Sample now"
    assert "Drawn now" in panel.view._caption.text()


def test_a_run_without_anything_yet(panel, tmp_path):
    path = tmp_path / "fresh"
    write_run(path, steps=0, previews=0)
    panel.show_run(path)
    panel.view.first.refresh()
    assert panel.view.first._empty.isVisible()
    assert panel.view._caption.text() == "No preview yet"
    assert panel.inspector.told()["Step"] == "0 of 4,000"
    panel.on_event(Progress(30, 100, "bytes"))
    assert "30 %" in panel.controls.line.text()


def test_nothing_ticks_while_hidden(panel, run):
    panel.show_run(run)
    assert panel._timer.isActive()
    panel.hide()
    assert not panel._timer.isActive()
    panel.show_run(None)
    panel.show()
    panel.tick()
    assert not panel._timer.isActive()
