"""One picture: every mode and format, the fits, and what is broken or a bomb."""

from __future__ import annotations

import contextlib
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from picturefiles import BROKEN, bomb, encoded, flat
from PIL import Image, ImageCms

from hybridstudio.data import decode


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
