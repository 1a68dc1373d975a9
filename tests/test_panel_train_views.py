"""What the panel of a training shows: its curves, how they are followed, its film strip."""

from __future__ import annotations

import gc
import resource
import time
from typing import NamedTuple

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from trainpanels import new_panel, new_run

from hybridstudio import runs
from hybridstudio.gui.cannedrun import log_point, noised, write_preview
from hybridstudio.gui.curvegroups import grouped, label_of
from hybridstudio.gui.filmstrip import FilmStrip, pictures_of
from hybridstudio.gui.following import Following
from hybridstudio.gui.strip import short


@pytest.fixture
def run(tmp_path):
    return new_run(tmp_path)


@pytest.fixture
def panel(qtbot):
    return new_panel(qtbot)


def test_smoothing_axes_and_the_command(panel, run):
    panel.show_run(run)
    panel.inspector._smooth(100)
    assert panel.view.first._weight == pytest.approx(0.999)
    panel.inspector._smooth(0)
    assert panel.view.first._weight == 0
    panel.inspector.log.emit(False)
    panel.inspector.against.emit("time")
    assert (panel.view.second._log, panel.view.second._against) == (False, "time")
    panel._copy.click()
    assert QGuiApplication.clipboard().text() == f"hybridstudio resume {run}"


def test_the_second_plot_has_a_choice(panel, run):
    panel.show_run(run)
    choice = panel.view.second.choice
    titles = [choice.itemText(at) for at in range(choice.count())]
    assert titles == ["Losses", "By noise level", "Pictures/s", "Memory (bytes)"]
    assert choice.currentText() == "By noise level"
    assert "clean" in choice.toolTip()
    choice.setCurrentText("Pictures/s")
    choice.activated.emit(choice.currentIndex())
    panel.view.second.refresh()
    assert list(panel.view.second._curves) == ["images_per_second"]


# --- the film strip -------------------------------------------------------------------------------


def test_the_newest_preview_shows_until_an_older_one_is_chosen(panel, run, qtbot):
    random = np.random.default_rng(0)
    panel.show_run(run)
    strip = panel.view.strip
    assert strip.current == 4
    write_preview(run, 1500, noised(36, 8, 0.5, random))
    panel._look()
    assert strip.current == 5
    qtbot.keyClick(strip, Qt.Key.Key_Left)
    qtbot.keyClick(strip, Qt.Key.Key_Left)
    assert panel.view._caption.text() == "Preview at step 750"
    write_preview(run, 1600, noised(36, 8, 0.5, random))
    panel._look()
    assert strip.current == 3
    assert panel.view._slider.value() == 3
    panel.view._slider.setValue(0)
    assert panel.view._caption.text() == "Preview at step 0"
    place, box = strip._boxes()[-1]
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=box.center())
    assert strip.current == place == 6


def test_many_previews_are_spread_and_the_chosen_one_always_shows(qtbot, tmp_path):
    strip = FilmStrip()
    qtbot.addWidget(strip)
    strip.resize(300, 80)
    strip.set_films([(step, tmp_path / f"{step}.png") for step in range(500)], 8)
    strip.choose(123)
    places = [place for place, _ in strip._boxes()]
    assert len(places) == 4
    assert 123 in places
    assert (places[0], places[-1]) == (0, 499)
    strip.show()
    strip.grab()  # files that are not there are left out
    assert [short(step) for step in (0, 999, 1000, 12_500, 3_000_000)] == [
        "0", "999", "1k", "12.5k", "3M"]


def test_a_sheet_is_read_back_as_its_pictures(tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (7, 8, 8, 3), dtype=np.uint8)
    write_preview(tmp_path, 5, images)
    file = runs.preview_path(tmp_path, 5)
    np.testing.assert_array_equal(pictures_of(file, 8, 3, 7), images)
    assert pictures_of(file, 8, 1, 7).shape == (7, 8, 8, 1)
    assert pictures_of(file, 9, 3, 7).shape[0] == 1  # cut otherwise: shown as it is
    assert pictures_of(file, None, None, 7).shape[0] == 1


def test_a_damaged_preview_is_told(panel, run):
    runs.preview_path(run, 1000).write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    panel.show_run(run)
    assert "cannot be read" in panel.view._caption.text()
    panel.grab()


# --- following ------------------------------------------------------------------------------------


def test_curves_are_told_apart():
    groups = grouped(["loss", "loss/g", "loss/band-2", "loss/band-1", "vlb", "acc"])
    assert {title: group.names for title, group in groups.items()} == {
        "Losses": ("loss", "loss/g"), "By noise level": ("loss/band-1", "loss/band-2"),
        "L_vlb (bits/dim)": ("vlb",), "Acc": ("acc",)}
    assert label_of("loss/band-1", ["loss/band-1", "loss/band-2"]) == "1 clean"
    assert label_of("loss/g", ["loss", "loss/g"]) == "g"


@pytest.mark.parametrize(("names", "first", "second", "labels"), [
    (["p/real", "loss/generator", "p/fake", "loss/discriminator", "grad_norm/generator"],
     "Losses", "Players' probabilities", ["real", "generated"]),
    (["loss", "reconstruction", "kl", "kl/z-01", "kl/z-02"], "Losses", "KL of each latent",
     ["z 01", "z 02"]),
    (["accuracy", "loss", "test/loss", "test/accuracy"], "Losses", "Accuracy",
     ["training", "test"]),
    (["loss/generator", "critic/real", "critic/fake"], "Losses", "Critic's values",
     ["real", "generated"]),
])
def test_each_family_begins_with_what_tells_most(names, first, second, labels):
    titles = list(groups := grouped(names))
    assert titles[:2] == [first, second]
    assert [label_of(name, groups[second].names) for name in groups[second].names] == labels


def test_time_is_time_of_training_across_sittings(run):
    log = runs.MetricsLog(run)
    log_point(log, 1010, 128, np.random.default_rng(0))
    log.close()
    following = Following(run)
    following.poll()
    seconds = following.curves()["loss"].seconds
    assert (np.diff(seconds) > 0).all()
    assert following.pace().seconds == pytest.approx(1010 / 5.2, abs=0.01)


class Spent(NamedTuple):
    """What a tick took of its thread: seconds, those in the system, page faults, and collecting."""

    seconds: float = 0.0
    system: float = 0.0
    faults: int = 0
    collecting: float = 0.0


def spent() -> Spent:
    used = resource.getrusage(resource.RUSAGE_THREAD)
    return Spent(time.thread_time(), used.ru_stime, used.ru_minflt + used.ru_majflt)


@pytest.fixture
def gc_seconds():
    """Count the seconds that the collection of garbage takes."""
    took, began = [0.0], [0.0]

    def heed(phase, _info):
        if phase == "start":
            began[0] = time.thread_time()
        else:
            took[0] += time.thread_time() - began[0]

    gc.callbacks.append(heed)
    yield lambda: took[0]
    gc.callbacks.remove(heed)


def test_a_flood_of_records_keeps_each_tick_short(panel, run, gc_seconds):
    """100,000 records in the file at once: no tick may stall the window while they are read."""
    random = np.random.default_rng(0)
    line = ('{{"step":{0},"seconds":{0},"values":{{"loss":{1},"loss/band-1":{1}}},'
            '"rates":{{"seconds":{0},"memory":1}}}}\n')
    with runs.lock(run):
        panel.show_run(run)
        with (run / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.writelines(line.format(step, round(value, 5)) for step, value in zip(
                range(2000, 102_000), random.random(100_000), strict=True))
        worst, until = Spent(), time.monotonic() + 20
        while panel.view.first._series["loss"].steps[-1] < 101_999 and time.monotonic() < until:
            before, collected = spent(), gc_seconds()
            panel.tick()
            panel.view.first.refresh()
            panel.view.second.refresh()
            tick = Spent(*(now - then for now, then in zip(spent(), before, strict=True)))
            worst = max(worst, tick._replace(collecting=gc_seconds() - collected))
    assert panel.view.first._series["loss"].steps[-1] == 101_999
    # Some 30 ms of the processor; what others take of it is not counted.
    assert worst.seconds < 0.15, worst
