"""Latent spaces in the engine: the same pictures each time, codes found, directions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_branching import roused
from test_families import CPU, DATA, SMALL

from hybridstudio import config, engine, latents, paths, runs
from hybridstudio.engine import checkpoints, pathlength
from hybridstudio.engine.directions import principal, regressed
from hybridstudio.engine.latent import plan_of
from hybridstudio.engine.learner import Learner
from hybridstudio.errors import ConfigError, UsageError
from hybridstudio.families import FAMILIES
from hybridstudio.messages import (
    Decode,
    Decoded,
    Directed,
    Directions,
    Done,
    Encode,
    Encoded,
    Notice,
    Place,
    Progress,
    Score,
)
from hybridstudio.scores.features import pixels

DIFFUSION = {**SMALL["hybrid"]["diffusion"], "predict": "v"}
POINTS = {"name": "gaussians25", "size": 1, "channels": 2}
CASES: dict[str, dict[str, Any]] = {
    "gan": {"labels": True}, "gan-dense": {"net": "fully-connected", "width": 16},
    "gan-residual": {"net": "residual", "width": 16, "labels": True},
    "gan-points": {"width": 16}, "stylegan": {"labels": True}, "vae": {"labels": True},
    "vae-plain": {"net": "plain"}, "ddpm": {"labels": True}, "ddpm-points": {"width": 16},
    "ddgan": {"labels": True}, "ddgan-one": {"timesteps": 1},
    "hybrid": {"diffusion": {**DIFFUSION, "labels": True}}, "hybrid-steady": {"latent": 0},
    "hybrid-truncated": {"mode": "truncated", "diffusion_share": 0.5, "diffusion": DIFFUSION},
}


def made(case: str) -> config.RunConfig:
    family = case.partition("-")[0]
    return config.parse({
        "name": case, "data": POINTS if "points" in case else DATA,
        "model": {**SMALL[family], **CASES[case]}, "train": {"precision": "float32"},
        "sample": {"nfe": 6} if family == "ddpm" else {}})


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {"": tmp_path_factory.mktemp("runs")}


@pytest.fixture
def run_of(folders):
    def found(case: str) -> Path:
        if case not in folders:
            path = folders[case] = folders[""] / case
            runs.create(path, made(case))
            learner = roused(Learner(made(case), CPU))
            checkpoints.save(path, 1, learner.tensors(), {}, keep=1)
        return folders[case]
    return found


def told(request: object, kind: type) -> Any:
    return [event for event in engine.run(request) if isinstance(event, kind)][-1]


def drawn(path: Path, codes: np.ndarray, **how: Any) -> np.ndarray:
    found = told(Decode(path, codes, device="cpu", **how), Decoded)
    return found.images if found.points is None else found.points


def space_in(path: Path, place: int = 0) -> Any:
    settings = runs.read(path).config
    return settings.model.spaces(settings.shape)[place]


def codes_in(path: Path, count: int = 4) -> np.ndarray:
    return latents.codes_of_seeds(space_in(path), range(count))


@pytest.mark.parametrize("case", CASES)
class TestDecoding:
    def test_a_cell_alone_is_the_same_as_in_its_grid(self, case: str, run_of) -> None:
        path = run_of(case)
        cells = latents.grid(space_in(path), codes_in(path), 5)
        whole = drawn(path, cells)
        assert len(whole) == 25
        for cell in (0, 7, 24):
            assert np.array_equal(drawn(path, cells[cell:cell + 1])[0], whole[cell])
        assert np.array_equal(drawn(path, codes_in(path)), whole[[0, 4, 20, 24]])
        assert not np.array_equal(whole[0], whole[24])

    def test_classes_blend_from_one_to_the_other(self, case: str, run_of) -> None:
        path = run_of(case)
        if not runs.read(path).config.model.learns_labels:
            with pytest.raises(ConfigError, match="learned no classes"):
                drawn(path, codes_in(path), mix={1: 1.0})
            return
        codes = codes_in(path)
        first, last = (drawn(path, codes, labels=(label,) * 4) for label in (0, 2))
        assert np.array_equal(drawn(path, codes), first)
        assert np.array_equal(drawn(path, codes, mix={2: 3.0}), last)
        assert np.array_equal(drawn(path, codes, mix={0: 0.0, 2: 1.0}), last)
        middle = drawn(path, codes, mix={0: 0.5, 2: 0.5})
        assert not np.array_equal(middle, first)
        assert not np.array_equal(middle, last)


class TestAsked:
    def test_a_draft_comes_before_the_whole(self, run_of) -> None:
        path = run_of("ddpm")
        codes = codes_in(path)
        events = list(engine.run(Decode(path, codes, draft=2, device="cpu")))
        drafts = [event for event in events if isinstance(event, Decoded)]
        assert [(one.is_draft, one.nfe) for one in drafts] == [(True, 2), (False, 6)]
        assert np.array_equal(drafts[0].images, drawn(path, codes, nfe=2))
        assert isinstance(events[-1], Done)
        one_pass = engine.run(Decode(run_of("gan"), codes_in(run_of("gan")), draft=1, device="cpu"))
        assert sum(isinstance(event, Decoded) for event in one_pass) == 1

    def test_what_cannot_be_meant_is_refused_at_once(self, run_of) -> None:
        path = run_of("ddpm")
        codes = codes_in(path)
        for how, words in (({"sampler": "ancestral"}, "fresh noise"), ({"labels": (0,)}, "4 codes"),
                           ({"mix": {9: 1.0}}, "no class 9"), ({"mix": {0: 1.0, 1: -1.0}}, "sum"),
                           ({"knobs": {"x": 1.0}}, "no such knob")):
            with pytest.raises(ConfigError, match=words):
                drawn(path, codes, **how)
        with pytest.raises(ConfigError, match="dimensions"):
            drawn(path, codes[:, 1:])
        with pytest.raises(ConfigError, match="no number"):
            drawn(path, codes * np.nan)
        with pytest.raises(UsageError, match="no latent space w"):
            drawn(path, codes, space="w")

    @pytest.mark.parametrize("name", ["ncsn-mnist"])
    def test_a_family_without_a_space_says_so(self, name: str) -> None:
        with pytest.raises(UsageError) as refused:
            drawn(runs.find(name), np.zeros((1, 4), np.float32))
        assert "fresh noise at every step" in refused.value.why

    def test_styles_are_carried_over_from_z(self, run_of) -> None:
        path = run_of("stylegan")
        codes, space = codes_in(path), space_in(path, 1)
        placed = told(Place(path, codes, "w", {1: 1.0}, device="cpu"), Encoded)
        assert placed.codes.shape == (4, space.dimensions)
        known = drawn(path, codes, mix={1: 1.0})
        assert np.array_equal(placed.images, known)
        assert np.array_equal(drawn(path, placed.codes, space="w"), known)
        mixed = latents.mixed(space, placed.codes[0], placed.codes[1], 2)
        assert not np.array_equal(drawn(path, mixed[None], space="w")[0], known[0])
        less = drawn(path, placed.codes, space="w", knobs={"truncation": 0.0})
        assert all(np.array_equal(less[0], one) for one in less)
        with pytest.raises(UsageError, match="seeds have codes there"):
            list(engine.run(Place(path, codes, "z")))

    def test_the_pretrained_hybrid_draws_from_both_noises(self) -> None:
        made_of = config.parse({"data": DATA, "model": {
            **SMALL["hybrid"], "mode": "pretrained", "diffusion_from": "a", "gan_from": "b",
            "gan": SMALL["gan"]}})
        family = FAMILIES["hybrid"](made_of).eval()
        space = made_of.model.spaces(made_of.shape)[0]
        codes = torch.from_numpy(latents.codes_of_seeds(space, range(2)))
        way = plan_of(made_of, None, None, {}, [])
        *_, last = family.draw_codes(codes, replace(way, count=2), space.name)
        assert last.x_t.shape == (2, 1, 8, 8)
        assert family.entrance(space.name).weights.shape[1] == 6


class TestFinding:
    # Root mean square errors in units of [-1, 1] of a model's own samples, with few steps.
    @pytest.mark.parametrize(("case", "steps", "most"), [
        ("gan", 60, 0.15), ("stylegan", 60, 0.2), ("ddgan", 40, 0.45), ("hybrid", 30, 0.3)])
    def test_search_comes_near_a_models_own_sample(self, case: str, steps: int, most: float, run_of,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
        path = run_of(case)
        monkeypatch.setattr("hybridstudio.engine.finding.EVERY", 0.0)
        own = drawn(path, codes_in(path, 1), labels=(1,))
        events = list(engine.run(Encode(path, own, label=1, steps=steps, device="cpu")))
        found = next(event for event in events if isinstance(event, Encoded))
        assert max(found.errors) < most
        assert found.labels == (1,)
        assert np.array_equal(drawn(path, found.codes, labels=found.labels), found.images)
        errors = [event.values["error"] for event in events
                  if isinstance(event, Progress) and event.values]
        assert len(errors) == steps
        assert errors[-1] <= errors[0]
        assert any(isinstance(event, Decoded) and event.is_draft for event in events)

    def test_styles_are_searched_layer_by_layer(self, run_of) -> None:
        path = run_of("stylegan")
        own = drawn(path, codes_in(path, 1))
        found = told(Encode(path, own, "w", steps=20, label=0, device="cpu"), Encoded)
        assert found.codes.shape == (1, space_in(path, 1).dimensions)
        assert found.errors[0] < 0.3

    @pytest.mark.parametrize(("name", "steps", "most"), [
        ("vae-mnist", None, 0.12), ("ddpm-mnist", 10, 0.12)])
    def test_ready_models_find_their_own_samples(self, name: str, steps: int | None, most: float,
                                                 ) -> None:
        path = runs.find(name)
        how = {} if steps is None else {"nfe": steps}
        own = drawn(path, codes_in(path, 2), labels=(3, 7), **how)
        found = told(Encode(path, own, steps=steps, device="cpu"), Encoded)
        assert found.labels == (3, 7)
        assert max(found.errors) < most
        assert np.array_equal(drawn(path, found.codes, labels=found.labels, **how), found.images)

    def test_points_are_not_looked_for(self, run_of) -> None:
        with pytest.raises(UsageError, match="not looked for"):
            list(engine.run(Encode(run_of("gan-points"), np.zeros((1, 8, 8, 1), np.uint8))))


class TestDirections:
    def test_principal_components_are_those_of_the_singular_values(self) -> None:
        stream = np.random.RandomState(0)
        for shape in ((60, 9), (9, 60)):
            rows = stream.standard_normal(shape) @ np.diag(np.linspace(3.0, 0.5, shape[1]))
            mean, components, deviations = principal(rows)
            _, values, vectors = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
            count = len(deviations)
            assert mean == pytest.approx(rows.mean(0))
            assert deviations == pytest.approx(values[:count] / np.sqrt(len(rows) - 1))
            assert np.abs((components * vectors[:count]).sum(1)) == pytest.approx(1.0)

    def test_sefa_is_the_singular_vectors_of_the_first_weights(self, run_of) -> None:
        path = run_of("gan-dense")
        found = told(Directions(path, "sefa", count=6, device="cpu"), Directed)
        weights = Learner(made("gan-dense"), CPU)
        roused(weights)
        first = weights.ema.generator.layers[0].weight.double().numpy()
        _, values, vectors = np.linalg.svd(first, full_matrices=False)
        assert found.strengths == pytest.approx(values, rel=1e-5)
        assert np.abs((found.vectors * vectors).sum(1)) == pytest.approx(1.0, abs=1e-5)

    def test_pca_finds_along_what_the_features_vary(self) -> None:
        stream = np.random.RandomState(1)
        codes = stream.standard_normal((4000, 5))
        features = codes @ np.diag([1.0, 5.0, 0.5, 3.0, 0.1]) @ stream.standard_normal((5, 5)) * 0
        features[:, :2] = codes[:, [1, 3]] * [5.0, 3.0]
        vectors, strengths = regressed(codes, features, 2)
        assert np.abs(vectors[[0, 1], [1, 3]]) == pytest.approx(1.0, abs=2e-3)
        assert strengths == pytest.approx([5.0, 3.0], rel=0.05)

    @pytest.mark.parametrize("case", ["gan", "gan-residual", "gan-points", "stylegan", "vae",
                                      "vae-plain", "ddgan", "hybrid", "hybrid-truncated"])
    def test_every_space_has_the_directions_that_it_tells(self, case: str, run_of) -> None:
        path = run_of(case)
        settings = runs.read(path).config
        for space in settings.model.spaces(settings.shape):
            for kind in space.directions:
                found = told(Directions(path, kind, space.name, 3, 40, device="cpu"), Directed)
                assert found.vectors.shape[1] == space.dimensions
                assert np.linalg.norm(found.vectors, axis=1) == pytest.approx(1.0, abs=1e-4)
                assert list(found.strengths) == sorted(found.strengths, reverse=True)

    def test_they_are_kept_with_the_run_until_its_weights_change(self, tmp_path: Path) -> None:
        path = tmp_path / "kept"
        runs.create(path, made("gan-dense"))
        asked = Directions(path, "pca", samples=40, device="cpu")
        vectors = []
        for step in (1, 2):
            learner = Learner(made("gan-dense"), CPU)
            for _ in range(step):
                roused(learner)
            checkpoints.save(path, step, learner.tensors(), {}, keep=1)
            first, again = list(engine.run(asked)), list(engine.run(asked))
            assert any(isinstance(event, Progress) for event in first)
            assert not any(isinstance(event, Progress) for event in again)
            vectors.append(next(event.vectors for event in first if isinstance(event, Directed)))
            same = next(event.vectors for event in again if isinstance(event, Directed))
            assert np.array_equal(same, vectors[-1])
        assert not np.allclose(*vectors)
        kept = json.loads((path / "directions" / "z-pca.json").read_text())
        assert kept["kind"] == "pca"
        (path / "directions" / "z-pca.safetensors").write_bytes(b"broken")
        assert any(isinstance(event, Progress) for event in engine.run(asked))

    def test_those_of_a_ready_model_are_kept_in_the_cache(self) -> None:
        path = runs.find("vae-mnist")
        events = list(engine.run(Directions(path, "kl", samples=20, device="cpu")))
        found = next(event for event in events if isinstance(event, Directed))
        assert np.array_equal(np.sort(found.vectors.argmax(1)), np.unique(found.vectors.argmax(1)))
        assert (paths.cache() / "directions" / "vae-mnist" / "mu-kl.json").is_file()
        assert not (path / "directions").exists()
        assert any(isinstance(event, Notice) for event in events)  # by drawn pictures, without data

    def test_what_finds_none_is_refused(self, run_of) -> None:
        with pytest.raises(UsageError, match="finds no directions in x_T"):
            list(engine.run(Directions(run_of("ddpm"), "pca")))


class TestPathLength:
    def value(self, path: Path, on: torch.device = CPU) -> tuple[dict[str, Any], list[Any]]:
        work = pathlength.path_length(Score(path, count=70, device="cpu"), runs.read(path),
                                      pixels(on), on)
        return _ended(work)

    def test_it_is_the_mean_square_of_the_slope(self, run_of, monkeypatch) -> None:
        path = run_of("gan-dense")
        fine = self.value(path)[0]["ppl"]
        monkeypatch.setattr(pathlength, "EPSILON", 1e-3)
        coarse = self.value(path)[0]["ppl"]
        assert fine["low"] < fine["value"] < fine["high"]
        assert fine["value"] == pytest.approx(coarse["value"], rel=0.02)

    def test_without_a_space_it_is_told_why(self) -> None:
        found, events = self.value(runs.find("ncsn-mnist"))
        assert found == {}
        assert "fresh noise" in events[0].why


def _ended(work: Iterator[Any]) -> tuple[Any, list[Any]]:
    events = []
    while True:
        try:
            events.append(next(work))
        except StopIteration as end:
            return end.value, events
