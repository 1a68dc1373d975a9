"""Use the real window as a user would, and keep pictures of it for the docs.

    xvfb-run -s "-screen 0 1280x720x24" python tools/screenshots.py --data-root DATA --out docs

It opens the window, scrubs through the model that ships, tries the one-minute example, sets up a
short training of a preset, starts, pauses and continues it with the mouse, samples and denoises
while it trains, lets it finish, scrubs through what it learned, and looks at the data. With
--views it opens every view of the ready models instead. It fails where something does not happen.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget

SLOW = 240.0  # seconds after which something that should happen is taken to have failed


class User:
    """Somebody at the window: clicks, keys, waits, and a camera."""

    def __init__(self, app: QApplication, out: Path, scale: str) -> None:
        from hybridstudio.gui.window import Window

        self.app, self.out, self.scale = app, out, scale
        self.window = Window()
        self.window.resize(1280, 720)
        self.window.show()
        self.window.start()

    def wait(self, what: str, until: Callable[[], bool], limit: float = SLOW) -> None:
        """Let the window live until something holds."""
        began = time.monotonic()
        while not until():
            if time.monotonic() - began > limit:
                raise SystemExit(f"did not happen within {limit:.0f} s: {what}")
            self.app.processEvents()
            time.sleep(0.01)
        print(f"{what}: {time.monotonic() - began:.1f} s", flush=True)

    def rest(self, seconds: float) -> None:
        """Look for a while."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.app.processEvents()
            time.sleep(0.01)

    def click(self, inside: QWidget, text: str) -> None:
        """Press the visible button with this text."""
        self.wait(f"the button {text}", lambda: self._button(inside, text) is not None)
        button = self._button(inside, text)
        assert button is not None
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)

    def _button(self, inside: QWidget, text: str) -> QAbstractButton | None:
        return next((button for button in inside.findChildren(QAbstractButton)
                     if button.text().replace("&", "") == text and button.isVisible()
                     and button.isEnabled()), None)

    def press(self, widget: QWidget, key: Qt.Key, times: int = 1) -> None:
        """Press a key."""
        for _ in range(times):
            QTest.keyClick(widget, key)

    def shoot(self, name: str) -> None:
        """Keep a picture of the window, light and dark."""
        from hybridstudio.gui import theme

        for mode in ("light", "dark"):
            theme.apply(self.app, mode)
            self.rest(0.3)
            file = self.out / f"{name}-{mode}{self.scale}.png"
            self.window.grab().save(str(file))
            print(file, flush=True)
        theme.apply(self.app, "light")


def main() -> int:
    """Walk through the studio once."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data-root", type=Path, help="where data sets lie")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--preset", default="ddpm-mnist")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--minute", type=float, default=60.0, help="seconds of the example")
    parser.add_argument("--views", action="store_true", help="only look at what is inside")
    parser.add_argument("--scale", default="", help="put into the file names, such as -1.5")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        for name in ("RUNS", "SETTINGS", "CACHE"):
            os.environ[f"HYBRIDSTUDIO_{name}"] = str(Path(home) / name.lower())
        if asked.data_root is not None:
            os.environ["HYBRIDSTUDIO_DATA"] = str(asked.data_root.resolve())
        from hybridstudio.gui.app import dress

        app = QApplication(sys.argv[:1])
        dress(app)
        (look_inside if asked.views else walk)(User(app, asked.out, asked.scale), asked)
    return 0


# What is looked at inside the ready models: panel, model, the button that begins it.
INSIDE = (
    ("denoise", "ddpm-mnist", "Draw"), ("branches", "ddpm-mnist", "Draw"),
    ("race", "ddpm-mnist", "Race"), ("handover", "hybrid-mnist", ""),
    ("bigsteps", "ddpm-mnist", ""), ("particles", "ddpm-gaussians25", "Draw"),
    ("latent", "hybrid-mnist", ""), ("latentwalk", "vae-mnist", ""),
    ("latentmath", "cgan-mnist", ""), ("latentpair", "vae-mnist", ""),
    ("trilemma", "hybrid-mnist", ""), ("scores", "hybrid-mnist", ""),
    ("compare", "hybrid-mnist", ""))


def look_inside(user: User, _asked: argparse.Namespace) -> None:
    """Open every view of the ready models, let it draw, and keep a picture."""
    from hybridstudio import paths
    from hybridstudio.gui.wishes import Open

    window = user.window
    user.wait("the models are listed", lambda: bool(window.library.entries))
    for name, model, button in INSIDE:
        window.ask(Open(name, paths.checkpoints() / model))
        user.rest(1.5)
        if button:
            user.click(window.panels[name], button)
        user.rest(1.5)
        user.wait(f"{name} has drawn", lambda: not window.is_working)
        if name == "denoise":  # half the way is worth seeing, not the end
            slider = window.panels[name].timeline.slider  # type: ignore[attr-defined]
            slider.setFocus()
            user.press(slider, Qt.Key.Key_Left, 19)
        user.rest(0.5)
        user.shoot(name)
    window.close()
    user.wait("the window has closed", lambda: not window.isVisible())


def walk(user: User, asked: argparse.Namespace) -> None:
    """Do what a new user would do first: look, train, look inside."""
    from hybridstudio import paths, presets
    from hybridstudio.config import with_values
    from hybridstudio.gui.panels.denoise import DenoisePanel
    from hybridstudio.gui.wishes import Open, SetUp

    window, steps = user.window, asked.steps
    train, denoise = window.panels["train"], window.panel(DenoisePanel)

    def step() -> int:
        return window._progress.step if window._progress is not None else 0

    user.wait("the welcome page lists the models", lambda: bool(window.library.entries))
    user.rest(1.0)
    user.shoot("welcome")

    window.ask(Open("denoise", paths.checkpoints() / "ddpm-mnist"))
    user.click(denoise, "Draw")
    user.wait("the model that ships has drawn",
              lambda: not window.is_working and denoise.timeline.slider.maximum() > 10)
    denoise.timeline.slider.setFocus()
    user.press(denoise.timeline.slider, Qt.Key.Key_Home)
    user.press(denoise.timeline.slider, Qt.Key.Key_Right, 31)
    user.shoot("denoise")

    welcome = window.panels["welcome"]
    window.show_page("welcome")
    user.click(welcome, "Try it in a minute")
    clicked = time.monotonic()
    user.wait("some time from the click, or nearly the end of the example", lambda: (
        time.monotonic() - clicked > asked.minute or step() >= 1400))
    print(f"step {step()} of the example {time.monotonic() - clicked:.0f} s after the click")
    user.shoot("minute")
    if window.training.busy:
        user.click(welcome, "Stop")
    user.wait("the example has ended", lambda: not window.training.busy)

    preset = with_values(presets.find(asked.preset), {
        "name": "my-digits", "train.steps": steps, "train.preview_every": max(1, steps // 8),
        "train.save_every": max(1, steps // 4)})
    window.ask(SetUp(preset))
    user.rest(1.0)
    user.click(window.panels["setup"], "Estimate")
    user.wait("the estimate", lambda: not window.is_working)
    user.shoot("setup")
    user.click(window.panels["setup"], "Start training")

    user.wait("a third of the training", lambda: step() > steps // 3)
    user.click(train, "Pause")
    user.rest(1.0)
    paused = step()
    user.rest(2.0)
    if step() != paused:
        raise SystemExit(f"it went on training while paused: {paused} to {step()}")
    user.click(train, "Continue")
    user.wait("it goes on", lambda: step() > paused + 2)
    user.click(train, "Sample now")
    user.wait("a sample while training", lambda: not window.is_working)
    user.wait("two thirds of the training", lambda: step() > 2 * steps // 3)
    user.shoot("train")
    window.show_page("denoise")
    user.click(denoise, "Draw")
    user.rest(0.2)
    user.wait("denoising while it trains", lambda: not window.is_working)
    if not window.training.busy:
        raise SystemExit("the training was over before the denoising")
    window.show_page("train")
    user.wait("the training is finished", lambda: not window.training.busy)
    user.rest(1.0)
    user.shoot("finished")
    window.show_page("denoise")
    user.click(denoise, "Draw")
    user.rest(0.2)
    user.wait("what was learned is drawn", lambda: not window.is_working)
    denoise.timeline.slider.setFocus()
    user.press(denoise.timeline.slider, Qt.Key.Key_Left, 12)
    user.shoot("scrubbed")

    window.show_page("data")
    user.rest(0.5)
    user.wait("the data", lambda: not window.is_working)
    user.shoot("data")
    window.close()
    user.wait("the window has closed", lambda: not window.isVisible())


if __name__ == "__main__":
    sys.exit(main())
