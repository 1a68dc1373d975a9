"""Folders and archives of pictures: odd, broken and hostile ones among them."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import struct
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from hybridstudio import data
from hybridstudio.config import DataConfig
from hybridstudio.data import archives, decode, gather, listing
from hybridstudio.data.dataset import Dataset
from hybridstudio.errors import StudioError, UsageError
from hybridstudio.messages import Notice, Progress


def opened(name: str, root: Path = Path("nowhere"), **fields) -> tuple[Dataset, list]:
    events = []
    loading = data.load(DataConfig(name=name, **fields), root)
    while True:
        try:
            events.append(next(loading))
        except StopIteration as end:
            return end.value, events


@pytest.fixture
def here(tmp_path):
    """Return a folder beside the cache, not around it."""
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def flat(colour: str | tuple[int, ...] = "red", side: tuple[int, int] = (16, 16)) -> bytes:
    return encoded(Image.new("RGB", side, colour))


def put(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


# --- one picture ----------------------------------------------------------------------------------


def square(data: bytes, size: int = 8, fit: decode.Fit = "crop") -> np.ndarray:
    return decode.picture(data, size, fit)


def test_a_picture_of_the_right_size_is_untouched():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(square(encoded(Image.fromarray(pixels))), pixels)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF", "PPM", "WEBP"])
def test_every_format_that_keeps_its_pixels(kind):
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:4], pixels[4:, :4] = (200, 30, 30), (20, 60, 200)
    options = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(square(encoded(Image.fromarray(pixels), kind, **options)), pixels)


def test_sixteen_bit_grey_is_scaled_not_clipped():
    values = np.array([0, 128, 257, 32_896, 65_535], np.uint16).repeat(8)[:40].reshape(5, 8)
    values = np.vstack([values, values[:3]])
    for kind in ("PNG", "TIFF", "PPM"):
        found = square(encoded(Image.fromarray(values), kind))
        np.testing.assert_array_equal(found[:5, 0, 0], [0, 0, 1, 128, 255])


def test_floating_point_and_32_bit_pixels():
    values = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    found = square(encoded(Image.fromarray(values), "TIFF"))
    np.testing.assert_array_equal(found[..., 0], np.round(values * 255))
    for bad in (values * 1000, values * np.nan, values.astype(np.int32) - 1):
        with pytest.raises(decode.UnreadableError, match="pixels outside"):
            square(encoded(Image.fromarray(bad), "TIFF"))


def test_one_bit_palette_and_cmyk():
    bits = np.zeros((8, 8), bool)
    bits[::2] = True
    np.testing.assert_array_equal(square(encoded(Image.fromarray(bits)))[..., 0], bits * 255)
    palette = Image.fromarray(np.full((8, 8, 3), (250, 10, 10), np.uint8)).quantize(4)
    np.testing.assert_allclose(square(encoded(palette))[0, 0], (250, 10, 10), atol=2)
    cmyk = Image.new("RGB", (8, 8), (0, 255, 255)).convert("CMYK")
    for kind in ("JPEG", "TIFF"):
        np.testing.assert_allclose(square(encoded(cmyk, kind))[0, 0], (0, 255, 255), atol=6)


def test_transparency_is_laid_on_white():
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert square(encoded(clear)).tolist() == np.full((8, 8, 1), 255).tolist()
    half = square(encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 128))))
    assert half[0, 0].tolist() == [127]
    grey = square(encoded(Image.new("LA", (8, 8), (10, 255))))
    assert grey[0, 0].tolist() == [10]
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([9, 9, 9, 200, 0, 0])
    assert square(encoded(palette, transparency=0))[0, 0].tolist() == [255]
    keyed = Image.new("RGB", (8, 8), (1, 2, 3))
    assert square(encoded(keyed, transparency=(1, 2, 3)))[0, 0].tolist() == [255]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation(orientation):
    upright = np.zeros((8, 8, 3), np.uint8)
    upright[:4, :4], upright[:4, 4:], upright[4:, :4] = 255, (255, 0, 0), (0, 0, 255)
    turns = {1: (), 2: (0,), 3: (3,), 4: (1,), 5: (5,), 6: (2,), 7: (6,), 8: (4,)}
    stored = Image.fromarray(upright)
    for turn in turns[orientation]:  # what undoes the orientation's own turn
        stored = stored.transpose(Image.Transpose(turn))
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(square(encoded(stored, exif=exif)), upright)


def test_fits():
    wide = np.zeros((8, 16, 3), np.uint8)
    wide[:, 4:12] = (90, 160, 90)
    wide[:, :4], wide[:, 12:] = (255, 0, 0), (0, 0, 255)
    image = encoded(Image.fromarray(wide))
    assert (square(image, 8, "crop") == (90, 160, 90)).all()
    padded = square(image, 16, "pad")
    assert not padded[:4].any()
    assert not padded[12:].any()
    np.testing.assert_array_equal(padded[4:12], wide)
    stretched = square(image, 16, "stretch")
    assert (stretched[:, 0] == (255, 0, 0)).all()
    assert (stretched[:, 8] == (90, 160, 90)).all()


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(["crop", "pad", "stretch"]),
       st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "I;16"]), st.integers(8, 40))
@settings(max_examples=60, deadline=None)
def test_any_size_and_mode_becomes_a_square(width, height, fit, mode, size):
    found = square(encoded(Image.new(mode, (width, height))), size, fit)
    assert found.shape[:2] == (size, size)
    assert found.shape[2] in (1, 3)
    assert found.dtype == np.uint8


def test_a_large_jpeg_is_shrunk_as_a_whole():
    ramp = np.tile(np.linspace(0, 255, 1024).astype(np.uint8), (1024, 1))
    found = square(encoded(Image.fromarray(ramp), "JPEG", quality=95), 16)
    np.testing.assert_allclose(found[8, :, 0], np.linspace(8, 247, 16), atol=3)


def bomb() -> bytes:
    """Make a PNG that says it has 60,000 × 60,000 pixels and holds none."""
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (struct.pack(">I", len(content)) + kind + content
                + struct.pack(">I", zlib.crc32(kind + content)))
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
            + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b""))


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n"
BROKEN = {
    "empty": (b"", "the file is empty"),
    "truncated-jpeg": (encoded(Image.effect_noise((64, 64), 90), "JPEG")[:-300], "damaged"),
    "truncated-png": (encoded(Image.effect_noise((64, 64), 90))[:-300], "damaged"),
    "header-only": (flat()[:20], "not a picture|damaged"),
    "text": (b"hello", "not a picture"),
    "eps": (EPS, "not a picture"),
    "psd": (b"8BPS\0\1" + bytes(200), "not a picture"),
    "fits": (b"SIMPLE  =                    T".ljust(2880), "not a picture"),
    "bomb": (bomb(), "million pixels"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_pictures_say_why(name):
    content, why = BROKEN[name]
    with pytest.raises(decode.UnreadableError, match=why):
        square(content)


def test_a_bomb_is_refused_before_it_is_decoded():
    tracemalloc.start()
    with pytest.raises(decode.UnreadableError):
        square(bomb())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5e6
    with pytest.raises(decode.UnreadableError, match="9,000 × 9,000"):
        square(encoded(Image.new("1", (9000, 9000))))


SEEDS = [flat(), encoded(Image.new("L", (9, 5), 7), "JPEG"), encoded(Image.new("RGBA", (5, 9))),
         encoded(Image.new("P", (6, 6)), "GIF"), encoded(Image.new("RGB", (6, 6)), "TIFF"),
         encoded(Image.new("RGB", (6, 6)), "BMP"), encoded(Image.new("RGB", (6, 6)), "WEBP"),
         encoded(Image.new("L", (6, 6)), "PPM")]


@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)),
                                        max_size=12), st.integers(0, 10_000))
@settings(max_examples=300, deadline=2000, suppress_health_check=list(HealthCheck))
def test_flipped_bytes_give_a_picture_or_a_reason(seed, changes, keep):
    content = bytearray(seed)
    for place, value in changes:
        content[place % len(content)] = value
    with contextlib.suppress(decode.UnreadableError):  # and nothing else
        assert square(bytes(content[:1 + keep % len(content)])).shape[:2] == (8, 8)


def test_lab_colours():
    lab = Image.new("RGB", (8, 8), "red")
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    converted = ImageCms.profileToProfile(lab, *profiles, outputMode="LAB")
    np.testing.assert_allclose(square(encoded(converted, "TIFF"))[0, 0], (255, 0, 0), atol=8)


# --- folders --------------------------------------------------------------------------------------


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


# --- archives -------------------------------------------------------------------------------------


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
