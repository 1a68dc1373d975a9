"""Pictures as files: contact sheets, PNGs that carry their settings, animations, arrays.

Pictures are uint8 arrays (N, H, W, C) with C = 1 (grey) or 3 (RGB). Every file is written beside
its place and moved there when it is complete, so that a cancelled or failed write leaves nothing.
"""

from hybridstudio.pictures.animations import ANIMATIONS, without_av, write_animation
from hybridstudio.pictures.settings import KEY, MAX_TEXT, SETTINGS, read_settings
from hybridstudio.pictures.sheets import BACKGROUND, Raster, as_rgb, sheet, spread, strip, zoomed
from hybridstudio.pictures.writing import complete, write_png, write_samples

__all__ = [
    "ANIMATIONS", "BACKGROUND", "KEY", "MAX_TEXT", "SETTINGS", "Raster", "as_rgb", "complete",
    "read_settings", "sheet", "spread", "strip", "without_av", "write_animation", "write_png",
    "write_samples", "zoomed",
]
