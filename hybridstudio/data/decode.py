"""One picture file to a square uint8 array, whatever the file holds.

Pixels are turned upright after their EXIF tag; transparent ones are laid on white; 16-bit grey is
scaled to 8 bits; palettes, 1-bit and CMYK become grey or RGB. A picture that is shrunk is
filtered (Lanczos), one that is enlarged interpolated (bicubic), one of the right size left as it
is. The first frame of an animation counts.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from typing import Literal, TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from hybridstudio.messages import Images

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")  # no others are tried
SUFFIXES = frozenset((".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp",
                      ".dib", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".avif"))
MAX_PIXELS = 80_000_000  # below Pillow's own limit
MAX_BYTES = 256 << 20  # of one file
WHITE = (255, 255, 255, 255)

Fit = Literal["crop", "pad", "stretch"]
Result = TypeVar("Result")

# Pillow only warns of a picture twice as large as it trusts; a warning on stderr helps nobody.
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


class UnreadableError(Exception):
    """This file is no picture that can be used; the text says why in a user's words."""


def picture(data: bytes, size: int, fit: Fit) -> Images:
    """Decode a file to (size, size, 1) where it is grey, else (size, size, 3), uint8.

    A colour file whose pixels are all grey counts as grey. Raises UnreadableError.
    """
    return _guarded(lambda: _picture(data, size, fit))


def measured(data: bytes) -> tuple[int, int]:
    """Return width and height from the header alone; raises UnreadableError."""
    return _guarded(lambda: _opened(data).size)


def fitted(images: Images, size: int, fit: Fit) -> Images:
    """Fit pictures (N, H, W, C) into squares: (N, size, size, C)."""
    if images.shape[1:3] == (size, size):
        return images
    grey = images.shape[3] == 1
    out = np.empty((len(images), size, size, images.shape[3]), np.uint8)
    for place, pixels in enumerate(images):
        square = _square(Image.fromarray(pixels[..., 0] if grey else pixels), size, fit)
        out[place] = np.asarray(square).reshape(size, size, -1)
    return out


def coloured(images: Images, channels: int) -> Images:
    """Turn pictures (..., H, W, C) grey (1) or into RGB (3); luma after ITU-R BT.601."""
    if images.shape[-1] == channels:
        return images
    if channels == 3:
        return np.repeat(images, 3, axis=-1)
    weights = np.array([19595, 38470, 7471], np.uint32)  # 0.299, 0.587, 0.114 in 1/65536
    return ((images @ weights + 0x8000) >> 16).astype(np.uint8)[..., None]


def _guarded(work: Callable[[], Result]) -> Result:
    """Tell every way in which a decoder fails on a broken or hostile file as UnreadableError."""
    try:
        return work()
    except UnreadableError:
        raise
    except UnidentifiedImageError:
        raise UnreadableError(
            "not a picture in a format that is read (" + ", ".join(FORMATS) + ")") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise UnreadableError(f"larger than {MAX_PIXELS // 10**6} million pixels") from None
    except MemoryError:
        raise UnreadableError("there is not enough memory to decode it") from None
    except Exception as error:  # hostile bytes raise anything: struct.error, KeyError, ...
        text = str(error).strip() or type(error).__name__
        raise UnreadableError(f"damaged: {text.splitlines()[0][:200]}") from None


def _opened(data: bytes) -> Image.Image:
    if not data:
        raise UnreadableError("the file is empty")
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnreadableError(f"{width:,} × {height:,}: larger than {MAX_PIXELS // 10**6} "
                              "million pixels")
    return image


def _picture(data: bytes, size: int, fit: Fit) -> Images:
    image = _opened(data)
    if image.format == "JPEG" and min(image.size) >= 4 * size:
        image.draft(image.mode, (2 * size, 2 * size))  # a large JPEG is decoded smaller, 8× faster
    image.load()
    with contextlib.suppress(Exception):  # a picture with broken EXIF data is still a picture
        ImageOps.exif_transpose(image, in_place=True)
    pixels = np.asarray(_square(_plain(image), size, fit))
    if pixels.ndim == 2:
        return pixels[..., None]
    is_grey = bool((pixels[..., 0] == pixels[..., 1]).all()
                   and (pixels[..., 1] == pixels[..., 2]).all())
    return pixels[..., :1] if is_grey else pixels


def _plain(image: Image.Image) -> Image.Image:
    """Turn any mode into L or RGB."""
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bits(np.asarray(image), image.mode))
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        if image.mode in ("La", "RGBa"):  # colours already multiplied by their alpha
            image = image.convert("LA" if image.mode == "La" else "RGBA")
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, WHITE), image).convert("RGB")
    return image.convert("RGB")


def _eight_bits(values: np.ndarray, mode: str) -> Images:
    """Scale 16-bit or 32-bit whole numbers (by 257) or numbers in 0..1 (by 255) to 0..255."""
    low, high = float(values.min()), float(values.max())
    if mode == "F":
        if not (low >= 0.0 and high <= 1.0):  # also true for NaN
            raise UnreadableError("floating-point pixels outside 0 to 1")
        return np.round(values * 255.0).astype(np.uint8)
    if low < 0 or high > 65535:
        raise UnreadableError("32-bit pixels outside 0 to 65,535")
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _square(image: Image.Image, size: int, fit: Fit) -> Image.Image:
    """Fit an L or RGB picture into a square: cut its middle out, pad it in black, or stretch it."""
    width, height = image.size
    if (width, height) == (size, size):
        return image
    if fit == "pad" and width != height:
        scale = size / max(width, height)
        inner = (max(1, round(width * scale)), max(1, round(height * scale)))
        square = Image.new(image.mode, (size, size))
        square.paste(_resized(image, inner, (0, 0, width, height)),
                     ((size - inner[0]) // 2, (size - inner[1]) // 2))
        return square
    box = (0, 0, width, height)
    if fit == "crop":
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        box = (left, top, left + side, top + side)
    return _resized(image, (size, size), box)


def _resized(image: Image.Image, to: tuple[int, int],
             box: tuple[int, int, int, int]) -> Image.Image:
    shrinks = box[2] - box[0] > to[0] or box[3] - box[1] > to[1]
    kernel = Image.Resampling.LANCZOS if shrinks else Image.Resampling.BICUBIC
    return image.resize(to, kernel, box=box, reducing_gap=3.0 if shrinks else None)
