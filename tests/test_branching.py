"""Branches: a drawing that goes another way from one of its frames on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_families import CPU, SMALL, made, plan

from hybridstudio import engine, runs
from hybridstudio.config import MODELS
from hybridstudio.diffusion.noise import streams
from hybridstudio.diffusion.samplers import Moment
from hybridstudio.engine import branching, checkpoints
from hybridstudio.engine.learner import Learner
from hybridstudio.errors import UsageError
from hybridstudio.families import FAMILIES, DrawPlan, Family
from hybridstudio.families.contract import Start
from hybridstudio.messages import Branch, Done, Draw, Frame, Notice, Progress

STEPWISE = [name for name, model in MODELS.items()
            if name in FAMILIES and model.samplers and made(name).model.levels]
HYBRIDS: dict[str, dict[str, Any]] = {
    "hybrid-separate": {"mode": "separate", "diffusion_share": 0.5},
    "hybrid-truncated": {"mode": "truncated", "diffusion_share": 0.5, "diffusion": {
        **SMALL["hybrid"]["diffusion"], "predict": "v"}},
}


def built(name: str) -> tuple[Family, DrawPlan]:
    family = name.partition("-")[0]
    config = made(family, **HYBRIDS.get(name, {}))
    learner = roused(Learner(config, CPU))
    nfe = 13 if family == "ncsn" else 6
    return learner.ema.eval(), plan(sampler=config.model.samplers[0], nfe=nfe, eta=1.0)


def roused(learner: Learner) -> Learner:
    """Let networks say something: their last layers begin with zeros."""
    stream = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in learner.ema.parameters():
            weight += 0.1 * torch.randn(weight.shape, generator=stream)
    return learner


def rows(seed: int = 0) -> list[torch.Generator]:
    return streams(torch.Generator().manual_seed(seed), 3)


def walked(family: Family, asked: DrawPlan) -> Iterator[tuple[Moment, list[torch.Tensor]]]:
    """Yield each moment with the noise that is still to come."""
    noise = rows()
    for moment in family.draw(asked, noise):
        yield moment, [row.get_state() for row in noise]


def restored(states: list[torch.Tensor]) -> list[torch.Generator]:
    noise = [torch.Generator() for _ in states]
    for row, state in zip(noise, states, strict=True):
        row.set_state(state)
    return noise


# --- the contract: every family that draws in steps starts where it was left ----------------------


@pytest.mark.parametrize("name", [*STEPWISE, *HYBRIDS])
def test_what_was_left_goes_on_bit_for_bit_from_every_frame(name: str) -> None:
    family, asked = built(name)
    whole = list(walked(family, asked))
    assert len(whole) > 3
    for at, (left, states) in enumerate(whole[:-1]):
        going = replace(asked, start=Start(left, restored(states), None, at))
        rest = list(family.draw(going, rows()))
        assert [moment.step for moment in rest] == list(range(len(whole) - at))
        assert [moment.t for moment in rest] == [moment.t for moment, _ in whole[at:]]
        for moment, (was, _) in zip(rest, whole[at:], strict=True):
            # Langevin's x is told in other units, which costs a bit.
            assert torch.allclose(moment.x_t, was.x_t, rtol=0, atol=1e-5 * (name == "ncsn"))


@pytest.mark.parametrize("name", [*STEPWISE, *HYBRIDS])
def test_fewer_levels_are_taken_from_where_it_was_left(name: str) -> None:
    family, asked = built(name)
    whole = list(walked(family, asked))
    left, states = whole[1]
    going = replace(asked, nfe=3, start=Start(left, restored(states), left.t, 0))
    rest = list(family.draw(going, rows()))
    assert torch.allclose(rest[0].x_t, left.x_t, atol=1e-5)
    assert rest[0].t == left.t
    assert rest[-1].t == 0
    assert torch.isfinite(rest[-1].x_t).all()
    if name != "ddgan":  # which has its own number of steps
        assert len(rest) < len(whole) - 1


# --- the engine -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_run(tmp_path_factory.mktemp("runs") / "branched", labels=True)


def a_run(path: Path, family: str = "ddpm", **model: Any) -> Path:
    config = made(family, **model)
    runs.create(path, config)
    learner = roused(Learner(config, CPU))
    checkpoints.save(path, 1, learner.tensors(), {}, keep=1)
    return path


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    branching._trails.clear()
    yield
    branching._trails.clear()


def drawn(run: Path, *branches: Branch, **how: Any) -> list[Frame]:
    request = Draw(run, 2, **{"nfe": 6, "branches": branches, **how})
    return [event for event in engine.run(request) if isinstance(event, Frame)]


def same(one: Frame, other: Frame) -> bool:
    return one.t == other.t and all(
        np.array_equal(getattr(one, row), getattr(other, row)) for row in ("x_t", "x0", "eps")
        if getattr(one, row) is not None)


SAMPLERS = MODELS["ddpm"].samplers


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_branch_with_the_same_settings_is_its_parent(run: Path, sampler: str) -> None:
    how = {"sampler": sampler, "seed": 3, "eta": 0.5, "label": 1, "guidance": 2.0}
    parent = drawn(run, **how)
    for kept in (True, False):
        if not kept:
            branching._trails.clear()
        branch = drawn(run, Branch(2, 3, sampler, None, 0.5, 2.0, 1), **how)
        assert all(map(same, parent, branch))
        assert [(f.step, f.steps, f.nfe) for f in branch] == [
            (f.step, f.steps, f.nfe) for f in parent]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("other", SAMPLERS)
def test_any_sampler_goes_on_from_any_other(run: Path, sampler: str, other: str) -> None:
    parent = drawn(run, sampler=sampler, nfe=9)
    branch = drawn(run, Branch(3, sampler=other, nfe=5), sampler=sampler, nfe=9)
    assert all(map(same, parent[:3], branch[:3]))
    assert branch[3].t == parent[3].t
    assert np.array_equal(branch[3].x_t, parent[3].x_t)
    assert branch[-1].t == 0
    assert [frame.step for frame in branch] == list(range(branch[-1].steps + 1))
    assert branch[-1].nfe == parent[3].nfe - 1 + 5


def test_each_setting_leads_elsewhere_from_the_same_frame(run: Path) -> None:
    how = {"sampler": "ancestral", "label": 0}
    parent = drawn(run, **how)
    for branch in (Branch(3, seed=9), Branch(3, sampler="ddim"), Branch(3, nfe=2),
                   Branch(3, label=2), Branch(3, guidance=5.0)):
        other = drawn(run, branch, **how)
        assert all(map(same, parent[:3], other[:3]))
        assert np.array_equal(parent[3].x_t, other[3].x_t)
        assert not np.array_equal(parent[-1].x_t, other[-1].x_t)
    other = drawn(run, Branch(3, eta=1.0), sampler="ddim")
    assert not np.array_equal(other[-1].x_t, drawn(run, sampler="ddim")[-1].x_t)


def test_branches_follow_one_another(run: Path) -> None:
    first, second = Branch(2, label=1), Branch(4, sampler="dpm++2m", nfe=3)
    one, both = drawn(run, first), drawn(run, first, second)
    assert all(map(same, one[:4], both[:4]))
    assert np.array_equal(one[4].x_t, both[4].x_t)
    assert both[-1].steps == 7


def test_what_is_kept_is_not_drawn_again_and_is_the_same(
        run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    branches = Branch(2, seed=5), Branch(4, label=1)
    fresh = drawn(run, *branches, sampler="ancestral")
    assert len(branching._trails) == 1
    branching._trails.clear()
    drawn(run, sampler="ancestral")
    drawn(run, branches[0], sampler="ancestral")
    begun: list[int] = []
    forward = Learner(made(), CPU).family.unet.__class__.forward
    monkeypatch.setattr("hybridstudio.nets.unet.UNet.forward", lambda self, *args: (
        begun.append(1), forward(self, *args))[1])
    again = drawn(run, *branches, sampler="ancestral")
    assert all(map(same, fresh, again))
    assert len(begun) == 2


def test_what_is_kept_has_a_limit(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn(run)
    size = branching._trails[0].size()
    monkeypatch.setattr(branching, "KEPT_BYTES", 2 * size + 10)
    for seed in (1, 2, 3):
        drawn(run, seed=seed)
    assert [trail.asked.seed for trail in branching._trails] == [2, 3]
    monkeypatch.setattr(branching, "KEPT_BYTES", size // 2)
    drawn(run, seed=4)
    assert branching._trails == []


def test_a_batch_later_branches_as_the_same_pictures(run: Path) -> None:
    branch = Branch(2, seed=8)
    many = [event for event in engine.run(Draw(
        run, 4, "ancestral", 5, batch=2, branches=(branch,), frames=False))]
    alone = [event for event in engine.run(Draw(
        run, 4, "ancestral", 5, branches=(branch,), frames=False))]
    assert isinstance(many[-1], Done)
    assert isinstance(alone[-1], Done)
    assert np.array_equal(many[-1].images, alone[-1].images)
    assert sum(isinstance(event, Progress) for event in many) == 12


def test_a_seed_that_changes_nothing_is_told(run: Path) -> None:
    told = [event for event in engine.run(Draw(run, 2, "ddim", 5, branches=(Branch(1, seed=4),)))
            if isinstance(event, Notice)]
    assert "changes nothing" in told[0].what
    parent, branch = drawn(run, sampler="unipc"), drawn(run, Branch(3, seed=4), sampler="unipc")
    assert all(map(same, parent, branch))


@pytest.mark.parametrize(("branch", "words"), [
    (Branch(-1), "no frame before"), (Branch(1, sampler="langevin"), "does not draw with"),
    (Branch(1, nfe=0), "nfe should be"), (Branch(1, eta=2.0), "eta should be"),
    (Branch(1, label=7), "no class 7"), (Branch(6), "no frame 6"), (Branch(99), "frames 0 to 5"),
])
def test_what_cannot_be_meant_is_refused(run: Path, branch: Branch, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        drawn(run, branch)
    assert words in f"{caught.value.what} {caught.value.why}"


def test_branches_out_of_order_and_models_of_one_pass_are_refused(
        run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="branches"):
        drawn(run, Branch(3), Branch(3))
    gan = a_run(tmp_path / "gan", "gan")
    with pytest.raises(UsageError) as caught:
        drawn(gan, Branch(0, seed=1), nfe=None)
    assert "one pass" in caught.value.why
    ddgan = a_run(tmp_path / "ddgan", "ddgan")
    with pytest.raises(UsageError) as caught:
        drawn(ddgan, Branch(1, nfe=3), nfe=None)
    assert "always takes" in caught.value.why


@pytest.mark.parametrize("family", ["ddgan", "ncsn", "hybrid"])
def test_other_families_branch_too(tmp_path: Path, family: str) -> None:
    path = a_run(tmp_path / family, family)
    nfe = None if family == "ddgan" else 9
    parent, branch = drawn(path, nfe=nfe), drawn(path, Branch(1, seed=7), nfe=nfe)
    assert same(parent[0], branch[0])
    assert np.array_equal(parent[1].x_t, branch[1].x_t)
    assert not np.array_equal(parent[-1].x_t, branch[-1].x_t)
    assert all(map(same, parent, drawn(path, Branch(1, seed=0), nfe=nfe)))
