"""`sample` and `denoise` on the command line: every kind of file, and what is refused."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from cliplays import drawing, last_json
from PIL import Image

from hybridstudio import cli, pictures
from hybridstudio.messages import Done, Frame

pytestmark = pytest.mark.usefixtures("home")


def test_sample_writes_an_array(capsys, play, run_folder):
    asked = play(drawing)
    words = ["sample", "tiny", "--count", "5", "--out", "deep/x.npy", "--label", "dog", "--nfe",
             "3", "--sampler", "heun", "--seed", "9", "--weights", "raw", "--step", "7"]
    assert cli.main(words) == 0
    array = np.load("deep/x.npy")
    assert (array.shape, array.dtype) == ((5, 8, 8), np.uint8)
    [request] = asked
    assert (request.run, request.count, request.label, request.nfe) == (run_folder, 5, 1, 3)
    assert (request.sampler, request.seed, request.weights, request.step) == ("heun", 9, "raw", 7)
    assert not request.frames
    assert "5 pictures in 1.5 s (10 ms each), heun with 3 evaluations" in capsys.readouterr().out


def test_sample_json(capsys, play, run_folder):
    play(drawing)
    assert cli.main(["sample", "tiny", "--out", "x.npy", "--json"]) == 0
    assert last_json(capsys) == {"count": 16, "seconds": 1.5, "ms_per_image": 10.0, "nfe": 20,
                                 "sampler": "ddim", "out": "x.npy"}


def test_sample_writes_a_sheet_that_carries_its_settings(play, run_folder):
    play(drawing)
    assert cli.main(["sample", "tiny", "--out", "x.png", "--seed", "4", "--label", "0"]) == 0
    settings = pictures.read_settings(Path("x.png"))
    assert settings is not None
    assert (settings["run"], settings["seed"], settings["sampler"]) == ("tiny", 4, "ddim")
    assert (settings["nfe"], settings["label"]) == (50, 0)
    assert (settings["eta"], settings["guidance"]) == (0.0, 1.0)  # as the run says
    assert "step" not in settings  # it has no checkpoint


def test_sample_writes_a_folder(play, run_folder):
    play(drawing)
    assert cli.main(["sample", "tiny", "--count", "3", "--out", "many"]) == 0
    assert len(list(Path("many").glob("*.png"))) == 3


def test_what_exists_is_refused_before_anything_is_drawn(capsys, play, run_folder):
    asked = play(drawing)
    Path("x.png").write_text("mine")
    assert cli.main(["sample", "tiny", "--out", "x.png"]) == 2
    assert "--force" in capsys.readouterr().err
    assert Path("x.png").read_text() == "mine"
    assert not asked
    assert cli.main(["sample", "tiny", "--out", "x.png", "--force"]) == 0
    with Image.open("x.png") as image:
        assert image.width > 8


@pytest.mark.parametrize(("words", "told"), [
    (["--sampler", "plms"], "choose one of ddim, ancestral"),
    (["--label", "bird"], "the classes are cat, dog"),
    (["--knob", "handover=3"], "a ddpm has resample, jump"),
])
def test_sample_refuses_what_it_does_not_know(capsys, run_folder, words, told):
    assert cli.main(["sample", "tiny", "--out", "x.png", *words]) == 2
    assert told in capsys.readouterr().err


def test_a_cancelled_drawing_writes_nothing(capsys, play, run_folder):
    def work(request):
        os.kill(os.getpid(), signal.SIGINT)
        yield from drawing(request)

    play(work)
    for command, out in (("sample", "x.npy"), ("denoise", "x.gif")):
        assert cli.main([command, "tiny", "--out", out, "--json"]) == 130
        assert last_json(capsys) == {"outcome": "cancelled"}
    assert [path.name for path in Path().iterdir()] == ["runs"]


@pytest.mark.parametrize(("name", "moments"), [("x.gif", 21), ("x.webp", 21), ("x.png", 11)])
def test_denoise_writes_a_strip_or_an_animation(capsys, play, run_folder, name, moments):
    play(drawing)
    assert cli.main(["denoise", "tiny", "--count", "2", "--out", name, "--json"]) == 0
    assert last_json(capsys)["frames"] == moments
    with Image.open(name) as image:
        if name == "x.png":  # a row for each picture, enlarged to 64 pixels
            assert image.size == (11 * 66 + 2, 2 * 66 + 2)
        else:
            assert image.n_frames == moments  # type: ignore[attr-defined]


def test_denoise_writes_a_film(play, run_folder):
    import av

    play(drawing)
    assert cli.main(["denoise", "tiny", "--frames", "5", "--rows", "all", "--out", "x.mp4"]) == 0
    with av.open("x.mp4") as film:
        assert len(list(film.decode(video=0))) >= 5


def test_denoise_keeps_the_first_and_the_last_moment(play, run_folder):
    frames = [np.full((1, 8, 8, 1), value, np.uint8) for value in range(101)]

    def work(request):
        for step, images in enumerate(frames):
            yield Frame(step, 100, 1.0, images)
        yield Done("finished", {}, frames[-1])

    play(work)
    assert cli.main(["denoise", "tiny", "--frames", "3", "--zoom", "1", "--out", "x.png"]) == 0
    with Image.open("x.png") as image:
        assert [image.getpixel((2 + 10 * column, 2))[0] for column in range(3)] == [0, 50, 100]


def test_all_rows_are_filled_where_nothing_was_predicted(play, run_folder):
    play(drawing)
    words = ["denoise", "tiny", "--count", "1", "--rows", "all", "--zoom", "1", "--out", "x.png"]
    assert cli.main(words) == 0
    with Image.open("x.png") as image:
        assert image.size == (11 * 10 + 2, 2 * 10 + 2)  # rows of x_t and x0; there is no eps
        assert image.getpixel((2, 12)) == (128, 128, 128)


def test_denoise_begins_with_a_picture(play, run_folder, capsys):
    asked = play(drawing)
    Image.new("L", (20, 10), 77).save("mine.png")
    words = ["denoise", "tiny", "--out", "x.gif", "--image", "mine.png"]
    assert cli.main(words) == 2
    assert "--from-step" in capsys.readouterr().err
    assert cli.main([*words, "--from-step", "400"]) == 0
    assert asked[0].image.shape == (8, 8, 1)
    assert (asked[0].image == 77).all()
    assert asked[0].from_step == 400
    Path("mine.png").write_bytes(b"no picture")
    assert cli.main([*words, "--from-step", "400", "--force"]) == 2
    assert "mine.png cannot be used" in capsys.readouterr().err
