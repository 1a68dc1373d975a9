from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication

from hybridstudio import engine, paths
from hybridstudio.errors import StudioError
from hybridstudio.gui import canned, handovers, theme
from hybridstudio.gui.handovers import Handed
from hybridstudio.gui.panels.handover import HandoverPanel
from hybridstudio.gui.wishes import Cancel, Open
from hybridstudio.messages import Done, Draw, Frame, Notice, Scored, Sweep

READY = paths.checkpoints() / "hybrid-mnist"


@pytest.fixture
def panel(qtbot, qapp):
    theme.apply(qapp, "light")
    widget = HandoverPanel()
    qtbot.addWidget(widget)
    widget.resize(1060, 640)
    widget.asked = []
    widget.requested.connect(widget.asked.append)
    widget.show()
    yield widget
    widget.hide()


@pytest.fixture
def drawn(panel, qtbot):
    panel.show_run(READY)
    qtbot.waitUntil(lambda: bool(panel.asked))
    answer(panel, panel.asked.pop())
    return panel


def answer(panel, request):
    """Answer a drawing: the further k is from 500, the further it is from the full diffusion."""
    k, beside = handovers.asked(request)
    full = canned.pictures(request.count)
    away = min(250, 10 + abs(k - 500) // 2)
    refined = np.clip(full.astype(int) + away, 0, 255).astype(np.uint8)
    extra = {"Coarse": full // 2}
    nfe = request.nfe
    first = Frame(0, nfe, k, refined, refined, refined, nfe, 0.004 * nfe, 0.7, extra=extra)
    if beside:
        extra = {**extra, "Full diffusion": full}
    last = replace(first, step=nfe, t=0, seconds=first.seconds + 0.2 * bool(beside), extra=extra)
    for event in (first, last, Done("finished")):
        panel.on_answer(request, event)


def follow(panel):
    while panel.asked and isinstance(panel.asked[0], Draw):
        answer(panel, panel.asked.pop(0))


def test_a_hybrid_is_drawn_at_its_own_k_beside_the_full_diffusion(panel, qtbot):
    panel.show_run(READY)
    qtbot.waitUntil(lambda: bool(panel.asked))
    (request,) = panel.asked
    # Fresh noise at every step, as the model ships, would make them different pictures.
    assert request == Draw(READY, 8, "ddim", nfe=8, seed=0,
                           knobs={"handover": 500, "compare": 50})
    answer(panel, request)
    assert panel.view.rows == ("Coarse", "Refined", "Full diffusion", "Difference")
    words = panel.readout.text()
    assert "k = 500 of 1,000" in words
    assert "84 % of the time saved" in words
    assert "distance" in words


def test_the_full_diffusion_is_drawn_once_for_all_k(drawn, qtbot):
    drawn.k.setValue(300)
    qtbot.waitUntil(lambda: bool(drawn.asked))
    assert drawn.asked[-1].knobs == {"handover": 300}
    answer(drawn, drawn.asked.pop())
    assert "Difference" in drawn.view.rows
    drawn.seed.setValue(4)
    qtbot.waitUntil(lambda: bool(drawn.asked))
    assert drawn.asked[-1].knobs["compare"] == 50


def test_a_sweep_finds_the_best_and_shows_it(drawn, qtbot):
    drawn.sweep_button.click()
    assert drawn.sweep_button.text() == "Stop"
    follow(drawn)
    assert len(drawn.sweep) == 9
    assert [each.k for each in drawn.sweep] == sorted(each.k for each in drawn.sweep)
    assert "Best: k = 500 with 8 evaluations" in drawn.swept.words.text()
    assert "full diffusion's pictures" in drawn.swept.words.text()
    assert drawn.sweep_button.text() == "Sweep k"
    qtbot.waitUntil(lambda: bool(drawn.asked))
    assert drawn.asked[-1].knobs["handover"] == 500


def test_a_sweep_may_vary_the_evaluations(drawn):
    drawn.varies.setChecked(True)
    drawn.parts.setValue(3)
    drawn.sweep_button.click()
    follow(drawn)
    assert {each.nfe for each in drawn.sweep} == {2, 4, 8}
    assert len(drawn.sweep) == 9


def test_a_sweep_is_stopped(drawn):
    drawn.sweep_button.click()
    request = drawn.asked.pop(0)
    drawn.sweep_button.click()
    assert drawn.asked == [Cancel()]
    drawn.on_answer(request, Done("stopped"))
    assert drawn.sweep_button.text() == "Sweep k"
    assert len(drawn.sweep) == 0


def test_a_sweep_is_scored_where_that_is_asked_for(drawn):
    drawn.scores.setChecked(True)
    drawn.parts.setValue(3)
    drawn.sweep_button.click()
    follow(drawn)
    (request,) = [asked for asked in drawn.asked if isinstance(asked, Sweep)]
    assert [score.knobs["handover"] for score in request.scores] == [50, 500, 950]
    assert drawn.scoring.isVisible()
    assert drawn.sweep_button.text() == "Stop"
    for place in (2, 0, 1):  # by their place, in whatever order they come
        drawn.on_answer(request, Scored({"frechet": {"value": 3.0 + place}}, "x", "d", READY,
                                        None, place))
    assert [each.score for each in drawn.sweep] == [3.0, 4.0, 5.0]
    assert "Best: k = 50" in drawn.swept.words.text()
    assert "to the data" in drawn.swept.words.text()
    drawn.on_answer(request, Done("finished"))
    assert not drawn.scoring.isVisible()
    assert drawn.k.value() == 50  # the best goes by the score now
    drawn.swept.by_score.click()
    assert "Best: k = 500" in drawn.swept.words.text()
    drawn.copy_command()
    assert "--sweep handover=50,500,950" in QGuiApplication.clipboard().text()


def test_scores_that_were_given_up_reach_no_other_sweep(drawn):
    drawn.scores.setChecked(True)
    drawn.parts.setValue(3)
    drawn.sweep_button.click()
    follow(drawn)
    (request,) = [asked for asked in drawn.asked if isinstance(asked, Sweep)]
    drawn.sweep_button.click()
    assert drawn.asked[-1] == Cancel()
    assert not drawn.scoring.isVisible()
    drawn.on_answer(request, Scored({"frechet": {"value": 1.0}}, "x", "d", READY, None, 0))
    assert drawn.sweep[0].score is None


def test_the_engines_own_scores_are_understood(drawn):
    drawn.scores.setChecked(True)
    drawn.sweep = [Handed(500, 2, 1.0), Handed(900, 2, 1.0)]
    asked = drawn._scoring(drawn._run)
    small = Sweep(tuple(replace(each, count=40, data="digits", device="cpu")
                        for each in asked.scores))
    drawn._scores = small
    for event in engine.run(small):
        drawn.on_answer(small, event)
    assert all(each.score > 0 for each in drawn.sweep)
    assert drawn.swept.by_score.isChecked()


def test_a_point_of_the_plot_is_shown_when_it_is_clicked(drawn, qtbot):
    drawn.sweep_button.click()
    follow(drawn)
    drawn.asked.clear()
    plot = drawn.swept.plot
    plot.grab()
    place = plot._place(drawn.sweep[1]).toPoint()
    qtbot.mouseMove(plot, place)
    qtbot.mousePress(plot, Qt.MouseButton.LeftButton, pos=place)
    assert drawn.k.value() == drawn.sweep[1].k
    qtbot.mousePress(plot, Qt.MouseButton.LeftButton, pos=QPoint(2, 2))
    assert drawn.k.value() == drawn.sweep[1].k


@pytest.mark.parametrize("name", ["ddpm-mnist", "vae-mnist"])
def test_other_families_say_why_not_and_offer_a_hybrid(panel, qtbot, name):
    panel.show_run(paths.checkpoints() / name)
    assert f"{name} hands nothing over" in panel.nothing.told()
    assert not panel.sweep_button.isVisible()
    panel.nothing.button.click()
    assert panel.asked == [Open("handover", READY)]
    panel.show_run(None)
    assert "No model is chosen" in panel.nothing.told()


def test_an_error_ends_the_sweep_and_a_notice_is_told(drawn):
    drawn.sweep_button.click()
    request = drawn.asked[0]
    drawn.on_answer(request, Notice("The newest checkpoint is damaged", level="warning"))
    assert "damaged" in drawn.notice.text
    drawn.on_failure(request, StudioError("There is not enough memory"))
    assert drawn._error.isVisible()
    assert drawn.sweep_button.text() == "Sweep k"


def test_what_was_given_up_is_not_listened_to(drawn, qtbot):
    shown = drawn.view.frame_shown()
    answer(drawn, Draw(READY, 3, nfe=4, knobs={"handover": 77}))
    assert drawn.view.frame_shown() is shown


def test_the_best_is_the_fastest_of_equals():
    slow, fast = Handed(1, 8, 9.0, 0.1, 5.0), Handed(2, 4, 4.0, 0.1, 6.0)
    assert handovers.best([slow, fast], scored=False) is fast
    assert handovers.best([slow, fast], scored=True) is slow
    assert handovers.best([Handed(1, 2, 3.0)], scored=False) is None


def test_the_own_k_is_among_those_of_a_sweep():
    assert handovers.values_of_k(1000, 9, 500)[4] == 500
    assert handovers.values_of_k(4, 9, 3) == [1, 2, 3, 4]
    assert 40 in handovers.values_of_k(50, 3, 40)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [1060, 670])
def test_it_fits_and_paints(drawn, qapp, mode, width):
    drawn.varies.setChecked(True)
    drawn.sweep_button.click()
    follow(drawn)
    theme.apply(qapp, mode)
    drawn.resize(width, 640)
    for place in (0, 1):
        drawn.swept.axes.button(place).click()
        drawn.grab()
    assert drawn.width() == width
