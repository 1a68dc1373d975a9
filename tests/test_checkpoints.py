"""Checkpoints: what is saved comes back, which are kept, weights that do not fit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from savedruns import assert_holds, opened, parts, saved, strays
from torch import nn

from hybridstudio.engine.checkpoints import available, load, load_into, save
from hybridstudio.errors import StudioError
from hybridstudio.runs import checkpoint_path

pytestmark = pytest.mark.usefixtures("quick_disk")

# --- saving and loading ---------------------------------------------------------------------------


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    tensors = {"model": {
        "bf16": torch.randn(4, 3).bfloat16(), "f32": torch.randn(2, 3, 8, 8),
        "last": torch.randn(2, 3, 8, 8).contiguous(memory_format=torch.channels_last),
        "f64": torch.randn(2, dtype=torch.float64), "i64": torch.tensor([2**62, -1]),
        "u8": torch.arange(255, dtype=torch.uint8), "bool": torch.tensor([True, False]),
        "f16": torch.ones(3).half(), "scalar": torch.tensor(3.5), "empty": torch.zeros(0, 4),
        "strided": torch.arange(12).reshape(3, 4).T, "nan": torch.tensor([float("nan")])}}
    state = {"seconds": 1.5, "place": 3, "meters": {"loss": [float("inf"), 1]}, "big": 2**70}
    path = save(tmp_path, 500, tensors, state, 3)
    assert path == tmp_path / "checkpoints" / "step-00000500"
    kept = load(tmp_path, 500)
    assert kept.state == state
    for name, tensor in tensors["model"].items():
        found = kept.tensors["model"][name]
        assert found.dtype == tensor.dtype
        assert torch.equal(found.nan_to_num(), tensor.nan_to_num())
    assert torch.isnan(kept.tensors["model"]["nan"]).all()


def test_all_is_on_the_disk_before_it_gets_its_name(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path, 1)
    told: list[str] = []
    names: dict[int, str] = {}
    opening, renaming = os.open, os.rename

    def named(path: Any, *args: Any, **options: Any) -> int:
        descriptor = opening(path, *args, **options)
        names[descriptor] = Path(path).name
        return descriptor

    monkeypatch.setattr(os, "open", named)
    monkeypatch.setattr(os, "fsync", lambda descriptor: told.append(names[descriptor]))
    monkeypatch.setattr(os, "rename", lambda old, new: (
        told.append(f"rename to {Path(new).name}"), renaming(old, new)))
    saved(tmp_path, 2, keep=1)
    assert told == ["model.safetensors", "ema.safetensors", "streams.safetensors", "state.json",
                    "manifest.json", f".tmp-{os.getpid()}-2", "rename to step-00000002",
                    "checkpoints", "rename to .trash-step-00000001"]


def test_loaded_tensors_can_be_changed_without_changing_the_file(tmp_path: Path) -> None:
    saved(tmp_path, 1)
    load(tmp_path, 1).tensors["model"]["w"].mul_(2)
    assert_holds(load(tmp_path, 1), 1)


def test_tensors_that_share_memory_are_saved_each(tmp_path: Path) -> None:
    whole = torch.arange(10.0)
    save(tmp_path, 1, {"model": {"a": whole, "b": whole, "c": whole[3:5]}}, {}, 1)
    found = load(tmp_path, 1).tensors["model"]
    assert torch.equal(found["b"], whole)
    assert torch.equal(found["c"], whole[3:5])


def test_only_the_parts_asked_for_are_read(tmp_path: Path) -> None:
    saved(tmp_path, 1)
    (checkpoint_path(tmp_path, 1) / "model.safetensors").write_bytes(
        bytes((checkpoint_path(tmp_path, 1) / "model.safetensors").stat().st_size))
    assert load(tmp_path, 1, ("ema",)).tensors.keys() == {"ema"}
    with pytest.raises(StudioError, match="has no critic"):
        load(tmp_path, 1, ("critic",))


def test_a_shipped_checkpoint_holds_ema_alone(tmp_path: Path) -> None:
    place = save(tmp_path, 7, {"ema": parts()["ema"]}, {}, 1)
    assert {file.name for file in place.iterdir()} == {"ema.safetensors", "manifest.json"}
    kept, notices = opened(tmp_path)
    assert kept is not None
    assert not notices
    assert kept.state == {}
    with pytest.raises(StudioError, match="not trained further"):
        load(tmp_path, 7, ("model",))


def test_the_newest_are_kept_and_the_pinned(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4, 5):
        save(tmp_path, step, parts(step), {"seconds": step / 10}, 2, pinned={1})
    assert available(tmp_path) == [1, 4, 5]
    assert not strays(tmp_path)


def test_only_sound_ones_count_as_kept(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2, 3)
    (checkpoint_path(tmp_path, 3) / "ema.safetensors").write_bytes(b"")
    (checkpoint_path(tmp_path, 2) / "manifest.json").unlink()
    saved(tmp_path, 4, keep=2)
    assert 1 in available(tmp_path)


def test_a_step_is_saved_again_after_rolling_back(tmp_path: Path) -> None:
    saved(tmp_path, 1, 2, 3)
    save(tmp_path, 2, parts(2), {"seconds": 0.2}, 1)
    assert_holds(load(tmp_path, 2), 2)
    assert available(tmp_path) == [2, 3]
    assert not strays(tmp_path)


def test_nothing_to_load(tmp_path: Path) -> None:
    assert available(tmp_path) == []
    assert opened(tmp_path) == (None, [])
    with pytest.raises(StudioError, match="no checkpoint of step 3"):
        load(tmp_path, 3)


# --- putting weights into a module ----------------------------------------------------------------


def test_weights_go_into_a_module() -> None:
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    wanted = {name: torch.full_like(tensor, 2) for name, tensor in module.state_dict().items()}
    load_into(module, wanted, "the model")
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in module.state_dict().items())


def test_weights_of_another_network_are_refused() -> None:
    module = nn.Linear(3, 4)
    with pytest.raises(StudioError, match="do not fit the model") as told:
        load_into(module, {"weight": torch.ones(5, 3), "scale": torch.ones(2)}, "the model")
    assert told.value.why.splitlines() == [
        "bias is missing; the model has it as (4) float32",
        "scale (2) float32 is not part of the model",
        "weight is (5, 3) float32; the model has (4, 3) float32"]


def test_only_the_first_mismatches_are_named_and_nothing_is_copied() -> None:
    inside = {f"layer {number}": torch.zeros(2) for number in range(20)}
    saved = {name: torch.ones(3) for name in inside} | {"layer 0": torch.ones(2)}
    with pytest.raises(StudioError) as told:
        load_into(inside, saved, "the optimiser")
    assert len(told.value.why.splitlines()) == 6
    assert "and 14 more" in told.value.why
    assert inside["layer 0"].sum() == 0


def test_numbers_of_another_kind_are_refused() -> None:
    with pytest.raises(StudioError, match="int64"):
        load_into({"a": torch.zeros(1)}, {"a": torch.zeros(1, dtype=torch.int64)}, "the model")
