import tomllib

import pytest

from hybridstudio import paths, runs
from hybridstudio.config import RunConfig, with_values
from hybridstudio.errors import StudioError
from hybridstudio.gui import queuefile
from hybridstudio.gui.panels.compare import ComparePanel
from hybridstudio.gui.queue import Queue
from hybridstudio.messages import Done, Progress, Resume, Train


def train(name, steps=400):
    config = with_values(RunConfig(name=name), {"train.steps": steps})
    return Train(config, paths.runs() / "group" / name)


@pytest.fixture
def queue(qtbot, qapp):
    made = Queue()
    made.asked = []
    made.wanted.connect(made.asked.append)
    yield made
    made.hold()
    made.deleteLater()


def states(queue):
    return [item.state for item in queue.items]


def test_nothing_begins_until_it_is_told_to(queue, qtbot):
    queue.add([train("a"), train("b")])
    qtbot.wait(20)
    assert queue.asked == []
    assert states(queue) == ["waiting", "waiting"]


def test_one_goes_after_the_other(queue, qtbot):
    queue.add([train("a"), train("b")])
    queue.start()
    qtbot.waitUntil(lambda: queue.asked == [train("a")])
    queue.on_event(Progress(1, 2))
    assert states(queue) == ["training", "waiting"]
    queue.on_event(Done("finished", {"steps": 2}))
    qtbot.wait(20)
    assert len(queue.asked) == 1  # the lane has not come to rest yet
    queue.on_rest()
    qtbot.waitUntil(lambda: len(queue.asked) == 2)
    queue.on_event(Done("budget"))
    queue.on_rest()
    qtbot.waitUntil(lambda: not queue.is_running)
    assert states(queue) == ["done", "done"]


def test_one_that_fails_does_not_stop_the_rest(queue, qtbot):
    queue.add([train("a"), train("b")])
    queue.start()
    qtbot.waitUntil(lambda: len(queue.asked) == 1)
    queue.on_failed(StudioError("Training diverged", "no finite gradient"))
    queue.on_rest()
    qtbot.waitUntil(lambda: len(queue.asked) == 2)
    assert states(queue) == ["failed", "training"]
    assert queue.items[0].reason == "Training diverged: no finite gradient"
    queue.again(0)
    assert states(queue) == ["waiting", "training"]


def test_a_training_that_is_stopped_by_hand_holds_the_queue(queue, qtbot):
    queue.add([train("a"), train("b")])
    queue.start()
    qtbot.waitUntil(lambda: len(queue.asked) == 1)
    queue.on_event(Done("stopped"))
    queue.on_rest()
    qtbot.wait(20)
    assert len(queue.asked) == 1
    assert not queue.is_running
    assert states(queue) == ["waiting", "waiting"]
    assert "Stopped" in queue.items[0].reason


def test_other_trainings_are_none_of_its_business(queue):
    queue.add([train("a")])
    queue.on_event(Done("stopped"))
    queue.on_failed(StudioError("x"))
    queue.on_rest()
    assert states(queue) == ["waiting"]


def test_it_is_there_again_when_the_window_opens(queue, qtbot):
    queue.add([train("a"), train("b"), train("c")])
    queue.start()
    qtbot.waitUntil(lambda: len(queue.asked) == 1)
    queue.on_failed(StudioError("It broke"))
    queue.on_rest()
    qtbot.waitUntil(lambda: len(queue.asked) == 2)
    again = Queue()
    again.load()
    assert [item.name for item in again.items] == ["a", "b", "c"]
    assert states(again) == ["failed", "waiting", "waiting"]  # what trained waits again
    assert again.items[2].request == train("c")
    assert not again.is_running
    again.deleteLater()


def test_order_and_removal_are_kept(queue):
    queue.add([train("a"), train("b"), train("c")])
    assert queue.move(2, -1) == 1
    queue.remove(0)
    assert queue.move(0, -1) == 0
    with queuefile.file().open("rb") as file:
        assert [table["config"]["name"] for table in tomllib.load(file)["training"]] == ["c", "b"]
    queue.remove(0)
    queue.remove(0)
    assert not queuefile.file().exists()


def test_the_same_folder_waits_once(queue):
    queue.add([train("a"), train("a", 800)])
    assert [item.request.config.train.steps for item in queue.items] == [800]


@pytest.mark.parametrize("text", ["garbage = [", "training = 3", "[[training]]\nout = 3",
                                  "[[training]]\nout='x'\nconfig={model={family='none'}}"])
def test_a_broken_file_is_no_reason_to_stop(queue, text):
    queuefile.file().parent.mkdir(parents=True, exist_ok=True)
    queuefile.file().write_text(text)
    queue.load()
    assert queue.items == []


def test_what_is_saved_is_gone_on_with_and_what_is_done_is_skipped(queue, qtbot):
    for name, step in (("done", 400), ("half", 100)):
        request = train(name)
        runs.create(request.out, request.config)
        folder = runs.checkpoint_path(request.out, step)
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
        queue.add([request])
    queue.start()
    qtbot.waitUntil(lambda: len(queue.asked) == 1)
    assert queue.asked == [Resume(train("half").out)]
    assert states(queue) == ["done", "training"]


# --- in the window


def test_the_window_trains_the_queue_without_leaving_the_page(window, canned, qtbot):
    panel = window.panel(ComparePanel)
    window.show_page("compare")
    panel._enqueue([train("a"), train("b")])
    assert canned.of(Train) == []
    panel.queue.start()
    qtbot.waitUntil(lambda: states(panel.queue) == ["done", "training"], timeout=15_000)
    assert window.page is panel
    assert window.run is None  # what the user looks at stays
    window.training.stop()
    qtbot.waitUntil(lambda: window.training.state == "idle", timeout=5000)
    qtbot.wait(50)
    assert states(panel.queue) == ["done", "waiting"]
    assert not panel.queue.is_running
    assert len(canned.of(Train)) == 2


def test_the_queue_waits_for_a_training_that_runs(window, canned, qtbot, begin):
    begin()
    panel = window.panel(ComparePanel)
    panel.queue.add([train("a")])
    panel.queue.start()
    qtbot.wait(50)
    assert states(panel.queue) == ["waiting"]
    assert len(canned.of(Train)) == 1
    qtbot.waitUntil(lambda: states(panel.queue) == ["training"], timeout=15_000)


def test_a_queue_from_before_is_offered_and_not_begun(window, canned, qtbot):
    from hybridstudio.gui import queueing

    queuefile.write([queuefile.Queued(train("a"))])
    queueing.offer(window)
    assert "1 training" in window.banner.text or "One training waits" in window.banner.text
    window.banner.action.click()
    assert window.page is window.panel(ComparePanel)
    qtbot.wait(30)
    assert canned.of(Train) == []
