"""Saving a checkpoint while calls fail, the disk is full or the process is killed."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from savedruns import assert_holds, opened, saved, strays

from hybridstudio.engine.checkpoints import DiskFull, available, load
from hybridstudio.errors import StudioError

pytestmark = pytest.mark.usefixtures("quick_disk")

CALLS = ("open", "write", "fsync", "rename", "mkdir", "close")


class Faulty:
    """Let the Nth of these system calls fail, or end the process there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, fault: int) -> None:
        self.count, self.at, self.fault = 0, at, fault
        for name in CALLS:
            monkeypatch.setattr(os, name, self._wrapped(name, getattr(os, name)))

    def _wrapped(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            self.count += 1
            if self.count == self.at:
                if name == "close":
                    real(*args)
                raise OSError(self.fault, os.strerror(self.fault))
            return real(*args, **options)
        return call


@pytest.mark.parametrize("fault", [errno.EIO, errno.ENOSPC, errno.EACCES, errno.EROFS])
@pytest.mark.parametrize("again", [False, True], ids=["new step", "same step"])
def test_a_failing_call_loses_nothing(tmp_path: Path, fault: int, again: bool) -> None:
    step = 2 if again else 3
    for at in range(1, 200):
        run = tmp_path / str(at)
        run.mkdir()
        saved(run, 1, 2)
        with pytest.MonkeyPatch.context() as patched:
            faulty = Faulty(patched, at, fault)
            told = None
            try:
                saved(run, step, keep=2)
            except StudioError as error:
                told = error
        if faulty.count < at:
            break
        if told is None:  # it failed while clearing away, when all was saved
            assert_holds(load(run, step), step)
        else:
            assert str(step) in told.what
            assert isinstance(told, DiskFull) == (fault == errno.ENOSPC)
            assert str(run) in told.why
            assert not [name for name in strays(run) if name.startswith(".tmp-")]
        assert_holds(load(run, 1), 1) if told is not None else None
        kept, notices = opened(run)
        assert kept is not None
        assert not notices
        assert_holds(kept, kept.step)
        assert kept.step >= 2
        saved(run, 9, keep=2)
        assert not strays(run)
        assert_holds(load(run, 9), 9)
    assert at > 20, "every call of a save should have failed once"
    assert told is None


def test_a_full_disk_is_seen_before_writing(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path, 1)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 12_345))
    with pytest.raises(DiskFull, match=r"needs 1\.0 MB, .* has 0\.0 MB") as told:
        saved(tmp_path, 2)
    assert told.value.has == 12_345
    assert told.value.needs > 1_000_000
    monkeypatch.undo()
    saved(tmp_path, 2)
    assert available(tmp_path) == [1, 2]
    assert not strays(tmp_path)


def test_a_deleted_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="step 1"):
        saved(tmp_path / "gone", 1)
    assert not (tmp_path / "gone").exists()


def test_an_interrupted_save_leaves_no_stray(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "checkpoints").mkdir()

    def interrupted(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        saved(tmp_path, 1)
    assert not strays(tmp_path)


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
import torch
from hybridstudio.engine.checkpoints import newest, save

os.fsync = lambda descriptor: None  # a killed process takes nothing back from the system
CALLS = "open", "write", "fsync", "rename", "mkdir", "close", "rmdir", "unlink", "scandir"

def saved(run, step):
    save(run, step, {"model": {"w": torch.full((50, 50), float(step))}}, {"step": step}, 2)

def begun(name):
    run = Path(sys.argv[1]) / name
    run.mkdir()
    saved(run, 1)
    saved(run, 2)
    return run

def dying_at(call):
    calls = iter(range(1, 10**6))
    def wrapped(real):
        def called(*args, **options):
            if next(calls) == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **options)
        return called
    for name in CALLS:
        setattr(os, name, wrapped(getattr(os, name)))

def check(run):
    events = newest(run)
    try:
        raise SystemExit(f"{run}: {next(events)}")
    except StopIteration as end:
        kept = end.value
    assert kept.step >= 2 and kept.state == {"step": kept.step}, run
    assert torch.equal(kept.tensors["model"]["w"], torch.full((50, 50), float(kept.step)))
    saved(run, 2000)
    left = [entry.name for entry in (run / "checkpoints").iterdir()]
    assert len(left) == 2 and all(name.startswith("step-") for name in left), (run, left)

for call in range(1, 1000):
    run = begun(f"call-{call}")
    child = os.fork()
    if child == 0:
        dying_at(call)
        saved(run, 3)
        saved(run, 3)  # again: replaces what is there
        os._exit(0)
    survived = os.waitpid(child, 0)[1] == 0
    check(run)
    if survived:
        break
for attempt in range(12):
    run = begun(f"moment-{attempt}")
    child = os.fork()
    if child == 0:
        for step in range(3, 10**6):
            saved(run, step)
    time.sleep(random.uniform(0.0, 0.05))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    check(run)
print(call)
"""


def test_killed_at_any_call_or_moment(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True,
                          text=True, timeout=120, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50
