"""Headers of tensor files: the hostile and the malformed are refused, quickly."""

from __future__ import annotations

import json
import os
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from savedruns import parts

from hybridstudio.engine import checkpoints
from hybridstudio.engine.checkpoints import Damaged, check_header
from hybridstudio.engine.tensorfile import pack
from hybridstudio.errors import StudioError


def tensor_file(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(raw) if length is None else length
    path.write_bytes(size.to_bytes(8, "little") + raw + data)
    return path


def entry(dtype: Any = "F32", shape: Any = (1,), offsets: Any = (0, 4)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


HEADERS: dict[str, tuple[Any, bytes, int | None]] = {
    "2^40 length": (b"{}", b"", 2**40),
    "2^63 length": (b"{}", b"", 2**63),
    "3 MB header": (b"{" + b" " * 3_000_000 + b"}", b"", None),
    "list": ([], b"", None),
    "number": (7, b"", None),
    "text": (b'"hello"', b"", None),
    "not JSON": (b"{nonsense}", b"", None),
    "not UTF-8": (b'{"\xff": 1}', b"", None),
    "deep": (b'{"a":' + b"[" * 50_000, b"", None),
    "deeper": (b'{"a":' * 10_000, b"", None),
    "long number": (b'{"a":' + b"9" * 1_000_000 + b"}", b"", None),
    "NaN": (b'{"a": {"dtype": "F32", "shape": [NaN], "data_offsets": [0, 4]}}', b"0" * 4, None),
    "overlap": ({"a": entry(), "b": entry(offsets=[2, 6])}, b"0" * 6, None),
    "same place": ({"a": entry(), "b": entry()}, b"0" * 4, None),
    "hole": ({"a": entry(), "b": entry(offsets=[8, 12])}, b"0" * 12, None),
    "begins late": ({"a": entry(offsets=[4, 8])}, b"0" * 8, None),
    "bytes left over": ({"a": entry()}, b"0" * 9, None),
    "bytes lacking": ({"a": entry()}, b"0" * 3, None),
    "backwards": ({"a": entry(offsets=[4, 0])}, b"0" * 4, None),
    "negative offset": ({"a": entry(offsets=[-4, 0])}, b"", None),
    "huge offset": ({"a": entry(offsets=[0, 2**70])}, b"0" * 4, None),
    "overflowing shape": ({"a": entry(shape=[2**32, 2**32])}, b"0" * 4, None),
    "overflow to zero": ({"a": entry(shape=[2**32, 2**32, 0], offsets=[0, 0])}, b"", None),
    "negative shape": ({"a": entry(shape=[-1, -1])}, b"0" * 4, None),
    "float shape": ({"a": entry(shape=[1.0])}, b"0" * 4, None),
    "true shape": ({"a": entry(shape=[True])}, b"0" * 4, None),
    "shape of text": ({"a": entry(shape="1")}, b"0" * 4, None),
    "400,000 sides": ({"a": entry(shape=[1] * 400_000)}, b"0" * 4, None),
    "wrong size": ({"a": entry(shape=[2])}, b"0" * 4, None),
    "unknown dtype": ({"a": entry(dtype="F31")}, b"0" * 4, None),
    "dtype a list": ({"a": entry(dtype=[])}, b"0" * 4, None),
    "extra key": ({"a": entry() | {"x": 1}}, b"0" * 4, None),
    "no dtype": ({"a": {"shape": [1], "data_offsets": [0, 4]}}, b"0" * 4, None),
    "entry a number": ({"a": 1}, b"", None),
    "one offset": ({"a": entry(offsets=[0])}, b"0" * 4, None),
    "duplicate names": (b'{"a":%s,"a":%s}' % ((json.dumps(entry()).encode(),) * 2), b"0" * 4,
                        None),
    "duplicate by escape": (b'{"a":%s,"\\u0061":%s}' % (
        (json.dumps(entry(shape=[0], offsets=[0, 0])).encode(),) * 2), b"", None),
    "duplicate keys inside": (
        b'{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"0" * 4, None),
    "metadata a list": ({"__metadata__": []}, b"", None),
    "metadata of numbers": ({"__metadata__": {"a": 1}}, b"", None),
    "200,000 entries": (
        b"{" + b",".join(b'"%x":{}' % number for number in range(200_000)) + b"}", b"", None),
    "20,001 tensors": (
        b"{" + b",".join(b'"%x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % number
                         for number in range(20_001)) + b"}", b"", None),
    "many empty lists": (b'{"a":[' + b"[]," * 600_000 + b"[]]}", b"", None),
    "many numbers": (b'{"a":[' + b"1e0," * 450_000 + b"1]}", b"", None),
}


@pytest.mark.parametrize("case", HEADERS.values(), ids=HEADERS)
def test_hostile_headers_are_refused_quickly(tmp_path: Path, case: Any) -> None:
    header, data, length = case
    path = tensor_file(tmp_path / "a.safetensors", header, data, length)
    began = time.process_time()
    with pytest.raises(Damaged) as told:
        check_header(path)
    assert time.process_time() - began < 1.0
    assert len(str(told.value)) < 1000
    tracemalloc.start()
    with pytest.raises(Damaged):
        check_header(path)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


@pytest.mark.parametrize("data", [b"", b"\0", b"\0" * 7, b"\0" * 8], ids=len)
def test_files_too_short_for_a_header(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(Damaged):
        check_header(tmp_path / "a")


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(Damaged, match="not a file"):
        check_header(tmp_path)
    with pytest.raises(Damaged, match="not a file"):
        check_header(tmp_path / "missing")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(Damaged, match="not a file"):
            check_header(tmp_path / "pipe")


def test_good_headers_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(pack({"x": torch.ones(2, 3), "empty": torch.zeros(0), "t": torch.tensor(1)}))
    found = check_header(path)
    assert found["x"][:2] == ("F32", (2, 3))
    assert found["empty"].shape == (0,)
    assert found["t"][:2] == ("I64", ())
    assert check_header(tensor_file(path, {"__metadata__": {"format": "pt"}})) == {}


SOUND = pack(parts()["model"])


@st.composite
def malformed(draw: st.DrawFn) -> bytes:
    """A sound file with bytes changed, cut out or put in, or bytes of no file at all."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=200))
    data = bytearray(SOUND)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        cut = draw(st.integers(0, 4))
        data[place:place + cut] = draw(st.binary(max_size=4))
    return bytes(data)


@settings(max_examples=500, deadline=5000, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=malformed())
def test_malformed_files_are_refused_or_read_whole(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(data)
    try:
        entries = check_header(path)
        tensors = checkpoints.unpack(data, path)
    except StudioError:
        return
    assert entries.keys() == tensors.keys()
    assert all(tuple(tensors[name].shape) == entry.shape for name, entry in entries.items())
