"""The command line as a whole: help, mistakes, failures and odd terminals."""

import json
import os
import subprocess
import sys
import time

import pytest
from cliplays import AROUND, last_json

import hybridstudio
from hybridstudio import cli
from hybridstudio.errors import StudioError
from hybridstudio.messages import Notice, Started

pytestmark = pytest.mark.usefixtures("home")


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
