"""`presets`, `runs`, `info`, `doctor` and `bench` on the command line."""

import subprocess
import sys

import pytest
from cliplays import last_json

from hybridstudio import cli, doctor, paths, presets
from hybridstudio.cli import look
from hybridstudio.config import RunConfig, known
from hybridstudio.errors import StudioError

pytestmark = pytest.mark.usefixtures("home")


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
