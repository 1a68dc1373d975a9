import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from PySide6.QtCore import QThread, QTimer

from hybridstudio.errors import StudioError, UsageError
from hybridstudio.gui.jobs import AT_ONCE, ROOM, Box, Lane, end_all
from hybridstudio.messages import Done, Notice, Preview, Progress, Saved, Started


@dataclass
class Studio:
    """A canned engine: a request is a generator function; it records what the lane tells."""

    lane: Lane
    told: list = field(default_factory=list)
    failed: list = field(default_factory=list)
    states: list = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lane.told.connect(self.told.append)
        self.lane.failed.connect(self.failed.append)
        self.lane.state_changed.connect(self.states.append)


@pytest.fixture
def make(qtbot):
    lanes = []

    def made(newest_wins: bool = False) -> Studio:
        lane = Lane("test", newest_wins, engine=lambda request: request())
        lanes.append(lane)
        return Studio(lane)

    yield made
    assert end_all(5)
    qtbot.waitUntil(lambda: not any(lane.busy for lane in lanes))


def idle(qtbot, studio):
    qtbot.waitUntil(lambda: not studio.lane.busy, timeout=5000)


def counting(n=5):
    def work() -> Iterator[object]:
        yield Started("counting")
        for i in range(n):
            yield Notice(str(i))
        yield Done("finished", {"n": n})
    return work


def endless(closed: list, pause=0.002):
    def work() -> Iterator[object]:
        try:
            yield Started("endless")
            step = 0
            while True:
                step += 1
                time.sleep(pause)
                yield Progress(step, None)
        finally:
            closed.append(threading.get_ident())
    return work


def test_all_events_arrive_in_order_then_the_lane_rests(qtbot, make):
    studio = make()
    studio.lane.submit(counting(50))
    idle(qtbot, studio)
    assert [n.what for n in studio.told[1:-1]] == [str(i) for i in range(50)]
    assert studio.told[-1] == Done("finished", {"n": 50})
    assert studio.states == ["starting", "running", "idle"]


def test_events_are_told_in_the_windows_thread(qtbot, make):
    studio = make()
    places = []
    studio.lane.told.connect(lambda _: places.append(threading.get_ident()))
    studio.lane.submit(counting())
    idle(qtbot, studio)
    assert set(places) == {threading.get_ident()}


def test_stop_closes_the_generator_in_its_own_thread_and_ends_with_done(qtbot, make):
    studio, closed = make(), []
    studio.lane.submit(endless(closed))
    qtbot.waitUntil(lambda: len(studio.told) > 3)
    began = time.monotonic()
    studio.lane.stop()
    idle(qtbot, studio)
    assert time.monotonic() - began < 0.5
    assert closed != [threading.get_ident()]
    assert len(closed) == 1
    assert studio.told[-1] == Done("stopped")
    assert studio.states[-2:] == ["stopping", "idle"]


def test_pause_asks_for_no_further_event(qtbot, make):
    studio, closed = make(), []
    studio.lane.submit(endless(closed))
    qtbot.waitUntil(lambda: len(studio.told) > 3)
    studio.lane.pause(True)
    qtbot.wait(80)
    seen = len(studio.told)
    qtbot.wait(150)
    assert len(studio.told) == seen
    assert studio.lane.state == "paused"
    studio.lane.pause(False)
    qtbot.waitUntil(lambda: len(studio.told) > seen + 2)
    studio.lane.pause(True)
    studio.lane.stop()
    idle(qtbot, studio)
    assert studio.told[-1] == Done("stopped")


def test_every_exception_is_told_as_a_studio_error(qtbot, make):
    def work():
        yield Started("doomed")
        raise MemoryError("no room")

    studio = make()
    studio.lane.submit(work)
    idle(qtbot, studio)
    assert studio.failed[0].what == "There is not enough memory for this"
    assert "MemoryError" in studio.failed[0].detail


def test_an_engine_that_cannot_even_begin_is_told(qtbot, make):
    def work():
        raise ImportError("torch is missing")

    studio = make()
    studio.lane.submit(work)
    idle(qtbot, studio)
    assert "torch is missing" in studio.failed[0].what


def test_a_save_that_fails_while_stopping_is_told(qtbot, make):
    def work():
        try:
            while True:
                time.sleep(0.002)
                yield Progress(1, None)
        finally:
            raise StudioError("the disk is full")

    studio = make()
    studio.lane.submit(work)
    qtbot.waitUntil(lambda: len(studio.told) > 0)
    studio.lane.stop()
    idle(qtbot, studio)
    assert [error.what for error in studio.failed] == ["the disk is full"]


def test_work_without_done_still_ends_with_one(qtbot, make):
    studio = make()
    studio.lane.submit(lambda: iter([Started("short")]))
    idle(qtbot, studio)
    assert studio.told[-1] == Done("finished")


def test_a_second_training_is_refused(qtbot, make):
    studio = make()
    studio.lane.submit(endless([]))
    with pytest.raises(UsageError):
        studio.lane.submit(counting())


def test_a_request_made_on_done_begins_when_the_thread_has_ended(qtbot, make):
    studio = make()
    again = [counting(1)]
    studio.lane.told.connect(
        lambda e: again and isinstance(e, Done) and studio.lane.submit(again.pop()))
    studio.lane.submit(counting(1))
    qtbot.waitUntil(lambda: sum(isinstance(e, Done) for e in studio.told) == 2)


def test_the_newest_request_wins_and_older_events_are_dropped(qtbot, make):
    studio, closed = make(newest_wins=True), []

    def tagged(tag):
        def work():
            try:
                for _ in range(1000):
                    time.sleep(0.001)
                    yield Notice(tag)
            finally:
                closed.append(tag)
        return work

    for tag in "abcdef":
        studio.lane.submit(tagged(tag))
    qtbot.waitUntil(lambda: len(studio.told) > 3)
    assert {n.what for n in studio.told} == {"f"}
    assert set(closed) <= {"a"}
    studio.lane.submit(counting(3))
    idle(qtbot, studio)
    assert [n.what for n in studio.told if isinstance(n, Notice)][-3:] == ["0", "1", "2"]


def test_stopping_a_replacement_that_never_began_still_ends_with_done(qtbot, make):
    studio = make(newest_wins=True)
    studio.lane.submit(endless([]))
    studio.lane.submit(counting())
    studio.lane.stop()
    idle(qtbot, studio)
    assert studio.told[-1] == Done("stopped")


def test_fifty_starts_and_stops_leave_no_thread(qtbot, make):
    studio = make()
    before = threading.active_count()
    for _ in range(50):
        studio.lane.submit(endless([], 0.0))
        studio.lane.stop()
        idle(qtbot, studio)
    assert not studio.lane.findChildren(QThread) or all(
        thread.isFinished() for thread in studio.lane.findChildren(QThread))
    assert threading.active_count() - before < 5


def test_newest_progress_and_preview_win_all_else_arrives():
    box = Box()
    images = np.zeros((1, 2, 2, 1), np.uint8)
    for step in range(1000):
        box.put(Progress(step, None), lambda: False)
        box.put(Preview(step, images), lambda: False)
        if step % 100 == 0:
            box.put(Notice(str(step)), lambda: False)
    taken = []
    while (event := box.take()) is not None:
        taken.append(event)
    assert len(taken) == 12
    assert taken[-2:] == [Progress(999, None), taken[-1]]
    assert taken[-1].step == 999


def test_a_full_box_lets_the_thread_wait_until_it_gives_up():
    box = Box(room=2)
    for i in range(5):
        box.put(Notice(str(i)), lambda: True)
    assert [box.take().what, box.take().what, box.take()] == ["0", "1", None]


def test_the_last_word_finds_room_in_a_full_box():
    box = Box(room=1)
    for event in (Notice("full"), Notice("dropped"), Done("finished"), StudioError("broken")):
        box.put(event, lambda: True)
    assert [type(box.take()) for _ in range(4)] == [Notice, Done, StudioError, type(None)]


def test_what_lies_in_the_box_at_the_end_is_told_in_slices(qtbot, make):
    studio, gaps, last = make(), [], [time.monotonic()]

    def slow(event):  # as painting a frame is
        now = time.monotonic()
        while time.monotonic() < now + 0.003:
            pass

    def tick():
        now = time.monotonic()
        gaps.append(now - last[0])
        last[0] = now

    studio.lane.told.connect(slow)
    timer = QTimer(interval=5)
    timer.timeout.connect(tick)
    timer.start()
    studio.lane.submit(counting(200))
    idle(qtbot, studio)
    timer.stop()
    assert [n.what for n in studio.told[1:-1]] == [str(i) for i in range(200)]
    assert studio.told[-1] == Done("finished", {"n": 200})
    assert max(gaps) < 0.15


def test_done_is_told_even_where_the_lane_was_stopped_with_a_full_box(qtbot, make):
    studio = make()
    studio.lane.submit(counting(3 * ROOM))
    time.sleep(0.2)  # the window's thread is busy elsewhere: the box is full
    studio.lane.stop()
    idle(qtbot, studio)
    assert studio.told[-1] == Done("stopped")


def test_a_flood_leaves_the_event_loop_free(qtbot, make):
    def work():
        for step in range(20_000):
            yield Progress(step, None)
            yield Saved(step, None)

    studio = make()
    gaps, last = [], [time.monotonic()]

    def tick():
        now = time.monotonic()
        gaps.append(now - last[0])
        last[0] = now

    timer = QTimer(interval=10)
    timer.timeout.connect(tick)
    timer.start()
    studio.lane.submit(work)
    qtbot.wait(600)
    timer.stop()
    studio.lane.stop()
    idle(qtbot, studio)
    steps = [e.step for e in studio.told if isinstance(e, Saved)]
    assert steps == list(range(len(steps)))
    assert len(steps) > ROOM
    assert sorted(gaps)[len(gaps) // 2] < 0.01 + 3 * AT_ONCE


def test_an_exception_in_a_slot_does_not_stop_the_events(qtbot, make):
    studio = make()

    def broken(event):
        if isinstance(event, Started):
            raise ValueError("a broken slot")

    studio.lane.told.connect(broken)
    with qtbot.captureExceptions() as exceptions:
        studio.lane.submit(counting(3))
        idle(qtbot, studio)
    assert [str(e[1]) for e in exceptions] == ["a broken slot"]
    assert isinstance(studio.told[-1], Done)


def test_a_program_that_ends_with_a_thread_running_ends_well():
    code = """
import time
from PySide6.QtCore import QCoreApplication
from hybridstudio.gui.jobs import Lane
from hybridstudio.messages import Progress
def work(request):
    while True:
        time.sleep(0.01)
        yield Progress(1, None)
app = QCoreApplication([])
lane = Lane("forgotten", engine=work)
lane.submit("work")
time.sleep(0.1)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
