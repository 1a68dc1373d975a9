"""tools/setup.sh with stubs in the place of Python, pip and apt: what it does where."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = ("sh", "cat", "cksum", "dirname", "mkdir", "cp")

PYTHON = """#!/bin/sh
case "$*" in
    *"sys.version_info < (3, 11)"*) exit ${TOO_OLD:-0} ;;
    --version) echo Python 3.12.1 ;;
    *"%d-venv"*) echo python3.12-venv ;;
    *"-m venv"*) [ -z "$NO_VENV" ] || [ -e "$STUBS/have-venv" ] || exit 1
                 mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *"hybridstudio.doctor torch") [ -z "$MISMATCH" ] || [ -e "$STUBS/mended" ] ;;
    *mend_pair*) echo "echo mended >$STUBS/mended" ;;
    *) echo "python $*" >>"$STUBS/log" ;;
esac
"""
APT = """#!/bin/sh
echo "apt-get $*" >>"$STUBS/log"
case "$*" in *install*venv*) echo >"$STUBS/have-venv" ;; esac
"""


class Machine:
    """A made-up machine: a checkout and a PATH that holds nothing but stubs."""

    def __init__(self, folder: Path) -> None:
        self.checkout, self.stubs = folder / "checkout", folder / "stubs"
        (self.checkout / "tools").mkdir(parents=True)
        self.stubs.mkdir()
        shutil.copy(ROOT / "tools" / "setup.sh", self.checkout / "tools")
        shutil.copy(ROOT / "pyproject.toml", self.checkout)
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None
            (self.stubs / tool).symlink_to(found)

    def has(self, name: str, script: str) -> None:
        (self.stubs / name).write_text(script)
        (self.stubs / name).chmod(0o755)

    def is_debian(self, *, root: bool, installed: bool = False) -> None:
        self.has("apt-get", APT)
        self.has("dpkg-query", f"#!/bin/sh\n{'echo install ok installed' * installed}\n")
        self.has("id", f"#!/bin/sh\necho {0 if root else 1000}\n")

    def set_up(self, extra: str = "window", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "tools/setup.sh", extra], cwd=self.checkout, text=True, capture_output=True,
            env={"PATH": str(self.stubs), "STUBS": str(self.stubs), **variables})

    @property
    def log(self) -> list[str]:
        file = self.stubs / "log"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path)
    made.has("python3.12", PYTHON)
    return made


def test_it_installs_once_and_again_when_the_project_changes(machine):
    done = machine.set_up()
    assert done.returncode == 0, done.stderr
    assert "Python 3.12.1" in done.stdout
    assert machine.log == ["python -m pip install --quiet --editable .[window]"]
    again = machine.set_up()
    assert (again.returncode, again.stdout) == (0, "")
    assert len(machine.log) == 1
    with (machine.checkout / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert machine.set_up().returncode == 0
    assert len(machine.log) == 2


def test_what_tests_need_includes_the_window(machine):
    assert machine.set_up("test").returncode == 0
    assert machine.set_up("window").stdout == ""
    assert machine.log == ["python -m pip install --quiet --editable .[test]"]


def test_no_python_says_what_to_install(machine):
    (machine.stubs / "python3.12").unlink()
    done = machine.set_up()
    assert done.returncode == 1
    assert "sudo apt-get install -y python3 python3-venv" in done.stderr
    assert "PYTHON=" in done.stderr


def test_a_python_that_is_too_old_counts_as_none(machine):
    assert machine.set_up(TOO_OLD="1").returncode == 1
    done = machine.set_up(TOO_OLD="1", PYTHON="python3.12")
    assert done.returncode == 1
    assert "PYTHON=python3.12 is not" in done.stderr


def test_root_on_debian_gets_venv_and_what_qt_needs(machine):
    machine.is_debian(root=True)
    done = machine.set_up("test", NO_VENV="1")
    assert done.returncode == 0, done.stderr
    installs = [line for line in machine.log if "install -y" in line]
    assert installs[0].endswith(" python3.12-venv")
    assert " libegl1 " in installs[1]
    assert installs[1].endswith(" xvfb")


def test_a_user_on_debian_is_told_the_exact_lines(machine):
    machine.is_debian(root=False)
    done = machine.set_up(NO_VENV="1")
    assert done.returncode == 1
    assert "  sudo apt-get install -y python3.12-venv\n" in done.stderr
    done = machine.set_up()  # the window may yet open, so it goes on
    assert done.returncode == 0
    assert "  sudo apt-get install -y libglib2.0-0 libegl1 libgl1 " in done.stdout
    done = machine.set_up("test")
    assert done.returncode == 1
    assert "The tests cannot pass" in done.stderr
    assert not any(line.startswith("apt-get") for line in machine.log)


def test_nothing_is_asked_of_apt_where_all_is_there(machine):
    machine.is_debian(root=True, installed=True)
    assert machine.set_up("test").returncode == 0
    assert not any(line.startswith("apt-get") for line in machine.log)


def test_a_mismatched_torch_is_mended(machine):
    done = machine.set_up(MISMATCH="1")
    assert done.returncode == 0, done.stderr
    assert "do not fit together" in done.stdout
    assert (machine.stubs / "mended").exists()
