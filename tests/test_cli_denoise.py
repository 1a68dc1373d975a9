"""`denoise` on the command line: rows, arrays, masks, inversion; over a canned engine."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hybridstudio
from hybridstudio import cli, runs
from hybridstudio.config import RunConfig, with_values
from hybridstudio.frames import NOISE
from hybridstudio.messages import Done, Frame, Started

STEPS = 6


def drawing(request):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (request.count, 8, 8, 1), np.uint8)
    yield Started("Drawing", request.run)
    for step in range(STEPS + 1):
        x_t, x0, eps = (rng.integers(0, 255, noise.shape, np.uint8) for _ in range(3))
        yield Frame(step, STEPS, float(STEPS - step), x_t, x0, eps, step, noise=0.5,
                    extra={NOISE: noise} if request.image is not None else {})
    result = {"count": request.count, "seconds": 1.5, "nfe": STEPS, "sampler": "ddim"}
    yield Done("finished", result | ({"error": 0.0123} if request.invert else {}), x_t)


@pytest.fixture(autouse=True)
def asked(tmp_path, monkeypatch):
    """Keep everything in the test's folder, and stand in for the engine; returns the requests."""
    for name in ("RUNS", "CACHE", "SETTINGS", "DATA"):
        monkeypatch.setenv(f"HYBRIDSTUDIO_{name}", str(tmp_path / name.lower()))
    monkeypatch.chdir(tmp_path)
    runs.create(tmp_path / "runs" / "tiny", with_values(RunConfig(), {
        "name": "tiny", "data.size": 8, "data.channels": 1}))
    requests = []
    fake = types.SimpleNamespace(run=lambda request: (requests.append(request),
                                                      drawing(request))[1])
    monkeypatch.setattr(hybridstudio, "engine", fake, raising=False)
    monkeypatch.setitem(sys.modules, "hybridstudio.engine", fake)
    Image.new("L", (40, 20), 77).save("mine.png")
    return requests


def denoise(*words):
    return cli.main(["denoise", "tiny", "--count", "2", "--zoom", "1", *words])


def test_several_rows_come_in_turn(capsys):
    assert denoise("--out", "x.png", "--rows", "x0,change", "--frames", "3") == 0
    with Image.open("x.png") as image:
        assert image.size == (3 * 10 + 2, 4 * 10 + 2)
    assert denoise("--out", "y.png", "--rows", "x0,difference") == 2
    assert "x_t or x0 or eps or change or all" in capsys.readouterr().err
    words = ("--image", "mine.png", "--from-step", "400", "--rows", "true_noise,difference")
    assert denoise("--out", "y.gif", *words) == 0


def test_the_frames_themselves(capsys):
    assert denoise("--out", "x.npz", "--seed", "5") == 0
    with np.load("x.npz") as arrays:
        assert arrays["x_t"].shape == (STEPS + 1, 2, 8, 8, 1)
        assert arrays["step"].tolist() == list(range(STEPS + 1))
        assert json.loads(str(arrays["settings"]))["seed"] == 5
    assert denoise("--out", "y.npz", "--frames", "3") == 0
    with np.load("y.npz") as arrays:
        assert arrays["step"].tolist() == [0, 3, 6]


def test_a_mask_fits_the_picture_or_the_model(asked, capsys):
    words = ("--image", "mine.png", "--out", "x.gif")
    for size in ((40, 20), (8, 8)):
        mask = Image.new("L", size, 255)
        mask.paste(0, (0, 0, size[0], size[1] // 2))
        mask.save("mask.png")
        assert denoise(*words, "--mask", "mask.png", "--force") == 0
        assert asked[-1].mask.shape == (8, 8)
        assert not asked[-1].mask[0].any()
        assert asked[-1].mask[-1].all()
        assert asked[-1].from_step is None
    Image.new("L", (20, 40), 255).save("mask.png")
    assert denoise(*words, "--mask", "mask.png", "--force") == 2
    told = capsys.readouterr().err
    assert "20 × 40" in told
    assert "40 × 20" in told


def test_an_inversion_tells_its_error(asked, capsys):
    assert denoise("--image", "mine.png", "--invert", "--out", "x.webp", "--json") == 0
    assert json.loads(capsys.readouterr().out)["error"] == 0.0123
    assert asked[-1].invert
    assert asked[-1].from_step is None
    assert denoise("--image", "mine.png", "--invert", "--out", "y.webp") == 0
    assert "an error of 0.0123" in capsys.readouterr().out


def test_animations_tell_how_they_were_made():
    assert denoise("--out", "x.gif", "--seed", "5") == 0
    assert b'"seed": 5' in Path("x.gif").read_bytes()
