"""The training pictures nearest to others: in the engine, on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from latentruns import write_run
from test_families import CPU
from test_latent_engine import made

from hybridstudio import cli, data, engine, latents, paths, pictures, runs
from hybridstudio.engine import checkpoints, nearest
from hybridstudio.engine.learner import Learner
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import Done, Neighboured, Neighbours, Progress
from hybridstudio.scores import neighbours


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path)  # it learns 8×8 digits


def opened(run: Path) -> data.Dataset:
    loading = data.load(runs.read(run).config.data, paths.data_root())
    while True:
        try:
            next(loading)
        except StopIteration as end:
            return end.value


def told(run: Path, images: np.ndarray, **how: Any) -> Neighboured:
    events = list(engine.run(Neighbours(run, images, **how)))
    assert isinstance(events[-1], Done)
    return next(event for event in events if isinstance(event, Neighboured))


def test_a_training_picture_is_its_own_neighbour(run, monkeypatch):
    monkeypatch.setattr(nearest, "AT_ONCE", 64 * 100)  # many parts, as of a large set
    dataset = opened(run)
    mine = [3, 700, len(dataset) - 1]
    found = told(run, dataset.images[mine], count=5)
    assert found.total == len(dataset)
    assert [places[0] for places in found.places] == mine
    assert [apart[0] for apart in found.distances] == [0.0] * 3
    assert [labels[0] for labels in found.labels] == dataset.labels[mine].tolist()
    np.testing.assert_array_equal(found.images[:, 0], dataset.images[mine])
    assert found.copied == (True,) * 3


def test_the_order_and_distances_are_those_of_all_pairs(run, monkeypatch):
    monkeypatch.setattr(nearest, "AT_ONCE", 64 * 333)
    dataset = opened(run)
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 1), np.uint8)
    found = told(run, images)
    apart = np.sqrt(np.square((dataset.images[None].astype(float) - images[:, None].astype(float))
                              / 127.5).mean((2, 3, 4)))
    np.testing.assert_allclose(found.distances, np.sort(apart, axis=1)[:, :6])
    np.testing.assert_allclose(
        np.take_along_axis(apart, np.array(found.places), 1), found.distances)
    assert found.images.shape == (4, 6, 8, 8, 1)
    assert found.copied == (False,) * 4


def test_progress_tells_how_much_was_looked_at(run, monkeypatch):
    monkeypatch.setattr(nearest, "AT_ONCE", 64 * 100)
    events = list(engine.run(Neighbours(run, np.zeros((1, 8, 8, 1), np.uint8), 1)))
    looked = [event for event in events
              if isinstance(event, Progress) and event.unit == "training pictures"]
    assert looked[0].total == len(opened(run))
    assert events[-1].result["data"] == "digits"
    assert len(events[-1].result["places"][0]) == 1


def test_what_cannot_be_looked_for_is_refused(run, tmp_path):
    with pytest.raises(UsageError, match="shape"):
        list(engine.run(Neighbours(run, np.zeros((1, 9, 9, 1), np.uint8))))
    with pytest.raises(UsageError, match="at least 1"):
        list(engine.run(Neighbours(run, np.zeros((1, 8, 8, 1), np.uint8), 0)))
    plane = paths.checkpoints() / "ddpm-gaussians25"
    with pytest.raises(UsageError, match="points"):
        list(engine.run(Neighbours(plane, np.zeros((1, 1, 1, 2), np.uint8))))


def test_data_that_are_not_here_say_so(run):
    settings = runs.read(run).config
    elsewhere = settings.data.model_copy(update={"name": "folder:/nowhere/at/all"})
    runs.create(run.with_name("far"), settings.model_copy(update={"data": elsewhere}))
    with pytest.raises(StudioError, match="nowhere"):
        list(engine.run(Neighbours(run.with_name("far"), np.zeros((1, 8, 8, 1), np.uint8))))


def test_a_set_with_fewer_has_no_further_neighbours():
    rows = np.eye(3)
    *_, (places, squares) = neighbours.nearest_of(rows[:1], iter([rows[:2], rows[2:]]), 5)
    assert places[0, 0] == 0
    np.testing.assert_allclose(squares[0], [0.0, 2.0, 2.0, np.inf, np.inf], atol=1e-12)


def test_how_far_a_cell_is_from_its_neighbours():
    levels = np.array([[0, 51, 255], [0, 0, 0]], np.uint8)
    each, whole = latents.apart(levels.reshape(6, 1, 1, 1), 3)
    steps = np.array([[0.4, 1.6], [0.0, 0.0]]), np.array([[0.0, 0.4, 2.0]])
    np.testing.assert_allclose(each, [
        0.2, (0.4 + 1.6 + 0.4) / 3, 1.8, 0.0, 0.4 / 3, 1.0], atol=1e-12)
    assert whole == pytest.approx(np.concatenate([one.ravel() for one in steps]).mean())
    alone, whole = latents.apart(levels[:1, :1].reshape(1, 1, 1, 1), 1)
    assert (alone.tolist(), whole) == ([0.0], 0.0)


# --- the command line -----------------------------------------------------------------------------


def said(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> dict[str, Any]:
    assert cli.main([str(word) for word in (*words, "--json")]) == code
    return json.loads(capsys.readouterr().out)


def test_files_are_held_against_the_training_pictures(run, tmp_path, capsys):
    dataset = opened(run)
    for place in (5, 40):
        pictures.write_png(tmp_path / f"{place}.png", pictures.as_rgb(dataset.images[[place]])[0])
    out = tmp_path / "near.png"
    told = said(capsys, "nearest", run, tmp_path / "5.png", tmp_path / "40.png", "--count", 3,
                "--out", out)
    assert [places[0] for places in told["places"]] == [5, 40]
    assert told["names"] == ["5.png", "40.png"]
    assert told["distances"][0][0] == 0.0
    assert out.read_bytes()[:4] == b"\x89PNG"
    told = said(capsys, "nearest", run, tmp_path / "5.png", "--out", out, code=2)
    assert "exists" in told["error"]


def test_seeds_are_drawn_and_held_against_them(tmp_path, capsys):
    path = tmp_path / "gan"
    runs.create(path, made("gan"))
    checkpoints.save(path, 1, Learner(made("gan"), CPU).tensors(), {}, keep=1)
    told = said(capsys, "nearest", path, "--seeds", "1,2,1-2+3", "--label", 1, "--count", 2)
    assert told["names"] == ["1", "2", "1-2+3"]
    assert all(first <= second for first, second in told["distances"])
    told = said(capsys, "nearest", "ddpm-gaussians25", "--seeds", "1", code=2)
    assert "points" in told["error"]


@pytest.mark.parametrize(("words", "error"), [
    ((), "which pictures"), (("a.png", "--seeds", "1"), "which pictures")])
def test_mistakes_are_told(run, capsys, words, error):
    told = said(capsys, "nearest", run, *words, code=2)
    assert error in str(told)
