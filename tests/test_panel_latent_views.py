"""Walk, Arithmetic and Two models: the other views of a latent space."""

import numpy as np
import pytest
from latentruns import answered, with_panel, write_run
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from hybridstudio import latents, paths, pictures, points_kept
from hybridstudio.gui.cannedlatent import drawn
from hybridstudio.gui.latentstate import Spot
from hybridstudio.gui.panels.latent import LatentPanel
from hybridstudio.gui.panels.latentmath import LatentMathPanel
from hybridstudio.gui.panels.latentpair import LatentPairPanel
from hybridstudio.gui.panels.latentwalk import LatentWalkPanel
from hybridstudio.gui.walkform import Walk
from hybridstudio.latents import AMOUNTS, ROWS
from hybridstudio.messages import Decode, Decoded, Done
from hybridstudio.points_kept import Kept


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path)


def settle(panel):
    """Answer all that is still asked for."""
    while panel.asking.is_drawing:
        if panel.asking._sent is not None:
            answered(panel, panel.asking._sent)
        QTest.qWait(2)


def walked(panel, qtbot):
    """Answer chunks until the whole walk is drawn."""
    qtbot.waitUntil(lambda: not panel._soon.isActive() and panel.walker._sent is not None)
    while panel.walker._sent is not None:
        answered(panel, panel.walker._sent)


# --- walk


@pytest.fixture
def walk(qtbot, qapp, run):
    panel = with_panel(LatentWalkPanel, qtbot, qapp)
    panel.show_run(run)
    walked(panel, qtbot)
    return panel


def test_a_walk_meets_its_points_and_is_only_looked_up(walk, qtbot):
    frames = walk.walker.frames
    assert len(frames) == walk.walk.count == 4 * 24
    for stop in range(4):
        code = latents.code_of_seed(walk.space, stop)
        np.testing.assert_array_equal(frames[24 * stop], drawn(code[None])[0])
    asked = len(walk.asked)
    walk.setFocus()
    qtbot.keyClick(walk, Qt.Key.Key_Right)
    qtbot.keyClick(walk, Qt.Key.Key_End)
    np.testing.assert_array_equal(walk.view.images()[0], frames[95])
    walk.strip.chosen.emit(2)
    np.testing.assert_array_equal(walk.view.images()[0], frames[48])
    qtbot.keyClick(walk, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: walk.bar.slider.value() > 50)
    qtbot.keyClick(walk, Qt.Key.Key_Space)
    assert not walk.bar.is_playing()
    assert len(walk.asked) == asked


def test_points_are_added_moved_and_taken_away(walk, qtbot):
    strip = walk.strip.list
    strip.setCurrentRow(0)
    qtbot.keyClick(strip, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    assert [spot.seed for spot in walk.walk.stops] == [1, 0, 2, 3]
    qtbot.keyClick(strip, Qt.Key.Key_Delete)
    assert [spot.seed for spot in walk.walk.stops] == [1, 2, 3]
    walk.undo()
    walk.undo()
    assert [spot.seed for spot in walk.walk.stops] == [0, 1, 2, 3]
    point = Kept("mine", walk.space.name, np.ones(16, np.float32), label=4)
    points_kept.keep(walk.run_shown.path, point)
    walk.list.used.emit(Spot.kept(point), "Add to the walk")
    assert "mine" in [spot.says for spot in walk.walk.stops]
    assert walk.how.mix == ((4, 1.0),)
    walked(walk, qtbot)


def test_speed_by_pixels_measures_first_and_draws_again(walk, qtbot):
    walk.walk_form.changed.emit(Walk(walk.walk.stops, pace="pixels"), "pace")
    walked(walk, qtbot)
    assert walk._is_paced
    steps = np.abs(np.diff(np.stack(walk.walker.frames).astype(float), axis=0)).mean((1, 2, 3))
    even = np.abs(np.diff(drawn(walk.walk.codes(
        walk.space, latents.codes_of_seeds(walk.space, range(4)),
        latents.stations(4, 96, loop=True))).astype(float), axis=0)).mean((1, 2, 3))
    assert steps.std() < even.std()


def test_a_walk_is_written_and_copied(walk, qtbot, tmp_path):
    for name in ("walk.gif", "walk.png", "walk.npy"):
        with qtbot.waitSignal(walk.export.written):
            walk.export.write(tmp_path / name)
        qtbot.waitUntil(lambda: not walk.export.is_writing())
    assert np.load(tmp_path / "walk.npy").shape == (96, 8, 8)
    assert pictures.read_settings(tmp_path / "walk.png")["space"] == walk.space.name
    walk.copy_command()
    assert "--walk 0,1,2,3 --frames 96" in QGuiApplication.clipboard().text()


# --- arithmetic


@pytest.fixture
def sums(qtbot, qapp, run):
    panel = with_panel(LatentMathPanel, qtbot, qapp)
    panel.show_run(run)
    settle(panel)
    return panel


def test_the_sum_is_exact_where_it_is_added_once(sums):
    codes = sums.asked[-1].codes
    a, b, c, d = latents.codes_of_seeds(sums.space, range(4))
    assert codes.shape == (2 + ROWS * len(AMOUNTS), 16)
    np.testing.assert_array_equal(codes[2], c)
    np.testing.assert_array_equal(codes[2 + AMOUNTS.index(1.0)],
                                  latents.analogy(sums.space, a, b, c))
    np.testing.assert_array_equal(codes[2 + len(AMOUNTS)], d)
    np.testing.assert_array_equal(latents.analogies(sums.space, a, b, c[None])[0], c)
    assert len(sums.equation.images()) == 4
    assert sums.table.caption(len(AMOUNTS)) == "seed 3, + 0"
    assert sums.table.caption(1) == "seed 2, + ¼"
    assert sums.table.caption(6) == "seed 2, + 1½"


def test_classes_are_swept_over_styles(sums):
    sums.kinds.button(1).click()
    assert sums.table.images() is None  # until its own pictures are there
    settle(sums)
    request = sums.asked[-1]
    assert request.labels == tuple(label for label in range(10) for _ in range(8))
    np.testing.assert_array_equal(request.codes[:8], request.codes[72:])
    assert not sums.equation.isVisible()
    sums.undo()
    settle(sums)
    assert sums.equation.isVisible()


# --- two models


def test_two_checkpoints_are_shown_side_by_side(qtbot, qapp, run):
    panel = with_panel(LatentPairPanel, qtbot, qapp)
    panel.show_run(run)
    settle(panel)
    assert [request.step for request in panel.asked] == [500, None]
    for request in panel.asked:
        assert request.run == run
        np.testing.assert_array_equal(request.codes, panel.asked[0].codes)
    assert all("neighbour" in words.text() for words in panel.smooth)
    panel.views[0].choose([5])
    assert panel.views[1].current() == 5
    panel.tags[0].roll(10)
    settle(panel)
    assert panel.square.corners[0] == Spot(10)
    assert len(panel.asked) == 4
    assert panel._material()["images"].shape == (72, 8, 8, 3)


def test_a_side_never_shows_what_was_asked_for_before(qtbot, qapp, run):
    panel = with_panel(LatentPairPanel, qtbot, qapp)
    panel.show_run(run)
    old = panel.asking._sent
    panel.tags[0].roll(10)  # while the left side is being drawn
    answered(panel, old)
    assert panel.views[0].images() is None
    settle(panel)
    code = latents.code_of_seed(panel.space, 10)
    for view in panel.views:
        np.testing.assert_array_equal(view.images()[0], drawn(code[None])[0])


def test_points_of_the_plane_show_the_plane_itself(qtbot, qapp):
    panel = with_panel(LatentPanel, qtbot, qapp)
    panel.show_run(paths.checkpoints() / "gan-gaussians25")
    request = panel.asked[-1]
    assert isinstance(request, Decode)
    points = np.tanh(request.codes[:, :2])
    for event in (Decoded(np.zeros((1, 8, 8, 3), np.uint8), points=points), Done("finished")):
        panel.on_answer(request, event)
    assert panel.plane.isVisible()
    assert not panel.view.isVisible()
    with qtbot.waitSignal(panel.plane.pointed) as told:
        qtbot.mouseMove(panel.plane, panel.plane.squares()[0].center().toPoint())
    assert told.args[0].startswith("code (+0.00, +0.00) lands at (+0.00, ")
