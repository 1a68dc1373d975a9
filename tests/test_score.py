"""Scoring through the engine and the command line, on data that come with the program."""

import base64
import io
import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hybridstudio import cli, commands, engine, paths, presets, runs
from hybridstudio.config import DataConfig, with_values
from hybridstudio.data import load
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import Done, Draw, Notice, Progress, Score, Scored, Started, Train
from hybridstudio.pictures import write_samples
from hybridstudio.scores import features
from hybridstudio.scores.sets import as_tensor

FIGURES = {"frechet", "kid", "precision", "recall", "density", "coverage", "is"}


def opened(name: str, split: str):
    loading = load(DataConfig(name=name, split=split), paths.data_root())
    while True:
        try:
            next(loading)
        except StopIteration as ended:
            return ended.value


def told(request: Score, kind: type):
    return [event for event in engine.run(request) if isinstance(event, kind)]


def result(request: Score) -> dict:
    return dict(told(request, Done)[0].result)


@pytest.fixture
def given(tmp_path: Path):
    """Write pictures to a .npy file and return a request that scores it against digits."""
    def made(images: np.ndarray, count: int = 200, **fields) -> Score:
        file = tmp_path / "x.npy"
        np.save(file, images)
        return Score(file, **{"data": "digits", "device": "cpu", "count": count, **fields})

    return made


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(256, size=(count, 8, 8), dtype=np.uint8)


# --- figures --------------------------------------------------------------------------------------


def test_real_pictures_score_better_than_blurred_ones_and_these_than_noise(given):
    real = opened("digits", "train").images[:200, ..., 0]
    poor = (real // 2 + np.roll(real, 2, axis=2) // 2).astype(np.uint8)
    found = [result(given(images))["scores"] for images in (real, poor, noise(200))]
    distances = [scores["frechet"]["value"] for scores in found]
    assert 0 < 3 * distances[0] < distances[1]
    assert 1.5 * distances[1] < distances[2]
    for better, worse in itertools.pairwise(found):
        assert better["kid"]["value"] < worse["kid"]["value"]
        assert better["coverage"]["value"] > worse["coverage"]["value"]
    for scores in found:
        assert set(scores) == FIGURES | {"classes"}
        for name in FIGURES:
            figure = scores[name]
            assert set(figure) == {"value", "low", "high", "floor", "ceiling"}
            assert figure["low"] <= figure["value"] <= figure["high"], name
    assert found[0]["frechet"]["floor"] < found[0]["frechet"]["ceiling"]
    assert sum(found[0]["classes"]["shares"]) == pytest.approx(1.0)
    assert found[0]["classes"]["seen"] == 10


def test_a_number_carries_what_it_was_measured_with(given):
    request = given(noise(60), 50, metrics=("fid",), seed=3)
    found = result(request)
    net = features.digits_net(torch.device("cpu"))
    assert found["features"]["name"] == "digits-net"
    assert found["features"]["sha256"] == net.sha256
    assert found["features"]["width"] == 128
    assert found["label"] == f"digits-net {net.sha256[:6]}, N = 50"
    assert found["distance"] == "Fréchet distance"
    assert (found["n"], found["split"], found["data"], found["seed"]) == (50, "test", "digits", 3)
    assert set(found["scores"]) == {"frechet"}
    assert {"machine", "seconds", "real_n", "floor_n", "command"} <= set(found)
    json.dumps(found, allow_nan=False)


def test_the_data_set_scored_against_itself_is_nothing_apart(given):
    scores = result(given(opened("digits", "test").images, 297))["scores"]
    assert scores["frechet"]["value"] == pytest.approx(0.0, abs=1e-4)
    assert scores["frechet"]["low"] >= 0.0
    assert scores["kid"]["value"] < 0.01 * scores["kid"]["ceiling"]
    assert scores["precision"]["value"] == scores["coverage"]["value"] == 1.0


def test_one_picture_and_a_collapsed_set_have_finite_scores(given):
    one = opened("digits", "train").images[:1]
    for images in (one, one.repeat(30, axis=0)):
        scores = result(given(images))["scores"]
        values = [scores[name][key] for name in FIGURES for key in scores[name]]
        assert np.isfinite(values).all()
        assert scores["coverage"]["value"] < 0.1


def test_what_is_known_of_the_data_is_kept_and_a_damaged_entry_made_anew(given):
    request = given(noise(40), metrics=("fid", "is"))
    units = [{event.unit for event in told(request, Progress)} for _ in range(2)]
    assert "real pictures" in units[0]
    assert "real pictures" not in units[1]
    first = result(request)["scores"]
    for file in (paths.cache() / "scores").glob("*.npz"):
        file.write_bytes(b"PK\x03\x04 not whole")
    assert result(request)["scores"] == first


def test_few_pictures_for_the_features_are_warned_of(given):
    notices = told(given(noise(20), metrics=("fid",)), Notice)
    assert any("few for 128 features" in notice.what for notice in notices)


def test_copies_of_training_pictures_are_found(given):
    training = opened("digits", "train").images
    mixed = np.concatenate([training[100:120, ..., 0], noise(20)])
    memory = result(given(mixed, 40, metrics=("memory",)))["scores"]["memory"]
    assert memory["value"] == 0.5
    assert memory["low"] < 0.5 < memory["high"]
    assert memory["floor"] < 0.05
    with Image.open(io.BytesIO(base64.b64decode(memory["sheet"]))) as sheet:
        assert sheet.size == (8 * 10 + 2, 2 * 10 + 2), "8 pictures above the nearest of training"
    assert {pair[0]: pair[1] for pair in memory["pairs"]}.items() <= {
        place: 100 + place for place in range(20)}.items()


def test_points_are_scored_by_their_places_and_modes(given):
    points = opened("gaussians25", "train").images
    request = given(points[:2000], 2000, data="gaussians25")
    scores = result(request)["scores"]
    assert scores["modes"]["found"] == scores["modes"]["of"] == 25
    assert scores["modes"]["near"] > 0.99
    assert scores["coverage"]["value"] > 0.9
    collapsed = points[np.abs(points).max(1) < 0.1][:300]
    scores = result(given(collapsed, 300, data="gaussians25"))["scores"]
    assert scores["modes"]["found"] == 1
    assert "is" not in scores


def test_a_folder_is_scored_as_the_array_is(given, tmp_path):
    images = opened("digits", "train").images[:40]
    write_samples(tmp_path / "pictures", images)
    request = given(images, 40, metrics=("fid", "prdc"))
    assert result(request)["scores"] == result(
        replace(request, source=tmp_path / "pictures"))["scores"]


# --- runs -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A diffusion model of digits, hardly trained."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    config = with_values(presets.find("ddpm-digits"), {
        "model.width": 8, "model.blocks": 1, "sample.nfe": 2, "train.steps": 3,
        "sample.count": 1})
    for _ in engine.run(Train(config, folder, device="cpu")):
        pass
    return folder


def test_a_run_is_drawn_from_scored_and_keeps_its_scores(trained, tmp_path):
    request = Score(trained, count=30, metrics=("fid", "prdc"), batch=16, seed=5, device="cpu")
    events = list(engine.run(request))
    assert isinstance(events[0], Started)
    scored = next(event for event in events if isinstance(event, Scored))
    assert (scored.run, scored.step) == (trained, 3)
    record = runs.scores(trained)[-1]
    assert record["scores"] == dict(scored.scores)
    assert (record["nfe"], record["sampler"], record["weights"]) == (2, "ddim", "ema")
    assert record["ms_per_image"] > 0

    assert commands.repeated(record) == replace(request, step=3)
    assert result(commands.repeated(record))["scores"] == record["scores"]

    drawn = list(engine.run(Draw(trained, 30, seed=5, frames=False, device="cpu")))[-1]
    file = tmp_path / "drawn.npy"
    np.save(file, drawn.images)
    again = result(replace(request, source=file, data="digits"))
    assert again["scores"]["frechet"]["value"] == pytest.approx(
        record["scores"]["frechet"]["value"], rel=1e-3)
    assert runs.loose_scores()[-1]["source"] == str(file)


def test_cancelling_between_batches_leaves_nothing(trained):
    before = len(runs.scores(trained))
    events = engine.run(Score(trained, count=64, batch=8, device="cpu"))
    for event in events:
        if isinstance(event, Progress) and event.unit == "pictures":
            break
    events.close()
    assert len(runs.scores(trained)) == before


def test_models_that_ship_stay_as_they_are():
    shipped = paths.checkpoints() / "ddpm-mnist"
    before = sorted(shipped.iterdir())
    scores = result(Score(shipped, "digits", 4, nfe=1, metrics=("fid",), device="cpu"))["scores"]
    assert scores["frechet"]["value"] > 0
    assert sorted(shipped.iterdir()) == before
    assert runs.scores(shipped)[-1]["scores"] == scores, "kept among the user's own"
    assert runs.loose_scores() == []


def test_a_classifier_of_the_users_serves_as_feature_network(given, tmp_path):
    config = with_values(presets.find("fnn-mnist"), {
        "data.name": "digits", "train.steps": 30, "train.warmup": 1})
    for _ in engine.run(Train(config, tmp_path / "judge", device="cpu")):
        pass
    images = opened("digits", "train").images[:100]
    found = result(given(images, features=f"run:{tmp_path / 'judge'}"))
    assert found["features"]["name"] == "run:judge"
    assert len(found["features"]["sha256"]) == 64
    assert set(found["scores"]) == FIGURES | {"classes"}


def test_damaged_lines_of_scores_are_left_out(tmp_path):
    runs.record_score(tmp_path, {"scores": {"a": {"value": 1.0}}})
    with (tmp_path / "scores.jsonl").open("ab") as file:
        file.write(b'nonsense\n[1]\n{"scores": {"half')
    runs.record_score(tmp_path, {"scores": {}})
    assert [record["scores"] for record in runs.scores(tmp_path)] == [{"a": {"value": 1.0}}, {}]
    assert runs.scores(tmp_path / "nowhere") == []
    with pytest.raises(UsageError, match="how it was made"):
        commands.repeated({"scores": {}})


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(("fields", "words"), [
    ({"metrics": ("fud",)}, "no metric fud"),
    ({"features": "foo"}, "no features foo"),
    ({"features": "run:nowhere"}, "no features run:nowhere"),
    ({"features": "ddpm-mnist"}, "cannot serve"),
    ({"data": None}, "what to compare with"),
    ({"count": 0}, "0 pictures"),
    ({"data": "gaussians25"}, "holds points"),
    ({"source": Path("/nowhere/at/all")}, "nothing to score"),
])
def test_what_cannot_be_meant_is_refused(given, fields, words):
    with pytest.raises(UsageError, match=words):
        list(engine.run(replace(given(noise(4)), **fields)))


@pytest.mark.parametrize("array", [
    np.zeros((3, 8, 9), np.uint8), np.zeros((3, 8, 8)), np.zeros((0, 8, 8), np.uint8),
    np.zeros(5, np.uint8), np.array(["text"])])
def test_arrays_that_are_no_pictures_are_refused(given, array):
    with pytest.raises(UsageError, match="no pictures that can be scored"):
        list(engine.run(given(array)))


def test_inception_says_what_it_needs(given, monkeypatch):
    monkeypatch.setattr(features.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StudioError, match="torch-fidelity"):
        list(engine.run(given(noise(4), features="inception")))


# --- digits-net -----------------------------------------------------------------------------------


def test_digits_net_is_small_good_and_says_how_it_was_made():
    folder = paths.resources() / "features" / "digits-net"
    card = json.loads((folder / "card.json").read_text())
    assert sum(file.stat().st_size for file in folder.iterdir()) < 2_000_000
    assert card["test_accuracy"] >= 0.993
    assert card["command"] == "hybridstudio train digits-net --out digits-net"
    digits = opened("digits", "all")
    net = features.digits_net(torch.device("cpu"))
    with torch.inference_mode():
        found, probabilities = net.embed(as_tensor(digits.images))
    assert found.shape == (len(digits), 128)
    assert (probabilities.argmax(1).numpy() == digits.labels).mean() > 0.95


def test_digits_net_takes_colours_for_three_digits():
    digits = opened("digits", "test")
    stacked = np.concatenate([digits.images[first:first + 50] for first in (0, 50, 100)], axis=3)
    net = features.digits_net(torch.device("cpu"))
    with torch.inference_mode():
        found, probabilities = net.embed(as_tensor(stacked))
        alone = [net.embed(as_tensor(stacked[..., c:c + 1])) for c in range(3)]
    assert probabilities.shape == (50, 1000)
    assert torch.allclose(probabilities.sum(1), torch.ones(50), atol=1e-5)
    assert torch.allclose(found, torch.cat([features for features, _ in alone], 1), atol=1e-4)
    guesses = sum(10**(2 - c) * alone[c][1].argmax(1) for c in range(3))
    assert torch.equal(probabilities.argmax(1), guesses)


def test_damaged_weights_are_noticed(tmp_path):
    folder = paths.resources() / "features" / "digits-net"
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = bytearray((tmp_path / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "weights.safetensors").write_bytes(weights)
    with pytest.raises(StudioError, match="damaged"):
        features.DigitsNet(tmp_path)


# --- the command ----------------------------------------------------------------------------------


def test_the_command_prints_every_score_as_json(given, capsys):
    request = given(noise(40), metrics=("fid", "prdc", "classes"))
    assert commands.words_of(request)[:2] == ["hybridstudio", "score"]
    assert cli.main([*commands.words_of(request)[1:], "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(found["scores"]["frechet"]) == {"value", "low", "high", "floor", "ceiling"}
    assert found["n"] == 40
    assert found["scores"]["classes"]["names"] == list("0123456789")


def test_the_command_shows_a_table_and_takes_a_checkpoint(trained, capsys):
    folder = runs.checkpoint_path(trained, 3)
    assert cli.main(["score", str(folder), "--count", "12", "--metrics", "fid,classes"]) == 0
    shown = capsys.readouterr().out
    assert "Fréchet distance" in shown
    assert "of 10 drawn" in shown
    assert runs.scores(trained)[-1]["step"] == 3
    assert cli.main(["score", "nothing-of-this-name", "--data", "digits"]) == 2
