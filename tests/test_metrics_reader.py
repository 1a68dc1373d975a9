"""The reader of a training's log: torn, rewritten, damaged and very long files."""

from __future__ import annotations

import json
import random
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runfiles import curve, new_run, record, write

from hybridstudio import runs
from hybridstudio.runs import MetricsLog, MetricsReader, reader


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return new_run(tmp_path)


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
