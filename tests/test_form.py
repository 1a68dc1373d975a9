from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from hybridstudio import config as configs
from hybridstudio import presets
from hybridstudio.config import RunConfig, known, leaves, value_at, with_values
from hybridstudio.data import DATASETS
from hybridstudio.errors import Problem
from hybridstudio.gui.fields import DATA_NAMES, Choice, DataName, Flag, Text, Whole, spelled
from hybridstudio.gui.form import ConfigForm
from hybridstudio.gui.rows import label_of, limits_of

BASE = with_values(RunConfig(), {
    "data.name": "mnist", "model.predict": "v", "train.steps": 20_000, "train.lr": 1e-3,
    "train.decay": "cosine"})


@pytest.fixture
def form(qtbot):
    made = ConfigForm(BASE)
    qtbot.addWidget(made)
    return made


def editor(form, path):
    return form._rows[path].editor


def typed(form, path, text):
    widget = editor(form, path)
    widget.setText(text)
    widget.textEdited.emit(text)


def fault(form, path):
    return form._rows[path].fault.text()


# --- made from the fields ---------------------------------------------------------------------


def test_every_field_has_an_editor_of_its_type(form):
    shown = {leaf.path for leaf in leaves(form.config())} - {"schema_version", "model.family"}
    shown -= {"train.lr_discriminator"}  # there is none
    assert set(form._rows) == shown
    kinds = {"data.name": DataName, "data.fit": Choice, "data.channels": Choice,
             "data.flip": Flag, "train.steps": Whole, "train.lr": Text, "data.size": Text,
             "model.channel_mult": Text, "name": Text}
    for path, kind in kinds.items():
        assert isinstance(editor(form, path), kind), path


def test_every_preset_goes_through_the_form_unchanged(form):
    for name, config in presets.listing().items():
        form.set_config(config)
        assert form.config() == config, name
        assert form.changes() == ()


def test_help_limits_and_names_come_from_the_config(form):
    for path, row in form._rows.items():
        assert path in row.told()
        says = row.leaf.says
        assert says in row.told() or says.rstrip(".") == label_of(row.leaf)
        assert row.widget.accessibleName()
        assert row.widget.toolTip()
    by_path = {leaf.path: leaf for leaf in leaves(RunConfig)}
    assert limits_of(by_path["model.width"]) == "8 to 512, in steps of 8"
    assert limits_of(by_path["train.lr"]) == "more than 0, at most 1"
    assert limits_of(by_path["train.ema"]) == "at least 0, less than 1"
    assert limits_of(by_path["train.seed"]) == "at least 0"
    assert limits_of(by_path["data.name"]) == ""


def test_the_known_data_sets_are_those_of_the_data_package():
    assert {name.partition(":")[0] for name in DATA_NAMES} | {"folder", "zip", "points"} == (
        set(DATASETS))


def test_advanced_fields_wait_behind_more(form):
    form.show()
    assert not editor(form, "train.betas").isVisible()
    assert editor(form, "train.lr").isVisible()
    typed(form, "train.betas", "0.9")
    form.config()
    assert editor(form, "train.betas").isVisible()  # a fault lays its section open


def test_finding_a_setting_shows_it_alone(form):
    form.show()
    form._find.setText("adam two decay")
    assert editor(form, "train.betas").isVisible()
    assert not editor(form, "train.lr").isVisible()
    form._find.clear()
    assert editor(form, "train.lr").isVisible()
    assert not editor(form, "train.betas").isVisible()


def test_what_means_nothing_as_things_stand_is_left_out(form):
    form.set_config(configs.parse({"model": {
        "family": "hybrid", "diffusion_from": "ddpm-mnist", "mode": "separate"}}))
    form.show()

    def shows(part):
        return editor(form, f"model.{part}.width").isVisible()

    assert (shows("diffusion"), shows("gan")) == (False, False)
    form._find.setText("width")
    assert (shows("diffusion"), shows("gan")) == (False, False)
    form._find.clear()
    typed(form, "model.diffusion_from", "")
    assert form.config() is not None
    assert (shows("diffusion"), shows("gan")) == (True, False)
    typed(form, "model.diffusion_from", "ddpm-mnist")
    assert form.config() is not None
    assert not shows("diffusion")


# --- what is wrong ----------------------------------------------------------------------------


def test_all_faults_show_at_once_beside_their_fields(form):
    typed(form, "train.lr", "-1")
    typed(form, "train.ema", "0,5")
    typed(form, "model.channel_mult", "1, x")
    typed(form, "data.size", "7")
    typed(form, "train.betas", "0.9, 1.5")
    assert form.config() is None
    for path in ("train.lr", "train.ema", "model.channel_mult", "data.size"):
        assert fault(form, path), path
    assert "greater than 0" in fault(form, "train.lr")
    assert "point" in fault(form, "train.ema")
    typed(form, "train.lr", "1e-4")
    assert form.config() is None
    assert "between 0 and 1" in fault(form, "train.betas")  # a fault of `train` that names betas
    assert not fault(form, "train.lr")


def test_a_fault_across_fields_marks_all_that_it_names(form):
    typed(form, "data.size", "30")
    form.set_value("model.patch", 4)
    assert form.config() is None
    assert "not a multiple of 8" in fault(form, "data.size")
    for path in ("data.size", "model.patch", "model.channel_mult"):
        assert form._rows[path].label.property("role") == "error"
    typed(form, "data.size", "32")
    assert form.config() is not None
    assert not form._rows["model.patch"].label.property("role")


def test_faults_appear_once_typing_rests(form, qtbot):
    with qtbot.waitSignal(form.changed, timeout=2000):
        typed(form, "train.lr", "2e-")
        assert not fault(form, "train.lr")
    assert fault(form, "train.lr")


@pytest.mark.parametrize(("path", "text", "value"), [
    ("train.lr", "3e-5", 3e-5), ("train.lr", " .5 ", 0.5), ("data.size", "", None),
    ("data.size", "64", 64), ("model.channel_mult", "1,2, 4", (1, 2, 4)),
    ("model.attention", "", ()), ("train.betas", "0.5, 0.99", (0.5, 0.99)),
    ("data.classes", "cat, dog", ("cat", "dog")), ("data.limit", "1,000", 1000),
])
def test_text_is_read_as_it_is_meant(form, path, text, value):
    typed(form, path, text)
    assert value_at(form.config(), path) == value


@pytest.mark.parametrize(("path", "text"), [
    ("train.lr", ""), ("train.lr", "nan"), ("train.lr", "inf"), ("data.limit", "1.5"),
    ("train.betas", "0.9"), ("name", ""), ("model.channel_mult", ""), ("train.lr", "0"),
])
def test_text_that_means_nothing_is_a_fault(form, path, text):
    typed(form, path, text)
    assert form.config() is None
    assert fault(form, path)


def test_data_can_be_named_or_be_a_folder(form, tmp_path):
    names = editor(form, "data.name")
    names._names.setEditText("nonsense")
    assert form.config() is None
    assert "folder:PATH" in fault(form, "data.name")
    names._names.setEditText(f"folder:{tmp_path}/none")
    assert "no folder" in (form.config(), fault(form, "data.name"))[1]
    names.choose(tmp_path)
    assert form.config().data.name == f"folder:{tmp_path}"
    names._names.setEditText("lsun:tower")
    assert form.config().data.name == "lsun:tower"


def test_faults_of_a_file_stay_until_their_field_is_edited(form):
    form.set_config(RunConfig(), [Problem("train.lr", "should be greater than 0, not -1"),
                                  Problem("train.stpes", "no such field")])
    assert form.config() is None
    assert "not -1" in fault(form, "train.lr")
    assert "no such field" in form._across.text().lower()
    form.undo_stack.undo()
    assert form.config() is not None


# --- changes, reset, undo ---------------------------------------------------------------------


def test_a_change_is_marked_and_taken_back(form):
    form.set_value("train.steps", 123)
    assert form.config().train.steps == 123
    assert form.changes() == ("train.steps",)
    assert "•" in form._rows["train.steps"].label.text()
    form._rows["train.steps"].reset.click()
    assert form.changes() == ()
    assert form.config() == BASE


def test_undo_and_redo_step_through_edits_resets_and_configs(form):
    first = form.config()
    form.set_value("train.steps", 5)
    form.set_value("train.steps", 6)  # the same field: undone as one
    form.set_value("model.predict", "eps")
    changed = form.config()
    form.reset()
    form.set_config(RunConfig(name="other"))
    assert form.config().name == "other"
    form.undo_stack.undo()
    form.undo_stack.undo()
    assert form.config() == changed
    form.undo_stack.undo()
    assert (form.config().train.steps, form.config().model.predict) == (6, first.model.predict)
    form.undo_stack.undo()
    assert form.config() == first
    assert not form.undo_stack.canUndo()
    while form.undo_stack.canRedo():
        form.undo_stack.redo()
    assert form.config().name == "other"


def test_control_z_in_a_field_undoes_the_forms_edit(form, qtbot):
    form.show()
    line = editor(form, "train.lr")
    line.setFocus()
    qtbot.keyClicks(line, "5")
    form.set_value("train.steps", 9)
    qtbot.keyClick(line, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert form.config().train.steps == 20_000
    assert line.text() != "0.001"
    qtbot.keyClick(line, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert line.text() == "0.001"


def test_the_wheel_never_changes_a_field(form):
    for path in ("train.steps", "data.fit", "train.decay"):
        widget = editor(form, path)
        before = form.config()
        turn = QWheelEvent(QPointF(5, 5), QPointF(5, 5), QPoint(0, 0), QPoint(0, 120),
                           Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
                           Qt.ScrollPhase.NoScrollPhase, False)
        QApplication.sendEvent(widget, turn)
        assert form.config() == before


def test_typing_into_a_number_works_key_by_key(form, qtbot):
    form.show()
    steps = editor(form, "train.steps")
    steps.selectAll()
    qtbot.keyClicks(steps, "1500")
    assert form.config().train.steps == 1500
    qtbot.keyClick(steps, Qt.Key.Key_Return)
    assert steps.text() == "1,500 steps"


VALUES = {
    "train.lr": st.floats(1e-9, 1.0, exclude_min=True), "train.steps": st.integers(1, 10**9),
    "train.ema": st.floats(0.0, 0.9999), "model.width": st.integers(1, 64).map(lambda n: 8 * n),
    "model.channel_mult": st.lists(st.integers(1, 9), min_size=1, max_size=6).map(tuple),
    "data.flip": st.booleans(), "train.decay": st.sampled_from(("constant", "cosine", "linear")),
    "data.limit": st.none() | st.integers(1, 10**6), "sample.seed": st.integers(0, 2**31 - 1),
}


@settings(max_examples=40, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries({}, optional=VALUES))
def test_the_form_means_what_was_set(form, changes):
    base = BASE
    form.set_config(base)
    for path, value in changes.items():
        form.set_value(path, value)
    expected = with_values(base, changes)
    # Which sizes mnist's 28 pixels can be halved to is known before it is opened.
    assert form.config() == (None if known.problems(expected) else expected)
    assert set(form.changes()) == {
        path for path in changes if value_at(expected, path) != value_at(base, path)}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_spelled_without_loss(value):
    assert math.isclose(float(spelled(value)), value, rel_tol=0, abs_tol=0)


def test_a_config_is_never_changed_by_looking_at_it(form, tmp_path: Path):
    file = tmp_path / "a.toml"
    file.write_text(configs.dumps(form.config()), encoding="utf-8")
    form.set_config(configs.load(file))
    assert configs.dumps(form.config()) == file.read_text(encoding="utf-8")
