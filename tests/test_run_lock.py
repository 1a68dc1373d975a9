"""Who trains a run: its lock, and the control words that steer who holds it."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from runfiles import HERE, new_run, record, write

from hybridstudio import runs
from hybridstudio.errors import StudioError, UsageError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return new_run(tmp_path)


# --- the lock -------------------------------------------------------------------------------------

HOLDING = """
import sys, time
from pathlib import Path
from hybridstudio import runs
with runs.lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def held_by_another(run: Path) -> Iterator[subprocess.Popen[str]]:
    other = subprocess.Popen([sys.executable, "-c", HOLDING, str(run)], text=True, cwd=HERE,
                             stdout=subprocess.PIPE)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    try:
        yield other
    finally:
        other.kill()
        other.wait()
        other.stdout.close()


def test_two_processes_on_one_run(run: Path) -> None:
    write(run, record(5))
    with held_by_another(run) as other:
        began = time.monotonic()
        with pytest.raises(StudioError) as told, runs.lock(run):
            pass
        assert time.monotonic() - began < 1.0
        assert f"process {other.pid} on {socket.gethostname()}" in told.value.why
        assert runs.read(run).state == "training"
        other.send_signal(signal.SIGKILL)
        time.sleep(0.1)
        assert runs.read(run).state == "interrupted"  # though its parent has not asked after it
        with runs.lock(run) as notice:
            assert notice is not None
            assert str(other.pid) in notice.why
            assert runs.read(run).state == "training"
    assert not (run / "run.lock").exists()


def test_a_lock_is_taken_and_given_back(run: Path) -> None:
    for _ in range(3):
        with runs.lock(run) as notice:
            assert notice is None
            told = json.loads((run / "run.lock").read_text())
            assert told["pid"] == os.getpid()
            assert told["host"] == socket.gethostname()
            assert "started" in told
            began = time.monotonic()
            with pytest.raises(StudioError, match=str(os.getpid())), runs.lock(run):
                pass
            assert time.monotonic() - began < 1.0
            assert runs.read(run).state == "training"
        assert runs.holder(run) is None


def test_a_lock_is_given_back_by_another_thread(run: Path) -> None:
    held = runs.lock(run)
    held.__enter__()
    thread = threading.Thread(target=held.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    with runs.lock(run) as notice:
        assert notice is None


def test_another_hosts_lock_is_respected(run: Path) -> None:
    (run / "run.lock").write_text('{"pid": 12, "host": "node-7", "started": "2026-01-01"}')
    with pytest.raises(StudioError, match="node-7") as told, runs.lock(run):
        pass
    assert "12" in told.value.why
    assert str(run / "run.lock") in told.value.fix
    assert runs.read(run).state == "training"


@pytest.mark.parametrize("left", [
    json.dumps({"pid": 2**22 + 1, "host": socket.gethostname()}),
    json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "birth": "another boot/7"}),
    json.dumps({"pid": -1, "host": socket.gethostname()}),
    json.dumps({"pid": 10**30, "host": socket.gethostname()}),
    "", "{", "[]", "null", '{"pid": "x"}', "[" * 5000, "\0" * 100,
])
def test_a_stale_lock_is_taken_over(run: Path, left: str) -> None:
    (run / "run.lock").write_text(left)
    assert runs.read(run).state == "stopped"
    with runs.lock(run) as notice:
        assert notice is not None
        assert "Took over" in notice.what
    with runs.lock(run) as notice:
        assert notice is None


def test_a_live_process_named_in_the_lock_is_respected(run: Path) -> None:
    (run / "run.lock").write_text(json.dumps({"pid": 1, "host": socket.gethostname()}))
    with pytest.raises(StudioError, match="process 1 on"), runs.lock(run):
        pass


def test_a_lock_in_a_folder_that_is_gone_or_read_only(
        run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StudioError, match="no run"), runs.lock(run / "missing"):
        pass
    assert not (run / "missing").exists()

    def refused(*args: Any, **options: Any) -> int:
        raise OSError(errno.EROFS, "read-only", "x")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(StudioError, match="cannot be written"), runs.lock(run):
        pass


def test_a_run_deleted_while_locked(run: Path) -> None:
    import shutil
    with runs.lock(run):
        shutil.rmtree(run)


# --- control words --------------------------------------------------------------------------------


def test_words_are_taken_once_and_pause_stays(run: Path) -> None:
    assert runs.taken(run) == set()
    for word in ("save", "stop", "pause"):
        runs.post(run, word)
    assert runs.taken(run) == {"save", "stop"}
    assert runs.taken(run) == set()
    assert runs.is_paused(run)
    runs.withdraw(run)
    runs.withdraw(run)
    assert not runs.is_paused(run)
    with pytest.raises(UsageError, match="dance"):
        runs.post(run, "dance")
    with pytest.raises(StudioError):
        runs.post(run / "missing", "save")


def test_a_new_training_hears_no_old_words(run: Path) -> None:
    runs.post(run, "pause")
    runs.post(run, "stop")
    with runs.lock(run):
        assert not runs.is_paused(run)
        assert runs.taken(run) == set()
        runs.post(run, "save")
        assert runs.taken(run) == {"save"}
