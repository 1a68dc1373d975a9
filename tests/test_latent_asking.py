"""One request at a time, the newest wins, drafts while the hand moves."""

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QObject

from hybridstudio.gui.cannedlatent import drawn
from hybridstudio.gui.latentasking import Asking
from hybridstudio.gui.undoing import History
from hybridstudio.gui.walker import MANY, ONE_PASS, Walker
from hybridstudio.messages import Decode, Decoded, Done


def request(value, nfe=None):
    return Decode(Path("run"), np.full((4, 16), value, np.float32), nfe=nfe)


@pytest.fixture
def sent():
    return []


@pytest.fixture
def asking(qapp, sent):
    parent = QObject()
    made = Asking(sent.append, parent)
    made.shown = []
    made.drawn.connect(lambda wanted, told: made.shown.append((wanted, told.is_draft)))
    yield made
    made.drop()


def answer(asking, request):
    asking.answer(request, Decoded(drawn(request.codes)))
    asking.answer(request, Done("finished"))


def test_while_one_is_drawn_only_the_newest_waits(asking, sent):
    wanted = [request(value) for value in range(5)]
    for each in wanted:
        asking.want(each)
    assert sent == [wanted[0]]
    answer(asking, sent[0])
    assert sent == [wanted[0], wanted[4]]
    answer(asking, sent[1])
    assert [told[0] for told in asking.shown] == [wanted[0], wanted[4]]
    assert not asking.is_drawing


def test_what_was_told_of_another_request_is_let_go(asking, sent):
    asking.want(request(0))
    assert not asking.answer(request(0), Decoded(drawn(sent[0].codes)))
    assert asking.shown == []


def test_a_draft_comes_first_and_the_whole_when_the_hand_rests(asking, sent, qtbot):
    first, second = request(0, 50), request(1, 50)
    asking.want(first, draft=4)
    assert [each.nfe for each in sent] == [4]
    asking.want(second, draft=4)
    answer(asking, sent[0])
    qtbot.waitUntil(lambda: len(sent) == 2)
    assert sent[1].nfe == 4
    answer(asking, sent[1])
    qtbot.waitUntil(lambda: len(sent) == 3)
    assert sent[2].nfe == 50
    answer(asking, sent[2])
    assert asking.shown == [(first, True), (second, True), (second, False)]


def test_a_slow_draft_of_a_sheet_is_thinned_with_its_corners_kept(asking, sent, qtbot):
    codes = np.arange(64, dtype=np.float32)[:, None] @ np.ones((1, 16), np.float32)
    wanted = [Decode(Path("run"), codes + 100 * moved, labels=tuple(range(64))) for moved in (0, 1)]
    shown = []
    asking.drawn.connect(lambda _wanted, told: shown.append(told))
    pictures = [np.arange(64, dtype=np.uint8)[:, None, None, None]]
    asking.want(wanted[0], 4, side=8)
    assert len(sent[0].codes) == 64  # what it costs is not known yet
    asking.answer(sent[0], Decoded(pictures[0], seconds=0.45, nfe=4))
    asking.answer(sent[0], Done("finished"))
    asking.want(wanted[1], 4, side=8)
    qtbot.waitUntil(lambda: len(sent) == 2)
    drafted = sent[1]
    places = (drafted.codes[:, 0] - 100).astype(int)
    assert len(places) == 16
    assert {0, 7, 56, 63} <= set(places.tolist())
    assert drafted.labels == tuple(places.tolist())
    asking.answer(drafted, Decoded(places.astype(np.uint8)[:, None, None, None], seconds=0.11,
                                   nfe=4))
    told = shown[-1]
    assert told.is_draft
    assert asking.count == 16
    cells = told.images.ravel().astype(int)
    assert cells.shape == (64,)
    for cell, picture in enumerate(cells):
        apart = np.abs(np.array(divmod(cell, 8)) - divmod(picture, 8))
        assert apart.max() <= 1
    asking.answer(drafted, Done("finished"))
    qtbot.waitUntil(lambda: len(sent) == 3)
    assert len(sent[2].codes) == 64
    assert sent[2].nfe is None


def test_a_whole_gives_way_to_a_hand_that_moves_again(asking, sent, qtbot):
    asking.want(request(0, 50), draft=4)
    answer(asking, sent[0])
    qtbot.waitUntil(lambda: len(sent) == 2)
    newer = request(1, 50)
    asking.want(newer, draft=4)
    assert sent[2].nfe == 4
    answer(asking, sent[1])  # late words of the one that was replaced
    assert len(asking.shown) == 1
    answer(asking, sent[2])
    assert asking.shown[-1] == (newer, True)


def test_after_it_was_stopped_nothing_is_asked_for(asking, sent):
    asking.want(request(0))
    asking.want(request(1))
    asking.answer(sent[0], Done("stopped"))
    assert len(sent) == 1
    assert not asking.is_drawing
    asking.want(request(2))
    assert not asking.failed(request(3))


def test_a_walk_is_drawn_in_chunks_from_the_playhead_on(qapp, sent):
    parent = QObject()
    walker, over = Walker(sent.append, parent), []
    walker.finished.connect(lambda: over.append(True))
    walker.head = 40
    walker.begin(np.zeros((ONE_PASS + 10, 16), np.float32), lambda codes: Decode(Path(), codes),
                 None)
    counts = []
    while not over:
        counts.append(len(sent[-1].codes))
        answer(walker, sent[-1])
    assert counts == [34, 40]
    assert walker.done == ONE_PASS + 10


def test_drafts_of_a_whole_walk_come_before_its_frames(qapp, sent):
    parent = QObject()
    walker = Walker(sent.append, parent)
    walker.begin(np.zeros((2 * MANY, 16), np.float32),
                 lambda codes: Decode(Path(), codes, nfe=50), 4)
    for _ in range(4):
        answer(walker, sent[-1])
    assert [each.nfe for each in sent] == [4, 4, 50, 50]
    walker.begin(np.ones((2 * MANY, 16), np.float32), lambda codes: Decode(Path(), codes), None)
    assert all(frame is not None for frame in walker.frames)  # the old ones, until others come
    assert walker.done == 0


def test_changes_of_one_field_in_a_row_undo_together():
    history = History(0)
    for value in (1, 2, 3):
        assert history.take(value, "slider")
    assert not history.take(3)
    history.take(9)
    assert history.undo()
    assert history.state == 3
    assert history.undo()
    assert history.state == 0
    assert not history.undo()
    assert history.redo()
    assert history.state == 3
