"""The page of scores: every score of a run or file, one in full, new ones and old ones again."""

from __future__ import annotations

import base64
import csv
import io

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from standings import DDPM, FEATURES, score_run, write_run

from hybridstudio import paths, runs
from hybridstudio.errors import StudioError
from hybridstudio.gui import theme
from hybridstudio.gui.panels.scores import ScoresPanel
from hybridstudio.gui.wishes import Cancel
from hybridstudio.messages import Done, Progress, Repeat, Score, Scored

CLASSES = {"entropy": 2.1, "entropy_of_data": 2.3, "kl": 0.02, "seen": 9, "of": 10,
           "names": list("0123456789"), "shares": [0.1] * 10, "shares_of_data": [0.1] * 10}


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "checkpoints", lambda: tmp_path / "shipped")
    run = write_run("diffusion", DDPM)
    score_run(run, nfe=20, distance=2.0, coverage=0.8, when="2026-01-01T00:00:00+00:00")
    score_run(run, nfe=5, distance=8.0, coverage=0.6, when="2026-01-02T00:00:00+00:00", n=100)
    return run


@pytest.fixture
def panel(qtbot, qapp):
    theme.apply(qapp, "light")
    widget = ScoresPanel()
    widget.resize(1000, 640)
    widget.asked = []
    widget.requested.connect(widget.asked.append)
    widget.show()
    yield widget  # not qtbot's to close: what reads the scores has to end before
    qtbot.waitUntil(lambda: not widget.lane.busy)
    widget.close()
    widget.deleteLater()


def shown(panel, run, qtbot):
    panel.show_run(run)
    qtbot.waitUntil(lambda: panel._run is not None and not panel.lane.busy)
    return panel


def column(panel, head):
    heads = [panel.table.horizontalHeaderItem(at).text()
             for at in range(panel.table.columnCount())]
    at = heads.index(head)
    return [panel.table.item(row, at).text() for row in range(panel.table.rowCount())]


def test_every_score_is_listed_the_newest_first_and_told_in_full(panel, run, qtbot):
    shown(panel, run, qtbot)
    assert column(panel, "N") == ["100", "5,000"]
    assert column(panel, "distance") == ["8 (7.2 to 8.8)", "2 (1.8 to 2.2)"]
    assert "N = 100 is small for 128 features" in panel.detail.remarks.text()
    assert "no FID" in panel.detail.remarks.text()
    panel.table.selectRow(1)
    assert "small" not in panel.detail.remarks.text()
    assert "Fréchet distance 2" in panel.detail.axes.accessibleDescription()
    panel.grab()


def test_classes_modes_and_copies_are_shown_where_they_are(panel, run, qtbot):
    packed = io.BytesIO()
    Image.fromarray(np.zeros((22, 42), np.uint8)).save(packed, "PNG")
    runs.record_score(run, {
        "when": "2026-02-01T00:00:00+00:00", "features": FEATURES, "n": 500, "data": "digits",
        "split": "test", "step": 1000, "scores": {
            "classes": CLASSES,
            "modes": {"found": 3, "of": 4, "kl": 0.5, "near": 0.9, "counts": [5, 5, 5, 0]},
            "memory": {"value": 0.1, "low": 0.0, "high": 0.2, "floor": 0.05, "count": 500,
                       "sheet": base64.b64encode(packed.getvalue()).decode()}}})
    shown(panel, run, qtbot)
    assert "9 of 10 drawn" in panel.detail.classes.text()
    assert panel.detail.bars.isVisible()
    assert "3 of 4 found, 90.0% of the points near one" in panel.detail.modes.text()
    assert "10.0% of 500 are copies (of pictures held out 5.0%)" in panel.detail.memory.text()
    assert panel.detail.pairs.pixmap().width() == 42 * 3
    panel.grab()
    panel.table.selectRow(2)
    assert not panel.detail.memory.isVisible()


def test_a_score_is_asked_for_as_the_form_says(panel, run, qtbot):
    shown(panel, run, qtbot)
    panel.button.click()
    assert panel.asked[-1] == Score(run, count=5000)
    assert panel.button.text() == "Stop"
    panel.on_event(Progress(2500, 5000, "pictures"))
    assert panel.bar.share() == pytest.approx(0.475)
    panel.button.click()
    assert panel.asked[-1] == Cancel()
    panel.on_event(Done("stopped"))
    panel.form.nfe.setValue(7)
    panel.form.metrics["memory"].click()
    panel.form.metrics["kid"].click()
    panel.form.split.setCurrentIndex(2)
    panel.form.count.setValue(300)
    panel.score()
    asked = panel.asked[-1]
    assert (asked.nfe, asked.split, asked.count) == (7, "train", 300)
    assert asked.metrics == ("fid", "prdc", "is", "classes", "modes", "memory")
    panel.copy.click()
    assert "--nfe 7" in QGuiApplication.clipboard().text()


def test_a_new_score_comes_at_once(panel, run, qtbot):
    shown(panel, run, qtbot)
    panel.score()
    score_run(run, nfe=9, distance=1.0, coverage=0.9, when="2026-03-01T00:00:00+00:00")
    panel.on_event(Scored({}, "", "Fréchet distance", run))
    panel.on_event(Done("finished"))
    qtbot.waitUntil(lambda: panel.table.rowCount() == 3)
    assert not panel.bar.isVisible()


def test_a_number_of_a_row_is_made_again(panel, run, qtbot):
    shown(panel, run, qtbot)
    panel.table.repeated.emit(panel.table._dots[1])
    asked = panel.asked[-1]
    assert isinstance(asked, Repeat)
    assert asked.record["n"] == 5000
    panel.on_event(Done("finished", {"repeat": {"outcome": "same", "scores": {}}}))
    assert "to the last digit" in panel.notice.text
    panel.table.copied.emit(panel.table._dots[0])
    assert "--count 100" in QGuiApplication.clipboard().text()


def test_a_file_is_dropped_and_scored_against_the_data_that_are_named(panel, run, qtbot, tmp_path):
    shown(panel, run, qtbot)
    file = tmp_path / "drawn.npy"
    np.save(file, np.zeros((10, 8, 8), np.uint8))
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file))])
    panel.dropEvent(QDropEvent(QPointF(9, 9), Qt.DropAction.CopyAction, data,
                               Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier))
    assert panel.form.file == file
    assert "No scores of drawn.npy" in panel.nothing.told()
    panel.form.data.setCurrentText("mnist")
    panel.nothing.button.click()
    assert (panel.asked[-1].source, panel.asked[-1].data) == (file, "mnist")
    runs.keep_score(None, {"when": "2026-01-01", "source": str(file), "features": FEATURES, "n": 10,
                           "data": "mnist", "split": "test", "scores": {
                               "frechet": {"value": 3.0, "low": 2.0, "high": 4.0}}})
    panel.on_event(Done("finished"))
    qtbot.waitUntil(lambda: panel.table.rowCount() == 1)
    assert column(panel, "drawn with") == ["from files"]
    panel.form.back.click()
    assert panel.table.rowCount() == 2


def test_without_a_run_it_says_what_to_do(panel, qtbot):
    assert "Choose a run" in panel.nothing.told()
    assert not panel.button.isEnabled()


def test_an_error_ends_the_scoring(panel, run, qtbot):
    shown(panel, run, qtbot)
    panel.score()
    panel.show_error(StudioError("It broke"))
    assert panel.button.text() == "Score"
    assert "It broke" in panel._error.text


def test_scores_are_exported(panel, run, qtbot, tmp_path):
    shown(panel, run, qtbot)
    panel.write(tmp_path / "scores.csv")
    rows = list(csv.DictReader((tmp_path / "scores.csv").read_text("utf-8").splitlines()))
    assert [row["n"] for row in rows] == ["5000", "100"]
    assert rows[0]["frechet_floor"] == "0.5"
