"""The view Branches: a tree of drawings that leave one another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from test_panel_denoise import write_run
from test_panel_families import made, with_panel

from hybridstudio import pictures
from hybridstudio.errors import StudioError
from hybridstudio.gui import canned, theme
from hybridstudio.gui.branchtree import Line, Tree, levels_of, like, shares
from hybridstudio.gui.panels.branches import BranchesPanel
from hybridstudio.gui.wishes import Cancel
from hybridstudio.messages import Branch, Done, Draw, Frame, Notice, Started


@pytest.fixture
def panel(qtbot, qapp, tmp_path):
    widget = with_panel(BranchesPanel, qtbot, qapp)
    widget.show_run(write_run(tmp_path))
    return widget


@pytest.fixture
def drawn(panel):
    panel.draw()
    answer(panel)
    return panel


def answer(panel, outcome="finished", seed=None):
    """Answer what was asked last, as a model would: the frames before a branch are the same."""
    request = panel.asked[-1]
    branches = request.branches
    steps = request.nfe
    seed = seed if seed is not None else (branches[-1].at if branches else 0)
    panel.on_answer(request, Started("Drawing"))
    for frame in canned.frames(request.count, steps, seed=seed):
        panel.on_answer(request, frame)
    panel.on_answer(request, Done(outcome))


def branch(panel, line, step, **changes):
    panel.pick(line, step)
    panel.form.way.show_settings(replace(panel.form.way.settings(), **changes))
    panel.form._show_hint()
    panel.branch()
    answer(panel)


# --- the tree itself


def test_a_tree_knows_its_ways_and_its_rows():
    tree = Tree((Line(0),)).grown(1, 0, Branch(5, seed=1)).grown(2, 0, Branch(9, seed=2))
    tree = tree.grown(3, 1, Branch(7, label=4))
    assert tree.ways(3) == (Branch(5, seed=1), Branch(7, label=4))
    assert [line.key for line in tree.rows()] == [0, 2, 1, 3]  # the later ones lie above
    assert [line.key for line in tree.without(1).lines] == [0, 2]
    assert tree.grown(4, 3, Branch(7, seed=8)).ways(4) == (
        Branch(5, seed=1), Branch(7, seed=8, label=4))


def test_the_same_level_stands_at_the_same_place():
    root = list(canned.frames(1, 10))
    levels = levels_of(root)
    assert shares(root, levels) == pytest.approx([step / 10 for step in range(11)])
    assert shares(list(canned.frames(1, 4)), levels) == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert like(root, 500).t == 500
    assert like(root, -1) is root[-1]


# --- asking


def test_it_says_what_to_do(panel, tmp_path):
    assert "Press Draw" in panel.view.empty
    assert panel.form.root.settings().count == 4
    panel.show_run(made(tmp_path / "gan", "gan"))
    assert "one pass" in panel.view.empty
    assert not panel.draw_button.isEnabled()
    panel.draw()
    panel.show_run(None)
    assert panel.asked == []
    assert "Choose a model" in panel.view.empty


def test_the_first_line_then_a_branch(drawn):
    assert isinstance(drawn.asked[0], Draw)
    assert drawn.asked[0].branches == ()
    assert len(drawn._frames.own(0)) == 21
    assert not drawn.form.button.isEnabled()  # nothing differs yet
    drawn.pick(0, 8)
    assert drawn.form.way.nfe.value() == 12
    branch(drawn, 0, 8, label=3, guidance=2.0)
    assert drawn.asked[-1].branches == (Branch(8, label=3, guidance=2.0),)
    assert [frame.step for frame in drawn._frames.own(1)] == list(range(8, 21))
    assert [frame.step for frame in drawn._frames.all(drawn.tree, 1)] == list(range(21))


def test_branches_of_branches_carry_all_that_led_there(drawn):
    branch(drawn, 0, 8, label=3)
    branch(drawn, 1, 12, sampler="ancestral")
    assert drawn.asked[-1].branches == (Branch(8, label=3), Branch(12, sampler="ancestral"))
    branch(drawn, 2, 5, label=4)  # before it left: the first line's own frame
    assert drawn._line == 3
    assert drawn.asked[-1].branches == (Branch(5, label=4),)


def test_a_step_before_a_line_began_belongs_to_its_parent(drawn):
    branch(drawn, 0, 8, label=3)
    drawn.pick(1, 8)
    assert drawn.form._before.label == 3
    branch(drawn, 1, 8, guidance=3.0)
    assert drawn.asked[-1].branches == (Branch(8, label=3, guidance=3.0),)
    assert drawn.tree.line(2).parent == 0


def test_a_seed_that_changes_nothing_is_told(drawn):
    drawn.pick(0, 5)
    drawn.form.way.roll()
    assert "draws no fresh noise" in drawn.form.hint.text()
    assert not drawn.form.button.isEnabled()
    drawn.form.way.sampler.setCurrentIndex(drawn.form.way.sampler.findData("ancestral"))
    drawn.form.way._edited()
    assert drawn.form.button.isEnabled()


def test_a_line_that_fails_or_is_stopped_is_gone(drawn):
    drawn.pick(0, 5)
    drawn.form.way.label.setCurrentIndex(4)
    drawn.form.way._edited()
    drawn.branch()
    assert drawn.draw_button.text() == "Stop"
    drawn.draw_button.click()
    assert drawn.asked[-1] == Cancel()
    drawn.on_answer(drawn._asked, Done("stopped"))
    assert len(drawn.tree.lines) == 1
    drawn.form.way.label.setCurrentIndex(4)
    drawn.form.way._edited()
    drawn.branch()
    drawn.show_error(StudioError("Out of memory"))
    assert drawn._error.isVisible()
    assert len(drawn.tree.lines) == 1
    assert drawn.draw_button.text() == "Draw"


def test_what_is_told_of_an_older_drawing_is_not_heard(drawn):
    first = drawn.asked[0]
    drawn.draw()
    drawn.on_answer(first, next(canned.frames(4, 20)))
    assert drawn._frames.own(0) == []
    drawn.on_answer(drawn.asked[-1], Notice("Careful"))
    assert drawn.notice.isVisible()


# --- looking


def test_scrubbing_shows_all_lines_at_one_level(drawn):
    branch(drawn, 0, 8, label=3)
    drawn.timeline.slider.setValue(12)
    assert drawn.view._t == drawn._frames.own(0)[12].t
    shown = drawn.pair.sheets[0].images()
    assert np.array_equal(shown, drawn._frames.all(drawn.tree, 1)[12].x_t)
    assert np.array_equal(drawn.pair.sheets[1].images(), drawn._frames.own(0)[12].x_t)
    apart = drawn.pair.sheets[2].images().astype(int)
    assert np.array_equal(apart, np.abs(shown.astype(int) - drawn.pair.sheets[1].images()))
    assert "root mean square" in drawn.pair.heads[2].text()
    drawn.bar.shown.setCurrentIndex(1)
    assert np.array_equal(drawn.pair.sheets[1].images(), drawn._frames.own(0)[12].x0)


def test_a_click_picks_a_step_and_ctrl_another_line(drawn, qtbot):
    branch(drawn, 0, 8, label=3)
    box = drawn.view.box_of(0, 10)
    qtbot.mouseClick(drawn.view, Qt.MouseButton.LeftButton, pos=box.center())
    assert (drawn._line, drawn._step, drawn._other) == (0, 10, 1)
    assert "From step 10 on" in drawn.form._where.text()
    qtbot.mouseClick(drawn.view, Qt.MouseButton.LeftButton, pos=drawn.view.box_of(1, 15).center())
    assert (drawn._line, drawn._step, drawn._other) == (1, 15, 0)
    branch(drawn, 0, 14, guidance=4.0)
    qtbot.mouseClick(drawn.view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier,
                     drawn.view.box_of(1, 15).center())
    assert (drawn._line, drawn._other) == (2, 1)
    qtbot.keyClick(drawn.view, Qt.Key.Key_Up)
    assert drawn._line == 0
    qtbot.keyClick(drawn.view, Qt.Key.Key_Right)
    assert drawn._step == 15


def test_delete_undo_and_redo(drawn, qtbot):
    branch(drawn, 0, 8, label=3)
    branch(drawn, 1, 12, seed=7, sampler="ancestral")
    drawn.pick(1, 10)
    asked = len(drawn.asked)
    qtbot.keyClick(drawn.view, Qt.Key.Key_Delete)
    assert [line.key for line in drawn.tree.lines] == [0]
    drawn.undo()
    assert [line.key for line in drawn.tree.lines] == [0, 1, 2]
    assert len(drawn._frames.own(2)) == 9  # looked up: nothing was asked again
    drawn.redo()
    assert len(drawn.tree.lines) == 1
    for _ in range(5):
        drawn.undo()
    assert [line.key for line in drawn.tree.lines] == [0]
    assert len(drawn.asked) == asked


def test_the_command_of_a_leaf(drawn):
    branch(drawn, 0, 8, label=3)
    drawn.copy_command()
    assert QGuiApplication.clipboard().text().endswith("--branch at=8,label=3")


def test_the_tree_as_a_picture(drawn, tmp_path):
    branch(drawn, 0, 8, label=3)
    drawn.write(tmp_path / "tree.png")
    assert pictures.read_settings(tmp_path / "tree.png")["nfe"] == 20
    assert "Saved tree.png" in drawn.notice.text
    drawn.write(tmp_path)
    assert drawn._error.isVisible()


def test_langevin_steps_of_one_level_stand_apart_in_time(panel):
    frames = [Frame(step, 4, t, canned.pictures(1)) for step, t in enumerate((2, 2, 1, 1, 0))]
    assert shares(frames, levels_of(frames)) == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_dark_and_light_paint(drawn, qapp):
    branch(drawn, 0, 8, label=3)
    for mode, colours in (("dark", theme.DARK), ("light", theme.LIGHT)):
        theme.apply(qapp, mode)
        seen = drawn.view.grab().toImage()
        assert seen.pixelColor(2, 2).name() == colours.canvas
