"""`interpolate`, `encode` and `directions` on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_branching import roused
from test_families import CPU
from test_latent_engine import made

from hybridstudio import cli, pictures, points_kept, runs
from hybridstudio.engine import checkpoints
from hybridstudio.engine.learner import Learner

CASES = ("gan", "stylegan", "gan-points")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {}
    for case in CASES:
        path = found[case] = tmp_path_factory.mktemp("runs") / case
        runs.create(path, made(case))
        checkpoints.save(path, 1, roused(Learner(made(case), CPU)).tensors(), {}, keep=1)
    return found


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*words: object, code: int = 0) -> dict[str, Any]:
        assert cli.main([str(word) for word in (*words, "--json")]) == code
        return json.loads(capsys.readouterr().out)
    return run


def pixels(name: str) -> np.ndarray:
    with Image.open(name) as image:
        return np.asarray(image)


def frames(name: str) -> int:
    with Image.open(name) as image:
        return getattr(image, "n_frames", 1)


def test_the_same_command_gives_the_same_file(saved, said):
    grid = ("interpolate", saved["gan"], "--corners", "1,2,3,4", "--grid", 5, "--mix", "0:1,2=1")
    told = said(*grid, "--out", "a.png")
    said(*grid, "--out", "b.png")
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    assert (told["count"], told["space"], told["nfe"]) == (25, "z", 1)
    assert 0.0 < told["steps"]["mean"] <= told["steps"]["largest"]
    settings = pictures.read_settings(Path("a.png"))
    assert settings.items() >= {
        "run": "gan", "corners": "1,2,3,4", "grid": 5, "path": "slerp", "space": "z"}.items()
    assert settings["mix"] == {"0": 1.0, "2": 1.0}
    assert pixels("a.png").shape == (52, 52, 3)
    said(*grid, "--out", "c.png", "--lerp")
    assert Path("a.png").read_bytes() != Path("c.png").read_bytes()


def test_a_part_of_a_square_is_that_part(saved, said):
    grid = ("interpolate", saved["gan"], "--corners", "1,2,3,4", "--label", 1)
    said(*grid, "--grid", 5, "--out", "whole.png")
    said(*grid, "--grid", 3, "--window", "0.5,0.5,1,1", "--out", "part.png")
    whole, part = (pixels(name) for name in ("whole.png", "part.png"))
    assert np.array_equal(part, whole[20:, 20:])


@pytest.mark.parametrize("ending", ["gif", "webp", "png"])
def test_a_walk_is_played_or_laid_out(saved, said, ending):
    told = said("interpolate", saved["gan"], "--walk", "1,2,3", "--frames", 7, "--ease", "even",
                "--paced", "--zoom", 2, "--out", f"w.{ending}")
    assert told["count"] == 7
    assert frames(f"w.{ending}") == (1 if ending == "png" else 7)


def test_styles_moves_and_arithmetic(saved, said):
    run = saved["stylegan"]
    plain = ("interpolate", run, "--corners", "1,2,3,1-2+3", "--grid", 2)
    said(*plain, "--space", "w", "--out", "plain.png")
    said(*plain, "--space", "w", "--style", 9, "--begins", 0, "--out", "mixed.png")
    said(*plain, "--space", "w", "--move", "sefa1=4", "--knob", "truncation=0.5",
         "--out", "moved.png")
    mixed = pixels("mixed.png")
    assert np.array_equal(mixed[2:10, 2:10], mixed[12:20, 12:20])  # all layers are the style's
    files = [Path(name).read_bytes() for name in ("plain.png", "mixed.png", "moved.png")]
    assert len(set(files)) == 3


def test_tables_of_arithmetic(saved, said):
    told = said("interpolate", saved["gan"], "--analogy", "1,2,3", "--grid", 2, "--out", "a.png")
    assert told["count"] == 14
    said("interpolate", saved["gan"], "--corners", "3,1-2+3,3,3", "--grid", 2, "--out", "b.png")
    table, once = pixels("a.png"), pixels("b.png")
    assert np.array_equal(table[2:10, 2:10], once[2:10, 2:10])
    assert np.array_equal(table[2:10, 42:50], once[2:10, 12:20])  # the fifth is added once
    said("interpolate", saved["gan"], "--classes", 7, "--grid", 2, "--out", "c.png")
    said("interpolate", saved["gan"], "--corners", "7,8,7,8", "--grid", 2, "--label", 1,
         "--out", "d.png")
    assert np.array_equal(pixels("c.png")[12:20], pixels("d.png")[2:10])
    assert pictures.read_settings(Path("c.png"))["classes"] == "7"


def test_points_of_the_plane_are_one_cloud(saved, said):
    said("interpolate", saved["gan-points"], "--corners", "1,2,3,4", "--out", "cloud.png")
    assert Path("cloud.png").is_file()
    told = said("interpolate", saved["gan-points"], "--walk", "1,2", "--out", "w.gif", code=2)
    assert "one cloud" in told["error"]


def test_pictures_are_encoded_kept_and_interpolated(saved, said):
    run = saved["gan"]
    said("sample", run, "--count", 2, "--out", "own", "--label", 1)
    files = sorted(Path("own").iterdir())
    told = said("encode", run, *files, "--steps", 4, "--label", 1, "--out", "codes.npz",
                "--keep", "mine")
    assert len(told["errors"]) == 2
    assert told["found_by"] == "search"
    with np.load("codes.npz") as found:
        assert found["codes"].shape == (2, 6)
        assert found["labels"].tolist() == [1, 1]
        codes = found["codes"]
    assert pixels("codes.png").shape == (38, 38, 3)
    kept = points_kept.read(run, "z", "point")
    assert [one.name for one in kept] == ["mine", "mine 2"]
    assert np.array_equal(kept[0].code, codes[0])
    assert said("interpolate", run, "--corners", "mine,mine 2,3,4", "--grid", 2, "--out",
                "kept.png")["count"] == 4
    assert pictures.read_settings(Path("kept.png"))["corners"] == "mine,mine 2,3,4"


def test_directions_are_listed_written_and_shown(saved, said):
    told = said("directions", saved["gan"], "--kind", "sefa", "--count", 3, "--out", "d.npz")
    assert np.array(told["vectors"]).shape == (3, 6)
    with np.load("d.npz") as found:
        assert found["vectors"] == pytest.approx(np.array(told["vectors"]))
        assert found["strengths"] == pytest.approx(told["strengths"])
    said("directions", saved["gan"], "--kind", "pca", "--samples", 50, "--count", 2,
         "--out", "d.png")
    assert pixels("d.png").shape == (22, 72, 3)


@pytest.mark.parametrize(("words", "error"), [
    (["--corners", "1,2,3"], "takes 4 points"), (["--analogy", "1,2"], "takes 3 points"),
    (["--walk", "1", "--corners", "1,2,3,4"], "between"), (["--classes", "1,2"], "takes 1 point"),
    (["--classes", "1", "--label", "1"], "every class"), (["--walk", "1,2", "--window", "0,0,1,1"],
                                                         "part of a grid"),
    (["--corners", "1,2,3,x"], "No point"), (["--corners", "1,2,3,4", "--space", "w"], "space w"),
    (["--corners", "1,2,3,4", "--mix", "0:a"], "no share"),
    (["--corners", "1,2,3,4", "--mix", "9:1"], "problem"),
    (["--corners", "1,2,3,4", "--window", "1,0,0,1"], "no part"),
    (["--corners", "1,2,3,4", "--move", "pca1"], "no amount"),
    (["--corners", "1,2,3,4", "--move", "sefa9=1"], "no direction"),
    (["--walk", "1,2", "--ease", "fast"], "no easing")])
def test_what_cannot_be_meant_is_told(saved, said, words, error):
    assert error in said("interpolate", saved["gan"], *words, "--out", "x.png", code=2)["error"]
    assert not Path("x.png").exists()


def test_a_model_without_a_space_says_so(said):
    told = said("interpolate", "ncsn-mnist", "--corners", "1,2,3,4", "--out", "x.png", code=2)
    assert "fresh noise" in told["why"]
    assert "finds no directions" in said("directions", "ddpm-mnist", "--kind", "pca",
                                         code=2)["error"]
