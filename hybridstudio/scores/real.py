"""What scores need of a data set, kept in the cache folder so that it is gathered once.

An entry is a file `scores/KEY.npz`. It depends on the pictures (by their fingerprint), the feature
network (by its hash) and the number of pictures compared; a damaged one is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hybridstudio import paths
from hybridstudio.scores.frechet import Moments
from hybridstudio.scores.measure import MEASURES
from hybridstudio.scores.sets import Sample

VERSION = 1  # of what is kept: entries of another one are not used
MAX_TOTAL = 2 << 30  # bytes in all; the entries used least recently go first


@dataclass(frozen=True)
class Real:
    """A data set's pictures, and by score its floor and its ceiling.

    The floor is what `held` of the data's own pictures get against all others, the ceiling what
    as many pictures of noise get.
    """

    sample: Sample
    held: int = 0
    floors: dict[str, float] = field(default_factory=dict)
    ceilings: dict[str, float] = field(default_factory=dict)


def anchored(sample: Sample, rest: Sample, held: Sample, noise: Sample) -> Real:
    """Return a data set's `sample` with the scores of pictures held out of it and of noise."""
    floors: dict[str, float] = {}
    ceilings: dict[str, float] = {}
    for measure in MEASURES.values():
        stream = np.random.default_rng(0)
        floors |= {name: one.value for name, one in measure(held, rest, stream, True).items()}
        ceilings |= {name: one.value for name, one in measure(noise, sample, stream, True).items()}
    return Real(sample, held.count, floors, ceilings)


# --- the cache ------------------------------------------------------------------------------------


def key(**parts: object) -> str:
    """Return the name of the entry that depends on these parts."""
    text = json.dumps({"version": VERSION, **parts}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def recall(entry: str) -> Real | None:
    """Return what is kept under a key, or None."""
    file = _folder() / f"{entry}.npz"
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as kept:
            found = {name: kept[name] for name in kept.files}
        about = json.loads(str(found["about"]))
        sample = Sample(int(about["count"]), Moments(found["mean"], found["covariance"]),
                        found["rows"], found.get("probabilities"), found.get("counts"))
        real = Real(sample, int(about["held"]), dict(about["floors"]), dict(about["ceilings"]))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
    with contextlib.suppress(OSError):
        os.utime(file)  # used just now, so pruned last
    return real


def keep(entry: str, real: Real) -> None:
    """Keep an entry; a failure only costs the time to gather it again."""
    sample = real.sample
    arrays: dict[str, Any] = {
        "mean": sample.moments.mean, "covariance": sample.moments.covariance,
        "rows": sample.rows, "probabilities": sample.probabilities, "counts": sample.counts,
        "about": np.array(json.dumps({
            "count": sample.count, "held": real.held, "floors": real.floors,
            "ceilings": real.ceilings}))}
    packed = io.BytesIO()
    np.savez(packed, **{name: array for name, array in arrays.items() if array is not None})
    with contextlib.suppress(OSError):
        _folder().mkdir(parents=True, exist_ok=True)
        part = _folder() / f".{entry}.{os.getpid()}"
        try:
            part.write_bytes(packed.getbuffer())
            os.replace(part, _folder() / f"{entry}.npz")
        finally:
            part.unlink(missing_ok=True)
        _prune()


def _folder() -> Path:
    return paths.cache() / "scores"


def _prune() -> None:
    """Remove what was used least recently beyond MAX_TOTAL."""
    files = [(file.stat(), file) for file in _folder().glob("*.npz")]
    total = 0
    for status, file in sorted(files, key=lambda item: -item[0].st_mtime):
        total += status.st_size
        if total > MAX_TOTAL:
            file.unlink(missing_ok=True)
