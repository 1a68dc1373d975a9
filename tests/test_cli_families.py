"""The command line on families that are no diffusion: knobs, rows, points, players."""

from pathlib import Path

import numpy as np
import pytest
from cliplays import drawing, last_json, training
from PIL import Image

from hybridstudio import cli, pictures, presets, runs
from hybridstudio.config import parse
from hybridstudio.messages import Done, Frame

pytestmark = pytest.mark.usefixtures("home")


def made(home, name, family, data=None, **model):
    """Make a run of another family."""
    folder = home / "runs" / name
    data = data or {"size": 8, "channels": 1, "classes": ["cat", "dog"]}
    runs.create(folder, parse({"name": name, "data": data, "model": {"family": family, **model}}))
    return folder


def one_pass(request):
    x = np.zeros((request.count, 8, 8, 1), np.uint8)
    yield Frame(0, 0, 0.0, x, x, None, 1, extra={"Refined": x + 9})
    yield Done("finished", {"count": request.count, "nfe": 1, "sampler": "one-pass"}, x)


def points(request):
    cloud = np.zeros((1, 16, 16, 3), np.uint8)
    drawn = np.random.default_rng(0).normal(size=(request.count, 2)).astype(np.float32)
    yield Frame(0, 0, 0.0, cloud, cloud, None, 1, points={"x_t": drawn})
    yield Done("finished", {"count": request.count, "nfe": 1, "sampler": "one-pass"}, cloud, drawn)


def test_knobs_are_read_and_carried(capsys, play, home):
    made(home, "vae", "vae")
    asked = play(one_pass)
    assert cli.main(["sample", "vae", "--out", "x.png", "--knob", "temperature=0.5"]) == 0
    assert asked[0].knobs == {"temperature": 0.5}
    assert pictures.read_settings(Path("x.png"))["knobs"] == {"temperature": 0.5}
    assert "16 pictures, one-pass with 1 evaluation →" in capsys.readouterr().out
    for knob, told in (("temprature=1", "did you mean temperature?"), ("temperature", "no value"),
                       ("temperature=hot", "no number")):
        assert cli.main(["sample", "vae", "--out", "y.png", "--knob", knob]) == 2
        assert told in capsys.readouterr().err
    assert len(asked) == 1


def test_what_a_family_shows_besides_has_its_own_rows(capsys, play, home):
    made(home, "vae", "vae")
    play(one_pass)
    words = ["denoise", "vae", "--count", "2", "--zoom", "1"]
    assert cli.main([*words, "--out", "x.png", "--rows", "all"]) == 0
    with Image.open("x.png") as image:  # x_t, x0 and what was refined, of two pictures
        assert image.size == (10 + 2, 6 * 10 + 2)
    assert cli.main([*words, "--out", "y.png", "--rows", "Refined"]) == 0
    assert "one pass" in capsys.readouterr().out
    assert cli.main([*words, "--out", "z.png", "--rows", "eps"]) == 2
    assert "x_t or x0 or Refined or all" in capsys.readouterr().err


def test_points_are_written_as_numbers_or_as_their_cloud(capsys, play, home):
    made(home, "plane", "gan", {"name": "gaussians25", "size": 1, "channels": 2})
    asked = play(points)
    for out in ("x.npy", "x.csv", "x.png"):
        assert cli.main(["sample", "plane", "--count", "50", "--out", out]) == 0
    array = np.load("x.npy")
    assert (array.shape, array.dtype) == ((50, 2), np.float32)
    listed = np.loadtxt("x.csv", delimiter=",", skiprows=1, dtype=np.float32)
    assert Path("x.csv").read_text().startswith("x,y\n")
    np.testing.assert_array_equal(listed, array)
    assert "50 points" in capsys.readouterr().out
    assert cli.main(["denoise", "plane", "--out", "z.png"]) == 0
    assert asked[-1].count == 2000
    assert cli.main(["sample", "plane", "--out", "many"]) == 2
    assert "choose one of .npy, .csv, .png" in capsys.readouterr().err


def test_pictures_are_no_points(capsys, run_folder):
    assert cli.main(["sample", "tiny", "--out", "x.csv"]) == 2
    assert "draws pictures" in capsys.readouterr().err


def test_a_borrowed_part_is_not_changed_by_hand(capsys, play, home):
    asked = play(training)
    named = ["train", "hybrid-mnist", "--set", "model.diffusion_from=ddpm-mnist"]
    assert cli.main([*named, "--set", "model.diffusion.width=64"]) == 2
    assert "is taken whole from ddpm-mnist" in capsys.readouterr().err
    assert not asked


def test_a_picture_tells_what_was_left_to_the_run(play, home):
    folder = made(home, "vae", "vae")
    saved = runs.checkpoint_path(folder, 70)
    saved.mkdir(parents=True)
    (saved / "manifest.json").write_text("{}")
    play(one_pass)
    assert cli.main(["sample", "vae", "--out", "x.png"]) == 0
    knobs = {knob.name: knob.default for knob in runs.read(folder).config.model.knobs()}
    settings = pictures.read_settings(Path("x.png"))
    assert settings["knobs"] == knobs
    assert settings["step"] == 70


def test_a_player_steps_alone_while_its_training_is_paused(capsys, home):
    folder = made(home, "gan", "gan", width=8)
    words = ["step", "gan", "--network", "generator", "--count", "10"]
    assert cli.main(words) == 2
    assert "is not being trained" in capsys.readouterr().err
    with runs.lock(folder):
        assert cli.main(words) == 2
        assert "hybridstudio pause" in capsys.readouterr().err
        assert cli.main(["pause", "gan"]) == 0
        assert runs.is_paused(folder)
        assert cli.main(["step", "gan", "--network", "genrator"]) == 2
        assert "did you mean generator?" in capsys.readouterr().err
        assert cli.main([*words, "--json"]) == 0
        assert last_json(capsys)["network"] == "generator"
        assert runs.taken(folder) == {"step-generator-10"}
        assert cli.main(["pause", "gan", "--off"]) == 0
        assert not runs.is_paused(folder)


@pytest.mark.parametrize("name", presets.names())
def test_info_of_every_preset_needs_no_special_case(capsys, name):
    assert cli.main(["info", name, "--json"]) == 0
    told = last_json(capsys)
    assert told["parameters"] or told["parameters_unknown"]
    assert told["sampler"] in (*told["samplers"], "")
    assert cli.main(["info", name]) == 0
    assert "[{" not in capsys.readouterr().out


def test_rows_that_a_family_has_not_are_refused(capsys, play, run_folder):
    play(drawing)
    assert cli.main(["denoise", "tiny", "--out", "x.png", "--rows", "eps"]) == 2
    assert "no eps" in capsys.readouterr().err
    assert not Path("x.png").exists()


def test_knobs_are_checked_before_anything_is_scored(capsys, play, home, tmp_path):
    made(home, "vae", "vae")
    asked = play(lambda request: iter(()))
    cli.main(["score", "vae", "--knob", "temperature=0.5"])
    assert asked[-1].knobs == {"temperature": 0.5}
    assert cli.main(["score", "vae", "--knob", "temprature=0.5"]) == 2
    assert "did you mean temperature?" in capsys.readouterr().err
    np.save(tmp_path / "x.npy", np.zeros((2, 8, 8), np.uint8))
    assert cli.main(["score", str(tmp_path / "x.npy"), "--knob", "temperature=0.5"]) == 2
    assert "drawn already" in capsys.readouterr().err
    assert len(asked) == 1
