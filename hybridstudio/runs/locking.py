"""The lock of a run: one training at a time, and everyone can see whose it is.

`run.lock` tells who holds the run (process, host, since when). A killed process leaves it behind,
so it counts only while that process lives. Taking it is guarded by an operating system lock on
`.run.lock`, which ends with its process; other hosts may not see that one, but read `run.lock`.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from hybridstudio.errors import StudioError, translate
from hybridstudio.messages import Notice
from hybridstudio.runs import words
from hybridstudio.runs.disk import replace_durably

_PATIENCE = 0.3  # seconds; another process may be looking at the lock for a moment


@dataclass(frozen=True)
class Holder:
    """The process that trains a run, its host, and when it began (ISO 8601, UTC)."""

    pid: int
    host: str
    started: str
    birth: str = ""

    @property
    def lives(self) -> bool:
        """Whether it still runs; a process of another host is believed to."""
        if self.host != socket.gethostname():
            return True
        birth = _birth(self.pid)
        return birth is not None and self.birth in ("", birth)

    @property
    def is_us(self) -> bool:
        """Whether it is this very process."""
        return (self.pid, self.host) == (os.getpid(), socket.gethostname())

    def __str__(self) -> str:
        since = f", since {self.started}" if self.started else ""
        return f"process {self.pid} on {self.host}{since}"


def holder(path: Path) -> Holder | None:
    """Return who trains the run at `path` now, or None; needs only to read."""
    found = _read(path)
    return found if found is not None and found.lives else None


@contextmanager
def lock(path: Path) -> Iterator[Notice | None]:
    """Hold the run at `path` for training; a Notice tells of a dead process's lock taken over.

    Words posted before are dropped. Raises StudioError within a second, naming process and host,
    when somebody else holds the run, or when the folder cannot be written.
    """
    if not path.is_dir():
        raise StudioError(f"There is no run at {path}", "the folder does not exist",
                          "check the path; it may have been moved or deleted")
    # The lock may be released by another thread than took it: a generator ends where it is closed.
    guard = FileLock(path / ".run.lock", thread_local=False)
    try:
        guard.acquire(timeout=_PATIENCE, poll_interval=0.02)
    except Timeout:
        raise _refusal(path, _read(path)) from None
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        notice = _claim(path)
        try:
            yield notice
        finally:
            _release(path)
    finally:
        with suppress(OSError):  # the folder may be gone
            guard.release()


def _claim(path: Path) -> Notice | None:
    """Write our name into run.lock unless a live process or another host stands there."""
    before = _read(path)
    left_behind = (path / "run.lock").exists()
    pid = os.getpid()
    # We hold the guard, so our own name can only be left over from a release that failed.
    is_us = before is not None and (before.pid, before.host) == (pid, socket.gethostname())
    if before is not None and before.lives and not is_us:
        raise _refusal(path, before)
    ours = {"pid": pid, "host": socket.gethostname(),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "birth": _birth(pid) or ""}
    try:
        replace_durably(path / "run.lock", json.dumps(ours).encode())
    except OSError as error:
        raise _unwritable(path, error) from error
    words.forget(path)
    if not left_behind:
        return None
    return Notice("Took over the run from a training that ended without closing it",
                  f"its lock named {before}" if before else "its lock could not be read",
                  "nothing to do: it goes on from the last checkpoint")


def _release(path: Path) -> None:
    found = _read(path)
    if found is not None and found.is_us:
        with suppress(OSError):
            (path / "run.lock").unlink()


def _read(path: Path) -> Holder | None:
    """Return who is named in run.lock, alive or not; None when there is nothing to be read."""
    try:
        with (path / "run.lock").open("rb") as file:
            values = json.loads(file.read(4096))
        return Holder(int(values["pid"]), str(values["host"]), str(values.get("started", "")),
                      str(values.get("birth", "")))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _birth(pid: int) -> str | None:
    """Tell apart processes that had the same number: when this one began; None if it is dead.

    Counted from the machine's start, so that a change of the clock does not matter.
    """
    if not Path("/proc/self/stat").exists():
        import psutil  # needed only where there is no /proc

        try:
            process = psutil.Process(pid)
            dead = process.status() == psutil.STATUS_ZOMBIE
            return None if dead else f"{process.create_time():.0f}"
        except (psutil.Error, ValueError, OverflowError):
            return None
    try:
        # proc(5): after the name in brackets come the state and, 19 further, the start in ticks.
        after_name = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2]
        state, *rest = after_name.split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else f"{boot}/{rest[18]}"


def _refusal(path: Path, by: Holder | None) -> StudioError:
    if by is None:
        return StudioError("Another training holds this run", f"{path} is locked",
                           "wait until it ends, or start a new run")
    if by.host != socket.gethostname():
        return StudioError(
            "This run is being trained on another machine", f"{by} holds {path}",
            f"stop it there; if it is not running any more, delete {path / 'run.lock'}")
    return StudioError("This run is being trained already", f"{by} holds {path}",
                       "stop it first, or start a new run; looking at it works meanwhile")


def _unwritable(path: Path, error: OSError) -> StudioError:
    told = translate(error)
    return StudioError(f"The run at {path} cannot be written, so it cannot be trained there",
                       told.why, "copy it to a folder that you may write to", told.detail)
