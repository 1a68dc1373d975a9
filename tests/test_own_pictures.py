"""Pictures of the user's in the timeline, with models that ship: who completes them, who cannot."""

import numpy as np
import pytest
from PIL import Image

from hybridstudio import paths
from hybridstudio.gui import canned, theme
from hybridstudio.gui.panels.denoise import DenoisePanel

READY = paths.checkpoints()


@pytest.fixture
def panel(qtbot, qapp, tmp_path):
    theme.apply(qapp, "light")
    widget = DenoisePanel()
    qtbot.addWidget(widget)
    widget.asked = []
    widget.requested.connect(widget.asked.append)
    widget.show()
    Image.fromarray(canned.pictures(1, 32)[0, ..., 0]).save(tmp_path / "digit.png")
    yield widget
    widget.hide()


def masked(panel, name, picture):
    panel.show_run(READY / name)
    panel.form.start.open(picture)
    panel.form.start.ways["mask"].click()
    panel.form.start.painter.canvas.change(np.eye(28, dtype=bool))


@pytest.mark.parametrize(("name", "jump"), [("ddpm-mnist", 5), ("ddgan-mnist", 2)])
def test_who_completes_pictures_offers_the_painter(panel, tmp_path, name, jump):
    masked(panel, name, tmp_path / "digit.png")
    assert panel.form.knobs["resample"].isVisible()
    panel.draw()
    assert panel.asked[-1].mask is not None
    assert panel.asked[-1].knobs.items() >= {"resample": 4, "jump": jump}.items()


def test_a_mask_that_waits_means_nothing_to_points(panel, tmp_path):
    masked(panel, "ddpm-mnist", tmp_path / "digit.png")
    panel.show_run(READY / "ddpm-gaussians25")
    assert not panel.form.knobs["resample"].isVisible()
    panel.draw()
    assert panel.asked[-1].mask is None
    assert panel.asked[-1].knobs == {}
    panel.show_run(READY / "ddpm-mnist")
    assert panel.form.settings().mask is not None  # and it is still there


@pytest.mark.parametrize("name", ["ddpm-mnist", "hybrid-mnist"])
def test_who_inverts_a_picture_leaves_fresh_noise_out(panel, tmp_path, name):
    panel.show_run(READY / name)
    assert panel.form.settings().sampler == "ancestral"
    panel.form.start.open(tmp_path / "digit.png")
    panel.form.start.ways["invert"].click()
    panel.draw()
    assert (panel.asked[-1].invert, panel.asked[-1].sampler) == (True, "ddim")
    panel.form.undo()
    assert panel.form.settings().sampler == "ancestral"
