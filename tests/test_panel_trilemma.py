"""The trilemma's page over scores on the disk: what compares, moving a dot, asking for scores."""

from __future__ import annotations

import csv

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QMouseEvent
from standings import DDPM, GAN, score_run, write_run

from hybridstudio import paths
from hybridstudio.errors import StudioError
from hybridstudio.gui import theme
from hybridstudio.gui.panels.trilemma import TrilemmaPanel
from hybridstudio.gui.wishes import Cancel, Open
from hybridstudio.messages import Done, Notice, Progress, Repeat, Score, Scored, Sweep


@pytest.fixture
def empty(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "checkpoints", lambda: tmp_path / "shipped")


@pytest.fixture
def ddpm(empty):
    run = write_run("diffusion", DDPM)
    for nfe, distance, coverage in ((5, 8.0, 0.6), (20, 2.0, 0.8), (80, 1.5, 0.85)):
        score_run(run, nfe=nfe, distance=distance, coverage=coverage, ms=2.0 * nfe)
    return run


@pytest.fixture
def gan(empty):
    run = write_run("adversarial", GAN)
    score_run(run, nfe=1, distance=4.0, coverage=0.5, ms=0.5)
    return run


@pytest.fixture
def panel(qtbot, qapp):
    theme.apply(qapp, "light")
    widget = TrilemmaPanel()
    widget.resize(1060, 640)
    widget.asked = []
    widget.requested.connect(widget.asked.append)
    widget.show()
    yield widget  # not qtbot's to close: what reads the scores has to end before
    qtbot.waitUntil(lambda: not widget.lane.busy)
    widget.close()
    widget.deleteLater()


def shown(panel, run, qtbot):
    panel.show_run(run)
    qtbot.waitUntil(lambda: panel._standings.runs != {} and not panel.lane.busy)
    return panel


def names(panel):
    return [dot.name for dot in panel.canvas.shown()]


def click(view, place, qtbot):
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=QPoint(*map(round, place)))


# --- what is shown


def test_without_scores_it_says_what_to_do(panel, empty, qtbot):
    run = write_run("new", DDPM)
    shown(panel, run, qtbot)
    assert "No scores yet" in panel.nothing.told()
    assert "Score new" in panel.nothing.told()
    panel.nothing.button.click()
    asked = panel.asked[-1]
    assert isinstance(asked, Score)
    assert (asked.source, asked.nfe, asked.metrics) == (run, None, ("fid", "prdc", "classes"))


def test_a_run_comes_with_all_that_compares_to_it(panel, ddpm, gan, qtbot):
    other = write_run("elsewhere", GAN)
    score_run(other, nfe=1, distance=1.0, coverage=0.9, ms=0.1, n=500)
    shown(panel, ddpm, qtbot)
    assert sorted(set(names(panel))) == ["adversarial", "diffusion"]
    chip = panel.canvas.chips._chips[other]
    assert not chip.isEnabled()
    assert "N = 500, not 5,000" in chip.toolTip()
    assert panel._dot is not None
    assert panel._dot.way.nfe == 20, "the run's usual way"


def test_shipped_models_are_there_on_the_first_start(panel, qtbot):
    shown(panel, None, qtbot)
    assert {"hybrid-mnist", "cgan-mnist", "vae-mnist"} <= set(names(panel))
    assert "another machine" in panel.canvas.cautions.text()


def test_a_run_is_switched_off(panel, ddpm, gan, qtbot):
    shown(panel, ddpm, qtbot)
    panel.canvas.chips._chips[gan].click()
    assert set(names(panel)) == {"diffusion"}
    assert gan not in {dot.way.run for dot, _ in panel.canvas.plot.drawn().places}


def test_clicking_a_dot_tells_all_that_it_carries(panel, ddpm, gan, qtbot):
    shown(panel, ddpm, qtbot)
    place = next(at for dot, at in panel.canvas.plot.drawn().places if dot.way.run == gan)
    click(panel.canvas.plot, place, qtbot)
    told = panel.facts.facts.text()
    for words in ("digits-net", "5,000", "0.5", "one-pass", "test part", "Fréchet distance"):
        assert words in told
    assert panel._run.path == gan
    move = QMouseEvent(QMouseEvent.Type.MouseMove, QPointF(*place), QPointF(*place),
                       Qt.MouseButton.NoButton, Qt.MouseButton.NoButton,
                       Qt.KeyboardModifier.NoModifier)
    panel.canvas.plot.mouseMoveEvent(move)
    assert "adversarial" in panel.canvas.plot._under.told()


def test_the_arrows_go_from_dot_to_dot(panel, ddpm, qtbot):
    shown(panel, ddpm, qtbot)
    qtbot.keyClick(panel.canvas.plot, Qt.Key.Key_Right)
    assert panel._dot.way.nfe == 80
    qtbot.keyClick(panel.canvas.plot, Qt.Key.Key_Left)
    assert panel._dot.way.nfe == 20


def test_evaluations_may_be_the_cost(panel, ddpm, qtbot):
    shown(panel, ddpm, qtbot)
    panel.canvas.cost.setCurrentIndex(1)
    panel.canvas.cost.activated.emit(1)
    assert panel.canvas.scene().cost == "nfe"


def test_published_results_stand_by_themselves_or_say_why_they_cannot_lie_over(panel, ddpm, qtbot):
    shown(panel, ddpm, qtbot)
    panel.canvas.published.click()
    assert "no number of the one can stand beside the other" in panel.canvas.cautions.text()
    assert panel.canvas.scene().overlay == ()
    at = next(place for place in range(panel.canvas.boards.count())
              if "Xiao" in panel.canvas.boards.itemText(place))
    panel.canvas.boards.setCurrentIndex(at)
    panel.canvas.boards.activated.emit(at)
    assert "DDGAN, T = 4" in names(panel)
    assert "Measured elsewhere" in panel.canvas.cautions.text()
    assert not panel.moving.isVisible()


def test_one_drawing_shows_where_there_is_little_room(panel, ddpm, qtbot):
    shown(panel, ddpm, qtbot)
    assert panel.canvas.plot.isVisible()
    assert panel.canvas.triangle.isVisible()
    panel.resize(680, 600)
    qtbot.waitUntil(lambda: not panel.canvas.triangle.isVisible())
    panel.canvas.triangle_button.click()
    assert panel.canvas.triangle.isVisible()
    assert not panel.canvas.plot.isVisible()


# --- moving a dot


def test_moving_between_measured_settings_is_said_to_be_interpolated(panel, ddpm, qtbot):
    shown(panel, ddpm, qtbot)
    slide = panel.moving.slides["nfe"]
    slide.slider.setValue(slide._values.index(40))
    ghost = panel._ghost()
    assert ghost.kind == "between"
    assert 1.5 < ghost.distance < 2.0
    assert "Interpolated between evaluations 20 and 80" in panel.moving.says.text()
    assert panel.canvas.scene().ghost == ghost


def test_what_is_not_measured_is_measured_by_a_click(panel, ddpm, qtbot):
    shown(panel, ddpm, qtbot)
    slide = panel.moving.slides["nfe"]
    slide.slider.setValue(slide._values.index(100))
    assert "Not measured yet" in panel.moving.says.text()
    panel.moving.button.click()
    assert panel.asked[-1].nfe == 100
    assert panel.asked[-1].count == 5000
    assert panel.bar.isVisible()
    score_run(ddpm, nfe=100, distance=1.4, coverage=0.9, ms=200.0)
    panel.on_event(Scored({}, "", "Fréchet distance", ddpm))
    panel.on_event(Done("finished"))
    qtbot.waitUntil(lambda: panel._dot is not None and panel._dot.way.nfe == 100)
    assert not panel.bar.isVisible()


def test_sliders_stay_where_they_are_while_scores_come(panel, ddpm, qtbot):
    shown(panel, ddpm, qtbot)
    slide = panel.moving.slides["nfe"]
    slide.slider.setValue(slide._values.index(40))
    score_run(ddpm, nfe=10, distance=4.0, coverage=0.7, ms=20.0)
    panel.on_event(Scored({}, "", "Fréchet distance", ddpm))
    qtbot.waitUntil(lambda: len(panel.canvas.shown()) == 4)
    assert panel.moving.way.nfe == 40
    assert panel._dot.way.nfe == 20


def test_a_number_of_another_machine_is_measured_here(panel, empty, qtbot):
    far = write_run("far", GAN)
    score_run(far, nfe=1, distance=4.0, coverage=0.5, cores=512)
    shown(panel, far, qtbot)
    assert panel.moving.button.isVisible()
    assert "Measure here" in panel.moving.button.text()
    panel.moving.button.click()
    assert panel.asked[-1].source == far


def test_coming_to_a_measured_setting_chooses_its_dot(panel, ddpm, qtbot):
    shown(panel, ddpm, qtbot)
    slide = panel.moving.slides["nfe"]
    slide.slider.setValue(slide._values.index(80))
    assert panel._dot.way.nfe == 80
    assert panel.moving.button.isHidden()


# --- asking


def test_a_sweep_scores_what_is_not_measured_yet(panel, ddpm, qtbot):
    shown(panel, ddpm, qtbot)
    assert "About" in panel.sweep.says.text()
    panel.button.click()
    asked = panel.asked[-1]
    assert isinstance(asked, Sweep)
    nfes = [score.nfe or 20 for score in asked.scores]
    assert 10 in nfes
    assert 20 not in nfes, "measured here"
    assert panel.button.text() == "Stop"
    panel.on_event(Progress(2500, 5000, "pictures"))
    assert 0 < panel.bar.share() < 1
    panel.button.click()
    assert panel.asked[-1] == Cancel()
    panel.on_event(Done("stopped"))
    assert panel.button.text() == "Sweep"


def test_another_n_is_another_table_and_is_said_so(panel, ddpm, qtbot):
    shown(panel, ddpm, qtbot)
    panel.sweep.count.setValue(1000)
    assert "does not compare with N = 5,000" in panel.sweep.says.text()
    panel.sweep.copy.click()
    assert "--count 1000" in QGuiApplication.clipboard().text()


def test_a_number_is_made_again_and_copied(panel, ddpm, qtbot):
    shown(panel, ddpm, qtbot)
    panel.facts.copy_button.click()
    assert QGuiApplication.clipboard().text().startswith("hybridstudio score")
    panel.facts.repeat_button.click()
    asked = panel.asked[-1]
    assert isinstance(asked, Repeat)
    assert asked.source == ddpm
    panel.on_event(Done("finished", {"repeat": {"outcome": "within", "scores": {
        "frechet": {"outcome": "within", "before": 2.0, "now": 2.1}}, "differences": [
            {"what": "torch", "before": "2.14", "now": "2.15"}]}}))
    assert "within its interval" in panel.notice.text
    assert "Fréchet distance 2 → 2.1" in panel.notice.text
    assert "torch (2.14 → 2.15)" in panel.notice.text


def test_a_dot_opens_in_denoise_with_its_settings(panel, ddpm, qtbot):
    shown(panel, ddpm, qtbot)
    panel.facts.draw_button.click()
    wish = panel.asked[-1]
    assert isinstance(wish, Open)
    assert (wish.panel, wish.run) == ("denoise", ddpm)
    assert (wish.settings["nfe"], wish.settings["sampler"]) == (20, "ddim")


def test_an_error_ends_the_scoring_and_is_told(panel, ddpm, qtbot):
    shown(panel, ddpm, qtbot)
    panel.begin_sweep()
    panel.on_event(Notice("Careful", level="warning"))
    assert panel.notice.isVisible()
    panel.show_error(StudioError("It broke", "because"))
    assert "It broke" in panel._error.text
    assert panel.button.text() == "Sweep"


@pytest.mark.parametrize("kind", ["svg", "png", "csv"])
def test_it_is_written_as_a_file(panel, ddpm, gan, qtbot, tmp_path, kind):
    shown(panel, ddpm, qtbot)
    file = tmp_path / f"out.{kind}"
    panel.write(file)
    assert file.stat().st_size > 200
    if kind == "csv":
        rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
        assert {row["run"] for row in rows} == {"diffusion", "adversarial"}
        assert rows[0]["features"] == "digits-net"
