import time
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication

from hybridstudio import onestep, paths, runs
from hybridstudio.config import with_values
from hybridstudio.gui import bigwords, canned, theme
from hybridstudio.gui.panels.bigsteps import BigStepsPanel
from hybridstudio.messages import Chanced, Chances, Done, Started

READY = paths.checkpoints()


@pytest.fixture
def panel(qtbot, qapp):
    theme.apply(qapp, "light")
    widget = BigStepsPanel()
    qtbot.addWidget(widget)
    widget.resize(1060, 640)
    widget.asked = []
    widget.requested.connect(widget.asked.append)
    widget.show()
    yield widget
    widget.hide()


@pytest.fixture
def counted(panel, qtbot):
    """A panel whose prices are all counted."""
    qtbot.waitUntil(lambda: len(panel.line.price.prices()) == len(onestep.COUNTS), timeout=20_000)
    return panel


def seen(count=16, spread=0.3, last=3, at=1):
    pictures = canned.pictures(count + 3)
    return Chanced(pictures[:1], pictures[3:], 500.0, spread, at, last, 0.7, pictures[1:2],
                   pictures[2:3])


def in_pictures(panel, name="hybrid-mnist"):
    panel.sides.button(1).click()
    panel.show_run(READY / name)


# --- on a line


def test_the_steps_and_the_step_follow_one_another(panel):
    panel.take_steps(8)
    assert (panel.line.steps, panel.steps_box.value(), panel.t.maximum()) == (8, 8, 8)
    panel.t.setValue(3)
    assert panel.line.t == panel.t_box.value() == 3
    panel.take_steps(1000)
    assert panel.line.t == 375  # the same share of the way
    panel.steps.setValue(0)
    assert (panel.line.steps, panel.line.t) == (1, 1)


def test_words_tell_when_a_gaussian_will_do(panel):
    panel.take_steps(4)
    panel.take_t(1)
    panel.line.look_from(0.1)
    panel.line._tell_now()
    assert "has 2 peaks" in panel.line.words.text()
    assert "a mean cannot choose" in panel.line.words.text()
    panel.take_steps(1000)
    panel.take_t(500)
    panel.line._tell_now()
    assert "A Gaussian will do" in panel.line.words.text()


def test_x_t_is_dragged_and_typed(panel, qtbot):
    noisy = panel.line.noisy
    place = QPoint(round(noisy.x_of(1.0)), noisy.height() // 2)
    qtbot.mousePress(noisy, Qt.MouseButton.LeftButton, pos=place)
    assert panel.line.x_t == pytest.approx(1.0, abs=0.02)
    qtbot.keyClick(noisy, Qt.Key.Key_Left)
    assert panel.line.x_t == pytest.approx(0.87, abs=0.03)
    panel.x_t.setValue(-0.5)
    assert panel.line.x_t == -0.5


def test_the_density_is_painted_and_undone(panel, qtbot):
    paint = panel.line.paint
    before = paint.density
    here, there = (QPoint(round(paint.x_of(x)), 12) for x in (0.0, 0.6))
    qtbot.mousePress(paint, Qt.MouseButton.LeftButton, pos=here)
    qtbot.mouseMove(paint, there)
    qtbot.mouseRelease(paint, Qt.MouseButton.LeftButton, pos=there)
    middle = np.abs(onestep.NODES - 0.3) < 0.2
    assert paint.density[middle].min() > 5 * before[middle].max()
    assert onestep.normalised(paint.density) == pytest.approx(paint.density)
    qtbot.mousePress(paint, Qt.MouseButton.RightButton, pos=here)
    qtbot.mouseRelease(paint, Qt.MouseButton.RightButton, pos=here)
    assert panel.undo.isEnabled()
    qtbot.keyClick(paint, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    panel.undo.click()
    assert paint.density is before
    assert not panel.undo.isEnabled()


def test_presets_are_taken(panel):
    panel.preset.setCurrentText("Comb")
    panel.preset.activated.emit(panel.preset.currentIndex())
    assert panel.line.paint.density is onestep.PRESETS["Comb"]
    panel.line.paint.undo()
    assert panel.line.paint.density is onestep.PRESETS["Two peaks"]


def test_the_curve_of_the_price_chooses_steps(counted, qtbot):
    price = counted.line.price
    assert price.at(1) > price.at(5) > price.at(300) > 0
    qtbot.mousePress(price, Qt.MouseButton.LeftButton,
                     pos=QPoint(round(price._x(100)), price.height() // 2))
    assert counted.line.steps == pytest.approx(100, rel=0.03)
    assert "in all" in counted.numbers.text()


def test_other_data_have_another_price(counted, qtbot):
    before = counted.line.price.at(4)
    counted.line.paint.take(onestep.PRESETS["One bell"])
    qtbot.waitUntil(lambda: len(counted.line.price.prices()) == len(onestep.COUNTS)
                    and counted.line.price.at(4) < before / 100, timeout=20_000)


def test_dragging_is_live(counted, qapp):
    spent = []
    for x_t in np.linspace(-2, 2, 31):
        began = time.perf_counter()
        counted.line.look_from(float(x_t))
        for plot in (counted.line.noisy, counted.line.back):
            plot.repaint()
        spent.append(1000 * (time.perf_counter() - began))
    assert np.median(spent) <= 16  # measured 3.5 ms


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [1060, 670])
def test_it_fits_and_paints(counted, qapp, mode, width):
    theme.apply(qapp, mode)
    counted.resize(width, 640)
    counted.grab()
    assert counted.width() == width
    counted.zoom.setChecked(True)
    counted.grab()


# --- in pictures


def test_a_picture_is_held_fast_once_it_is_looked_at(panel, qtbot):
    panel.show_run(READY / "hybrid-mnist")
    qtbot.wait(250)
    assert panel.asked == []
    panel.sides.button(1).click()
    qtbot.waitUntil(lambda: bool(panel.asked))
    (request,) = panel.asked
    assert isinstance(request, Chances)
    assert (request.at, request.count, request.draw.count) == (7, 16, 1)
    panel.on_event(Started("Asking"))
    panel.on_event(seen())
    panel.on_event(Done("finished"))
    assert "16 different pictures" in panel.words.text()
    assert len(panel.view.x0.images()) == 16
    assert "t = 500" in panel.readout.text()


def test_another_frame_or_seed_asks_anew(panel, qtbot):
    in_pictures(panel)
    qtbot.waitUntil(lambda: bool(panel.asked))
    panel.asked.clear()
    panel.frame.setValue(1)
    panel.seed.setValue(9)
    qtbot.waitUntil(lambda: bool(panel.asked))
    assert [(request.at, request.draw.seed) for request in panel.asked] == [(1, 9)]


def test_the_whole_drawing_may_be_done_in_other_steps(panel, qtbot):
    in_pictures(panel, "hybrid-mnist")
    qtbot.waitUntil(lambda: bool(panel.asked))
    assert [panel.nfe.itemData(place) for place in range(panel.nfe.count())] == [2, 4, 8]
    assert panel.asked[-1].draw.nfe is None  # as the run was made
    panel.asked.clear()
    panel.nfe.setCurrentText("4")
    panel.nfe.activated.emit(panel.nfe.currentIndex())
    qtbot.waitUntil(lambda: bool(panel.asked))
    assert (panel.asked[-1].draw.nfe, panel.asked[-1].at) == (4, 3)  # the last frame as before
    panel.copy_command()
    assert "--nfe 4" in QGuiApplication.clipboard().text()
    panel.show_run(READY / "ddgan-mnist")
    assert (panel.nfe.currentText(), panel.nfe.isEnabled()) == ("4", False)  # it has no choice


def test_words_tell_what_z_does():
    run = runs.read(READY / "ddpm-mnist")
    assert "16 times the same" in bigwords.chances(seen(spread=0.0), run, "ddpm-mnist")
    assert "predicts the mean" in bigwords.chances(seen(spread=0.0), run, "ddpm-mnist")
    assert "Nearly 16" in bigwords.chances(seen(spread=0.01), run, "x")
    assert "cannot choose" in bigwords.chances(seen(spread=0.4), run, "x")
    taught, untaught = (runs.read(READY / name) for name in ("ddgan-mnist", bigwords.CHOOSES))
    assert "what its diffusion draws" in bigwords.chances(seen(spread=0.004), taught, "x")
    by_pictures = replace(taught, config=with_values(
        taught.config, {"model.distil_by": "pictures"}))
    assert "that its diffusion comes to" in bigwords.chances(seen(spread=0.004), by_pictures, "x")
    free = replace(taught, config=with_values(taught.config, {"model.distil_by": "posterior"}))
    assert "little to choose" in bigwords.chances(seen(spread=0.004), free, "x")
    assert "fewer steps" in bigwords.chances(seen(spread=0.004), untaught, "x")


def test_a_model_without_its_own_diffusion_gets_a_ready_one_beside_it(panel, qtbot):
    in_pictures(panel, "ncsn-mnist")
    assert panel.request().beside == READY / "ddpm-mnist"
    panel.show_run(READY / "ddpm-mnist")
    assert panel.request().beside is None


@pytest.mark.parametrize("name", ["gan-gaussians25", "vae-mnist"])
def test_one_pass_has_nothing_to_hold_fast(panel, qtbot, name):
    in_pictures(panel, name)
    assert "one pass" in panel.view.x0.empty
    assert not panel.frame.isEnabled()
    qtbot.wait(250)
    assert panel.asked == []


def test_the_command_that_does_the_same(panel):
    in_pictures(panel)
    panel.copy_command()
    assert "--chances 16 --at 7" in QGuiApplication.clipboard().text()


def test_without_a_run_it_says_what_to_do(panel):
    panel.sides.button(1).click()
    panel.show_run(None)
    assert panel.request() is None
