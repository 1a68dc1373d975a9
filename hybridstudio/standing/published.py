"""Published results, each with its source: measured elsewhere, and marked so wherever they show."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from hybridstudio import paths
from hybridstudio.standing.boards import Board
from hybridstudio.standing.dots import Dot, Figure, Ground, Machine, Way

FILE = "published.toml"
INCEPTION = "inception"


@lru_cache(maxsize=1)
def published() -> tuple[Board, ...]:
    """Return the published results as boards, one for each table that was measured alike."""
    text = (paths.resources() / FILE).read_text(encoding="utf-8")
    return tuple(_board(table) for table in tomllib.loads(text)["table"])


def over(board: Board, size: int | None) -> list[Dot]:
    """Return the published dots that may lie over a board: FID with Inception of the same data."""
    if board.ground.features != INCEPTION:
        return []
    return [dot for other in published() for dot in other.dots
            if (dot.ground.data, dot.size) == (board.ground.data, size)]


def why_none(board: Board) -> str:
    """Tell why no published result can lie over a board, and where they can be seen."""
    data = sorted({other.ground.data for other in published()})
    if board.ground.features != INCEPTION:
        return (f"Published results are FID, in Inception's features; these are distances in "
                f"{board.ground.features}'s and no number of the one can stand beside the other. "
                "Choose a published table above to see it by itself.")
    return f"Published results are of {', '.join(data)}, not of {board.ground.data}."


def _board(table: dict[str, Any]) -> Board:
    machine = Machine(table["machine"], "", 0, "", 0, table["source"]) if (
        "machine" in table) else None
    ground = Ground(table["data"], table["title"], "", INCEPTION, "", int(table.get("n", 0)))
    dots = tuple(dot for row in table["row"] for dot in _dots(row, table, ground, machine))
    return Board(ground, dots, title=f"Published: {table['title']}")


def _dots(row: dict[str, Any], table: dict[str, Any], ground: Ground,
          machine: Machine | None) -> Iterator[Dot]:
    """Yield a row's dots: `fid` and `nfe` may be lists, which are then one curve."""
    fids, counts = row["fid"], row["nfe"]
    if not isinstance(fids, list):
        fids, counts = [fids], [counts]
    for fid, nfe in zip(fids, counts, strict=True):
        figures = {"frechet": Figure(fid, fid, fid)}
        for name in ("precision", "recall"):
            if name in row:
                figures[name] = Figure(row[name], row[name], row[name])
        seconds = row.get("seconds")  # for `batch` pictures
        way = Way(Path(f"published/{row['name']}"), row.get("sampler", ""), nfe)
        yield Dot(row["name"], row.get("family", ""), way, ground, figures,
                  None if seconds is None else 1000 * seconds / table["batch"],
                  machine if seconds is not None else None, row.get("note", ""), "FID",
                  table.get("size"), table["source"])
