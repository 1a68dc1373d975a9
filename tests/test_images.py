import time

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor

from hybridstudio.errors import StudioError
from hybridstudio.gui import canned, mosaic, theme
from hybridstudio.gui.images import ImageSheet, read_picture
from hybridstudio.gui.mosaic import Grid, compose, fitting


@pytest.fixture(autouse=True)
def plain(qapp):
    theme.apply(qapp, "light")


def some(count=64, size=32, channels=3):
    return np.random.default_rng(0).integers(0, 256, (count, size, size, channels), np.uint8)


# --- where pictures lie


@pytest.mark.parametrize("count", [1, 2, 7, 16, 64, 100])
@pytest.mark.parametrize("room", [(640, 480), (200, 900), (1500, 90)])
def test_pictures_fit_and_no_larger_zoom_would(count, room):
    grid = fitting(count, 8, 8, room)
    assert grid.size[0] <= room[0]
    assert grid.size[1] <= room[1]
    for columns in range(1, count + 1):
        larger = Grid(count, 8, 8, columns, grid.zoom + 1, 2)
        assert larger.size[0] > room[0] or larger.size[1] > room[1] or grid.zoom == 64


def test_large_pictures_are_shrunk_by_whole_numbers():
    grid = fitting(64, 256, 256, (640, 480))
    assert grid.zoom < 0
    assert grid.size[0] <= 640
    assert mosaic.scale_text(grid.zoom) == f"1:{-grid.zoom}"
    flat = np.full((64, 256, 256, 1), 90, np.uint8)
    page = compose(flat, grid, 0)
    left, top, width, height = grid.place(9)
    assert (page[top:top + height, left:left + width] == 0xFF5A5A5A).all()


def test_nothing_fits_a_room_of_no_size():
    assert fitting(5, 8, 8, (0, 0)).zoom < 0
    compose(some(5, 8), fitting(5, 8, 8, (0, 0)), 0)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_pixel_is_a_crisp_square(channels):
    images = some(10, 8, channels)
    grid = fitting(10, 8, 8, (300, 300))
    page = compose(images, grid, 0x123456)
    for index in range(10):
        left, top, width, height = grid.place(index)
        cell = page[top:top + height, left:left + width]
        small = cell[::grid.zoom, ::grid.zoom]
        assert (cell == small.repeat(grid.zoom, 0).repeat(grid.zoom, 1)).all()
        assert (small >> 16 & 255 == images[index, ..., 0]).all()
        assert (small & 255 == images[index, ..., -1]).all()
    assert page[-1, -1] == 0xFF123456


def test_a_place_tells_its_picture_and_pixel():
    grid = Grid(5, 8, 8, 3, 4, 2)
    assert grid.at(0, 0) == (0, 0, 0)
    assert grid.at(34 + 9, 5) == (1, 2, 1)
    assert grid.at(33, 0) is None  # the gap
    assert grid.at(70, 40) is None  # a sixth picture
    assert grid.at(-1, 0) is None


def test_composing_is_fast():
    images, grid = some(64, 32), fitting(64, 32, 32, (900, 600))
    compose(images, grid, 0)
    began = time.perf_counter()
    for _ in range(5):
        compose(images, grid, 0)
    assert (time.perf_counter() - began) / 5 < 0.03  # measured 1 ms on an idle machine


# --- the sheet


@pytest.fixture
def sheet(qtbot):
    widget = ImageSheet(several=True)
    qtbot.addWidget(widget)
    widget.resize(400, 300)
    widget.show()
    widget.set_images(canned.pictures(12), [f"digit {index % 10}" for index in range(12)])
    return widget


def middle(sheet, index):
    left, top, width, height = sheet.grid().place(index)
    origin = sheet.origin().toPoint()
    return origin + QPoint(left + width // 2, top + height // 2)


def test_what_is_painted_is_what_was_given(sheet):
    grid, seen = sheet.grid(), sheet.grab().toImage()
    images, place = sheet.images(), sheet.origin().toPoint()
    left, top, _, _ = grid.place(7)
    for x, y in ((0, 0), (3, 4), (7, 7)):
        half = grid.zoom // 2
        colour = QColor(seen.pixel(place.x() + left + x * grid.zoom + half,
                                   place.y() + top + y * grid.zoom + half))
        assert colour.red() == images[7, y, x, 0]
    assert QColor(seen.pixel(1, 1)).name() == theme.palette().canvas


def test_hovering_tells_the_value(sheet, qtbot):
    with qtbot.waitSignal(sheet.pointed) as told:
        qtbot.mouseMove(sheet, middle(sheet, 3))
    assert told.args[0].startswith("digit 3 · x ")
    value = int(told.args[0].rpartition(" ")[2])
    assert value == sheet.images()[3, 4, 4, 0]


def test_choosing_with_the_mouse(sheet, qtbot):
    qtbot.mouseClick(sheet, Qt.MouseButton.LeftButton, pos=middle(sheet, 2))
    assert sheet.chosen_places() == (2,)
    qtbot.mouseClick(sheet, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier,
                     middle(sheet, 5))
    assert sheet.chosen_places() == (2, 3, 4, 5)
    qtbot.mouseClick(sheet, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier,
                     middle(sheet, 3))
    assert sheet.chosen_places() == (2, 4, 5)
    sheet.grab()


def test_choosing_with_the_keyboard(sheet, qtbot):
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Space):
        qtbot.keyClick(sheet, key)
    assert sheet.current() == 1
    assert sheet.chosen_places() == (1,)
    qtbot.keyClick(sheet, Qt.Key.Key_Down)
    assert sheet.current() == 1 + sheet.grid().columns
    qtbot.keyClick(sheet, Qt.Key.Key_End)
    assert sheet.current() == 11
    qtbot.keyClick(sheet, Qt.Key.Key_Right)
    assert sheet.current() == 11
    qtbot.keyClick(sheet, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(sheet.chosen_places()) == 12
    qtbot.keyClick(sheet, Qt.Key.Key_Escape)
    assert sheet.chosen_places() == ()
    with qtbot.waitSignal(sheet.turned) as told:
        qtbot.keyClick(sheet, Qt.Key.Key_PageDown)
    assert told.args == [1]


def test_words_for_those_who_do_not_see(sheet, qtbot):
    qtbot.keyClick(sheet, Qt.Key.Key_Home)
    qtbot.keyClick(sheet, Qt.Key.Key_Space)
    assert sheet.accessibleDescription() == "12 pictures of 8 × 8 pixels; at digit 0; 1 chosen"
    sheet.set_images(None)
    assert sheet.accessibleDescription() == "no pictures"
    sheet.grab()


def test_setting_64_pictures_is_quick(sheet, qtbot):
    images = some(64, 32)
    began = time.perf_counter()
    sheet.set_images(images)
    sheet.repaint()
    assert time.perf_counter() - began < 0.1  # measured 3 ms on an idle machine


# --- reading a picture


def save(path, image, **options):
    image.save(path, **options)
    return path


def test_a_picture_is_cropped_to_a_square_and_scaled(tmp_path):
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 10:30] = (200, 100, 50)  # the middle square
    path = save(tmp_path / "wide.png", Image.fromarray(pixels))
    read = read_picture(path, 8, 3)
    assert read.shape == (8, 8, 3)
    assert (np.abs(read.astype(int) - (200, 100, 50)) <= 1).all()
    assert read_picture(path, 7, 1).shape == (7, 7, 1)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "I;16", "CMYK"])
def test_odd_pictures_are_read(tmp_path, mode):
    suffix = ".jpg" if mode == "CMYK" else ".png"
    path = save(tmp_path / f"a{suffix}", Image.new(mode, (9, 9)))
    assert read_picture(path, 8, 3).shape == (8, 8, 3)


def test_transparency_lies_on_white(tmp_path):
    path = save(tmp_path / "a.png", Image.new("RGBA", (9, 9), (0, 0, 0, 0)))
    assert (read_picture(path, 8, 1) == 255).all()


def test_rotation_tags_are_followed(tmp_path):
    pixels = np.zeros((16, 16), np.uint8)
    pixels[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    path = save(tmp_path / "a.jpg", Image.fromarray(pixels), exif=exif, quality=95)
    read = read_picture(path, 16, 1)[..., 0]
    assert read[:6].max() < 30
    assert read[10:].min() > 220


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_what_is_no_picture_is_told(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(StudioError, match="could not be opened"):
        read_picture(path, 8, 1)


@pytest.mark.qt_log_ignore("Invalid JPEG")
def test_a_truncated_picture_is_told(tmp_path):
    path = save(tmp_path / "a.jpg", Image.fromarray(some(1, 64)[0]))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(StudioError, match="could not be opened"):
        read_picture(path, 8, 1)
