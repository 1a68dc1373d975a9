"""The trilemma as files: the drawing as SVG or PNG, its numbers as CSV."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice

from hybridstudio import standing
from hybridstudio.errors import UsageError
from hybridstudio.gui.plotfiles import picture
from hybridstudio.gui.trilemmacanvas import TrilemmaCanvas
from hybridstudio.pictures import complete
from hybridstudio.standing import records
from hybridstudio.standing.svg import SERIES


def write(path: Path, canvas: TrilemmaCanvas) -> None:
    """Write what a canvas shows, replacing what is there; raises OSError and UsageError."""
    kind, board, scene = path.suffix.lower(), canvas.board, canvas.scene()
    if board is None or scene is None:
        raise UsageError("There is nothing to export", "nothing was scored")
    if kind == ".csv":
        data = records.table(scene.dots).encode()
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
