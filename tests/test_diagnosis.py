"""The doctor of trainings: finds what was planted, and says nothing of healthy runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hybridstudio import cli, diagnosis, engine, paths, presets, runs
from hybridstudio.config import with_values
from hybridstudio.errors import StudioError
from hybridstudio.messages import Notice, Train
from hybridstudio.runs.series import Series

STEPS = np.arange(10, 2010, 10)


def curve(*parts: tuple[int, float], noise: float = 0.0) -> Series:
    """Return a curve of 200 points: straight between (place, value) corners."""
    places, levels = zip(*parts, strict=True)
    values = np.interp(np.arange(200), places, levels)
    values = values + noise * np.random.default_rng(0).standard_normal(200)
    return Series(STEPS, STEPS / 10.0, values)


def rare(*values: float) -> Series:
    """Return a curve with a point every so often."""
    steps = np.linspace(100, 2000, len(values)).astype(int)
    return Series(steps, steps / 10.0, np.array(values))


def found(preset: str = "ddpm-digits", **curves: Series) -> set[str]:
    named = {name.replace("__", "/"): one for name, one in curves.items()}
    return {one.name for one in diagnosis.examine(presets.find(preset), named)}


WELL = {"loss": curve((0, 1.0), (20, 0.3), (199, 0.1), noise=0.01),
        "grad_norm__unet": curve((0, 1.0), (199, 0.2), noise=0.02)}
DUEL = {"p__real": curve((0, 0.5), (199, 0.6), noise=0.02),
        "p__fake": curve((0, 0.5), (199, 0.4), noise=0.02),
        "grad_norm__generator": curve((0, 1.0), (199, 0.7), noise=0.02)}


class TestCurves:
    def test_healthy_curves_are_left_in_peace(self) -> None:
        assert found(**WELL) == set()
        assert found("dcgan-mnist", **DUEL, sample__spread=rare(0.1, 0.7, 0.9, 0.95),
                     test__p__real=rare(0.5, 0.52, 0.55, 0.57)) == set()
        # It doubts what it has not seen, but what it has seen hardly less.
        assert found("dcgan-mnist", **DUEL, test__p__real=rare(0.5, 0.45, 0.44, 0.43)) == set()

    @pytest.mark.parametrize(("preset", "name", "sick"), [
        ("ddpm-digits", "non-finite", {"loss": curve((0, 1.0), (198, 2.0), (199, np.inf))}),
        ("ddpm-digits", "learning-rate",
         {"loss": curve((0, 1.0), (50, 0.2), (60, 0.9), (199, 0.8), noise=0.02)}),
        ("ddpm-digits", "vanishing-gradients",
         {**WELL, "grad_norm__unet": curve((0, 1.0), (50, 1e-5), (199, 1e-6))}),
        ("ddpm-digits", "ema-lag", {"loss": curve((0, 1.0), (185, 0.9), (188, 0.2), (199, 0.2))}),
        ("fnn-mnist", "overfitting", {
            "loss": curve((0, 2.0), (100, 0.02), (199, 0.01)),
            "test__loss": rare(1.0, 0.4, 0.3, 0.32, 0.35, 0.4, 0.5)}),
        ("dcgan-mnist", "mode-collapse", {**DUEL, "sample__spread": rare(0.9, 0.8, 0.1, 0.05)}),
        ("dcgan-mnist", "discriminator-wins", {
            **DUEL, "p__real": curve((0, 0.5), (50, 0.99), (199, 0.999)),
            "p__fake": curve((0, 0.5), (50, 0.01), (199, 0.001))}),
        ("dcgan-mnist", "discriminator-overfits", {
            **DUEL, "p__real": curve((0, 0.5), (199, 0.9)), "p__fake": curve((0, 0.5), (199, 0.1)),
            "score__frechet": rare(40, 10, 6, 9, 12, 15)}),
        ("dcgan-mnist", "discriminator-overfits", {
            **DUEL, "p__real": curve((0, 0.5), (199, 0.9)), "p__fake": curve((0, 0.5), (199, 0.1)),
            "test__p__real": rare(0.5, 0.55, 0.5, 0.4, 0.3, 0.2)}),
        ("wgan-gp-mnist", "discriminator-overfits", {
            "critic__real": curve((0, 0.0), (199, 9.0)), "critic__fake": curve((0, 0), (199, -9)),
            "test__critic__real": rare(0.0, 1.0, 0.0, -3.0, -5.0, -6.0)}),
        ("gan-gaussians25", "mode-collapse", {**DUEL, "score__modes": rare(3, 12, 20, 14, 9)}),
        ("vae-mnist", "posterior-collapse", {**WELL, "active": curve((0, 5.0), (20, 0), (199, 0))}),
    ])
    def test_each_planted_fault_is_found_alone(self, preset: str, name: str,
                                               sick: dict[str, Series]) -> None:
        assert found(preset, **sick) == {name}

    def test_classes_that_are_never_drawn_are_a_collapse(self) -> None:
        settings = presets.find("cgan-mnist")
        settings = settings.model_copy(update={"data": settings.data.model_copy(
            update={"classes": tuple("0123456789")})})
        entropy = {"score/class_entropy": rare(2.2, 2.0, 0.9, 0.7)}
        (one,) = diagnosis.examine(settings, entropy)
        assert "classes" in one.what
        assert one.fix

    def test_what_a_hybrid_draws_before_its_gan_learns_says_nothing(self) -> None:
        hybrid = presets.find("hybrid-mnist")
        hybrid = with_values(hybrid, {"train.steps": 2000, "model.diffusion_more": 0.7})
        early = {"sample/spread": rare(0.1, 0.1, 0.1, 0.1, 0.1, 0.9, 0.9)}
        assert diagnosis.examine(hybrid, early) == ()
        late = {"sample/spread": rare(0.9, 0.9, 0.9, 0.9, 0.9, 0.1, 0.1)}
        assert [one.name for one in diagnosis.examine(hybrid, late)] == ["mode-collapse"]

    def test_a_single_bad_point_is_noise(self) -> None:
        loss = curve((0, 1.0), (199, 0.1))
        loss.values[150] = 50.0
        assert found(loss=loss) == set()

    def test_every_rule_tells_what_why_and_how_to_mend_it(self) -> None:
        (one,) = diagnosis.examine(presets.find("ddpm-digits"), {
            "loss": curve((0, 1.0), (40, 0.2), (60, 0.2), (70, 0.9), (199, 0.9))})
        assert "learning rate" in one.what
        assert "0.2" in one.why
        assert "train.lr" in one.fix
        assert one.step == 2000


READY = sorted(file.parent for file in paths.checkpoints().glob("*/run.toml"))


@pytest.mark.parametrize("path", READY, ids=lambda path: path.name)
def test_it_is_quiet_all_along_the_trainings_of_the_ready_models(path: Path) -> None:
    reader = runs.MetricsReader(path)
    reader.poll()
    curves, settings = reader.series(), runs.read(path).config
    end = max(int(one.steps[-1]) for one in curves.values())
    for cut in np.linspace(0, end, 21)[1:]:
        known = {name: Series(*(part[one.steps <= cut] for part in one))
                 for name, one in curves.items() if (one.steps <= cut).any()}
        assert diagnosis.examine(settings, known) == ()


def trained(tmp_path: Path, changes: dict[str, Any], preset: str) -> list[Notice]:
    settings = with_values(presets.find(preset), {
        "train.log_every": 2, "train.preview_every": 40, "train.save_every": 1000,
        "train.score_every": 0, "train.warmup": 0, **changes})
    return [event for event in engine.run(Train(settings, tmp_path / "run", device="cpu"))
            if isinstance(event, Notice)]


class TestTrainings:
    def test_a_discriminator_that_knows_its_few_pictures_by_heart(self, tmp_path: Path) -> None:
        few = {"data.name": "digits", "data.size": 8, "train.batch_size": 32, "train.steps": 480,
               "train.lr_discriminator": 1e-3, "train.seed": 1}
        told = trained(tmp_path, {**few, "data.limit": 40}, "gan-mnist")
        assert any("by heart" in one.what for one in told)
        assert not any("by heart" in one.what
                       for one in trained(tmp_path / "many", few, "gan-mnist"))

    def test_a_discriminator_that_learns_far_faster_wins(self, tmp_path: Path, capsys) -> None:
        told = trained(tmp_path, {
            "data.name": "digits", "data.size": 8, "train.steps": 80, "train.lr": 1e-7,
            "train.lr_discriminator": 1e-3, "train.batch_size": 64}, "gan-mnist")
        assert ["discriminator wins" in one.what for one in told] == [True]  # said once
        marks = [json.loads(line) for line in
                 (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
        assert [one["rule"] for one in marks if "rule" in one] == ["discriminator-wins"]
        assert cli.main(["doctor", str(tmp_path / "run"), "--json"]) == 1
        said = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert said["findings"][0]["name"] == "discriminator-wins"

    def test_a_generator_that_draws_one_picture_has_collapsed(self, tmp_path: Path,
                                                              monkeypatch) -> None:
        from hybridstudio.families.gan import GAN

        real = GAN.generate

        def collapsed(self, z, *rest):  # as if z had no say
            return real(self, torch.zeros_like(z), *rest)

        monkeypatch.setattr(GAN, "generate", collapsed)
        told = trained(tmp_path, {"train.steps": 160, "train.batch_size": 32}, "gan-gaussians25")
        assert any("mode collapse" in one.what for one in told)

    def test_numbers_that_are_none_are_told_before_the_training_ends(self, tmp_path: Path) -> None:
        with pytest.raises(StudioError, match="diverged"):
            trained(tmp_path, {
                "train.steps": 120, "train.lr": 1.0, "train.batch_size": 16,
                "train.grad_clip": 0.0, "data.limit": 64, "model.width": 16}, "ddpm-digits")
        words = (tmp_path / "run" / "metrics.jsonl").read_text()
        assert "skipped" in words
        assert "lower train.lr" in words

    def test_a_short_healthy_training_hears_nothing(self, tmp_path: Path) -> None:
        told = trained(tmp_path, {
            "train.steps": 60, "train.batch_size": 16, "data.limit": 256, "model.width": 16},
            "ddpm-digits")
        assert told == []
        reader = runs.MetricsReader(tmp_path / "run")
        reader.poll()
        assert 0.0 < reader.series()["sample/spread"].values[-1] < 3.0


def test_the_doctor_of_a_healthy_run_says_so(capsys) -> None:
    assert cli.main(["doctor", "ddpm-mnist", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["ok"] is True
