"""The log of a training: exact, in order, and waiting where the disk is full or gone."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runfiles import curve, new_run, record, write

from hybridstudio import runs
from hybridstudio.runs import MetricsLog, MetricsReader


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return new_run(tmp_path)


def test_what_is_logged_is_read_exactly(run: Path) -> None:
    log, reader = MetricsLog(run), MetricsReader(run)
    log.mark("started", step=0)
    values = [0.1 + 0.2, 1e-300, -5.0, np.float32(0.1), float("nan"), float("inf"), -float("inf")]
    for step, value in enumerate(values, 1):
        log.append(step, {"loss": value}, {"lr": 1e-4}, seconds=step / 2)
    text = (run / "metrics.jsonl").read_text()
    assert text.count("\n") == 8
    assert '"nan"' in text
    assert "NaN" not in text
    records = reader.poll()
    assert [found.get("event", "") for found in records] == ["started"] + [""] * 7
    assert list(reader.events) == records[:1]
    steps, seconds, found = reader.series()["loss"]
    assert steps.tolist() == list(range(1, 8))
    assert seconds.tolist() == [step / 2 for step in range(1, 8)]
    assert np.array_equal(found, np.array(values, float), equal_nan=True)
    assert reader.series("rates")["lr"].values.tolist() == [1e-4] * 7
    log.close()
    log.close()


def test_the_clock_goes_on_where_the_records_end(run: Path) -> None:
    log = MetricsLog(run)
    log.append(1, {"loss": 1.0}, seconds=100.0)
    log.close()
    log = MetricsLog(run)
    log.append(2, {"loss": 1.0})
    log.close()
    log = MetricsLog(run, seconds=50.0)
    log.append(3, {"loss": 1.0})
    log.close()
    reader = MetricsReader(run)
    reader.poll()
    assert reader.series()["loss"].seconds.tolist() == pytest.approx([100, 100, 50], abs=1)


def test_half_a_line_of_a_killed_process_is_ended(run: Path) -> None:
    write(run, record(1))
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step":2,"sec')
    log, reader = MetricsLog(run), MetricsReader(run)
    reader.poll()
    log.append(3, {"loss": 3.0})
    log.close()
    reader.poll()
    assert curve(reader) == {1: 1.0, 3: 3.0}
    assert reader.bad_lines == 1


class FullDisk:
    """A disk with room for so many bytes more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room, self.real = room, os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, descriptor: int, data: Any) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self.real(descriptor, bytes(data)[:self.room])
        self.room -= written
        return written


def test_a_full_disk_does_not_stop_the_log(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, reader = MetricsLog(run), MetricsReader(run)
    log.append(1, {"loss": 1.0})
    disk = FullDisk(monkeypatch, 30)  # half a line
    for step in range(2, 100):
        log.append(step, {"loss": float(step)})
    assert log.pending == 98
    assert log.problem is not None
    assert "full" in log.problem.why
    assert "metrics.jsonl" in log.problem.what
    reader.poll()
    assert curve(reader) == {1: 1.0}
    disk.room = 10**6
    log.append(100, {"loss": 100.0})
    assert (log.pending, log.problem, log.lost) == (0, None, 0)
    log.close()
    reader.poll()
    assert curve(reader) == {step: float(step) for step in range(1, 101)}
    assert reader.bad_lines == 0


def test_the_log_waits_in_bounded_memory(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs.log, "MAX_PENDING", 100)
    disk = FullDisk(monkeypatch, 130)
    log, reader = MetricsLog(run), MetricsReader(run)
    log.mark("started", step=0)
    for step in range(1, 1001):
        log.append(step, {"loss": float(step)})
        assert log.pending <= 103
    log.mark("notice", what="the disk was full")
    disk.room = 10**6
    log.close()
    reader.poll()
    steps = list(curve(reader))
    assert len(steps) + log.lost == 1000
    assert steps[0] == 1
    assert steps[-1] > 960
    assert max(np.diff(steps)) <= 32, "the curve keeps its shape"
    assert [event["event"] for event in reader.events] == ["started", "notice"]
    assert reader.bad_lines == 0


def test_a_deleted_file_is_begun_again(run: Path) -> None:
    log, reader = MetricsLog(run), MetricsReader(run)
    log.append(1, {"loss": 1.0})
    reader.poll()
    (run / "metrics.jsonl").unlink()
    assert reader.poll() == []
    log.append(2, {"loss": 2.0})
    log.close()
    reader.poll()
    assert curve(reader) == {2: 2.0}
    assert reader.resets == 1


def test_a_deleted_folder_is_waited_for(run: Path) -> None:
    log = MetricsLog(run / "later")
    log.append(1, {"loss": 1.0})
    assert log.pending == 1
    (run / "later").mkdir()
    assert log.flush()
    log.close()
    assert len(MetricsReader(run / "later").poll()) == 1
