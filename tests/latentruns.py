"""Runs with latent spaces on the disk and a panel that is answered at once."""

from __future__ import annotations

from hybridstudio import runs
from hybridstudio.config import MODELS, DataConfig, RunConfig
from hybridstudio.gui import canned, theme
from hybridstudio.gui.cannedlatent import answers


def write_run(folder, name="vae", steps=(500, 1000), family="vae", **model):
    path = folder / name
    settings = model or {"latent": 16, "labels": True}
    config = RunConfig(
        name=name, model=MODELS[family](family=family, **settings),
        data=DataConfig(name="digits", size=8, channels=1, classes=canned.CLASSES))
    runs.create(path, config)
    for step in steps:
        write_checkpoint(path, step)
    return path


def write_checkpoint(path, step):
    checkpoint = runs.checkpoint_path(path, step)
    checkpoint.mkdir(parents=True)
    (checkpoint / "manifest.json").write_text("{}")


def answered(panel, request=None):
    """Answer the newest request of a panel, or the one that is given."""
    request = request if request is not None else panel.asked[-1]
    for event in answers(request):
        panel.on_answer(request, event)
    return request


def with_panel(kind, qtbot, qapp):
    """Make a panel that is shown and notes what it asks for."""
    theme.apply(qapp, "light")
    panel = kind()
    qtbot.addWidget(panel)
    panel.resize(900, 620)
    panel.asked = []
    panel.requested.connect(panel.asked.append)
    panel.show()
    return panel
