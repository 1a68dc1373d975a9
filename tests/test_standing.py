"""Dots of scores: what compares, the front, the triangle, what lies between, published results."""

from __future__ import annotations

import math
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest
from standings import DDPM, FEATURES, GAN, score_run, write_run

from hybridstudio import engine, paths, runs, standing
from hybridstudio.errors import UsageError
from hybridstudio.messages import Done, Scored, Sweep
from hybridstudio.standing import Figure, Wants, records
from hybridstudio.standing.dots import MAKER
from hybridstudio.standing.figure import Disc, Words, ticks


@pytest.fixture
def ddpm(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "checkpoints", lambda: tmp_path / "shipped")
    run = write_run("diffusion", DDPM)
    for nfe, distance, coverage in ((5, 8.0, 0.6), (20, 2.0, 0.8), (80, 1.5, 0.85)):
        score_run(run, nfe=nfe, distance=distance, coverage=coverage, ms=2.0 * nfe)
    return run


@pytest.fixture
def gan(ddpm):
    run = write_run("adversarial", GAN)
    score_run(run, nfe=1, distance=4.0, coverage=0.5, ms=0.5)
    return run


def dots(*paths_of):
    return standing.of_runs([runs.read(path) for path in paths_of])


def scene(board, cost="ms", **more):
    return standing.Scene(board.dots, lambda _dot: "#000000", cost, **more)


# --- reading


def test_a_score_becomes_a_dot_with_all_that_it_carries(ddpm):
    dot = dots(ddpm)[1]
    assert (dot.name, dot.family, dot.way.sampler, dot.way.nfe) == ("diffusion", "ddpm", "ddim", 20)
    assert dot.distance == Figure(2.0, 1.8, 2.2, 0.5, 400.0)
    assert dot.ms == 40.0
    assert dot.machine.is_here
    for words in ("digits-net c2adf3", "N = 5,000", "test part", "40 ms", "step 1,000", "coverage"):
        assert words in dot.told()


def test_records_that_lack_what_a_dot_needs_are_left_out(ddpm):
    for record in ({"scores": {}}, {"scores": {"frechet": 3}, "features": 7, "n": "many"},
                   {"scores": {}, "features": {"name": "x", "sha256": None}, "n": None}):
        runs.record_score(ddpm, record)
    assert len(dots(ddpm)) == 3


def test_of_each_way_the_latest_score_counts(ddpm):
    score_run(ddpm, nfe=20, distance=9.0, coverage=0.1, when="2025-01-01T00:00:00+00:00")
    score_run(ddpm, nfe=20, distance=1.0, coverage=0.9, when="2027-01-01T00:00:00+00:00")
    score_run(ddpm, nfe=5, distance=0.7, coverage=0.9, step=2000)
    board = standing.boards(dots(ddpm))[0]
    assert {dot.way.nfe: dot.distance.value for dot in board.dots} == {20: 1.0, 80: 1.5, 5: 0.7}


# --- what compares


@pytest.mark.parametrize(("how", "why"), [
    ({"n": 500}, "N = 500, not 5,000"),
    ({"features": {"name": "pixels", "sha256": "f" * 64}}, "features of pixels ffffff"),
    ({"split": "train"}, "against the train part"),
    ({"data_sha256": "e" * 64}, "holds other pictures"),
])
def test_what_does_not_compare_says_why(ddpm, gan, how, why):
    other = write_run("other", GAN)
    score_run(other, nfe=1, distance=0.1, coverage=1.0, **how)
    board = standing.boards(dots(ddpm, gan, other))[0]
    assert {dot.name for dot in board.dots} == {"diffusion", "adversarial"}
    assert [dot.name for dot, _ in board.apart] == ["other"]
    assert why in board.apart[0][1]


def test_the_front_holds_those_that_nothing_beats_in_both(ddpm, gan):
    board = standing.boards(dots(ddpm, gan))[0]
    assert [dot.way.nfe for dot in standing.front(board.dots, "ms")] == [1, 20, 80]
    slow = write_run("slow", GAN)
    score_run(slow, nfe=1, distance=4.5, coverage=0.5, ms=0.4)
    score_run(slow, nfe=2, distance=0.9, coverage=0.5, ms=None)
    board = standing.boards(dots(ddpm, gan, slow))[0]
    assert [dot.name for dot in standing.front(board.dots, "ms")][:2] == ["slow", "adversarial"]
    assert [dot.distance.value for dot in standing.front(board.dots, "nfe")] == [4.0, 0.9]


def test_times_of_another_machine_are_no_part_of_the_front(ddpm, gan):
    far = write_run("far", GAN)
    score_run(far, nfe=1, distance=0.6, coverage=0.9, ms=0.01, cores=512)
    board = standing.boards(dots(ddpm, gan, far))[0]
    assert "far" not in {dot.name for dot in standing.front(board.dots, "ms")}
    assert "far" in {dot.name for dot in standing.front(board.dots, "nfe")}
    assert any("1 of 5 speeds are from another machine" in caution
               for caution in standing.cautions(board, "ms"))
    faint = {shape.is_faint for shape in standing.pareto(scene(board), 600, 400).shapes
             if isinstance(shape, Disc)}
    assert faint == {True, False}


def test_few_pictures_for_the_features_are_warned_of(ddpm):
    score_run(ddpm, nfe=20, distance=2.0, coverage=0.8, n=64)
    board = next(b for b in standing.boards(dots(ddpm)) if b.ground.n == 64)
    assert any("small for 128 features" in caution for caution in standing.cautions(board, "nfe"))
    assert any("too large" in remark for remark in records.remarks(board.dots[0]))


def test_models_that_ship_are_measured_by_who_ships_them():
    shipped = [dot for dot in standing.of_runs(standing.everyone())
               if dot.name == "hybrid-mnist"]
    assert {dot.machine.by for dot in shipped} == {MAKER}
    request = records.repeat(shipped[0])
    assert request.source == paths.checkpoints() / "hybrid-mnist"
    assert request.record["request"]["data_root"] is None


# --- the triangle


def test_the_wants_run_from_noise_to_real(ddpm):
    scales = standing.scales(standing.boards(dots(ddpm))[0].dots, "ms")
    assert scales.wants(400.0, 0.0, 10_000.0) == Wants(0.0, 0.0, 0.0)
    assert scales.wants(0.5, 0.95, 10.0) == Wants(1.0, 1.0, 1.0)
    assert scales.wants(0.0, 1.0, 1.0) == Wants(1.0, 1.0, 1.0), "never beyond"
    middle = scales.wants(math.sqrt(400 * 0.5), 0.475, 10 * math.sqrt(1000))
    assert tuple(middle) == pytest.approx((0.5, 0.5, 0.5))
    assert set(scales.told()) == {"quality", "coverage", "speed"}


@pytest.mark.parametrize(("wants", "at"), [
    ((1, 0, 0), (0.5, 0)), ((0, 1, 0), (0, 1)), ((0, 0, 1), (1, 1)),
    ((1, 1, 0), (0.25, 0.5)), ((0.7, 0.7, 0.7), (0.5, 2 / 3))])
def test_who_has_one_want_stands_in_its_corner(wants, at):
    assert standing.place(Wants(*wants)) == pytest.approx(at)


def test_what_was_not_measured_has_no_place():
    assert standing.place(Wants(1.0, None, 1.0)) is None
    assert standing.place(Wants(0.0, 0.0, 0.0)) is None


# --- between


def test_what_lies_between_is_read_off_and_said_so(ddpm):
    found, run = dots(ddpm), runs.read(ddpm)
    way = standing.way_of(run, {"step": 1000})
    assert standing.stand(found, way).kind == "measured"
    ghost = standing.stand(found, replace(way, nfe=40))
    assert ghost.kind == "between"
    assert ghost.distance == pytest.approx(math.sqrt(2.0 * 1.5))
    assert ghost.variety == pytest.approx(0.825)
    assert ghost.ms == pytest.approx(80.0)
    assert "evaluations 20 and 80" in ghost.told()


def test_beyond_and_beside_is_not_known_but_for_the_time(ddpm):
    found, run = dots(ddpm), runs.read(ddpm)
    way = standing.way_of(run, {"step": 1000})
    beyond = standing.stand(found, replace(way, nfe=160))
    beside = standing.stand(found, replace(way, nfe=40, eta=0.5))
    assert beyond.kind == beside.kind == "unknown"
    assert beyond.ms == pytest.approx(320.0)
    assert beyond.distance is None


# --- sweeping


def test_a_sweep_asks_for_round_numbers_and_the_usual_one(ddpm):
    run = runs.read(ddpm)
    way = standing.way_of(run, {})
    assert [each.nfe for each in standing.plan(run, way, "nfe")] == [1, 2, 5, 10, 20, 50, 100, 200]
    assert {each.sampler for each in standing.plan(run, way, "sampler")} == set(
        run.config.model.samplers)
    assert all(each.eta is None for each in standing.plan(run, way, "sampler")
               if each.sampler != "ddim")
    hybrid = runs.read(paths._shipped("checkpoints") / "hybrid-mnist")
    ways = standing.plan(hybrid, standing.way_of(hybrid, {}), "handover")
    assert len({dict(way.knobs)["handover"] for way in ways}) == len(ways) >= 5


def test_a_request_says_only_what_differs_from_the_runs_own(ddpm):
    run, board = runs.read(ddpm), standing.boards(dots(ddpm))[0]
    way = standing.way_of(run, {})
    asked = standing.request(run, way, board, 5000)
    assert (asked.nfe, asked.sampler, asked.eta, asked.knobs, asked.step) == (
        None, None, None, {}, None)
    asked = standing.request(run, replace(standing.with_sampler(run, way, "heun"), nfe=10), board,
                             500)
    assert (asked.nfe, asked.sampler, asked.count) == (10, "heun", 500)
    assert standing.seconds(board.dots, replace(way, nfe=40), 1000) > 80


def test_a_sweep_by_the_engine_fills_the_board(ddpm):
    found = runs.read(paths._shipped("checkpoints") / "gan-gaussians25")
    mine = paths.runs() / "points"
    shutil.copytree(found.path, mine)  # a link would be written through
    run = runs.read(mine)
    ways = [standing.way_of(run, {})]
    asked = tuple(standing.request(run, way, None, 60) for way in ways)
    events = list(engine.run(Sweep(asked)))
    assert isinstance(events[-1], Done)
    assert sum(isinstance(event, Scored) for event in events) == 1
    board = standing.boards(standing.of_run(run))
    assert board[0].ground.n == 60


def test_without_how_it_was_made_a_number_cannot_be_made_again(ddpm):
    dot = dots(ddpm)[0]
    assert standing.repeatable(dot)
    assert standing.again(dot).source == ddpm
    lost = replace(dot, record={"scores": {}})
    assert not standing.repeatable(lost)
    with pytest.raises(UsageError):
        standing.again(lost)


# --- published


def test_published_results_name_their_source_and_stand_apart():
    for board in standing.published():
        assert board.is_published
        for dot in board.dots:
            assert dot.source
            assert dot.distance_name == "FID"
            assert "measured elsewhere" in dot.told()
    xiao = next(board for board in standing.published() if "Xiao" in board.title)
    ddgan = next(dot for dot in xiao.dots if dot.name == "DDGAN, T = 4")
    assert (ddgan.distance.value, ddgan.variety.value, ddgan.way.nfe) == (3.75, 0.57, 4)
    assert ddgan.ms == pytest.approx(2.1)


def test_they_lie_only_over_fid_with_inception_of_the_same_data(ddpm):
    board = standing.boards(dots(ddpm))[0]
    assert standing.over(board, 8) == []
    assert "Inception" in standing.why_none(board)
    fid = replace(board, ground=board.ground._replace(features="inception", data="cifar10"))
    assert len(standing.over(fid, 32)) > 50
    assert standing.over(fid, 64) == []


# --- drawing


@pytest.mark.parametrize("cost", ["ms", "nfe"])
def test_both_drawings_place_every_dot_and_name_every_run(ddpm, gan, cost):
    board = standing.boards(dots(ddpm, gan))[0]
    for plan in (standing.pareto, standing.triangle):
        drawn = plan(scene(board, cost, chosen=board.dots[0]), 600, 420)
        assert len(drawn.places) == 4
        assert all(0 <= x <= 600 and 0 <= y <= 420 for _, (x, y) in drawn.places)
        words = {shape.text for shape in drawn.shapes if isinstance(shape, Words)}
        assert {"diffusion", "adversarial"} <= words
        dot, (x, y) = drawn.places[0]
        assert drawn.at(x + 3, y) is dot
        assert drawn.at(-50, -50) is None
    assert any("real pictures 0.5" in shape.text for shape in standing.pareto(
        scene(board, cost), 600, 420).shapes if isinstance(shape, Words))


def test_a_drawing_is_a_picture_by_itself(ddpm, gan):
    board = standing.boards(dots(ddpm, gan))[0]
    text = standing.sheet(scene(board), "A < B", ["a note & more"])
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    assert "A &lt; B" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_an_empty_board_is_drawn_empty():
    for plan in (standing.pareto, standing.triangle):
        assert plan(standing.Scene((), str), 300, 300).places == []


@pytest.mark.parametrize(("low", "high"), [(0.3, 500), (1.0, 1.8), (1e-4, 1e4), (2.1, 2.2)])
def test_ticks_lie_inside_and_are_few(low, high):
    found = ticks(low, high)
    assert all(low <= tick <= high for tick in found)
    assert len(found) <= 10


def test_scores_of_files_are_listed_by_their_source(tmp_path):
    file = Path(tmp_path / "x.npy")
    runs.keep_score(None, {"source": str(file), "features": FEATURES, "n": 10, "data": "digits",
                           "split": "test", "scores": {
                               "frechet": {"value": 1.0, "low": 1.0, "high": 1.0}}})
    assert [dot.name for dot in records.of_file(file)] == ["x.npy"]
    assert records.files() == [file]
    assert "from files" in records.cells(records.of_file(file)[0])
