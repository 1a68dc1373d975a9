import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent

from hybridstudio import cloud, data
from hybridstudio.config import DataConfig
from hybridstudio.gui import drops, theme
from hybridstudio.gui.paintcanvas import SPRAYED
from hybridstudio.gui.painter import FEWEST, Painter
from hybridstudio.gui.panels.data import NOISED_POINTS, DataPanel, training_on
from hybridstudio.gui.pointsview import REACH, PointsView
from hybridstudio.messages import Augment, Browse, Browsed, Done, Frame, Noise

CLASSES = ("left", "right")


@pytest.fixture
def panel(qtbot, qapp):
    theme.apply(qapp, "dark")
    widget = DataPanel()
    qtbot.addWidget(widget)
    widget.resize(900, 560)
    widget.asked = []
    widget.requested.connect(widget.asked.append)
    widget.show()
    qtbot.waitUntil(lambda: bool(widget.asked))
    return widget


@pytest.fixture
def painter(qtbot, qapp):
    theme.apply(qapp, "light")
    widget = Painter()
    qtbot.addWidget(widget)
    widget.resize(700, 500)
    widget.show()
    return widget


@pytest.fixture
def view(qtbot, qapp):
    theme.apply(qapp, "light")
    widget = PointsView()
    qtbot.addWidget(widget)
    widget.resize(408, 400)
    widget.set_points(np.array([[-0.5, 0], [0.5, 0]], np.float32), (0, 1), CLASSES)
    widget.show()
    return widget


def tell(panel, count=3000):
    points = np.random.RandomState(0).uniform(-1, 1, (count, 2)).astype(np.float32)
    labels = (points[:, 0] > 0).astype(int)
    panel.on_event(Browsed(
        "moons", 100_000, cloud.cloud(points, colours=labels)[None], tuple(range(0, 2 * count, 2)),
        tuple(labels.tolist()), CLASSES, (50_000, 50_000), points=points))
    panel.on_event(Done("finished"))


def at(view, x, y):
    """Return where a place of the plane is in the widget."""
    square = view.square()
    scale = square.width() / (2 * view.reach)
    return (square.center() + QPointF(x, -y) * scale).toPoint()


# --- points on the screen -------------------------------------------------------------------------


def test_points_are_told_with_their_class(view, qtbot):
    said = []
    view.pointed.connect(said.append)
    qtbot.mouseMove(view, at(view, 0.5, 0.0))
    assert said[-1].startswith(("x +0.49", "x +0.50"))
    assert said[-1].endswith("class right")
    qtbot.mouseMove(view, at(view, 0.0, 0.8))
    assert "class" not in said[-1]
    image = view.grab().toImage()
    assert image.pixelColor(at(view, -0.5, 0)) != image.pixelColor(at(view, 0.5, 0))


def test_zooming_keeps_what_is_under_the_mouse_there(view, qtbot):
    place = QPointF(at(view, 0.5, 0.0))
    view.zoom(4.0, place)
    assert view.reach == pytest.approx(REACH / 4)
    assert view.place_at(place).x() == pytest.approx(0.5, abs=0.01)
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(200, 200))
    before = view.centre.x()
    qtbot.mouseMove(view, QPoint(150, 200))
    assert view.centre.x() > before
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton)
    qtbot.keyClick(view, Qt.Key.Key_Plus)
    assert view.reach == pytest.approx(REACH / 5)
    qtbot.keyClick(view, Qt.Key.Key_Right)
    qtbot.keyClick(view, Qt.Key.Key_Home)
    assert (view.centre, view.reach) == (QPointF(0, 0), REACH)
    view.grab()


def test_the_colours_follow_the_theme(view, qapp):
    light = view.grab().toImage().pixelColor(200, 300)
    theme.apply(qapp, "dark")
    assert view.grab().toImage().pixelColor(200, 300).lightness() < light.lightness()


# --- the panel ------------------------------------------------------------------------------------


def test_a_data_set_of_points(panel, qtbot):
    panel.open_data("moons")
    assert panel.asked[-1] == Browse(DataConfig(name="moons"))
    assert not panel.form.editors["data.size"].isVisible()
    tell(panel)
    assert panel.pages.currentWidget() is panel.points
    assert panel.tabs.button(0).text() == "Points"
    assert not panel.tabs.button(2).isVisible()
    assert panel.form.total.text() == "100,000 points of the plane, 3,000 of them shown"
    assert panel.pager.place.text() == "3,000 of 100,000 points"
    assert not panel.pager.before.isVisible()
    shade = panel.form.bars.grab().toImage().pixelColor(100, 11)
    assert shade.getRgb()[:3] == cloud.DARK.inks[0]
    panel.grab()


def test_points_are_noised(panel):
    panel.open_data("moons")
    tell(panel)
    panel.show_page(1)
    request = panel.asked[-1]
    assert isinstance(request, Noise)
    assert len(request.indices) == NOISED_POINTS
    assert request.indices[:3] == (0, 2, 4)
    picture = cloud.cloud(panel.points.points())[None]
    for step in range(51):
        panel.on_event(Frame(step, 50, 20.0 * step, picture, noise=step / 50))
    assert panel.noising.timeline.readout.text().startswith("t = 320 of 1,000")
    panel.grab()


def test_augmentation_is_left_where_there_are_points(panel):
    panel.show_page(2)
    panel.open_data("moons")
    tell(panel)
    assert panel.pages.currentWidget() is panel.points
    assert not any(isinstance(request, Augment) for request in panel.asked)


def test_from_points_to_pictures_again(panel):
    panel.open_data("moons")
    tell(panel)
    panel.open_data("digits")
    assert panel.form.editors["data.size"].isVisible()
    images = np.zeros((2, 8, 8, 1), np.uint8)
    panel.on_event(Browsed("digits", 2, images, (0, 1), (0, 0), ("0",), (2,)))
    assert panel.pages.currentWidget() is panel.sheet
    assert panel.tabs.button(0).text() == "Pictures"
    assert panel.pager.before.isVisible()


def test_a_size_left_over_is_of_no_concern_to_points(panel):
    panel.form.editors["data.size"].restore("7")
    panel.form.editors["data.name"].restore("rings")
    assert panel.form.data() == DataConfig(name="rings")


def test_a_table_of_points_is_dropped(panel, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("1,2\n3,4\n")
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    panel.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime,
                               Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier))
    assert panel.asked[-1].data.name == f"points:{path}"
    assert drops.told(path) == drops.Dropped("data", path, f"points:{path}")


def test_training_on_points():
    assert training_on(DataConfig(name="gaussians25")).name == "ddpm-gaussians25"
    config = training_on(DataConfig(name="points:/home/me/cats.csv"))
    assert config.name == "ddpm-cats"
    assert config.model.width == 128
    assert training_on(DataConfig(name="mnist")).model.family == "ddpm"


# --- painting -------------------------------------------------------------------------------------


def test_dragging_sprays_points_of_the_chosen_class(painter, qtbot):
    canvas = painter.canvas
    qtbot.mouseClick(painter.swatches.button(2), Qt.MouseButton.LeftButton)
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=at(canvas, 0.5, 0.5))
    points, labels = canvas.painted
    assert len(points) == SPRAYED
    assert set(labels.tolist()) == {2}
    np.testing.assert_allclose(points.mean(0), (0.5, 0.5), atol=0.08)
    qtbot.mouseMove(canvas, at(canvas, -0.5, 0.5))
    qtbot.waitUntil(lambda: len(canvas.painted[0]) >= 4 * SPRAYED)  # while it is held still, too
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton)
    assert canvas.painted[0][-1, 0] < 0
    assert "points" in painter.words.text()
    painter.grab()


def test_erase_undo_and_clear(painter, qtbot):
    canvas = painter.canvas
    for x in (-0.5, 0.5):
        qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=at(canvas, x, 0))
    painter.brush.setValue(40)
    assert canvas.brush == 40
    qtbot.mouseClick(canvas, Qt.MouseButton.RightButton, pos=at(canvas, 0.5, 0))
    assert (canvas.painted[0][:, 0] < 0).all()
    qtbot.mouseClick(painter.undo, Qt.MouseButton.LeftButton)
    assert len(canvas.painted[0]) == 2 * SPRAYED
    qtbot.mouseClick(painter.eraser, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=at(canvas, -0.5, 0))
    assert len(canvas.painted[0]) == SPRAYED
    qtbot.mouseClick(painter.swatches.button(0), Qt.MouseButton.LeftButton)
    assert not canvas.erasing
    qtbot.mouseClick(painter.clear, Qt.MouseButton.LeftButton)
    assert len(canvas.painted[0]) == 0
    qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert len(canvas.painted[0]) == SPRAYED


def test_the_keyboard_paints_as_well(painter, qtbot):
    canvas = painter.canvas
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Space, Qt.Key.Key_Space):
        qtbot.keyClick(canvas, key)
    assert len(canvas.painted[0]) == 2 * SPRAYED
    canvas.set_brush(40)
    qtbot.keyClick(canvas, Qt.Key.Key_Delete)
    assert len(canvas.painted[0]) == 0


def test_too_few_points_are_not_saved(painter):
    assert not painter.save.isEnabled()
    painter.canvas.spray(QPointF(0, 0))
    assert f"at least {FEWEST}" in painter.words.text()
    assert not painter.save.isEnabled()


def test_what_was_painted_is_saved_and_opened(panel, tmp_path, qtbot):
    qtbot.mouseClick(panel.paint, Qt.MouseButton.LeftButton)
    assert panel.pages.currentWidget() is panel.painter
    assert not panel.pager.isVisible()
    canvas = panel.painter.canvas
    for place in range(10):
        canvas.ink = place % 2
        canvas.spray(QPointF(-0.8 + 0.16 * place, 0.3))
    assert panel.painter.save.isEnabled()
    path = tmp_path / "points.csv"
    panel.painter.write(path)
    assert panel.asked[-1] == Browse(DataConfig(name=f"points:{path}"))
    assert panel.pages.currentWidget() is not panel.painter
    loading = data.load(DataConfig(name=f"points:{path}", split="all"), tmp_path)
    found = None
    while found is None:
        try:
            next(loading)
        except StopIteration as end:
            found = end.value
    assert found.classes == ("1", "2")
    np.testing.assert_allclose(found.images * found.scale + found.centre, canvas.painted[0],
                               atol=1e-4)
    assert found.labels.tolist() == canvas.painted[1].tolist()


def test_a_file_that_cannot_be_written_is_told(panel, tmp_path, qtbot):
    panel.start_painting()
    panel.painter.write(tmp_path)  # a folder
    assert panel._error.isVisible()
    qtbot.keyClick(panel.painter, Qt.Key.Key_Escape)
    assert panel.pages.currentWidget() is panel.sheet
