"""Files of tensors in the safetensors format, their headers read strictly and cheaply.

A file may come from anywhere, so nothing in it is believed: not its lengths, names or offsets.
The format: 8 bytes with the length of the header (little endian), the header (JSON: name -> dtype,
shape, data_offsets), and the tensors' bytes, one after the other without holes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from hybridstudio.errors import StudioError, translate

MAX_HEADER = 2_000_000  # bytes
MAX_TENSORS = 20_000
MAX_RANK = 16
MAX_ELEMENTS = 2**62
ITEM_SIZES = {
    "BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2, "U32": 4, "I32": 4,
    "F32": 4, "U64": 8, "I64": 8, "F64": 8,
}


class Damaged(StudioError):
    """A file or checkpoint does not hold what it claims; `why` says where."""


class Entry(NamedTuple):
    """One tensor of a header: its dtype as the format writes it, shape, and place in the data."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def pack(tensors: Mapping[str, Tensor]) -> bytes:
    """Write tensors of any device and layout as the bytes of a safetensors file."""
    packed: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        plain = tensor.detach().to("cpu").contiguous()
        place = plain.untyped_storage().data_ptr()
        # The format takes no two tensors from one storage, such as tied weights or views.
        packed[name] = plain.clone() if place in seen else plain
        seen.add(place)
    return safetensors.torch.save(packed)


def unpack(data: bytes, source: Path) -> dict[str, Tensor]:
    """Read the bytes of a safetensors file, checked before; raises Damaged naming `source`."""
    header_of(data[:8 + MAX_HEADER], len(data), source)
    try:
        return safetensors.torch.load(data)
    except (SafetensorError, ValueError, RuntimeError, KeyError) as error:
        raise _damaged(source, f"its tensors cannot be read: {error}") from error


def check_header(path: Path) -> dict[str, Entry]:
    """Return what a safetensors file says it holds, checked strictly, without reading tensors.

    Raises Damaged within a second, and with little memory, for anything that is not a plain,
    complete file: at most 2 MB of header and 20,000 tensors, no name twice, known dtypes, shapes
    that fit their bytes, no overlap and no hole. Raises StudioError when it cannot be read.
    """
    try:
        if not path.is_file():  # a pipe would wait for ever
            raise _damaged(path, "it is not a file")
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            return header_of(file.read(8 + MAX_HEADER), size, path)
    except OSError as error:
        raise translate(error) from error


def header_of(start: bytes, size: int, source: Path) -> dict[str, Entry]:
    """Check the header in the first bytes of a file of `size` bytes; raises Damaged."""
    length = int.from_bytes(start[:8], "little")
    if size < 8 or length > size - 8:
        raise _damaged(source, f"it ends within its header ({size:,} bytes)")
    if length > MAX_HEADER:
        raise _damaged(source, f"its header has {length:,} bytes, more than {MAX_HEADER:,}")
    raw = start[8:8 + length]
    # Counted first, since a small text can parse into very much memory.
    if raw.count(b"{") > 2 * MAX_TENSORS or raw.count(b"[") > 3 * MAX_TENSORS:
        raise _damaged(source, f"it holds more than {MAX_TENSORS:,} tensors")
    if not raw.startswith(b"{"):
        raise _damaged(source, "its header is no JSON object")
    try:
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_without_repeats,
                           parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise _damaged(source, f"its header is not valid: {error}") from None
    meta = found.pop("__metadata__", {})
    if not (isinstance(meta, dict) and all(isinstance(text, str) for text in meta.values())):
        raise _damaged(source, "its metadata is not text")
    if len(found) > MAX_TENSORS:
        raise _damaged(source, f"it holds {len(found):,} tensors, more than {MAX_TENSORS:,}")
    entries = {name: _entry(name, values, source) for name, values in found.items()}
    reached = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != reached:
            fault = "overlaps another tensor" if entry.begin < reached else "leaves a hole before"
            raise _damaged(source, f"{_short(name)} {fault}, at byte {entry.begin:,}")
        reached = entry.end
    if reached != size - 8 - length:
        raise _damaged(source, f"it has {size - 8 - length:,} bytes of tensors, not {reached:,}")
    return entries


def _entry(name: str, values: Any, source: Path) -> Entry:
    """Check what the header says about one tensor."""
    if not isinstance(values, dict) or values.keys() != {"dtype", "shape", "data_offsets"}:
        raise _damaged(source, f"{_short(name)} has no plain dtype, shape and data_offsets")
    dtype, shape, offsets = values["dtype"], values["shape"], values["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEM_SIZES:
        raise _damaged(source, f"{_short(name)} has the unknown dtype {_short(dtype)}")
    if not _are_sizes(shape) or len(shape) > MAX_RANK:
        raise _damaged(source, f"{_short(name)} has the impossible shape {_short(shape)}")
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _damaged(source, f"{_short(name)} has impossible offsets {_short(offsets)}")
    elements = around = 1  # `around` takes empty sides as 1: no product of sides may overflow
    for side in shape:
        elements, around = elements * side, around * max(side, 1)
        if around > MAX_ELEMENTS:
            raise _damaged(source, f"{_short(name)} has the impossible shape {_short(shape)}")
    if elements * ITEM_SIZES[dtype] != offsets[1] - offsets[0]:
        raise _damaged(source, f"{_short(name)}: {dtype} {_short(shape)} does not fill its "
                               f"{offsets[1] - offsets[0]:,} bytes")
    return Entry(dtype, tuple(shape), offsets[0], offsets[1])


def _are_sizes(values: Any) -> bool:
    return isinstance(values, list) and all(
        type(value) is int and 0 <= value <= MAX_ELEMENTS for value in values)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands in it twice")
    return found


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _short(value: Any) -> str:
    """Show a value from a file, which may be enormous, nested or not printable."""
    if isinstance(value, list):
        sides = [str(side) if type(side) is int else "?" for side in value[:8]]
        return f"[{', '.join(sides)}{', …' * (len(value) > 8)}]"
    text = value if isinstance(value, str) else type(value).__name__
    text = text[:60] + "…" * (len(text) > 60)
    return text.encode("utf-8", "replace").decode()  # a lone surrogate cannot be printed


def _damaged(source: Path, why: str) -> Damaged:
    return Damaged(f"{source.name} is not a sound file of tensors", why,
                   "use another copy of it, or an older checkpoint", str(source))
