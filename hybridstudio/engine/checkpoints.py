"""Checkpoints: saved so that a crash at any instant leaves the older ones whole, and verified.

A checkpoint is a folder `checkpoints/step-00000500/` with one safetensors file for each part of a
training (model, ema, optimiser, streams), `state.json` for plain numbers, and `manifest.json` with
the size and SHA-256 of each. It is written under a hidden name, forced to the disk with the
manifest last, renamed in one go, and only then are older ones removed.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hybridstudio.engine.tensorfile import Damaged, Entry, check_header, pack, unpack
from hybridstudio.errors import StudioError, translate
from hybridstudio.messages import Notice
from hybridstudio.runs import checkpoint_path, checkpoint_steps, holder
from hybridstudio.runs.disk import naming, sync_folder, write_durably
from hybridstudio.runs.folder import numbered

__all__ = ["Checkpoint", "Damaged", "DiskFull", "Entry", "TooNew", "available", "check_header",
           "load", "load_into", "newest", "save"]

SCHEMA_VERSION = 1
MAX_MANIFEST = 1_000_000  # bytes
_MARGIN = 1_000_000  # bytes for what is not tensors
_FILE = re.compile(r"[A-Za-z0-9_-]{1,100}\.(safetensors|json)")
_SHOWN = 5  # mismatching tensors named in an error


class DiskFull(StudioError):
    """A checkpoint does not fit on the disk: it `needs` so many bytes, the disk `has` so many."""

    def __init__(self, step: int, folder: Path, needs: int, has: int) -> None:
        super().__init__(
            f"The disk is too full to save the checkpoint of step {step:,}",
            f"it needs {_bytes(needs)}, {folder} has {_bytes(has)}",
            "free some space, then try again; older checkpoints are untouched")
        self.needs, self.has = needs, has


class TooNew(StudioError):
    """A checkpoint was written by a newer program, so it is neither read nor set aside."""


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint: tensors by part and name, and the plain state."""

    step: int
    path: Path
    tensors: dict[str, dict[str, Tensor]]
    state: dict[str, Any]


# --- saving ---------------------------------------------------------------------------------------


def save(run_path: Path, step: int, tensors: Mapping[str, Mapping[str, Tensor]],
         state: Mapping[str, Any], keep: int, pinned: Collection[int] = ()) -> Path:
    """Save a checkpoint, then remove all but the newest `keep` sound ones; returns its folder.

    `tensors` are the parts by file name and tensor name; steps in `pinned` are never removed. The
    caller holds the run's lock. Raises DiskFull, or StudioError naming file and cause; older
    checkpoints are whole then.
    """
    folder = run_path / "checkpoints"
    temporary = folder / f".tmp-{os.getpid()}-{step}"
    needs = _MARGIN + sum(tensor.numel() * tensor.element_size()
                          for part in tensors.values() for tensor in part.values())
    try:
        with naming(folder):
            if not run_path.is_dir():
                raise FileNotFoundError(errno.ENOENT, "the run's folder is gone", str(run_path))
            if not folder.is_dir():
                folder.mkdir()
                sync_folder(run_path)
            _clean(folder)
            if (has := shutil.disk_usage(folder).free) < needs:
                raise DiskFull(step, folder, needs, has)
            temporary.mkdir()
            files = {}
            for stem, part in tensors.items():
                files[f"{stem}.safetensors"] = _write(temporary / f"{stem}.safetensors", pack(part))
            if state:
                files["state.json"] = _write(temporary / "state.json", json.dumps(state).encode())
            manifest = {"schema_version": SCHEMA_VERSION, "step": step, "files": files}
            _write(temporary / "manifest.json", json.dumps(manifest, indent=1).encode())
            sync_folder(temporary)
            place = checkpoint_path(run_path, step)
            _put_in_place(temporary, place)
            sync_folder(folder)
    except OSError as error:
        with suppress(OSError):
            shutil.rmtree(temporary)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(step, folder, needs, _free(folder)) from error
        told = translate(error)
        raise StudioError(f"Could not save the checkpoint of step {step:,}",
                          f"{error.filename}: {told.why}", told.fix, told.detail) from error
    except BaseException:  # Ctrl-C, no memory, a full disk seen in time
        with suppress(OSError):
            shutil.rmtree(temporary)
        raise
    _prune(run_path, {step, *pinned}, keep)
    return place


def _write(path: Path, data: bytes) -> dict[str, Any]:
    write_durably(path, data)
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _put_in_place(temporary: Path, place: Path) -> None:
    """Rename a finished checkpoint to its name, past one of the same step that is there already."""
    replaced = place.with_name(f".old-{place.name}")
    if place.exists():
        os.rename(place, replaced)
    try:
        os.rename(temporary, place)
    except OSError:
        if replaced.exists():
            os.rename(replaced, place)
        raise
    with suppress(OSError):
        shutil.rmtree(replaced, ignore_errors=True)


def _prune(run_path: Path, kept: set[int], keep: int) -> None:
    """Remove older checkpoints; what cannot be removed now is left to the next save."""
    sound = [step for step in checkpoint_steps(run_path) if _seems_whole(run_path, step)]
    for step in set(sound[:-max(1, keep)]) - kept:
        place = checkpoint_path(run_path, step)
        trash = place.with_name(f".trash-{place.name}")
        with suppress(OSError):
            # Renamed first: killed half-way, it must not be taken for a checkpoint.
            os.rename(place, trash)
            shutil.rmtree(trash)


def _seems_whole(run_path: Path, step: int) -> bool:
    """Whether all files of a checkpoint are there in their full size; their bytes are not read."""
    try:
        _manifest(checkpoint_path(run_path, step), step)
    except (OSError, StudioError):
        return False
    return True


def _clean(folder: Path, spared: str = "") -> None:
    """Clear away what killed processes left behind, and bring back what they were replacing.

    Only while no other process saves here. Names that begin with `spared` stay.
    """
    with suppress(OSError):
        for entry in sorted(folder.iterdir()):
            if entry.name.startswith(".old-"):
                place = entry.with_name(entry.name.removeprefix(".old-"))
                if not place.exists():
                    os.rename(entry, place)
                    continue
            elif not entry.name.startswith((".tmp-", ".trash-")):
                continue
            if not (spared and entry.name.startswith(spared)):
                shutil.rmtree(entry, ignore_errors=True)


# --- loading --------------------------------------------------------------------------------------


def available(run_path: Path) -> list[int]:
    """Return the steps of the finished checkpoints of a run, growing; unverified so far."""
    return checkpoint_steps(run_path)


def load(run_path: Path, step: int, stems: Collection[str] | None = None,
         device: str | torch.device = "cpu") -> Checkpoint:
    """Load one checkpoint, or only some parts of it, verified byte by byte.

    Raises Damaged when anything differs from its manifest, TooNew, or StudioError when it cannot be
    read or lacks a part that was asked for.
    """
    place = checkpoint_path(run_path, step)
    if not place.is_dir():
        raise StudioError(f"There is no checkpoint of step {step:,}", f"{place} does not exist",
                          f"there are: {', '.join(map(str, available(run_path))) or 'none'}")
    try:
        files = _manifest(place, step)
        parts = [name.removesuffix(".safetensors") for name in files
                 if name.endswith(".safetensors")]
        missing = sorted(set(stems or ()) - set(parts))
        if missing:
            raise StudioError(f"The checkpoint of step {step:,} has no {missing[0]}",
                              f"it holds {', '.join(parts)}",
                              "a model that ships can be drawn from, but not trained further"
                              if parts == ["ema"] else "use another checkpoint")
        tensors = {}
        for stem in parts if stems is None else stems:
            file = place / f"{stem}.safetensors"
            found = unpack(_verified(file, files[file.name]), file)
            tensors[stem] = {name: tensor.to(device) for name, tensor in found.items()}
        state = {}
        if "state.json" in files:
            state = _json(place / "state.json", _verified(place / "state.json",
                                                          files["state.json"]))
    except OSError as error:
        raise translate(error) from error
    return Checkpoint(step, place, tensors, state)


def newest(run_path: Path, stems: Collection[str] | None = None,
           device: str | torch.device = "cpu") -> Generator[Notice, None, Checkpoint | None]:
    """Load the newest sound checkpoint; the generator's return value, None where there is none.

    Damaged ones are moved to the run's quarantine/ where that can be written, never deleted, and
    told as a Notice. Raises TooNew rather than fall back behind a newer program's checkpoint.
    """
    trainer = holder(run_path)
    if trainer is None or trainer.is_us:
        # A thread of ours may be saving just now.
        _clean(run_path / "checkpoints", spared=f".tmp-{os.getpid()}-")
    for step, place in reversed(numbered(run_path / "checkpoints")):
        try:
            return _patiently(run_path, step, stems, device)
        except TooNew:
            raise
        except StudioError as error:
            if not place.exists():
                continue  # removed by a training meanwhile: there are newer ones
            moved = isinstance(error, Damaged) and _set_aside(run_path, place)
            yield Notice(
                f"The checkpoint of step {step:,} cannot be used", f"{error.what}: {error.why}",
                "the one before it is used" + (f"; this one lies in {moved}" if moved else ""),
                "warning", step)
    return None


def _patiently(run_path: Path, step: int, stems: Collection[str] | None,
               device: str | torch.device) -> Checkpoint:
    """Load a checkpoint, twice if need be: a training may have been replacing it meanwhile."""
    try:
        return load(run_path, step, stems, device)
    except Damaged:
        return load(run_path, step, stems, device)


def _set_aside(run_path: Path, place: Path) -> Path | None:
    """Move a damaged checkpoint into quarantine/; None where the folder cannot be written."""
    number = 1
    aside = run_path / "quarantine" / place.name
    while os.path.lexists(aside):
        number += 1
        aside = run_path / "quarantine" / f"{place.name}-{number}"
    try:
        aside.parent.mkdir(exist_ok=True)
        os.rename(place, aside)
    except OSError:
        return None
    return aside


def _manifest(place: Path, step: int) -> dict[str, dict[str, Any]]:
    """Return the files of a checkpoint, all there in their full size; raises Damaged, TooNew."""
    file = place / "manifest.json"
    if not file.is_file():
        raise _damaged(place, "it has no manifest, so it was never finished")
    with file.open("rb") as opened:
        manifest = _json(file, opened.read(MAX_MANIFEST))
    version = manifest.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise TooNew(f"The checkpoint {place.name} was written by a newer HybridStudio",
                     f"it has layout {version}, this program knows up to {SCHEMA_VERSION}",
                     f"update HybridStudio to one that knows layout {version}")
    files = manifest.get("files")
    if manifest.get("step") != step or not isinstance(files, dict) or not files:
        raise _damaged(place, f"its manifest is not that of step {step:,}")
    for name, told in files.items():
        if not (_FILE.fullmatch(name) and isinstance(told, dict)
                and isinstance(told.get("size"), int) and isinstance(told.get("sha256"), str)):
            raise _damaged(place, "its manifest is garbled")
        file = place / name
        if not file.is_file():
            raise _damaged(place, f"{name} is missing")
        if file.stat().st_size != told["size"]:
            raise _damaged(place, f"{name} has {file.stat().st_size:,} bytes instead of "
                                  f"{told['size']:,}")
    return files


def _verified(file: Path, told: Mapping[str, Any]) -> bytes:
    """Read a file and compare its hash with the manifest's; raises Damaged."""
    data = file.read_bytes()
    if hashlib.sha256(data).hexdigest() != told["sha256"]:
        raise _damaged(file.parent, f"the bytes of {file.name} have changed since it was saved")
    return data


def _json(file: Path, data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _damaged(file.parent, f"{file.name} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise _damaged(file.parent, f"{file.name} does not hold what it should")
    return found


def load_into(expected: nn.Module | Mapping[str, Tensor], tensors: Mapping[str, Tensor],
              what: str) -> None:
    """Copy tensors into a module's, or into a dict of tensors, in place; names and shapes must fit.

    `what` names the receiver in the error. Raises StudioError naming the first mismatching tensors
    with their shapes; nothing is copied then.
    """
    inside = expected.state_dict() if isinstance(expected, nn.Module) else expected
    faults = [f"{name} is missing; {what} has it as {_shape(tensor)}"
              for name, tensor in inside.items() if name not in tensors]
    faults += [f"{name} {_shape(tensor)} is not part of {what}"
               for name, tensor in tensors.items() if name not in inside]
    faults += [f"{name} is {_shape(tensors[name])}; {what} has {_shape(tensor)}"
               for name, tensor in inside.items() if name in tensors and (
                   tensor.shape != tensors[name].shape
                   or tensor.is_floating_point() != tensors[name].is_floating_point())]
    if faults:
        more = [f"and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
        raise StudioError(f"The saved weights do not fit {what}",
                          "\n".join(faults[:_SHOWN] + more),
                          "open them with the config that they were trained with")
    with torch.no_grad():
        for name, tensor in inside.items():
            tensor.copy_(tensors[name])


def _shape(tensor: Tensor) -> str:
    kind = str(tensor.dtype).removeprefix("torch.")
    return f"({', '.join(map(str, tensor.shape))}) {kind}"


def _damaged(place: Path, why: str) -> Damaged:
    return Damaged(f"The checkpoint {place.name} is damaged", why, "use an older one", str(place))


def _free(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


def _bytes(count: int) -> str:
    return f"{count / 1e9:,.2f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"
