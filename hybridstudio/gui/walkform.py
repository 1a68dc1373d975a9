"""How a walk through a latent space goes: its path, its speed, how many frames it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QWidget

from hybridstudio import latents
from hybridstudio.config.models.base import Space
from hybridstudio.gui.drawfields import fill
from hybridstudio.gui.latentstate import Spot
from hybridstudio.gui.spin import SpinBox
from hybridstudio.gui.theme import GRID
from hybridstudio.messages import Codes, Images

FRAMES = 4, 24, 240  # between two points: fewest, usual, most
EASINGS = {"even": "even", "soft": "soft at every point", "slow": "rests at every point"}
PACES = {"latent": "distance of codes", "pixels": "what is seen"}


@dataclass(frozen=True)
class Walk:
    """A way through points, `frames` between two of them; `pace` says what speed is even in."""

    stops: tuple[Spot, ...] = tuple(Spot(seed) for seed in range(4))
    frames: int = FRAMES[1]
    easing: str = "even"
    loop: bool = True
    linear: bool = False
    pace: str = "latent"

    @property
    def count(self) -> int:
        """How many frames it has."""
        legs = len(self.stops) if self.loop else len(self.stops) - 1
        return max(1, legs * self.frames + (not self.loop))

    def places(self) -> latents.Places:
        """Return where its frames lie on the way, 0 to 1."""
        if len(self.stops) < 2:
            return np.zeros(1)
        easing = "even" if self.pace == "pixels" else self.easing
        return latents.stations(len(self.stops), self.count, loop=self.loop, easing=easing)

    def paced(self, at: latents.Places, images: list[Images]) -> latents.Places:
        """Return places at which what is seen changes evenly, from those drawn at places `at`."""
        return latents.evened(at, np.stack(images), loop=self.loop)

    def codes(self, space: Space, points: Codes, at: latents.Places) -> Codes:
        """Return the codes (F, D) at places of the way through points (K, D)."""
        loop = self.loop and len(points) > 1
        return latents.walked(space, points, at, loop=loop, linear=self.linear)

    def frame_of(self, stop: int) -> int:
        """Return the frame at which a point is met, where speed is even in codes."""
        return min(stop * self.frames, self.count - 1)


class WalkForm(QWidget):
    """Shows a walk's settings; `changed` tells a new one and which field it was."""

    changed = Signal(object, str)

    def __init__(self) -> None:
        super().__init__()
        self._walk = Walk()
        self.frames = SpinBox()
        self.frames.setRange(FRAMES[0], FRAMES[2])
        self.frames.setKeyboardTracking(False)
        self.frames.setToolTip(f"Frames from one point to the next, {FRAMES[0]} to {FRAMES[2]} "
                               f"({FRAMES[1]})")
        self.path, self.easing, self.pace = QComboBox(), QComboBox(), QComboBox()
        fill(self.path, [("slerp", False), ("straight", True)])
        fill(self.easing, [(words, name) for name, words in EASINGS.items()])
        fill(self.pace, [(words, name) for name, words in PACES.items()])
        self.path.setToolTip("Along the sphere that codes lie on, or straight through its inside")
        self.easing.setToolTip("How the speed changes between two points")
        self.pace.setToolTip("What changes equally much from frame to frame: the code, or what is "
                             "seen. The second is drawn twice: first to measure")
        self.loop = QCheckBox("back to the first point")
        self.loop.setToolTip("End where it began, so that it can be played on and on")
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(GRID // 2)
        for words, field in (("Frames", self.frames), ("Path", self.path),
                             ("Speed", self.pace), ("Easing", self.easing), ("Loop", self.loop)):
            form.addRow(words, field)
            field.setAccessibleName(words)
        self._form = form
        reads: dict[str, Callable[[], Any]] = {
            "frames": self.frames.value, "linear": self.path.currentData,
            "easing": self.easing.currentData, "pace": self.pace.currentData,
            "loop": self.loop.isChecked}
        for name, signal in (("frames", self.frames.valueChanged), ("linear", self.path.activated),
                             ("easing", self.easing.activated), ("pace", self.pace.activated),
                             ("loop", self.loop.toggled)):
            signal.connect(lambda _value, name=name: self.changed.emit(
                replace(self._walk, **{name: reads[name]()}), name))

    def show_walk(self, walk: Walk, has_sphere: bool) -> None:
        """Show a walk's settings, without telling."""
        self._walk = walk
        with QSignalBlocker(self.frames), QSignalBlocker(self.loop):
            self.frames.setValue(walk.frames)
            self.loop.setChecked(walk.loop)
        for box, value in ((self.path, walk.linear), (self.easing, walk.easing),
                           (self.pace, walk.pace)):
            box.setCurrentIndex(box.findData(value))
        self.easing.setEnabled(walk.pace == "latent")
        self._form.setRowVisible(self.path, has_sphere)
