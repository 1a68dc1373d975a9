import pytest
from PySide6.QtCore import QPoint, Qt

from hybridstudio.config import DataConfig
from hybridstudio.errors import StudioError
from hybridstudio.gui import canned, theme
from hybridstudio.gui.panels.data import PAGE, DataPanel, training_on
from hybridstudio.gui.wishes import Cancel, SetUp
from hybridstudio.messages import (
    Augment,
    Browse,
    Browsed,
    Done,
    Frame,
    Noise,
    Notice,
    Progress,
    Started,
)


@pytest.fixture
def panel(qtbot, qapp):
    theme.apply(qapp, "light")
    widget = DataPanel()
    qtbot.addWidget(widget)
    widget.resize(900, 560)
    widget.asked = []
    widget.requested.connect(widget.asked.append)
    widget.show()
    qtbot.waitUntil(lambda: bool(widget.asked))
    return widget


@pytest.fixture
def opened(panel):
    feed(panel)
    panel.asked.clear()
    return panel


def feed(panel, **how):
    for event in canned.data_events(**how):
        panel.on_event(event)


def test_it_opens_the_data_set_in_the_form_when_first_seen(panel):
    assert panel.asked == [Browse(DataConfig(name="digits"), PAGE)]
    assert not panel.train.isEnabled()
    assert "Choose a data set" in panel.sheet.empty


def test_pictures_counts_and_what_was_left_out(opened):
    assert len(opened.sheet.images()) == PAGE
    assert opened.form.total.text() == "1,797 pictures, 8 × 8 pixels, grey"
    assert opened.pager.place.text() == "pictures 1–64 of 1,797"
    assert opened.form.skipped.item(0, 0).text() == "holiday/IMG_2041.png"
    assert "2 files" in opened.form.skipped_words.text()
    assert opened.form.bars.accessibleDescription().startswith("0: 178, 1: 182")
    assert opened.sheet.caption(3) == "picture 4, class 3"
    opened.grab()


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_all_classes_and_words_have_their_room(opened, qapp, qtbot, mode):
    theme.apply(qapp, mode)
    bars, place = opened.form.bars, opened.pager.place
    qtbot.waitUntil(lambda: bars.height() == 10 * 22)
    assert bars.width() >= 180
    assert place.width() >= place.sizeHint().width()
    shades = {bars.grab().toImage().pixelColor(60, 22 * line + 11).name() for line in range(10)}
    assert shades == {theme.palette().series[0]}


def test_pages(opened, qtbot):
    qtbot.keyClick(opened.sheet, Qt.Key.Key_PageUp)
    assert opened.asked == []
    qtbot.mouseClick(opened.pager.after, Qt.MouseButton.LeftButton)
    assert opened.asked[-1] == Browse(DataConfig(name="digits"), PAGE, PAGE)
    feed(opened, offset=PAGE)
    assert opened.pager.place.text() == "pictures 65–128 of 1,797"
    qtbot.keyClick(opened.sheet, Qt.Key.Key_PageUp)
    assert opened.asked[-1].offset == 0


def test_a_class_by_its_bar(opened, qtbot):
    qtbot.mouseClick(opened.form.bars, Qt.MouseButton.LeftButton, pos=QPoint(60, 22 * 3 + 8))
    assert opened.asked[-1].label == 3
    feed(opened)
    assert opened.pager.place.text().endswith("of 183")
    qtbot.keyClick(opened.form.bars, Qt.Key.Key_Down)
    assert opened.asked[-1].label == 4
    qtbot.keyClick(opened.form.bars, Qt.Key.Key_Escape)
    assert opened.asked[-1].label is None
    opened.form.bars.grab()


def test_another_data_set(opened, qtbot):
    opened.form.editors["data.name"].restore("mnist")
    opened.form.editors["data.name"].edited.emit()
    qtbot.waitUntil(lambda: bool(opened.asked), timeout=3000)
    assert opened.asked == [Browse(DataConfig(name="mnist"), PAGE)]


def test_faults_are_told_beside_their_field(opened, qtbot):
    size = opened.form.editors["data.size"]
    size.restore("7")
    size.edited.emit()
    assert opened.form.data() is None
    fault = opened.form._faults["data.size"]
    assert fault.isVisible()
    assert "8 to 256" in fault.text()
    qtbot.wait(600)
    assert opened.asked == []
    size.restore("16")
    assert opened.form.data() == DataConfig(name="digits", size=16)
    assert not fault.isVisible()


def test_a_folder_that_was_dropped(opened, tmp_path):
    opened.open_data(f"folder:{tmp_path}")
    assert opened.asked == [Browse(DataConfig(name=f"folder:{tmp_path}"), PAGE)]


def test_loading_shows_progress_and_can_be_cancelled(panel, qtbot):
    panel.on_event(Started("Downloading mnist"))
    panel.on_event(Progress(12_300_000, 52_000_000, "bytes", rate=4.2e6, left=95.0))
    qtbot.waitUntil(panel.loading.isVisible)
    assert panel.loading.words.text() == (
        "Downloading mnist: 12.3 MB of 52.0 MB  ·  4.2 MB/s  ·  1 min 35 s left")
    panel.on_event(Progress(300, None, "pictures"))
    assert panel.loading.words.text() == "Downloading mnist: 300 pictures"
    qtbot.mouseClick(panel.loading.cancel, Qt.MouseButton.LeftButton)
    assert panel.asked[-1] == Cancel()
    panel.on_event(Done("stopped"))
    assert not panel.loading.isVisible()


def test_what_is_quick_shows_no_bar(panel, qtbot):
    feed(panel)
    qtbot.wait(350)
    assert not panel.loading.isVisible()


def test_errors_and_notices(panel):
    panel.on_event(Notice("The archive is damaged", "3 files have a wrong checksum"))
    assert "damaged" in panel.notice.text
    panel.show_error(StudioError("The data set could not be downloaded", "there is no network"))
    assert panel._error.isVisible()
    panel.open()
    assert not panel._error.isVisible()
    assert not panel.notice.isVisible()


def test_what_could_not_be_opened_leaves_nothing_of_the_one_before(opened, qtbot):
    opened.open_data("kmnist")
    opened.on_event(Notice("kmnist is not here", "downloading it once"))
    assert opened.notice.isVisible()
    opened.show_error(StudioError("kmnist could not be downloaded", "no network", "check it"))
    assert opened.sheet.images() is None
    assert opened.form.total.text() == "No data set is open."
    assert not opened.notice.isVisible()
    opened.open_data("digits")
    feed(opened)
    assert len(opened.sheet.images()) == PAGE


def test_noising_the_chosen_pictures(opened, qtbot):
    opened.sheet.choose((3, 5))
    assert opened.words.text() == "2 chosen"
    qtbot.mouseClick(opened.tabs.button(1), Qt.MouseButton.LeftButton)
    request = opened.asked[-1]
    assert isinstance(request, Noise)
    assert request.indices == (3, 5)
    assert request.levels == 51
    assert (request.config.model.schedule, request.config.model.timesteps) == ("linear", 1000)
    frames = list(canned.frames(2, 50, rising=True))
    opened.on_event(Started("Noising pictures"))
    for frame in frames:
        opened.on_event(frame)
    opened.on_event(Done("finished"))
    view, levels, timeline = opened.noising.view, opened.noising.levels, opened.noising.timeline
    assert view.frame_shown() is frames[16]
    timeline.slider.setValue(40)
    assert view.frame_shown() is frames[40]
    assert timeline.readout.text().startswith("t = 800 of 1,000")
    levels.grab()
    qtbot.mouseClick(levels, Qt.MouseButton.LeftButton,
                     pos=QPoint(round(levels._left()) + 5, 40))
    assert timeline.slider.value() == 0
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.frame_shown() is frames[1]


def test_augmenting_the_chosen_pictures(opened, qtbot):
    opened.sheet.choose((4,))
    qtbot.mouseClick(opened.tabs.button(2), Qt.MouseButton.LeftButton)
    request = opened.asked[-1]
    assert request == Augment(DataConfig(name="digits"), (4,), ("flips", "geometry", "colour"))
    pictures = canned.pictures(1)
    for step in range(11):
        opened.on_event(Frame(step, 10, step / 10, pictures, extra={"augmented": pictures}))
    timeline = opened.augmenting.timeline
    timeline.slider.setValue(7)
    assert timeline.readout.text() == "p = 0.7"
    assert timeline.isVisible()
    assert not timeline.curve.isVisible()
    assert not opened.noising.timeline.isVisible()
    opened.grab()
    transforms = opened.form.editors["model.augmentations"]
    transforms.restore(("cutout",))
    transforms.edited.emit()
    qtbot.waitUntil(lambda: opened.asked[-1] is not request, timeout=3000)
    assert opened.asked[-1].policies == ("cutout",)
    transforms.restore(())
    opened.show_page(2)
    assert opened.augmenting.view.frame_shown() is None


def test_noising_takes_the_first_pictures_where_none_is_chosen(opened):
    opened.show_page(1)
    assert opened.asked[-1].indices == tuple(range(8))


def test_another_schedule_noises_anew(opened, qtbot):
    opened.show_page(1)
    opened.asked.clear()
    schedule = opened.form.editors["model.schedule"]
    schedule.restore(schedule.state_of("cosine"))
    schedule.edited.emit()
    timesteps = opened.form.editors["model.timesteps"]
    timesteps.setValue(20)
    qtbot.waitUntil(lambda: bool(opened.asked), timeout=3000)
    (request,) = opened.asked
    assert request.config.model.schedule == "cosine"
    assert request.config.model.timesteps == 20
    assert request.levels == 21


def test_pictures_of_an_odd_size_can_be_noised(opened):
    opened.form.show_data(DataConfig(name="digits", size=27))
    assert opened.form.config().data.size == 27


def test_train_on_this(opened, qtbot):
    qtbot.mouseClick(opened.train, Qt.MouseButton.LeftButton)
    (wish,) = opened.asked
    assert isinstance(wish, SetUp)
    assert wish.config.data.name == "digits"
    assert wish.config.name == "ddpm-digits"


def test_own_pictures_begin_with_the_plainest_config(tmp_path):
    config = training_on(DataConfig(name=f"folder:{tmp_path / 'cats'}", size=32))
    assert config.name == "ddpm-cats"
    assert config.data.size == 32


def test_an_empty_data_set_says_so(panel):
    images = canned.pictures(0)
    panel.on_event(Browsed("empty", 0, images, (), (), (), ()))
    panel.on_event(Done("finished"))
    assert panel.sheet.empty == "No pictures here."
    assert not panel.train.isEnabled()
    panel.show_page(1)
    assert not any(isinstance(request, Noise) for request in panel.asked)
    panel.grab()
