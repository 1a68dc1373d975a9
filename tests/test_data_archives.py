"""Archives of pictures: read like folders; damaged and hostile ones among them."""

from __future__ import annotations

import contextlib
import io
import stat
import struct
import time
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from picturefiles import flat, opened, put, zipped

from hybridstudio.data import archives
from hybridstudio.errors import StudioError


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2,
                                    zipfile.ZIP_LZMA])
def test_an_archive_is_read_like_the_folder_in_it(here, method):
    members = {f"train/{name}/{number}.png": flat((number, 9, 9))
               for name in ("cat", "dog") for number in range(12)}
    for name, content in members.items():
        put(here / "folder", name, content)
    path = zipped(here / "set.zip", {f"wrapped/{name}": content
                                         for name, content in members.items()}, method)
    found, _ = opened(f"zip:{path}")
    assert found.fingerprint == opened(f"folder:{here / 'folder'}")[0].fingerprint
    assert found.classes == ("cat", "dog")


def test_members_that_lead_outside_links_and_litter(here):
    path = here / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("../up.png", "/abs.png", "C:\\dos.png", "a/../../b.png", "..\\up.png",
                     "__MACOSX/._x.png", ".hidden.png", "./good.png", "folder/", "notes.txt"):
            archive.writestr(name, flat())
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    before = sorted(here.rglob("*"))
    found, _ = opened(f"zip:{path}")
    assert len(found) == 1
    reasons = dict(found.skipped)
    assert found.skipped_count == 7
    assert reasons["link.png"] == "a link"
    assert reasons["C:/dos.png"] == reasons["../up.png"] == "its name leads outside the archive"
    assert sorted(here.rglob("*")) == before


def test_two_members_of_one_name(here):
    path = here / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", flat("red"))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.png", flat("blue"))
    found, _ = opened(f"zip:{path}")
    assert found.images[0, 0, 0].tolist() == [255, 0, 0]
    assert found.skipped[0][1] == "a second file of that name"


@pytest.mark.parametrize("content", [b"", b"PK", b"Rar!\x1a\x07", bytes(1000), b"PK\5\6" + bytes(9),
                                     b"PK\5\6" + b"\xff" * 18])
def test_what_is_no_archive(here, content):
    put(here, "set.zip", content)
    with pytest.raises(StudioError, match=r"set\.zip is not a complete zip|There are no"):
        opened(f"zip:{here / 'set.zip'}")


def test_a_truncated_archive_and_a_folder(here):
    path = zipped(here / "set.zip", {f"{n}.png": flat() for n in range(50)})
    put(here, "cut.zip", path.read_bytes()[:-100])
    with pytest.raises(StudioError, match="not a complete zip archive"):
        opened(f"zip:{here / 'cut.zip'}")
    put(here, "beheaded.zip", path.read_bytes()[2000:])
    found, _ = opened(f"zip:{here / 'beheaded.zip'}")
    assert len(found) + found.skipped_count == 50
    assert found.skipped_count > 10
    with pytest.raises(StudioError, match="is not an archive"):
        opened(f"zip:{here}")


def test_crc_errors_and_damaged_members(here):
    content = flat()
    path = zipped(here / "set.zip", {"a.png": content, "b.png": content, "c.png": content})
    raw = bytearray(path.read_bytes())
    raw[raw.index(content) + len(content) // 2] ^= 1
    path.write_bytes(raw)
    found, _ = opened(f"zip:{path}")
    assert len(found) == 2
    assert found.skipped[0][0] == "a.png"
    assert "CRC" in found.skipped[0][1]


def test_encrypted_members(here):
    path = zipped(here / "set.zip", {"a.png": flat(), "b.png": flat()})
    raw = bytearray(path.read_bytes())
    first = raw.index(b"PK\1\2")
    raw[first + 8] |= 1
    path.write_bytes(raw)
    found, _ = opened(f"zip:{path}")
    assert found.skipped == (("a.png", "encrypted"),)
    raw[raw.index(b"PK\1\2", first + 4) + 8] |= 1
    path.write_bytes(raw)
    with pytest.raises(StudioError, match="is encrypted"):
        opened(f"zip:{path}")


def test_bombs_are_refused_before_anything_is_unpacked(here):
    path = zipped(here / "set.zip", {"bomb.bmp": bytes(40_000_000), "good.png": flat()},
                  zipfile.ZIP_DEFLATED)
    found, _ = opened(f"zip:{path}")
    assert dict(found.skipped)["bomb.bmp"].startswith("packed so tightly")
    many = {f"{n}.bmp": bytes(12_000_000) for n in range(8)}
    path = zipped(here / "many.zip", many, zipfile.ZIP_DEFLATED)
    with pytest.raises(StudioError, match="zip bomb"):
        opened(f"zip:{path}")


def test_a_member_that_lies_about_its_size(here):
    path = zipped(here / "set.zip", {"a.png": flat() + bytes(5_000_000), "b.png": flat()},
                  zipfile.ZIP_DEFLATED)
    raw = bytearray(path.read_bytes())
    place = raw.index(b"PK\1\2") + 24
    raw[place:place + 4] = struct.pack("<I", 100)
    path.write_bytes(raw)
    found, _ = opened(f"zip:{path}")
    assert len(found) == 1
    assert found.skipped[0][0] == "a.png"


def test_a_million_entries_are_refused_at_once(here, monkeypatch):
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
    directory = (entry + b"a") * 1_000_000
    path = here / "set.zip"
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(directory), 0, 0)  # it claims one
    path.write_bytes(directory + end)
    monkeypatch.setattr(zipfile, "ZipFile", None)  # parsing it would take gigabytes
    began = time.monotonic()
    with pytest.raises(StudioError, match="too many files"):
        opened(f"zip:{path}")
    assert time.monotonic() - began < 5


def test_entries_are_counted_in_zip64_and_behind_a_prefix(here, monkeypatch):
    path = zipped(here / "set.zip", {f"{n}.png": flat() for n in range(30)})
    put(here, "prefixed.zip", bytes(5000) + path.read_bytes())
    assert archives._count_entries(path) == 30
    assert len(opened(f"zip:{here / 'prefixed.zip'}")[0]) == 30
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 10)
    path = zipped(here / "set64.zip", {f"{n}.png": flat() for n in range(30)})
    assert b"PK\6\6" in path.read_bytes()
    assert archives._count_entries(path) == 30
    assert len(opened(f"zip:{path}")[0]) == 30


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8),
       st.integers(0, 10_000))
@settings(max_examples=100, deadline=5000,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_archives_give_pictures_or_a_clear_error(here, changes, cut):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}.png", flat())
    raw = bytearray(file.getvalue())
    for place, value in changes:
        raw[place % len(raw)] = value
    path = here / "set.zip"
    path.write_bytes(raw[:len(raw) - cut % 20])
    with contextlib.suppress(StudioError):  # and nothing else
        assert 1 <= len(opened(f"zip:{path}")[0]) <= 3
