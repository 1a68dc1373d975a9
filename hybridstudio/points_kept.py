"""Points and directions of a latent space that a user named: one file with the run.

What is kept of a model that ships lies beside the user's runs, as it is never written to.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hybridstudio import paths
from hybridstudio.errors import StudioError, UsageError, translate
from hybridstudio.messages import Codes, Images
from hybridstudio.pictures import complete

Kind = Literal["point", "direction"]
MAX_BYTES = 256_000_000
MAX_THINGS = 2000
MAX_NAME = 60  # letters


@dataclass(frozen=True)
class Kept:
    """A point, or a unit direction, of the space `space` under a name of the user's.

    `code` is float32 (D,), `picture` (H, W, C) what it looked like, `label` the class that it
    belongs to in a class-conditional model. Two are the same if they are called the same.
    """

    name: str
    space: str
    code: Codes = field(compare=False)
    kind: Kind = "point"
    label: int | None = field(default=None, compare=False)
    picture: Images | None = field(default=None, compare=False)


def file_of(run: Path) -> Path:
    """Return the file that holds what is kept of a run, whether it exists or not."""
    if run.resolve().is_relative_to(paths.checkpoints().resolve()):
        return paths.runs() / ".points" / f"{run.name}.npz"
    return run / "points.npz"


def read(run: Path, space: str = "", kind: Kind | None = None) -> tuple[Kept, ...]:
    """Return what is kept of a run, oldest first; of one space and kind where they are given.

    Raises StudioError where there is a file that cannot be read.
    """
    try:
        found = _read(file_of(run))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise StudioError(f"What was kept of {run.name} cannot be read", str(error),
                          f"move {file_of(run)} away to begin anew") from error
    return tuple(thing for thing in found if (not space or thing.space == space)
                 and (kind is None or thing.kind == kind))


def keep(run: Path, thing: Kept) -> None:
    """Keep a point or a direction; one of the same name, space and kind is replaced.

    Raises UsageError for a name that is none, StudioError where it cannot be written.
    """
    if not thing.name.strip() or len(thing.name) > MAX_NAME or not thing.name.isprintable():
        raise UsageError("A point needs a name", f"of 1 to {MAX_NAME} letters",
                         "give it a shorter name" if thing.name.strip() else "type one")
    others = [other for other in read(run) if other != thing]
    if len(others) >= MAX_THINGS:
        raise UsageError(f"{MAX_THINGS:,} points are kept of {run.name} already",
                         fix="remove some first")
    _write(file_of(run), [*others, thing])


def forget(run: Path, thing: Kept) -> None:
    """Keep a point or direction no longer; raises StudioError where it cannot be written."""
    _write(file_of(run), [other for other in read(run) if other != thing])


def free_name(run: Path, space: str, kind: Kind, stem: str) -> str:
    """Return `stem`, or `stem` with the first number that makes it a name of nothing yet."""
    stem = "".join(letter for letter in stem if letter.isprintable()).strip()[:MAX_NAME - 5]
    names = {thing.name for thing in read(run, space, kind)}
    stem, number = stem or kind, 2
    name = stem
    while name in names:
        name, number = f"{stem} {number}", number + 1
    return name


def named(run: Path, space: str, name: str) -> Kept:
    """Return the point of a space that is called `name`; raises UsageError with those there are."""
    points = read(run, space, "point")
    for point in points:
        if point.name == name:
            return point
    names = ", ".join(point.name for point in points)
    raise UsageError(f"No point of {run.name} is called {name}",
                     f"those kept in {space}: {names}" if names else f"none is kept in {space}",
                     "keep one on the page Latent, or give a seed")


def _read(path: Path) -> list[Kept]:
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path.name} is larger than {MAX_BYTES:,} bytes")
    found = []
    with np.load(path, allow_pickle=False) as archive:
        told = json.loads(archive["told"].tobytes())
        for place, each in enumerate(told[:MAX_THINGS]):
            code = np.asarray(archive[f"code{place}"], np.float32)
            if code.ndim != 1 or not np.isfinite(code).all():
                raise ValueError(f"the code of {each['name']} is no point")
            picture = archive.get(f"picture{place}")
            is_picture = picture is not None and picture.dtype == np.uint8 and picture.ndim == 3
            label = each.get("label")
            found.append(Kept(str(each["name"]), str(each["space"]), code,
                              "direction" if each.get("kind") == "direction" else "point",
                              label if type(label) is int else None,
                              picture if is_picture else None))
    return found


def _write(path: Path, things: list[Kept]) -> None:
    told = [{"name": thing.name, "space": thing.space, "kind": thing.kind, "label": thing.label}
            for thing in things]
    arrays: dict[str, Any] = {"told": np.frombuffer(json.dumps(told).encode(), np.uint8)}
    for place, thing in enumerate(things):
        arrays[f"code{place}"] = np.asarray(thing.code, np.float32)
        if thing.picture is not None:
            arrays[f"picture{place}"] = thing.picture
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)
    try:
        with complete(path, overwrite=True) as file:
            file.write(packed.getvalue())
    except OSError as error:
        raise translate(error) from error
