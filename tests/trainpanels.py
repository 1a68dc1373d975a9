"""A run broken off in its training and the panel that shows it, for tests of what it shows."""

from __future__ import annotations

from hybridstudio.gui.cannedrun import write_run
from hybridstudio.gui.panels.train import TrainPanel


def new_run(folder):
    """Write a run that trained 1,000 of 4,000 steps and drew five previews."""
    path = folder / "run"
    write_run(path, steps=1000, total=4000, previews=5)
    return path


def new_panel(qtbot):
    """Make a panel that is shown and notes what it asks for."""
    made = TrainPanel()
    qtbot.addWidget(made)
    made.asked = []
    made.requested.connect(made.asked.append)
    made.resize(900, 560)
    made.show()
    return made
