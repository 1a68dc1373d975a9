"""Many x_0 from one x_t: models with a z choose among them, those of a mean do not."""

import json

import numpy as np
import pytest
from PIL import Image

from hybridstudio import cli, config, engine, paths
from hybridstudio.commands import as_command
from hybridstudio.errors import UsageError
from hybridstudio.messages import Chanced, Chances, Done, Draw, Frame, Train

SMALL = {"width": 16, "blocks": 1, "labels": True, "latent": 8}


def trained(folder, steps=2, **model):
    """Train a Denoising Diffusion GAN of the digits for a moment; returns its run."""
    made = config.parse({
        "data": {"name": "digits"}, "train": {"batch_size": 8, "precision": "float32"},
        "model": {"family": "ddgan", "discriminator_width": 8, **SMALL, **model}})
    list(engine.run(Train(made, folder, steps=steps, device="cpu")))
    return folder


@pytest.fixture(scope="module")
def ddgan(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("runs") / "ddgan", timesteps=4)


def asked(run, at, count=6, **more):
    *_, told, done = engine.run(Chances(Draw(run, 1, seed=3, device="cpu"), at, count, **more))
    assert isinstance(told, Chanced)
    assert isinstance(done, Done)
    return told


def frames(run):
    return [event for event in engine.run(Draw(run, 1, seed=3, device="cpu"))
            if isinstance(event, Frame)]


class TestModelsWithZ:
    @pytest.mark.parametrize("at", [0, 2, 3])
    def test_every_z_sees_another_picture_in_the_same_x_t(self, ddgan, at):
        told, frame = asked(ddgan, at), frames(ddgan)[at]
        assert told.x0.shape == (6, 8, 8, 1)
        np.testing.assert_array_equal(told.x_t, frame.x_t)
        assert (told.t, told.at, told.last) == (frame.t, at, 3)
        assert told.noise == pytest.approx(frame.noise)
        assert told.spread > 0
        assert len(np.unique(told.x0.reshape(6, -1), axis=0)) > 3  # it learned for two steps

    def test_the_same_seeds_see_the_same_however_many_look(self, ddgan):
        few, many = asked(ddgan, 1, 3), asked(ddgan, 1, 9)
        assert np.abs(few.x0.astype(int) - many.x0[:3]).max() <= 1

    def test_their_mean_is_told(self, ddgan):
        told = asked(ddgan, 1)
        assert np.abs(told.mean - told.x0.astype(float).mean(0)).max() <= 1
        assert told.beside is None

    @pytest.mark.parametrize("steps", [1, 2, 8])
    def test_every_number_of_steps(self, tmp_path, steps):
        told = asked(trained(tmp_path / "run", timesteps=steps), 99)
        assert told.last == told.at == steps - 1
        assert told.t == 1

    def test_a_scale_of_0_takes_the_choice_away(self, ddgan):
        draw = Draw(ddgan, 1, seed=3, knobs={"z_scale": 0.0}, device="cpu")
        told = next(event for event in engine.run(Chances(draw, 1, 4))
                    if isinstance(event, Chanced))
        assert told.spread == pytest.approx(0, abs=1e-5)

    def test_the_hybrid_chooses_where_it_hands_over_and_not_before(self):
        run = paths.checkpoints() / "hybrid-mnist"
        before, there = asked(run, 1), asked(run, 7)
        assert before.spread == 0
        assert there.spread > 0.003
        assert there.beside.shape == (1, 28, 28, 1)
        np.testing.assert_array_equal(there.x_t, frames(run)[7].x_t)


class TestModelsOfTheMean:
    @pytest.mark.parametrize(("name", "at"), [("ddpm-mnist", 20), ("ncsn-mnist", 10)])
    def test_every_seed_sees_what_the_drawing_saw(self, name, at):
        run = paths.checkpoints() / name
        told, frame = asked(run, at, 3), frames(run)[at]
        assert told.spread == pytest.approx(0, abs=1e-6)
        assert np.abs(told.x0.astype(int) - frame.x0).max() <= 1
        if name == "ddpm-mnist":
            assert np.abs(told.beside.astype(int) - frame.x0).max() <= 1

    def test_points_come_besides(self):
        told = asked(paths.checkpoints() / "ddpm-gaussians25", 5, 7)
        assert told.points["x_t"].shape == (1, 2)
        assert told.points["x0"].shape == (7, 2)
        assert told.points["beside"].shape == (1, 2)

    def test_another_diffusion_is_asked_about_the_same_x_t(self):
        ready = paths.checkpoints() / "ddpm-mnist"
        told = asked(paths.checkpoints() / "ncsn-mnist", 40, 2, beside=ready)
        assert told.beside.shape == (1, 28, 28, 1)
        # Both saw the same digit in the same noise.
        away = told.beside.astype(float) - told.mean
        assert np.sqrt((away**2).mean()) < 40


class TestRefused:
    @pytest.mark.parametrize(("name", "at", "count", "why"), [
        ("gan-gaussians25", 0, 4, "one pass"), ("vae-mnist", 0, 4, "one pass"),
        ("ddpm-mnist", -1, 4, "question"), ("ddpm-mnist", 0, 0, "question")])
    def test_what_cannot_be_asked(self, name, at, count, why):
        with pytest.raises(UsageError, match=why):
            list(engine.run(Chances(Draw(paths.checkpoints() / name), at, count)))

    def test_only_a_diffusion_of_the_same_pictures_stands_beside(self, ddgan):
        for name in ("ddpm-mnist", "vae-mnist"):
            with pytest.raises(UsageError, match="beside"):
                asked(ddgan, 0, 2, beside=paths.checkpoints() / name)


class TestCommandLine:
    def test_a_sheet_of_what_was_seen(self, tmp_path, capsys):
        out = tmp_path / "seen.png"
        words = ["denoise", "hybrid-mnist", "--chances", "9", "--at", "7", "--out", str(out),
                 "--json"]
        assert cli.main(words) == 0
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert (told["count"], told["at"], told["t"]) == (9, 7, 500)
        assert told["spread"] > 0
        with Image.open(out) as image:
            image.load()
            assert image.width > image.height

    @pytest.mark.parametrize("words", [
        ["--chances", "4", "--out", "x.gif"], ["--at", "3", "--out", "x.png"],
        ["--chances", "4", "--out", "x.png", "--branch", "at=1,seed=3"]])
    def test_what_does_not_go_together(self, words, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert cli.main(["denoise", "hybrid-mnist", *words]) == 2
        assert not list(tmp_path.glob("x.*"))

    def test_the_command_that_does_the_same(self):
        request = Chances(Draw(paths.checkpoints() / "hybrid-mnist", 1, seed=5), 3, 16)
        words = as_command(request)
        assert words.startswith("hybridstudio denoise ")
        assert words.endswith("--chances 16 --at 3")
        assert "--seed 5" in words
