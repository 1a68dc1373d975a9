"""The panels over runs of every family: each offers what its model says, none is named here."""

from __future__ import annotations

import types
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtGui import QGuiApplication

from hybridstudio import runs
from hybridstudio.config import MODELS, parse
from hybridstudio.gui import canned, theme
from hybridstudio.gui.cannedrun import log_point
from hybridstudio.gui.drawing import MOST_POINTS, USUAL_POINTS, DrawSettings, offers
from hybridstudio.gui.panels.denoise import DenoisePanel
from hybridstudio.gui.panels.train import TrainPanel
from hybridstudio.gui.steering import steer
from hybridstudio.gui.wishes import Step
from hybridstudio.messages import Done, Draw, Frame, Started

DIGITS = {"name": "digits", "size": 8, "channels": 1, "classes": list(canned.CLASSES)}
PLANE = {"name": "gaussians25", "size": 1, "channels": 2, "classes": list("ab")}


def made(path, family, data=None, sample=None, **model):
    config = parse({"name": path.name, "data": data or DIGITS, "sample": sample or {},
                    "model": {"family": family, **model}})
    runs.create(path, config)
    checkpoint = runs.checkpoint_path(path, 100)
    checkpoint.mkdir(parents=True)
    (checkpoint / "manifest.json").write_text("{}", encoding="utf-8")
    return path


def with_panel(kind, qtbot, qapp):
    theme.apply(qapp, "light")
    widget = kind()
    qtbot.addWidget(widget)
    widget.resize(900, 560)
    widget.asked = []
    widget.requested.connect(widget.asked.append)
    widget.show()
    return widget


@pytest.fixture
def panel(qtbot, qapp):
    return with_panel(DenoisePanel, qtbot, qapp)


@pytest.fixture
def training(qtbot, qapp):
    return with_panel(TrainPanel, qtbot, qapp)


def feed(panel, *frames):
    panel.draw()
    panel.on_event(Started("Drawing"))
    for frame in frames:
        panel.on_event(frame)
    panel.on_event(Done("finished"))


def one_pass(count=4, **more):
    x = canned.pictures(count)
    return Frame(0, 0, 0.0, x, x, None, 1, **more)


def cloud(step=0, steps=0):
    picture = np.full((1, 256, 256, 3), 40, np.uint8)
    points = {"x_t": np.zeros((2000, 2), np.float32)}
    return Frame(step, steps, float(steps - step), picture, picture, None, 1, points=points)


# --- Denoise --------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", MODELS)
def test_every_family_shows_only_what_it_offers(panel, tmp_path, family):
    run = runs.read(made(tmp_path / family, family))
    panel.show_run(run.path)
    model, form, asked = run.config.model, panel.form, offers(run)
    names = [form.sampler.itemData(place) for place in range(form.sampler.count())]
    assert names == list(model.samplers)
    if not model.samplers:
        return
    for name in ("sampler", "nfe", "eta", "label", "guidance"):
        assert getattr(form, name).isVisible() == (name in asked), name
    assert form.start.isVisible() == (model.levels > 0)
    assert list(form.knobs) == [knob.name for knob in model.knobs()]
    assert form.settings() == DrawSettings.of(run)
    panel.draw()
    request = panel.asked[-1]
    assert (request.sampler is not None) == (len(model.samplers) > 1)
    assert (request.nfe is not None) == (model.evaluations.low < model.evaluations.high)
    assert request.knobs == {knob.name: knob.default for knob in model.knobs() if not knob.needs}


def test_knobs_are_drawn_with_undone_carried_and_restored(panel, tmp_path):
    run = made(tmp_path / "vae", "vae")
    panel.show_run(run)
    box = panel.form.knobs["temperature"]
    assert (box.minimum(), box.maximum(), box.value()) == (0.0, 2.0, 1.0)
    assert "How far z strays" in box.toolTip()
    box.setValue(0.5)
    panel.draw()
    assert panel.asked[-1].knobs == {"temperature": 0.5}
    told = panel.form.settings().told(runs.read(run))
    assert told["knobs"] == {"temperature": 0.5}
    panel.copy_command()
    assert "--knob temperature=0.5" in QGuiApplication.clipboard().text()
    panel.form.undo()
    assert box.value() == 1.0
    panel.restore(told)
    assert panel.form.settings().knobs == {"temperature": 0.5}
    panel.restore({**told, "knobs": {"temperature": 9.0, "nonsense": 1.0}, "sampler": "ddim"})
    assert panel.form.settings().knobs == {"temperature": 2.0}
    assert panel.form.settings().sampler == "one-pass"


def test_whole_knobs_take_whole_numbers(panel, tmp_path):
    panel.show_run(made(tmp_path / "hybrid", "hybrid"))
    panel.form.knobs["handover"].setValue(321)
    assert panel.form.settings().knobs["handover"] == 321
    assert isinstance(panel.form.settings().knobs["handover"], int)
    panel.show_run(made(tmp_path / "vae", "vae"))
    assert list(panel.form.settings().knobs) == ["temperature"]


def test_one_pass_is_shown_without_steps(panel, tmp_path, qtbot):
    panel.show_run(made(tmp_path / "gan", "gan"))
    feed(panel, one_pass())
    assert "one pass" in panel.timeline.readout.text()
    assert "1 evaluation" in panel.timeline.readout.text()
    assert not panel.timeline.slider.isVisible()
    assert not panel.timeline.play.isVisible()
    assert panel.view.rows == ("x_t",)
    assert not any(button.isVisible() for button in panel.bar.toggles.values())
    panel.grab()
    panel.show_run(made(tmp_path / "ddpm", "ddpm"))
    assert panel.timeline.slider.isVisible()
    assert panel.view.rows == ("x_t", "x0", "eps")


def test_few_steps_are_scrubbed(panel, tmp_path):
    panel.show_run(made(tmp_path / "ddpm", "ddpm", timesteps=4, sample={"nfe": 4}))
    frames = list(canned.frames(4, 4, timesteps=4))
    feed(panel, *frames)
    assert panel.timeline.slider.maximum() == 4
    panel.timeline.slider.setValue(1)
    assert panel.view.frame_shown() is frames[1]
    assert panel.timeline.readout.text().startswith("t = 3 of 4  ·  step 1 of 4")


def test_further_rows_are_offered_and_exported(panel, tmp_path):
    panel.show_run(made(tmp_path / "hybrid", "hybrid"))
    first, *rest = canned.frames(4, 3)
    last = replace(rest[-1], extra={"Refined": first.x_t, "Full diffusion": first.x_t})
    feed(panel, first, *rest[:-1], last)
    assert panel.view.rows == ("x_t", "x0", "eps", "Refined", "Full diffusion")
    panel.grab()
    panel.bar.toggles["eps"].setChecked(False)
    assert panel.view.rows == ("x_t", "x0", "Refined", "Full diffusion")
    panel.timeline.slider.setValue(0)
    panel.grab()  # "none at this step"
    panel.export.write("npz", tmp_path / "all.npz")
    panel.export._writer.wait()
    with np.load(tmp_path / "all.npz") as arrays:
        assert arrays["Refined"].shape == (4, 4, 8, 8, 1)
    feed(panel, *canned.frames(4, 3))  # drawn anew without them
    assert panel.view.rows == ("x_t", "x0")


def test_points_are_counted_and_their_cloud_fills_the_canvas(panel, tmp_path):
    path = made(tmp_path / "plane", "ddpm", PLANE)
    panel.show_run(path)
    assert panel.form.count.maximum() == MOST_POINTS
    assert panel.form.settings().count == USUAL_POINTS
    assert not panel.form.start.isVisible()
    assert "points" in panel.view.empty
    feed(panel, cloud(0, 2), cloud(1, 2), cloud(2, 2))
    panel.bar.toggles["x0"].setChecked(False)
    panel.grab()
    [block] = panel.view._blocks
    assert block.place.height() > 0.8 * panel.view.height()  # not a whole multiple of 256
    assert not panel.bar.modes.button(0).isVisible()
    where = block.place.center()
    assert panel.view._under(where)[1:] == (0, 128, 128)
    panel.start_from(tmp_path / "digit.png")
    assert "starts from no picture" in panel.notice.text


def test_a_classifier_says_that_it_draws_nothing(panel, tmp_path):
    panel.show_run(made(tmp_path / "net", "classifier"))
    assert "draws nothing" in panel.view.empty
    assert not panel.draw_button.isEnabled()
    assert not panel.form.isVisible()
    assert not panel.timeline.isVisible()
    panel.draw()
    assert panel.asked == []
    panel.show_run(made(tmp_path / "vae", "vae"))
    assert panel.form.isVisible()
    assert panel.draw_button.isEnabled()


# --- Train ----------------------------------------------------------------------------------------


def measured(path, values):
    log = runs.MetricsLog(path)
    log.mark("started", step=0)
    for step in range(10, 200, 10):
        log.append(step, {name: value(step) for name, value in values.items()}, {}, step / 5)
    log.close()


GAME = {"loss/generator": lambda step: 1.0 + step / 100,
        "loss/discriminator": lambda step: 0.5 - step / 100,
        "p/fake": lambda step: 0.25, "p/real": lambda step: 0.75}


def test_both_players_are_plotted_with_their_probabilities(training, tmp_path):
    path = made(tmp_path / "gan", "gan")
    measured(path, GAME)
    training.show_run(path)
    first, second = training.view.first, training.view.second
    first.refresh()
    second.refresh()
    assert list(first._curves) == ["loss/generator", "loss/discriminator"]
    assert list(second._curves) == ["p/real", "p/fake"]
    assert second._left.tickStrings([0.5], 1, 1) == ["50 %"]
    assert not first._log  # the discriminator's falls below 0
    assert "linear" in first._readout.text()
    assert training.inspector.newest()["Players' probabilities: real"] == "75 %"
    assert training.inspector.newest()["Losses: generator"] == "2.9"


def test_a_choice_of_curves_stays_until_another_run_is_shown(training, tmp_path):
    path = made(tmp_path / "gan", "gan")
    measured(path, GAME)
    training.show_run(path)
    choice = training.view.first.choice
    choice.setCurrentText("Players' probabilities")
    choice.activated.emit(choice.currentIndex())
    training._look()
    assert choice.currentText() == "Players' probabilities"
    other = made(tmp_path / "other", "gan")
    measured(other, GAME)
    training.show_run(other)
    assert choice.currentText() == "Losses"


def test_players_step_alone_only_while_a_game_is_paused(training, tmp_path):
    path = made(tmp_path / "gan", "gan")
    with runs.lock(path):
        training.show_run(path)
        assert not training.controls.alone.isVisible()
        runs.post(path, "pause")
        training._look()
        assert training.controls.alone.isVisible()
        buttons = [item.widget() for place in range(training.controls._alone.count())
                   if (item := training.controls._alone.itemAt(place)).widget() is not None]
        assert [button.accessibleName() for button in buttons] == [
            "Step generator ×1", "Step generator ×10",
            "Step discriminator ×1", "Step discriminator ×10"]
        buttons[1].click()
        assert training.asked == [Step(path, "generator", 10)]
        assert "Generator alone" in training.controls.line.text()
    other = made(tmp_path / "vae", "vae")
    with runs.lock(other):
        runs.post(other, "pause")
        training.show_run(other)
        assert not training.controls.alone.isVisible()


def test_a_classifier_has_no_previews_and_tells_accuracy(training, tmp_path):
    path = made(tmp_path / "net", "classifier")
    measured(path, {"loss": lambda step: 1 / step, "accuracy": lambda step: 0.9,
                    "test/accuracy": lambda step: 0.875})
    training.show_run(path)
    assert not training.view._pictures.isVisible()
    assert not training.controls.sample.isVisible()
    assert training.view.second.choice.currentText() == "Accuracy"
    assert training.inspector.newest()["Accuracy: test"] == "87.5 %"


def test_sampling_now_draws_points(training, tmp_path):
    path = made(tmp_path / "plane", "gan", PLANE)
    log = runs.MetricsLog(path)
    log_point(log, 10, 128, np.random.default_rng(0))
    log.close()
    training.show_run(path)
    training.controls.sample.click()
    assert isinstance(training.asked[-1], Draw)
    assert training.asked[-1].count == USUAL_POINTS


def test_a_step_is_posted_into_the_runs_folder(tmp_path):
    path = made(tmp_path / "gan", "gan")
    steer(Step(path, "generator", 10), types.SimpleNamespace(busy=False), None)
    assert runs.taken(path) == {"step-generator-10"}
