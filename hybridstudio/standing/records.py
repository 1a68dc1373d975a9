"""Scores of one run or file as a list: every one, what to mind about it, how it is made again."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hybridstudio import runs
from hybridstudio.messages import Repeat
from hybridstudio.standing.dots import FIGURES, MAKER, Dot, dot_of, figure_told, name_of
from hybridstudio.telling import number

ENDS = ("value", "low", "high", "floor", "ceiling")


def of_file(source: Path) -> list[Dot]:
    """Return the scores of a folder, an archive or an array, oldest first."""
    wanted = str(source)
    found = (dot_of(record) for record in runs.loose_scores() if record.get("source") == wanted)
    return [dot for dot in found if dot is not None]


def files() -> list[Path]:
    """Return the files and folders that were scored, the newest first."""
    told = [str(record.get("source", "")) for record in runs.loose_scores()]
    return [Path(source) for source in dict.fromkeys(reversed(told)) if source]


def remarks(dot: Dot) -> list[str]:
    """Tell what keeps a score from being taken at its word."""
    record, told = dot.record, []
    width, n = record.get("features", {}).get("width"), dot.ground.n
    if isinstance(width, int) and n <= width:
        told.append(f"N = {n:,} is small for {width:,} features: the distance is too large, and "
                    "compares only with others of this N.")
    held = record.get("floor_n")
    if isinstance(held, int) and held < n:
        told.append(f"The floor comes from {held:,} real pictures, not {n:,}.")
    if dot.distance is not None and dot.distance_name != "FID":
        told.append(f"Measured in features of {dot.ground.features}: no FID, which is Inception's.")
    if record.get("live"):
        told.append("Measured while it trained.")
    if dot.machine is not None and dot.machine.by == MAKER:
        told.append("Measured by who ships this model; its time is of their machine.")
    return told


def repeat(dot: Dot) -> Repeat:
    """Return the request that makes a number again, of what was scored where it lies now."""
    record = dict(dot.record)
    asked = dict(record.get("request") or {})
    root = asked.get("data_root")
    if root is not None and not Path(root).is_dir():
        asked["data_root"] = None  # where the data lay for who measured it
    return Repeat(dot.way.run, {**record, "request": asked})


def outcome(told: Mapping[str, Any]) -> tuple[str, str]:
    """Tell what came of repeating a number: what, and why."""
    words = {"same": "The number came out the same, to the last digit",
             "within": "The number came out within its interval",
             "differs": "The number did not come out again"}
    moved = [f"{name_of(name)} {number(score['before'])} → {number(score['now'])}"
             for name, score in told.get("scores", {}).items()
             if score.get("outcome") != "same" and _is_number(score.get("before"))
             and _is_number(score.get("now"))]
    changed = [f"{one['what']} ({one['before']} → {one['now']})"
               for one in told.get("differences", ())]
    why = ". ".join(part for part in (
        ", ".join(moved), "Different: " + ", ".join(changed) if changed else "") if part)
    return words.get(str(told.get("outcome")), "The number was made again"), why


def table(dots: Sequence[Dot]) -> str:
    """Return scores as CSV, one a line, with all that each carries."""
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(["run", "family", "sampler", "nfe", "eta", "guidance", "knobs", "step",
                    "weights", "data", "split", "features", "sha256", "n", "ms_per_image",
                    "machine", "when", "source", *(f"{name}_{end}" for name in FIGURES
                                                   for end in ENDS), "command"])
    for dot in dots:
        way, ground = dot.way, dot.ground
        figures = [getattr(dot.figures.get(name), end, None) for name in FIGURES for end in ENDS]
        lines.writerow([
            dot.name, dot.family, way.sampler, way.nfe or None, way.eta, way.guidance,
            " ".join(f"{name}={value:g}" for name, value in way.knobs), way.step, way.weights,
            ground.data, ground.split, ground.features, ground.sha256, ground.n, dot.ms,
            dot.machine.told() if dot.machine else "", dot.when, dot.source, *figures,
            dot.record.get("command", "")])
    return text.getvalue()


def cells(dot: Dot) -> list[str]:
    """Return a score as the cells of a line: when, how, N, features, part, figures, time."""
    figures = [figure_told(figure).partition(", real")[0] if figure is not None else ""
               for figure in (dot.figures.get(name) for name in FIGURES)]
    features = f"{dot.ground.features} {dot.ground.sha256[:6]}"
    return [dot.when.replace("T", " ")[:16], dot.way.told() if dot.way.nfe else "from files",
            f"{dot.ground.n:,}", features, f"{dot.ground.data}, {dot.ground.split}", *figures,
            "" if dot.ms is None else number(dot.ms)]


HEADS = ("when", "drawn with", "N", "features", "data", "distance", "kernel distance",
         "Inception score", "precision", "recall", "density", "coverage", "ms per picture")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float))
