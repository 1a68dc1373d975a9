import json
import struct
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from hybridstudio import pictures
from hybridstudio.errors import StudioError, UsageError

SETTINGS = {"run": "ddpm-mnist", "seed": 7, "sampler": "dpm++2m", "nfe": 20, "eta": 0.5,
            "label": 3, "guidance": 2.0, "step": 5000}


def some(count=5, size=8, channels=1, seed=0):
    shape = (count, size, size, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def leftovers(folder):
    return [path.name for path in folder.iterdir() if path.name.endswith(".part")]


# --- sheets


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sheet_holds_every_pixel_zoomed_by_whole_numbers(channels):
    images = some(5, 8, channels)
    page = pictures.sheet(images, columns=3, zoom=4, gap=2)
    assert page.shape == (2 * 34 + 2, 3 * 34 + 2, 3)
    cell = page[36:68, 36:68]  # row 1, column 1: picture 4
    assert (cell[::4, ::4] == images[4]).all()
    assert (cell == cell[::4, ::4].repeat(4, 0).repeat(4, 1)).all()
    assert tuple(page[0, 0]) == pictures.BACKGROUND
    assert tuple(page[-10, -10]) == pictures.BACKGROUND  # the place of a sixth picture


def test_a_sheet_is_as_square_as_it_goes_and_takes_flat_or_no_pictures():
    assert pictures.sheet(some(16), gap=0).shape == (32, 32, 3)
    assert pictures.sheet(some(3)[..., 0], gap=0).shape == (16, 16, 3)
    assert pictures.sheet(some(0)).ndim == 3
    with pytest.raises(TypeError, match="uint8"):
        pictures.sheet(some(1).astype(float))
    with pytest.raises(ValueError, match="shape"):
        pictures.sheet(some(1, channels=2))


def test_a_strip_has_a_row_for_each_picture_and_a_column_for_each_moment():
    moments = [some(2, seed=seed) for seed in range(3)]
    page = pictures.strip(moments, gap=0)
    assert page.shape == (16, 24, 3)
    assert (page[8:16, 16:24, 0] == moments[2][1, ..., 0]).all()


def test_spread_keeps_both_ends():
    assert pictures.spread(51, 6) == [0, 10, 20, 30, 40, 50]
    assert pictures.spread(3, 10) == [0, 1, 2]
    assert pictures.spread(1, 8) == [0]


# --- files


def test_png_carries_its_settings(tmp_path):
    path = tmp_path / "a.png"
    pictures.write_png(path, pictures.sheet(some()), SETTINGS)
    assert {**SETTINGS, "version": "0.1.0"}.items() <= pictures.read_settings(path).items()
    with Image.open(path) as image:
        image.load()
        assert json.loads(image.text["hybridstudio"])["seed"] == 7
    assert leftovers(tmp_path) == []


def test_existing_files_are_kept_unless_asked(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("precious")
    with pytest.raises(UsageError, match="exists already"):
        pictures.write_png(path, pictures.sheet(some()))
    assert path.read_text() == "precious"
    pictures.write_png(path, pictures.sheet(some()), overwrite=True)
    assert pixels(path).shape == (22, 32, 3)
    with pytest.raises(UsageError, match="is a folder"):
        pictures.write_png(tmp_path, pictures.sheet(some()), overwrite=True)


@pytest.mark.parametrize(("channels", "shape"), [(1, (5, 8, 8)), (3, (5, 8, 8, 3))])
def test_samples_as_an_array(tmp_path, channels, shape):
    images = some(5, 8, channels)
    pictures.write_samples(tmp_path / "new" / "x.npy", images)
    read = np.load(tmp_path / "new" / "x.npy")
    assert read.shape == shape
    assert read.dtype == np.uint8
    assert (read.reshape(images.shape) == images).all()


def test_samples_as_a_folder(tmp_path):
    folder, images = tmp_path / "out", some(3)
    pictures.write_samples(folder, images, SETTINGS)
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["00000.png", "00001.png", "00002.png"]
    assert (pixels(folder / "00002.png") == images[2, ..., 0]).all()
    assert pictures.read_settings(folder / "00001.png")["seed"] == 7
    with pytest.raises(UsageError, match="not empty"):
        pictures.write_samples(folder, images)
    pictures.write_samples(folder, images[:1], overwrite=True)
    assert len(list(folder.iterdir())) == 1  # none of the old ones stay among the new
    (folder / "letter.txt").write_text("precious")
    with pytest.raises(UsageError, match="other files"):
        pictures.write_samples(folder, images, overwrite=True)
    assert len(list(folder.iterdir())) == 2
    assert leftovers(tmp_path) == []


def test_samples_refuse_other_endings(tmp_path):
    with pytest.raises(UsageError, match=r"\.jpg"):
        pictures.write_samples(tmp_path / "x.jpg", some())
    (tmp_path / "plain").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        pictures.write_samples(tmp_path / "plain", some())


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="space"):
        pictures.write_samples(tmp_path / "x.npy", some())
    assert list(tmp_path.iterdir()) == []


# --- animations


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_animations(tmp_path, suffix, channels):
    path = tmp_path / f"a{suffix}"
    frames = [pictures.sheet(some(4, 8, channels, seed)) for seed in range(5)]
    pictures.write_animation(path, frames, ms=50, hold=400)
    with Image.open(path) as image:
        assert image.n_frames == 5
        for index, frame in enumerate(frames):
            image.seek(index)
            seen = np.asarray(image.convert("RGB"))
            assert image.info["duration"] == (400 if index == 4 else 50)
            if suffix == ".webp" or channels == 1:
                assert (seen == frame).all()  # lossless
            else:
                assert np.abs(seen.astype(int) - frame).mean() < 16  # 256 colours


def test_a_cancelled_animation_leaves_nothing(tmp_path):
    def frames():
        yield pictures.sheet(some())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pictures.write_animation(tmp_path / "a.gif", frames())
    assert list(tmp_path.iterdir()) == []


def test_animations_refuse_what_they_cannot_write(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"\.avi"):
        pictures.write_animation(tmp_path / "a.avi", [pictures.sheet(some())])
    with pytest.raises(UsageError, match="nothing"):
        pictures.write_animation(tmp_path / "a.gif", [])
    monkeypatch.setitem(sys.modules, "av", None)  # as where the extra is not installed
    with pytest.raises(StudioError) as caught:
        pictures.write_animation(tmp_path / "a.mp4", [pictures.sheet(some())])
    assert f"{sys.executable} -m pip install av" in caught.value.fix
    assert list(tmp_path.iterdir()) == []


# --- hostile settings


def png(*chunks):
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in chunks:
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(
            ">I", zlib.crc32(kind + body))
    return data


def itxt(text, packed=False):
    body = zlib.compress(text) if packed else text
    return b"iTXt", b"hybridstudio\0" + bytes([packed]) + b"\0\0\0" + body


GOOD = b'{"seed": 3}'


@pytest.mark.parametrize("chunk", [
    itxt(GOOD), itxt(GOOD, packed=True), (b"tEXt", b"hybridstudio\0" + GOOD),
    (b"zTXt", b"hybridstudio\0\0" + zlib.compress(GOOD)),
])
def test_settings_are_read_from_every_kind_of_text(tmp_path, chunk):
    path = tmp_path / "a.png"
    other = (b"tEXt", b"Software\0something")
    path.write_bytes(png((b"IHDR", bytes(13)), other, chunk, (b"IEND", b"")))
    assert pictures.read_settings(path) == {"seed": 3}


@pytest.mark.parametrize("chunk", [
    itxt(b"{not json"), itxt(b"[1, 2]"), itxt(b'{"seed": NaN}'), itxt(b"\xff\xfe"),
    itxt(b"[" * 60_000), itxt(b'{"seed": ' + b"9" * 60_000 + b"}"), itxt(b" " * 70_000 + GOOD),
    itxt(b" " * 50_000_000 + GOOD, packed=True),  # a bomb of 50 kB
    (b"zTXt", b"hybridstudio\0\0garbage"), (b"tEXt", b"hybridstudio"), (b"IDAT", b""),
])
def test_bad_settings_are_ignored_and_told_when_asked(tmp_path, chunk):
    path = tmp_path / "a.png"
    path.write_bytes(png((b"IHDR", bytes(13)), chunk, (b"IEND", b"")))
    assert pictures.read_settings(path) is None
    with pytest.raises(StudioError, match="carries no settings"):
        pictures.read_settings(path, strict=True)


def test_a_huge_text_chunk_is_not_read(tmp_path):
    path = tmp_path / "huge.png"
    length = 100_000_000
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", length, b"tEXt"))
        file.write(b"hybridstudio\0")
        file.truncate(length + 100)
    with pytest.raises(StudioError) as caught:
        pictures.read_settings(path, strict=True)
    assert "bytes long" in caught.value.why


def test_only_known_settings_of_the_right_kind_come_back(tmp_path):
    path = tmp_path / "a.png"
    values = {"run": "../../etc/passwd", "seed": True, "nfe": "50", "eta": 1, "sampler": "ddim",
              "command": "rm -rf", "label": None, "guidance": [1.0]}
    info = PngImagePlugin.PngInfo()
    info.add_text("hybridstudio", json.dumps(values))
    Image.new("L", (4, 4)).save(path, pnginfo=info)
    assert pictures.read_settings(path) == {"eta": 1.0, "sampler": "ddim"}


def test_no_file_and_no_png(tmp_path):
    assert pictures.read_settings(tmp_path / "missing.png") is None
    (tmp_path / "a.png").write_text("hello")
    assert pictures.read_settings(tmp_path / "a.png") is None


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 400))
def test_no_bytes_bring_the_reader_down(tmp_path_factory, noise, place):
    path = tmp_path_factory.getbasetemp() / "fuzz.png"
    good = png((b"IHDR", bytes(13)), itxt(json.dumps(SETTINGS).encode(), packed=True))
    path.write_bytes(good[:place] + noise + good[place + len(noise):])
    found = pictures.read_settings(path)
    assert found is None or set(found) <= set(pictures.SETTINGS)
