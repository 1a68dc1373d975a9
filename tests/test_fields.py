"""What models of points see all over the plane: scores and discriminators."""

import numpy as np
import pytest

from hybridstudio import config, engine, paths
from hybridstudio.data.points import modes
from hybridstudio.errors import UsageError
from hybridstudio.messages import Done, Draw, Field, Fields, Frame, Notice, Train

READY = "ddpm-gaussians25"


def told(run, **more):
    events = list(engine.run(Fields(run, device="cpu", **more)))
    assert isinstance(events[-1], Done)
    return [event for event in events if isinstance(event, Field)], [
        event for event in events if isinstance(event, Notice)]


def trained(folder, steps=4, data="gaussians25", **model):
    made = config.parse({"data": {"name": data}, "model": model,
                         "train": {"batch_size": 16, "precision": "float32"}})
    list(engine.run(Train(made, folder, steps=steps, device="cpu")))
    return folder


class TestScores:
    def test_every_level_of_the_usual_drawing_is_told(self):
        run = paths.checkpoints() / READY
        fields, _ = told(run, side=6)
        levels = [event.t for event in engine.run(Draw(run, 2)) if isinstance(event, Frame)]
        assert [field.t for field in fields] == [t for t in levels if t > 0]
        for field in fields:
            assert field.places.shape == field.arrows.shape == (36, 2)
            assert field.heights is None
        assert abs(fields[0].places).max() > abs(fields[-1].places).max()

    def test_places_go_row_by_row_from_the_lower_left(self):
        (field,), _ = told(paths.checkpoints() / READY, side=5, levels=(40,))
        grid = field.places.reshape(5, 5, 2)
        assert (np.diff(grid[..., 0], axis=1) > 0).all()
        assert (np.diff(grid[..., 1], axis=0) > 0).all()

    @pytest.mark.parametrize(("name", "t"), [(READY, 60), (READY, 20), ("ddgan-gaussians25", 3)])
    def test_the_score_is_about_that_of_the_data(self, name, t):
        run = paths.checkpoints() / name
        if not (run / "run.toml").is_file():
            run = paths.checkpoints() / READY  # another ready model of the same points
            t = 30
        (field,), _ = told(run, side=15, levels=(t,))
        frames = [event for event in engine.run(Draw(run, 2, nfe=None)) if isinstance(event, Frame)]
        noise = min(frames, key=lambda frame: abs(frame.t - t)).noise
        if name == READY:
            from hybridstudio.diffusion.schedule import Schedule

            noise = float((1 - Schedule.named("cosine", 100).alphas_cumprod[t - 1]).sqrt())
        exact, density = of_mixture(field.places.astype(float), noise)
        seen = density > density.max() * 0.05  # elsewhere it was hardly ever shown a point
        away = np.linalg.norm(field.arrows - exact, axis=1)[seen]
        size = np.linalg.norm(exact, axis=1)[seen]
        assert np.sqrt((away**2).mean()) < 0.35 * np.sqrt((size**2).mean())

    def test_a_score_network_points_inwards_from_afar(self, tmp_path):
        run = trained(tmp_path / "ncsn", family="ncsn", width=16, blocks=1, noise_levels=5)
        fields, _ = told(run, side=4)
        assert [field.t for field in fields] == [5, 4, 3, 2, 1]
        inwards = -(fields[0].arrows * fields[0].places).sum(1)
        assert (inwards > 0).all()


def of_mixture(places, noise):
    """Return ∇ log q(x_t) and q(x_t) of the 25 Gaussians at a noise level, exactly."""
    centres, std = modes("gaussians25")
    signal = np.sqrt(1 - noise**2)
    variance = (signal * std) ** 2 + noise**2
    ways = signal * centres - places[:, None]
    weights = np.exp(-0.5 * (ways**2).sum(2) / variance)
    total = weights.sum(1, keepdims=True)
    return (weights[:, :, None] * ways).sum(1) / total / variance, total[:, 0]


class TestDiscriminators:
    @pytest.mark.parametrize("model", [
        {"family": "gan", "width": 16},
        {"family": "gan", "width": 16, "loss": "wasserstein", "weight_clip": 0.01},
        {"family": "gan", "width": 16, "labels": True},
        {"family": "ddgan", "width": 16, "blocks": 1, "discriminator_width": 16},
        {"family": "ddgan", "width": 16, "blocks": 1, "discriminator_width": 16,
         "x0_discriminator": True},
        {"family": "hybrid", "mode": "joint", "diffusion_share": 0.0, "handover": 10,
         "diffusion": {"width": 16, "blocks": 1, "timesteps": 20}}])
    def test_own_runs_tell_how_real_places_look(self, tmp_path, model):
        fields, notices = told(trained(tmp_path / "run", steps=2, **model), side=5)
        assert not notices
        for field in fields:
            assert field.heights.shape == (25,)
            assert ((field.heights >= 0) & (field.heights <= 1)).all()
            assert (field.arrows is None) == (model["family"] == "gan" or field.t == 0)
        assert fields[-1].t == (0 if model["family"] == "gan" else fields[-1].t)

    def test_a_model_that_ships_without_one_says_so(self):
        fields, (notice,) = told(paths.checkpoints() / "gan-gaussians25")
        assert fields == []
        assert "no discriminator" in notice.what
        assert "train" in notice.fix


class TestRefused:
    @pytest.mark.parametrize(("name", "more"), [
        ("ddpm-mnist", {}), (READY, {"side": 1}), (READY, {"levels": (101,)}),
        (READY, {"levels": (0,)})])
    def test_what_cannot_be_asked(self, name, more):
        with pytest.raises(UsageError):
            told(paths.checkpoints() / name, **more)
