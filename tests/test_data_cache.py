"""The cache of decoded pictures: found again, never trusted blindly, never in the way."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hybridstudio import data
from hybridstudio.config import DataConfig
from hybridstudio.data import cache, dataset, gather
from hybridstudio.data.dataset import Dataset
from hybridstudio.errors import StudioError
from hybridstudio.messages import Notice


@pytest.fixture
def archive(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as members:
        for number in range(40):
            file = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(file, "PNG")
            members.writestr(f"{number % 2}/{number}.png", file.getvalue())
        members.writestr("0/bad.png", b"x")
    return path


def opened(name: object, **fields) -> tuple[Dataset, list]:
    config = DataConfig(name=f"zip:{name}" if isinstance(name, Path) else str(name), **fields)
    events, loading = [], data.load(config, Path("nowhere"))
    while True:
        try:
            events.append(next(loading))
        except StopIteration as end:
            return end.value, events


def notices(events: list) -> list[str]:
    return [event.what for event in events if isinstance(event, Notice)]


@pytest.fixture
def decodings(monkeypatch) -> list[int]:
    """Collect the number of pictures of every decoding."""
    done: list[int] = []
    real = gather._decoded

    def counted(config, key, listing, *rest):
        done.append(len(listing.names))
        return real(config, key, listing, *rest)

    monkeypatch.setattr(gather, "_decoded", counted)
    return done


def test_the_second_opening_decodes_nothing(archive, decodings):
    first, _ = opened(archive)
    again, _ = opened(archive)
    assert decodings == [41]
    np.testing.assert_array_equal(again.images, first.images)
    np.testing.assert_array_equal(again.labels, first.labels)
    for name in ("name", "classes", "skipped", "skipped_count", "fingerprint"):
        assert getattr(again, name) == getattr(first, name)
    assert isinstance(again.images, np.ndarray)
    assert not isinstance(again.images, np.memmap)


def test_a_runs_own_config_finds_it_too(archive, decodings):
    config = DataConfig(name=f"zip:{archive}", flip=True)
    found, _ = opened(archive)
    exact = data.resolved(config, found)
    assert exact.size == 16
    assert opened(**exact.model_dump())[0].fingerprint == found.fingerprint
    assert len(decodings) == 1


@pytest.mark.parametrize("fields", [{"size": 8}, {"channels": 1}, {"limit": 5},
                                    {"classes": ("1",)}, {"size": 8, "fit": "pad"}])
def test_another_config_is_another_entry(archive, decodings, fields):
    opened(archive)
    opened(archive, **fields)
    assert len(decodings) == 2


def test_a_changed_source_is_decoded_anew(archive, decodings):
    opened(archive)
    os.utime(archive, (1, 1))
    opened(archive)
    assert len(decodings) == 2


def only_entry() -> Path:
    entry, = (path for path in cache.folder().iterdir() if path.is_dir())
    return entry


@pytest.mark.parametrize("file", ["images.npy", "labels.npy", "about.json"])
@pytest.mark.parametrize("fault", ["cut", "flipped", "emptied", "removed"])
def test_a_damaged_entry_is_made_anew(archive, decodings, file, fault):
    first, _ = opened(archive)
    path = only_entry() / file
    raw = bytearray(path.read_bytes())
    if fault == "cut":
        path.write_bytes(raw[:-7])
    elif fault == "flipped":
        raw[len(raw) // 2] ^= 0x55
        path.write_bytes(raw)
    elif fault == "emptied":
        path.write_bytes(b"")
    else:
        path.unlink()
    again, events = opened(archive)
    assert again.fingerprint == first.fingerprint
    np.testing.assert_array_equal(again.images, first.images)
    assert len(decodings) == 2 or (file, fault) == ("about.json", "flipped")
    assert notices(events) == ["Of 41 files, 1 could not be used"]
    opened(archive)
    assert len(decodings) <= 2


def test_hostile_entries_are_refused(archive):
    opened(archive)
    entry = only_entry()
    for content in ("[]", "{}", '{"name": 1}', "nonsense", '{"skipped": [[1]]}'):
        (entry / "about.json").write_text(content)
        assert cache.recall(entry.name) is None
        opened(archive)
    np.save(entry / "labels.npy", np.array([object()]), allow_pickle=True)
    assert cache.recall(entry.name) is None


def test_an_unwritable_cache_only_costs_time(archive, monkeypatch):
    def refuse(*given, **named):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(cache.tempfile, "mkdtemp", refuse)
    found, events = opened(archive)
    assert len(found) == 40
    assert "The decoded pictures could not be kept for the next time" in notices(events)


def test_a_full_disk_leaves_no_half_entry(archive, monkeypatch):
    def full(*given, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.np, "save", full)
    _, events = opened(archive)
    assert any("could not be kept" in what for what in notices(events))
    assert not [path for path in cache.folder().iterdir() if path.is_dir()]


def test_what_is_large_is_mapped(archive, decodings, monkeypatch):
    first, _ = opened(archive, size=32)
    monkeypatch.setattr(dataset, "RESIDENT_BYTES", 1000)
    for limit in (None, 30):
        found, _ = opened(archive, size=64, limit=limit)
        again, _ = opened(archive, size=64, limit=limit)
        for one in (found, again):
            assert isinstance(one.images, np.memmap)
            one.images[0] = 0  # a copy: torch warns of arrays that cannot be written
        assert found.fingerprint == again.fingerprint
    assert len(decodings) == 3
    mapped, _ = opened(archive, size=32)
    np.testing.assert_array_equal(mapped.images, first.images)
    shapes, _ = opened("shapes", limit=50)
    assert isinstance(shapes.images, np.memmap)
    assert opened("shapes", limit=50)[0].fingerprint == shapes.fingerprint


def test_a_full_disk_under_a_large_set_is_told(archive, monkeypatch):
    monkeypatch.setattr(dataset, "RESIDENT_BYTES", 1000)

    def full(*given, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.np.lib.format, "write_array_header_1_0", full)
    with pytest.raises(StudioError, match="do not fit into the cache") as caught:
        opened(archive)
    assert "No space left" in caught.value.why
    assert not list(cache.folder().iterdir())


def test_closing_leaves_no_half_entry(archive, monkeypatch):
    for resident in (1 << 30, 1000):
        monkeypatch.setattr(dataset, "RESIDENT_BYTES", resident)
        loading = data.load(DataConfig(name=f"zip:{archive}", size=64, channels=3), Path("no"))
        next(loading)
        next(loading)
        loading.close()
        assert not cache.folder().exists() or not list(cache.folder().iterdir())


def test_a_passing_fault_is_not_remembered(tmp_path, monkeypatch, decodings):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        Image.new("L", (9, 9), number).save(folder / f"{number}.png")
    real = Path.open

    def flaky(path, *given, **named):
        if path.name == "2.png":
            raise OSError(5, "Input/output error")
        return real(path, *given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", flaky)
        found, _ = opened(f"folder:{folder}")
    assert (len(found), found.skipped_count) == (3, 1)
    found, _ = opened(f"folder:{folder}")
    assert (len(found), found.skipped_count) == (4, 0)
    assert len(decodings) == 2


def test_two_processes_may_write_one_entry(archive):
    shelves = [cache.Shelf("0" * 32, 3, (2, 2, 1)) for _ in range(2)]
    for shelf in shelves:
        shelf.append(np.ones((3, 2, 2, 1), np.uint8))
        done, told = shelf.finish("twin", np.zeros(3, np.int64), ())
        assert not told
        assert len(done) == 3
    assert len(list(cache.folder().iterdir())) == 1
    assert cache.recall("0" * 32).fingerprint == done.fingerprint


def test_pruning(archive, monkeypatch):
    opened(archive)
    opened(archive, size=8)
    old = cache.folder() / ".new-left"
    old.mkdir()
    os.utime(old, (1, 1))
    newest = max((path for path in cache.folder().iterdir() if path.is_dir()),
                 key=lambda path: path.stat().st_mtime)
    monkeypatch.setattr(cache, "MAX_TOTAL", 20_000)
    cache.prune()
    cache.prune()  # now that the entries are gone, their links
    left = {path.name for path in cache.folder().iterdir() if path.suffix != ".link"}
    assert left == {newest.name}
    assert json.loads((newest / "about.json").read_text())["skipped_count"] == 1
