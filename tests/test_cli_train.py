"""`train` and `resume` on the command line: what they ask for and tell, and signals."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cliplays import AROUND, CONFIG, last_json, training

from hybridstudio import cli, presets, runs
from hybridstudio.config import RunConfig, with_values
from hybridstudio.messages import Done, Progress, Resume, Started, Train

pytestmark = pytest.mark.usefixtures("home")


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
