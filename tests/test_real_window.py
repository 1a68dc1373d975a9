"""The real window on a real display, used with mouse and keyboard: the walk that the docs show."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def screen() -> Iterator[dict[str, str]]:
    """The environment of a program with a display: a virtual one where Linux has it to give."""
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY")}
    if not sys.platform.startswith("linux"):
        yield environment
        return
    server = shutil.which("Xvfb")
    assert server, "the tests need Xvfb: apt-get install xvfb"
    read, write = os.pipe()
    running = subprocess.Popen(
        [server, "-displayfd", str(write), "-screen", "0", "1280x720x24"], pass_fds=[write],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as told:
        number = told.readline().strip()
    try:
        yield {**environment, "DISPLAY": f":{number}"}
    finally:
        running.terminate()
        running.wait(10)


def run(words: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], env=environment, cwd=ROOT, text=True,
                          capture_output=True, timeout=280)


def test_the_program_shows_its_window_and_ends(screen: dict[str, str]) -> None:
    done = run(["-m", "hybridstudio"], {**screen, "HYBRIDSTUDIO_TIMING": "1"})
    assert done.returncode == 0, done.stderr
    assert "visible_s" in done.stdout
    assert done.stderr == ""


def test_a_walk_through_the_studio(screen: dict[str, str], tmp_path: Path) -> None:
    """Scrub, try the example, start, pause, continue, sample while training, finish, scrub."""
    done = run(["tools/screenshots.py", "--out", str(tmp_path), "--preset", "ddpm-digits",
                "--steps", "300", "--minute", "3"], screen)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stderr == ""
    names = {file.name for file in tmp_path.iterdir()}
    assert {"welcome-dark.png", "denoise-light.png", "train-light.png", "data-dark.png"} <= names
