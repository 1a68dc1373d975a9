"""`trilemma` on the command line: the table with its front, JSON, the drawing, sweeps."""

from __future__ import annotations

import json

import pytest
from standings import DDPM, GAN, score_run, write_run

from hybridstudio import paths
from hybridstudio.cli import main, trilemma
from hybridstudio.cli.watch import Watched
from hybridstudio.messages import Sweep


@pytest.fixture
def ddpm(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "checkpoints", lambda: tmp_path / "shipped")
    run = write_run("diffusion", DDPM)
    score_run(run, nfe=20, distance=2.0, coverage=0.8, ms=40.0)
    score_run(run, nfe=80, distance=2.5, coverage=0.8, ms=160.0)
    return run


@pytest.fixture
def gan(ddpm):
    run = write_run("adversarial", GAN)
    score_run(run, nfe=1, distance=4.0, coverage=0.5, ms=0.5)
    return run


def last(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_the_table_marks_the_front(ddpm, gan, capsys):
    assert main(["trilemma"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("●") and "diffusion" in line and "20 eval" in line for line in lines)
    assert any(not line.startswith("●") and "80 eval" in line for line in lines)
    assert "real pictures 0.5, noise 400" in lines


def test_json_tells_every_dot_and_what_does_not_compare(ddpm, gan, capsys):
    other = write_run("other", GAN)
    score_run(other, nfe=1, distance=1.0, coverage=0.9, n=100)
    assert main(["trilemma", "--json"]) == 0
    told = last(capsys)
    board = told["boards"][0]
    assert board["n"] == 5000
    assert {dot["run"] for dot in board["dots"] if dot["front"]} == {"diffusion", "adversarial"}
    assert board["dots"][0]["scores"]["frechet"]["floor"] == 0.5
    assert board["dots"][0]["command"].startswith("hybridstudio score")
    assert board["not_comparable"][0]["why"] == "N = 100, not 5,000"
    assert 0 < board["dots"][0]["wants"]["quality"] < 1


def test_runs_are_chosen_by_name(ddpm, gan, capsys):
    assert main(["trilemma", "adversarial", "--json", "--cost", "nfe"]) == 0
    assert [dot["run"] for dot in last(capsys)["boards"][0]["dots"]] == ["adversarial"]


def test_the_drawing_is_written_and_never_over_another(ddpm, gan, capsys, tmp_path):
    out = tmp_path / "out.svg"
    assert main(["trilemma", "--svg", str(out)]) == 0
    assert out.read_text("utf-8").startswith("<svg")
    assert main(["trilemma", "--svg", str(out)]) == 2
    assert main(["trilemma", "--svg", str(out), "--force"]) == 0
    assert main(["trilemma", "--svg", str(tmp_path / "out.png")]) == 2


def test_published_results_are_listed_apart(ddpm, capsys):
    assert main(["trilemma", "--published", "--data", "cifar10", "--json"]) == 0
    boards = last(capsys)["boards"]
    assert all(board["published"] for board in boards)
    assert all(dot["source"] for board in boards for dot in board["dots"])


def test_nothing_scored_says_what_to_do(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(paths, "checkpoints", lambda: tmp_path / "shipped")
    write_run("new", DDPM)
    assert main(["trilemma", "new", "--json"]) == 1
    told = last(capsys)
    assert "Nothing was scored" in told["error"]
    assert "hybridstudio score new" in told["fix"]


def test_a_sweep_is_asked_of_the_engine_first(ddpm, monkeypatch, capsys):
    asked = []

    def run(request, screen):
        asked.append(request)
        return Watched()

    monkeypatch.setattr(trilemma.watch, "run", run)
    assert main(["trilemma", "diffusion", "--sweep", "nfe", "--count", "300"]) == 0
    assert isinstance(asked[0], Sweep)
    assert {score.count for score in asked[0].scores} == {300}
    assert len(asked[0].scores) == 8
    assert main(["trilemma", "diffusion", "--sweep", "colour"]) == 2
    assert main(["trilemma", "--sweep", "nfe"]) == 2


def test_a_cancelled_sweep_ends_as_such(ddpm, monkeypatch, capsys):
    monkeypatch.setattr(trilemma.watch, "run", lambda *_: Watched(code=130))
    assert main(["trilemma", "diffusion", "--sweep", "nfe", "--json"]) == 130
    assert last(capsys) == {"outcome": "cancelled"}
