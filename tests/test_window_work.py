"""The window at work: who hears what of it, and where failures are told."""

import threading
import time
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication

from hybridstudio import presets, runs
from hybridstudio.errors import StudioError
from hybridstudio.gui.pages import WORK
from hybridstudio.gui.panels.setup import SetupPanel
from hybridstudio.gui.panels.welcome import WelcomePanel
from hybridstudio.gui.wishes import Cancel, Open, Pause, Save, SetUp, Stop, Tell
from hybridstudio.messages import Browse, Done, Draw, Noise, Notice, Probe, Progress, Started, Train


def test_a_training_is_heard_told_in_the_title_and_saved_when_stopped(window, qtbot, canned, begin):
    heard = []
    window.panel(WelcomePanel).on_event = heard.append
    out = begin()
    assert window.page is window.panels["train"]
    qtbot.waitUntil(lambda: "training" in window.windowTitle())
    assert window.windowTitle().startswith("HybridStudio: my-run, training ")
    assert "pictures/s" in window.status._work.text()
    qtbot.waitUntil(lambda: out in window.library.entries, timeout=4000)
    assert window.library.entries[out].state == "training"
    window.ask(Stop(out))
    qtbot.waitUntil(lambda: not window.training.busy)
    assert canned.closed == canned.of(Train)
    assert isinstance(heard[-1], Done)
    assert window.windowTitle() == "HybridStudio: my-run"


def test_a_second_training_is_refused_where_it_was_asked(window, qtbot, canned, begin):
    begin()
    setup = window.panel(SetupPanel)
    window.show_page("setup")
    window.ask(Train(presets.find("ddpm-digits"), runs.new_path("other")), setup)
    assert "training is running" in setup._error.text
    assert len(canned.of(Train)) == 1


def test_pause_save_and_resume_go_through_the_folder(window, qtbot, begin):
    out = begin()
    window.ask(Pause(out))
    assert runs.is_paused(out)
    assert "paused" in window.windowTitle()
    window.ask(Pause(out, on=False))
    assert not runs.is_paused(out)
    window.ask(Save(out))
    qtbot.waitUntil(lambda: "saved at step" in window.log.toPlainText())


def test_a_training_elsewhere_is_steered_by_words(window, run):
    for wish, word in ((Stop(run), "stop"), (Pause(run), "pause"), (Save(run), "save")):
        window.ask(wish)
        assert (run / "control" / word).exists()


def test_interactive_work_is_heard_by_who_asked(window, qtbot):
    heard = {name: [] for name in window.panels}
    for name, panel in window.panels.items():
        panel.on_event = heard[name].append
    window.ask(Draw(Path("x")), window.panels["denoise"])
    qtbot.waitUntil(lambda: bool(heard["denoise"]) and isinstance(heard["denoise"][-1], Done))
    assert not any(told for name, told in heard.items() if name != "denoise")


def test_who_is_replaced_hears_that_its_work_ended(window, qtbot):
    gate = threading.Event()

    def slow(request):
        yield Started("slow")
        gate.wait(5)

    heard = []
    window.interactive._engine = slow
    window.panels["denoise"].on_event = heard.append
    window.ask(Draw(Path("x")), window.panels["denoise"])
    qtbot.waitUntil(lambda: bool(heard))
    window.ask(Draw(Path("x")), window.panels["train"])
    gate.set()
    assert heard[-1] == Done("stopped", {"count": 0})
    qtbot.waitUntil(lambda: not window.is_working)
    assert len(heard) == 2


def test_a_drawing_elsewhere_takes_the_place_of_one_beside_a_training(window, qtbot, slow, run):
    train = window.panels["train"]
    with runs.lock(run):
        window.choose(run)
        window.show_page("train")
        train.on_event(Started(run.name, run, "cpu"))
        train.controls.sample.click()
        qtbot.waitUntil(lambda: window.interactive.state == "running")
        assert train.controls.sample.text() == "Cancel drawing"
        window.ask(Draw(run), window.panels["denoise"])
        assert train.controls.sample.text() == "Sample now"
        assert train._started == run  # the training goes on
        slow.set()
        qtbot.waitUntil(lambda: not window.is_working)


@pytest.fixture
def slow(window):
    """Let every lane of the window work until the gate opens; returns the gate."""
    gate = threading.Event()

    def work(request):
        yield Started("slow")
        while not gate.is_set():
            time.sleep(0.002)
            yield Progress(1, None)

    for lane in window.work.values():
        lane._engine = work
    yield gate
    gate.set()


def test_an_estimate_disturbs_neither_a_download_nor_a_drawing(window, qtbot, slow):
    heard = {name: [] for name in window.panels}
    for name, panel in window.panels.items():
        panel.on_event = heard[name].append
    config = presets.find("ddpm-digits")
    for request, name in ((Browse(config.data), "data"), (Draw(Path("x")), "denoise"),
                          (Probe(config), "setup")):
        window.ask(request, window.panels[name])
    qtbot.waitUntil(lambda: all(heard[name] for name in ("data", "denoise", "setup")))
    busy = [window.work[WORK[kind]] for kind in (Browse, Draw, Probe)]
    assert [lane.state for lane in busy] == ["running"] * 3
    window.ask(Cancel(), window.panels["setup"])
    qtbot.waitUntil(lambda: heard["setup"][-1] == Done("stopped"))
    assert [window.work[WORK[kind]].state for kind in (Browse, Draw)] == ["running", "running"]
    window.ask(Noise(config, (0,)), window.panels["data"])  # the newest look wins
    slow.set()
    qtbot.waitUntil(lambda: not window.is_working)
    assert heard["data"][-1] == heard["denoise"][-1] == Done("finished")


def test_only_who_asked_can_cancel(window, qtbot, slow):
    window.ask(Browse(presets.find("ddpm-digits").data), window.panels["data"])
    window.ask(Cancel(), window.panels["setup"])
    assert window.work["looking"].state != "stopping"
    window.ask(Cancel(), window.panels["data"])
    assert window.work["looking"].state == "stopping"
    qtbot.waitUntil(lambda: not window.is_working)


def test_a_failure_is_shown_where_it_was_asked_and_above_when_hidden(window, qtbot):
    def broken(request):
        raise StudioError("It broke", "because", "mend it", "trace")
        yield

    window.interactive._engine = broken
    window.ask(Draw(Path("x")), window.panels["denoise"])
    qtbot.waitUntil(lambda: window.banner.isVisible())
    assert window.panels["denoise"]._error.text == "It broke\nBecause\nMend it\ntrace"
    window.banner.copy.click()
    assert "trace" in QGuiApplication.clipboard().text()


def told(window):
    """Tell where an error is shown: by the pages' names, "banner" above them."""
    shown = {name for name, panel in window.panels.items() if not panel._error.isHidden()}
    return shown | ({"banner"} if not window.banner.isHidden() else set())


def failing(window, asker):
    def broken(request):
        yield Started("broken", request.out, "cpu")
        raise StudioError("It broke")

    window.training._engine = broken
    window.ask(Train(presets.find("ddpm-digits"), runs.new_path("mine")), window.panels[asker])


def test_a_training_that_fails_is_told_once_on_its_page(window, qtbot):
    failing(window, "setup")
    qtbot.waitUntil(lambda: not window.training.busy)
    assert told(window) == {"train"}


def test_a_training_that_fails_behind_another_page_is_told_above_it_too(window, qtbot):
    failing(window, "setup")
    window.show_page("data")
    qtbot.waitUntil(lambda: not window.training.busy)
    assert told(window) == {"train", "banner"}


def test_the_example_tells_of_its_failure_on_its_own_page(window, qtbot):
    failing(window, "welcome")
    qtbot.waitUntil(lambda: not window.training.busy)
    assert told(window) == {"welcome"}


def test_getting_the_data_ready_is_no_training(window, qtbot, canned):
    gate, train = threading.Event(), canned._train

    def prepared(request):
        yield Progress(800_000, 1_000_000, "bytes", rate=1e6, left=3)
        gate.wait(5)
        yield from train(request)

    canned._train = prepared
    window.ask(Train(presets.find("ddpm-digits"), runs.new_path("mine")), window.panels["setup"])
    qtbot.waitUntil(lambda: "MB" in window.status._work.text())
    assert window.status._work.text() == "· 800 kB of 1.0 MB · 1.0 MB/s · 3 s left"
    assert window.windowTitle() == "HybridStudio: mine, getting ready"
    gate.set()
    qtbot.waitUntil(lambda: "training " in window.windowTitle())


def test_work_that_names_no_device_leaves_the_machine_as_it_is(window, qtbot):
    qtbot.waitUntil(lambda: "ready" in window.status._work.text())
    window.ask(Browse(presets.find("ddpm-digits").data), window.panels["setup"])
    qtbot.waitUntil(lambda: not window.is_working)
    assert window.status._machine.text().strip() == "cpu"


def test_a_run_that_was_looked_at_too_early_is_shown_again(window, qtbot, canned):
    gate, train = threading.Event(), canned._train

    def prepared(request):
        gate.wait(5)
        yield from train(request)

    canned._train = prepared
    out = runs.new_path("mine")
    window.ask(Train(presets.find("ddpm-digits"), out), window.panels["setup"])
    window.show_page("denoise")
    shown = []
    window.panels["denoise"].show_run = shown.append
    gate.set()
    qtbot.waitUntil(lambda: shown == [out])  # its training has begun
    window.show_page("data")
    window.show_page("denoise")
    assert shown == [out, out]
    window.ask(Save(out))
    qtbot.waitUntil(lambda: shown == [out] * 3)
    window.ask(Stop(out))
    qtbot.waitUntil(lambda: not window.training.busy)
    assert shown == [out] * 4


def test_the_engine_never_runs_in_the_windows_thread(window, qtbot, canned, begin):
    begin()
    window.ask(Draw(Path("x")), window.panels["denoise"])
    qtbot.waitUntil(lambda: not window.interactive.busy)
    assert threading.get_ident() not in canned.threads


def test_wishes_open_pages_and_tell(window):
    window.ask(Open("data"))
    assert window.page is window.panels["data"]
    window.ask(SetUp(presets.find("ddpm-shapes")))
    assert window.page is window.panels["setup"]
    window.ask(Tell(Notice("Hello", level="warning")))
    assert window.banner.text == "Hello"


def test_a_training_that_failed_before_there_was_a_run_is_waited_for_nowhere(window, qtbot):
    failing(window, "welcome")
    qtbot.waitUntil(lambda: not window.training.busy)
    qtbot.waitUntil(lambda: window.run is None)
    window.show_page("denoise")
    assert window.panels["denoise"]._path is None
