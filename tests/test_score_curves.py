"""The Train page shows live scores beside the loss."""

import pytest

from hybridstudio import runs
from hybridstudio.gui.curvegroups import grouped, label_of
from hybridstudio.gui.panels.train import TrainPanel


@pytest.fixture
def panel(qtbot):
    made = TrainPanel()
    qtbot.addWidget(made)
    yield made
    made._timer.stop()
    made._settling.stop()


def test_scores_are_sorted_into_groups():
    names = ["score/frechet", "score/frechet/floor", "score/frechet/ceiling", "score/precision",
             "score/near", "score/modes", "score/density", "score/class_entropy", "loss"]
    groups = grouped(names)
    assert list(groups) == ["Losses", "Fréchet distance", "Coverage and precision", "Modes found",
                            "Entropy of the classes", "Density"]
    distance = groups["Fréchet distance"]
    assert [label_of(name, distance.names) for name in distance.names] == [
        "drawn", "real pictures", "noise"]
    assert groups["Coverage and precision"].is_share


def test_scores_stand_beside_the_loss_once_they_are_a_curve(panel, run):
    log = runs.MetricsLog(run)
    log.append(400, {"score/frechet": 90.0, "score/frechet/floor": 3.0}, {}, 40.0)
    panel.show_run(run)
    choice = panel.view.second.choice
    assert choice.currentText() == "By noise level", "a single point is no curve"
    log.append(500, {"score/frechet": 20.0, "score/frechet/floor": 3.0}, {}, 50.0)
    log.close()
    panel._look()
    assert choice.currentText() == "Fréchet distance"
    second = panel.view.second
    second.refresh()
    assert list(second._curves) == ["score/frechet", "score/frechet/floor"]
    assert second._curves["score/frechet"].dots.getData()[0].size == 2
    assert panel.inspector.newest()["Fréchet distance: drawn"] == "20"
    runs.record_best(run, 999, 20.0)
    panel._look()
    assert "best" not in panel.inspector.told()["Checkpoint"], "its checkpoint is not there"
    runs.record_best(run, 0, 20.0)
    panel._look()
    assert panel.inspector.told()["Checkpoint"] == "step 0, best at 0"
