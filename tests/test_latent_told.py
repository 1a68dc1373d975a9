"""What a view of a latent space shows, its command line draws and its file brings back."""

from __future__ import annotations

import shlex

import numpy as np
import pytest
from latentruns import answered, with_panel, write_run
from PIL import Image
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from hybridstudio import cli, engine, paths, pictures, points_kept
from hybridstudio.gui.latentstate import Spot
from hybridstudio.gui.latenttold import settings_of, view_told
from hybridstudio.gui.opening import open_path
from hybridstudio.gui.panels.latent import LatentPanel
from hybridstudio.gui.panels.latentmath import LatentMathPanel
from hybridstudio.gui.panels.latentpair import LatentPairPanel
from hybridstudio.gui.panels.latentwalk import LatentWalkPanel
from hybridstudio.gui.walkform import Walk
from hybridstudio.points_kept import Kept


def settle(panel, answers):
    """Let a panel have all that it asks for."""
    while panel.asking.is_drawing:
        if (request := panel.asking._sent) is not None:
            answers(panel, request)
        QTest.qWait(2)


def truly(panel, request):
    """Answer with what the engine draws."""
    for event in engine.run(request):
        panel.on_answer(request, event)


def lines_of(panel):
    panel.copy.click()
    return QGuiApplication.clipboard().text().splitlines()


def drawn_by(line, tmp_path, monkeypatch, *words):
    monkeypatch.chdir(tmp_path)
    assert cli.main([*shlex.split(line)[1:], *words]) == 0
    with Image.open(shlex.split(line)[shlex.split(line).index("--out") + 1]) as image:
        return np.asarray(image)


@pytest.fixture
def sums(qtbot, qapp):
    panel = with_panel(LatentMathPanel, qtbot, qapp)
    panel.show_run(paths.checkpoints() / "cgan-mnist")
    settle(panel, truly)
    return panel


@pytest.mark.parametrize("kind", [0, 1])
def test_the_copied_line_draws_the_table_that_is_shown(sums, tmp_path, monkeypatch, kind):
    sums.kinds.button(kind).click()
    sums.tags["c"].roll(40)
    settle(sums, truly)
    line, = lines_of(sums)
    assert ("--analogy 0,1,42", "--classes 42")[kind] in line
    told = sums._material()
    shown = pictures.as_rgb(pictures.sheet(told["images"], told["columns"])[None])[0]
    drawn = drawn_by(line, tmp_path, monkeypatch)
    np.testing.assert_array_equal(pictures.as_rgb(drawn[None])[0], shown)
    settings = pictures.read_settings(next(tmp_path.glob("*.png")))
    assert view_told(settings) == "latentmath"
    sums.kinds.button(1 - kind).click()
    sums.tags["c"].roll(3)
    sums.restore(settings)
    assert (sums.sum.kind, sums.sum.c) == (("analogy", "classes")[kind], Spot(42))


def test_a_line_and_a_file_tell_how_far_sliders_were_moved(
        qtbot, qapp, tmp_path, monkeypatch):
    panel = with_panel(LatentPanel, qtbot, qapp)
    panel.show_run(paths.checkpoints() / "vae-mnist")
    sliders = panel.sliders
    settle(panel, truly)
    sliders.rows[4].slider.setValue(60)  # of the axes, which are shown first
    sliders.choose("kl")
    truly(panel, panel.asked[-1])
    sliders.rows[1].slider.setValue(-40)
    settle(panel, truly)
    edits = panel.square.edits
    assert [(each.kind, each.place, amount > 0) for each, amount in edits] == [
        ("axes", 4, True), ("kl", 1, False)]
    told = panel._material()
    shown = pictures.as_rgb(pictures.sheet(told["images"], told["columns"])[None])[0]
    line, = lines_of(panel)
    np.testing.assert_array_equal(
        pictures.as_rgb(drawn_by(line, tmp_path, monkeypatch)[None])[0], shown)

    other = with_panel(LatentPanel, qtbot, qapp)
    other.show_run(paths.checkpoints() / "vae-mnist")
    other.restore(pictures.read_settings(tmp_path / "latent.png"))
    truly(other, other.asked[-1])  # it looks for the directions of the file first
    assert [(each.kind, each.place) for each, _ in other.square.edits] == [("axes", 4), ("kl", 1)]
    assert [amount for _, amount in other.square.edits] == [amount for _, amount in edits]
    settle(other, truly)
    assert other.sliders.rows[1].slider.value() == -40


def test_a_file_brings_the_mixed_style_back(qtbot, qapp, tmp_path):
    run = write_run(tmp_path, "style", (500,), "stylegan")
    panel = with_panel(LatentPanel, qtbot, qapp)
    panel.show_run(run)
    panel.restore({"run": "style", "space": "w", "corners": "4,5,6,7", "style": "9", "begins": 3})
    assert (panel.square.style, panel.square.begins) == (Spot(9), 3)
    assert panel.square.corners == tuple(map(Spot, (4, 5, 6, 7)))
    assert settings_of(panel.run_shown, panel.square, panel.how).items() >= {
        "style": "9", "begins": 3}.items()


def test_the_two_copied_lines_draw_both_sides(qtbot, qapp, tmp_path, monkeypatch):
    panel = with_panel(LatentPairPanel, qtbot, qapp)
    panel.show_run(paths.checkpoints() / "vae-mnist")
    assert panel.sides[0].chosen_run.name == "vae-mnist"
    panel.bar.sized.emit(3)
    panel.sides[1].label.setCurrentIndex(4)
    panel.sides[1].chosen.emit()
    settle(panel, truly)
    lines = lines_of(panel)
    assert len(lines) == 2
    assert "--mix 4=1" in lines[1]
    for line, view in zip(lines, panel.views, strict=True):
        shown = pictures.sheet(view.images(), 3)
        np.testing.assert_array_equal(
            pictures.as_rgb(drawn_by(line, tmp_path, monkeypatch)[None]),
            pictures.as_rgb(shown[None]))


# --- what files bring back


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path)


def test_a_walk_comes_back_with_its_points(qtbot, qapp, run, tmp_path):
    panel = with_panel(LatentWalkPanel, qtbot, qapp)
    panel.show_run(run)
    point = Kept("mine", panel.space.name, np.ones(16, np.float32), label=4)
    points_kept.keep(run, point)
    panel.show_points()
    walk = Walk((Spot(5), Spot.kept(point), Spot(9)), 7, "slow", False, True, "pixels")
    panel._take(walk)
    panel.bar.speed.setCurrentIndex(1)
    assert "--walk 5,mine,9 --frames 15 --ms 100" in lines_of(panel)[0]
    qtbot.waitUntil(lambda: panel.walker._sent is not None)
    while panel.walker._sent is not None:
        answered(panel, panel.walker._sent)
    with qtbot.waitSignal(panel.export.written):
        panel.export.write(tmp_path / "walk.png")
    settings = pictures.read_settings(tmp_path / "walk.png")
    assert view_told(settings) == "latentwalk"
    panel._take(Walk())
    panel.bar.speed.setCurrentIndex(3)
    panel.restore(settings)
    assert panel.walk == walk
    assert panel.bar.interval == 100
    panel.undo()
    assert panel.walk == Walk()
    points_kept.forget(run, point)
    panel.show_points()
    panel.restore(settings)  # all of it or nothing
    assert panel.walk == Walk()
    assert panel._error.isVisible()
    panel._take(walk)
    panel.show_state()
    assert not panel.copy.isEnabled()
    assert "mine is not kept" in panel.copy.toolTip()
    assert panel._material()["settings"]["walk"] == ""
    qtbot.waitUntil(lambda: not panel._soon.isActive())


def test_a_walk_of_the_command_line_comes_back(qtbot, qapp, run):
    panel = with_panel(LatentWalkPanel, qtbot, qapp)
    panel.show_run(run)
    panel.restore({"walk": "3,4,5", "frames": 60, "loop": True, "ease": "soft", "ms": 50,
                   "path": "slerp", "pace": "latent", "space": "mu"})
    assert panel.walk == Walk((Spot(3), Spot(4), Spot(5)), 20, "soft")
    panel.restore({"walk": "", "ease": "away", "pace": "", "frames": 10**9})
    assert panel.walk.stops == (Spot(3), Spot(4), Spot(5))
    assert panel.walk.frames == 240
    qtbot.waitUntil(lambda: not panel._soon.isActive())


def test_two_models_come_back(qtbot, qapp, run):
    panel = with_panel(LatentPairPanel, qtbot, qapp)
    panel.show_run(run)
    panel.sides[0].label.setCurrentIndex(2)
    panel._take(panel.square.with_corner(0, Spot(77)))
    settle(panel, answered)
    settings = panel._material()["settings"]
    assert settings["other"] == "vae"
    assert (settings["step"], "step" in settings) == (500, True)
    assert view_told(settings) == "latentpair"
    panel.bar.reset.emit()
    panel.sides[0].choose(panel.run_shown, None, 0)
    panel.restore(settings)
    assert panel.square.corners[0] == Spot(77)
    assert panel.sides[0].how.step == 500
    assert panel.sides[0].label.currentData() == 2
    settle(panel, answered)


def test_a_file_dropped_on_the_window_opens_its_view(window, tmp_path):
    told = {"run": "vae-mnist", "space": "mu", "walk": "1,2", "frames": 48, "loop": True}
    pictures.write_png(tmp_path / "walk.png", np.zeros((4, 4, 3), np.uint8), told)
    open_path(window, tmp_path / "walk.png")
    assert window.page is window.panel(LatentWalkPanel)
    assert window.panel(LatentWalkPanel).walk.stops == (Spot(1), Spot(2))
