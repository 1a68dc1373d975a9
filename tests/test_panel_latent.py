"""The grid between four corners, as a user drags, zooms, keeps and takes back."""

import numpy as np
import pytest
from latentruns import answered, with_panel, write_run
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QWheelEvent
from PySide6.QtTest import QTest

from hybridstudio import latents, paths, pictures, points_kept
from hybridstudio.errors import StudioError
from hybridstudio.gui.cannedlatent import drawn
from hybridstudio.gui.latentstate import WHOLE, Spot, Square
from hybridstudio.gui.latenttold import square_told
from hybridstudio.gui.panels.latent import LatentPanel
from hybridstudio.gui.wishes import Open
from hybridstudio.messages import Decode, Directions, Encode


@pytest.fixture
def panel(qtbot, qapp, tmp_path):
    made = with_panel(LatentPanel, qtbot, qapp)
    made.show_run(write_run(tmp_path))
    return made


@pytest.fixture
def shown(panel):
    answered(panel)
    return panel


def cell_at(panel, index):
    return panel.view._place(index).center()


def settle(panel):
    """Answer all that is still asked for."""
    while panel.asking.is_drawing:
        if panel.asking._sent is not None:
            answered(panel, panel.asking._sent)
        QTest.qWait(2)


# --- what is asked


def test_a_run_shows_the_grid_of_the_first_seeds(panel):
    request = panel.asked[-1]
    assert isinstance(request, Decode)
    space = panel.space
    corners = latents.codes_of_seeds(space, (0, 1, 2, 3))
    np.testing.assert_array_equal(request.codes, latents.grid(space, corners, 8))
    assert request.mix == {0: 1.0}
    answered(panel)
    np.testing.assert_array_equal(panel.view.images(), drawn(request.codes))


def test_end_points_are_the_corners_bit_for_bit(shown):
    codes = shown.asked[-1].codes
    for cell, seed in ((0, 0), (7, 1), (56, 2), (63, 3)):
        np.testing.assert_array_equal(codes[cell], latents.code_of_seed(shown.space, seed))


def test_a_corner_is_rolled_by_wheel_drag_and_key(shown, qtbot):
    corner = cell_at(shown, 7)
    wheel = QWheelEvent(QPointF(corner), QPointF(corner), QPoint(), QPoint(0, 120),
                        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
                        Qt.ScrollPhase.NoScrollPhase, False)
    shown.view.wheelEvent(wheel)
    assert shown.square.corners[1] == Spot(2)
    qtbot.mousePress(shown.view, Qt.MouseButton.LeftButton, pos=corner)
    qtbot.mouseMove(shown.view, corner + QPoint(25, 0))
    qtbot.mouseRelease(shown.view, Qt.MouseButton.LeftButton, pos=corner + QPoint(25, 0))
    assert shown.square.corners[1] == Spot(4)
    shown.view.choose([7])
    qtbot.keyClick(shown.view, Qt.Key.Key_Minus)
    assert shown.square.corners[1] == Spot(3)
    shown.corners[2].seed.setValue(40)
    assert shown.square.corners[2] == Spot(40)
    settle(shown)
    shown.undo()  # all turns of one corner in a row are one change
    assert shown.square.corners[2] == Spot(2)
    settle(shown)


def test_dragging_asks_for_one_at_a_time(shown, qtbot):
    before = len(shown.asked)
    for value in range(10):
        shown.sliders.rows[0].slider.setValue(5 * value)
    assert len(shown.asked) <= before + 1
    settle(shown)
    assert shown.asked[-1].codes[0, 0] == pytest.approx(
        latents.code_of_seed(shown.space, 0)[0] + 45 / 100 * 6.0, abs=1e-4)


# --- zooming


def test_cells_are_drawn_around_and_left_again(shown, qtbot):
    qtbot.mousePress(shown.view, Qt.MouseButton.LeftButton, pos=cell_at(shown, 9))
    qtbot.mouseMove(shown.view, cell_at(shown, 27))
    qtbot.mouseRelease(shown.view, Qt.MouseButton.LeftButton, pos=cell_at(shown, 27))
    assert shown.square.window == pytest.approx((1 / 7, 1 / 7, 3 / 7, 3 / 7))
    settle(shown)
    whole = latents.grid(shown.space, latents.codes_of_seeds(shown.space, (0, 1, 2, 3)), 8)
    np.testing.assert_array_equal(shown.asked[-1].codes[0], whole[9])
    assert [button.text() for button in shown.bar.findChildren(type(shown.bar.ways.button(0)))
            if button.text().startswith("×")] == ["×3.5"]
    qtbot.keyClick(shown.view, Qt.Key.Key_Backspace)
    assert shown.square.window == WHOLE
    settle(shown)


def test_a_cell_is_entered_with_return(shown, qtbot):
    shown.view.choose([27])
    qtbot.keyClick(shown.view, Qt.Key.Key_Return)
    assert shown.square.window == pytest.approx((2 / 7, 2 / 7, 4 / 7, 4 / 7))
    settle(shown)


# --- a cell, points, directions


def test_a_cell_is_looked_at_kept_and_used_as_corner(shown, qtbot):
    qtbot.mouseClick(shown.view, Qt.MouseButton.LeftButton, pos=cell_at(shown, 18))
    np.testing.assert_array_equal(shown.cell.picture.images()[0], shown.view.images()[18])
    shown.cell.name.setText("steep")
    qtbot.keyClick(shown.cell.name, Qt.Key.Key_Return)
    (point,) = points_kept.read(shown.run_shown.path)
    assert (point.name, point.space, point.label) == ("steep", shown.space.name, 0)
    np.testing.assert_array_equal(point.code, shown.asked[-1].codes[18])
    assert shown.parts.list.count() == 1
    shown.cell.placed.emit(3)
    settle(shown)
    np.testing.assert_array_equal(shown.asked[-1].codes[63], point.code)
    shown.parts.list.setCurrentRow(0)
    qtbot.keyClick(shown.parts.list, Qt.Key.Key_Delete)
    assert points_kept.read(shown.run_shown.path) == ()
    shown.notice.action.click()
    assert points_kept.read(shown.run_shown.path) == (point,)


def test_directions_are_found_named_and_kept(shown, qtbot):
    shown.sliders.choose("pca")
    request = shown.asked[-1]
    assert request == Directions(shown.run_shown.path, "pca", shown.space.name)
    answered(shown, request)
    shown.sliders.rows[1].slider.setValue(50)
    settle(shown)
    first = latents.code_of_seed(shown.space, 0)
    assert shown.asked[-1].codes[0, 1] == pytest.approx(first[1] + 3.0, abs=1e-5)
    shown.sliders.name.setText("rounder")
    qtbot.keyClick(shown.sliders.name, Qt.Key.Key_Return)
    (kept,) = points_kept.read(shown.run_shown.path, kind="direction")
    np.testing.assert_allclose(kept.code, np.eye(16)[1], atol=1e-6)
    shown.undo()
    assert shown.square.edits == ()
    shown.redo()
    shown.sliders.reset.click()
    assert shown.square.edits == ()
    settle(shown)


def test_classes_are_blended_and_never_none(shown):
    shown.mix.rows[3].slider.setValue(100)
    settle(shown)
    assert shown.asked[-1].mix == {0: 0.5, 3: 0.5}
    shown.mix.rows[7].named.emit()
    settle(shown)
    assert shown.asked[-1].mix == {7: 1.0}
    shown.mix.rows[7].slider.setValue(0)
    assert shown.how.mix == ((7, 1.0),)


def test_a_picture_of_ones_own_becomes_a_corner(shown, tmp_path, qtbot):
    png = tmp_path / "mine.png"
    pictures.write_png(png, np.full((16, 16, 1), 90, np.uint8))
    shown.start_from(png)
    request = shown.asked[-1]
    assert isinstance(request, Encode)
    assert request.images.shape == (1, 8, 8, 1)
    answered(shown, request)
    assert "0.250" in shown.own.says.text()
    assert shown.square.corners[0].name == "mine"
    assert points_kept.read(shown.run_shown.path)[0].name == "mine"
    settle(shown)
    shown.copy_command()
    assert "--corners mine,1,2,3" in QGuiApplication.clipboard().text()
    shown.cell.placed.emit(0)  # no cell is chosen: nothing happens
    shown.view.choose([9])
    shown.cell.placed.emit(0)
    settle(shown)
    assert not shown.copy.isEnabled()  # no command line knows a cell that was not kept


# --- other checkpoints, errors, files


def test_the_film_goes_through_the_checkpoints(shown, qtbot):
    shown.film.slider.setValue(0)
    settle(shown)
    assert shown.asked[-1].step == 500
    shown.film.toggle()
    qtbot.waitUntil(lambda: shown.how.step is None)
    settle(shown)
    qtbot.waitUntil(lambda: not shown.film._timer.isActive())


def test_an_error_is_told_and_the_next_drawing_takes_it_away(shown):
    shown.bar.rolled.emit()
    request = shown.asked[-1]
    shown.on_failure(request, StudioError("Out of memory"))
    assert shown._error.isVisible()
    shown.bar.rolled.emit()
    settle(shown)
    assert not shown._error.isVisible()


def test_a_family_without_a_space_says_why_and_offers_others(panel):
    panel.show_run(paths.checkpoints() / "ncsn-mnist")
    assert "Langevin" in panel.nothing.says.text()
    assert not panel._inspector.isVisible()
    buttons = {button.text(): button for button in panel.nothing.findChildren(
        type(panel.cell.findChild(type(panel.sliders.reset)) or panel.sliders.reset))}
    buttons["vae-mnist"].click()
    assert panel.asked[-1] == Open("latent", paths.checkpoints() / "vae-mnist")


def test_the_command_and_a_file_tell_the_same_square(shown, tmp_path):
    shown.bar.straight.emit(True)
    shown.bar.sized.emit(5)
    shown.copy_command()
    words = QGuiApplication.clipboard().text()
    assert "--corners 0,1,2,3" in words
    assert "--grid 5" in words
    settle(shown)
    settings = shown._material()["settings"]
    assert square_told(settings, shown.run_shown) == Square(side=5, linear=True)
    shown.bar.reset.emit()
    shown.restore(settings)
    assert shown.square.side == 5
    settle(shown)
