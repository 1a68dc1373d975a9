"""Folders of pictures: classes, parts, limits, and odd, broken and vanishing files."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from picturefiles import BROKEN, flat, opened, put

from hybridstudio import data
from hybridstudio.config import DataConfig
from hybridstudio.data import gather, listing
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import Notice, Progress


def test_one_folder_for_each_class(here):
    for name in ("10", "9", "cat"):
        for number in (10, 9, 1):
            put(here, f"{name}/picture-{number}.png", flat((number, 0, 99)))
    found, events = opened(f"folder:{here}")
    assert found.classes == ("9", "10", "cat")
    assert found.counts == (3, 3, 3)
    assert found.images[:3, 0, 0, 0].tolist() == [1, 9, 10]
    assert found.name == f"folder:{here}"
    assert any(isinstance(event, Progress) and event.unit == "pictures" for event in events)


def test_a_flat_folder_has_no_classes(here):
    for name in ("b.png", "a.png", "deeper/c.png"):
        put(here, name, flat())
    found, _ = opened(f"folder:{here}")
    assert found.classes == ()
    assert found.labels.tolist() == [0, 0, 0]


def test_pictures_beside_class_folders_are_left_out(here):
    for name in ("preview.png", "cat/1.png", "cat/2.png", "dog/1.png"):
        put(here, name, flat())
    found, _ = opened(f"folder:{here}")
    assert found.counts == (2, 1)
    assert found.skipped == (("preview.png", "it lies beside the class folders"),)


@pytest.mark.parametrize("wrapper", ["", "mnist_png/", "a/b/"])
def test_train_and_test_folders(here, wrapper):
    for name in ("training/3/1.png", "training/7/2.png", "training/7/3.png", "testing/7/4.png"):
        put(here, wrapper + name, flat())
    for split, count in (("train", 3), ("test", 1), ("all", 4)):
        found, _ = opened(f"folder:{here}", split=split)
        assert len(found) == count
        assert found.classes == ("3", "7")  # the same labels in every part
    assert opened(f"folder:{here}", split="test")[0].labels.tolist() == [1]


def test_a_split_that_is_not_there(here):
    put(here, "cat/1.png", flat())
    with pytest.raises(UsageError, match="no test pictures"):
        opened(f"folder:{here}", split="test")
    put(here, "train/1.png", flat())
    (here / "cat" / "1.png").unlink()
    with pytest.raises(UsageError, match="its folders are train"):
        opened(f"folder:{here}", split="test")
    assert len(opened(f"folder:{here}")[0]) == 1


def test_bad_pictures_are_skipped_and_listed(here):
    for name, (content, _) in BROKEN.items():
        put(here, f"{name}.png", content)
    put(here, "good.png", flat())
    put(here, "notes.txt", b"hello")
    put(here, ".DS_Store", b"x")
    found, events = opened(f"folder:{here}")
    assert len(found) == 1
    assert found.skipped_count == len(BROKEN) + 1
    reasons = dict(found.skipped)
    assert reasons["empty.png"] == "the file is empty"
    assert reasons["notes.txt"] == "not a kind of picture that is read (.txt)"
    notice, = (event for event in events if isinstance(event, Notice))
    assert notice.what == "Of 11 files, 10 could not be used"
    again, events = opened(f"folder:{here}")  # from the cache
    assert again.skipped == found.skipped
    assert any(isinstance(event, Notice) for event in events)


def test_nothing_there_and_nothing_readable(here):
    with pytest.raises(StudioError, match="There is no") as caught:
        opened(f"folder:{here / 'absent'}", here)
    assert str(here) in caught.value.why
    with pytest.raises(StudioError, match="it is empty"):
        opened(f"folder:{here}")
    put(here, "a.png", b"x")
    with pytest.raises(StudioError, match="None of the 1 pictures"):
        opened(f"folder:{here}")
    with pytest.raises(StudioError, match="is not a folder"):
        opened(f"folder:{here / 'a.png'}")


def test_one_picture_of_one_pixel(here):
    put(here, "a.png", flat(side=(1, 1)))
    found, _ = opened(f"folder:{here}")
    assert found.images.shape == (1, 8, 8, 3)
    assert (found.images == (255, 0, 0)).all()


def test_odd_names(here):
    names = ["héllo wörld.PNG", "名前.png", "no suffix", "a\nb.png", "  .png", "-rf.png",
             "%s{0}.png"]
    for name in names:
        put(here, f"class {name}/{name}", flat())
    with open(os.path.join(os.fsencode(here), b"bytes\xff.png"), "wb") as file:
        file.write(b"x")
    found, _ = opened(f"folder:{here}")
    assert len(found) == len(names)
    assert [name for name, _ in found.skipped] == ["bytes���.png"] or found.skipped_count == 1
    assert all(name.isprintable() and name.encode() for name in found.classes)


def test_channels_are_grey_only_if_all_are(here, monkeypatch):
    monkeypatch.setattr(gather, "SAMPLE", 2)
    for number in range(6):
        put(here, f"{number}.png", flat("grey"))
    assert opened(f"folder:{here}")[0].images.shape[-1] == 1
    put(here, "1.png", flat("red"))  # not in the sample
    put(here, "2.png", b"broken")
    found, _ = opened(f"folder:{here}")
    assert found.images.shape == (5, 16, 16, 3)
    assert found.skipped_count == 1
    grey, _ = opened(f"folder:{here}", channels=1)
    assert grey.images.shape == (5, 16, 16, 1)


@pytest.mark.parametrize(("sides", "fit", "size"), [
    ([(28, 28)], "crop", 28), ([(178, 218)], "crop", 128), ([(178, 218)], "pad", 256),
    ([(30, 30), (33, 40)], "crop", 32), ([(2000, 3000)], "crop", 256), ([(3, 3)], "crop", 8),
    ([(500, 500)], "stretch", 256)])
def test_the_size_that_is_chosen(here, sides, fit, size):
    for number, side in enumerate(sides):
        put(here, f"{number}.png", flat(side=side))
    assert opened(f"folder:{here}", fit=fit)[0].images.shape[1] == size


def test_a_limit_is_spread_over_the_classes(here):
    for name in "abcd":
        for number in range(10):
            put(here, f"{name}/{number}.png", flat())
    assert opened(f"folder:{here}", limit=8)[0].counts == (2, 2, 2, 2)
    some, _ = opened(f"folder:{here}", classes=("d", "b"), limit=4)
    assert some.classes == ("d", "b")
    assert some.counts == (2, 2)


def test_links(here):
    outside = here / "outside"
    put(outside, "secret.png", flat())
    folder = here / "set"
    put(folder, "a.png", flat())
    (folder / "b.png").symlink_to(folder / "a.png")
    (folder / "c.png").symlink_to(outside / "secret.png")
    (folder / "d.png").symlink_to(folder / "nothing.png")
    (folder / "e.png").symlink_to(folder / "e.png")
    (folder / "loop").symlink_to(folder)
    (folder / "away").symlink_to(outside)
    os.mkfifo(folder / "pipe.png")
    found, _ = opened(f"folder:{folder}")
    assert len(found) == 2
    reasons = dict(found.skipped)
    assert reasons["c.png"] == "a link to a file outside the folder"
    assert reasons["d.png"] == reasons["e.png"] == "a link to nothing"
    assert reasons["loop"] == reasons["away"] == "a link to a folder: links are not followed"
    assert "pipe" in reasons["pipe.png"]
    (here / "alias").symlink_to(folder)
    assert len(opened(f"folder:{here / 'alias'}")[0]) == 2


def test_unreadable_folders_and_files(here, monkeypatch):
    for name in ("open/1.png", "open/2.png", "shut/1.png"):
        put(here, name, flat())
    real_scan, real_open = os.scandir, Path.open

    def scandir(path):
        if "shut" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return real_scan(path)

    def open_path(path, *given, **named):
        if path.name == "2.png":
            raise PermissionError(13, "Permission denied", str(path))
        return real_open(path, *given, **named)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(Path, "open", open_path)
    found, _ = opened(f"folder:{here}")
    assert len(found) == 1
    reasons = dict(found.skipped)
    assert "Permission denied" in reasons["shut/"]
    assert reasons["open/2.png"] == "permission to read it was denied"


def test_files_that_vanish_while_being_read(here):
    for number in range(400):
        put(here, f"{number}.png", flat())
    loading = data.load(DataConfig(name=f"folder:{here}", size=8, channels=3), Path("nowhere"))
    event = next(loading)
    for number in range(350, 400):
        (here / f"{number}.png").unlink()
    while True:
        try:
            event = next(loading)
        except StopIteration as end:
            found = end.value
            break
    assert isinstance(event, Notice)
    assert len(found) == 350
    assert {why for _, why in found.skipped} == {"it vanished while the set was being read"}


def test_a_closed_loading_stops_and_leaves_nothing(here):
    import threading

    for number in range(500):
        put(here, f"{number}.png", flat())
    loading = data.load(DataConfig(name=f"folder:{here}", size=64), Path("nowhere"))
    while not (isinstance(event := next(loading), Progress) and event.total):
        pass
    began = time.monotonic()
    loading.close()
    assert time.monotonic() - began < 2
    assert not any(thread.name.startswith("decode") for thread in threading.enumerate())
    assert not list(here.parent.rglob("*.npy"))


def test_a_path_relative_to_the_data_root(here, monkeypatch):
    put(here / "data", "faces/1.png", flat())
    assert opened("folder:faces", here / "data")[0].name == "folder:faces"
    monkeypatch.chdir(here)
    found, _ = opened("folder:data/faces")
    assert found.name == f"folder:{here / 'data' / 'faces'}"


def test_natural_order():
    names = ["b", "a10", "a9", "A1", "a010", "a" + "9" * 5000, ""]
    assert sorted(names, key=listing.natural)[:3] == ["", "A1", "a9"]


@given(st.lists(st.text(st.sampled_from("aAb019./ ²é"), min_size=1), min_size=2))
def test_natural_order_is_total(names):
    forward = sorted(names, key=listing.natural)
    assert forward == sorted(reversed(names), key=listing.natural)
