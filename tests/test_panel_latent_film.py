"""A grid's cell beside training pictures and neighbours, and the film strip over a training."""

import numpy as np
import pytest
from latentruns import answered, with_panel, write_checkpoint, write_run
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from hybridstudio import latents
from hybridstudio.errors import StudioError
from hybridstudio.gui.panels.latent import LatentPanel
from hybridstudio.gui.wishes import Cancel
from hybridstudio.messages import Done, Neighbours, Progress


@pytest.fixture
def shown(qtbot, qapp, tmp_path):
    panel = with_panel(LatentPanel, qtbot, qapp)
    panel.show_run(write_run(tmp_path))
    answered(panel)
    return panel


def settle(panel):
    """Answer all that is still asked for."""
    while panel.asking.is_drawing:
        if panel.asking._sent is not None:
            answered(panel, panel.asking._sent)
        QTest.qWait(2)


# --- a cell


def test_the_training_pictures_nearest_to_a_cell_are_shown(shown, qtbot):
    nearest = shown.cell.nearest
    assert not nearest.button.isEnabled()
    shown.view.choose([18])
    qtbot.mouseClick(nearest.button, Qt.MouseButton.LeftButton)
    request = shown.asked[-1]
    assert isinstance(request, Neighbours)
    assert request.run == shown.run_shown.path
    np.testing.assert_array_equal(request.images[0], shown.view.images()[18])
    shown.on_answer(request, Progress(1, 2, "training pictures"))
    assert "50 %" in nearest.says.text()
    answered(shown, request)
    assert nearest.row.found.places[0] == (0, 1, 2, 3, 4, 5)
    assert "0.100 to the nearest of 10" in nearest.says.text()
    assert "class 1: 0.150 away" in nearest.row.accessibleDescription()
    nearest.row.grab()
    shown.view.choose([19])
    assert nearest.row.found is None


def test_an_answer_about_a_cell_left_since_is_let_go(shown):
    nearest = shown.cell.nearest
    shown.view.choose([18])
    nearest.button.click()
    request = shown.asked[-1]
    shown.view.choose([19])
    answered(shown, request)
    assert nearest.row.found is None
    shown.on_failure(request, StudioError("mnist is not here"))
    assert "no data" not in nearest.says.text()


def test_the_search_is_ended_and_its_failure_told(shown):
    nearest = shown.cell.nearest
    shown.view.choose([18])
    nearest.button.click()
    request = shown.asked[-1]
    nearest.button.click()
    assert isinstance(shown.asked[-1], Cancel)
    shown.on_answer(request, Done("stopped"))
    assert nearest.says.text() == "The search was ended."
    nearest.button.click()
    shown.on_failure(shown.asked[-1], StudioError("mnist is not here", "no network", "get it"))
    assert nearest.says.text() == "This run has no data here: mnist is not here. Mend it: get it."
    assert not shown._error.isVisible()


def test_a_cell_tells_how_far_its_neighbours_are(shown):
    shown.view.choose([0])
    each, whole = latents.apart(shown.view.images(), 8)
    across, down = latents.unevenness(shown.view.images(), 8)
    assert each[0] == pytest.approx((across[0, 0] + down[0, 0]) / 2)
    assert shown.cell.apart.text() == f"neighbours {each[0]:.3f} apart · grid {whole:.3f}"
    shown.view.badge = "draft"
    shown._show_cell()
    assert shown.cell.apart.text() == "neighbours …"
    assert not shown.cell.nearest.button.isEnabled()


# --- the film strip


def test_the_film_strip_keeps_what_each_checkpoint_drew(shown, qtbot):
    strip = shown.film.strip
    assert strip.isVisible()
    assert strip.fresh() == (1000,)
    images = shown.view.images()
    np.testing.assert_array_equal(strip._thumbs[1000].picture, np.vstack(
        [np.hstack(images[[0, 7]]), np.hstack(images[[56, 63]])]))
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=strip._boxes()[0][1].center())
    assert shown.how.step == 500
    settle(shown)
    assert strip.fresh() == (500, 1000)
    shown.corners[0].roll(1)
    assert strip.fresh() == ()
    assert "Other codes" in strip.words(1)
    settle(shown)
    assert strip.fresh() == (500,)
    shown.undo()
    assert strip.fresh() == (1000,)  # whose thumbnail was of these codes
    settle(shown)
    qtbot.keyClick(strip, Qt.Key.Key_End)
    settle(shown)
    assert shown.how.step is None
    write_checkpoint(shown.run_shown.path, 1500)  # a training saved another
    shown.show_run(shown.run_shown.path)
    settle(shown)
    assert strip.fresh() == (500, 1000, 1500)
    strip.grab()


def test_the_strip_gives_way_to_the_slider_on_a_low_page(shown):
    shown.resize(900, 400)
    assert shown.film.slider.isVisible()
    assert not shown.film.strip.isVisible()
    shown.resize(900, 800)
    assert not shown.film.slider.isVisible()
    low = shown.film.strip.height()
    shown.resize(900, 600)
    QTest.qWait(1)
    assert shown.film.strip.height() < low


def test_one_checkpoint_makes_no_film(qtbot, qapp, tmp_path):
    panel = with_panel(LatentPanel, qtbot, qapp)
    panel.show_run(write_run(tmp_path, steps=(500,)))
    answered(panel)
    assert not panel.film.strip.isVisible()
