import shlex
import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hybridstudio
from hybridstudio import cli, commands, config, paths, presets, runs
from hybridstudio.commands import as_command
from hybridstudio.config import RunConfig, parse, with_values
from hybridstudio.messages import Browse, Draw, Noise, Probe, Resume, Score, Train


@pytest.fixture
def asked(monkeypatch):
    """Return what the command line asks of the engine, instead of doing it."""

    def parse(line: str) -> object:
        found: list[object] = []

        def run(request):
            found.append(request)
            yield from ()

        fake = types.SimpleNamespace(run=run)  # and so without torch
        monkeypatch.setattr(hybridstudio, "engine", fake, raising=False)
        monkeypatch.setitem(sys.modules, "hybridstudio.engine", fake)
        words = shlex.split(line)
        assert words[0] == "hybridstudio"
        cli.main(words[1:])
        return found[0] if found else None

    return parse


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDSTUDIO_RUNS", str(tmp_path / "runs"))
    folder = tmp_path / "my own run's"
    runs.create(folder, with_values(RunConfig(), {
        "data.size": 8, "data.channels": 1, "data.classes": ("cat", "dog"), "model.labels": True}))
    return folder


@pytest.mark.parametrize("changes", [
    {},
    {"train.lr": 1.25e-05},
    {"train.lr": 0.5, "train.batch_size": 64, "model.channel_mult": (1, 2, 4), "data.flip": True},
    {"data.name": "folder:/a folder/it's", "data.size": None, "data.channels": None},
    {"name": "true", "says": 'two\nlines, "quoted"', "data.classes": ("1", "b c")},
    {"name": "none", "source": ""},
])
@pytest.mark.parametrize("ends", [
    {}, {"steps": 5}, {"budget": 0.5, "device": "cpu", "data_root": Path("some data")}])
def test_a_training_round_trips(asked, tmp_path, changes, ends):
    request = Train(with_values(presets.find("ddpm-mnist"), changes), tmp_path / "the run", **ends)
    assert asked(as_command(request)) == request


def test_the_closest_preset_is_the_base(tmp_path):
    name = presets.names()[-1]
    changed = with_values(presets.find(name), {"train.seed": 7})
    words = shlex.split(as_command(Train(changed, tmp_path)))
    assert words[:3] == ["hybridstudio", "train", name]
    assert words[5:] == ["--set", "train.seed=7"]


def test_no_preset_means_no_command(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "resources", lambda: tmp_path)
    assert as_command(Train(RunConfig(), tmp_path / "out")) == ""


@pytest.mark.parametrize("ends", [
    {}, {"steps": 5}, {"budget": 2.5, "device": "cpu", "data_root": Path("d")}])
def test_a_resumption_round_trips(asked, run, ends):
    assert asked(as_command(Resume(run, **ends))) == Resume(run, **ends)


@pytest.mark.parametrize("choices", [
    {},
    {"count": 300, "batch": 16, "sampler": "dpm++2m", "nfe": 7, "guidance": 2.5, "seed": 9,
     "label": 1, "weights": "raw", "step": 500, "device": "cpu"},
    {"sampler": "ddim", "eta": 1.0},
])
@pytest.mark.parametrize("frames", [True, False])
def test_a_drawing_round_trips(asked, run, choices, frames):
    if frames:  # the frames of a drawing come in one series, so in one batch
        choices = {**choices, "batch": max(choices.get("count", 1), Draw.batch)}
    request = Draw(run, frames=frames, **choices)
    command = as_command(request)
    assert command.startswith("hybridstudio denoise " if frames else "hybridstudio sample ")
    assert asked(command) == request


def test_a_drawing_from_a_picture_round_trips(asked, run, tmp_path, monkeypatch):
    from PIL import Image

    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    Image.fromarray(pixels[..., 0]).save(tmp_path / "a picture.png")
    request = Draw(run, image=pixels, from_step=400)
    line = as_command(request, out="x.webp", image=str(tmp_path / "a picture.png"))
    found = asked(line)
    assert np.array_equal(found.image, pixels)
    assert found.from_step == 400
    assert "x.webp" in line
    white = replace(request, from_step=None, mask=np.ones((8, 8), bool))
    Image.fromarray(np.full((8, 8), 255, np.uint8)).save(tmp_path / "mask.png")
    found = asked(as_command(white, image=str(tmp_path / "a picture.png"),
                             mask=str(tmp_path / "mask.png")))
    assert found.mask.all()
    assert found.from_step is None


def test_a_scoring_round_trips(asked, run):
    request = Score(run, count=9, metrics=("fid", "kid"), sampler="ddim", nfe=7)
    assert asked(as_command(request)) == request
    vae = run.with_name("a vae")
    runs.create(vae, parse({"model": {"family": "vae"}}))
    request = Score(vae, knobs={"temperature": 0.5})
    assert as_command(request).count("--knob") == 1
    assert asked(as_command(request)) == request


def test_a_shipped_model_goes_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "checkpoints", lambda: tmp_path / "checkpoints")
    monkeypatch.setenv("HYBRIDSTUDIO_RUNS", str(tmp_path / "runs"))
    shipped = tmp_path / "checkpoints" / "a-model"
    runs.create(shipped, RunConfig())
    assert " a-model " in as_command(Draw(shipped))
    runs.create(tmp_path / "runs" / "a-model", RunConfig())  # now the name means the user's own
    assert str(shipped) in as_command(Draw(shipped))


def test_what_no_command_does_is_empty(run):
    for request in (Browse(RunConfig().data), Noise(RunConfig(), (0,)), Probe(RunConfig()),
                    Draw(run, image=np.zeros((8, 8, 1), np.uint8), frames=False)):
        assert as_command(request) == ""


def test_windows_quotes_in_its_own_way(run, monkeypatch):
    monkeypatch.setattr(commands.os, "name", "nt")
    assert f'"{run}"' in as_command(Resume(run))


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_every_text_survives_as_a_literal(text):
    assert config.assignment(f"x={commands._literal(text)}") == ("x", text)


@given(st.one_of(st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False),
                 st.text(), st.tuples(st.floats(allow_nan=False), st.integers())))
def test_every_value_survives_as_a_literal(value):
    read = config.assignment(f"x={commands._literal(value)}")[1]
    assert read == (list(value) if isinstance(value, tuple) else value)
