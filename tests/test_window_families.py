"""Every family in the real window with the real engine, by its buttons: from training to scrubbing.

Nothing here waits for a time to pass: each step waits until what was asked has happened.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from test_families import SMALL

from hybridstudio import config, runs
from hybridstudio.gui import theme
from hybridstudio.gui.panels.denoise import DenoisePanel
from hybridstudio.gui.panels.latent import LatentPanel
from hybridstudio.gui.panels.train import TrainPanel
from hybridstudio.gui.window import Window
from hybridstudio.messages import Done, Event, Progress, Train

DIGITS = {"name": "digits"}
POINTS = {"name": "gaussians25"}
PLANE = {"family": "ddpm", "width": 32, "blocks": 1, "timesteps": 20}
WAIT = 30_000  # ms, far more than it takes


class Ears:
    """Hears what the window's lanes tell: how far training is, and what came to its end."""

    def __init__(self, window: Window) -> None:
        self.step, self.drawn = 0, 0
        window.training.told.connect(self._of_training)
        window.interactive.told.connect(self._of_drawing)

    def _of_training(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.step = event.step

    def _of_drawing(self, event: Event) -> None:
        if isinstance(event, Done) and event.outcome == "finished":
            self.drawn += 1


@pytest.fixture
def studio(qtbot: QtBot, qapp: object) -> Iterator[Window]:
    theme.apply(qapp, "light")  # type: ignore[arg-type]
    window = Window()
    window.show()
    window.start()
    qtbot.waitExposed(window)
    yield window
    if not window._leaving.over:
        window.leave()
        qtbot.waitUntil(lambda: window._leaving.over, timeout=WAIT)
    window.close()
    window.deleteLater()


@pytest.mark.parametrize("family", [*SMALL, "points"])
def test_a_family_trains_pauses_resumes_samples_and_scrubs(
        studio: Window, qtbot: QtBot, family: str) -> None:
    model, data = (PLANE, POINTS) if family == "points" else (SMALL[family], DIGITS)
    asked = config.parse({
        "data": data, "model": model, "sample": {"count": 4},
        "train": {"steps": 1_000_000, "batch_size": 16, "precision": "float32",
                  "preview_every": 50, "save_every": 1_000_000, "log_every": 10}})
    out, ears = runs.new_path(family), Ears(studio)
    studio.ask(Train(asked, out), studio.panels["setup"])
    qtbot.waitUntil(lambda: ears.step > 2, timeout=WAIT)
    train = studio.panel(TrainPanel)
    assert studio.page is train

    paused(train, ears, qtbot, out)
    if asked.model.adversarial:
        stepped_alone(train, ears, qtbot)
    train.controls.pause.click()  # goes on
    at = ears.step
    qtbot.waitUntil(lambda: ears.step > at, timeout=WAIT)
    assert not runs.is_paused(out)

    draws = bool(asked.model.samplers)
    if draws:
        train.controls.sample.click()
        qtbot.waitUntil(lambda: ears.drawn > 0, timeout=WAIT)
    reader = runs.MetricsReader(out)
    reader.poll()
    told = set(reader.series())
    assert any(name.startswith("grad_norm/") for name in told)
    if asked.model.adversarial:
        assert {"loss/generator", "loss/discriminator", "p/real", "p/fake",
                *(f"grad_norm/{player}" for player in asked.model.players)} <= told

    train.controls.stop.click()
    qtbot.waitUntil(lambda: not studio.training.busy, timeout=WAIT)
    (kept,) = runs.read(out).checkpoints
    qtbot.waitUntil(train.controls.resume.isVisible, timeout=WAIT)
    train.controls.resume.click()
    qtbot.waitUntil(lambda: studio.training.busy and ears.step > kept, timeout=WAIT)
    train.controls.stop.click()
    qtbot.waitUntil(lambda: not studio.training.busy, timeout=WAIT)
    scrubbed(studio, ears, qtbot, draws)


def paused(train: TrainPanel, ears: Ears, qtbot: QtBot, out: Path) -> None:
    """Click Pause and see the steps come to a stand."""
    qtbot.waitUntil(train.controls.pause.isVisible, timeout=WAIT)
    train.controls.pause.click()
    assert runs.is_paused(out)
    qtbot.waitUntil(lambda: train.controls.pause.text() == "Continue", timeout=WAIT)
    for _ in range(100):
        before = ears.step
        qtbot.wait(200)
        if ears.step == before:
            return
    pytest.fail("it went on training")


def stepped_alone(train: TrainPanel, ears: Ears, qtbot: QtBot) -> None:
    """Let the first player learn alone by its button."""
    controls = train.controls
    qtbot.waitUntil(controls.alone.isVisible, timeout=WAIT)
    before = ears.step
    controls._alone.itemAt(0).widget().click()
    qtbot.waitUntil(lambda: ears.step > before, timeout=WAIT)


def scrubbed(studio: Window, ears: Ears, qtbot: QtBot, draws: bool) -> None:
    """Draw on the page Denoise and scrub; one pass shows its one frame, and Latent draws it."""
    studio.show_page("denoise")
    denoise = studio.panel(DenoisePanel)
    if not draws:
        assert "draws nothing" in denoise.view.empty
        return
    before = ears.drawn
    denoise.draw()
    qtbot.waitUntil(lambda: ears.drawn > before and denoise.reels.film.is_whole, timeout=WAIT)
    film = denoise.reels.film
    last = film.last
    assert last is not None
    for step in range(film.steps + 1):
        denoise.timeline.slider.setValue(step)
        shown = denoise.view.frame_shown()
        assert shown is not None
        assert shown.step == step
    if film.steps == 0 and not last.points:
        studio.show_page("latent")
        before = ears.drawn
        latent = studio.panel(LatentPanel)
        qtbot.waitUntil(lambda: ears.drawn > before, timeout=WAIT)
        assert latent.view.grid() is not None
