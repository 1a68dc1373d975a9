from __future__ import annotations

import errno
import json
import os
import random
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

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hybridstudio import paths, runs
from hybridstudio.config import RunConfig, with_values
from hybridstudio.errors import ConfigError, StudioError, UsageError
from hybridstudio.runs import MetricsLog, MetricsReader, reader

HERE = Path(__file__).parents[1]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = tmp_path / "a run"
    runs.create(path, RunConfig())
    return path


def record(step: int, **values: Any) -> str:
    return json.dumps({"step": step, "seconds": step / 10, "values": values or {"loss": 1 / step},
                       "rates": {"lr": 0.5}})


def write(run: Path, *lines: str, how: str = "a") -> None:
    with (run / "metrics.jsonl").open(how) as file:
        file.writelines(line + "\n" for line in lines)


def curve(reader: MetricsReader, name: str = "loss") -> dict[int, float]:
    series = reader.series()[name]
    return dict(zip(series.steps.tolist(), series.values.tolist(), strict=True))


# --- the folder -----------------------------------------------------------------------------------


def test_a_run_is_made_and_read(run: Path) -> None:
    found = runs.read(run)
    assert found.config == RunConfig()
    assert (found.path, found.name, found.state) == (run, "a run", "stopped")
    assert (found.step, found.seconds, found.checkpoints, found.card) == (0, 0.0, (), None)
    assert not found.shipped
    assert [file.name for file in run.iterdir()] == ["run.toml"]


def test_a_run_is_never_overwritten(run: Path) -> None:
    with pytest.raises(UsageError, match="a run at"):
        runs.create(run, RunConfig(name="other"))
    assert runs.read(run).config.name == "run"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StudioError, match="file"):
        runs.create(tmp_path / "file" / "run", RunConfig())


def test_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="no run at"):
        runs.read(tmp_path)
    (tmp_path / "run.toml").write_text("schema_version = [")
    with pytest.raises(ConfigError):
        runs.read(tmp_path)
    (tmp_path / "run.toml").write_text("[train]\nstep = 5")
    with pytest.raises(ConfigError, match=r"train\.step"):
        runs.read(tmp_path)


def test_a_changed_config_is_read_anew(run: Path) -> None:
    runs.read(run)
    text = (run / "run.toml").read_text()
    (run / "run.toml").write_text(text.replace('name = "run"', 'name = "renamed"'))
    assert runs.read(run).config.name == "renamed"


def test_step_and_seconds_come_from_the_end_of_the_metrics(run: Path) -> None:
    write(run, *(record(step) for step in range(1, 2000)), '{"step": 2000, "sec')
    found = runs.read(run)
    assert (found.step, found.seconds, found.state) == (1999, 199.9, "interrupted")


@pytest.mark.parametrize(("events", "state"), [
    ([("started", {})], "interrupted"),
    ([("started", {}), ("done", {"outcome": "finished"})], "finished"),
    ([("started", {}), ("done", {"outcome": "budget"})], "finished"),
    ([("started", {}), ("done", {"outcome": "stopped"})], "stopped"),
    ([("done", {"outcome": "finished"}), ("notice", {"what": "!"})], "finished"),
    ([("done", {"outcome": "finished"}), ("resumed", {})], "interrupted"),
    ([("started", {}), ("failed", {})], "interrupted"),
])
def test_how_a_run_ended(run: Path, events: list[tuple[str, dict[str, Any]]], state: str) -> None:
    log = MetricsLog(run)
    for event, fields in events:
        log.mark(event, step=1, **fields)
    log.close()
    assert runs.read(run).state == state


def test_checkpoints_and_previews_are_listed_by_step(run: Path) -> None:
    for step in (500, 20, 123_456_789):
        runs.checkpoint_path(run, step).mkdir(parents=True)
        (runs.checkpoint_path(run, step) / "manifest.json").touch()
        runs.preview_path(run, step).parent.mkdir(exist_ok=True)
        runs.preview_path(run, step).touch()
    runs.checkpoint_path(run, 600).mkdir()  # has no manifest
    for name in (".tmp-1-700", ".trash-step-00000010", "step-7", "notes"):
        (run / "checkpoints" / name).mkdir()
    (run / "previews" / "step-00000001.png.part").touch()
    assert runs.checkpoint_path(run, 500).name == "step-00000500"
    assert runs.read(run).checkpoints == (20, 500, 123_456_789)
    assert runs.read(run).step == 123_456_789
    assert [step for step, _ in runs.previews(run)] == [20, 500, 123_456_789]
    assert runs.previews(run)[1][1] == run / "previews" / "step-00000500.png"


def test_shipped_models_are_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "checkpoints", lambda: tmp_path / "shipped")
    model = tmp_path / "shipped" / "ddpm-x"
    runs.create(model, RunConfig())
    (model / "card.json").write_text('{"steps": 300, "seconds": 12.5, "machine": "a"}')
    found = runs.read(model)
    assert (found.state, found.shipped, found.step, found.seconds) == ("ready", True, 300, 12.5)
    assert found.card is not None
    assert found.card["machine"] == "a"
    assert runs.find("ddpm-x") == model
    for broken in ("[1]", "{", "[" * 100_000, " " * 1_100_000):
        (model / "card.json").write_text(broken)
        assert runs.read(model).card is None


def test_listing_shows_the_newest_first_and_what_is_broken(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "middle", "old", "group/inside")):
        runs.create(tmp_path / name, RunConfig(name=name))
        os.utime(tmp_path / name / "run.toml", (10**9 - age, 10**9 - age))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.toml").write_bytes(b"\xff\xfenonsense")
    os.utime(tmp_path / "broken" / "run.toml", (1, 1))
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "run.toml").mkdir()
    os.utime(tmp_path / "odd" / "run.toml", (0, 0))
    (tmp_path / "no run").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "no run")
    (tmp_path / "no run" / "loop").symlink_to(tmp_path / "no run")
    (tmp_path / "a file").touch()
    found = runs.listing(tmp_path)
    assert [one.name for one in found] == ["new", "middle", "old", "inside", "broken", "odd"]
    assert [bool(one.problem) for one in found] == [False] * 4 + [True] * 2
    assert found[-2].state == "broken"
    assert "UTF-16" in found[-2].problem
    assert runs.listing(tmp_path / "missing") == []


def test_five_hundred_runs_are_listed_quickly(tmp_path: Path) -> None:
    text = "\n".join(record(step) for step in range(1, 300))
    for number in range(500):
        runs.create(tmp_path / f"run-{number}", RunConfig(name=str(number))) if number == 0 else (
            (tmp_path / f"run-{number}").mkdir(),
            (tmp_path / f"run-{number}" / "run.toml").write_bytes(
                (tmp_path / "run-0" / "run.toml").read_bytes()))
        (tmp_path / f"run-{number}" / "metrics.jsonl").write_text(text)
    began = time.process_time()
    assert len(runs.listing(tmp_path)) == 500
    assert time.process_time() - began < 2.0


def test_runs_are_found_by_path_and_by_name(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = runs.new_path("my run")
    assert mine == paths.runs() / "my-run"
    runs.create(mine, RunConfig())
    assert runs.find("my-run") == mine
    assert runs.find(mine) == mine
    assert runs.find(str(mine / "run.toml")) == mine
    monkeypatch.chdir(mine.parent)
    assert runs.find("./my-run") == mine
    with pytest.raises(UsageError, match="did you mean my-run"):
        runs.find("my-rum")
    with pytest.raises(UsageError, match="holds no run"):
        runs.find(tmp_path)
    for nothing in ("", "a\0b", "x" * 5000):
        with pytest.raises(UsageError):
            runs.find(nothing)


@pytest.mark.parametrize(("name", "folder"), [
    ("ddpm", "ddpm"), ("../../etc", "etc"), ("a/b\\c:d", "a-b-c-d"), ("", "run"), ("...", "run"),
    ("Würfel 7", "Würfel-7"), ("数字", "数字"), ("a\nb", "a-b"), ("é" * 300, "é" * 100),
])
def test_names_become_folders(name: str, folder: str) -> None:
    assert runs.new_path(name) == paths.runs() / folder


def test_new_folders_are_free() -> None:
    for expected in ("ddpm", "ddpm-2", "ddpm-3"):
        path = runs.new_path("ddpm")
        assert path == paths.runs() / expected
        path.mkdir(parents=True)


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


# --- the log --------------------------------------------------------------------------------------


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


# --- the reader -----------------------------------------------------------------------------------


def test_polls_return_what_is_new(run: Path) -> None:
    reader = MetricsReader(run)
    assert reader.poll() == []
    write(run, record(1), record(2))
    assert [found["step"] for found in reader.poll()] == [1, 2]
    assert reader.poll() == []
    write(run, record(3))
    assert [found["step"] for found in reader.poll()] == [3]
    assert list(curve(reader)) == [1, 2, 3]


def test_the_later_line_of_a_step_wins(run: Path) -> None:
    reader = MetricsReader(run)
    write(run, *(record(step, loss=1.0) for step in (1, 2, 3)), record(2, loss=9.0))
    assert [(found["step"], found["values"]["loss"]) for found in reader.poll()] == [
        (1, 1.0), (3, 1.0), (2, 9.0)]
    before = reader.series()["loss"]
    assert curve(reader) == {1: 1.0, 2: 9.0, 3: 1.0}
    write(run, record(2, loss=7.0), record(4, loss=4.0))
    reader.poll()
    assert curve(reader) == {1: 1.0, 2: 7.0, 3: 1.0, 4: 4.0}
    assert before.values.tolist() == [1.0, 9.0, 1.0], "arrays that were handed out stay"


def test_a_resumed_run_drops_what_came_after_its_checkpoint(run: Path) -> None:
    write(run, *(record(step, loss=1.0) for step in range(1, 10)))
    reader = MetricsReader(run)
    reader.poll()
    before = reader.series()["loss"]
    log = MetricsLog(run)
    log.mark("resumed", step=5)
    log.append(6, {"loss": 2.0})
    log.close()
    for one in (reader, MetricsReader(run)):
        one.poll()
        assert curve(one) == dict.fromkeys(range(1, 6), 1.0) | {6: 2.0}
    assert before.values.tolist() == [1.0] * 9


def test_names_that_come_and_go(run: Path) -> None:
    reader = MetricsReader(run)
    rng = random.Random(0)
    expected: dict[str, dict[int, float]] = {}
    for step in range(1, 400):
        values = {name: rng.random() for name in "abcde" if rng.random() < 0.7}
        rng.shuffle(order := list(values))
        values = {name: values[name] for name in order}
        for name, value in values.items():
            expected.setdefault(name, {})[step] = value
        write(run, json.dumps({"step": step, "seconds": 0.0, "values": values}))
        if step % 40 == 0:
            reader.poll()
    reader.poll()
    assert {name: curve(reader, name) for name in reader.series()} == expected


GARBAGE = ["nonsense", "{}", "[]", "5", '"text"', "null", '{"step": -1, "values": {}}',
           '{"step": 1.5, "values": {}}', '{"step": true, "values": {}}', '{"step": 1}',
           '{"step": 1, "values": 3}', '{"step": 1e99, "values": {}}', '{"event": 7}', "[" * 9000,
           '{"step": 1, "seconds": 2, "val', "\0\0\0", '{"step": 1, "values": {}, "rates": []}',
           '{"step": ' + "9" * 5000 + ', "values": {}}']


def test_garbage_is_counted_and_passed_over(run: Path) -> None:
    for place, line in enumerate(GARBAGE):
        write(run, record(2 * place + 1, loss=1.0), line, "", "  ")
    write(run, record(1000, loss=1.0))
    with (run / "metrics.jsonl").open("ab") as file:
        file.write(b"\xff\xfe\x80\n" + record(1001, loss=1.0).encode() + b"\n")
    reader = MetricsReader(run)
    reader.poll()
    assert reader.bad_lines == len(GARBAGE) + 1
    assert len(curve(reader)) == len(GARBAGE) + 2
    assert runs.read(run).step == 1001


def test_values_that_are_no_numbers_are_left_out(run: Path) -> None:
    write(run, '{"step":1,"seconds":"soon","values":{"a":null,"b":"text","c":[1],"d":true,"e":2,'
               '"f":"-inf","g":"nan","h":1' + "0" * 400 + '}}')
    reader = MetricsReader(run)
    reader.poll()
    assert {name: curve(reader, name)[1] for name in "ef"} == {"e": 2.0, "f": -np.inf}
    assert np.isnan(curve(reader, "g")[1])
    assert reader.series().keys() == {"e", "f", "g"}
    assert np.isnan(reader.series()["e"].seconds[0])


def test_a_torn_tail_is_read_when_it_is_whole(run: Path) -> None:
    text = record(1) + "\n" + record(2) + "\n"
    reader = MetricsReader(run)
    with (run / "metrics.jsonl").open("a") as file:
        for character in text:
            file.write(character)
            file.flush()
            reader.poll()
    assert list(curve(reader)) == [1, 2]
    assert reader.bad_lines == 0


def test_a_file_without_a_last_newline(run: Path) -> None:
    (run / "metrics.jsonl").write_text(record(1) + "\n" + record(2))
    reader = MetricsReader(run)
    assert len(reader.poll()) == 2
    log = MetricsLog(run)
    log.append(3, {"loss": 1.0})
    log.close()
    assert len(reader.poll()) == 1
    assert reader.bad_lines == 0


def test_an_endless_line_is_no_record(run: Path) -> None:
    write(run, record(1), "x" * (3 * reader.CHUNK), record(2), "y" * (reader.CHUNK + 5), record(3))
    found = MetricsReader(run)
    found.poll()
    assert list(curve(found)) == [1, 2, 3]
    assert found.bad_lines == 2


@pytest.mark.parametrize("again", [
    [record(7)],
    [record(7), record(8), record(9), record(10), record(11)],
    [record(1), record(2), record(30)],
], ids=["shorter", "longer", "same beginning"])
@pytest.mark.parametrize("replaced", [False, True])
def test_a_rewritten_file_is_read_anew(run: Path, again: list[str], replaced: bool) -> None:
    write(run, record(1), record(2), record(3))
    reader = MetricsReader(run)
    reader.poll()
    if replaced:
        (run / "new").write_text("\n".join(again) + "\n")
        (run / "new").rename(run / "metrics.jsonl")
    else:
        write(run, *again, how="w")
    assert len(reader.poll()) == len(again)
    assert list(curve(reader)) == [json.loads(line)["step"] for line in again]
    assert reader.resets == 1


def many(count: int) -> list[str]:
    lines = []
    for step in range(1, count + 1):
        values: dict[str, Any] = {"loss": 1 / step, "grad": "nan" if step % 97 == 0 else step * 0.1}
        if step % 5 == 0:
            values["band é"] = -step * 1e-7
        lines.append(json.dumps({"step": step, "seconds": step / 8, "values": values,
                                 "rates": {"images": 600 + step}}))
        if step % 1000 == 0:
            lines.append(json.dumps({"event": "notice", "step": step, "what": "1, 2 and {3}"}))
        if step % 1500 == 0:
            lines.append('{"step": 12, "sec')
    return lines


def test_a_long_file_is_read_as_a_short_one_is(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = many(20_000)
    lines += [record(step, loss=5.0) for step in range(15_000, 21_000)]  # resumed, unmarked
    lines += [json.dumps({"event": "resumed", "step": 20_500})] + [
        record(step, loss=6.0) for step in range(20_501, 20_600)]
    write(run, *lines)
    monkeypatch.setattr(reader, "CHUNK", 1 << 16)
    monkeypatch.setattr(reader, "NEWEST", 1 << 40)
    slow = MetricsReader(run)
    slow.poll()
    monkeypatch.setattr(reader, "NEWEST", 100_000)
    fast = MetricsReader(run)
    polls = 0
    while polls == 0 or fast.behind:
        returned = fast.poll(limit=0.0)
        polls += 1
    assert polls > 20
    assert 100 < len(returned) < 2000
    assert fast.bad_lines == slow.bad_lines == 13
    assert list(fast.events) == list(slow.events)
    assert len(fast.events) == 21
    for kind in ("values", "rates"):
        assert list(fast.series(kind)) == list(slow.series(kind))
        for name, series in slow.series(kind).items():
            for quickly, slowly in zip(fast.series(kind)[name], series, strict=True):
                assert np.array_equal(quickly, slowly, equal_nan=True)
    loss = curve(fast)
    assert list(loss) == list(range(1, 20_600))
    assert (loss[14_999], loss[15_000], loss[20_500], loss[20_501]) == (1 / 14_999, 5.0, 5.0, 6.0)


@settings(max_examples=200, deadline=5000, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_taking_lines_apart_agrees_with_json(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.text(min_size=1, max_size=6), max_size=4, unique=True))
    finite = st.floats(allow_nan=False) | st.integers(-9, 9) | st.sampled_from(["nan", "-inf"])
    found = [{"step": step, "seconds": data.draw(finite),
              "values": {name: data.draw(finite) for name in names}} for step in range(3)]
    spaces = data.draw(st.sampled_from([(", ", ": "), (",", ":")]))
    lines = [json.dumps(one, separators=spaces, ensure_ascii=data.draw(st.just(False))).encode()
             for one in found]
    changed = data.draw(st.integers(0, 2))
    if data.draw(st.booleans()):
        cut = data.draw(st.integers(0, len(lines[changed])))
        lines[changed] = lines[changed][:cut] + data.draw(
            st.sampled_from([b"", b"1", b",", b'"', b"}", b"e"])) + lines[changed][cut + 1:]
    rows = runs.records.taken_apart(b"\n".join(lines) + b"\n")
    if rows is None:
        return
    expected = [one for one in map(runs.records.parsed_line, lines) if one is not None]
    assert rows.steps.tolist() == [one["step"] for one in expected]
    for place, name in enumerate(rows.tables.get("values", ((), []))[0]):
        assert np.array_equal(rows.tables["values"][1][place],
                              [float(one["values"][name]) for one in expected], equal_nan=True)


@settings(max_examples=100, deadline=5000, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_any_bytes_are_survived(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "metrics.jsonl").write_bytes(data + b"\n" + record(10**9).encode() + b"\n")
    reader = MetricsReader(tmp_path)
    assert reader.poll()[-1]["step"] == 10**9


def test_reading_while_another_thread_writes(run: Path) -> None:
    log, reader = MetricsLog(run), MetricsReader(run)

    def writing() -> None:
        for step in range(1, 3001):
            log.append(step, {"loss": float(step)})
        log.close()

    thread = threading.Thread(target=writing)
    thread.start()
    while thread.is_alive():
        reader.poll()
    thread.join()
    reader.poll()
    assert curve(reader) == {step: float(step) for step in range(1, 3001)}
    assert reader.bad_lines == 0


def test_runs_need_neither_torch_nor_qt() -> None:
    code = ("import sys, hybridstudio.runs; "
            "print([name for name in ('torch', 'PySide6') if name in sys.modules])")
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=HERE)
    assert told.stdout.strip() == "[]"


def test_configs_survive_the_folder(tmp_path: Path) -> None:
    config = with_values(RunConfig(), {"train.lr": 0.1 + 0.2, "name": 'Würfel "7"', "data.size": 8,
                                       "train.betas": (0.5, 0.9)})
    runs.create(tmp_path, config)
    assert runs.read(tmp_path).config == config
