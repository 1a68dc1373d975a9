"""Scores in training: curves, records, the best checkpoint, and nothing else changed by them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from hybridstudio import engine, presets, runs
from hybridstudio.config import RunConfig, with_values
from hybridstudio.config.scoring import COUNTS, Terms, terms
from hybridstudio.engine import checkpoints, livescore
from hybridstudio.errors import UsageError
from hybridstudio.messages import (
    Done,
    Draw,
    Event,
    Notice,
    Progress,
    Resume,
    Saved,
    Score,
    Scored,
    Train,
)

TINY = {
    "model.width": 16, "model.channel_mult": (1,), "model.blocks": 1, "train.batch_size": 16,
    "train.steps": 24, "train.log_every": 5, "train.preview_every": 100, "train.save_every": 12,
    "train.keep": 1, "train.warmup": 4, "train.precision": "float32", "data.limit": 100,
    "sample.count": 4, "sample.nfe": 3, "train.score_every": 6, "train.score_count": 20,
}


@pytest.fixture(scope="module")
def tiny() -> RunConfig:
    return with_values(presets.find("ddpm-digits"), TINY)


def trained(config: RunConfig, run: Path) -> list[Event]:
    return list(engine.run(Train(config, run, device="cpu")))


@pytest.fixture(scope="module")
def whole(tiny: RunConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Event]]:
    """A run trained in one go, and what it told; tests leave it as it is."""
    run = tmp_path_factory.mktemp("live") / "whole"
    return run, trained(tiny, run)


def of(kind: type, events: list[Event]) -> list:
    return [event for event in events if isinstance(event, kind)]


def learned(run: Path) -> dict[str, torch.Tensor]:
    kept = checkpoints.load(run, checkpoints.available(run)[-1])
    return {f"{stem}/{name}": tensor for stem, tensors in kept.tensors.items()
            for name, tensor in tensors.items()}


def curve(run: Path) -> dict[int, dict[str, float]]:
    return {record["step"]: record["values"] for record in runs.MetricsReader(run).poll()
            if "values" in record}


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = learned(one), learned(other)
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def test_scores_are_curves_records_and_events_and_the_best_is_kept(whole):
    run, events = whole
    scored = of(Scored, events)
    assert [event.step for event in scored] == [6, 12, 18, 24]
    assert all(event.run == run for event in scored)
    values = curve(run)
    assert {step for step, told in values.items() if "score/frechet" in told} == {6, 12, 18, 24}
    assert {"score/coverage", "score/precision", "score/frechet/floor", "score/frechet/ceiling",
            "score/class_entropy", "loss"} <= values[6].keys()
    records = runs.scores(run)
    assert [record["step"] for record in records] == [6, 12, 18, 24]
    assert all(record["live"] and record["n"] == 20 and record["weights"] == "ema"
               and len(record["weights_sha256"]) == 64 and record["precision"] == "float32"
               for record in records)
    assert "few for 128 features" in records[0]["warnings"][0]["what"]
    distances = {record["step"]: record["scores"]["frechet"]["value"] for record in records}
    best = min(distances, key=lambda step: distances[step])
    assert runs.read(run).best == best
    assert set(checkpoints.available(run)) == {best, 24}, "keep = 1, and the best beside it"
    told = [notice.what for notice in of(Notice, events)]
    assert not any("few for" in what for what in told), "what a record warns of is not told anew"


def test_scoring_changes_nothing_of_the_training(tiny, whole, tmp_path):
    trained(with_values(tiny, {"train.score_every": 0}), tmp_path / "plain")
    assert_same_weights(whole[0], tmp_path / "plain")
    assert runs.scores(tmp_path / "plain") == []
    assert runs.read(tmp_path / "plain").best is None


@pytest.mark.parametrize("at", [0, 3])
def test_stopped_within_a_scoring_and_resumed_equals_unbroken(tiny, whole, tmp_path, at):
    broken, told = tmp_path / "broken", 0
    events = engine.run(Train(tiny, broken, device="cpu"))
    for event in events:
        # The progress of step 12 is told while it is being scored, and once more after it.
        told += isinstance(event, Progress) and event.step == 12
        if told > at:
            break
    events.close()
    assert list(engine.run(Resume(broken, device="cpu")))
    assert_same_weights(whole[0], broken)
    assert curve(whole[0]) == curve(broken)
    assert runs.read(whole[0]).best == runs.read(broken).best


def test_a_live_number_comes_out_the_same_from_its_checkpoint(whole):
    run = whole[0]
    best = runs.read(run).best
    live = next(record for record in runs.scores(run) if record["step"] == best)
    request = Score(run, count=20, metrics=livescore.METRICS, sampler=live["sampler"],
                    nfe=live["nfe"], step="best", batch=16, device="cpu")
    again = of(Done, list(engine.run(request)))[0].result
    assert again["step"] == best
    assert again["weights_sha256"] == live["weights_sha256"]
    assert again["scores"] == live["scores"]


def test_the_best_can_be_drawn_from(whole, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole[0], run)
    found = runs.read(run).best
    pictures = [of(Done, list(engine.run(Draw(run, 2, nfe=2, step=step, device="cpu"))))[0].images
                for step in ("best", found)]
    np.testing.assert_array_equal(*pictures)
    (run / "best.json").unlink()
    with pytest.raises(UsageError, match="no best checkpoint"):
        list(engine.run(Draw(run, 2, nfe=2, step="best", device="cpu")))
    (run / "best.json").write_text(json.dumps({"step": 999}))
    assert runs.read(run).best is None, "its checkpoint is not there"


def test_an_error_in_scoring_is_a_notice_and_the_training_goes_on(tiny, tmp_path, monkeypatch):
    def fail(*_args, **_more):
        raise ValueError("no eigenvalues today")
        yield

    monkeypatch.setattr(livescore, "scored", fail)
    events = trained(tiny, tmp_path / "run")
    assert of(Done, events)[0].outcome == "finished"
    assert len([notice for notice in of(Notice, events)
                if "could not be scored" in notice.what]) == 1, "told once"
    assert [event.step for event in of(Saved, events)] == [12, 24]


def test_points_are_scored_by_their_modes(tmp_path):
    config = with_values(presets.find("gan-gaussians25"), {
        "train.steps": 40, "train.score_every": 20, "train.preview_every": 40,
        "train.precision": "float32"})
    run = tmp_path / "run"
    trained(config, run)
    values = curve(run)[40]
    assert 1 <= values["score/modes"] <= 25
    assert 0.0 <= values["score/near"] <= 1.0
    assert values["score/frechet/floor"] < values["score/frechet"]
    assert runs.scores(run)[-1]["n"] == 300


def test_terms_follow_from_the_config_alone():
    assert terms(presets.find("digits-net")).every == 0
    mnist = presets.find("ddpm-mnist")
    assert terms(with_values(mnist, {"train.score_every": 0})).every == 0
    assert terms(with_values(mnist, {"train.score_count": 7})) == Terms(1000, 7, "dpm++2m", 20)
    for name, config in presets.listing().items():
        found = terms(config)
        if found.every:
            assert found.count in COUNTS, name
            cost = found.count * found.nfe / (3 * config.train.batch_size * found.every)
            assert cost <= 0.05, f"{name} costs {cost:.1%}"
            assert config.train.steps / found.every >= 1, f"{name} is never scored"
