"""The trilemma as files: the drawing as SVG or PNG, its numbers as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice

from hybridstudio import standing
from hybridstudio.errors import UsageError
from hybridstudio.gui.plotfiles import picture
from hybridstudio.gui.trilemmacanvas import TrilemmaCanvas
from hybridstudio.pictures import complete
from hybridstudio.standing import FIGURES, Dot
from hybridstudio.standing.svg import SERIES


def write(path: Path, canvas: TrilemmaCanvas) -> None:
    """Write what a canvas shows, replacing what is there; raises OSError and UsageError."""
    kind, board, scene = path.suffix.lower(), canvas.board, canvas.scene()
    if board is None or scene is None:
        raise UsageError("There is nothing to export", "nothing was scored")
    if kind == ".csv":
        data = numbers(scene.dots).encode()
    elif kind == ".svg":
        inks = standing.colours(scene.dots)
        page = standing.Scene(
            scene.dots, lambda dot: inks.get(dot.way.run, SERIES[-1]), scene.cost, scene.overlay)
        data = standing.sheet(page, board.told(), canvas.notes()).encode()
    else:
        buffer = QBuffer()
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        picture(canvas).save(buffer, "PNG")
        data = bytes(buffer.data().data())
    with complete(path, overwrite=True) as file:
        file.write(data)


def numbers(dots: Sequence[Dot]) -> str:
    """Return dots as a table, one a line, with all that each carries."""
    text = io.StringIO()
    table = csv.writer(text)
    ends = ("value", "low", "high", "floor", "ceiling")
    table.writerow(["run", "family", "sampler", "nfe", "eta", "guidance", "knobs", "step",
                    "weights", "data", "split", "features", "sha256", "n", "ms_per_image",
                    "machine", "when", "source",
                    *(f"{name}_{end}" for name in FIGURES for end in ends)])
    for dot in dots:
        way, ground = dot.way, dot.ground
        figures = [getattr(dot.figures.get(name), end, None) for name in FIGURES for end in ends]
        table.writerow([
            dot.name, dot.family, way.sampler, way.nfe, way.eta, way.guidance,
            " ".join(f"{name}={value:g}" for name, value in way.knobs), way.step, way.weights,
            ground.data, ground.split, ground.features, ground.sha256, ground.n, dot.ms,
            dot.machine.told() if dot.machine else "", dot.when, dot.source, *figures])
    return text.getvalue()
