import time
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt

from hybridstudio import engine, paths
from hybridstudio.errors import StudioError
from hybridstudio.gui import particles, particleview, theme
from hybridstudio.gui.panels.particles import ParticlesPanel
from hybridstudio.gui.wishes import Open, Paint
from hybridstudio.messages import Browse, Done, Draw, Field, Fields, Notice, Started

READY = paths.checkpoints() / "ddpm-gaussians25"


@pytest.fixture(scope="module")
def told():
    """What the ready model tells: its drawing, its fields, its data."""
    return {kind: list(engine.run(request)) for kind, request in (
        (Draw, Draw(READY, 500)), (Fields, Fields(READY, side=12)),
        (Browse, Browse(data_of(), 4000, density=True)))}


def data_of():
    from hybridstudio import runs

    return runs.read(READY).config.data


@pytest.fixture
def panel(qtbot, qapp):
    theme.apply(qapp, "light")
    widget = ParticlesPanel()
    qtbot.addWidget(widget)
    widget.resize(1060, 640)
    widget.asked = []
    widget.requested.connect(widget.asked.append)
    widget.show()
    yield widget
    widget.hide()


@pytest.fixture
def drawn(panel, qtbot, told):
    panel.show_run(READY)
    qtbot.waitUntil(lambda: len(panel.asked) == 2)
    while panel.asked:
        request = panel.asked.pop(0)
        for event in told[type(request)]:
            panel.on_answer(request, event)
    return panel


def test_points_are_drawn_at_once_with_their_data_and_field(panel, qtbot):
    panel.show_run(READY)
    qtbot.waitUntil(lambda: len(panel.asked) == 2)
    draw, browse = panel.asked
    assert draw == Draw(READY, 2000, "dpm++2m", 20)
    assert isinstance(browse, Browse)
    panel.on_answer(draw, Started("Drawing"))
    panel.on_answer(draw, Done("finished"))
    assert panel.asked[-1] == Fields(READY, side=24)


def test_the_slider_scrubs_points_ways_and_field(drawn):
    assert len(drawn.frames) == 21
    drawn.timeline.slider.setValue(8)
    view = drawn.view
    assert view.points() is drawn.frames[8].points["x_t"]
    assert len(view._ways) == 200
    assert view._ways[0].shape == (9, 2)
    assert view._field.t == drawn.frames[8].t
    assert view.whole == pytest.approx(particles.reach(drawn.frames[8]))
    drawn.toggles["follow"].setChecked(False)
    assert view.whole == pytest.approx(particles.REACH * particles.NOISE)
    drawn.toggles["trails"].setChecked(False)
    assert view._ways == []


def test_the_density_of_the_data_is_outlined_once(drawn, monkeypatch):
    view = drawn.view
    assert len(view._outlines) == 3
    assert "exactly" in drawn.toggles["density"].toolTip()
    assert view._outlines[0].boundingRect().width() == pytest.approx(2.06, abs=0.02)  # 2.45 σ
    view.grab()
    ground = view._ground
    monkeypatch.setattr(particleview.density, "outlines", None)  # scrubbing asks for none
    for place in (3, 9, 20):
        drawn.timeline.slider.setValue(place)
        view.grab()
    assert view._ground is ground
    shown = view.grab().toImage()
    drawn.toggles["density"].setChecked(False)
    assert view.grab().toImage() != shown
    view.zoom(4.0, view.square().center())
    drawn.toggles["density"].setChecked(True)
    view.grab()
    assert view._ground is ground


def test_modes_are_counted_at_every_frame(drawn):
    drawn.timeline.slider.setValue(20)
    assert drawn.view.caption.startswith("25 of 25 modes found")
    drawn.timeline.slider.setValue(12)
    assert "in the expected points" in drawn.view.caption


def test_modes_are_those_of_the_data(told):
    from hybridstudio.data.points import modes

    centres, std = modes("gaussians25")
    browsed = told[Browse][-2]
    found = particles.modes_of(browsed)
    np.testing.assert_allclose(found.centres, centres, atol=0.01)
    assert found.std == pytest.approx(std, rel=0.1)
    assert particles.modes_of(replace(browsed, name="rings")) is None
    some = particles.found(centres[:3].astype(np.float32), found)
    assert (some.modes, some.of, some.share) == (3, 25, 1.0)


def test_arrows_lead_to_what_is_expected_and_never_beyond_their_cell(told):
    field = told[Fields][1]
    assert isinstance(field, Field)
    shafts = particles.shafts(field, 1.0)
    apart = field.places[1, 0] - field.places[0, 0]
    lengths = np.hypot(*(shafts[:, 2:] - shafts[:, :2]).T)
    assert (lengths <= apart).all()
    inwards = -((shafts[:, 2:] - shafts[:, :2]) * shafts[:, :2]).sum(1)
    assert (inwards > 0).mean() > 0.95


def test_a_discriminator_is_shown_as_a_heat_map(drawn):
    field = drawn.view._field
    heights = np.linspace(0, 1, len(field.places), dtype=np.float32)
    drawn.fields = [replace(field, heights=heights, arrows=None)]
    drawn._show()
    drawn.grab()
    assert drawn.view._heat is not None


def test_scrubbing_is_live(drawn):
    spent = []
    for step in range(0, 200, 7):
        began = time.perf_counter()
        drawn.timeline.slider.setValue(step % 21)
        drawn.view.repaint()
        spent.append(1000 * (time.perf_counter() - began))
    assert np.median(spent) <= 16  # measured 5.6 ms with 2,000 points


def test_keys_scrub_and_the_wheel_zooms(drawn, qtbot):
    qtbot.keyClick(drawn, Qt.Key.Key_Home)
    assert drawn.timeline.slider.value() == 0
    before = drawn.view.reach
    drawn.view.zoom(2.0, drawn.view.square().center())
    assert drawn.view.reach == pytest.approx(before / 2)
    drawn.timeline.slider.setValue(19)
    assert drawn.view.reach <= drawn.view.whole
    drawn.view.show_all()
    assert drawn.view.reach == drawn.view.whole


def test_a_notice_of_no_discriminator_is_told_and_no_data_do_not_matter(panel, qtbot):
    panel.show_run(READY)
    qtbot.waitUntil(lambda: len(panel.asked) == 2)
    panel.on_failure(panel.asked[1], StudioError("The data are not there", "no file"))
    assert "cannot be shown" in panel.notice.text
    assert panel.draw_button.text() == "Stop"
    panel.on_answer(panel.asked[0], Notice("There is no discriminator to look with"))
    assert "no discriminator" in panel.notice.text
    panel.on_failure(panel.asked[0], StudioError("There is not enough memory"))
    assert panel.draw_button.text() == "Draw"


def test_pictures_have_no_particles_and_painting_is_one_click_away(panel):
    panel.show_run(paths.checkpoints() / "ddpm-mnist")
    assert "draws no points" in panel.nothing.told()
    panel.nothing.button.click()
    panel.paint.click()
    assert panel.asked == [Open("particles", READY), Paint()]


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [1060, 670])
def test_it_fits_and_paints(drawn, qapp, mode, width):
    theme.apply(qapp, mode)
    drawn.resize(width, 640)
    for step in (0, 10, 20):
        drawn.timeline.slider.setValue(step)
        drawn.grab()
    assert drawn.width() == width


def test_the_painter_opens_in_the_window(window):
    window.ask(Paint())
    assert window.page is window.panels["data"]
    assert window.panels["data"].painter.isVisible()
