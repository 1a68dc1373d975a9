"""Clouds of points in the window's colours, light or dark.

    images = lit(frame.x_t) if frame.points else frame.x_t
"""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QColor, QImage

from hybridstudio.cloud import DARK, LIGHT, Look, relit
from hybridstudio.gui import theme
from hybridstudio.messages import Images


def look() -> Look:
    """Return the colours of clouds that suit the window's."""
    return DARK if theme.palette().dark else LIGHT


def ink(place: int) -> QColor:
    """Return the colour of a class's points."""
    inks = look().inks
    return QColor(*inks[place % len(inks)])


def lit(clouds: Images) -> Images:
    """Return clouds (N, H, W, 3) that were drawn in dark colours in those of the window."""
    return np.stack([relit(cloud, look()) for cloud in clouds])


def lit_image(cloud: QImage) -> QImage:
    """Return an image of such a cloud, however small, in the window's colours."""
    image = cloud.convertToFormat(QImage.Format.Format_RGB888)
    width, height, stride = image.width(), image.height(), image.bytesPerLine()
    lines = np.frombuffer(image.constBits(), np.uint8).reshape(height, stride)
    pixels = lit(lines[:, :3 * width].reshape(1, height, width, 3))[0]
    return QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
