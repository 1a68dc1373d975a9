import json
import subprocess
import sys
from pathlib import Path

import pytest

from hybridstudio import doctor, paths
from hybridstudio.doctor import Check, examine, install_line, is_bad_pyside, mend_pair, numbers


def one(checks, name: str) -> Check:
    return next(check for check in checks if check.name == name)


@pytest.fixture
def child(monkeypatch):
    """Answer for the child processes: `child(code, stdout, stderr)`."""

    def install(returncode: int, stdout: str = "", stderr: str = "") -> None:
        monkeypatch.setattr(doctor, "_child", lambda code, **environment:
                            subprocess.CompletedProcess([], returncode, stdout, stderr))

    return install


@pytest.fixture
def versions(monkeypatch):
    def install(**found: str | None) -> None:
        monkeypatch.setattr(doctor, "version", lambda package: found.get(package.partition("-")[0]))

    return install


KNOWN = json.dumps({"threads": 2, "built_for_cuda": "13.2", "mps": False, "cuda": None})
MISMATCH = """Traceback (most recent call last):
  File "torchvision/_meta_registrations.py", line 163, in <module>
RuntimeError: operator torchvision::nms does not exist
"""


def test_this_machine_is_well_enough_to_run_these_tests():
    found = {check.name: check for check in examine(names=("python", "torch"))}
    assert set(found) == {"Python", "torch", "torchvision", "GPU", "processor"}
    assert all(check.state != "bad" for check in found.values()), found


def test_it_imports_neither_torch_nor_qt():
    code = ("import sys, hybridstudio.doctor; "
            "sys.exit(bool({'torch', 'PySide6'} & set(sys.modules)))")
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(doctor.__file__).parents[1])


@pytest.mark.parametrize(("installed", "remedy"), [
    # A build from elsewhere counts as newer than the registry's own: only === gets rid of it.
    ("2.15.0+cpu", "install --upgrade torch===2.15.0 torchvision"),
    ("2.15.0", "install --upgrade --force-reinstall torch torchvision"),
])
def test_a_mismatched_pair_is_recognised_and_mended_exactly(child, versions, installed, remedy):
    versions(torch=installed, torchvision="0.29.2")
    child(1, KNOWN, MISMATCH)
    check = one(examine(names=("torch",)), "torchvision")
    assert check.state == "bad"
    assert "operator torchvision::nms does not exist" in check.says
    assert check.fix == f"{sys.executable} -m pip {remedy}"


def test_the_pair_missing_or_broken_or_old(child, versions):
    versions(torch="2.15.0")
    assert [check.says for check in examine(names=("torch",))] == ["torchvision not installed"]
    versions(torch="2.15.0", torchvision="0.29.2")
    child(1, "", "ImportError: libcudart.so.13: cannot open shared object file")
    [check] = examine(names=("torch",))
    assert check.state == "bad"
    assert "libcudart.so.13" in check.says
    assert "--force-reinstall" in check.fix
    versions(torch="2.10.0", torchvision="0.25")
    child(0, KNOWN)
    assert one(examine(names=("torch",)), "torch").state == "warn"


@pytest.mark.parametrize(("told", "nvidia", "state", "says"), [
    ({"cuda": ["H100", 80e9, True]}, False, "ok", "H100, 80 GB, bfloat16"),
    ({"mps": True}, False, "ok", "Metal"),
    ({}, False, "ok", "none"),
    ({}, True, "warn", "cannot use its driver"),
    ({"built_for_cuda": None}, True, "warn", "without CUDA"),
])
def test_the_gpu(child, versions, monkeypatch, told, nvidia, state, says):
    versions(torch="2.15.0", torchvision="0.29.2")
    child(0, json.dumps({**json.loads(KNOWN), **told}))
    monkeypatch.setattr(doctor.shutil, "which", lambda name: name if nvidia else None)
    monkeypatch.setattr(doctor, "_works", lambda words: nvidia)
    check = one(examine(names=("torch",)), "GPU")
    assert check.state == state
    assert says in check.says
    assert bool(check.fix) == (state != "ok")


@pytest.mark.parametrize(("version", "python", "bad"), [
    ("6.9.1", (3, 13), True), ("6.11.0", (3, 12), True), ("6.11.1", (3, 11), True),
    ("6.11.3", (3, 11), False), ("6.12.0", (3, 11), True), ("6.12.0", (3, 12), False),
    ("6.8.2.1", (3, 11), False), ("7.0.0", (3, 11), True),
])
def test_bad_versions_of_pyside(version, python, bad):
    assert is_bad_pyside(version, python) == bad


def test_the_window_without_pyside_or_with_a_bad_one(versions):
    versions()
    [check] = examine(names=("window",))
    assert check.state == "warn"
    assert "the command line works" in check.says
    versions(PySide6="6.11.0")
    [check] = examine(names=("window",))
    assert check.state == "bad"
    assert "PySide6-Essentials>=6.8" in check.fix


def test_missing_libraries_are_named_by_their_packages(child, versions, monkeypatch):
    versions(PySide6="6.11.3")
    child(1, "", "ImportError: libEGL.so.1: cannot open shared object file")

    def load(name: str) -> None:
        if name in ("libEGL.so.1", "libxcb-cursor.so.0"):
            raise OSError(name)

    monkeypatch.setattr(doctor.ctypes, "CDLL", load)
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    monkeypatch.setattr(doctor.shutil, "which", lambda name: name)
    monkeypatch.setattr(doctor.os, "geteuid", lambda: 1000, raising=False)
    check = one(examine(names=("window",)), "Qt libraries")
    assert check.state == "bad"
    assert check.fix == "sudo apt-get install -y libegl1 libxcb-cursor0"
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert install_line(["libegl1"]) == "install what Debian calls libegl1"


def test_no_display_names_the_command_line(child, versions, monkeypatch):
    versions(PySide6="6.11.3")
    child(0, "offscreen")
    monkeypatch.setattr(doctor, "missing_libraries", list)
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    check = one(examine(names=("window",)), "display")
    assert check.state == "warn"
    assert "hybridstudio --help" in check.fix
    monkeypatch.setenv("DISPLAY", ":7")
    assert one(examine(names=("window",)), "display") == Check("display", "ok", ":7")


def test_a_display_that_does_not_answer(versions, monkeypatch):
    versions(PySide6="6.11.3")
    monkeypatch.setattr(doctor, "missing_libraries", list)
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", ":4242")
    monkeypatch.setattr(doctor, "_child", lambda code, QT_QPA_PLATFORM:
                        subprocess.CompletedProcess([], 0 if QT_QPA_PLATFORM else -6, "", ""))
    check = one(examine(names=("window",)), "display")
    assert check == Check("display", "warn", ":4242 cannot be reached",
                          "check DISPLAY and xauth; the command line works as it is")


def test_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 2e9}))
    found = list(examine(tmp_path, names=("folders",)))
    assert one(found, "runs").state == "warn"
    assert "2.0 GB free" in one(found, "runs").says
    assert "HYBRIDSTUDIO_RUNS" in one(found, "runs").fix
    assert one(found, "data").state == "ok"
    assert "none in" in one(found, "data").says
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    (tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte.gz").touch()
    assert one(examine(tmp_path, names=("folders",)), "data").says == f"mnist in {tmp_path}"


def test_a_folder_that_cannot_be_written(monkeypatch, tmp_path):
    def refuse(dir):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    check = one(examine(tmp_path, names=("folders",)), "runs")
    assert check.state == "bad"
    assert "Permission denied" in check.says
    assert "HYBRIDSTUDIO_RUNS" in check.fix


def test_models_that_ship(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "checkpoints", lambda: tmp_path)
    assert one(examine(names=("folders",)), "models").state == "warn"
    (tmp_path / "ddpm-mnist").mkdir()
    (tmp_path / "ddpm-mnist" / "run.toml").touch()
    assert one(examine(names=("folders",)), "models").says == "ddpm-mnist ready to use"


def test_versions_are_compared_as_numbers():
    assert numbers("2.15.0+cpu") == (2, 15, 0)
    assert numbers("2.9") < numbers("2.11.0rc1")
    assert doctor.version("pytest")
    assert doctor.version("no-such-package-at-all") is None


def test_a_child_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(doctor, "PATIENCE", 0.5)
    ended = doctor._child("import time; time.sleep(60)")
    assert ended.returncode == 124
    assert "no answer" in ended.stderr


def test_it_runs_by_itself():
    done = subprocess.run([sys.executable, "-m", "hybridstudio.doctor", "python"], text=True,
                          capture_output=True, cwd=Path(doctor.__file__).parents[1])
    assert done.returncode == 0
    assert done.stdout.startswith("ok   Python: 3.")


def test_mending_names_this_python():
    assert mend_pair("2.13.0+cpu").startswith(sys.executable)
