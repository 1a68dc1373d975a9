import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hybridstudio
from hybridstudio import cli, doctor, paths, pictures, presets, runs
from hybridstudio.cli import look
from hybridstudio.config import RunConfig, known, parse, with_values
from hybridstudio.errors import StudioError
from hybridstudio.messages import (
    Done,
    Frame,
    Notice,
    Preview,
    Progress,
    Resume,
    Saved,
    Started,
    Train,
)

CONFIG = with_values(RunConfig(), {
    "name": "tiny", "data.size": 8, "data.channels": 1, "data.classes": ("cat", "dog"),
    "model.labels": True})


# Children find the package wherever the tests did.
AROUND = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Keep every folder of the user inside the test's own."""
    for name in ("RUNS", "CACHE", "SETTINGS", "DATA"):
        monkeypatch.setenv(f"HYBRIDSTUDIO_{name}", str(tmp_path / name.lower()))
    monkeypatch.delenv("HYBRIDSTUDIO_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def play(monkeypatch):
    """Stand in for the engine: `play(work)` makes each request a call of the generator `work`."""

    def install(work):
        asked = []

        def run(request):
            asked.append(request)
            return work(request)

        fake = types.SimpleNamespace(run=run)
        monkeypatch.setattr(hybridstudio, "engine", fake, raising=False)
        monkeypatch.setitem(sys.modules, "hybridstudio.engine", fake)
        return asked

    return install


@pytest.fixture
def run_folder(home):
    folder = home / "runs" / "tiny"
    runs.create(folder, CONFIG)
    return folder


def training(request):
    out = request.out if isinstance(request, Train) else request.run
    if isinstance(request, Train):
        runs.create(out, CONFIG)
    yield Started("Training tiny", out, "cpu", {"unet": 1234})
    for step in range(1, 4):
        yield Progress(step, 3, values={"loss": 0.5 / step, "loss/band-1": float("nan")},
                       seconds=float(step), rate=12.5, left=65.0, memory=1_200_000_000)
        yield Preview(step, np.zeros((1, 8, 8, 1), np.uint8))
    yield Notice("The disk is nearly full", "2 MB are left", "free some", "warning")
    yield Saved(3, out)
    yield Done("finished", {"steps": 3, "seconds": 3.0, "steps_per_second": 1.0,
                            "losses": {"loss": float("nan")}, "run": out})


def drawing(request):
    rng = np.random.default_rng(0)
    yield Started("Drawing", request.run)
    for step in range(request.nfe + 1 if request.nfe else 21):
        x_t, x0 = (rng.integers(0, 255, (request.count, 8, 8, 1), np.uint8) for _ in range(2))
        yield Frame(step, request.nfe or 20, 1.0, x_t, x0 if step else None)
        yield Progress(step, request.nfe or 20)
    yield Done("finished", {"count": request.count, "seconds": 1.5, "ms_per_image": 10.0,
                            "nfe": request.nfe or 20, "sampler": request.sampler or "ddim"}, x_t)


def last_json(capsys) -> dict:
    out, err = capsys.readouterr()
    assert out.count("\n") == 1, "stdout carries more than the one JSON line"
    assert "{" not in err
    return json.loads(out)


# --- the whole ------------------------------------------------------------------------------------


def test_help_imports_no_torch_and_is_quick():
    code = ("import sys; from hybridstudio import cli; code = cli.main(sys.argv[1:]); "
            "assert not {'torch', 'PySide6'} & set(sys.modules), 'too much'; sys.exit(code)")
    for words in (["--help"], ["train", "--help"], ["presets"], ["runs"]):
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True,
                              env={**os.environ, **AROUND})
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()
        assert time.perf_counter() - began < 10  # 0.7 s on a quiet machine


def test_every_command_of_the_contract_is_there(capsys):
    assert cli.main(["--help"]) == 0
    told = capsys.readouterr().out
    assert cli.main([]) == 0
    assert capsys.readouterr().out == told
    for name in ("train", "resume", "pause", "step", "sample", "denoise", "presets", "runs",
                 "info", "doctor", "bench"):
        assert f"\n  {name} " in told


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == hybridstudio.__version__


@pytest.mark.parametrize(("words", "told"), [
    (["tarin"], "tarin"),
    (["train"], "PRESET"),
    (["train", "ddpm-digits", "--stpes", "3"], "--steps"),
    (["train", "ddpm-digits", "--steps", "0"], "--steps"),
    (["train", "ddpm-digits", "--steps", "3", "--budget", "3"], "--budget"),
    (["train", "ddpm-digts"], "did you mean ddpm-digits?"),
    (["train", "no/such.toml"], "does not exist"),
    (["train", "ddpm-digits", "--set", "train.lr"], "has no value"),
    (["train", "ddpm-digits", "--device", "abacus"], "abacus"),
    (["resume", "nothing"], "There is no run nothing"),
    (["sample", "nothing", "--out", "x.png"], "There is no run nothing"),
    (["sample", "nothing", "--out", "x.jpg"], ".npy"),
    (["denoise", "nothing", "--out", "x.npy"], ".gif"),
    (["info", "nothing"], "no preset and no run"),
])
def test_mistakes_exit_with_2_and_say_what_to_do(capsys, words, told):
    assert cli.main(words) == 2
    out, err = capsys.readouterr()
    assert told in err
    assert "Traceback" not in err
    assert not out
    assert cli.main([*words, "--json"]) == 2
    out, _ = capsys.readouterr()
    assert json.loads(out)["error"]


def test_a_faulty_config_tells_every_problem_at_once(capsys, home):
    (home / "mine.toml").write_text("[train]\nlr = -1\nbatch_sze = 3\n")
    assert cli.main(["train", "mine.toml"]) == 2
    told = capsys.readouterr().err
    assert "train.lr" in told
    assert "did you mean train.batch_size?" in told
    assert cli.main(["train", "mine.toml", "--json"]) == 2
    problems = last_json(capsys)["problems"]
    assert {problem["path"] for problem in problems} == {"train.lr", "train.batch_sze"}


def test_a_failure_exits_with_1_and_keeps_its_traceback_to_itself(capsys, play, monkeypatch):
    def work(request):
        yield Started("Training")
        raise OSError(28, "No space left on device", "runs/x")

    play(work)
    assert cli.main(["train", "ddpm-digits", "--out", "x"]) == 1
    told = capsys.readouterr().err
    assert "Could not use runs/x" in told
    assert "the disk is full" in told
    assert "Traceback" not in told
    assert cli.main(["train", "ddpm-digits", "--out", "x", "--verbose"]) == 1
    assert "Traceback" in capsys.readouterr().err
    monkeypatch.setenv("HYBRIDSTUDIO_DEBUG", "1")
    assert cli.main(["train", "ddpm-digits", "--out", "x"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_words_that_look_like_markup_are_printed_as_they_are(capsys, play):
    def work(request):
        yield Notice("[bold]not bold[/bold]", "[/]", level="warning")
        raise StudioError("What [/red] is this", "", "mend [it]")

    play(work)
    assert cli.main(["train", "ddpm-digits", "--out", "x"]) == 1
    out, err = capsys.readouterr()
    assert "[bold]not bold[/bold]" in out
    assert "What [/red] is this" in err


def test_a_terminal_without_greek_gets_something_readable():
    environment = {**os.environ, **AROUND, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-m", "hybridstudio.cli", "sample", "--help"],
                          env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- train and resume -----------------------------------------------------------------------------


def test_train_asks_for_what_was_said(capsys, play, home):
    asked = play(training)
    code = cli.main(["train", "ddpm-digits", "--out", "my run", "--set", "train.lr=0.5", "--set",
                     "train.batch_size=7", "--steps", "3", "--device", "cpu", "--data-root", "d"])
    assert code == 0
    changed = with_values(presets.find("ddpm-digits"), {"train.lr": 0.5, "train.batch_size": 7})
    assert asked == [Train(changed, Path("my run"), 3, None, "cpu", Path("d"))]
    told = capsys.readouterr().out
    assert "unet: 1,234 parameters" in told
    assert "loss 0.5 · 12.5 steps/s · 1 min 5 s left · 1.2 GB" in told
    assert "band" not in told
    assert "The disk is nearly full" in told
    assert "saved step 3" in told
    assert "Finished: 3 steps in 3 s" in told


def test_train_json_ends_with_the_result_alone_on_stdout(capsys, play):
    play(training)
    assert cli.main(["train", "ddpm-digits", "--out", "a", "--json"]) == 0
    assert last_json(capsys) == {
        "steps": 3, "seconds": 3.0, "steps_per_second": 1.0, "losses": {"loss": "nan"}, "run": "a",
        "outcome": "finished"}


def test_without_out_a_run_gets_a_free_place(play, home):
    asked = play(training)
    for _ in range(2):
        assert cli.main(["train", "ddpm-digits"]) == 0
    assert [request.out for request in asked] == [
        home / "runs" / "ddpm-digits", home / "runs" / "ddpm-digits-2"]


def test_a_folder_of_runs_can_be_chosen(play, home, monkeypatch):
    monkeypatch.setenv("HYBRIDSTUDIO_RUNS", "to be put back after the test")
    asked = play(training)
    assert cli.main(["--runs", str(home / "mine"), "train", "ddpm-digits"]) == 0
    assert asked[0].out == home / "mine" / "ddpm-digits"


def test_a_file_without_a_name_gives_its_own(play, home):
    asked = play(training)
    (home / "cats.toml").write_text("[train]\nlr = 0.25\n")
    assert cli.main(["train", "cats.toml"]) == 0
    assert asked[0].config == with_values(RunConfig(), {"name": "cats", "train.lr": 0.25})


def test_an_existing_run_is_refused_and_resume_suggested(capsys, play, run_folder):
    asked = play(training)
    assert cli.main(["train", "ddpm-digits", "--out", str(run_folder)]) == 2
    assert "it was never saved" in capsys.readouterr().err
    checkpoint = runs.checkpoint_path(run_folder, 500)
    checkpoint.mkdir(parents=True)
    (checkpoint / "manifest.json").write_text("{}")
    assert cli.main(["train", "ddpm-digits", "--out", str(run_folder)]) == 2
    told = capsys.readouterr().err
    assert "step 500" in told
    assert f"hybridstudio resume {run_folder}" in told
    assert not asked


def test_resume_finds_a_run_by_name(play, run_folder):
    asked = play(training)
    assert cli.main(["resume", "tiny", "--budget", "2.5"]) == 0
    assert asked == [Resume(run_folder, budget=2.5)]


def interrupted(number: signal.Signals, closed: list[bool]):
    def work(request):
        runs.create(request.out, CONFIG)
        yield Started("Training")
        try:
            for step in range(1, 1000):
                if step == 3:
                    os.kill(os.getpid(), number)
                yield Progress(step, 1000, values={"loss": 1.0}, seconds=step * 2.0, rate=0.5)
        finally:
            folder = runs.checkpoint_path(request.out, 3)
            folder.mkdir(parents=True)
            (folder / "manifest.json").write_text("{}")
            closed.append(True)

    return work


@pytest.mark.parametrize(("number", "code"), [
    (signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_closes_the_engine_which_saves(capsys, play, request, number, code):
    before = signal.getsignal(number)
    if before == signal.SIG_IGN:  # the tests run under nohup, which the program would respect
        request.addfinalizer(lambda: signal.signal(number, signal.SIG_IGN))
        signal.signal(number, before := signal.SIG_DFL)
    closed: list[bool] = []
    play(interrupted(number, closed))
    assert cli.main(["train", "ddpm-digits", "--out", "a"]) == code
    assert closed == [True]
    told = capsys.readouterr().out
    assert "It is saved up to step 3. Go on with: hybridstudio resume a" in told
    assert signal.getsignal(number) == before


def test_a_cancelled_training_tells_json_too(capsys, play):
    play(interrupted(signal.SIGINT, []))
    assert cli.main(["train", "ddpm-digits", "--out", "a", "--json"]) == 130
    assert last_json(capsys) == {
        "steps": 3, "seconds": 6.0, "steps_per_second": 0.5, "losses": {"loss": 1.0}, "run": "a",
        "outcome": "cancelled"}


STUBBORN = """
import sys, time, types
import hybridstudio
from hybridstudio.messages import Progress, Started

def run(request):
    yield Started("Training")
    try:
        while True:
            print("step", flush=True)
            time.sleep(0.05)
            yield Progress(1, None)
    finally:
        print("saving", flush=True)
        time.sleep(60)

hybridstudio.engine = sys.modules["hybridstudio.engine"] = types.SimpleNamespace(run=run)
from hybridstudio import cli
sys.exit(cli.main(["train", "ddpm-digits", "--out", "a"]))
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_leaves_at_once(number, code):
    words = [sys.executable, "-c", STUBBORN]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          env={**os.environ, **AROUND}) as child:
        lines = child.stdout
        assert lines is not None
        next(line for line in lines if line == "step\n")
        child.send_signal(number)
        next(line for line in lines if line == "saving\n")
        began = time.perf_counter()
        child.send_signal(number)
        assert child.wait(20) == code
    assert time.perf_counter() - began < 10


def test_stopping_from_elsewhere_is_no_cancelling(capsys, play):
    def work(request):
        yield Done("stopped", {"steps": 1, "run": "a"})

    play(work)
    assert cli.main(["train", "ddpm-digits", "--out", "a", "--json"]) == 0
    assert last_json(capsys)["outcome"] == "stopped"


def test_a_terminal_shows_a_bar(play, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    play(training)
    assert cli.main(["train", "ddpm-digits", "--out", "a"]) == 0
    assert "━" in capsys.readouterr().out


# --- sample and denoise ---------------------------------------------------------------------------


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


# --- families that are no diffusion ---------------------------------------------------------------


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


# --- presets, runs, info, doctor, bench -----------------------------------------------------------


def test_presets(capsys):
    assert cli.main(["presets", "--json"]) == 0
    listed = {each["name"]: each for each in last_json(capsys)["presets"]}
    assert set(listed) == set(presets.names())
    for each in listed.values():
        assert set(each) == {"name", "family", "data", "says", "source"}
        assert each["says"].endswith(".")
    assert cli.main(["presets"]) == 0
    assert listed["ddpm-mnist"]["says"] in capsys.readouterr().out


def test_runs(capsys, run_folder, home, monkeypatch):
    monkeypatch.setattr(paths, "checkpoints", lambda: home / "shipped")
    (home / "runs" / "broken").mkdir()
    (home / "runs" / "broken" / "run.toml").write_text("[[")
    assert cli.main(["runs", "--json"]) == 0
    listed = {each["name"]: each for each in last_json(capsys)["runs"]}
    assert listed["tiny"]["run"] == str(run_folder)
    assert listed["tiny"]["step"] == 0
    assert listed["broken"]["problem"]
    assert cli.main(["runs"]) == 0
    assert str(run_folder) in capsys.readouterr().out
    assert cli.main(["runs", "--runs", str(home / "nowhere")]) == 0
    assert "There are no runs" in capsys.readouterr().out


def test_info_of_a_preset_counts_its_parameters(capsys):
    assert cli.main(["info", "ddpm-mnist", "--json"]) == 0
    told = last_json(capsys)
    assert told["parameters"]["unet"] > 100_000
    assert told["shape"] == [1, 28, 28]
    assert told["classes"] == 10
    assert (told["family"], told["data"]) == ("ddpm", "mnist")
    assert told["config"]["train"]["batch_size"] == told["batch_size"]
    assert cli.main(["info", "ddpm-mnist"]) == 0
    assert f"unet {told['parameters']['unet']:,}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", [name for name, looks in known.KNOWN.items() if looks.embedded])
def test_info_knows_what_embedded_data_look_like(name):
    from hybridstudio import data

    loading = data.load(RunConfig().data.model_copy(update={"name": name}), paths.data_root())
    try:
        while True:
            next(loading)
    except StopIteration as ended:
        found = data.resolved(RunConfig().data, ended.value)
    assert known.KNOWN[name][:3] == (found.size, found.channels, len(found.classes))


def test_info_of_a_run(capsys, run_folder):
    assert cli.main(["info", "tiny", "--json"]) == 0
    told = last_json(capsys)
    assert told["run"] == str(run_folder)
    assert told["classes"] == 2
    assert told["checkpoints"] == []
    assert told["parameters"]["unet"] > 100_000
    assert cli.main(["info", str(run_folder)]) == 0


def test_info_says_why_parameters_cannot_be_counted_yet(capsys, home):
    (home / "mine.toml").write_text("[data]\nname = 'folder:pictures'\n")
    assert cli.main(["info", "mine.toml", "--json"]) == 0
    told = last_json(capsys)
    assert told["parameters"] == {}
    assert "how large" in told["parameters_unknown"]


def test_doctor(capsys, monkeypatch):
    checks = [doctor.Check("torch", "ok", "2.15.0"), doctor.Check("display", "warn", "none", "ssh")]
    monkeypatch.setattr(doctor, "examine", lambda data_root: iter(checks))
    assert cli.main(["doctor"]) == 0
    assert "ok   torch: 2.15.0" in capsys.readouterr().out
    checks.append(doctor.Check("torchvision", "bad", "mismatch", "pip install"))
    assert cli.main(["doctor", "--json"]) == 1
    told = last_json(capsys)
    assert not told["ok"]
    assert told["checks"][2] == {
        "name": "torchvision", "state": "bad", "says": "mismatch", "fix": "pip install"}


def test_bench_is_a_process_of_its_own(monkeypatch):
    called = []

    def call(words, check):
        called.append(words)
        return subprocess.CompletedProcess(words, 3)

    monkeypatch.setattr(subprocess, "run", call)
    assert cli.main(["bench", "scrub", "--seconds", "5", "--json"]) == 3
    assert called == [[sys.executable, "-m", "hybridstudio.bench", "scrub", "--seconds", "5",
                       "--json"]]


def test_the_help_of_a_bench_is_its_own(capsys, monkeypatch):
    called = []

    def call(words, check):
        called.append(words[3:])
        return subprocess.CompletedProcess(words, 0)

    monkeypatch.setattr(subprocess, "run", call)
    assert cli.main(["bench", "--help"]) == 0
    told = "".join(capsys.readouterr().out.split())  # lines break at hyphens too
    assert not called
    assert all(name in told for name in look.BENCHES)
    assert cli.main(["bench", "few-step", "--help"]) == 0
    assert called == [["few-step", "--help"]]


def test_benches_are_listed_and_fail_as_commands_do(capsys, monkeypatch):
    from hybridstudio.bench import __main__ as bench

    def fail(asked):
        raise StudioError("No room", "the disk is full", "free some")

    assert tuple(bench.BENCHES) == look.BENCHES
    monkeypatch.setitem(bench.BENCHES, "scrub", fail)
    for words, what in ((["scrub"], "No room"), (["nonsense"], "Argument name")):
        monkeypatch.setattr(sys, "argv", ["bench", *words, "--json"])
        assert bench.main() != 0
        assert last_json(capsys)["error"].startswith(what)


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
