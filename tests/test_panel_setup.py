from __future__ import annotations

import shlex

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from hybridstudio import config as configs
from hybridstudio import paths, presets, runs
from hybridstudio.config import DdpmConfig, RunConfig
from hybridstudio.errors import StudioError
from hybridstudio.gui.panels import setup
from hybridstudio.gui.panels.setup import SetupPanel, roughly
from hybridstudio.gui.wishes import Cancel
from hybridstudio.messages import Done, Probe, Probed, Progress, Started, Train

PROBED = Probed(0.1, 600_000_000, 0.0, {"unet": 1_240_000})


@pytest.fixture
def panel(qtbot):
    made = SetupPanel()
    qtbot.addWidget(made)
    asked = []
    made.requested.connect(asked.append)
    made.asked = asked
    made.show()
    made._timer.stop()
    return made


def typed(panel, path, text):
    widget = panel.form._rows[path].editor
    widget.setText(text)
    widget.textEdited.emit(text)
    panel.form.config()


def shown(panel):
    items = [panel._list.item(row) for row in range(panel._list.count())]
    return [item for item in items if not item.isHidden()]


def test_every_preset_is_listed_under_its_family(panel):
    family, listed = "", []
    for item in shown(panel):
        if item.text() in presets.names():
            config = presets.find(item.text())
            listed.append(item.text())
            assert config.model.title == family
            assert config.says in item.toolTip()
        else:
            family = item.text()
            assert not item.flags() & Qt.ItemFlag.ItemIsSelectable
    assert sorted(listed) == presets.names()
    assert listed[0] == "ddpm-digits"  # needs no download: first


def test_presets_are_found_by_their_words(panel):
    panel._list.show_matching("handwritten 8×8")
    assert [item.text() for item in shown(panel)] == ["Diffusion model", "ddpm-digits"]
    panel._list.show_matching("no such preset")
    assert shown(panel) == []
    panel._list.show_matching("")
    assert len(shown(panel)) == panel._list.count()
    before = panel.form.config()
    panel._list._pick(panel._list.item(0))  # a heading opens nothing
    assert panel.form.config() == before


def test_start_asks_for_a_training_in_a_free_folder(panel):
    panel._list.pick("ddpm-shapes")
    panel.form.set_value("train.steps", 77)
    panel._start.click()
    request = panel.asked[-1]
    assert isinstance(request, Train)
    assert request.config.train.steps == 77
    assert request.out == paths.runs() / "ddpm-shapes"
    runs.create(request.out, request.config)
    panel._start.click()
    assert panel.asked[-1].out == paths.runs() / "ddpm-shapes-2"


def test_a_fault_blocks_start_and_says_which(panel):
    typed(panel, "train.lr", "2e-x")
    typed(panel, "train.ema", "3")
    assert not panel._start.isEnabled()
    assert "Learning rate" in panel._blocked.text()
    assert "1 more" in panel._blocked.text()
    assert panel._blocked.isVisible()
    panel._start_now()
    panel.probe()
    assert not panel.asked
    typed(panel, "train.lr", "2e-4")
    typed(panel, "train.ema", "0.9")
    assert panel._start.isEnabled()
    assert not panel._blocked.isVisible()


def test_the_estimate_tells_time_speed_and_memory(panel):
    panel.form.set_value("train.steps", 4800)
    panel._estimate.click()
    assert isinstance(panel.asked[-1], Probe)
    assert panel._estimate.text() == "Cancel"
    panel.on_event(Started("Estimating time and memory"))
    panel.on_event(Progress(1, 4, "files"))
    assert "25 %" in panel._cost.text()
    panel.on_event(PROBED)
    panel.on_event(Done("finished"))
    assert panel._cost.text() == "About 8 min"
    batch = panel.form.config().train.batch_size
    assert f"{batch * 10:,} pictures/s" in panel._note.text()
    assert "600 MB" in panel._note.text()
    assert "1.24 M" in panel._note.text()


def test_an_estimate_goes_out_of_date_only_by_what_costs(panel):
    panel.probe()
    panel.on_event(PROBED)
    panel.form.set_value("train.steps", 9600)
    panel.form.set_value("sample.seed", 3)
    panel.form.config()
    assert panel._cost.text() == "About 16 min"
    assert "Out of date" not in panel._note.text()
    panel.form.set_value("model.width", 128)
    panel.form.config()
    assert "Out of date" in panel._note.text()
    panel.form.undo_stack.undo()
    panel.form.config()
    assert "Out of date" not in panel._note.text()


def test_estimates_come_unasked_where_no_download_is_needed(panel, monkeypatch, qtbot):
    panel._timer.setInterval(10)
    panel.form.set_value("train.batch_size", 17)
    panel.form.config()
    qtbot.waitUntil(lambda: bool(panel.asked), timeout=2000)
    panel.on_event(PROBED)
    panel.asked.clear()
    panel._list.pick("ddpm-cifar10")
    panel.form.config()
    qtbot.wait(60)
    assert not panel.asked


def test_an_estimate_is_cancelled_or_replaced(panel):
    panel._estimate.click()
    panel.on_event(Progress(40, 100, "bytes"))
    assert "40 %" in panel._cost.text()
    panel._estimate.click()
    assert panel.asked[-1] == Cancel()
    panel.on_event(Done("stopped"))
    assert panel._estimate.isEnabled()
    assert panel._estimate.text() == "Estimate"
    assert panel._cost.text() == "Not estimated yet"
    assert panel._estimate.shortcut().toString() == "Ctrl+E"


def test_settings_changed_while_estimating_are_estimated_after_it(panel):
    panel.probe()
    panel.form.set_value("model.width", 128)
    panel.form.config()
    panel._probe_unasked()
    assert len(panel.asked) == 1
    panel.on_event(PROBED)
    assert panel._timer.isActive()
    panel._timer.stop()


def test_a_failed_estimate_is_told_and_can_be_asked_again(panel):
    panel.probe()
    panel.show_error(StudioError("No network", "it is off", "turn it on"))
    assert panel._estimate.isEnabled()
    assert panel._error.isVisible()
    assert "Not estimated" in panel._cost.text()
    panel.on_event(PROBED)  # of another request: nobody asked
    assert "Not estimated" in panel._cost.text()
    panel.probe()
    assert not panel._error.isVisible()


def test_settings_are_saved_and_opened(panel, tmp_path):
    panel.form.set_value("train.steps", 1234)
    config = panel.form.config()
    panel.save_file(tmp_path / "mine.toml")
    panel._list.pick("ddpm-shapes")
    panel.open_file(tmp_path / "mine.toml")
    assert panel.form.config() == config
    panel.save_file(tmp_path / "none" / "mine.toml")
    assert panel._error.isVisible()


def test_a_faulty_file_opens_as_far_as_it_is_right(panel, tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text('[train]\nlr = -1\nsteps = 55\nbatchsize = 3\n[data]\nname = "shapes"\n'
                    '[model]\nfamily = "ddpm"\nwidth = "x"\n', encoding="utf-8")
    panel.open_file(file)
    assert panel.form.config() is None
    rows = panel.form._rows
    assert "-1" in rows["train.lr"].fault.text()
    assert rows["model.width"].fault.text()
    assert "batch_size" in panel.form._across.text()
    assert rows["train.steps"].editor.read() == 55
    assert rows["name"].editor.read() == "bad"
    assert not panel._start.isEnabled()
    panel.form.set_value("train.lr", 1e-3)
    panel.form.set_value("model.width", 64)
    assert panel.form.config() is None  # the unknown key stays told until all is reset
    panel.form.reset()
    assert panel.form.config().train.steps == 55


def test_a_model_without_a_family_is_a_diffusion(panel, tmp_path):
    file = tmp_path / "plain.toml"
    file.write_text("[model]\nwidth = 32\n[train]\nsteps = 55\n", encoding="utf-8")
    panel.open_file(file)
    assert panel.form.config().model == DdpmConfig(width=32)
    assert panel.form._rows["train.steps"].editor.read() == 55


@pytest.mark.parametrize("text", ["[[[", "\x00", "x" * 2_000_000])
def test_a_file_that_is_no_config_is_told(panel, tmp_path, text):
    before = panel.form.config()
    file = tmp_path / "bad.toml"
    file.write_text(text, encoding="utf-8")
    panel.open_file(file)
    assert panel._error.isVisible()
    assert panel.form.config() == before
    panel.open_file(tmp_path / "none.toml")
    assert panel._error.isVisible()


def test_a_runs_config_fills_the_form(panel):
    config = configs.with_values(RunConfig(), {"name": "again", "train.steps": 3})
    panel.set_config(config)
    assert panel.form.config() == config
    assert panel._folder.text() == "again"
    assert panel._list.currentItem() is None


def test_the_command_does_the_same(panel):
    panel.form.set_value("train.steps", 77)
    panel._copy.click()
    words = shlex.split(QGuiApplication.clipboard().text())
    assert words[:3] == ["hybridstudio", "train", "ddpm-digits"]
    assert "train.steps=77" in words


def test_guesses_are_told_as_guesses():
    assert [roughly(seconds) for seconds in (0.4, 40, 480, 9000, 3 * 86_400)] == [
        "0.4 s", "40 s", "8 min", "2.5 h", "3 days"]


def test_the_panel_runs_alone():
    assert setup.alone is not None
    assert SetupPanel.TITLE
    assert SetupPanel.SAYS
