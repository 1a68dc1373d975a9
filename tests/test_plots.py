from __future__ import annotations

import csv
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QObject, QPointF
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication
from scipy.signal import lfilter

from hybridstudio.gui import theme
from hybridstudio.gui.axes import duration, number
from hybridstudio.gui.curvegroups import percent
from hybridstudio.gui.curves import MOST_SMOOTHED, nearest, scaled, smoothed, span, thinned, visible
from hybridstudio.gui.plots import CurvePlot, Mark


@pytest.fixture
def plot(qtbot):
    made = CurvePlot("Loss", "Nothing yet", log=True)
    qtbot.addWidget(made)
    made.resize(500, 240)
    made.show()
    return made


def feed(plot, count=1000, name="loss", offset=0.0, **more):
    steps = np.arange(1, count + 1) * 10
    values = 0.03 + 0.5 * np.exp(-steps / 500) + offset
    plot.set_series(name, steps, steps / 50, values, **more)
    plot.refresh()
    return steps, values


# --- arithmetic -------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(1, 3000), st.floats(0.001, 0.9995), st.integers(0, 5))
def test_smoothing_is_the_unbiased_moving_average(count, weight, seed):
    y = np.random.default_rng(seed).normal(size=count)
    expected = lfilter([1], [1, -weight], y) / lfilter([1], [1, -weight], np.ones(count))
    x, found = smoothed(np.arange(count), y, weight)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)
    assert x.size == count


def test_smoothing_leaves_constants_alone_and_keeps_gaps():
    y = np.full(50, 3.0)
    y[20:24] = np.nan
    _, found = smoothed(np.arange(50), y, 0.9)
    np.testing.assert_allclose(found[np.isfinite(y)], 3.0)
    assert np.isnan(found[20:24]).all()
    assert smoothed(np.empty(0), np.empty(0), 0.9)[1].size == 0


def test_long_curves_are_smoothed_in_buckets_to_the_same_shape():
    count = 10 * MOST_SMOOTHED
    x = np.arange(count)
    y = np.sin(x / count * 20) + np.random.default_rng(0).normal(0, 0.3, count)
    thin_x, found = smoothed(x, y, 0.999)
    expected = lfilter([1], [1, -0.999], y) / lfilter([1], [1, -0.999], np.ones(count))
    assert found.size <= MOST_SMOOTHED
    assert np.abs(found[10:] - expected[thin_x[10:]]).max() < 0.02


@settings(deadline=None)
@given(st.integers(0, 5000), st.integers(1, 300), st.integers(0, 9))
def test_thinning_keeps_every_extreme(count, columns, seed):
    y = np.random.default_rng(seed).normal(size=count)
    x, thin = thinned(np.arange(count), y, columns)
    assert x.size == thin.size <= max(4 * columns, 2 * columns + count / columns + 1)
    assert (np.diff(x) >= 0).all()
    if count:
        assert (thin.min(), thin.max()) == (y.min(), y.max())


def test_thinning_prefers_numbers_to_gaps():
    y = np.full(10_000, np.nan)
    y[5000] = 1.0
    assert np.nanmax(thinned(np.arange(10_000), y, 100)[1]) == 1.0


@given(st.lists(st.integers(0, 50), min_size=1, unique=True).map(sorted), st.floats(-5, 60))
def test_nearest_is_nearest(places, at):
    x = np.array(places)
    assert abs(x[nearest(x, at)] - at) == np.abs(x - at).min()


def test_visible_takes_one_more_on_each_side():
    x = np.arange(0, 100, 10)
    assert x[visible(x, 25, 45)].tolist() == [20, 30, 40, 50]
    assert x[visible(x, 25, 45, lead=2)][0] == 0
    assert x[visible(x, 200, 300)].tolist() == [90]


def test_the_range_lets_the_start_and_rare_spikes_go():
    y = np.full(2000, 0.1)
    y[:20], y[1000] = 50.0, 90.0
    assert span(y) == pytest.approx((0.1, 0.1))
    assert span(np.full(9, np.nan)) is None
    assert span(np.array([-1.0, 100.0]), log=True) == pytest.approx((2.0, 2.0))


def test_log_leaves_gaps_where_there_is_no_logarithm():
    with np.errstate(all="raise"):
        found = scaled(np.array([10.0, 0.0, -1.0, np.nan, np.inf]), log=True)
    np.testing.assert_array_equal(found, [1.0, np.nan, np.nan, np.nan, np.nan])


def test_numbers_and_times_read_like_print():
    assert [number(value) for value in (0, 0.03124, 20_000, 3.2e-6, float("nan"), 1e12)] == [
        "0", "0.0312", "20,000", "3.2e-6", "NaN", "1e12"]
    assert [duration(value) for value in (0.5, 40, 90, 7500, 86_400 * 3.1)] == [
        "0.5 s", "40 s", "1 min 30 s", "2 h 5 min", "3 d 2 h"]


# --- the plot ---------------------------------------------------------------------------------


def test_an_empty_plot_says_what_is_missing(plot):
    assert plot._empty.isVisible()
    assert plot._empty.text() == "Nothing yet"
    feed(plot)
    assert not plot._empty.isVisible()
    plot.clear()
    plot.refresh()
    assert plot._empty.isVisible()


def test_curves_are_made_once_and_fed(plot):
    feed(plot, 100)
    item = plot._curves["loss"].raw
    feed(plot, 200)
    assert plot._curves["loss"].raw is item
    assert item.getData()[0].size == 200
    low, high = plot._plot.vb.viewRange()[0]
    assert low == 10
    assert 2000 < high < 2200


def test_the_axes_stand_still_while_a_curve_grows_a_little(plot):
    feed(plot, 900)
    seen = []
    for count in range(900, 1100, 5):
        feed(plot, count)
        (low, high), (bottom, top) = plot._plot.vb.viewRange()
        assert low == 10
        assert high >= 10 * count
        assert bottom < np.log10(0.0301)
        seen.append((low, high, bottom, top))
    assert 3 <= len(set(seen)) <= 6
    feed(plot, 50)  # another curve, much shorter
    assert plot._plot.vb.viewRange()[0] == [10, 500]


def test_new_numbers_are_painted_once(plot, qtbot):
    class Paints(QObject):
        count = 0

        def eventFilter(self, watched, event):
            self.count += event.type() == QEvent.Type.Paint
            return False

    feed(plot, 100)
    qtbot.wait(50)
    paints = Paints()
    plot._view.viewport().installEventFilter(paints)
    for count in (150, 220, 300):
        feed(plot, count)
        qtbot.wait(50)
    assert paints.count == 3


def test_a_grid_is_painted_opaque_and_as_faint_as_before(plot):
    feed(plot)
    plot.grab()
    _, grid, _ = plot._left._placed
    line, canvas = QColor(theme.palette().line), QColor(theme.palette().canvas)
    for pen, _, _ in grid:
        assert pen.color().alpha() == 255
        low, high = sorted((line.red(), canvas.red()))
        assert low < pen.color().red() <= high


def test_a_curve_is_seen_where_it_lies_on_the_grid(plot):
    steps = np.arange(10, 2010, 10)
    plot.set_series("loss", steps, steps, np.full(200, 0.1))  # a line of the grid is there
    plot.set_series("other", steps, steps, np.geomspace(0.01, 1.0, 200))
    plot.refresh()
    image = plot.grab().toImage()
    colour = QColor(plot._curves["loss"].smooth.opts["pen"].color())
    longest = max(sum(image.pixelColor(x, y) == colour for x in range(image.width()))
                  for y in range(image.height()))
    assert longest > 0.8 * plot._plot.vb.width()


def test_many_new_numbers_are_drawn_once(plot, monkeypatch, qtbot):
    qtbot.waitUntil(lambda: not plot._later.isActive())
    drawn = []
    monkeypatch.setattr(plot, "_show_all", drawn.append)
    for count in range(2, 30):
        steps = np.arange(count)
        plot.set_series("loss", steps, steps, steps + 1.0)
    assert not drawn
    qtbot.waitUntil(lambda: bool(drawn), timeout=1000)
    assert len(drawn) <= 2  # once more where the axes that appear change the size


def test_a_curve_can_be_switched_off_and_coloured(plot):
    feed(plot, name="a")
    feed(plot, name="b", offset=1.0)
    one = plot._curves["a"]
    assert one.shade == theme.palette().series[0]
    assert plot._curves["b"].shade == theme.palette().series[1]
    assert one.chip.isVisible()
    plot._curves["b"].chip.setChecked(False)
    plot.refresh()
    assert plot._curves["b"].raw.getData()[0] is None or not plot._curves["b"].raw.getData()[0].size
    plot.keep(["b"])
    plot.refresh()
    assert list(plot._curves) == ["b"]


def test_zooming_stops_following_until_a_double_click(plot):
    feed(plot, 100)
    plot._plot.vb.setRange(xRange=(100, 200), padding=0)
    plot._plot.vb.sigRangeChangedManually.emit([True, True])
    feed(plot, 300)
    assert plot._plot.vb.viewRange()[0] == [100, 200]
    shown = plot._curves["loss"].raw.getData()[0]
    assert (shown[0], shown[-1]) == (90, 210)
    plot._fit()
    assert plot._plot.vb.viewRange()[0] == [10, 3000]


def test_gaps_nothing_positive_and_one_point_draw_without_a_warning(plot):
    with np.errstate(all="raise"):
        for values in ([np.nan], [1.0], [-1.0, -2.0], [np.nan, 1.0, np.inf, 2.0], [0.0, 0.0]):
            for log in (True, False):
                plot.set_log(log)
                plot.set_smoothing(0.9)
                x = np.arange(len(values))
                plot.set_series("loss", x, x, np.array(values))
                plot.refresh()
                plot.grab()
                plot.clear()


def test_the_axis_is_linear_where_not_all_is_above_0_and_says_so(plot):
    steps, values = feed(plot, 100)
    assert plot._log
    plot.set_series("critic", steps, steps, values - 0.3)
    plot.refresh()
    assert not plot._log
    assert "linear" in plot._readout.text()
    plot._curves["critic"].chip.setChecked(False)
    assert plot._log
    plot.set_log(False)
    assert "linear" not in plot._readout.text()


def test_many_curves_are_told_apart_by_the_mouse(plot):
    for place in range(20):
        steps, _ = feed(plot, 50, f"z {place}", place / 10, is_smoothed=place > 0)
    plot.set_smoothing(0.9)
    assert not any(curve.chip.isVisible() for curve in plot._curves.values())
    assert "20 curves" in plot._readout.text()
    plot._tell(float(steps[10]))
    assert "z 19" in plot._reading.text()
    assert "and 8 more" in plot._reading.text()
    first = plot._curves["z 0"].smooth.getData()[0]
    assert first is None or not first.size  # this one stays as it was measured
    assert plot._curves["z 1"].smooth.getData()[0].size == 50


def test_values_can_be_spelled_in_percent(plot):
    feed(plot, 100)
    plot.set_spelling(percent)
    plot.refresh()
    assert plot._readout.text().endswith(" %")


def test_time_and_log_axes(plot):
    feed(plot)
    plot.set_against("time")
    assert plot._plot.vb.viewRange()[0] == pytest.approx([0.2, 200])
    assert plot._bottom.tickStrings([60.0, 120.0], 1, 60) == ["1 min", "2 min"]
    assert plot._left.tickStrings([-1.0, 0.0], 1, 1) == ["0.1", "1"]
    plot.set_log(False)
    assert plot._left.tickStrings([0.5], 1, 1) == ["0.5"]
    plot.set_against("steps")
    assert "steps" in " ".join(plot._bottom.tickStrings([0, 500, 1000], 1, 500))
    for low, high in ((-2.0, 1.0), (-1.52, -1.49), (0.0, 0.4), (-9.0, 9.0)):
        plot._left.setLogMode(x=False, y=True)
        ticks = plot._left.tickValues(low, high, 150)
        assert 1 <= len(ticks[0][1]) <= 12


def test_a_clock_that_jumps_back_does_not_fold_the_curve(plot):
    steps = np.arange(5)
    plot.set_series("loss", steps, np.array([0.0, 1.0, np.nan, 0.5, 2.0]), steps + 1.0)
    assert (np.diff(plot._curves["loss"].x("time")) >= 0).all()


def test_the_mouse_reads_values(plot):
    _, values = feed(plot)
    feed(plot, name="<other>", offset=1.0)
    plot.set_marks([Mark(5000, 100, "Resumed at step 5,000")])
    place = plot._plot.vb.mapViewToScene(QPointF(5003, -1))
    plot._point_at(place)
    said = plot._reading.text()
    assert "step 5,000" in said
    assert number(values[499]) in said
    assert "&lt;other&gt;" in said
    assert "Resumed" in said
    assert plot._reading.isVisible()
    feed(plot, 1001)
    assert plot._reading.isVisible()  # new points do not take the readout away
    QApplication.sendEvent(plot._view.viewport(), QEvent(QEvent.Type.Leave))
    assert not plot._reading.isVisible()


def test_marks_are_capped_and_replaced(plot):
    feed(plot)
    plot.set_marks([Mark(step, step, "x") for step in range(500)])
    assert len(plot._verticals) == 100
    plot.set_marks([])
    assert not plot._verticals


def test_colours_follow_the_theme(plot, qapp):
    feed(plot)
    before = theme.mode()
    try:
        theme.apply(qapp, "dark")
        assert plot._curves["loss"].raw.opts["pen"].color().name() == theme.DARK.series[0]
        theme.apply(qapp, "light")
        assert plot._curves["loss"].raw.opts["pen"].color().name() == theme.LIGHT.series[0]
    finally:
        theme.apply(qapp, before)


def test_export_writes_numbers_and_pictures(plot, tmp_path):
    steps, values = feed(plot, 20)
    for name in ("a.csv", "a.png", "a.svg"):
        plot.export(tmp_path / name)
    with (tmp_path / "a.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["value"]) for row in rows] == values.tolist()
    assert [int(row["step"]) for row in rows] == steps.tolist()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "a.svg").read_text(encoding="utf-8")[:400]
    (tmp_path / "b.csv").mkdir()
    plot._export_told(tmp_path / "b.csv")
    assert "is a folder" in plot._readout.text()


def test_a_million_points_stay_quick(plot):
    count = 1_000_000
    steps = np.arange(count)
    values = np.random.default_rng(0).random(count) + 0.1
    plot.set_smoothing(0.99)
    plot.set_series("loss", steps, steps * 0.01, values)
    plot.refresh()
    seconds = []
    for more in range(5):
        began = time.thread_time()
        plot.set_series("loss", steps, steps * 0.01, values + more)
        plot.refresh()
        plot.grab()
        seconds.append(time.thread_time() - began)
    assert min(seconds) < 0.1  # some 10 ms
